//! How well was a ranking ordered?
//!
//! The definitions are those of `trec_eval`, and its figures are matched to 1e-6 (`tests/parity/check_metrics.py`, and
//! the stored figures in the tests below). The gain of a document is its relevance; a document that was not judged, or
//! judged 0 or below, gains nothing. The mean runs over **every judged query** (`trec_eval -c`): a query that the run
//! lacks, or that has no relevant document, counts 0. Queries without judgements are passed over.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::{Qrels, Run, ScoredDocument};

/// A measure of one ranking against judgements, between 0 and 1. Its name (`ndcg@10`, `map`) parses and prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Normalised discounted cumulative gain of the first k: gains over log2(rank + 1), against the best possible order
    /// of all relevant documents (Järvelin and Kekäläinen 2002, with linear gain; `ndcg_cut_k`).
    Ndcg(usize),
    /// The share of the relevant documents that are among the first k (`recall_k`).
    Recall(usize),
    /// The share of relevant documents in the first k places, whether or not so many were found (`P_k`).
    Precision(usize),
    /// One over the rank of the first relevant document (`recip_rank`).
    Mrr,
    /// The same, where ranks beyond k count 0.
    MrrAt(usize),
    /// Average precision: precision at each relevant document found, over the number of relevant ones (`map`).
    Map,
}

/// The scores of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricScores {
    /// Judged query id → score.
    pub per_query: BTreeMap<String, f64>,
    /// The mean over the judged queries; 0 if there are none.
    pub mean: f64,
}

/// A name that no metric has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MetricError {
    /// Neither a known name nor a known name with a cut-off.
    #[error("no metric is called {found:?}; use ndcg@K, recall@K, precision@K, mrr, mrr@K or map, with K from 1")]
    Unknown {
        /// The name as given.
        found: String,
    },
}

/// Scores `run` on every judged query.
pub fn evaluate(metric: Metric, run: &Run, qrels: &Qrels) -> MetricScores {
    let per_query: BTreeMap<String, f64> =
        qrels.iter().map(|(query, judged)| (query.to_owned(), metric.score(run.documents(query), judged))).collect();
    let mean = per_query.values().sum::<f64>() / per_query.len().max(1) as f64;
    MetricScores { per_query, mean }
}

/// The means of several metrics, by their names.
pub fn summary(metrics: &[Metric], run: &Run, qrels: &Qrels) -> BTreeMap<String, f64> {
    metrics.iter().map(|metric| (metric.to_string(), evaluate(*metric, run, qrels).mean)).collect()
}

impl Metric {
    /// What a report shows: nDCG@10, Recall@1, @10 and @100, MRR and MAP.
    pub const STANDARD: [Self; 6] =
        [Self::Ndcg(10), Self::Recall(1), Self::Recall(10), Self::Recall(100), Self::Mrr, Self::Map];

    /// Scores one list of documents, best first, against the judgements of its query.
    pub fn score(self, found: &[ScoredDocument], judged: &BTreeMap<String, i32>) -> f64 {
        let relevant = judged.values().filter(|&&relevance| relevance > 0).count();
        if relevant == 0 {
            return 0.0;
        }
        let gains: Vec<i32> =
            found.iter().map(|document| judged.get(&document.document_id).copied().unwrap_or(0).max(0)).collect();
        match self {
            Self::Ndcg(k) => {
                let mut ideal: Vec<i32> = judged.values().copied().filter(|&relevance| relevance > 0).collect();
                ideal.sort_unstable_by(|a, b| b.cmp(a));
                share(discounted_gain(&gains, k), discounted_gain(&ideal, k))
            }
            Self::Recall(k) => share(hits(&gains, k) as f64, relevant as f64),
            Self::Precision(k) => share(hits(&gains, k) as f64, k as f64),
            Self::Mrr => reciprocal_rank(&gains, usize::MAX),
            Self::MrrAt(k) => reciprocal_rank(&gains, k),
            Self::Map => share(summed_precision(&gains), relevant as f64),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ndcg(k) => write!(f, "ndcg@{k}"),
            Self::Recall(k) => write!(f, "recall@{k}"),
            Self::Precision(k) => write!(f, "precision@{k}"),
            Self::Mrr => f.write_str("mrr"),
            Self::MrrAt(k) => write!(f, "mrr@{k}"),
            Self::Map => f.write_str("map"),
        }
    }
}

impl FromStr for Metric {
    type Err = MetricError;

