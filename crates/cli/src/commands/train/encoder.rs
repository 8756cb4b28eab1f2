//! `clinqa train encoder`: an encoder learns which passage answers which question.

use std::path::Path;
use std::process::ExitCode;

use clinqa_eval::Run;
use clinqa_train::data::negatives::mine;
use clinqa_train::data::pairs::{LEAST_PAIRS, Pair, PairReport, PairsError, hold_out, read_pairs, sample};
use clinqa_train::task::EncoderTask;
use clinqa_train::{Parts, Score, Twin, with_threads};

use super::{learn, report};
use crate::args::{EncoderArgs, PairSource};
use crate::commands::{UsageError, open_file};
use crate::settings::Settings;
use crate::{models, output};

/// Faults that are shown with their places.
const SHOWN_FAULTS: usize = 8;

/// What is learned from, and what is scored on.
struct Read {
    train: Vec<Pair>,
    dev: Vec<Pair>,
}

pub(crate) fn run(settings: &Settings, args: &EncoderArgs) -> anyhow::Result<ExitCode> {
    let source = models::named(settings, &args.learn.from);
    let wanted = clinqa_train::Settings { score_first: true, ..args.learn.settings() };
    let read = pairs(args)?;
    let record = with_threads(args.learn.threads, || {
        let (checkpoint, twin) = Twin::begin(&source, args.learn.device.into())?;
        output::warn(&checkpoint.warnings);
        let task = EncoderTask::new(&checkpoint, args.contrast())?;
        let examples =
            |pairs: &[Pair]| -> anyhow::Result<_> { Ok(task.examples(pairs, &checkpoint.tokenizer, args.tokens())?) };
        let (train, dev) = (examples(&read.train)?, examples(&read.dev)?);
        let parts = Parts { train: &train, dev: &dev };
        learn(&task, (twin, &source, &checkpoint.fingerprint), parts, (&args.learn, &wanted))
    })??;
    let scored = record.before.iter().zip(&record.best);
    let told: Vec<String> = scored.flat_map(|(before, best)| told(before, &best.score)).collect();
    report(&args.learn, &record, &told)
}

/// Each figure of the development part, before and after.
fn told(before: &Score, after: &Score) -> Vec<String> {
    let all = |score: &Score| -> Vec<(String, f64)> {
        std::iter::once((score.name.clone(), score.value)).chain(score.others.iter().cloned()).collect()
    };
    let line = |((name, before), (_, after)): ((String, f64), (String, f64))| {
        format!("{name} of held-out pairs: {before:.4} before, {after:.4} after")
    };
    all(before).into_iter().zip(all(after)).map(line).collect()
}

/// Reads, holds out, mines and draws, and says what became of everything.
fn pairs(args: &EncoderArgs) -> anyhow::Result<Read> {
    let folders = args.data.iter().filter(|data| data.path.is_dir()).count();
    for (flag, runs) in [("--negatives", &args.negatives), ("--teacher", &args.teacher)] {
        if !runs.is_empty() && runs.len() != folders {
            return Err(UsageError::Runs { flag, runs: runs.len(), folders }.into());
        }
    }
    let mut parts = Read { train: Vec::new(), dev: Vec::new() };
    let mut folder = 0;
    for data in &args.data {
        let runs = [&args.negatives, &args.teacher].map(|runs| runs.get(folder).filter(|_| data.path.is_dir()));
        folder += usize::from(data.path.is_dir());
        let [train, dev] = part(args, data, runs.map(|run| run.map(std::path::PathBuf::as_path)))?;
        parts.train.extend(train);
        parts.dev.extend(dev);
    }
    if let Some(path) = &args.dev_data {
        let set = read_pairs(path, "dev")?;
        tell(&set.report);
        parts.dev = set.pairs;
    }
    parts.dev = sample(parts.dev, args.dev_most, args.learn.seed);
    if parts.train.len() < LEAST_PAIRS {
        return Err(PairsError::TooFew { found: parts.train.len(), needed: LEAST_PAIRS }.into());
    }
    output::note(&format!("{} pairs to learn from, {} to score on", parts.train.len(), parts.dev.len()));
    Ok(parts)
}

fn part(args: &EncoderArgs, data: &PairSource, runs: [Option<&Path>; 2]) -> anyhow::Result<[Vec<Pair>; 2]> {
    let set = read_pairs(&data.path, &args.split)?;
    tell(&set.report);
    let (train, dev) = match args.dev_data {
        Some(_) => (set.pairs, Vec::new()),
        None => hold_out(set.pairs, args.learn.dev_share, args.learn.seed),
    };
    let mut train = sample(train, data.most.unwrap_or(usize::MAX), args.learn.seed);
    let [negatives, teacher] = runs;
    if let Some(path) = negatives {
        let run = Run::read(open_file(path)?)?;
        let teacher = teacher.map(|path| anyhow::Ok(Run::read(open_file(path)?)?)).transpose()?;
        let report = mine(&mut train, &set.passages, &run, teacher.as_ref(), args.mining());
        if report.unasked == train.len() {
            return Err(PairsError::OtherRun { path: path.to_owned() }.into());
        }
        output::note(&format!(
            "{} negatives for {} pairs; left out: {} that say what a right one says or are of its document, {} too near it; \
             {} pairs are not in the run, of {} it does not find the passage",
            report.negatives, report.pairs, report.same, report.near, report.unasked, report.unfound
        ));
    }
    Ok([train, dev])
}

/// Says what could not be used, and where it stands.
pub(super) fn tell(report: &PairReport) {
    output::note(&format!("{} records read, {} pairs can be used", report.read, report.kept));
    for (fault, count) in &report.counts {
        output::note(&format!("{count} skipped: {fault}"));
    }
    for (place, fault) in report.faults.iter().take(SHOWN_FAULTS) {
        output::note(&format!("{place}: {fault}"));
    }
}
