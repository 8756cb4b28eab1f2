//! `clinqa train tagger`: a model learns which words name what.

use std::path::PathBuf;
use std::process::ExitCode;

use clinqa_encoder::Checkpoint;
use clinqa_train::data::DataReport;
use clinqa_train::data::iob::{Tagged, part, read};
use clinqa_train::task::Fresh;
use clinqa_train::task::tagger::TaggerTask;
use clinqa_train::{Parts, TrainError, Twin, with_threads};

use super::taught::{Learned, School};
use super::{Papers, described, report};
use crate::args::TaggerArgs;
use crate::output;
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, args: &TaggerArgs) -> anyhow::Result<ExitCode> {
    let begun = super::super::now();
    let mut found = DataReport::default();
    let all = |paths: &[PathBuf], found: &mut DataReport| -> anyhow::Result<Vec<Tagged>> {
        let mut sentences = Vec::new();
        for path in paths {
            sentences.extend(read(path, found)?);
        }
        Ok(sentences)
    };
    let train = all(&args.files, &mut found)?;
    let (train, dev) = if args.dev.is_empty() {
        clinqa_train::data::iob::hold_out(train, args.learn.dev_share, args.learn.seed)
    } else {
        (train, all(&args.dev, &mut found)?)
    };
    let parts = part(train, dev, &mut found);
    output::warn(&found.summary());
    output::note(&format!(
        "{} sentences to learn from, {} to score on, {} tags.",
        parts.train.len(),
        parts.dev.len(),
        parts.tags.len()
    ));
    if parts.tags.len() < 2 {
        return Err(TrainError::TooFew { what: "a tag other than O", found: 0, needed: 1 }.into());
    }
    let counts = |path: &PathBuf| {
        let of = |sentences: &[Tagged]| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            sentences.iter().filter(|sentence| name.as_deref() == Some(&*sentence.file)).count()
        };
        (path.clone(), [of(&parts.train), of(&parts.dev)])
    };
    let sources = described(args.files.iter().chain(&args.dev).map(counts))?;
    let learned = with_threads(args.learn.threads, || {
        let mut school = School::open(settings, &args.learn, &args.taught)?;
        let make = |checkpoint: &mut Checkpoint, twin: &Twin| {
            let fresh = Fresh { device: twin.device().clone(), dtype: twin.dtype(), seed: args.learn.seed };
            Ok(TaggerTask::new(checkpoint, parts.tags.clone(), &fresh)?)
        };
        let task = make(&mut school.checkpoint, &school.twin)?;
        let (tokenizer, tokens) = (&school.checkpoint.tokenizer, args.tokens.min(school.checkpoint.max_tokens));
        let [train, dev] = [&parts.train, &parts.dev].map(|it| anyhow::Ok(task.windows(tokenizer, it, tokens)?));
        let (train, dev) = (train?, dev?);
        school.learn(task, make, Parts { train: &train, dev: &dev }, &args.learn.settings())
    })??;
    let Learned { record, settings, told: of_teacher } = learned;
    let notes = found.summary();
    Papers { purpose: "token classification", sources, notes, settings, found: &found, begun }.leave(&record)?;
    let mut told = Vec::new();
    if let Some(best) = &record.best {
        let figure = |name: &str| best.score.others.iter().find(|(other, _)| other == name).map_or(0.0, |(_, x)| *x);
        told.push(format!(
            "On {} held-out sentences: F1 {:.4} (precision {:.4}, recall {:.4})",
            parts.dev.len(),
            best.score.value,
            figure("precision"),
            figure("recall")
        ));
    }
    told.extend(of_teacher);
    report(&args.learn, &record, &told)
}
