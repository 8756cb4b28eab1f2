//! Texts in, one result each out, in order: from an argument, files, standard input, or a batch of JSON Lines.

use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use clinqa_encoder::EncodeError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::TextsArgs;
use crate::batch::{self, Failed, Form, Named};
use crate::commands::{UsageError, open_file};
use crate::output;

/// A longer line of a batch is refused in its place; so is a longer file.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// A line of a batch.
const FORM: Form =
    Form { most_bytes: MAX_TEXT_BYTES, field: "text", types: "`text` must be a text", help: "clinqa label --help" };

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

/// One line of a batch.
#[derive(Deserialize)]
struct Line {
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
            let text = whole(&name, open_file(path)?)?;
            Ok((Value::from(name), text))
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
    input.take(MAX_TEXT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_TEXT_BYTES {
        return Err(UsageError::LongText { path: name.to_owned(), limit: MAX_TEXT_BYTES as u64 });
    }
    String::from_utf8(bytes).map_err(|_| UsageError::NoUtf8 { path: name.to_owned() })
}

/// One result a line, in order; a bad line yields an error in its place.
fn many<V: Verb>(verb: &V, batch: &Path) -> anyhow::Result<ExitCode> {
    let together = if batch::is_stdin(batch) { 1 } else { TOGETHER };
    let mut waiting = Vec::with_capacity(together);
    let mut succeeded = 0;
    for bytes in batch::lines(batch, FORM)? {
        waiting.push(FORM.read(&bytes?));
        if waiting.len() == together {
            succeeded += answer(verb, &mut waiting)?;
        }
    }
    succeeded += answer(verb, &mut waiting)?;
    Ok(if succeeded > 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Tells of every line that waits; how many went well.
fn answer<V: Verb>(verb: &V, waiting: &mut Vec<Result<(Value, Line), Failed>>) -> anyhow::Result<u64> {
    let texts: Vec<&str> = waiting.iter().flatten().map(|(_, line)| line.text.as_str()).collect();
    // Together they are faster; if that fails, each is tried alone, so that one bad text is not the others' fault.
    let mut told = match verb.apply(&texts) {
        Ok(told) => told.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(_) => texts.iter().map(|text| verb.apply(&[text]).map(Vec::into_iter)).map(first).collect(),
    }
    .into_iter();
    let mut succeeded = 0;
    for line in waiting.drain(..) {
        match line.map(|(id, _)| (id, told.next())) {
            Ok((id, Some(Ok(told)))) => {
                succeeded += 1;
                output::json(&Named { id, told })?;
            }
            Ok((id, Some(Err(error)))) => {
                output::json(&Failed::new(id, "internal", error))?;
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
