//! How well were the things that tags mark found?
//!
//! A thing counts as found if first word, last word and label are right: what seqeval reports in its default mode (and
//! conlleval before it). Figures are matched in `tests/parity/check_labels.py` and the stored ones below.

use std::collections::{BTreeMap, BTreeSet};

use clinqa_schema::word_spans;
use serde::{Deserialize, Serialize};

use crate::shares::{Counts, ShareTable};

/// What became of one sentence, as a line of a result file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagOutcome {
    /// The sentence: its place in the file, counted from 1.
    pub id: String,
    /// Its words.
    pub words: usize,
    /// Words whose tag is the one of the file.
    pub right: usize,
    /// What is there: first word, the word after the last, label.
    pub gold: Vec<(usize, usize, String)>,
    /// What was found.
    pub found: Vec<(usize, usize, String)>,
}

impl TagOutcome {
    /// Compares the tags of one sentence with those that it should have; a tag that is missing is an `O`.
    pub fn new<G: AsRef<str>, F: AsRef<str>>(id: String, gold: &[G], found: &[F]) -> Self {
        let tag = |at: usize| found.get(at).map_or("O", AsRef::as_ref);
        let found: Vec<&str> = (0..gold.len()).map(tag).collect();
        let right = gold.iter().zip(&found).filter(|(gold, found)| gold.as_ref() == **found).count();
        Self { id, words: gold.len(), right, gold: spans(gold), found: spans(&found) }
    }

    pub(crate) fn counts(&self) -> BTreeMap<&str, Counts> {
        let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
        let gold: BTreeSet<_> = self.gold.iter().collect();
        let found: BTreeSet<_> = self.found.iter().collect();
        for span in &gold {
            counts.entry(&span.2).or_default().gold += 1;
        }
        for span in &found {
            let of = counts.entry(&span.2).or_default();
            of.found += 1;
            of.right += usize::from(gold.contains(span));
        }
        counts
    }
}

fn spans<T: AsRef<str>>(tags: &[T]) -> Vec<(usize, usize, String)> {
    word_spans(tags).into_iter().map(|span| (span.words.start, span.words.end, span.label)).collect()
}

/// How well things were found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TagScores {
    /// Sentences.
    pub sentences: usize,
    /// The share of words with the right tag; mostly `O`, so that it flatters.
    pub accuracy: f64,
    /// By label of thing.
    #[serde(flatten)]
    pub spans: ShareTable,
}

/// Scores sentences.
pub fn score_tags(outcomes: &[TagOutcome]) -> TagScores {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for outcome in outcomes {
        for (label, more) in outcome.counts() {
            counts.entry(label).or_default().add(more);
        }
    }
    let sum = |part: fn(&TagOutcome) -> usize| outcomes.iter().map(part).sum::<usize>();
    let accuracy = sum(|outcome| outcome.right) as f64 / sum(|outcome| outcome.words).max(1) as f64;
    TagScores { sentences: outcomes.len(), accuracy, spans: ShareTable::of(&counts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random tags, their legal and illegal neighbours, and what seqeval 1.2.2 says of them.
    const SEQEVAL: &str = include_str!("../../../tests/data/metrics/seqeval.json");

    #[derive(Deserialize)]
    struct Case {
        gold: Vec<Vec<String>>,
        found: Vec<Vec<String>>,
        accuracy: f64,
        table: BTreeMap<String, [f64; 4]>,
    }

    #[test]
    fn scores_are_those_of_seqeval() {
        let cases: Vec<Case> = serde_json::from_str(SEQEVAL).expect("stored figures");
        assert!(cases.len() >= 8, "{} cases", cases.len());
        for (number, case) in cases.iter().enumerate() {
            let pairs = case.gold.iter().zip(&case.found).enumerate();
            let outcomes: Vec<TagOutcome> =
                pairs.map(|(id, (gold, found))| TagOutcome::new(id.to_string(), gold, found)).collect();
            let scores = score_tags(&outcomes);
            let near = |found: f64, expected: f64, what: &str| {
                assert!((found - expected).abs() < 1e-9, "case {number}, {what}: {found}, seqeval {expected}");
            };
            near(scores.accuracy, case.accuracy, "accuracy");
            assert_eq!(scores.spans.labels.len() + 3, case.table.len(), "case {number}");
            for (name, [precision, recall, f1, support]) in &case.table {
                let shares = match name.as_str() {
                    "micro avg" => scores.spans.micro,
                    "macro avg" => scores.spans.r#macro,
                    "weighted avg" => scores.spans.weighted,
                    label => scores.spans.labels[label],
                };
                near(shares.precision, *precision, name);
                near(shares.recall, *recall, name);
                near(shares.f1, *f1, name);
                near(shares.support as f64, *support, name);
            }
        }
    }

    #[test]
    fn a_sentence_that_was_not_tagged_to_its_end_counts_as_outside_there() {
        let outcome = TagOutcome::new("1".into(), &["B-A", "O", "B-A"], &["B-A"]);
        assert_eq!((outcome.right, outcome.gold.len(), outcome.found.len()), (2, 2, 1));
    }
}
