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

    /// Drops the lines of steps after `step`: a run that goes on from there writes them anew.
    pub(crate) fn forget_after(&mut self, step: u64) -> Result<(), TrainError> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let stays = |line: &&str| {
            let line: Option<Value> = serde_json::from_str(line).ok();
            line.and_then(|line| line.get("step")?.as_u64()).is_some_and(|found| found <= step)
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
