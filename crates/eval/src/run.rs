//! What did a system find?

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Write};

use clinqa_schema::Ranking;

use crate::error::{ReadError, numbered_lines};

const FORMAT: &str = "the run";
const LINE: &str = "six columns: query id, Q0, document id, rank, score as a finite number, tag";

/// A document with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredDocument {
    /// The document.
    pub document_id: String,
    /// Finite; higher is better.
    pub score: f32,
}

/// What a system found: query id → documents, best first, no document twice.
///
/// Documents stand in the order in which `trec_eval` reads a run: by score descending, and **equal scores by document
/// id descending** (bytes compared). `trec_eval` sorts every run so, whatever its rank column says; one order for
/// reading, writing and measuring is what makes our figures and its figures the same ones, ties or none. Scores are
/// 32 bits wide for the same reason: that is what it keeps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run(BTreeMap<String, Vec<ScoredDocument>>);

/// Why a run could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The writer failed.
    #[error("cannot write the run: {source}; check the space and the permissions of its folder")]
    Io {
        /// What the writer said.
        #[from]
        source: io::Error,
    },
    /// TREC columns are separated by white space, so no id may be empty or hold any.
    #[error("cannot write the run: {id:?} is no TREC column; use ids and tags without white space")]
    Column {
        /// The id or the tag.
        id: String,
    },
}

impl Run {
    /// Reads TREC run lines `qid Q0 docid rank score tag`. The rank column is passed over, as `trec_eval` does.
    pub fn read(input: impl BufRead) -> Result<Self, ReadError> {
        let mut lists: BTreeMap<String, Vec<ScoredDocument>> = BTreeMap::new();
        let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
        for numbered in numbered_lines(FORMAT, input) {
            let (number, line) = numbered?;
            let (query, document) = parse(number, &line)?;
            if !seen.insert((query.clone(), document.document_id.clone())) {
                return Err(ReadError::line(FORMAT, number, "each document once for a query", &line));
            }
            lists.entry(query).or_default().push(document);
        }
        for list in lists.values_mut() {
            list.sort_by(trec_order);
        }
        Ok(Self(lists))
    }

    /// Sets what was found for `query_id`. Keeps the best score of each document, drops scores that are not numbers,
    /// and brings infinite ones back to the finite range.
    pub fn insert(&mut self, query_id: impl Into<String>, found: impl IntoIterator<Item = (String, f32)>) {
        let mut best: BTreeMap<String, f32> = BTreeMap::new();
        for (document_id, score) in found {
            if score.is_nan() {
                continue;
            }
            let score = score.clamp(f32::MIN, f32::MAX);
            best.entry(document_id).and_modify(|kept| *kept = kept.max(score)).or_insert(score);
        }
        let mut list: Vec<_> =
            best.into_iter().map(|(document_id, score)| ScoredDocument { document_id, score }).collect();
        list.sort_by(trec_order);
        self.0.insert(query_id.into(), list);
    }

    /// Sets what was found for `query_id` from passages; a document counts with the best of its passages.
    pub fn insert_ranking(&mut self, query_id: impl Into<String>, ranking: &Ranking) {
        self.insert(query_id, ranking.hits().iter().map(|hit| (hit.passage_id.document.to_string(), hit.score)));
    }

    /// The documents found for a query, best first; empty if it was not asked.
    pub fn documents(&self, query_id: &str) -> &[ScoredDocument] {
        self.0.get(query_id).map_or(&[], Vec::as_slice)
    }

    /// Every query with its documents, by query id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[ScoredDocument])> {
        self.0.iter().map(|(query, list)| (query.as_str(), list.as_slice()))
    }

    /// How many queries were asked.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no query was asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same run with at most `depth` documents a query.
    #[must_use]
    pub fn truncated(mut self, depth: usize) -> Self {
        for list in self.0.values_mut() {
            list.truncate(depth);
        }
        self
    }

    /// Writes TREC run lines, ranks from 1, scores with the fewest digits that read back as the same `f32`.
    pub fn write(&self, tag: &str, out: &mut impl Write) -> Result<(), WriteError> {
        check_column(tag)?;
        for (query, list) in &self.0 {
            check_column(query)?;
            for (index, ScoredDocument { document_id, score }) in list.iter().enumerate() {
                check_column(document_id)?;
                writeln!(out, "{query} Q0 {document_id} {} {score} {tag}", index + 1)?;
            }
        }
        Ok(())
    }
}

