//! Whose fault it was: the request's, the index's, or ours.

use clinqa_corpus::CorpusError;
use clinqa_encoder::{CheckpointError, EncodeError};
use clinqa_index::IndexError;
use clinqa_retrieval::RetrievalError;
use clinqa_schema::QuestionError;

use crate::gate::GateError;

/// Why a verb failed. None of these repeats a question.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question cannot be asked.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// The index is missing, damaged, of another model, or cannot be written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A corpus cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A document of the index is gone although its passage is there.
    #[error("the index names document `{document}` but does not hold it; run `clinqa rebuild`")]
    Lost {
        /// The document.
        document: String,
    },
    /// The new generation is not fit to take the old one's place.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// Documents that were handed on are not in the new generation, or others are.
    #[error(
        "{indexed} documents were read and {withdrawn} of them are withdrawn, but the new index holds {found}; the old index stays; this is a fault of clinqa, please report it"
    )]
    Account {
        /// Documents handed on.
        indexed: u64,
        /// Of them, those that were withdrawn.
        withdrawn: u64,
        /// Documents in the new generation.
        found: u64,
    },
    /// A model cannot be loaded.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A classifier that is to give a second opinion has no label to give one by.
    #[error(
        "the second opinion `{model}` has no label that a safety rule goes by (its labels: {labels}); teach one with a label `emergency`, or with ids of rules such as `chest-pain`"
    )]
    Mute {
        /// Its name.
        model: String,
        /// Some of its labels.
        labels: String,
    },
    /// A model failed on a text.
    #[error("cannot compute: {0}")]
    Encode(#[from] EncodeError),
    /// There is nothing to build from.
    #[error("no corpus was given; put a folder with documents into `corpora/`, or name one with `--corpus`")]
    NoCorpus,
}

/// Whose fault an error is; it decides the exit code and the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What was asked cannot be done: exit 2, HTTP 400.
    Request,
    /// The index must be mended or made: exit 3, HTTP 503.
    Index,
    /// Ours: exit 1, HTTP 500.
    Internal,
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Question(_) | Self::Corpus(_) | Self::Checkpoint(_) | Self::Mute { .. } | Self::NoCorpus => {
                Fault::Request
            }
            Self::Index(_) | Self::Lost { .. } => Fault::Index,
            Self::Gate(_) | Self::Account { .. } | Self::Encode(_) => Fault::Internal,
        }
    }
}

impl From<RetrievalError> for Error {
    fn from(error: RetrievalError) -> Self {
        match error {
            RetrievalError::Index(error) => Self::Index(error),
            RetrievalError::Encode(error) => Self::Encode(error),
        }
    }
}
