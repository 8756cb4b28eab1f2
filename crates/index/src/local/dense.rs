//! Which vectors are nearest to this one?
//!
//! Few vectors are compared one by one, exactly. Among many, a walk over the graph finds them. Both compare codes and
//! then read the true vectors of the few that matter; the scores that are shown are true.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::local::admitted::Admitted;
use crate::local::best::{Best, Scored};
use crate::local::codes::{Codes, Target};
use crate::local::graph::Graph;
use crate::local::vectors::{Vectors, dot};
use crate::local::walk::{Sheets, Walker, Width};
use crate::{GraphParams, IndexError};

/// Vectors a thread compares at a time in an exact search.
const SCAN_CHUNK: usize = 4_096;
/// A walk has its candidates read again down to this share of the proven margin below the last that will be shown.
const DOUBT: f32 = 0.25;

/// The dense index of one generation.
pub(crate) struct Dense {
    vectors: Vectors,
    codes: Codes,
    graph: Option<Graph>,
    params: GraphParams,
    sheets: Sheets,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Of the index's dimension.
    pub(crate) query: &'a [f32],
    /// How many of the nearest.
    pub(crate) depth: usize,
    /// Among which; `None` for all.
    pub(crate) admitted: Option<&'a Admitted>,
}

/// Some vectors with their scores by code, and the best of them.
struct Part {
    near: Vec<Scored>,
    best: Best,
}

/// How a question will be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Compare every admitted vector.
    Scan,
    /// Walk, holding this many candidates.
    Walk { ef: usize },
}

impl Dense {
    /// Reads the vectors once. Without a graph every search is exact.
    pub(crate) fn new(vectors: Vectors, graph: Option<Graph>, params: GraphParams) -> Result<Self, IndexError> {
        let codes = Codes::of(&vectors)?;
        Ok(Self { vectors, codes, graph, params, sheets: Sheets::default() })
    }

    pub(crate) fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// The nearest of those admitted.
    pub(crate) fn search(&self, wanted: Wanted<'_>) -> Result<Vec<Scored>, IndexError> {
        self.search_with(wanted, self.params.ef_search)
    }

    /// As [`Dense::search`], holding at least `ef` candidates.
    pub(crate) fn search_with(&self, wanted: Wanted<'_>, ef: usize) -> Result<Vec<Scored>, IndexError> {
        let candidates = wanted.admitted.map_or(self.vectors.len(), Admitted::count);
        let (Some(graph), Plan::Walk { ef }) = (&self.graph, self.plan(wanted.depth, candidates, ef)) else {
            return self.scan(wanted);
        };
        let found = self.walk(graph, wanted, ef)?;
        // A walk that ran dry in a filtered corner may have missed some.
        if found.len() < wanted.depth.min(candidates) { self.scan(wanted) } else { Ok(found) }
    }

    fn walk(&self, graph: &Graph, wanted: Wanted<'_>, ef: usize) -> Result<Vec<Scored>, IndexError> {
        let Wanted { query, depth, admitted } = wanted;
        let walker = Walker { codes: &self.codes, graph };
        self.sheets.with(|scratch| {
            self.codes.aim(&mut scratch.target, query);
            let doubt = self.codes.margin(&scratch.target) * DOUBT;
            let mut best = Best::new(depth);
            let mut bytes = Vec::new();
            for near in walker.search(Width { ef, show: depth.saturating_mul(2).saturating_add(32), admitted }, scratch)
            {
                if best.bar().is_some_and(|bar| near.score < bar.score - doubt) {
                    break;
                }
                best.offer(self.true_score(query, near.place, &mut bytes)?);
            }
            Ok(best.into_sorted())
        })
    }

