//! `clinqa train classifier`: a model learns which kind a text is of.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clinqa_encoder::{Checkpoint, Encoder, Precision};
use clinqa_eval::LabelledFields;
use clinqa_labels::Problem;
use clinqa_train::data::DataReport;
use clinqa_train::data::labelled::{Labelled, LabelledParts, Parting, part, read};
use clinqa_train::data::medquad;
use clinqa_train::task::Fresh;
use clinqa_train::task::classifier::{ClassifierTask, HeadTask, LabelSet};
use clinqa_train::{Parts, TrainError, Twin, with_threads};
use serde_json::json;

use super::taught::{Learned, School};
use super::{Papers, described, learn, report};
use crate::args::ClassifierArgs;
use crate::commands::write_lines;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::{models, output};

pub(crate) fn run(settings: &Settings, args: &ClassifierArgs) -> anyhow::Result<ExitCode> {
    let begun = super::super::now();
    let mut found = DataReport::default();
    let (parts, test) = parts(args, &mut found)?;
    output::warn(&found.summary());
    output::note(&format!(
        "{} texts to learn from, {} to score on, {} labels.",
        parts.train.len(),
        parts.dev.len(),
        parts.labels.len()
    ));
    if parts.labels.len() < 2 && !parts.several {
        return Err(TrainError::TooFew { what: "labels to tell apart", found: parts.labels.len(), needed: 2 }.into());
    }
    let data = args.learn.out.join("data");
    for (name, texts) in [("train", &parts.train), ("dev", &parts.dev), ("test", &test)] {
        if args.keep_data && !texts.is_empty() {
            keep(&data.join(format!("{name}.jsonl")), texts, parts.several)?;
        }
    }
    let counts = |path: &PathBuf| {
        // The questions of MedQuAD come from many files of one archive.
        let of = |texts: &[Labelled]| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            texts.iter().filter(|text| args.medquad.is_some() || name.as_deref() == Some(&*text.file)).count()
        };
        (path.clone(), [of(&parts.train), of(&parts.dev)])
    };
    let sources = described(args.files.iter().chain(&args.dev).chain(&args.medquad).map(counts))?;
    let learned = with_threads(args.learn.threads, || {
        if args.freeze_trunk { head(settings, args, &parts) } else { whole(settings, args, &parts) }
    })??;
    let Learned { record, settings, told: of_teacher } = learned;
    let notes = found.summary();
    Papers { purpose: "text classification", sources, notes, settings, found: &found, begun }.leave(&record)?;
    let mut told = Vec::new();
    if let Some(best) = &record.best {
        let figure = |name: &str| best.score.others.iter().find(|(other, _)| other == name).map_or(0.0, |(_, x)| *x);
        told.push(format!(
            "On {} held-out texts: macro-F1 {:.4}, accuracy {:.4}",
            parts.dev.len(),
            best.score.value,
            figure("accuracy")
        ));
    }
    told.extend(of_teacher);
    report(&args.learn, &record, &told)
}

/// The two parts, and one that nothing was chosen on, where the data is ours to part.
fn parts(args: &ClassifierArgs, found: &mut DataReport) -> anyhow::Result<(LabelledParts, Vec<Labelled>)> {
    let fields = LabelledFields { text: args.text_field.clone(), label: args.label_field.clone() };
    let parting = Parting { dev_share: args.learn.dev_share, seed: args.learn.seed, least: args.least };
    if let Some(path) = &args.medquad {
        let questions = medquad::read(path, found)?;
        // One draw holds out the test, another one the part that the best epoch is chosen on.
        let apart = Parting { seed: args.learn.seed ^ 0x7465_7374, ..parting };
        let held = part(questions, None, false, apart, found);
        let test: Vec<Labelled> = held.dev;
        let parts = part(held.train, None, false, parting, found);
        return Ok((parts, test));
    }
    let all = |paths: &[PathBuf], found: &mut DataReport| -> anyhow::Result<(Vec<Labelled>, bool)> {
        let (mut texts, mut several) = (Vec::new(), false);
        for path in paths {
            let (more, any) = read(path, &fields, found)?;
            texts.extend(more);
            several |= any;
        }
        Ok((texts, several))
    };
    let (texts, several) = all(&args.files, found)?;
    let dev = if args.dev.is_empty() { None } else { Some(all(&args.dev, found)?) };
    let several = several || dev.as_ref().is_some_and(|(_, several)| *several);
    Ok((part(texts, dev.map(|(texts, _)| texts), several, parting, found), Vec::new()))
}

