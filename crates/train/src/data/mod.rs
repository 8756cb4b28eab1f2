//! Which examples does a file hold? One file a format.

mod bioasq;
mod cut;
mod licence;
mod mixture;
mod report;
mod squad;
mod wrong_passages;

pub use cut::{CutConfig, SpanExample, cut};
pub use mixture::{MixtureConfig, SpanMixture, WeightedFile};
pub use report::{DataError, DataReport, Fate, Fault, Finding};
pub use squad::SpanQuestion;