    /// Compares everything that is admitted: the oracle of the walk. Codes tell which vectors may be among the nearest,
    /// and these are compared as they are.
    pub(crate) fn scan(&self, wanted: Wanted<'_>) -> Result<Vec<Scored>, IndexError> {
        let Wanted { query, depth, admitted } = wanted;
        if depth == 0 {
            return Ok(Vec::new());
        }
        let mut target = Target::default();
        self.codes.aim(&mut target, query);
        let parts = self.near_scores(&target, depth, admitted);
        let first = parts.iter().map(|part| part.best.clone()).reduce(|mut all, part| {
            all.absorb(part);
            all
        });
        let first: BTreeSet<u32> =
            first.map(Best::into_sorted).unwrap_or_default().iter().map(|near| near.place).collect();
        let mut best = self.true_best(query, depth, first.iter().copied())?;
        // Any `depth` vectors show how good the last one must be.
        if let Some(bar) = best.bar() {
            let margin = self.codes.margin(&target);
            let near = parts.iter().flat_map(|part| &part.near);
            let may_be = |near: &&Scored| near.score + margin >= bar.score && !first.contains(&near.place);
            best.absorb(self.true_best(query, depth, near.filter(may_be).map(|near| near.place))?);
        }
        Ok(best.into_sorted())
    }

    /// Scores by code of all that is admitted.
    fn near_scores(&self, target: &Target, depth: usize, admitted: Option<&Admitted>) -> Vec<Part> {
        let starts: Vec<usize> = (0..self.codes.len()).step_by(SCAN_CHUNK).collect();
        let part = |start: usize| {
            let end = (start + SCAN_CHUNK).min(self.codes.len());
            let is_admitted = |place: &u32| admitted.is_none_or(|admitted| admitted.holds(*place));
            let places: Vec<u32> = (start as u32..end as u32).filter(is_admitted).collect();
            let (mut target, mut scores) = (target.clone(), Vec::new());
            self.codes.scores(&mut target, &places, &mut scores);
            let near: Vec<Scored> =
                places.into_iter().zip(scores).map(|(place, score)| Scored { score, place }).collect();
            let mut best = Best::new(depth);
            for &point in &near {
                best.offer(point);
            }
            Part { near, best }
        };
        starts.into_par_iter().map(part).collect()
    }

    /// The best by their true scores.
    fn true_best(&self, query: &[f32], depth: usize, places: impl Iterator<Item = u32>) -> Result<Best, IndexError> {
        let mut best = Best::new(depth);
        let mut bytes = Vec::new();
        for place in places {
            best.offer(self.true_score(query, place, &mut bytes)?);
        }
        Ok(best)
    }

    fn true_score(&self, query: &[f32], place: u32, bytes: &mut Vec<u8>) -> Result<Scored, IndexError> {
        let vector = self.vectors.read(place as usize, 1, bytes)?;
        Ok(Scored { score: dot(query, vector), place })
    }

    /// A walk that is to show `depth` of the admitted must hold more the fewer are admitted; it touches about m new
    /// vectors for each point it holds. Where that is no less than all that are admitted, scanning is exact and cheaper:
    /// with 16 neighbours the two were measured to take equally long where a third of 29,123 vectors is admitted.
    fn plan(&self, depth: usize, candidates: usize, ef: usize) -> Plan {
        if self.graph.is_none() || candidates <= self.params.exact_below {
            return Plan::Scan;
        }
        let wanted = ef.max(depth.saturating_mul(2));
        let ef = wanted.saturating_mul(self.vectors.len()).div_ceil(candidates);
        let touched = ef.saturating_mul(self.params.m);
        if touched >= candidates { Plan::Scan } else { Plan::Walk { ef } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::graph_build;

    fn unit(mut values: Vec<f32>) -> Vec<f32> {
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        for value in &mut values {
            *value /= length;
        }
        values
    }

    /// Repeatable vectors, some of them very close to each other.
    fn rows(count: usize, dimension: usize, seed: f32) -> Vec<Vec<f32>> {
        let value = |row: usize, at: usize| ((row / 3) as f32 * (1.7 + seed) + at as f32 * 12.9 + 0.5).sin() * 43.7;
        let close = |row: usize, at: usize| if at == row % 3 { 1e-4 } else { 0.0 };
        (0..count).map(|row| unit((0..dimension).map(|at| value(row, at).fract() + close(row, at)).collect())).collect()
    }

    fn exact(rows: &[Vec<f32>], wanted: Wanted<'_>) -> Vec<Scored> {
        let mut best = Best::new(wanted.depth);
        for (place, row) in (0..).zip(rows) {
            let bytes: Vec<[u8; 4]> = row.iter().map(|value| value.to_le_bytes()).collect();
            if wanted.admitted.is_none_or(|admitted| admitted.holds(place)) {
                best.offer(Scored { score: dot(wanted.query, &bytes), place });
            }
        }
        best.into_sorted()
    }

    fn every(step: usize, places: usize) -> Admitted {
        let mut admitted = Admitted::none(places);
        (0..places).step_by(step).for_each(|place| admitted.add(place..place + 1));
        admitted
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(48))]
        #[test]
        fn a_scan_is_exact_to_the_last_bit_whatever_is_filtered(
            count in 1usize..400,
            dimension in 1usize..80,
            seed in 0.0f32..1.0,
            step in 1usize..9,
            depth in 0usize..40,
        ) {
            let rows = rows(count, dimension, seed);
            let params = GraphParams { exact_below: 0, ..GraphParams::default() };
            let dense = Dense::new(Vectors::sample(&rows), None, params).expect("vectors");
            let admitted = every(step, count);
            for admitted in [None, Some(&admitted)] {
                let wanted = Wanted { query: &rows[count / 2], depth, admitted };
                proptest::prop_assert_eq!(dense.scan(wanted).expect("scanned"), exact(&rows, wanted));
            }
        }
    }

