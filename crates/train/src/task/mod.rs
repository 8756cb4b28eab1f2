//! What is learned? One file a task.

mod contrast;

pub use contrast::Contrast;
