//! `clinqa train reader`: spans from SQuAD and BioASQ files.

use std::process::ExitCode;

use clinqa_train::task::reader::ReaderTask;
use clinqa_train::{Parts, Twin, with_threads};

use super::spans::Spans;
use super::{learn, report};
use crate::args::TrainReaderArgs;
use crate::settings::Settings;
use crate::{models, output};

pub(crate) fn run(settings: &Settings, args: &TrainReaderArgs) -> anyhow::Result<ExitCode> {
    let source = models::named(settings, &args.learn.from);
    let wanted = args.learn.settings();
    let (record, told) = with_threads(args.learn.threads, || {
        let (mut checkpoint, twin) = Twin::begin(&source, args.learn.device.into())?;
        output::warn(&checkpoint.warnings);
        let spans = Spans::open(&args.data, &args.learn, (&checkpoint.tokenizer, twin.dimensions().positions))?;
        let task = ReaderTask::open(&mut checkpoint, &twin, spans.dev.clone(), args.learn.seed)?;
        let parts = Parts { train: &spans.train, dev: spans.dev.examples() };
        let record = learn(&task, (twin, &source, &checkpoint.fingerprint), parts, (&args.learn, &wanted))?;
        let head = if task.new_head { "made anew" } else { "the checkpoint's own" };
        let more = vec![("span head", head.to_owned())];
        let told = spans.close(&record, &args.data, ("extractive question answering", more))?;
        anyhow::Ok((record, told))
    })??;
    report(&args.learn, &record, &told)
}
