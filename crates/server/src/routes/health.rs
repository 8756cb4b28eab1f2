//! Is the process alive, and can it answer?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::standing::Health;

/// Says that the process runs
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses((status = 200, description = "It runs", body = String, content_type = "text/plain"))
)]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether questions should be sent here, and what answers them.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    status: Health,
    /// The generation that answers.
    generation: String,
    /// What an operator is to mend, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Says whether questions should be sent here
///
/// A degraded server answers, from an older index.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "It answers", body = Readiness),
        (status = 503, description = "It is stopping", body = Readiness),
    )
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let status = app.standing.health();
    let code = if status == Health::Stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let reason = match status {
        Health::Ready => None,
        Health::Degraded => Some("the current index cannot be used; run `clinqa inspect`, then `clinqa rebuild`"),
        Health::Stopping => Some("the server is stopping"),
    };
    let generation = app.engine().index().manifest().id.to_string();
    (code, Json(Readiness { status, generation, reason })).into_response()
}
