//! What is learned from? Files in, examples out, and a report of what was of no use.

pub mod negatives;
pub mod pairs;
pub mod text;
