//! How do the models learn?

pub mod data;
pub mod task;
