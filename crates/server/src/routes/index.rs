//! `GET /v1/index`, `GET /v1/index/generations` and `GET /v1/index/changes/…`: what the index holds, how it was made, and
//! which documents differ between two generations.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use clinqa_qa::{Changes, GenerationId, Manifest};
use clinqa_schema::Measured;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{Absences, ApiError, Looks};
use crate::standing::Health;

/// The index that answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct IndexReply {
    /// Whether it is the current one.
    status: Health,
    /// Its manifest, as the file `manifest.json` of the generation has it.
    #[schema(value_type = Object)]
    manifest: Manifest,
}

/// The generations in the index folder.
#[derive(Serialize, ToSchema)]
pub(crate) struct GenerationsReply {
    /// Oldest first.
    generations: Vec<GenerationReply>,
}

/// One generation.
#[derive(Serialize, ToSchema)]
struct GenerationReply {
    /// Its manifest, as the file `manifest.json` has it.
    #[schema(value_type = Object)]
    manifest: Manifest,
    /// Whether the index folder calls it the current one.
    current: bool,
    /// What was measured when it was made, or why nothing was; absent if neither was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Measured>,
}

/// What happened to documents between two generations.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangesReply {
    /// `added`, `removed`, `changed` and `withdrawn`, each with its `count` and the `first` ids, and the count of those
    /// that are `unchanged`.
    #[schema(value_type = Object)]
    changes: Changes,
}

/// Describes the index that answers
///
/// For staff: counts, corpora with their licences, the encoder, the files.
#[utoipa::path(
    get,
    path = "/v1/index",
    tag = "index",
    responses((status = 200, description = "The index", body = IndexReply), Looks)
)]
pub(crate) async fn current(State(app): State<Arc<App>>) -> Json<IndexReply> {
    Json(IndexReply::of(&app))
}

impl IndexReply {
    /// The index that answers now.
    pub(super) fn of(app: &App) -> Self {
        Self { status: app.standing.health(), manifest: app.engine().index().manifest().clone() }
    }
}

/// Lists the generations in the index folder
///
/// For an administrator, who may make another one current, or a new one.
#[utoipa::path(
    get,
    path = "/v1/index/generations",
    tag = "index",
    responses((status = 200, description = "The generations", body = GenerationsReply), Looks)
)]
pub(crate) async fn generations(State(app): State<Arc<App>>) -> Result<Json<GenerationsReply>, ApiError> {
    let held = Arc::clone(&app);
    let generations = app.look(move |_| read(&held)).await?.ok_or(ApiError::Index)?;
    Ok(Json(GenerationsReply { generations }))
}

fn read(app: &App) -> Option<Vec<GenerationReply>> {
    let store = app.library.store();
    let entries = store.generations().ok()?.into_iter().filter(|entry| entry.sealed);
    let read = entries.map(|entry| {
        let (manifest, _) = store.manifest(&entry.id).ok()?;
        let scores = app.config.records.as_ref().and_then(|records| records.scores(&entry.id));
        Some(GenerationReply { manifest, current: entry.current, scores })
    });
    read.collect()
}

/// Compares two generations document by document
///
/// For an administrator. All documents are counted, the first of each sort named.
#[utoipa::path(
    get,
    path = "/v1/index/changes/{earlier}/{later}",
    tag = "index",
    params(
        ("earlier" = String, Path, description = "The earlier generation", example = "g000001-0123abcd"),
        ("later" = String, Path, description = "The later one", example = "g000002-4567cdef"),
    ),
    responses((status = 200, description = "What differs", body = ChangesReply), Absences)
)]
pub(crate) async fn changes(
    State(app): State<Arc<App>>,
    pair: Result<Path<(GenerationId, GenerationId)>, PathRejection>,
) -> Result<Json<ChangesReply>, ApiError> {
    let Path((earlier, later)) = pair.map_err(|_| ApiError::NotFound("generation"))?;
    let held = Arc::clone(&app);
    app.compare(move || compare(&held, &earlier, &later)).await?.map(|changes| Json(ChangesReply { changes }))
}

fn compare(app: &App, earlier: &GenerationId, later: &GenerationId) -> Result<Changes, ApiError> {
    require_sealed(app, &[earlier, later])?;
    app.library.store().diff(earlier, later).map_err(|_| ApiError::Index)
}

/// Insists that the index folder holds these generations.
pub(super) fn require_sealed(app: &App, ids: &[&GenerationId]) -> Result<(), ApiError> {
    let known = app.library.store().generations().map_err(|_| ApiError::Index)?;
    let holds = |id: &GenerationId| known.iter().any(|entry| entry.sealed && entry.id == *id);
    if ids.iter().all(|id| holds(id)) { Ok(()) } else { Err(ApiError::NotFound("generation")) }
}
