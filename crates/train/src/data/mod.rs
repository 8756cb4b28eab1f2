//! What is learned from? Files in, examples out, and a report of what was of no use. One file a kind of data.

mod bioasq;
mod cut;
pub mod iob;
pub mod labelled;
mod licence;
pub mod medquad;
mod mixture;
pub mod negatives;
pub mod pairs;
pub mod report;
mod source;
mod squad;
pub mod text;
mod wrong_passages;

pub use cut::{CutConfig, SpanExample, cut};
pub use mixture::{MixtureConfig, SpanMixture, WeightedFile};
pub use report::{DataError, DataReport, Fate, Fault, Finding};
pub use source::describe;
pub use squad::SpanQuestion;
