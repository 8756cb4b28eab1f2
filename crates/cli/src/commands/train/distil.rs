//! `clinqa train distil`: a small reader from a large one.

use std::process::ExitCode;

use clinqa_train::task::distil::{DistilTask, Lessons, kept_layers};
use clinqa_train::task::reader::ReaderTask;
use clinqa_train::{Parts, Twin, with_threads};

use super::spans::Spans;
use super::{learn, report};
use crate::args::DistilArgs;
use crate::settings::Settings;
use crate::{models, output};

pub(crate) fn run(settings: &Settings, args: &DistilArgs) -> anyhow::Result<ExitCode> {
    let source = models::named(settings, &args.learn.from);
    let teacher_source = args.teacher.as_ref().map_or_else(|| source.clone(), |name| models::named(settings, name));
    let (machine, seed) = (args.learn.device.into(), args.learn.seed);
    let wanted = args.learn.settings();
    let lessons = Lessons {
        temperature: args.temperature,
        soft: args.soft,
        hard: args.hard,
        hidden: args.hidden,
        relations: args.relations,
    };
    let (record, told) = with_threads(args.learn.threads, || {
        let (mut checkpoint, mut twin) = Twin::begin(&source, machine)?;
        let (mut teaching, teacher_twin) = Twin::begin(&teacher_source, machine)?;
        output::warn(&checkpoint.warnings);
        if let Some(layers) = args.layers {
            twin = twin.thinned(&kept_layers(twin.dimensions().layers, layers)?)?;
        }
        let positions = twin.dimensions().positions.min(teacher_twin.dimensions().positions);
        let spans = Spans::open(&args.data, &args.learn, (&checkpoint.tokenizer, positions))?;
        let student = ReaderTask::open(&mut checkpoint, &twin, spans.dev.clone(), seed)?;
        let teacher = ReaderTask::open(&mut teaching, &teacher_twin, spans.dev.clone(), seed)?;
        let task = DistilTask::new((student, &twin, &checkpoint), (teacher, teacher_twin, &teaching), lessons, seed)?;
        let taught = task.teacher_score(spans.dev.examples())?;
        let layers = twin.dimensions().layers;
        let parts = Parts { train: &spans.train, dev: spans.dev.examples() };
        let record = learn(&task, (twin, &source, &checkpoint.fingerprint), parts, (&args.learn, &wanted))?;
        let counted = format!(
            "soft {} at temperature {}, hard {}, hidden {}, relations {}",
            args.soft, args.temperature, args.hard, args.hidden, args.relations
        );
        let more = vec![
            ("teacher", format!("{} (fingerprint `{}`)", teacher_source.name(), teaching.fingerprint)),
            ("teacher's score on the same part", format!("{} {:.4}", taught.name, taught.value)),
            ("layers of the student", layers.to_string()),
            ("lessons", counted),
        ];
        let mut told = spans.close(&record, &args.data, ("extractive question answering, distilled", more))?;
        told.push(format!("Teacher on the same questions: {} {:.4}", taught.name, taught.value));
        anyhow::Ok((record, told))
    })??;
    report(&args.learn, &record, &told)
}