    fn from_str(name: &str) -> Result<Self, MetricError> {
        let unknown = || MetricError::Unknown { found: name.to_owned() };
        let lower = name.to_ascii_lowercase();
        let Some((kind, k)) = lower.split_once('@') else {
            return match lower.as_str() {
                "mrr" => Ok(Self::Mrr),
                "map" => Ok(Self::Map),
                _ => Err(unknown()),
            };
        };
        let k = k.parse().ok().filter(|&k| k > 0).ok_or_else(unknown)?;
        match kind {
            "ndcg" => Ok(Self::Ndcg(k)),
            "recall" => Ok(Self::Recall(k)),
            "precision" => Ok(Self::Precision(k)),
            "mrr" => Ok(Self::MrrAt(k)),
            _ => Err(unknown()),
        }
    }
}

fn discounted_gain(gains: &[i32], k: usize) -> f64 {
    gains.iter().take(k).enumerate().map(|(index, &gain)| f64::from(gain) / ((index + 2) as f64).log2()).sum()
}

fn hits(gains: &[i32], k: usize) -> usize {
    gains.iter().take(k).filter(|&&gain| gain > 0).count()
}

fn reciprocal_rank(gains: &[i32], k: usize) -> f64 {
    gains.iter().take(k).position(|&gain| gain > 0).map_or(0.0, |index| 1.0 / (index + 1) as f64)
}

fn summed_precision(gains: &[i32]) -> f64 {
    let ranks = gains.iter().enumerate().filter(|&(_, &gain)| gain > 0);
    ranks.enumerate().map(|(before, (index, _))| (before + 1) as f64 / (index + 1) as f64).sum()
}

