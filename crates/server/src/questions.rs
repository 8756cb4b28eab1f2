//! Who keeps what was asked? Nobody, unless the operator names a keeper.

use std::fmt;

use clinqa_schema::Reply;

/// Keeps questions without what could tell who asked them. Whoever implements it redacts before it writes.
pub trait QueryLog: fmt::Debug + Send + Sync {
    /// Keeps one question with what became of it, and says what was left out of it. Quick, and never fails a request.
    fn keep(&self, question: &str, reply: &Reply) -> Kept;
}

/// What became of a question that was to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many identifiers of each kind were left out.
    pub redactions: Vec<(&'static str, u64)>,
    /// Questions that could not be kept since this was last asked: the disk was full, or slow.
    pub lost: u64,
}
