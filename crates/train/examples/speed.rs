//! How many examples a second? The worker behind `speed.py`: each line on standard input asks for that many steps of
//! training a span reader, and is answered with the seconds they took.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use candle_core::{DType, Device, Tensor, Var};
use clinqa_encoder::{Sequence, Source};
use clinqa_train::{Bench, Digest, Machine, Pass, Score, Task, TrainError, Twin, cross_entropy, linear};

const SEQUENCES: usize = 16;
const TOKENS: usize = 176;

struct Spans([Var; 2]);

impl Task for Spans {
    type Example = (Sequence, [u32; 2]);

    fn name(&self) -> &'static str {
        "speed"
    }

    fn architecture(&self) -> &'static str {
        "BertForQuestionAnswering"
    }

    fn describe(&self, example: &Self::Example, digest: &mut Digest) {
        digest.sequence(&example.0);
        digest.ids(&example.1);
    }

    fn length(&self, example: &Self::Example) -> usize {
        example.0.len()
    }

    fn variables(&self) -> Vec<(String, Var)> {
        ["weight", "bias"]
            .into_iter()
            .zip(&self.0)
            .map(|(end, var)| (format!("qa_outputs.{end}"), var.clone()))
            .collect()
    }

    fn loss(&self, twin: &Twin, batch: &[&Self::Example], pass: &mut Pass) -> Result<Tensor, TrainError> {
        let sequences: Vec<Sequence> = batch.iter().map(|example| example.0.clone()).collect();
        let hidden = twin.forward(&sequences, pass)?.hidden;
        let logits = linear(&hidden, &self.0[0], &self.0[1])?;
        let rows = logits.reshape((batch.len(), TOKENS, 2))?.transpose(1, 2)?.contiguous()?.flatten(0, 1)?;
        let targets: Vec<u32> = batch.iter().flat_map(|example| example.1).collect();
        cross_entropy(&rows, &targets)
    }

    fn score(&self, _: &Twin, _: &[Self::Example]) -> Result<Score, TrainError> {
        Ok(Score { name: "none".into(), value: 0.0, loss: 0.0, others: Vec::new() })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: speed MODEL_FOLDER")?;
    let (_, mut twin) = Twin::begin(&Source::Folder(PathBuf::from(folder)), Machine::Cpu)?;
    twin.freeze_words();
    let width = twin.dimensions().width;
    let weight = Tensor::randn(0f32, 0.02, (2, width), &Device::Cpu)?;
    let head = Spans([Var::from_tensor(&weight)?, Var::zeros(2, DType::F32, &Device::Cpu)?]);
    let words = twin.dimensions().vocabulary;
    let ids = |batch: usize| (0..TOKENS).map(move |i| (1_000 + (i * 7_919 + batch * 104_729) % (words - 1_000)) as u32);
    let example = |batch| {
        let sequence = Sequence { ids: ids(batch).collect(), types: vec![0; TOKENS] };
        (sequence, [(batch * 11) as u32 % 176, (batch * 11 + 5) as u32 % 176])
    };
    let examples: Vec<_> = (0..SEQUENCES).map(example).collect();
    let mut bench = Bench::new(&head, &twin, 3e-5, 0.1)?;
    for line in std::io::stdin().lock().lines() {
        let steps: usize = line?.trim().parse()?;
        let begun = Instant::now();
        let mut loss = 0.0;
        for _ in 0..steps {
            loss = bench.step(&examples.iter().collect::<Vec<_>>())?;
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} {loss}", begun.elapsed().as_secs_f64())?;
        out.flush()?;
    }
    Ok(())
}
