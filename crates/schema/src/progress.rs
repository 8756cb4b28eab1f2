//! How far a long piece of work has come.

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Files are read and split into passages; counted in documents.
    Read,
    /// Passages become embeddings; counted in passages.
    Encode,
    /// The lexical index is written; counted in passages.
    Lexical,
    /// The dense index is built; counted in passages.
    Dense,
    /// Files are hashed and made durable; counted in files.
    Seal,
    /// Questions are answered and scored; counted in questions.
    Evaluate,
    /// Bytes arrive from elsewhere; counted in bytes.
    Fetch,
    /// A model learns; counted in steps.
    Learn,
}

/// How a model that learns is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learning {
    /// Mean loss of the last steps.
    pub loss: f64,
    /// The rate it learns with.
    pub rate: f64,
}

/// One report: `done` of `total` units of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Units done so far.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
}

/// Whoever wants to know. The only way in which a lower room speaks to a higher one while it works.
pub trait Observer {
    /// Takes one report; called often, so it must be quick.
    fn observe(&mut self, progress: &Progress);

    /// Takes how a model that learns is doing; whoever has no use for it need not look.
    fn observe_learning(&mut self, _: &Learning) {}
}

/// An observer that does not look.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&mut self, _: &Progress) {}
}
