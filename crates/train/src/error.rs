//! What can go wrong while a model learns, and what to do about it. None of these repeats a text that was learned from.

use clinqa_encoder::{CheckpointError, EncodeError};

use crate::data::DataError;

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The checkpoint to begin from cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A text cannot be made into tokens.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The data cannot be learned from.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A computation failed: shapes that do not fit, or no memory.
    #[error("a computation failed: {0}; smaller batches need less memory")]
    Compute(#[from] candle_core::Error),
    /// There is no GPU to learn on.
    #[error(
        "cannot learn on a GPU: {source}; build with `--features cuda` on a machine with one, or leave `--device cuda` out"
    )]
    Machine {
        /// What the library said.
        source: candle_core::Error,
    },
    /// The threads cannot be started.
    #[error("cannot start the threads: {source}; ask for fewer with `--threads`")]
    Threads {
        /// Why.
        source: rayon::ThreadPoolBuildError,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; check the path and its rights")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}; what was saved before is whole: free some space and go on with `--resume`")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file of data is not of a format that is read here.
    #[error("cannot understand {path}: {detail}")]
    Format {
        /// The file.
        path: String,
        /// What was expected.
        detail: String,
    },
    /// There is too little to learn from.
    #[error(
        "{found} usable examples of {what}, at least {needed} are needed; add data, or see the report of what was skipped"
    )]
    TooFew {
        /// Which part of the data.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A setting has a value that cannot work.
    #[error("{setting} is {found}; it must be {expected}")]
    Setting {
        /// As the command line names it.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// A sequence holds nothing, not even the special tokens.
    #[error("a sequence of 0 tokens was given to a model; leave empty texts out")]
    Empty,
    /// The loss or a gradient is not a number.
    #[error(
        "the {what} of step {step} is not finite; the last good checkpoint is kept in {kept}: go on from it with a lower --rate or a lower --clip"
    )]
    NotFinite {
        /// Loss or gradient.
        what: &'static str,
        /// The step.
        step: u64,
        /// Where the last good checkpoint lies.
        kept: String,
    },
    /// There is nothing to go on with.
    #[error("there is no run to resume in {folder}; leave `--resume` out to begin one")]
    NothingToResume {
        /// The folder.
        folder: String,
    },
    /// A run is there that would be overwritten.
    #[error("{folder} already holds a run; pass `--resume` to go on with it, or name another folder with `--out`")]
    Occupied {
        /// The folder.
        folder: String,
    },
    /// The saved state is damaged.
    #[error(
        "{path} is damaged ({detail}); delete it to go on from the state before it, or begin anew in another folder"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// The saved state is of another run.
    #[error(
        "{path} is of another run: {what} is {found} there and {expected} here; use the same data and settings, or another folder"
    )]
    OtherRun {
        /// The file.
        path: String,
        /// What differs.
        what: String,
        /// What the file says.
        found: String,
        /// What this run says.
        expected: String,
    },
}

impl TrainError {
    /// Whether what was asked or given is at fault, and not the program or the machine.
    pub fn is_request(&self) -> bool {
        !matches!(
            self,
            Self::Compute(_)
                | Self::Write { .. }
                | Self::NotFinite { .. }
                | Self::Threads { .. }
                | Self::Encode(EncodeError::Forward(_) | EncodeError::Tokenize { .. })
                | Self::Data(DataError::Tokenize { .. })
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_or_its_tokenizer_fails_at_is_nobodys_request() {
        let tokenize = || EncodeError::Tokenize { bytes: 3, detail: "no".to_owned() };
        let forward = EncodeError::Forward(candle_core::Error::Msg("no memory".to_owned()));
        let data = DataError::Tokenize { file: "a.json".to_owned(), record: 1, source: tokenize() };
        for error in [forward.into(), tokenize().into(), TrainError::from(data)] {
            assert!(!error.is_request(), "{error}");
        }
        assert!(TrainError::Encode(EncodeError::TooLong { found: 9, limit: 8 }).is_request());
    }
}
