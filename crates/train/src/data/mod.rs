//! What is learned from? Files in, examples out, and a report of what was of no use.

pub mod negatives;
pub mod pairs;
mod bioasq;
mod cut;
mod licence;
mod mixture;
mod report;
mod squad;
pub mod text;
mod wrong_passages;

pub use cut::{CutConfig, SpanExample, cut};
pub use mixture::{MixtureConfig, SpanMixture, WeightedFile};
pub use report::{DataError, DataReport, Fate, Fault, Finding};
pub use squad::SpanQuestion;
