//! `POST /v1/index/current`: makes another generation the one that answers.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use clinqa_qa::GenerationId;
use clinqa_schema::Moment;
use serde::Deserialize;
use utoipa::ToSchema;

use super::index::{IndexReply, require_sealed};
use crate::app::App;
use crate::body::{GENERATION, Sent, Wanted};
use crate::error::{ApiError, CareRefusals};
use crate::standing::Health;

/// Which generation is to answer; unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ActivateRequest {
    /// Its name, as the list of generations gives it.
    #[schema(pattern = "^g[0-9]{6,15}-[0-9a-f]{8}$", example = "g000001-0123abcd")]
    generation: String,
}

impl Wanted for ActivateRequest {
    const WANTED: &'static str = "it is an object with `generation` once";
}

/// Makes another generation the current one
///
/// For an administrator. Every byte of it is compared with its checksums first; when this answers, it serves.
#[utoipa::path(
    post,
    path = "/v1/index/current",
    tag = "index",
    request_body = ActivateRequest,
    responses((status = 200, description = "The index that answers now", body = IndexReply), CareRefusals)
)]
pub(crate) async fn activate(
    State(app): State<Arc<App>>,
    Sent(request): Sent<ActivateRequest>,
) -> Result<Json<IndexReply>, ApiError> {
    let misfit = |_| ApiError::Field { param: Some("generation".to_owned()), wanted: GENERATION };
    let id: GenerationId = request.generation.parse().map_err(misfit)?;
    let held = Arc::clone(&app);
    app.compare(move || publish(&held, &id)).await?.map(Json)
}

fn publish(app: &App, id: &GenerationId) -> Result<IndexReply, ApiError> {
    require_sealed(app, &[id])?;
    app.library.activate(id, Moment::from(SystemTime::now())).map_err(|error| {
        tracing::error!(%error, generation = %id, "a generation was not made the current one");
        ApiError::of_index(&error)
    })?;
    tracing::info!(generation = %id, "made the current one");
    app.take_up();
    // Somebody may have published a newer one since, which is no fault.
    let serves = app.engine().index().manifest().id == *id || app.standing.health() == Health::Ready;
    if serves { Ok(IndexReply::of(app)) } else { Err(ApiError::Damaged) }
}