/// `part / whole`, and 0 where the whole is 0 (a cut-off at 0).
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Metric; 8] = [
        Metric::Ndcg(10),
        Metric::Ndcg(2),
        Metric::Recall(100),
        Metric::Recall(2),
        Metric::Precision(5),
        Metric::Mrr,
        Metric::MrrAt(2),
        Metric::Map,
    ];

    fn judged(pairs: &[(&str, i32)]) -> BTreeMap<String, i32> {
        pairs.iter().map(|(id, relevance)| ((*id).to_owned(), *relevance)).collect()
    }

    fn ranked(ids: &[&str]) -> Vec<ScoredDocument> {
        let scored = ids.iter().enumerate();
        scored.map(|(i, id)| ScoredDocument { document_id: (*id).to_owned(), score: -(i as f32) }).collect()
    }

    fn check(metric: Metric, found: &[&str], expected: f64) {
        let judgements = judged(&[("a", 2), ("b", 1), ("c", 1), ("bad", 0), ("worse", -1)]);
        let score = metric.score(&ranked(found), &judgements);
        assert!((score - expected).abs() < 1e-12, "{metric} of {found:?}: {score}, not {expected}");
    }

    #[test]
    fn scores_are_what_the_hand_computes() {
        // Found: rank 1 "x" unjudged, 2 "b" gain 1, 3 "bad" 0, 4 "a" gain 2, 5 "worse" −1 (gains 0). "c" is not found.
        let found = ["x", "b", "bad", "a", "worse"];
        // DCG = 1/log2(3) + 2/log2(5) = 0.630930 + 0.861353 = 1.492283
        // ideal = 2/log2(2) + 1/log2(3) + 1/log2(4) = 2 + 0.630930 + 0.5 = 3.130930; 1.492283 / 3.130930 = 0.476626
        let log2 = |x: f64| x.ln() / std::f64::consts::LN_2;
        check(Metric::Ndcg(10), &found, (1.0 / log2(3.0) + 2.0 / log2(5.0)) / (2.0 + 1.0 / log2(3.0) + 0.5));
        // Cut at 2: 0.630930 / (2 + 0.630930)
        check(Metric::Ndcg(2), &found, (1.0 / log2(3.0)) / (2.0 + 1.0 / log2(3.0)));
        // Two of three relevant ones; within the first two, one.
        check(Metric::Recall(100), &found, 2.0 / 3.0);
        check(Metric::Recall(2), &found, 1.0 / 3.0);
        // Two of the first five; one of the first two; of ten places only five are filled, the rest count as misses.
        check(Metric::Precision(5), &found, 0.4);
        check(Metric::Precision(2), &found, 0.5);
        check(Metric::Precision(10), &found, 0.2);
        // The first relevant one is at rank 2.
        check(Metric::Mrr, &found, 0.5);
        check(Metric::MrrAt(1), &found, 0.0);
        check(Metric::MrrAt(2), &found, 0.5);
        // Precision at rank 2 is 1/2, at rank 4 it is 2/4; their sum over three relevant ones is 1/3.
        check(Metric::Map, &found, 1.0 / 3.0);
    }

    #[test]
    fn nothing_found_and_nothing_asked_for_score_zero() {
        for metric in ALL {
            check(metric, &[], 0.0);
            check(metric, &["x", "bad", "worse"], 0.0);
            assert!(metric.score(&ranked(&["bad"]), &judged(&[("bad", 0)])) < f64::EPSILON, "{metric}");
        }
        for metric in [Metric::Ndcg(0), Metric::Recall(0), Metric::Precision(0), Metric::MrrAt(0)] {
            check(metric, &["a"], 0.0);
        }
    }

    #[test]
    fn the_mean_runs_over_every_judged_query() {
        // "1" is answered at rank 1, "2" is not in the run, "3" has nothing relevant, "4" is not judged: (1 + 0 + 0) / 3.
        let qrels = Qrels::read("1 0 a 1\n2 0 a 1\n3 0 a 0\n".as_bytes()).expect("qrels");
        let run = Run::read("1 Q0 a 1 1 t\n3 Q0 a 1 1 t\n4 Q0 a 1 1 t\n".as_bytes()).expect("a run");
        let scores = evaluate(Metric::Mrr, &run, &qrels);
        assert_eq!(scores.per_query.keys().collect::<Vec<_>>(), ["1", "2", "3"]);
        assert!((scores.mean - 1.0 / 3.0).abs() < 1e-12);
        assert!(evaluate(Metric::Mrr, &run, &Qrels::default()).mean.abs() < f64::EPSILON);
    }

    #[test]
    fn a_metric_is_called_by_the_name_that_it_prints() {
        for metric in ALL {
            assert_eq!(metric.to_string().parse(), Ok(metric));
        }
        assert_eq!("NDCG@10".parse(), Ok(Metric::Ndcg(10)));
        for name in ["", "ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "map@5", "bleu@4", "recall@many"] {
            assert_eq!(name.parse::<Metric>(), Err(MetricError::Unknown { found: name.to_owned() }));
        }
    }

    #[test]
    fn a_run_with_ties_scores_as_pytrec_eval_scored_it() {
        let run = include_str!("../../../tests/data/metrics/run.trec");
        let qrels = include_str!("../../../tests/data/metrics/qrels.trec");
        let expected = include_str!("../../../tests/data/metrics/expected.json");
        let run = Run::read(run.as_bytes()).expect("a run");
        let qrels = Qrels::read(qrels.as_bytes()).expect("qrels");
        let expected: BTreeMap<String, BTreeMap<String, f64>> = serde_json::from_str(expected).expect("figures");
        assert!(expected.len() >= 8, "the figures of each kind of metric");
        for (name, per_query) in expected {
            let scores = evaluate(name.parse().expect("a metric"), &run, &qrels);
            assert_eq!(scores.per_query.len(), per_query.len(), "{name}");
            for (query, value) in per_query {
                let ours = scores.per_query[&query];
                assert!((ours - value).abs() < 1e-9, "{name} of {query}: {ours}, not {value}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_score_is_a_fraction(
            found in prop::collection::vec("[a-h]", 0..20),
            judgements in prop::collection::btree_map("[a-h]", -1i32..4, 0..8),
        ) {
            let mut run = Run::default();
            run.insert("q", found.into_iter().rev().enumerate().map(|(i, id)| (id, i as f32)));
            for metric in ALL {
                let score = metric.score(run.documents("q"), &judgements);
                prop_assert!((0.0..=1.0 + 1e-12).contains(&score), "{} {}", metric, score);
            }
        }

        #[test]
        fn a_perfect_ranking_scores_one(judgements in prop::collection::btree_map("[a-z]{2}", 0i32..4, 1..30)) {
            prop_assume!(judgements.values().any(|&relevance| relevance > 0));
            let mut run = Run::default();
            run.insert("q", judgements.iter().map(|(id, relevance)| (id.clone(), *relevance as f32)));
            for metric in [Metric::Ndcg(10), Metric::Recall(100), Metric::Precision(1), Metric::Mrr, Metric::Map] {
                let score = metric.score(run.documents("q"), &judgements);
                prop_assert!((score - 1.0).abs() < 1e-12, "{} {}", metric, score);
            }
        }
    }
}