/// By score descending, then by id descending. Scores in a run are finite, so 0 and −0 tie as they do in C.
fn trec_order(a: &ScoredDocument, b: &ScoredDocument) -> Ordering {
    let by_score = b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal);
    by_score.then_with(|| b.document_id.cmp(&a.document_id))
}

fn parse(number: usize, line: &str) -> Result<(String, ScoredDocument), ReadError> {
    let wrong = || ReadError::line(FORMAT, number, LINE, line);
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [query, _, document, _, score, _] = columns[..] else {
        return Err(wrong());
    };
    // C reads the number at double width and then narrows it; so do we, so that the same scores tie.
    let score = score.parse::<f64>().map_err(|_| wrong())? as f32;
    if !score.is_finite() {
        return Err(wrong());
    }
    Ok((query.to_owned(), ScoredDocument { document_id: document.to_owned(), score }))
}

fn check_column(id: &str) -> Result<(), WriteError> {
    if !id.is_empty() && !id.contains(char::is_whitespace) {
        return Ok(());
    }
    Err(WriteError::Column { id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use clinqa_schema::Hit;
    use proptest::prelude::*;

    use super::*;

    fn written(run: &Run) -> String {
        let mut bytes = Vec::new();
        run.write("tag", &mut bytes).expect("a vector takes all");
        String::from_utf8(bytes).expect("ids are text")
    }

    #[test]
    fn equal_scores_stand_by_document_id_descending_as_trec_eval_reads_them() {
        let text = "q Q0 a 1 0.5 t\nq Q0 c 2 0.5 t\nq Q0 b 3 0.5 t\nq Q0 z 4 0.25 t\nq Q0 best 5 1e1 t\n";
        let run = Run::read(text.as_bytes()).expect("a run");
        let ids: Vec<&str> = run.documents("q").iter().map(|d| d.document_id.as_str()).collect();
        assert_eq!(ids, ["best", "c", "b", "a", "z"]);
        assert!(run.documents("never asked").is_empty());
        assert_eq!(written(&run).lines().next(), Some("q Q0 best 1 10 tag"));
    }

    #[test]
    fn a_document_counts_with_the_best_of_its_passages() {
        let hit = |id: &str, score| Hit { passage_id: id.parse().expect("an id"), score };
        let mut run = Run::default();
        run.insert_ranking("q", &Ranking::new(vec![hit("x#0", 1.0), hit("y#3", 2.0), hit("x#1", 3.0)]));
        assert_eq!(written(&run), "q Q0 x 1 3 tag\nq Q0 y 2 2 tag\n");
        assert_eq!(written(&run.truncated(1)), "q Q0 x 1 3 tag\n");
    }

    #[test]
    fn an_error_names_the_line_and_what_it_should_be() {
        for (text, part) in [
            ("q Q0 a 1 0.5", "line 1: expected six columns"),
            ("q Q0 a 1 0.5 t\nq Q0 b 2 high t", "line 2: expected six columns"),
            ("q Q0 a 1 NaN t", "finite"),
            ("q Q0 a 1 1e39 t", "finite"),
            ("q Q0 a 1 0.5 t\nq Q0 a 2 0.4 t", "line 2: expected each document once"),
        ] {
            let error = Run::read(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_id_that_would_break_the_columns_is_not_written() {
        for (query, document, tag) in [("a b", "d", "t"), ("q", "", "t"), ("q", "d", "two words")] {
            let mut run = Run::default();
            run.insert(query, [(document.to_owned(), 1.0)]);
            assert!(matches!(run.write(tag, &mut Vec::new()), Err(WriteError::Column { .. })));
        }
    }

    proptest! {
        #[test]
        fn a_run_that_is_written_reads_back_the_same(
            found in prop::collection::btree_map("[a-d]{1,2}", prop::collection::vec(("[a-z]{1,3}", any::<f32>()), 1..9), 0..4)
        ) {
            let mut run = Run::default();
            for (query, list) in found {
                run.insert(query, list);
            }
            // A query without documents has no line, so it cannot come back.
            run.0.retain(|_, list| !list.is_empty());
            prop_assert_eq!(Run::read(written(&run).as_bytes()).expect("our own run"), run);
        }

        #[test]
        fn the_order_of_arrival_does_not_matter(list in prop::collection::vec(("[a-e]", 0u8..3), 0..12)) {
            let list: Vec<(String, f32)> = list.into_iter().map(|(id, score)| (id, f32::from(score))).collect();
            let (mut forwards, mut backwards) = (Run::default(), Run::default());
            forwards.insert("q", list.clone());
            backwards.insert("q", list.into_iter().rev());
            prop_assert_eq!(forwards, backwards);
        }
    }
}
