//! `clinqa ask`: one question, or a batch of them.

use std::io::{self, BufRead};
use std::path::Path;
use std::process::ExitCode;

use clinqa_index::{PassageIndex, Store};
use clinqa_qa::{AnswerConfig, Ask, Engine, Error, Explain, Fault, Search, answer, emergency};
use clinqa_safety::Rules;
use clinqa_schema::{Filters, Outcome, Question, Reply, Turn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Desk, engine, filters, open_file, opened, store_with_index};
use crate::args::AskArgs;
use crate::output::{self, Style};
use crate::settings::Settings;

/// Passages for further reading, unless asked otherwise.
const READING: u16 = 3;

/// A longer line of a batch is not a question with its history.
const MAX_LINE_BYTES: usize = 1 << 20;

pub(crate) fn run(settings: &Settings, args: &AskArgs) -> anyhow::Result<ExitCode> {
    let template = template(args)?;
    let single = args.question.as_deref().map(Question::new).transpose()?;
    match (single, &args.batch) {
        (Some(question), _) => one(settings, args, &Ask { question, ..template }),
        (None, Some(batch)) => {
            let store = store_with_index(settings)?;
            let desk = Desk { settings, store: &store, generation: args.search.generation.as_ref() };
            many(&engine(&desk, template.search, Rules::embedded()?)?, &template, batch)
        }
        (None, None) => Ok(ExitCode::from(2)),
    }
}

/// Everything but the question.
fn template(args: &AskArgs) -> anyhow::Result<Ask> {
    let placeholder = Question::new("placeholder")?;
    Ok(Ask {
        question: placeholder,
        history: Vec::new(),
        filters: filters(&args.search)?,
        region: args.region,
        top_k: usize::from(args.top_k.unwrap_or(READING)),
        search: if args.search.lexical_only { Search::LexicalOnly } else { Search::Fused },
        explain: if args.search.explain { Explain::Yes } else { Explain::No },
    })
}

/// An emergency is told at once, whatever state the index is in; anything else waits for index and models.
fn one(settings: &Settings, args: &AskArgs, ask: &Ask) -> anyhow::Result<ExitCode> {
    let config = AnswerConfig::default();
    let generation = args.search.generation.as_ref();
    let known = opened(&Store::at(&settings.index), generation).ok();
    let known = known.as_ref().map(|generation| generation as &dyn PassageIndex);
    let rules = Rules::embedded()?;
    let reply = if let Some(reply) = emergency(&rules, known, ask, &config) {
        reply
    } else {
        let store = store_with_index(settings)?;
        answer(&engine(&Desk { settings, store: &store, generation }, ask.search, rules)?, ask, &config)?
    };
    if args.search.json {
        output::json(&reply)?;
    } else {
        output::line(&output::reply(&reply, Style::of_stdout()))?;
    }
    let abstained = args.strict && reply.outcome != Outcome::Answered;
    Ok(if abstained { ExitCode::from(output::ABSTAINED) } else { ExitCode::SUCCESS })
}

/// One question of a batch; unknown fields are ignored.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    question: String,
    #[serde(default)]
    history: Vec<Turn>,
    #[serde(default)]
    filters: Option<Filters>,
}

#[derive(Serialize)]
struct Answered {
    #[serde(skip_serializing_if = "Value::is_null")]
    id: Value,
    #[serde(flatten)]
    reply: Reply,
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

/// One reply a line, in order; a bad line yields an error in its place.
fn many(engine: &Engine, template: &Ask, batch: &Path) -> anyhow::Result<ExitCode> {
    let input: Box<dyn BufRead> =
        if batch == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(open_file(batch)?) };
    let mut succeeded = 0_u64;
    for bytes in input.split(b'\n') {
        let bytes = bytes?;
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        match line(engine, template, &bytes) {
            Ok(answered) => {
                succeeded += 1;
                output::json(&answered)?;
            }
            Err(failed) => output::json(&failed)?,
        }
    }
    Ok(if succeeded > 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn line(engine: &Engine, template: &Ask, bytes: &[u8]) -> Result<Answered, Failed> {
    let malformed = |id: Value, message: String| Failed { id, error: Failure { code: "malformed", message } };
    if bytes.len() > MAX_LINE_BYTES {
        let message = format!("the line has {} bytes; the limit is {MAX_LINE_BYTES}", bytes.len());
        return Err(malformed(Value::Null, message));
    }
    // serde_json's own message may repeat what was typed: only the place is told.
    let no_json = |error: serde_json::Error| {
        let message = format!("not a JSON object with `question` (column {}); see `clinqa ask --help`", error.column());
        malformed(Value::Null, message)
    };
    let value: Value = serde_json::from_slice(bytes).map_err(no_json)?;
    let id = value.get("id").cloned().unwrap_or_default();
    let wrong_fields = |_| {
        malformed(
            id,
            "`question` must be a text, `history` a list of turns, `filters` an object; see `clinqa ask --help`"
                .to_owned(),
        )
    };
    let Line { id, question, history, filters } = serde_json::from_value(value).map_err(wrong_fields)?;
    let failed = |error: &Error, id: Value| {
        let code = match error.fault() {
            Fault::Request => "unusable",
            Fault::Index => "index",
            Fault::Internal => "internal",
        };
        Failed { id, error: Failure { code, message: error.to_string() } }
    };
    let question = Question::new(&question).map_err(|error| failed(&error.into(), id.clone()))?;
    let filters = filters.unwrap_or_else(|| template.filters.clone());
    let ask = Ask { question, history, filters, ..template.clone() };
    let config = AnswerConfig::default();
    // An emergency gets the reply that it gets alone.
    let urgent = emergency(&engine.models().rules, Some(engine.index()), &ask, &config);
    match urgent.map_or_else(|| answer(engine, &ask, &config), Ok) {
        Ok(reply) => Ok(Answered { id, reply }),
        Err(error) => Err(failed(&error, id)),
    }
}
