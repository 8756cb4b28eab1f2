//! `clinqa search`: the passages that may answer, not read.

use std::process::ExitCode;

use clinqa_index::PassageIndex;
use clinqa_qa::{AnswerConfig, Error, cite, quote_around};
use clinqa_retrieval::{Retrieved, Retriever};
use clinqa_schema::{Question, Reading, Trace};
use serde::Serialize;

use super::{filters, store_with_index};
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
    let index = store.open_current().map_err(Error::from)?;
    let words_only = args.search.lexical_only || index.manifest().encoder.is_none();
    let encoder = if words_only { None } else { Some(models::encoder(settings)?) };
    if let Some(encoder) = &encoder {
        index.require_encoder(&clinqa_qa::identity(encoder)).map_err(Error::from)?;
    }
    let config = AnswerConfig::default().retrieval;
    let retriever = Retriever { index: &index, encoder: encoder.as_ref(), config };
    let found = retriever.retrieve(&question, &[], &filters, usize::from(args.top_k)).map_err(Error::from)?;
    let results = results(&index, &found)?;
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

/// Each passage whole, as a citation with its score.
fn results(index: &dyn PassageIndex, retrieved: &Retrieved) -> anyhow::Result<Vec<Reading>> {
    let mut results = Vec::with_capacity(retrieved.passages.len());
    for (passage, hit) in retrieved.passages.iter().zip(retrieved.ranking.hits()) {
        let id = &passage.id().document;
        let lost = || Error::Lost { document: id.to_string() };
        let document = index.document(id).map_err(Error::from)?.ok_or_else(lost)?;
        let whole = quote_around(passage.text(), &(0..passage.text().len()));
        results.push(Reading { citation: cite(&document, passage, &whole), score: hit.score });
    }
    Ok(results)
}
