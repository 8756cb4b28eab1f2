//! How did the run go, step by step?
//!
//! `log.jsonl` holds one JSON object a line. A run that was killed may leave half a line at the end: it is dropped when
//! the log is read, like whatever else is no line of a log.

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use crate::Score;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogLine {
    /// An optimizer step.
    Step {
        /// Counted from 1.
        step: u64,
        /// The mean loss of its batches.
        loss: f64,
        /// The learning rate.
        rate: f64,
        /// Tokens learned from so far.
        tokens: u64,
        /// Seconds of work so far.
        seconds: f64,
    },
    /// A look at the development part.
    Score {
        /// Steps done; 0 before the first.
        step: u64,
        /// What it found.
        score: Score,
    },
}

/// The lines of a log, in order.
pub fn read_lines(input: impl BufRead) -> io::Result<Vec<LogLine>> {
    let mut lines = Vec::new();
    for text in input.split(b'\n') {
        lines.extend(serde_json::from_slice(&text?).ok());
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_half_a_line_is_dropped() {
        let text = concat!(
            r#"{"kind":"score","step":0,"epoch":0,"score":{"name":"f1","value":0.1,"loss":5.0}}"#,
            "\n",
            r#"{"kind":"step","step":1,"epoch":1,"loss":4.5,"rate":1e-5,"norm":2.0,"tokens":100,"seconds":1.0}"#,
            "\nnoise\n",
            r#"{"kind":"step","step":2,"epoch":1,"loss":4.0,"rate":2e-5,"norm":2.0,"tokens":300,"seconds":1.5}"#,
            "\n",
            r#"{"kind":"step","step":3,"ep"#
        );
        let lines = read_lines(text.as_bytes()).expect("memory");
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], LogLine::Step { step: 1, loss: 4.5, rate: 1e-5, tokens: 100, seconds: 1.0 });
    }
}
