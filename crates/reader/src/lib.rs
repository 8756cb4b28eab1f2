//! Where is the answer?
//!
//! A `BertForQuestionAnswering` checkpoint reads passages beside the question: overlapping windows, batched across
//! passages, each token scored as a first and a last one. Spans and the score of "no answer here" come out per passage.

mod calibration;
mod decode;
mod head;
mod merge;
mod read;
mod window;

pub use calibration::{Calibration, CalibrationError};
pub use decode::{ScoredSpan, TextReading, WindowLogits, decode};
pub use merge::{Candidate, candidates};
pub use read::{PassageReading, ReadConfig, Reader, Variants};
pub use window::{Window, frame, windows};
