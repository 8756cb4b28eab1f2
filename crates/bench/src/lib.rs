//! How fast is it?
//!
//! `cargo bench -p clinqa-bench` times each room by itself. `clinqa-bench worker` answers JSON Lines, so that a script can
//! time ours interleaved with programs of others that run in processes of their own: `compare/compare.py` does that, and
//! prints the table of the README. `clinqa-bench load` asks a running server at a constant rate. `clinqa-bench crowd` makes a
//! large index for `crates/tui/measure.py`. `clinqa-bench curve` says what searching more widely finds and costs,
//! `clinqa-bench precisions` what bytes in place of f32 do.

mod crowd;
mod curve;
mod error;
mod load;
mod memory;
mod model;
mod precisions;
mod starter;
mod vectors;
mod worker;

pub use crowd::build_crowd;
pub use curve::curve;
pub use error::BenchError;
pub use load::{Load, LoadReport, Times, load, questions};
pub use memory::Memory;
pub use model::{Model, Precision, embedded, filler};
pub use precisions::precisions;
pub use starter::{Starter, engine, passages};
pub use vectors::{VectorFile, build_vectors, open_vectors};
pub use worker::work;
