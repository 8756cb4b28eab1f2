//! Which points should be neighbours?
//!
//! `hnsw_rs` finds out, and everything of it ends in this file: its layers become a [`Graph`] of ours, so that no dump
//! of its own is ever written or read. Points are inserted one by one, because its parallel insertion is not
//! reproducible. Afterwards every point is searched for, and those that cannot be found get an edge.

use std::collections::{BTreeMap, BTreeSet};

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;

use crate::GraphParams;
use crate::local::best::Scored;
use crate::local::dense::{Marks, Walker};
use crate::local::graph::Graph;
use crate::local::vectors::{Vectors, dot};

/// Layers at most; with m ≥ 2 no data set in memory needs more.
const MAX_LAYERS: usize = 16;
/// Rounds of mending before the graph is given up and vectors are compared one by one instead.
const MAX_ROUNDS: usize = 12;
/// Candidates held in the first try to find a point by its own vector.
const NARROW_EF: usize = 16;
/// How often progress is told, in points.
const REPORT_EVERY: usize = 256;

/// Neighbours by point, the lowest layer first.
type Draft = Vec<BTreeMap<u32, BTreeSet<u32>>>;

/// Distance of unit vectors. Clamped: rounding may carry a cosine past 1, and the builder asserts distances ≥ 0.
struct Angle;

impl Distance<f32> for Angle {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - dot(a, b)).max(0.0)
    }
}

/// Builds the graph over `vectors`, of which there is at least one; `params` have been validated. `None` if some
/// points stay beyond reach whatever is done: an honest scan is better than a graph that hides them.
pub(crate) fn build(vectors: &Vectors, params: &GraphParams, told: &mut dyn FnMut(u64)) -> Option<Graph> {
    let marks = Marks::default();
    let (mut draft, entry) = draft(vectors, params, told);
    for _ in 0..MAX_ROUNDS {
        let graph = flatten(vectors.len(), entry, &draft)?;
        let walker = Walker::new(vectors, &graph, &marks);
        let lost = lost_points(&walker, params.ef_search);
        if lost.is_empty() {
            return Some(graph);
        }
        mend(&walker, params, &lost, &mut draft);
    }
    None
}

fn draft(vectors: &Vectors, params: &GraphParams, told: &mut dyn FnMut(u64)) -> (Draft, u32) {
    let builder = Hnsw::<f32, Angle>::new(params.m, vectors.len(), MAX_LAYERS, params.ef_construction, Angle);
    for place in 0..vectors.len() {
        builder.insert_slice((vectors.at(place as u32), place));
        if place % REPORT_EVERY == 0 {
            told(place as u64);
        }
    }
    let indexation = builder.get_point_indexation();
    let top = builder.get_max_level_observed() as usize;
    let mut layers: Draft = vec![BTreeMap::new(); top + 1];
    let mut entry = None;
    for level in 0..=top {
        for point in indexation.get_layer_iterator(level) {
            let place = point.get_origin_id() as u32;
            if level == top && entry.is_none_or(|entry| place < entry) {
                entry = Some(place);
            }
            // Beyond its own level a point remembers whom it met on the way down; those are no neighbours.
            for (layer, neighbours) in point.get_neighborhood_id().iter().enumerate().take(level + 1) {
                let known = neighbours.iter().map(|neighbour| neighbour.get_origin_id() as u32);
                layers[layer].insert(place, known.filter(|other| *other != place).collect());
            }
        }
    }
    (layers, entry.unwrap_or(0))
}

fn flatten(points: usize, entry: u32, draft: &Draft) -> Option<Graph> {
    let list = |(place, neighbours): (&u32, &BTreeSet<u32>)| (*place, neighbours.iter().copied().collect());
    let layers: Vec<Vec<(u32, Vec<u32>)>> = draft.iter().map(|layer| layer.iter().map(list).collect()).collect();
    Graph::new(points, entry, &layers)
}

/// Points that no path leads to, and points that a search for their own vector misses. Of identical vectors, finding
/// one is finding all; and where everything found is as near as the point itself, no search could tell them apart.
fn lost_points(walker: &Walker<'_>, ef: usize) -> Vec<u32> {
    let vectors = walker.vectors();
    let reached = walker.reachable();
    let search = |place: u32, ef: usize| walker.search(vectors.at(place), ef, ef, None);
    let is_among = |place: u32, found: &[Scored]| {
        found.iter().any(|hit| hit.place == place || vectors.at(hit.place) == vectors.at(place))
    };
    let is_missed = |place: u32| {
        let own = vectors.at(place);
        let found = search(place, ef);
        let is_tied = found.len() == ef && found.last().is_some_and(|last| last.score >= dot(own, own));
        !is_tied && !is_among(place, &found)
    };
    (0..vectors.len() as u32)
        .into_par_iter()
        .filter(|&place| {
            // A wide walk passes wherever a narrow one does, so the narrow one settles nearly all of them at a fraction
            // of the cost.
            let is_near = || is_among(place, &search(place, ef.min(NARROW_EF)));
            !reached[place as usize] || (!is_near() && is_missed(place))
        })
        .collect()
}

