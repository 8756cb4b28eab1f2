//! Which few of many scored passages come first?

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A passage by its place in the generation, with its score. Places follow passage ids, so that a tie broken by place
/// is a tie broken by id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) score: f32,
    pub(crate) place: u32,
}

impl Eq for Scored {}

impl Ord for Scored {
    /// The greater one is the better one: higher score, then lower place.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.place.cmp(&self.place))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best `depth` of what it is shown, whatever the order it is shown in.
#[derive(Debug, Clone)]
pub(crate) struct Best {
    depth: usize,
    worst_first: BinaryHeap<std::cmp::Reverse<Scored>>,
}

impl Best {
    pub(crate) fn new(depth: usize) -> Self {
        Self { depth, worst_first: BinaryHeap::new() }
    }

    /// Shows one candidate; tells whether it was kept.
    pub(crate) fn offer(&mut self, candidate: Scored) -> bool {
        if self.worst_first.len() < self.depth {
            self.worst_first.push(std::cmp::Reverse(candidate));
            return true;
        }
        match self.worst_first.peek_mut() {
            Some(mut worst) if candidate > worst.0 => {
                *worst = std::cmp::Reverse(candidate);
                true
            }
            _ => false,
        }
    }

    /// The worst one kept, once there are `depth`.
    pub(crate) fn bar(&self) -> Option<Scored> {
        if self.worst_first.len() < self.depth { None } else { self.worst_first.peek().map(|worst| worst.0) }
    }

    /// Takes over what another one kept.
    pub(crate) fn absorb(&mut self, other: Self) {
        for candidate in other.worst_first {
            self.offer(candidate.0);
        }
    }

    /// What was kept, best first.
    pub(crate) fn into_sorted(self) -> Vec<Scored> {
        self.worst_first.into_sorted_vec().into_iter().map(|kept| kept.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_best_are_those_that_sorting_everything_would_give(
            scores in proptest::collection::vec(0u8..6, 0..60),
            depth in 0usize..20,
            cut in 0usize..60,
        ) {
            let mut all: Vec<Scored> =
                (0u32..).zip(&scores).map(|(place, &score)| Scored { score: f32::from(score), place }).collect();
            let (left, right) = all.split_at(cut.min(all.len()));
            let mut best = Best::new(depth);
            let mut other = Best::new(depth);
            for candidate in left { best.offer(*candidate); }
            for candidate in right.iter().rev() { other.offer(*candidate); }
            best.absorb(other);
            all.sort_by(|a, b| b.cmp(a));
            all.truncate(depth);
            proptest::prop_assert_eq!(best.into_sorted(), all);
        }
    }
}
