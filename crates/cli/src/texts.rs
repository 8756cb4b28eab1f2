//! Texts in, one result each out, in order: from an argument, files, standard input, or a batch of JSON Lines.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::process::ExitCode;

use clinqa_encoder::EncodeError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::TextsArgs;
use crate::commands::UsageError;
use crate::output;

/// A longer line of a batch is refused in its place; so is a longer file.
const MAX_TEXT_BYTES: u64 = 8 << 20;

/// Lines of a file that are computed together. Standard input is answered line by line: somebody may wait for each.
const TOGETHER: usize = 64;

/// What a verb makes of texts.
pub(crate) trait Verb {
    /// What is told of one text.
    type Told: Serialize;

    /// One result a text, in order.
    fn apply(&self, texts: &[&str]) -> Result<Vec<Self::Told>, EncodeError>;

    /// As a person reads it.
    fn show(&self, told: &Self::Told) -> String;
}

#[derive(Serialize)]
struct Named<T> {
    #[serde(skip_serializing_if = "Value::is_null")]
    id: Value,
    #[serde(flatten)]
    told: T,
}

#[derive(Serialize)]
struct Failed {
    #[serde(skip_serializing_if = "Value::is_null")]
    id: Value,
    error: Failure,
}

#[derive(Serialize)]
struct Failure {
    code: &'static str,
    message: String,
}

/// One line of a batch; unknown fields are ignored.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    text: String,
}

/// Applies `verb` to the texts that were named.
pub(crate) fn run<V: Verb>(verb: &V, args: &TextsArgs) -> anyhow::Result<ExitCode> {
    if let Some(batch) = &args.batch {
        return many(verb, batch);
    }
    let texts: Vec<(Value, String)> = if let Some(text) = &args.text {
        vec![(Value::Null, text.clone())]
    } else if args.file.is_empty() {
        vec![(Value::Null, whole("standard input", io::stdin().lock())?)]
    } else {
        let file = |path: &Path| {
            let name = path.display().to_string();
            let opened = std::fs::File::open(path).map_err(|source| UsageError::Open { path: name.clone(), source })?;
            Ok((Value::from(name.as_str()), whole(&name, opened)?))
        };
        args.file.iter().map(|path| file(path)).collect::<Result<_, UsageError>>()?
    };
    let named = texts.len() > 1;
    for (id, text) in texts {
        let told = verb.apply(&[text.as_str()])?.pop();
        let Some(told) = told else { continue };
        if args.json {
            output::json(&Named { id, told })?;
        } else {
            let head = id.as_str().filter(|_| named).map(|name| format!("{name}\n")).unwrap_or_default();
            output::line(&format!("{head}{}", verb.show(&told)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A whole text in UTF-8, kept as it is: offsets count from its first character.
fn whole(name: &str, input: impl Read) -> Result<String, UsageError> {
    let failed = |source| UsageError::Open { path: name.to_owned(), source };
    let mut bytes = Vec::new();
    input.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(UsageError::LongText { path: name.to_owned(), limit: MAX_TEXT_BYTES });
    }
    String::from_utf8(bytes).map_err(|_| UsageError::NoUtf8 { path: name.to_owned() })
}

/// One result a line, in order; a bad line yields an error in its place.
fn many<V: Verb>(verb: &V, batch: &Path) -> anyhow::Result<ExitCode> {
    let from_stdin = batch == Path::new("-");
    let input: Box<dyn BufRead> = if from_stdin {
        Box::new(io::stdin().lock())
    } else {
        let failed = |source| UsageError::Open { path: batch.display().to_string(), source };
        Box::new(io::BufReader::new(std::fs::File::open(batch).map_err(failed)?))
    };
    let together = if from_stdin { 1 } else { TOGETHER };
    let mut waiting = Vec::with_capacity(together);
    let mut succeeded = 0;
    for bytes in input.split(b'\n') {
        let bytes = bytes?;
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        waiting.push(line(&bytes));
        if waiting.len() == together {
            succeeded += answer(verb, &mut waiting)?;
        }
    }
    succeeded += answer(verb, &mut waiting)?;
    Ok(if succeeded > 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Tells of every line that waits; how many went well.
fn answer<V: Verb>(verb: &V, waiting: &mut Vec<Result<Line, Failed>>) -> anyhow::Result<u64> {
    let texts: Vec<&str> = waiting.iter().flatten().map(|line| line.text.as_str()).collect();
    // Together they are faster; if that fails, each is tried alone, so that one bad text is not the others' fault.
    let mut told = match verb.apply(&texts) {
        Ok(told) => told.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(_) => texts.iter().map(|text| verb.apply(&[text]).map(Vec::into_iter)).map(first).collect(),
    }
    .into_iter();
    let mut succeeded = 0;
    for line in waiting.drain(..) {
        match line.map(|line| (line.id, told.next())) {
            Ok((id, Some(Ok(told)))) => {
                succeeded += 1;
                output::json(&Named { id, told })?;
            }
            Ok((id, Some(Err(error)))) => {
                let error = Failure { code: "internal", message: error.to_string() };
                output::json(&Failed { id, error })?;
            }
            Ok((_, None)) => {}
            Err(failed) => output::json(&failed)?,
        }
    }
    Ok(succeeded)
}

fn first<T>(told: Result<std::vec::IntoIter<T>, EncodeError>) -> Result<T, EncodeError> {
    let none = || EncodeError::Tokenize { bytes: 0, detail: "it gave no result".to_owned() };
    told.and_then(|mut told| told.next().ok_or_else(none))
}

fn line(bytes: &[u8]) -> Result<Line, Failed> {
    let malformed = |id: Value, message: String| Failed { id, error: Failure { code: "malformed", message } };
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        let message = format!("the line has {} bytes; the limit is {MAX_TEXT_BYTES}", bytes.len());
        return Err(malformed(Value::Null, message));
    }
    // serde_json's own message may repeat what was typed: only the place is told.
    let no_json = |error: serde_json::Error| {
        malformed(Value::Null, format!("not a JSON object with `text` (column {})", error.column()))
    };
    let value: Value = serde_json::from_slice(bytes).map_err(no_json)?;
    let id = value.get("id").cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|_| malformed(id, "`text` must be a text".to_owned()))
}
