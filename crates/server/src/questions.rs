//! Who keeps what was asked? Nobody, unless the operator names a keeper.

use std::{fmt, io};

use clinqa_qa::GenerationId;
use clinqa_schema::{Gaps, Measured, Reply};

/// Keeps questions without what could tell who asked them. Whoever implements it redacts before it writes.
pub trait QueryLog: fmt::Debug + Send + Sync {
    /// Keeps one question with what became of it. Quick, and never fails a request: whoever needs long to see what must
    /// be left out does that on a thread of its own.
    fn keep(&self, question: &str, reply: &Reply);

    /// What was left out of questions that were kept, and which could not be kept, since this was last asked.
    fn counted(&self) -> Kept;

    /// What was asked and not answered, in counts.
    fn gaps(&self) -> io::Result<Gaps>;
}

/// Knows what was written down beside the index when its generations were made.
pub trait Records: fmt::Debug + Send + Sync {
    /// What was measured of a generation, if that was kept.
    fn scores(&self, id: &GenerationId) -> Option<Measured>;
}

/// What became of questions that were to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many identifiers of each kind were left out.
    pub redactions: Vec<(&'static str, u64)>,
    /// Questions that could not be kept: the disk was full, or slow, or nobody could say what must be left out.
    pub lost: u64,
}
