//! `GET /v1/gaps`: what was asked and not answered, in counts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clinqa_schema::Gaps;

use crate::app::App;
use crate::error::{ApiError, Looks};

/// Counts what was asked and not answered
///
/// For an administrator, and only where the operator has a query log kept; else 404. No word of a question is in it.
#[utoipa::path(
    get,
    path = "/v1/gaps",
    tag = "operation",
    responses(
        (status = 200, description = "Counts", body = Gaps),
        (status = 404, description = "No query log is kept", body = crate::error::Refusal),
        Looks,
    )
)]
pub(crate) async fn gaps(State(app): State<Arc<App>>) -> Result<Json<Gaps>, ApiError> {
    let log = app.config.query_log.clone().ok_or(ApiError::NotFound("query log"))?;
    let counted = app.compute(move |_| log.gaps()).await?;
    counted.map(Json).map_err(|_| ApiError::Internal)
}
