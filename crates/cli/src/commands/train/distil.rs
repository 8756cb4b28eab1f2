//! `clinqa train distil`: a small reader from a large one.

use std::process::ExitCode;

use clinqa_encoder::Checkpoint;
use clinqa_train::task::reader::ReaderTask;
use clinqa_train::{Parts, Twin, with_threads};

use super::report;
use super::spans::Spans;
use super::taught::{Learned, School};
use crate::args::DistilArgs;
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, args: &DistilArgs) -> anyhow::Result<ExitCode> {
    let (record, told) = with_threads(args.learn.threads, || {
        let mut school = School::with_teacher(settings, &args.learn, &args.taught)?;
        let twins = [Some(&school.twin), school.teacher.as_ref().map(|teacher| &teacher.twin)];
        let positions = twins.into_iter().flatten().map(|twin| twin.dimensions().positions).min().unwrap_or_default();
        let spans = Spans::open(&args.data, &args.learn, (&school.checkpoint.tokenizer, positions))?;
        let make = |checkpoint: &mut Checkpoint, twin: &Twin| {
            Ok(ReaderTask::open(checkpoint, twin, spans.dev.clone(), args.learn.seed)?)
        };
        let task = make(&mut school.checkpoint, &school.twin)?;
        let parts = Parts { train: &spans.train, dev: spans.dev.examples() };
        let learned = school.learn(task, make, parts, &args.learn.settings())?;
        let Learned { record, settings, told: of_teacher } = learned;
        let mut told = spans.close(&record, &args.data, ("extractive question answering, distilled", settings))?;
        told.extend(of_teacher);
        anyhow::Ok((record, told))
    })??;
    report(&args.learn, &record, &told)
}
