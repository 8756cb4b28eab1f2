//! Two rankings become one (pure).

use std::collections::BTreeMap;

use clinqa_schema::{Hit, PassageId, Ranking};

/// How a lexical and a dense ranking become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fusion {
    /// Sum of 1 / (k + rank), ranks from 1 (Cormack, Clarke and Büttcher, SIGIR 2009).
    ReciprocalRank {
        /// How slowly the weight falls with the rank; 60 in the paper.
        k: f32,
    },
    /// `dense_weight` × dense + (1 − `dense_weight`) × lexical, each scaled to 0..1 over its own ranking; a passage
    /// that one ranking lacks gets 0 from it.
    MinMax {
        /// 0 is words alone, 1 is vectors alone.
        dense_weight: f32,
    },
}

/// The fused ranking of every passage that either ranking holds.
pub fn fuse(fusion: Fusion, lexical: &Ranking, dense: &Ranking) -> Ranking {
    let mut scores: BTreeMap<&PassageId, f32> = BTreeMap::new();
    for (ranking, weight) in [(lexical, lexical_weight(fusion)), (dense, dense_weight(fusion))] {
        for (hit, score) in ranking.hits().iter().zip(shares(fusion, ranking)) {
            *scores.entry(&hit.passage_id).or_default() += weight * score;
        }
    }
    Ranking::new(scores.into_iter().map(|(id, score)| Hit { passage_id: id.clone(), score }).collect())
}

fn lexical_weight(fusion: Fusion) -> f32 {
    match fusion {
        Fusion::ReciprocalRank { .. } => 1.0,
        Fusion::MinMax { dense_weight } => 1.0 - dense_weight,
    }
}

fn dense_weight(fusion: Fusion) -> f32 {
    match fusion {
        Fusion::ReciprocalRank { .. } => 1.0,
        Fusion::MinMax { dense_weight } => dense_weight,
    }
}

/// What each hit of a ranking brings before weighting.
fn shares(fusion: Fusion, ranking: &Ranking) -> Vec<f32> {
    let hits = ranking.hits();
    match fusion {
        Fusion::ReciprocalRank { k } => (1..=hits.len()).map(|rank| 1.0 / (k + rank as f32)).collect(),
        Fusion::MinMax { .. } => {
            let (Some(best), Some(worst)) = (hits.first(), hits.last()) else { return Vec::new() };
            let width = best.score - worst.score;
            // A ranking whose scores are all the same says only that its passages were found.
            let scale = |hit: &Hit| if width > 0.0 { (hit.score - worst.score) / width } else { 1.0 };
            hits.iter().map(scale).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(hits: &[(&str, f32)]) -> Ranking {
        let hit = |&(id, score): &(&str, f32)| Hit { passage_id: id.parse().expect("an id"), score };
        Ranking::new(hits.iter().map(hit).collect())
    }

    fn check(fusion: Fusion, expected: &[(&str, f32)]) {
        let lexical = ranking(&[("a#0", 12.0), ("b#0", 6.0), ("c#0", 2.0)]);
        let dense = ranking(&[("b#0", 0.9), ("d#0", 0.5), ("a#0", 0.4)]);
        let fused = fuse(fusion, &lexical, &dense);
        let found: Vec<(String, f32)> =
            fused.hits().iter().map(|hit| (hit.passage_id.to_string(), hit.score)).collect();
        assert_eq!(found.len(), expected.len());
        for ((id, score), (expected_id, expected_score)) in found.iter().zip(expected) {
            assert_eq!(id, expected_id);
            assert!((score - expected_score).abs() < 1e-6, "{id}: {score}");
        }
    }

    #[test]
    fn reciprocal_ranks_add_up() {
        let expected = [
            ("b#0", 1.0 / 62.0 + 1.0 / 61.0),
            ("a#0", 1.0 / 61.0 + 1.0 / 63.0),
            ("d#0", 1.0 / 62.0),
            ("c#0", 1.0 / 63.0),
        ];
        check(Fusion::ReciprocalRank { k: 60.0 }, &expected);
    }

    #[test]
    fn scaled_scores_add_up_by_weight() {
        // lexical: a 1, b 0.4, c 0; dense: b 1, d 0.2, a 0.
        let expected = [("b#0", 0.7), ("a#0", 0.5), ("d#0", 0.1), ("c#0", 0.0)];
        check(Fusion::MinMax { dense_weight: 0.5 }, &expected);
    }

    #[test]
    fn one_empty_ranking_leaves_the_order_of_the_other() {
        let lexical = ranking(&[("a#0", 3.0), ("b#0", 1.0)]);
        for fusion in [Fusion::ReciprocalRank { k: 60.0 }, Fusion::MinMax { dense_weight: 0.5 }] {
            let fused = fuse(fusion, &lexical, &Ranking::default());
            let ids: Vec<String> = fused.hits().iter().map(|hit| hit.passage_id.to_string()).collect();
            assert_eq!(ids, ["a#0", "b#0"]);
            assert!(fuse(fusion, &Ranking::default(), &Ranking::default()).is_empty());
        }
    }

    proptest::proptest! {
        #[test]
        fn a_fused_ranking_holds_each_passage_of_either_once(
            lexical in proptest::collection::vec((0u32..30, 0f32..20.0), 0..30),
            dense in proptest::collection::vec((0u32..30, -1f32..1.0), 0..30),
        ) {
            let make = |hits: &[(u32, f32)]| Ranking::new(
                hits.iter().map(|&(n, score)| Hit { passage_id: format!("d#{n}").parse().expect("an id"), score }).collect(),
            );
            let (lexical_ranking, dense_ranking) = (make(&lexical), make(&dense));
            let either: std::collections::BTreeSet<u32> = lexical.iter().chain(&dense).map(|(n, _)| *n).collect();
            for fusion in [Fusion::ReciprocalRank { k: 60.0 }, Fusion::MinMax { dense_weight: 0.4 }] {
                let fused = fuse(fusion, &lexical_ranking, &dense_ranking);
                proptest::prop_assert_eq!(fused.len(), either.len());
                proptest::prop_assert!(fused.hits().iter().all(|hit| hit.score.is_finite()));
            }
        }
    }
}
