//! Passages in order of their scores.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::PassageId;

/// A passage with its score; what the score means is up to whoever ranked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hit {
    /// The passage.
    pub passage_id: PassageId,
    /// Higher is better.
    pub score: f32,
}

/// Hits by score descending, then by passage id; no passage twice, no score that is not a number.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Ranking(Vec<Hit>);

impl Ranking {
    /// Sorts `hits`, keeps the best of each passage, and drops scores that are NaN.
    pub fn new(mut hits: Vec<Hit>) -> Self {
        hits.retain(|hit| !hit.score.is_nan());
        hits.sort_by(|a, b| {
            b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal).then_with(|| a.passage_id.cmp(&b.passage_id))
        });
        let mut seen = HashSet::with_capacity(hits.len());
        hits.retain(|hit| seen.insert(hit.passage_id.clone()));
        Self(hits)
    }

    /// The score of `passage`, if it is ranked.
    pub fn score_of(&self, passage: &PassageId) -> Option<f32> {
        self.0.iter().find(|hit| hit.passage_id == *passage).map(|hit| hit.score)
    }

    /// The first `depth` hits.
    #[must_use]
    pub fn truncated(mut self, depth: usize) -> Self {
        self.0.truncate(depth);
        self
    }

    /// The hits, best first.
    pub fn hits(&self) -> &[Hit] {
        &self.0
    }

    /// How many hits.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(id: &str, score: f32) -> Hit {
        Hit { passage_id: id.parse().expect("an id"), score }
    }

    #[test]
    fn ties_are_broken_by_id_and_repeats_keep_their_best_score() {
        let ranking = Ranking::new(vec![hit("b#0", 1.0), hit("a#0", 1.0), hit("c#0", f32::NAN), hit("b#0", 2.0)]);
        let ids: Vec<String> = ranking.hits().iter().map(|hit| hit.passage_id.to_string()).collect();
        assert_eq!(ids, ["b#0", "a#0"]);
    }

    proptest::proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(scores in proptest::collection::vec((0u32..9, 0u8..4), 0..40)) {
            let hits: Vec<Hit> = scores.iter().map(|(n, s)| hit(&format!("d#{n}"), f32::from(*s))).collect();
            let mut reversed = hits.clone();
            reversed.reverse();
            proptest::prop_assert_eq!(Ranking::new(hits), Ranking::new(reversed));
        }
    }
}
