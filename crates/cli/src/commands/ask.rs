//! `clinqa ask`: one question, or a batch of them.

use std::path::Path;
use std::process::ExitCode;

use clinqa_index::Store;
use clinqa_qa::{
    AnswerConfig, Ask, Engine, Error, Explain, Fault, Screened, Search, Triage, answer_screened, triage, with_reading,
};
use clinqa_safety::Rules;
use clinqa_schema::{Filters, Outcome, Question, Reply, Trace, Turn};
use serde::Deserialize;
use serde_json::Value;

use super::{Desk, engine, engine_on, filters, opened, store_with_index};
use crate::args::AskArgs;
use crate::batch::{self, Failed, Form, Named};
use crate::models;
use crate::output::{self, Style};
use crate::settings::Settings;

/// Passages for further reading, unless asked otherwise.
const READING: u16 = 3;

/// A line of a batch; a longer one is not a question with its history.
const FORM: Form = Form {
    most_bytes: 1 << 20,
    field: "question",
    types: "`question` must be a text, `history` a list of turns, `filters` an object with dates as YYYY, YYYY-MM or \
        YYYY-MM-DD",
    help: "clinqa ask --help",
};

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
    let (known, rules) = std::thread::scope(|scope| {
        let known = scope.spawn(|| opened(&Store::at(&settings.index), generation));
        let rules = Rules::embedded();
        (known.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), rules)
    });
    let rules = rules?;
    let reply = match triage(&rules, ask) {
        Triage::Emergency(reply) => match &known {
            Ok(index) => with_reading(*reply, index, ask, &config),
            Err(_) => *reply,
        },
        Triage::Other(screened) => {
            let store = store_with_index(settings)?;
            let desk = Desk { settings, store: &store, generation };
            // What is open is not opened again; what could not be opened says why, or is there by now.
            let engine = match known {
                Ok(generation) => engine_on(generation, models::open(settings, ask.search, rules)?)?,
                Err(_) => engine(&desk, ask.search, rules)?,
            };
            answered(&engine, ask, screened, &config)?
        }
    };
    if args.search.json {
        output::json(&reply)?;
    } else {
        output::line(&output::reply(&reply, Style::of_stdout()))?;
    }
    // A filter that nothing passes must not look like a question that nothing answers.
    if reply.outcome == Outcome::Abstained && reply.reading.is_empty() && ask.filters != Filters::default() {
        output::warn(&["nothing was found that passes the filters; leave them out, or look at what \
            `clinqa search --json` says of the documents that you mean"
            .to_owned()]);
    }
    let abstained = args.strict && reply.outcome != Outcome::Answered;
    Ok(if abstained { ExitCode::from(output::ABSTAINED) } else { ExitCode::SUCCESS })
}

/// The reply; where a second opinion was to be had and was not, that goes to stderr.
fn answered(engine: &Engine, ask: &Ask, screened: Screened, config: &AnswerConfig) -> Result<Reply, Error> {
    let mut reply = answer_screened(engine, &Ask { explain: Explain::Yes, ..ask.clone() }, screened, config)?;
    if reply.trace.as_ref().is_some_and(Trace::lacks_opinion) {
        output::warn(&["the second opinion could not be computed; what the rules said stands".to_owned()]);
    }
    reply.trace = reply.trace.filter(|_| ask.explain == Explain::Yes);
    Ok(reply)
}

/// One question of a batch.
#[derive(Deserialize)]
struct Line {
    question: String,
    #[serde(default)]
    history: Vec<Turn>,
    #[serde(default)]
    filters: Option<Filters>,
}

/// One reply a line, in order; a bad line yields an error in its place.
fn many(engine: &Engine, template: &Ask, batch: &Path) -> anyhow::Result<ExitCode> {
    let mut succeeded = 0_u64;
    for bytes in batch::lines(batch, FORM)? {
        match line(engine, template, &bytes?) {
            Ok(answered) => {
                succeeded += 1;
                output::json(&answered)?;
            }
            Err(failed) => output::json(&failed)?,
        }
    }
    Ok(if succeeded > 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn line(engine: &Engine, template: &Ask, bytes: &[u8]) -> Result<Named<Reply>, Failed> {
    let (id, Line { question, history, filters }) = FORM.read(bytes)?;
    let failed = |error: &Error, id: Value| {
        let code = match error.fault() {
            Fault::Request => "unusable",
            Fault::Index => "index",
            Fault::Internal => "internal",
        };
        Failed::new(id, code, error)
    };
    let question = Question::new(&question).map_err(|error| failed(&error.into(), id.clone()))?;
    let filters = filters.unwrap_or_else(|| template.filters.clone());
    let ask = Ask { question, history, filters, ..template.clone() };
    let config = AnswerConfig::default();
    // An emergency gets the reply that it gets alone.
    let told = match triage(&engine.models().rules, &ask) {
        Triage::Emergency(reply) => Ok(with_reading(*reply, engine.index(), &ask, &config)),
        Triage::Other(screened) => answered(engine, &ask, screened, &config),
    };
    match told {
        Ok(told) => Ok(Named { id, told }),
        Err(error) => Err(failed(&error, id)),
    }
}