/// Ties each lost point to the nearest point that a search does find, both ways. Among equals the one with the fewest
/// neighbours, so that a thousand copies of one sentence do not all hang on the same hook.
fn mend(walker: &Walker<'_>, params: &GraphParams, lost: &[u32], draft: &mut Draft) {
    let hooks: Vec<_> = lost
        .par_iter()
        .map(|&place| walker.search(walker.vectors().at(place), params.ef_search, params.ef_search, None))
        .collect();
    for (&place, near) in lost.iter().zip(&hooks) {
        let base = &mut draft[0];
        let degree = |other: u32| base.get(&other).map_or(0, BTreeSet::len);
        let mut others = near.iter().filter(|hit| hit.place != place).peekable();
        let Some(best) = others.peek().map(|hit| hit.score) else { continue };
        let equals = others.take_while(|hit| hit.score >= best).map(|hit| hit.place);
        let Some(hook) = equals.min_by_key(|other| (degree(*other), *other)) else { continue };
        base.entry(hook).or_default().insert(place);
        base.entry(place).or_default().insert(hook);
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::Embedding;

    use super::*;

    const PARAMS: GraphParams = GraphParams { m: 8, ef_construction: 60, ef_search: 32, exact_below: 0 };

    fn vectors(rows: &[Vec<f32>]) -> Vectors {
        let unit = |row: &Vec<f32>| Embedding::normalised(row.clone()).expect("a direction").as_slice().to_vec();
        Vectors::new(rows[0].len(), rows.iter().flat_map(unit).collect())
    }

    /// Points on a spiral, so that none has its own place twice.
    fn spiral(points: usize) -> Vec<Vec<f32>> {
        let turn = |n: usize, step: f32| (n as f32 * step).sin();
        (0..points).map(|n| (0..12u8).map(|axis| turn(n, 0.37 * f32::from(axis + 1)) + 0.01).collect()).collect()
    }

    fn check_every_point_is_found(rows: &[Vec<f32>]) {
        let vectors = vectors(rows);
        let graph = build(&vectors, &PARAMS, &mut |_| {}).expect("a graph");
        let marks = Marks::default();
        let walker = Walker::new(&vectors, &graph, &marks);
        assert!(walker.reachable().iter().all(|reached| *reached));
        assert_eq!(lost_points(&walker, PARAMS.ef_search), [0u32; 0]);
    }

    #[test]
    fn every_point_can_be_found_whatever_the_points_are() {
        check_every_point_is_found(&spiral(1));
        check_every_point_is_found(&spiral(2));
        check_every_point_is_found(&spiral(1_500));
        check_every_point_is_found(&vec![vec![0.6, 0.8]; 700]);
        let islands: Vec<Vec<f32>> = (0..600)
            .map(|n| if n % 2 == 0 { vec![1.0, n as f32 * 1e-6] } else { vec![-1.0, n as f32 * 1e-6] })
            .collect();
        check_every_point_is_found(&islands);
    }

    #[test]
    fn a_point_without_neighbours_is_mended() {
        let vectors = vectors(&spiral(400));
        let (mut draft, entry) = draft(&vectors, &PARAMS, &mut |_| {});
        let lonely = if entry == 7 { 8 } else { 7 };
        for layer in &mut draft {
            for neighbours in layer.values_mut() {
                neighbours.remove(&lonely);
            }
        }
        let marks = Marks::default();
        let torn = flatten(vectors.len(), entry, &draft).expect("a graph");
        let walker = Walker::new(&vectors, &torn, &marks);
        let lost = lost_points(&walker, PARAMS.ef_search);
        assert!(lost.contains(&lonely), "{lost:?}");
        mend(&walker, &PARAMS, &lost, &mut draft);
        let mended = flatten(vectors.len(), entry, &draft).expect("a graph");
        assert!(lost_points(&Walker::new(&vectors, &mended, &marks), PARAMS.ef_search).is_empty());
    }

    #[test]
    fn the_builder_makes_the_same_graph_every_time() {
        let vectors = vectors(&spiral(800));
        let first = build(&vectors, &PARAMS, &mut |_| {});
        assert!(first.is_some());
        assert_eq!(build(&vectors, &PARAMS, &mut |_| {}), first);
    }

    #[test]
    fn our_walk_finds_what_the_builders_own_search_finds() {
        let vectors = vectors(&spiral(1_500));
        let theirs = Hnsw::<f32, Angle>::new(PARAMS.m, vectors.len(), MAX_LAYERS, PARAMS.ef_construction, Angle);
        for place in 0..vectors.len() {
            theirs.insert_slice((vectors.at(place as u32), place));
        }
        let graph = build(&vectors, &PARAMS, &mut |_| {}).expect("a graph");
        let marks = Marks::default();
        let walker = Walker::new(&vectors, &graph, &marks);
        let (mut ours_found, mut theirs_found) = (0, 0);
        for query in (0..1_500).step_by(10) {
            let query = vectors.at(query);
            let mut exact: Vec<Scored> =
                (0..1_500).map(|place| Scored { score: dot(query, vectors.at(place)), place }).collect();
            exact.sort_by(|a, b| b.cmp(a));
            let wanted: Vec<u32> = exact.iter().take(10).map(|hit| hit.place).collect();
            let ours = walker.search(query, 10, PARAMS.ef_search, None);
            ours_found += ours.iter().filter(|hit| wanted.contains(&hit.place)).count();
            let found = theirs.search(query, 10, PARAMS.ef_search);
            theirs_found += found.iter().filter(|hit| wanted.contains(&(hit.d_id as u32))).count();
        }
        assert!(ours_found >= theirs_found, "{ours_found} of 1500 against {theirs_found}");
    }
}
