//! Which passages may answer?
//!
//! A question is understood (pure), both indexes are asked side by side, their rankings are fused (pure), and the
//! best passages are fetched.

mod fusion;
mod query;
mod retrieve;

pub use fusion::{Fusion, fuse};
pub use query::{Understood, understand};
pub use retrieve::{RetrievalConfig, RetrievalError, Retrieved, Retriever};
