//! `clinqa train`: one file a task.

mod encoder;
mod pairs;

use std::process::ExitCode;

use clinqa_encoder::{Checkpoint, Source};
use clinqa_train::{Parts, Settings as Learning, Task, Twin, train};

use crate::args::{LearnArgs, TrainCommand};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, command: &TrainCommand) -> anyhow::Result<ExitCode> {
    match command {
        TrainCommand::Encoder(args) => encoder::run(settings, args),
        TrainCommand::Pairs(args) => pairs::run(args),
    }
}

fn source(settings: &Settings, learn: &LearnArgs) -> Source {
    crate::models::named(settings, &learn.from)
}

fn learn<T: Task>(
    task: &T,
    checkpoint: &mut Checkpoint,
    source: &Source,
    (train_part, dev): (&[T::Example], &[T::Example]),
    args: &LearnArgs,
) -> anyhow::Result<ExitCode> {
    let fingerprint = checkpoint.fingerprint.clone();
    let mut twin = Twin::on_cpu(checkpoint)?;
    let settings = Learning {
        resume: args.resume,
        epochs: args.epochs,
        batch: args.batch,
        rate: args.rate,
        dropout: args.dropout,
        freeze_embeddings: args.freeze_embeddings,
        seed: args.seed,
        score_first: true,
        ..Learning::new(args.out.clone())
    };
    let parts = Parts { train: train_part, dev };
    let record = train(task, (&mut twin, source, &fingerprint), parts, &settings, &mut Bars::default())?;
    output::result(&serde_json::to_value(&record)?, output::Form::of(args.json))?;
    Ok(ExitCode::SUCCESS)
}
