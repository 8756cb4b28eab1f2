//! One JSON object a line in, one a line out, in order: what every verb with `--batch` shares.

use std::fmt::Display;
use std::io::{self, BufRead, Read as _};
use std::iter;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::commands::{UsageError, open_file};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A line that went well.
#[derive(Serialize)]
pub(crate) struct Named<T> {
    /// The line's own; left out where it had none.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) id: Value,
    /// What is told of it.
    #[serde(flatten)]
    pub(crate) told: T,
}

/// A line that did not, in its place.
#[derive(Serialize)]
pub(crate) struct Failed {
    #[serde(skip_serializing_if = "Value::is_null")]
    id: Value,
    error: Failure,
}

#[derive(Serialize)]
struct Failure {
    code: &'static str,
    message: String,
}

impl Failed {
    pub(crate) fn new(id: Value, code: &'static str, message: impl Display) -> Self {
        Self { id, error: Failure { code, message: message.to_string() } }
    }
}

/// What a line must be, in the words of whoever is told that one is not.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// Bytes it may have.
    pub(crate) most_bytes: usize,
    /// The field that it cannot be without.
    pub(crate) field: &'static str,
    /// Which field is of which type.
    pub(crate) types: &'static str,
    /// The command that tells more.
    pub(crate) help: &'static str,
}

impl Form {
    /// A line's id and the rest of it. Unknown fields are ignored, and nothing of the line is repeated.
    pub(crate) fn read<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<(Value, T), Failed> {
        let malformed = |id: Value, message: String| Failed::new(id, "malformed", message);
        if bytes.len() > self.most_bytes {
            let message = format!("the line has more than {} bytes", self.most_bytes);
            return Err(malformed(Value::Null, message));
        }
        // serde_json's own message may repeat what was typed: only the place is told.
        let no_json = |error: serde_json::Error| {
            let (field, help, column) = (self.field, self.help, error.column());
            malformed(Value::Null, format!("not a JSON object with `{field}` (column {column}); see `{help}`"))
        };
        let value: Value = serde_json::from_slice(bytes).map_err(no_json)?;
        let id = value.get("id").cloned().unwrap_or_default();
        match serde_json::from_value(value) {
            Ok(rest) => Ok((id, rest)),
            Err(_) => Err(malformed(id, format!("{}; see `{}`", self.types, self.help))),
        }
    }
}

/// Whether the lines come from standard input, where somebody may wait for each.
pub(crate) fn is_stdin(batch: &Path) -> bool {
    batch == Path::new("-")
}

/// The lines of `batch`, a file or `-`, without those that are blank. Of one with more bytes than `form` allows only so
/// many are kept as show that it is too long, however long it is.
pub(crate) fn lines(batch: &Path, form: Form) -> Result<impl Iterator<Item = io::Result<Vec<u8>>>, UsageError> {
    let mut input: Box<dyn BufRead> =
        if is_stdin(batch) { Box::new(io::stdin().lock()) } else { Box::new(open_file(batch)?) };
    let is_blank = |line: &io::Result<Vec<u8>>| line.as_ref().is_ok_and(|bytes| bytes.trim_ascii().is_empty());
    // Editors of some systems put a byte-order mark before the first line.
    if input.fill_buf().is_ok_and(|bytes| bytes.starts_with(BYTE_ORDER_MARK)) {
        input.consume(BYTE_ORDER_MARK.len());
    }
    Ok(iter::from_fn(move || line(&mut *input, form.most_bytes).transpose()).filter(move |line| !is_blank(line)))
}

fn line(input: &mut dyn BufRead, most_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if (&mut *input).take(most_bytes as u64 + 2).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() > most_bytes {
        input.skip_until(b'\n')?;
    }
    Ok(Some(bytes))
}
