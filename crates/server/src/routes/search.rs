//! `POST /v1/search`: the passages that may answer, not read.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clinqa_qa::{Engine, Explain, Lookup, Search, search as look_up};
use clinqa_schema::{Filters, Metadata, Question, Reading, Trace, Turn, WordScore};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::browse::known;
use crate::app::App;
use crate::asked::at_most;
use crate::body::{Object, Sent, Wanted, object, objects};
use crate::error::{ApiError, Refusals};

/// Passages that are listed, unless asked otherwise.
const LISTED: usize = 10;

/// What to look for; unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SearchRequest {
    /// A question, or words.
    #[schema(min_length = 1, max_length = 2000, example = "asthma inhaler technique")]
    question: String,
    /// The turns before it, the last one last.
    #[schema(value_type = Option<Vec<Turn>>)]
    history: Option<Vec<Object<Turn>>>,
    /// Which documents are looked through.
    #[schema(value_type = Option<Filters>)]
    filters: Option<Object<Filters>>,
    /// Passages to list; 10 if left out.
    #[schema(minimum = 0, maximum = 100)]
    #[serde(default, deserialize_with = "crate::body::whole")]
    top_k: Option<usize>,
    /// Whether to search by words alone.
    lexical_only: Option<bool>,
    /// Whether the reply says how they were found.
    explain: Option<bool>,
    /// Whether the reply says what is known about their documents.
    metadata: Option<bool>,
}

impl Wanted for SearchRequest {
    const WANTED: &'static str = "it is an object with `question` once";
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchReply {
    /// Passages, best first; the quote of each is the whole passage.
    results: Vec<Reading>,
    /// The generation of the index that was asked.
    generation: String,
    /// How they were found, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Trace>,
    /// What each word that was searched for adds to the BM25 score of each passage, by its id, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<BTreeMap<String, Vec<WordScore>>>,
    /// What is known about their documents, by id, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<BTreeMap<String, Metadata>>,
}

/// Lists passages without reading them
///
/// For staff: no rule is asked, and nothing is answered.
#[utoipa::path(
    post,
    path = "/v1/search",
    tag = "questions",
    request_body = SearchRequest,
    responses((status = 200, description = "Passages, best first", body = SearchReply), Refusals)
)]
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    Sent(request): Sent<SearchRequest>,
) -> Result<Json<SearchReply>, ApiError> {
    let explain = if request.explain == Some(true) { Explain::Yes } else { Explain::No };
    let lookup = Lookup {
        question: Question::new(&request.question)?,
        history: objects(request.history),
        filters: object(request.filters),
        top_k: at_most(request.top_k.unwrap_or(LISTED))?,
        search: if request.lexical_only == Some(true) { Search::LexicalOnly } else { Search::Fused },
        explain,
    };
    let config = app.config.answering;
    let wants_metadata = request.metadata == Some(true);
    let found = move |engine: &Engine| {
        let found = look_up(engine, &lookup, &config)?;
        let documents = wants_metadata.then(|| known(engine, &found.results));
        Ok::<_, clinqa_qa::Error>((found, documents, engine.index().manifest().id.to_string()))
    };
    let (found, documents, generation) = app.compute(found).await??;
    let explains = explain == Explain::Yes;
    let ids = found.results.iter().map(|reading| reading.citation.passage_id.to_string());
    let words = explains.then(|| ids.zip(found.words).collect());
    let trace = explains.then_some(found.trace);
    Ok(Json(SearchReply { results: found.results, generation, trace, words, documents }))
}
