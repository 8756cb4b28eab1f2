//! `GET /v1/names`, `POST /v1/facets` and `POST /v1/similar`: what a screen needs that completes, counts and shows what
//! is like a passage.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clinqa_qa::{Engine, facets, names, similar};
use clinqa_schema::{DocumentId, Filters, Metadata, PassageId, Reading};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::asked::at_most;
use crate::body::{Object, Sent, Wanted, object};
use crate::error::{ApiError, Looks, Refusal, Refusals};

/// Passages that are listed, unless asked otherwise.
const LISTED: usize = 10;

/// Names of documents.
#[derive(Serialize, ToSchema)]
pub(crate) struct NamesReply {
    /// Titles and synonyms, in no order.
    names: Vec<String>,
    /// The generation of the index that holds them.
    generation: String,
}

/// Which documents are counted; unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct FacetsRequest {
    /// Conditions in force; a facet is counted without its own.
    #[schema(value_type = Option<Filters>)]
    filters: Option<Object<Filters>>,
}

impl Wanted for FacetsRequest {
    const WANTED: &'static str = "it is an object, with `filters` if there are any";
}

/// How many documents have what.
#[derive(Serialize, ToSchema)]
pub(crate) struct FacetsReply {
    /// By facet (`kind`, `audience`, `specialty`, `grade`, `place`, `publisher`, `year`), then by value; documents that
    /// say nothing are counted under the empty value.
    facets: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

/// A passage to compare with; unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SimilarRequest {
    /// The passage.
    #[schema(value_type = String, example = "asthma#2")]
    passage_id: PassageId,
    /// Which documents are looked through.
    #[schema(value_type = Option<Filters>)]
    filters: Option<Object<Filters>>,
    /// Passages to list; 10 if left out.
    #[schema(minimum = 0, maximum = 100)]
    #[serde(default, deserialize_with = "crate::body::whole")]
    top_k: Option<usize>,
}

impl Wanted for SimilarRequest {
    const WANTED: &'static str = "it is an object with `passage_id` once";
}

/// Passages whose meaning is near.
#[derive(Serialize, ToSchema)]
pub(crate) struct SimilarReply {
    /// Nearest first; empty where the index holds no vectors.
    results: Vec<Reading>,
    /// What is known about their documents.
    documents: BTreeMap<String, Metadata>,
}

/// Gives titles and synonyms
///
/// For staff: what a line of search is completed from.
#[utoipa::path(
    get,
    path = "/v1/names",
    tag = "index",
    responses((status = 200, description = "Names", body = NamesReply), Looks)
)]
pub(crate) async fn list_names(State(app): State<Arc<App>>) -> Result<Json<NamesReply>, ApiError> {
    let read = |engine: &Engine| (names(engine.index()), engine.index().manifest().id.to_string());
    let (names, generation) = app.compute(read).await?;
    Ok(Json(NamesReply { names: names?, generation }))
}

/// Counts documents
#[utoipa::path(
    post,
    path = "/v1/facets",
    tag = "index",
    request_body = FacetsRequest,
    responses((status = 200, description = "Counts", body = FacetsReply), Refusals)
)]
pub(crate) async fn count(
    State(app): State<Arc<App>>,
    Sent(request): Sent<FacetsRequest>,
) -> Result<Json<FacetsReply>, ApiError> {
    let filters = object(request.filters);
    let counts = app.compute(move |engine| facets(engine.index(), &filters)).await?;
    let facets = counts.into_iter().map(|(facet, values)| (facet.name(), values)).collect();
    Ok(Json(FacetsReply { facets }))
}

/// Lists passages whose meaning is near that of one
#[utoipa::path(
    post,
    path = "/v1/similar",
    tag = "questions",
    request_body = SimilarRequest,
    responses(
        (status = 200, description = "Passages, nearest first", body = SimilarReply),
        (status = 404, description = "No such passage", body = Refusal),
        Refusals
    )
)]
pub(crate) async fn list_similar(
    State(app): State<Arc<App>>,
    Sent(request): Sent<SimilarRequest>,
) -> Result<Json<SimilarReply>, ApiError> {
    let (filters, top_k) = (object(request.filters), at_most(request.top_k.unwrap_or(LISTED))?);
    let of = request.passage_id;
    let found = move |engine: &Engine| {
        let Some(results) = similar(engine.index(), &of, &filters, top_k)? else { return Ok(None) };
        let documents = known(engine, &results);
        Ok::<_, clinqa_qa::Error>(Some((results, documents)))
    };
    let (results, documents) = app.compute(found).await??.ok_or(ApiError::NotFound("passage"))?;
    Ok(Json(SimilarReply { results, documents }))
}

/// What is known about the documents of `results`.
pub(crate) fn known(engine: &Engine, results: &[Reading]) -> BTreeMap<String, Metadata> {
    let ids = results.iter().map(|reading| &reading.citation.document_id);
    let metadata = |id: &DocumentId| Some((id.to_string(), engine.index().metadata(id)?.clone()));
    ids.filter_map(metadata).collect()
}
