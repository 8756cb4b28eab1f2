//! Why nothing could be timed.

use std::io;
use std::path::{Path, PathBuf};

use clinqa_corpus::CorpusError;
use clinqa_encoder::{CheckpointError, EncodeError};
use clinqa_eval::ReadError;
use clinqa_index::IndexError;
use clinqa_reader::CalibrationError;
use clinqa_safety::RulesError;
use clinqa_schema::{IdError, PassageError, QuestionError};

/// Why nothing could be timed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file could not be read or written.
    #[error("cannot use {path}: {source}; check the path")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard input or output failed.
    #[error("cannot speak with whoever started the worker: {0}")]
    Pipe(#[from] io::Error),
    /// A line is no request.
    #[error("cannot understand the request: {0}; see `crates/bench/src/worker.rs`")]
    Request(#[from] serde_json::Error),
    /// A request that needs another one before it.
    #[error("nothing is open for this request; send `{first}` first")]
    Order {
        /// What has to be sent first.
        first: &'static str,
    },
    /// A file of vectors is not what it is said to be.
    #[error(
        "{path} holds {bytes} bytes of numbers, which are no rows of {dimension} little-endian f32; give the file's own width"
    )]
    Vectors {
        /// The file.
        path: PathBuf,
        /// Bytes of numbers in it.
        bytes: usize,
        /// The width that was asked for.
        dimension: usize,
    },
    /// A `NumPy` file of something else than rows of f32.
    #[error("{path} is no NumPy file of rows of little-endian f32; save it with `astype(\"<f4\")` in C order")]
    NumPy {
        /// The file.
        path: PathBuf,
    },
    /// A file of questions without one.
    #[error("the file holds no question; give one as `corpora/starter/questions.jsonl` is")]
    NoQuestions,
    /// An index whose vectors are all compared, however widely it is searched.
    #[error("an index of {passages} passages has no graph; give one of more than {exact_below}")]
    NoGraph {
        /// Passages in it.
        passages: u64,
        /// The most that do without.
        exact_below: usize,
    },
    /// A vector's number makes no name of a document.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A vector's document makes no passage.
    #[error(transparent)]
    Passage(#[from] PassageError),
    /// A corpus failed.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A checkpoint failed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A model failed on a text.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A verb failed.
    #[error(transparent)]
    Verb(#[from] clinqa_qa::Error),
    /// A question cannot be asked.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// The judged questions cannot be read.
    #[error(transparent)]
    Judged(#[from] ReadError),
    /// The embedded calibration is broken.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// The embedded rules are broken.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The pool of threads could not be made.
    #[error("cannot start the threads: {0}; ask for fewer")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl BenchError {
    /// What a failure with the file at `path` is.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}