fn labels(parts: &LabelledParts) -> LabelSet {
    let problem = if parts.several { Problem::Multi } else { Problem::Single };
    LabelSet { names: parts.labels.clone(), problem }
}

/// Trunk and head.
fn whole(settings: &Settings, args: &ClassifierArgs, parts: &LabelledParts) -> anyhow::Result<Learned> {
    let mut school = School::open(settings, &args.learn, &args.taught)?;
    let make = |checkpoint: &mut Checkpoint, twin: &Twin| {
        let fresh = Fresh { device: twin.device().clone(), dtype: twin.dtype(), seed: args.learn.seed };
        Ok(ClassifierTask::new(checkpoint, labels(parts), &fresh)?)
    };
    let task = make(&mut school.checkpoint, &school.twin)?;
    let (tokenizer, tokens) = (&school.checkpoint.tokenizer, args.tokens.min(school.checkpoint.max_tokens));
    let [train, dev] = [&parts.train, &parts.dev].map(|texts| anyhow::Ok(task.examples(tokenizer, texts, tokens)?));
    let (train, dev) = (train?, dev?);
    school.learn(task, make, Parts { train: &train, dev: &dev }, &args.learn.settings())
}

/// The head alone, over vectors that are computed once.
fn head(settings: &Settings, args: &ClassifierArgs, parts: &LabelledParts) -> anyhow::Result<Learned> {
    let source = &models::named(settings, &args.learn.from);
    let encoder = Encoder::from_checkpoint(Checkpoint::open(source)?.in_precision(Precision::Full))?;
    let (checkpoint, twin) = Twin::begin(source, args.learn.device.into())?;
    output::warn(&checkpoint.warnings);
    let fresh = Fresh { device: twin.device().clone(), dtype: twin.dtype(), seed: args.learn.seed };
    let task = HeadTask::new(&checkpoint, labels(parts), &fresh)?;
    let examples = |texts: &[Labelled]| -> anyhow::Result<_> {
        let plain: Vec<&str> = texts.iter().map(|text| text.text.as_str()).collect();
        let vectors = encoder.encode(&plain, &mut Bars::default())?;
        Ok(task.examples(texts, vectors.iter().map(|vector| vector.as_slice().to_vec()).collect()))
    };
    let (train, dev) = (examples(&parts.train)?, examples(&parts.dev)?);
    let parts = Parts { train: &train, dev: &dev };
    let wanted = clinqa_train::Settings {
        epochs: args.head_epochs,
        rate: args.head_rate,
        decay: 0.0,
        dropout: 0.0,
        freeze_layers: usize::MAX,
        ..args.learn.settings()
    };
    Ok(learn(&task, (twin, source, &checkpoint.fingerprint), parts, (&args.learn, &wanted))?.into())
}

/// A part as a file that `clinqa eval labels` reads.
fn keep(path: &Path, texts: &[Labelled], several: bool) -> anyhow::Result<()> {
    let line = |text: &Labelled| {
        let id = format!("{}:{}", text.group, text.record);
        if several {
            json!({"id": id, "text": text.text, "labels": text.labels})
        } else {
            json!({"id": id, "text": text.text, "label": text.labels.first()})
        }
    };
    write_lines(path, texts.iter().map(line)).with_context(|| format!("cannot keep the data in {}", path.display()))
}
