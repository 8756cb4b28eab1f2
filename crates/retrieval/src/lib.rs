//! Which passages may answer?
//!
//! A question is understood (pure), both indexes are asked side by side, their rankings are fused (pure), and the
//! best passages are fetched.

mod aspect;
mod fusion;
mod query;
mod retrieve;
mod wording;

pub use aspect::aspects;
pub use fusion::{Fusion, fuse};
pub use query::{Understood, understand};
pub use retrieve::{RetrievalConfig, RetrievalError, Retrieved, Retriever};
pub use wording::{Topic, reworded};