    #[test]
    fn a_walk_shows_true_scores_of_what_is_admitted_and_nearly_all_of_the_best() {
        const POINTS: usize = 4_000;
        let rows = rows(POINTS, 24, 0.3);
        let params = GraphParams { m: 8, ef_construction: 60, ef_search: 96, exact_below: 100 };
        let vectors = Vectors::sample(&rows);
        let graph = graph_build::build(&Codes::of(&vectors).expect("codes"), &params, &mut |_| {});
        let dense = Dense::new(vectors, graph, params).expect("vectors");
        for step in [1, 2] {
            let admitted = every(step, POINTS);
            let (mut found, mut all) = (0, 0);
            for query in (0..POINTS).step_by(37) {
                let wanted = Wanted { query: &rows[query], depth: 10, admitted: Some(&admitted) };
                assert!(matches!(dense.plan(10, POINTS / step, 96), Plan::Walk { .. }));
                let (got, expected) = (dense.search(wanted).expect("searched"), exact(&rows, wanted));
                assert!(got.iter().all(|hit| admitted.holds(hit.place)));
                assert!(got.is_sorted_by(|a, b| a >= b) && got.len() == 10);
                found += got.iter().filter(|hit| expected.contains(hit)).count();
                all += expected.len();
            }
            assert!(found * 100 >= all * 98, "{found} of {all}, one of {step} admitted");
        }
    }

    #[test]
    fn few_or_narrowly_filtered_vectors_are_compared_exactly_and_many_are_walked() {
        const POINTS: u32 = 1_000;
        let params = GraphParams { m: 4, ef_construction: 10, ef_search: 20, exact_below: 100 };
        let chain: Vec<Vec<u32>> = (0..POINTS).map(|point| vec![(point + 1) % POINTS]).collect();
        let make = |graph| Dense::new(Vectors::sample(&vec![vec![1.0]; 1_000]), graph, params).expect("vectors");
        let (walked, unwalked) = (make(Graph::new(0, &chain, &[])), make(None));
        let check = |depth: usize, candidates: usize, expected: Plan| {
            assert_eq!(walked.plan(depth, candidates, 20), expected, "{depth} of {candidates}");
            assert_eq!(unwalked.plan(depth, candidates, 20), Plan::Scan);
        };
        check(10, 1_000, Plan::Walk { ef: 20 });
        check(15, 1_000, Plan::Walk { ef: 30 });
        check(10, 800, Plan::Walk { ef: 25 });
        check(10, 200, Plan::Scan);
        check(10, 100, Plan::Scan);
        check(10, 0, Plan::Scan);
        check(usize::MAX, 1_000, Plan::Scan);
    }

    #[test]
    fn a_walk_that_runs_dry_is_made_good_by_comparing_everything() {
        const POINTS: u32 = 2_000;
        let params = GraphParams { m: 2, ef_construction: 10, ef_search: 5, exact_below: 10 };
        let graph = Graph::new(0, &vec![Vec::new(); POINTS as usize], &[]);
        let dense = Dense::new(Vectors::sample(&vec![vec![1.0]; 2_000]), graph, params).expect("vectors");
        let found = dense.search(Wanted { query: &[1.0], depth: 7, admitted: None }).expect("searched");
        assert_eq!(found.iter().map(|hit| hit.place).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    }
}
