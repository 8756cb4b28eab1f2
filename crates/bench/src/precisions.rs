//! What does it cost, and gain, to store weights in bytes and to compute in bytes?
//!
//! The shipped encoder three times: as a plain f32 checkpoint, as it is packed but computed in f32, and as it runs. Bytes on
//! disk, the time to open it, and tokens a second, interleaved.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clinqa_encoder::{Sequence, Source};
use clinqa_weights::{Bundle, ENCODER};

use crate::load::times;
use crate::{BenchError, Model, Precision, embedded, filler};

/// Times that everything is done; medians count.
const ROUNDS: usize = 9;

/// Names and lengths of what is computed.
const SHAPES: [(&str, usize, usize); 3] = [("1 × 16", 1, 16), ("1 × 256", 1, 256), ("32 × 128", 32, 128)];

/// Words whose pieces fill the sequences.
const TEXT: &str = "Asthma narrows the airways; wheeze, cough and a tight chest come and go, often at night. A reliever \
    inhaler opens them within minutes, and a preventer taken every day keeps attacks away.";

/// One way to hold and compute a model.
struct Way {
    name: &'static str,
    source: Source,
    precision: Precision,
    bytes: u64,
    load: Vec<Duration>,
    taken: [Vec<Duration>; SHAPES.len()],
}

/// A table in Markdown; `plain` is a folder with the shipped encoder in f32, as `compare/export.py` makes it.
pub fn precisions(plain: &Path) -> Result<String, BenchError> {
    let weights = plain.join("model.safetensors");
    let bytes = fs::metadata(&weights).map_err(BenchError::file(&weights))?.len();
    let packed = || embedded(&ENCODER);
    let mut ways = [
        Way::new("f32", Source::Folder(plain.to_owned()), Precision::F32, bytes),
        Way::new("weights in bytes, computed in f32", packed(), Precision::F32, size(&ENCODER)),
        Way::new("weights and products in bytes (what ships)", packed(), Precision::Default, size(&ENCODER)),
    ];
    for _ in 0..ROUNDS {
        for way in &mut ways {
            way.round()?;
        }
    }
    let shapes: Vec<&str> = SHAPES.iter().map(|(name, ..)| *name).collect();
    let mut table = format!("| | MB | to open | tokens a second at {} |\n|---|---|---|", shapes.join(" | "));
    table.push_str(&"---|".repeat(SHAPES.len()));
    table.push('\n');
    for way in &ways {
        let (size, load) = (way.bytes as f64 / 1e6, median(&way.load) * 1e3);
        // Writing to a string does not fail.
        let _ = write!(table, "| {} | {size:.1} | {load:.0} ms |", way.name);
        for ((_, rows, length), taken) in SHAPES.iter().zip(&way.taken) {
            let _ = write!(table, " {:.0} |", (rows * length) as f64 / median(taken));
        }
        table.push('\n');
    }
    Ok(table)
}

impl Way {
    fn new(name: &'static str, source: Source, precision: Precision, bytes: u64) -> Self {
        Self { name, source, precision, bytes, load: Vec::new(), taken: Default::default() }
    }

    /// Opens the model and computes each shape once, after once to warm up.
    fn round(&mut self) -> Result<(), BenchError> {
        let start = Instant::now();
        let model = Model::open(&self.source, self.precision)?;
        // A model that can be timed holds its weights twice.
        self.load.push(start.elapsed() / 2);
        let ids = model.ids(TEXT)?;
        for ((_, rows, length), taken) in SHAPES.iter().zip(&mut self.taken) {
            let sequences: Vec<Sequence> = filler(&ids, &vec![*length; *rows]);
            model.forward(&sequences)?;
            let start = Instant::now();
            model.forward(&sequences)?;
            taken.push(start.elapsed());
        }
        Ok(())
    }
}

/// Bytes of the weights in a bundle.
fn size(bundle: &Bundle) -> u64 {
    let weights = bundle.files.iter().filter(|(name, _)| name.ends_with(".safetensors"));
    weights.map(|(_, bytes)| bytes.len() as u64).sum()
}

/// In seconds.
fn median(taken: &[Duration]) -> f64 {
    times(taken.iter().map(|time| time.as_secs_f64() * 1e3)).p50_ms / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_of_the_shipped_encoder_are_counted() {
        assert!((1_000_000..24_000_000).contains(&size(&ENCODER)), "{}", size(&ENCODER));
    }
}
