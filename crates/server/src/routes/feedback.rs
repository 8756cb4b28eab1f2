//! `POST /v1/feedback`: was it of use? Two numbers are kept, and nothing else.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use clinqa_qa::GenerationId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{GENERATION, Sent, Wanted};
use crate::error::{ApiError, Refusals};

/// What somebody thought of a reply; unknown fields are ignored and not kept.
#[derive(Deserialize, ToSchema)]
pub(crate) struct FeedbackRequest {
    /// Whether the reply was of use.
    helpful: bool,
    /// The generation that the reply came from; it is checked and not kept.
    #[schema(pattern = "^g[0-9]{6,15}-[0-9a-f]{8}$", example = "g000001-0123abcd")]
    generation: Option<String>,
}

impl Wanted for FeedbackRequest {
    const WANTED: &'static str = "it is an object with `helpful` once";
}

/// Counts whether a reply was of use
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "questions",
    request_body = FeedbackRequest,
    responses((status = 204, description = "It was counted"), Refusals)
)]
pub(crate) async fn feedback(
    State(app): State<Arc<App>>,
    Sent(request): Sent<FeedbackRequest>,
) -> Result<StatusCode, ApiError> {
    let named = request.generation.map(|name| name.parse::<GenerationId>());
    if matches!(named, Some(Err(_))) {
        return Err(ApiError::Field { param: Some("generation".to_owned()), wanted: GENERATION });
    }
    app.metrics.judged(request.helpful);
    Ok(StatusCode::NO_CONTENT)
}
