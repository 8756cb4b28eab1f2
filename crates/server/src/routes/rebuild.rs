//! `POST /v1/index/rebuild` and `GET /v1/index/rebuild`: a new generation from the corpora, and how far it has come.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clinqa_qa::Patience;
use clinqa_schema::{Moment, Stage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Sent, Wanted};
use crate::error::{ApiError, CareRefusals};
use crate::making::{self, Phase};

/// Nothing is chosen yet; unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RebuildRequest {}

impl Wanted for RebuildRequest {
    const WANTED: &'static str = "it is an object, `{}` at least";
}

/// The rebuild of this server, or the last one since it was started.
#[derive(Serialize, ToSchema)]
pub(crate) struct RebuildReply {
    state: RebuildState,
    /// How far it has come; absent before its first stage and after its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressReply>,
    skipped: SkippedReply,
    /// What became of every record, in a few lines; only where it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    /// Why there is no new generation; only where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RebuildState {
    /// There was none since this server was started.
    Idle,
    /// It is under way; the generation before answers.
    Running,
    /// It is done, and the new generation answers.
    Done,
    /// It failed; the generation before answers.
    Failed,
}

/// How far a rebuild has come.
#[derive(Serialize, ToSchema)]
struct ProgressReply {
    stage: Stage,
    /// Units of the stage that are done.
    done: u64,
    /// Units in all, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// Seconds since the stage began.
    seconds: f64,
}

/// Records that cannot be used.
#[derive(Serialize, ToSchema)]
struct SkippedReply {
    /// How many there are so far.
    count: u64,
    /// The latest hundred of them with the reason, the last one first.
    latest: Vec<String>,
}

impl RebuildReply {
    fn of(app: &App) -> Self {
        let told = app.making.told();
        let (state, summary, error) = match told.phase {
            Phase::Idle => (RebuildState::Idle, None, None),
            Phase::UnderWay => (RebuildState::Running, None, None),
            Phase::Done(summary) => (RebuildState::Done, Some(summary), None),
            Phase::Failed(why) => (RebuildState::Failed, None, Some(why)),
        };
        let progress = told.stage.map(|(progress, since)| ProgressReply {
            stage: progress.stage,
            done: progress.done,
            total: progress.total,
            seconds: since.elapsed().as_secs_f64(),
        });
        let latest = told.skips.latest().map(str::to_owned).collect();
        Self { state, progress, skipped: SkippedReply { count: told.skips.count(), latest }, summary, error }
    }
}

/// Tells how far the rebuild of this server has come
///
/// For an administrator: of the one that is under way, or what came of the last one since the server was started.
#[utoipa::path(
    get,
    path = "/v1/index/rebuild",
    tag = "index",
    operation_id = "rebuild_state",
    responses((status = 200, description = "How far it has come", body = RebuildReply), CareRefusals)
)]
pub(crate) async fn state(State(app): State<Arc<App>>) -> Result<Json<RebuildReply>, ApiError> {
    app.config.maker.as_ref().ok_or(ApiError::NotHere)?;
    Ok(Json(RebuildReply::of(&app)))
}

/// Begins to make a new generation from the corpora
///
/// For an administrator; one at a time. The generation before answers until the new one is published, and stays where
/// the new one is not good enough.
#[utoipa::path(
    post,
    path = "/v1/index/rebuild",
    tag = "index",
    operation_id = "rebuild_begin",
    request_body = RebuildRequest,
    responses((status = 202, description = "It has begun", body = RebuildReply), CareRefusals)
)]
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    Sent(RebuildRequest {}): Sent<RebuildRequest>,
) -> Result<(StatusCode, Json<RebuildReply>), ApiError> {
    let maker = app.config.maker.clone().ok_or(ApiError::NotHere)?;
    if app.making.is_under_way() {
        return Err(ApiError::Rebuilding);
    }
    // Whether somebody else is writing, and whether we may, is told now and not by a rebuild that fails.
    let held = Arc::clone(&app);
    let free = app
        .look(move |_| held.library.store().lock(Moment::from(SystemTime::now()), Patience::Refuse).map(drop))
        .await?;
    free.map_err(|error| {
        tracing::error!(%error, "cannot begin a rebuild");
        ApiError::of_index(&error)
    })?;
    making::begin(&app, maker)?;
    Ok((StatusCode::ACCEPTED, Json(RebuildReply::of(&app))))
}
