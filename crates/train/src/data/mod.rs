//! What is learned from? Files in, examples out, and a report of what was of no use. One file a kind of data.

pub mod iob;
pub mod labelled;
pub mod medquad;
pub mod report;
pub mod text;
