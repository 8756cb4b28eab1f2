//! `GET /v1/index/corpora`: how are the files that a rebuild would read?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clinqa_qa::{CorpusEntry, Delivered};
use clinqa_schema::Moment;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ApiError, CareRefusals};

/// The corpora of this server, whatever its index holds of them.
#[derive(Serialize, ToSchema)]
pub(crate) struct CorporaReply {
    /// In the order in which a rebuild reads them.
    corpora: Vec<CorpusReply>,
}

/// One corpus as its files are now.
#[derive(Serialize, ToSchema)]
struct CorpusReply {
    /// Its name; that of its folder, if it cannot be used.
    name: String,
    /// When files last came from outside; absent if none ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    fetched: Option<FetchReply>,
    /// Its files with their checksums, as a manifest would name them; absent if it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    found: Option<CorpusEntry>,
    /// Why it cannot be used; absent if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<String>,
}

/// A delivery from outside.
#[derive(Serialize, ToSchema)]
struct FetchReply {
    /// Seconds since 1970 UTC.
    #[schema(value_type = u64)]
    at: Moment,
    /// Files that came.
    files: usize,
}

impl From<Delivered> for CorpusReply {
    fn from(Delivered { name, fetched, files }: Delivered) -> Self {
        let fetched = fetched.map(|(at, files)| FetchReply { at, files });
        let (found, unusable) = match files {
            Ok(found) => (Some(found), None),
            Err(why) => (None, Some(why)),
        };
        Self { name, fetched, found, unusable }
    }
}

/// Lists the files of every corpus that a rebuild would read, with their checksums
///
/// For an administrator, who sees from it what changed since the index was made. All files are read, which may take minutes.
#[utoipa::path(
    get,
    path = "/v1/index/corpora",
    tag = "index",
    responses((status = 200, description = "The corpora", body = CorporaReply), CareRefusals)
)]
pub(crate) async fn corpora(State(app): State<Arc<App>>) -> Result<Json<CorporaReply>, ApiError> {
    let maker = app.config.maker.clone().ok_or(ApiError::NotHere)?;
    let delivered = app.compare(move || maker.corpora()).await?.map_err(|error| {
        tracing::error!(%error, "the corpora cannot be read");
        ApiError::Internal
    })?;
    Ok(Json(CorporaReply { corpora: delivered.into_iter().map(CorpusReply::from).collect() }))
}
