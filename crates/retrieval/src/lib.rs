//! Which passages may answer?
//!
//! A question is understood (pure), both indexes are asked side by side, their rankings are fused (pure), what the
//! question names comes first, and the best passages are fetched.

mod aspect;
mod context;
mod fusion;
pub mod glossary;
mod kind;
mod names;
mod prefer;
mod query;
mod retrieve;
mod sections;
mod spelling;
mod steps;
mod things;
mod topic;

pub use aspect::aspects;
pub use fusion::{Fusion, fuse};
pub use kind::{
    Kind, People, asks_for_the_end, asks_what_helps, has_duration, has_number, has_reason, is_negative, kind, people,
    tells_of_the_beginning, tells_what_does_not_help,
};
pub use prefer::{ALIKE, Preference};
pub use query::{Understanding, Understood, understand};
pub use retrieve::{RetrievalConfig, RetrievalError, Retrieved, Retriever};
pub use sections::Expected;
pub use spelling::is_everyday;
pub use steps::{Step, Steps};
pub use topic::Topic;
