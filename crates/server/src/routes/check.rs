//! `POST /v1/index/check`: is every byte of the current generation as it was made?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clinqa_qa::{Damage, FileCheck, GenerationId, IndexError, Inspection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Sent, Wanted};
use crate::error::{ApiError, CareRefusals};

/// Nothing is chosen yet; unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CheckRequest {}

impl Wanted for CheckRequest {
    const WANTED: &'static str = "it is an object, `{}` at least";
}

/// What the checksums say.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckReply {
    /// The generation that the index folder calls the current one.
    #[schema(value_type = String)]
    generation: GenerationId,
    /// Whether every file is as it was made, and none was added.
    sound: bool,
    /// Every file that belongs to it, then every file that does not.
    files: Vec<FileReply>,
}

/// One file.
#[derive(Serialize, ToSchema)]
struct FileReply {
    /// Its path in the generation.
    file: String,
    /// Bytes it should have; 0 if it should not be there.
    bytes: u64,
    /// What is wrong with it; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<DamageReply>,
}

/// How a file differs from the one that was made.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum DamageReply {
    /// It is not there.
    Missing,
    /// It does not belong there.
    Extra,
    /// It is a folder, a link or something else.
    NotAFile,
    /// It is longer or shorter.
    Length {
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// Its bytes changed.
    Digest {
        /// BLAKE3 that it should have, in hex.
        expected: String,
        /// BLAKE3 that it has, in hex.
        found: String,
    },
    /// It is as it was made and makes no sense.
    Content,
}

impl From<Inspection> for CheckReply {
    fn from(inspection: Inspection) -> Self {
        let sound = inspection.is_sound();
        let files = inspection.files.into_iter().map(FileReply::from).collect();
        Self { generation: inspection.manifest.id, sound, files }
    }
}

impl From<FileCheck> for FileReply {
    fn from(FileCheck { file, bytes, damage }: FileCheck) -> Self {
        let damage = damage.map(|damage| match damage {
            Damage::Missing => DamageReply::Missing,
            Damage::Extra => DamageReply::Extra,
            Damage::NotAFile => DamageReply::NotAFile,
            Damage::Length { expected, found } => DamageReply::Length { expected, found },
            Damage::Digest { expected, found } => DamageReply::Digest { expected, found },
            Damage::Content { .. } => DamageReply::Content,
        });
        Self { file, bytes, damage }
    }
}

/// Compares every byte of the current generation with its checksums
///
/// For an administrator. No question waits for it, but it may take a minute: all of the index is read.
#[utoipa::path(
    post,
    path = "/v1/index/check",
    tag = "index",
    request_body = CheckRequest,
    responses((status = 200, description = "What the checksums say", body = CheckReply), CareRefusals)
)]
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    Sent(CheckRequest {}): Sent<CheckRequest>,
) -> Result<Json<CheckReply>, ApiError> {
    let held = Arc::clone(&app);
    let inspected = app.compare(move || held.library.store().inspect_current()).await?;
    match inspected {
        Ok(inspection) => Ok(Json(inspection.into())),
        Err(error) => {
            tracing::error!(%error, "the current index cannot be checked");
            // Nothing but a rebuild mends an index that does not even say what belongs to it.
            Err(match &error {
                IndexError::NotPublished { .. } | IndexError::MissingGeneration { .. } => ApiError::Damaged,
                other => ApiError::of_index(other),
            })
        }
    }
}
