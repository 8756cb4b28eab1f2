//! `POST /v1/ask`: one question, one reply.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use clinqa_qa::{Ask, Explain, Region, Search};
use clinqa_schema::{Filters, Question, Reply, Turn};
use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;

/// Passages for further reading, unless asked otherwise.
const READING: usize = 3;

/// What is sent; unknown fields are ignored.
#[derive(Deserialize)]
pub(crate) struct AskRequest {
    question: String,
    #[serde(default)]
    history: Vec<Turn>,
    #[serde(default)]
    filters: Filters,
    top_k: Option<usize>,
    region: Option<String>,
}

/// Answers one question.
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    body: Result<Json<AskRequest>, JsonRejection>,
) -> Result<Json<Reply>, ApiError> {
    let Json(request) = body.map_err(|_| ApiError::Malformed("a JSON object with `question`"))?;
    let ask = Ask {
        question: Question::new(&request.question)?,
        history: request.history,
        filters: request.filters,
        region: region(&app, request.region.as_deref())?,
        top_k: request.top_k.unwrap_or(READING).min(100),
        search: Search::Fused,
        explain: Explain::No,
    };
    Ok(Json(app.answer(ask).await?))
}

fn region(app: &App, named: Option<&str>) -> Result<Option<Region>, ApiError> {
    match named {
        Some(code) => code.parse().map(Some).map_err(|_| ApiError::Malformed("`region` must be an ISO 3166 code")),
        None => Ok(app.config.region),
    }
}
