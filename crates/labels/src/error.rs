//! Why a model cannot label, or a text cannot be labelled. None of these repeats a text.

use clinqa_encoder::{CheckpointError, EncodeError};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A text could not be computed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl LabelError {
    /// Whether another checkpoint would do; else the fault is ours.
    pub fn is_checkpoint(&self) -> bool {
        matches!(self, Self::Checkpoint(_))
    }
}
