//! `GET /v1/index` and `GET /v1/index/generations`: what the index holds and how it was made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clinqa_qa::Manifest;
use clinqa_schema::Scores;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ApiError, Looks};
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
    /// What was measured when it was made, if that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Scores>,
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
    Json(IndexReply { status: app.standing.health(), manifest: app.engine().index().manifest().clone() })
}

/// Lists the generations in the index folder
///
/// For an administrator. Making another one current, or a new one, is done on the server itself: `clinqa tui` and
/// `clinqa rebuild` there.
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
