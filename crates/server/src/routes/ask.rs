//! `POST /v1/ask`: one question, one reply.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use clinqa_schema::{Filters, Reply, Turn};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Role;
use crate::app::App;
use crate::asked::Asked;
use crate::body::{Object, Sent, Wanted, object, objects};
use crate::error::{ApiError, Refusals};

/// A question with its circumstances; unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct AskRequest {
    /// The question, in anyone's words.
    #[schema(min_length = 1, max_length = 2000, example = "What are the symptoms of asthma?")]
    question: String,
    /// The turns before it, the last one last; the server remembers none.
    #[schema(value_type = Option<Vec<Turn>>)]
    history: Option<Vec<Object<Turn>>>,
    /// Which documents may answer.
    #[schema(value_type = Option<Filters>)]
    filters: Option<Object<Filters>>,
    /// Passages for further reading; 3 if left out.
    #[schema(minimum = 0, maximum = 100)]
    #[serde(default, deserialize_with = "crate::body::whole")]
    top_k: Option<usize>,
    /// Whose emergency number to name, as an ISO 3166 code; the server's own region if left out.
    #[schema(pattern = "^[A-Za-z]{2}$", example = "GB")]
    region: Option<String>,
    /// Whether the reply says how it came about; for staff.
    explain: Option<bool>,
}

impl Wanted for AskRequest {
    const WANTED: &'static str = "it is an object with `question` once";
}

/// Answers one question
///
/// Not answering is a result, not an error: `outcome` says what became of the question, and an emergency comes back at
/// once with whom to call.
#[utoipa::path(
    post,
    path = "/v1/ask",
    tag = "questions",
    request_body = AskRequest,
    responses((status = 200, description = "What became of the question", body = Reply), Refusals)
)]
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    Extension(role): Extension<Role>,
    Sent(request): Sent<AskRequest>,
) -> Result<Json<Reply>, ApiError> {
    let explain = request.explain == Some(true);
    if explain && role < Role::Staff {
        return Err(ApiError::Forbidden);
    }
    let asked = Asked {
        question: request.question,
        history: objects(request.history),
        filters: object(request.filters),
        top_k: request.top_k,
        region: request.region,
        explain,
    };
    let ask = asked.check(&app)?;
    Ok(Json(app.answer(ask).await?))
}
