//! What happened at each step, a JSON object a line.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::state::Position;
use super::{failed, write};
use crate::{Score, TrainError};

/// The log of a run; every line is a whole object and has its `step`.
pub(crate) struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    pub(crate) fn step(&mut self, position: &Position, [loss, rate, norm]: [f64; 3]) -> Result<(), TrainError> {
        let Position { step, epoch, tokens, seconds, .. } = position;
        self.line(&json!({
            "kind": "step", "step": step, "epoch": epoch + 1, "loss": loss, "rate": rate, "norm": norm,
            "tokens": tokens, "seconds": seconds,
        }))
    }

    pub(crate) fn score(&mut self, epoch: u64, step: u64, score: &Score) -> Result<(), TrainError> {
        self.line(&json!({"kind": "score", "step": step, "epoch": epoch, "score": score}))
    }

    /// Drops the lines of steps after `position`, and of scores that it does not know of yet: a run that goes on from there
    /// writes them anew.
    pub(crate) fn forget_after(&mut self, position: &Position) -> Result<(), TrainError> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let stays = |line: &&str| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let has_at_most = |field: &str, most: u64| line[field].as_u64().is_some_and(|found| found <= most);
            has_at_most("step", position.step) && (line["kind"] != "score" || has_at_most("epoch", position.epoch))
        };
        let kept: String = text.lines().filter(stays).flat_map(|line| [line, "\n"]).collect();
        self.file = None;
        let partial = self.path.with_extension("partial");
        write(&partial, kept.as_bytes())?;
        fs::rename(&partial, &self.path).map_err(failed(&self.path))
    }

    fn line(&mut self, line: &Value) -> Result<(), TrainError> {
        let failed = failed(&self.path);
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().create(true).append(true).open(&self.path).map_err(&failed)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(format!("{line}\n").as_bytes()).map_err(&failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_stored_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.jsonl");
        let score = Score { name: "f1".to_owned(), value: 0.5, loss: 1.0, others: Vec::new() };
        let mut log = Log::at(path.clone());
        let mut position = Position::default();
        log.score(0, 0, &score).expect("written");
        let told = |position: &Position| {
            let text = fs::read_to_string(&path).expect("a log");
            Log::at(path.clone()).forget_after(position).expect("written");
            (text.lines().count(), fs::read_to_string(&path).expect("a log").lines().count())
        };
        position.step = 1;
        log.step(&position, [1.0; 3]).expect("written");
        log.score(1, 1, &score).expect("written");
        // Killed between the score and the state that knows of it.
        assert_eq!(told(&position), (3, 2));
        let mut log = Log::at(path.clone());
        log.score(1, 1, &score).expect("written");
        position.epoch = 1;
        log.step(&Position { step: 2, ..Position::default() }, [1.0; 3]).expect("written");
        assert_eq!(told(&position), (4, 3));
    }
}
