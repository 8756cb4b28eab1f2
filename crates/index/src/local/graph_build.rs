//! Which points should be neighbours?
//!
//! `hnsw_rs` finds out, and everything of it ends in this file: its layers become a [`Graph`] of ours, so that no dump
//! of its own is ever written or read. Points are inserted one by one, because its parallel insertion is not
//! reproducible. Afterwards every point is searched for, and those that cannot be found get an edge.

use std::collections::{BTreeMap, BTreeSet};

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;

use crate::GraphParams;
use crate::local::dense::{Marks, Walker};
use crate::local::graph::Graph;
use crate::local::vectors::{Vectors, dot};

/// Layers at most; with m ≥ 2 no data set in memory needs more.
const MAX_LAYERS: usize = 16;
/// Rounds of mending before the graph is given up and vectors are compared one by one instead.
const MAX_ROUNDS: usize = 12;
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
/// one is finding all.
fn lost_points(walker: &Walker<'_>, ef: usize) -> Vec<u32> {
    let vectors = walker.vectors();
    let reached = walker.reachable();
    (0..vectors.len() as u32)
        .into_par_iter()
        .filter(|&place| {
            if !reached[place as usize] {
                return true;
            }
            let found = walker.search(vectors.at(place), ef, ef, None);
            !found.iter().any(|hit| hit.place == place || vectors.at(hit.place) == vectors.at(place))
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
        let best = near.iter().filter(|hit| hit.place != place).map(|hit| hit.score).next();
        let equals = near.iter().filter(|hit| hit.place != place && Some(hit.score) == best);
        let Some(hook) = equals.map(|hit| hit.place).min_by_key(|other| (degree(*other), *other)) else { continue };
        base.entry(hook).or_default().insert(place);
        base.entry(place).or_default().insert(hook);
    }
}
