//! `clinqa train encoder`: an encoder learns which passage answers which question.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clinqa_encoder::Checkpoint;
use clinqa_eval::Run;
use clinqa_train::card::DataSource;
use clinqa_train::data::DataReport;
use clinqa_train::data::negatives::{Judged, mine};
use clinqa_train::data::pairs::{LEAST_PAIRS, Pair, PairReport, PairsError, hold_out, keep_apart, read_pairs, sample};
use clinqa_train::task::EncoderTask;
use clinqa_train::{Parts, Score, Twin, with_threads};

use super::taught::{Learned, School};
use super::{Papers, described, report};
use crate::args::{EncoderArgs, PairSource};
use crate::commands::{UsageError, open_file};
use crate::output;
use crate::settings::Settings;

/// Faults that are shown with their places.
const SHOWN_FAULTS: usize = 8;

/// What is learned from, what is scored on, and what a card says of both.
struct Read {
    train: Vec<Pair>,
    dev: Vec<Pair>,
    sources: Vec<DataSource>,
    notes: Vec<String>,
}

pub(crate) fn run(settings: &Settings, args: &EncoderArgs) -> anyhow::Result<ExitCode> {
    let begun = super::super::now();
    let wanted = clinqa_train::Settings { score_first: true, ..args.learn.settings() };
    let read = pairs(args)?;
    let learned = with_threads(args.learn.threads, || {
        let mut school = School::open(settings, &args.learn, &args.taught)?;
        let make = |checkpoint: &mut Checkpoint, _: &Twin| Ok(EncoderTask::new(checkpoint, args.contrast())?);
        let task = make(&mut school.checkpoint, &school.twin)?;
        let (tokenizer, tokens) = (&school.checkpoint.tokenizer, args.tokens(school.checkpoint.max_tokens));
        let examples = |pairs: &[Pair]| -> anyhow::Result<_> { Ok(task.examples(pairs, tokenizer, tokens)?) };
        let (train, dev) = (examples(&read.train)?, examples(&read.dev)?);
        school.learn(task, make, Parts { train: &train, dev: &dev }, &wanted)
    })??;
    let Learned { record, settings, told: of_teacher } = learned;
    let Read { sources, notes, .. } = read;
    let papers =
        Papers { purpose: "sentence embedding", sources, notes, settings, found: &DataReport::default(), begun };
    papers.leave(&record)?;
    let scored = record.before.iter().zip(&record.best);
    let told: Vec<String> = scored.flat_map(|(before, best)| told(before, &best.score)).chain(of_teacher).collect();
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
    let (mut trains, mut devs, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut folder = 0;
    for data in &args.data {
        let runs = [&args.negatives, &args.teacher].map(|runs| runs.get(folder).filter(|_| data.path.is_dir()));
        folder += usize::from(data.path.is_dir());
        let [train, dev] = part(args, data, runs.map(|run| run.map(PathBuf::as_path)), &mut notes)?;
        trains.push((data.path.clone(), train));
        devs.push((data.path.clone(), dev));
    }
    if let Some(path) = &args.dev_data {
        let set = read_pairs(path, "dev")?;
        notes.extend(tell(&set.report));
        devs = vec![(path.clone(), set.pairs)];
    }
    let mut dev: Vec<Pair> = devs.iter().flat_map(|(_, dev)| dev).cloned().collect();
    let dropped: usize = trains.iter_mut().map(|(_, train)| keep_apart(train, &dev)).sum();
    if dropped > 0 {
        notes.push(format!("{dropped} pairs are not learned from: their question, passage or document is scored on"));
        output::note(&notes[notes.len() - 1]);
    }
    dev = sample(dev, args.dev_most, args.learn.seed);
    let mut counts: BTreeMap<PathBuf, [usize; 2]> = BTreeMap::new();
    for (path, train) in &trains {
        counts.entry(path.clone()).or_default()[0] += train.len();
    }
    // What was drawn stands in the order in which it was read.
    let mut drawn = dev.iter().peekable();
    for (path, dev) in &devs {
        counts.entry(path.clone()).or_default()[1] +=
            dev.iter().filter(|pair| drawn.next_if_eq(pair).is_some()).count();
    }
    let sources = described(counts)?;
    let train = trains.into_iter().flat_map(|(_, train)| train).collect();
    let parts = Read { train, dev, sources, notes };
    if parts.train.len() < LEAST_PAIRS {
        return Err(PairsError::TooFew { found: parts.train.len(), needed: LEAST_PAIRS }.into());
    }
    output::note(&format!("{} pairs to learn from, {} to score on", parts.train.len(), parts.dev.len()));
    Ok(parts)
}

fn part(
    args: &EncoderArgs,
    data: &PairSource,
    runs: [Option<&Path>; 2],
    notes: &mut Vec<String>,
) -> anyhow::Result<[Vec<Pair>; 2]> {
    let set = read_pairs(&data.path, &args.split)?;
    notes.extend(tell(&set.report));
    let judged = Judged::of(&set.pairs);
    let (train, dev) = match args.dev_data {
        Some(_) => (set.pairs, Vec::new()),
        None => hold_out(set.pairs, args.learn.dev_share, args.learn.seed),
    };
    let mut train = sample(train, data.most.unwrap_or(usize::MAX), args.learn.seed);
    let [negatives, teacher] = runs;
    if let Some(path) = negatives {
        let run = Run::read(open_file(path)?)?;
        let teacher = teacher.map(|path| anyhow::Ok(Run::read(open_file(path)?)?)).transpose()?;
        let report = mine(&mut train, (&judged, &set.passages), &run, teacher.as_ref(), args.mining());
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

/// Says what could not be used, and where it stands; what was skipped is told again in a card.
pub(super) fn tell(report: &PairReport) -> Vec<String> {
    output::note(&format!("{} records read, {} pairs can be used", report.read, report.kept));
    let skipped: Vec<String> = report.counts.iter().map(|(fault, count)| format!("{count} skipped: {fault}")).collect();
    for line in &skipped {
        output::note(line);
    }
    for (place, fault) in report.faults.iter().take(SHOWN_FAULTS) {
        output::note(&format!("{place}: {fault}"));
    }
    skipped
}
