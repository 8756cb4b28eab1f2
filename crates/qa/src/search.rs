//! One search through the house: the passages that may answer, not read.

use clinqa_index::PassageIndex;
use clinqa_retrieval::{Retrieved, Retriever};
use clinqa_schema::{Filters, PassageId, Question, Reading, Trace, Turn, WordScore};

use crate::{AnswerConfig, Engine, Error, Explain, Search, cite, quote_around};

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The question or words.
    pub question: Question,
    /// The turns before it, the last one last.
    pub history: Vec<Turn>,
    /// Which documents are looked through.
    pub filters: Filters,
    /// Passages to list.
    pub top_k: usize,
    /// What is searched.
    pub search: Search,
    /// Whether it is told what each word adds.
    pub explain: Explain,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Each passage whole, best first.
    pub results: Vec<Reading>,
    /// How they were found.
    pub trace: Trace,
    /// What each word that was searched for adds to the BM25 score of each result; nothing unless asked for.
    pub words: Vec<Vec<WordScore>>,
}

/// Lists passages without reading them. No rule is asked: staff look for what they like.
pub fn search(engine: &Engine, lookup: &Lookup, config: &AnswerConfig) -> Result<Found, Error> {
    let encoder = engine.encoder().filter(|_| lookup.search == Search::Fused);
    let retriever = Retriever { index: engine.index(), encoder, config: config.retrieval };
    let found = retriever.retrieve(&lookup.question, &lookup.history, &lookup.filters, lookup.top_k)?;
    told(engine.index(), found, lookup.explain)
}

/// What was retrieved, with what is told of each passage.
pub(crate) fn told(index: &dyn PassageIndex, found: Retrieved, explain: Explain) -> Result<Found, Error> {
    let results = listed(index, &found)?;
    if explain == Explain::No {
        return Ok(Found { results, trace: found.trace, words: Vec::new() });
    }
    let ids: Vec<PassageId> = results.iter().map(|reading| reading.citation.passage_id.clone()).collect();
    let words = index.word_scores(&found.understood.lexical, &ids)?;
    Ok(Found { results, trace: found.trace, words })
}

/// Each passage that was retrieved, whole, as a citation with its score.
pub fn listed(index: &dyn PassageIndex, retrieved: &Retrieved) -> Result<Vec<Reading>, Error> {
    let mut results = Vec::with_capacity(retrieved.passages.len());
    // One document's share is bounded, so that passages are not in the order of scores.
    for passage in &retrieved.passages {
        let id = &passage.id().document;
        let lost = || Error::Lost { document: id.to_string() };
        let document = index.document(id)?.ok_or_else(lost)?;
        let whole = quote_around(passage.text(), &(0..passage.text().len()));
        results.push(Reading {
            citation: cite(&document, passage, &whole),
            score: retrieved.ranking.score_of(passage.id()).unwrap_or(0.0),
        });
    }
    Ok(results)
}
