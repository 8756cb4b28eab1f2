//! What are we talking about?
//!
//! The nouns that every room shares, and nothing else: no file is opened here, no model is loaded.
//! Each type keeps its own invariant; a value that exists is a value that may be trusted.

mod document;
mod embedding;
mod filters;
mod gaps;
mod id;
mod moment;
mod passage;
mod progress;
mod question;
mod ranking;
mod reply;
mod scores;
mod standing;
mod trace;
mod word_span;

pub use document::{Date, DateError, Document, DocumentError, Metadata, Section, SourceLocator};
pub use embedding::{Embedding, EmbeddingError};
pub use filters::Filters;
pub use gaps::Gaps;
pub use id::{DocumentId, IdError, PassageId};
pub use moment::Moment;
pub use passage::{Passage, PassageError, Span};
pub use progress::{Learning, Observer, Progress, Silent, Skips, Stage};
pub use question::{MAX_QUESTION_CHARS, Question, QuestionError, Turn, is_invisible};
pub use ranking::{Hit, Ranking};
pub use reply::{
    Abstention, Answer, Call, Citation, Confidence, ConfidenceLabel, Notice, NoticeKind, Outcome, Reading, Reply,
};
pub use scores::{Measured, Scores, Unmeasured};
pub use standing::{Standing, StandingState};
pub use trace::{
    AskedTrace, LabelTrace, OpinionEffect, OpinionTrace, SpanTrace, Timing, Trace, UnderstandingStep, WordScore,
};
pub use word_span::{WordSpan, word_spans};
