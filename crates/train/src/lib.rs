//! How do the models learn?
//!
//! A [`Twin`] is a BERT whose every parameter can learn; a [`Task`] says what an example is and how wrong the model is
//! about a batch of them; [`train`] is the one loop that serves every task.

mod batches;
pub mod card;
pub mod curve;
pub mod data;
mod digest;
mod error;
mod examples;
pub mod log;
mod ops;
mod optimizer;
mod pass;
mod run;
mod save;
mod schedule;
pub mod task;
#[cfg(test)]
mod tiny;
mod twin;

pub use digest::Digest;
pub use error::TrainError;
pub use examples::write_examples;
pub use ops::{cross_entropy, dropout, linear, log_softmax};
pub use pass::Pass;
pub use run::{Bench, Best, Ending, Epoch, Parts, RunRecord, Settings, train, with_threads};
pub use save::{leave, save};
pub use task::{Score, Task};
pub use twin::{Gradients, Layers, Machine, Packed, Twin};
