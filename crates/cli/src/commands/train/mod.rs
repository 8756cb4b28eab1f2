//! `clinqa train`: models learn on this machine, from files of this machine. One file a task.

mod classifier;
mod distil;
mod encoder;
mod pairs;
mod pretrain;
mod reader;
mod spans;
mod tagger;
mod taught;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clinqa_encoder::Source;
use clinqa_schema::Moment;
use clinqa_train::card::{DataSource, Origin};
use clinqa_train::data::{DataReport, describe};
use clinqa_train::{Parts, RunRecord, Task, Twin};

use super::write_file;
use crate::args::{LearnArgs, TrainArgs, TrainCommand};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, args: &TrainArgs) -> anyhow::Result<ExitCode> {
    match &args.task {
        TrainCommand::Pretrain(args) => pretrain::run(settings, args),
        TrainCommand::Encoder(args) => encoder::run(settings, args),
        TrainCommand::Pairs(args) => pairs::run(args),
        TrainCommand::Reader(args) => reader::run(settings, args),
        TrainCommand::Distil(args) => distil::run(settings, args),
        TrainCommand::Classifier(args) => classifier::run(settings, args),
        TrainCommand::Tagger(args) => tagger::run(settings, args),
    }
}

/// Learns `task` as the flags say, with a bar, and keeps the record of the run beside what was learned.
fn learn<T: Task>(
    task: &T,
    (mut twin, source, fingerprint): (Twin, &Source, &str),
    parts: Parts<'_, T::Example>,
    (args, settings): (&LearnArgs, &clinqa_train::Settings),
) -> anyhow::Result<RunRecord> {
    let mut bars = Bars::default();
    let record = clinqa_train::train(task, (&mut twin, source, fingerprint), parts, settings, &mut bars)?;
    drop(bars);
    write_file(&args.out.join("run.json"), |out| Ok(serde_json::to_writer_pretty(out, &record)?))?;
    Ok(record)
}

/// What is told of a run beside its record.
struct Papers<'a> {
    purpose: &'a str,
    /// The files as they were before anything was learned from them.
    sources: Vec<DataSource>,
    /// What was skipped or mended in them, a line each.
    notes: Vec<String>,
    /// What a card names beside the settings of every run.
    settings: Vec<(&'static str, String)>,
    found: &'a DataReport,
    begun: Moment,
}

/// Describes files by how many of their examples are learned from and scored on. To be called before a run: it may last for
/// hours, and somebody may change a file in the meantime.
fn described(files: impl IntoIterator<Item = (PathBuf, [usize; 2])>) -> anyhow::Result<Vec<DataSource>> {
    files.into_iter().map(|(path, counts)| Ok(describe(&path, counts)?)).collect()
}

/// The command line as a card quotes it, whatever bytes the names of files are.
fn command() -> Vec<String> {
    words(std::env::args_os())
}

fn words(typed: impl Iterator<Item = OsString>) -> Vec<String> {
    typed.map(|word| word.to_string_lossy().into_owned()).collect()
}

impl Papers<'_> {
    /// Leaves card, curve and report beside the checkpoint.
    fn leave(&self, record: &RunRecord) -> anyhow::Result<()> {
        let command = command();
        let origin = Origin {
            purpose: self.purpose,
            data: &self.sources,
            notes: &self.notes,
            settings: &self.settings,
            command: &command,
            commit: option_env!("CLINQA_COMMIT"),
            when: (self.begun, super::now()),
        };
        Ok(clinqa_train::leave(record, &origin, self.found)?)
    }
}

/// Tells what became of a run: all of it as JSON, or `told`.
fn report(args: &LearnArgs, record: &RunRecord, told: &[String]) -> anyhow::Result<ExitCode> {
    if args.json {
        output::json(record)?;
        return Ok(ExitCode::SUCCESS);
    }
    let minutes = record.seconds / 60.0;
    let speed = record.examples_seen as f64 / record.seconds.max(1e-9);
    output::line(&format!(
        "{} steps in {minutes:.1} minutes, {} tokens, {speed:.1} examples a second",
        record.steps, record.tokens
    ))?;
    for line in told {
        output::line(line)?;
    }
    output::line(&format!("The model is in {}", args.out.join("checkpoint").display()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_command_line_that_is_no_utf_8_is_quoted_all_the_same() {
        let typed = [OsString::from("train"), OsString::from_vec(b"caf\xe9.txt".to_vec())];
        assert_eq!(words(typed.into_iter()), ["train", "caf\u{fffd}.txt"]);
    }
}
