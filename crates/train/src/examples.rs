//! How can another program learn from the same examples, in the same order, with the same settings?
//!
//! A file of JSON lines: the settings, then every example as token ids, then the batches of every epoch.
//! `crates/train/reader.py` learns from it with PyTorch.

use std::io::{self, Write};

use serde_json::json;

use crate::data::SpanExample;
use crate::{Settings, batches};

/// Writes what a run of `settings` over `examples` would learn from, step by step.
pub fn write_examples(out: &mut dyn Write, examples: &[SpanExample], settings: &Settings) -> io::Result<()> {
    let lengths: Vec<usize> = examples.iter().map(|example| example.ids.len()).collect();
    let plans: Vec<Vec<Vec<usize>>> =
        (0..settings.epochs).map(|epoch| batches::plan(&lengths, settings.batch, settings.seed, epoch)).collect();
    let steps: u64 = plans.iter().map(|plan| plan.len().div_ceil(settings.accumulate.max(1)) as u64).sum();
    let run = json!({
        "kind": "run", "batch": settings.batch, "accumulate": settings.accumulate, "rate": settings.rate,
        "warmup": settings.warmup, "decay": settings.decay, "clip": settings.clip, "dropout": settings.dropout,
        "freeze_embeddings": settings.freeze_embeddings, "seed": settings.seed,
        "total_steps": settings.steps.map_or(steps, |most| most.min(steps)),
    });
    writeln!(out, "{run}")?;
    for SpanExample { ids, types, start, end } in examples {
        writeln!(out, "{}", json!({"kind": "example", "ids": ids, "types": types, "start": start, "end": end}))?;
    }
    for batches in plans {
        writeln!(out, "{}", json!({"kind": "epoch", "batches": batches}))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_holds_every_example_and_the_steps_are_counted() {
        let example = |length: usize| SpanExample { ids: vec![7; length], types: vec![0; length], start: 0, end: 0 };
        let examples: Vec<SpanExample> = (1..=10).map(example).collect();
        let settings = Settings { epochs: 2, batch: 4, accumulate: 2, ..Settings::new("out".into()) };
        let mut out = Vec::new();
        write_examples(&mut out, &examples, &settings).expect("memory");
        let lines: Vec<serde_json::Value> =
            out.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!(lines.len(), 13);
        assert_eq!((&lines[0]["total_steps"], &lines[0]["batch"]), (&json!(4), &json!(4)));
        for line in &lines[11..] {
            let mut seen: Vec<u64> = line["batches"]
                .as_array()
                .expect("batches")
                .iter()
                .flat_map(|batch| batch.as_array().expect("a batch"))
                .filter_map(serde_json::Value::as_u64)
                .collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<u64>>());
        }
        assert_ne!(lines[11], lines[12]);
    }
}
