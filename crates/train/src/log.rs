//! How did the run go, step by step?
//!
//! `log.jsonl` holds one JSON object a line. A run that was killed may leave half a line at the end, and lines of steps that
//! are done again when it is resumed: both are dropped when the log is read.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::Score;

/// One line of the log: the steps since the line before, or a look at the development part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Optimizer steps done.
    pub step: u64,
    /// Passes over the data done, with fractions.
    pub epoch: f64,
    /// The mean training loss since the line before.
    pub loss: f64,
    /// The learning rate of the last step.
    pub rate: f64,
    /// Tokens learned from in a second, since the line before.
    pub tokens_per_second: f64,
    /// The score on the development part, if this step was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<Score>,
}

/// Appends a line.
pub fn write_line(out: &mut dyn Write, line: &LogLine) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    // One write, so that a line is whole or missing unless the disk is full.
    out.write_all(&text)
}

/// The lines up to and including `last_step`, in order, each step once: of a step that was done again the later line
/// counts. What is no line of a log is passed over.
pub fn read_lines(input: impl BufRead, last_step: u64) -> io::Result<Vec<LogLine>> {
    let mut lines: Vec<LogLine> = Vec::new();
    for text in input.split(b'\n') {
        let Ok(line) = serde_json::from_slice::<LogLine>(&text?) else { continue };
        while lines.last().is_some_and(|before| before.step >= line.step) {
            lines.pop();
        }
        if line.step <= last_step {
            lines.push(line);
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, loss: f64) -> LogLine {
        LogLine { step, epoch: 0.5, loss, rate: 3e-5, tokens_per_second: 800.0, dev: None }
    }

    #[test]
    fn what_is_written_is_read_and_a_step_done_again_counts_once() {
        let score = Score { name: "f1".to_owned(), value: 0.5, loss: 1.5, others: Vec::new() };
        let scored = LogLine { dev: Some(score), ..line(3, 1.0) };
        let mut out = Vec::new();
        for line in [&line(1, 3.0), &line(2, 2.0), &line(3, 9.0), &line(2, 2.5), &scored] {
            write_line(&mut out, line).expect("memory");
        }
        out.extend_from_slice(b"{\"step\": 4, \"ep");
        let read = read_lines(out.as_slice(), 100).expect("memory");
        assert_eq!(read, [line(1, 3.0), line(2, 2.5), scored]);
        assert_eq!(read_lines(out.as_slice(), 2).expect("memory").len(), 2);
    }
}
