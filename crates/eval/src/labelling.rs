//! How well were texts labelled?
//!
//! The measures are scikit-learn's (`classification_report`): each label counted over all texts, a share of nothing 0.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::shares::{Counts, ShareTable};

/// What became of one text, as a line of a result file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelOutcome {
    /// The text's name, or its place in the file.
    pub id: String,
    /// The labels that it has.
    pub gold: Vec<String>,
    /// The labels that it was given.
    pub found: Vec<String>,
}

impl LabelOutcome {
    /// Whether it was given its own labels and no others.
    pub fn is_right(&self) -> bool {
        self.gold.iter().collect::<BTreeSet<_>>() == self.found.iter().collect::<BTreeSet<_>>()
    }

    pub(crate) fn counts(&self) -> BTreeMap<&str, Counts> {
        let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
        let gold: BTreeSet<&str> = self.gold.iter().map(String::as_str).collect();
        for &label in &gold {
            counts.entry(label).or_default().gold += 1;
        }
        for label in self.found.iter().map(String::as_str).collect::<BTreeSet<_>>() {
            let of = counts.entry(label).or_default();
            of.found += 1;
            of.right += usize::from(gold.contains(label));
        }
        counts
    }
}

/// How well texts were labelled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelScores {
    /// Texts.
    pub texts: usize,
    /// The share that was given its own labels and no others.
    pub accuracy: f64,
    /// By label.
    #[serde(flatten)]
    pub shares: ShareTable,
}

/// Scores texts.
pub fn score_labels(outcomes: &[LabelOutcome]) -> LabelScores {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for outcome in outcomes {
        for (label, more) in outcome.counts() {
            counts.entry(label).or_default().add(more);
        }
    }
    let right = outcomes.iter().filter(|outcome| outcome.is_right()).count();
    let accuracy = right as f64 / outcomes.len().max(1) as f64;
    LabelScores { texts: outcomes.len(), accuracy, shares: ShareTable::of(&counts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(pairs: &[(&str, &str)]) -> Vec<LabelOutcome> {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let outcome = |(id, (gold, found)): (usize, &(&str, &str))| LabelOutcome {
            id: id.to_string(),
            gold: list(gold),
            found: list(found),
        };
        pairs.iter().enumerate().map(outcome).collect()
    }

    #[test]
    fn single_labels_are_scored_as_scikit_learn_scores_them() {
        let scores = score_labels(&outcomes(&[("a", "a"), ("a", "b"), ("b", "b"), ("c", "a"), ("a", "a")]));
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        near(scores.accuracy, 0.6);
        near(scores.shares.micro.f1, 0.6);
        near(scores.shares.labels["a"].precision, 2.0 / 3.0);
        near(scores.shares.labels["b"].f1, 2.0 / 3.0);
        near(scores.shares.labels["c"].f1, 0.0);
        near(scores.shares.r#macro.f1, (2.0 / 3.0 + 2.0 / 3.0) / 3.0);
        near(scores.shares.weighted.recall, 0.6);
    }

    #[test]
    fn several_labels_or_none_are_counted_each() {
        let scores = score_labels(&outcomes(&[("a b", "b a"), ("", ""), ("a", "a b"), ("b", "")]));
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        near(scores.accuracy, 0.5);
        near(scores.shares.micro.precision, 0.75);
        near(scores.shares.micro.recall, 0.75);
        near(scores.shares.labels["a"].f1, 1.0);
        near(scores.shares.labels["b"].f1, 0.5);
    }
}
