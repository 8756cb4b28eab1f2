//! `clinqa search`: the passages that may answer, not read.

use std::process::ExitCode;

use clinqa_index::PassageIndex;
use clinqa_qa::{AnswerConfig, Error, listed};
use clinqa_retrieval::Retriever;
use clinqa_schema::{Question, Reading, Trace};
use serde::Serialize;

use super::{filters, opened, store_with_index};
use crate::args::SearchArgs;
use crate::models;
use crate::output::{self, Style};
use crate::settings::Settings;

#[derive(Serialize)]
struct Found {
    results: Vec<Reading>,
    generation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Trace>,
}

pub(crate) fn run(settings: &Settings, args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let question = Question::new(&args.query)?;
    let filters = filters(&args.search)?;
    let store = store_with_index(settings)?;
    let index = opened(&store, args.search.generation.as_ref()).map_err(Error::from)?;
    let words_only = args.search.lexical_only || index.manifest().encoder.is_none();
    let encoder = if words_only { None } else { Some(models::encoder(settings)?) };
    if let Some(encoder) = &encoder {
        index.require_encoder(&clinqa_qa::identity(encoder)).map_err(Error::from)?;
    }
    let config = AnswerConfig::default().retrieval;
    let retriever = Retriever { index: &index, encoder: encoder.as_ref(), config };
    let found = retriever.retrieve(&question, &[], &filters, usize::from(args.top_k)).map_err(Error::from)?;
    let results = listed(&index, &found)?;
    let trace = args.search.explain.then_some(found.trace);
    if args.search.json {
        output::json(&Found { results, generation: index.manifest().id.to_string(), trace })?;
        return Ok(ExitCode::SUCCESS);
    }
    let style = Style::of_stdout();
    output::line(&output::passages(&results, style))?;
    if let Some(trace) = trace {
        output::line(&output::explain(&trace, style))?;
    }
    Ok(ExitCode::SUCCESS)
}
