//! What was wrong with a file that we were handed?

use std::collections::BTreeSet;
use std::io::{self, BufRead};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

/// How much of an unexpected line an error repeats, in characters.
const FOUND_CHARS: usize = 60;

/// Why a file could not be read. Questions never enter it: of JSON only the place and the kind of the fault are told.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes could not be had, or are not UTF-8.
    #[error("cannot read {format}: {source}; check that it is readable and is UTF-8 text")]
    Io {
        /// What was being read, with its article.
        format: &'static str,
        /// What the reader said.
        source: io::Error,
    },
    /// A line of a table is not what it should be.
    #[error("cannot read {format}, line {line}: expected {expected}, found {found:?}; correct the line")]
    Line {
        /// What was being read, with its article.
        format: &'static str,
        /// Counted from 1.
        line: usize,
        /// What would have been right.
        expected: &'static str,
        /// What was there, shortened.
        found: String,
    },
    /// JSON that does not parse, or has another shape.
    #[error("cannot read {format}, line {line}, column {column}: {problem}, expected {expected}; correct the file")]
    Json {
        /// What was being read, with its article.
        format: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
        /// The kind of fault; never the content.
        problem: &'static str,
        /// What would have been right.
        expected: &'static str,
    },
    /// One id names two things.
    #[error("cannot read {format}: the id {id:?} is there twice; give each question its own id")]
    Repeated {
        /// What was being read, with its article.
        format: &'static str,
        /// The id.
        id: String,
    },
    /// Nothing is in the file.
    #[error("cannot read {format}: expected {expected}, found nothing; check that the right file was named")]
    Empty {
        /// What was being read, with its article.
        format: &'static str,
        /// What would have been right.
        expected: &'static str,
    },
}

impl ReadError {
    pub(crate) fn line(format: &'static str, line: usize, expected: &'static str, found: &str) -> Self {
        Self::Line { format, line, expected, found: found.chars().take(FOUND_CHARS).collect() }
    }
}

/// The lines that hold something, each with its number from 1, without a byte order mark or trailing white space.
pub(crate) fn numbered_lines(
    format: &'static str,
    input: impl BufRead,
) -> impl Iterator<Item = Result<(usize, String), ReadError>> {
    let lines = input.lines().enumerate().map(move |(index, line)| match line {
        Ok(line) => Ok((index + 1, line.trim_start_matches('\u{feff}').trim_end().to_owned())),
        Err(source) => Err(ReadError::Io { format, source }),
    });
    lines.filter(|line| line.as_ref().map_or(true, |(_, text)| !text.is_empty()))
}

/// Parses one whole JSON document.
pub(crate) fn read_json<T: DeserializeOwned>(
    format: &'static str,
    expected: &'static str,
    mut input: impl BufRead,
) -> Result<T, ReadError> {
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(|source| ReadError::Io { format, source })?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(ReadError::Empty { format, expected });
    }
    serde_json::from_str(text).map_err(|error| json_error(format, expected, 0, &error))
}

/// An error of `serde_json` without the content that its own message would repeat; `lines_before` is added to its line.
pub(crate) fn json_error(
    format: &'static str,
    expected: &'static str,
    lines_before: usize,
    error: &serde_json::Error,
) -> ReadError {
    let problem = match error.classify() {
        Category::Eof => "the JSON ends too early",
        Category::Data => "a field is missing or of another type",
        Category::Syntax | Category::Io => "this is not JSON",
    };
    ReadError::Json { format, line: lines_before + error.line(), column: error.column(), problem, expected }
}

/// Refuses an id that was seen before.
pub(crate) fn note_id(format: &'static str, seen: &mut BTreeSet<String>, id: &str) -> Result<(), ReadError> {
    if seen.insert(id.to_owned()) {
        return Ok(());
    }
    Err(ReadError::Repeated { format, id: id.to_owned() })
}

/// An id that some data sets write as a number (COVID-QA) and others as a string.
pub(crate) fn id_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_error_tells_the_place_and_never_the_content() {
        let error = read_json::<Vec<u32>>("a list", "numbers", "\n[1, \"my private question\"]".as_bytes())
            .expect_err("a string is no number");
        let text = error.to_string();
        assert!(text.contains("line 2"), "{text}");
        assert!(!text.contains("private"), "{text}");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error_and_not_a_panic() {
        let mut lines = numbered_lines("a table", &b"good\n\xff\xfe\n"[..]);
        assert_eq!(lines.next().expect("a line").expect("good"), (1, "good".to_owned()));
        assert!(matches!(lines.next(), Some(Err(ReadError::Io { .. }))));
    }

    #[test]
    fn an_unexpected_line_is_repeated_only_in_part() {
        let error = ReadError::line("a table", 3, "two columns", &"é".repeat(500));
        assert!(error.to_string().chars().count() < 200);
    }
}
