//! Which points should be neighbours?
//!
//! `hnsw_rs` finds out for every sixteenth point or so, and everything of it ends in this file: its layers become a [`Graph`]
//! of ours, so that no dump of its own is ever written or read. Points are inserted one by one, because its parallel
//! insertion is not reproducible, and it spends kilobytes on each; so what it drafted becomes the upper layers, and the rest
//! is put in on all cores, twice as many each time ([`crate::local::refine`]). Then all neighbours are chosen anew.
//! Afterwards every point is searched for, and those that cannot be found get an edge.

use std::sync::{Mutex, PoisonError};

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;

use crate::GraphParams;
use crate::local::best::Scored;
use crate::local::codes::{Codes, Target};
use crate::local::graph::Graph;
use crate::local::refine::{CHUNK, Choice, refine};
use crate::local::walk::{Sheets, Walker, Width};

/// Layers at most; with m ≥ 2 no data set in memory needs more.
const MAX_LAYERS: usize = 16;
/// Rounds of mending before the graph is given up and vectors are compared one by one instead.
const MAX_ROUNDS: usize = 12;
/// Candidates held in the first try to find a point by its own vector.
const NARROW_EF: usize = 16;
/// Candidates held while a point is put in. A plain draft is enough: with 40 and two rounds of choosing anew the graph
/// is as good as with 100 and one round, in half the time (29,123 snippets).
const DRAFT_EF: usize = 40;
/// Rounds in which neighbours are chosen anew.
const REFINEMENTS: usize = 2;
/// By which factor of the squared distance a neighbour must be nearer to a candidate than the point itself to hide it.
/// With 1.1 recall@10 of questions at 200 held is 0.945, with 1.0 0.917, with 1.2 0.934 and slower (100,435 passages).
const SLACK: f32 = 1.1;
/// How often progress is told while points are drafted, in points.
const REPORT_EVERY: usize = 256;
/// Up to this many points, `hnsw_rs` drafts all of them.
const DRAFTED_WHOLE: usize = 10_000;

/// Neighbours of each point in the lowest layer, of some points in the layers above, and where walks begin.
struct Draft {
    base: Vec<Vec<u32>>,
    upper: Vec<Vec<(u32, Vec<u32>)>>,
    entry: u32,
}

/// Distance of two vectors that are known by their places, so that the builder need not hold a copy of them.
struct Angle<'a> {
    codes: &'a Codes,
    /// The vector that was last on the left: the builder compares one with many.
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    place: Option<u32>,
    target: Target,
    scores: Vec<f32>,
}

impl Distance<u32> for Angle<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Last { place, target, scores } = &mut *last;
        if *place != a.first().copied() {
            *place = a.first().copied();
            if let Some(&a) = a.first() {
                self.codes.aim_at(target, a);
            }
        }
        self.codes.scores(target, b, scores);
        // Clamped: rounding may carry a cosine past 1, and the builder asserts distances of 0 and more.
        scores.first().map_or(0.0, |score| (1.0 - score).max(0.0))
    }
}

/// Builds the graph over `codes`, of which there is at least one; `params` have been validated. `None` if some
/// points stay beyond reach whatever is done: an honest scan is better than a graph that hides them.
pub(crate) fn build(codes: &Codes, params: &GraphParams, told: &mut dyn FnMut(u64)) -> Option<Graph> {
    build_from(codes, params, stride(codes.len(), params.m), told)
}

/// Every how many points one is drafted: all while they are few, else about as many as reach the first upper layer.
fn stride(points: usize, m: usize) -> usize {
    if points <= DRAFTED_WHOLE { 1 } else { 1 << m.ilog2() }
}

fn build_from(codes: &Codes, params: &GraphParams, stride: usize, told: &mut dyn FnMut(u64)) -> Option<Graph> {
    let sheets = Sheets::default();
    let points = codes.len() as u64;
    let mut passed = 0;
    // Put in once, chosen anew twice, searched for once; where that must be done again, the bar is full.
    let mut told = |more: usize| {
        passed += more as u64;
        told((passed / (REFINEMENTS as u64 + 2)).min(points));
    };
    let drafted: Vec<u32> = (0..codes.len() as u32).step_by(stride).collect();
    let mut draft = draft(codes, params, &drafted, &mut told);
    let kept = params.m * 2;
    let joining = Choice { ef: params.ef_construction.min(DRAFT_EF), chosen: params.m, kept, slack: SLACK };
    if stride > 1 {
        draft.choose(codes, &drafted, Choice { chosen: kept, ..joining }, &mut |_| {})?;
        let layer = drafted.iter().map(|&place| (place, draft.base[place as usize].clone())).collect();
        draft.upper.insert(0, layer);
    }
    // Those half-way between the points that are there, until there are all.
    let mut step = stride;
    while step > 1 {
        let fresh: Vec<u32> = (0..codes.len() as u32).skip(step / 2).step_by(step).collect();
        draft.choose(codes, &fresh, joining, &mut told)?;
        step /= 2;
    }
    let all: Vec<u32> = (0..codes.len() as u32).collect();
    for _ in 0..REFINEMENTS {
        let choice = Choice { ef: params.ef_construction, chosen: kept, kept, slack: SLACK };
        draft.choose(codes, &all, choice, &mut told)?;
    }
    for _ in 0..MAX_ROUNDS {
        let graph = draft.flatten()?;
        let walker = Walker { codes, graph: &graph };
        let lost = lost_points(walker, &sheets, params.ef_search, &mut told);
        if lost.is_empty() {
            return Some(graph);
        }
        mend(walker, &sheets, params, &lost, &mut draft.base);
    }
    None
}

/// What `hnsw_rs` makes of the points at `places`.
fn draft(codes: &Codes, params: &GraphParams, places: &[u32], told: &mut dyn FnMut(usize)) -> Draft {
    let angle = Angle { codes, last: Mutex::default() };
    // Half the neighbours will do: those that are kept are found in the rounds that follow.
    let m = params.m.div_ceil(2).max(2);
    let ef = params.ef_construction.min(DRAFT_EF);
    let builder = Hnsw::<u32, Angle<'_>>::new(m, places.len(), MAX_LAYERS, ef, angle);
    for some in places.chunks(REPORT_EVERY) {
        for &place in some {
            builder.insert_slice((&[place], place as usize));
        }
        told(some.len());
    }
    let indexation = builder.get_point_indexation();
    let top = usize::from(builder.get_max_level_observed());
    let mut draft = Draft { base: vec![Vec::new(); codes.len()], upper: vec![Vec::new(); top], entry: 0 };
    for level in 0..=top {
        for point in indexation.get_layer_iterator(level) {
            let place = point.get_origin_id() as u32;
            // Beyond its own level a point remembers whom it met on the way down; those are no neighbours.
            for (layer, neighbours) in point.get_neighborhood_id().iter().enumerate().take(level + 1) {
                let known = neighbours.iter().map(|neighbour| neighbour.get_origin_id() as u32);
                let mut known: Vec<u32> = known.filter(|other| *other != place).collect();
                known.sort_unstable();
                known.dedup();
                match layer.checked_sub(1) {
                    None => draft.base[place as usize] = known,
                    Some(above) => draft.upper[above].push((place, known)),
                }
            }
        }
    }
    draft.upper.iter_mut().for_each(|layer| layer.sort_unstable());
    draft.entry = draft.upper.last().and_then(|layer| layer.first()).map_or(0, |(place, _)| *place);
    draft
}

impl Draft {
    /// Chooses the neighbours of the points at `places` anew, from what a walk over the graph as it is finds near them.
    fn choose(&mut self, codes: &Codes, places: &[u32], choice: Choice, told: &mut dyn FnMut(usize)) -> Option<()> {
        let graph = self.flatten()?;
        refine(Walker { codes, graph: &graph }, places, choice, &mut self.base, told);
        Some(())
    }

    fn flatten(&self) -> Option<Graph> {
        Graph::new(self.entry, &self.base, &self.upper)
    }
}

/// The best that a search for the vector at `place` finds, holding `ef`.
fn find(walker: Walker<'_>, sheets: &Sheets, place: u32, ef: usize) -> Vec<Scored> {
    sheets.with(|scratch| {
        walker.codes.aim_at(&mut scratch.target, place);
        walker.search(Width { ef, show: ef, admitted: None }, scratch).collect()
    })
}

/// Points that no path leads to, and points that a search for their own vector misses. Of identical vectors, finding
/// one is finding all; and where everything found is as near as the point itself, no search could tell them apart.
fn lost_points(walker: Walker<'_>, sheets: &Sheets, ef: usize, told: &mut dyn FnMut(usize)) -> Vec<u32> {
    let codes = walker.codes;
    let reached = walker.reachable();
    let is_among =
        |place: u32, found: &[Scored]| found.iter().any(|hit| hit.place == place || codes.are_equal(hit.place, place));
    let is_missed = |place: u32| {
        let found = find(walker, sheets, place, ef);
        let is_tied = found.len() == ef && found.last().is_some_and(|last| last.score >= codes.own_score(place));
        !is_tied && !is_among(place, &found)
    };
    let is_lost = |&place: &u32| {
        // A wide walk passes wherever a narrow one does, so the narrow one settles nearly all of them at a fraction of
        // the cost.
        let is_near = || is_among(place, &find(walker, sheets, place, ef.min(NARROW_EF)));
        !reached[place as usize] || (!is_near() && is_missed(place))
    };
    let mut lost = Vec::new();
    for start in (0..codes.len()).step_by(CHUNK) {
        let end = codes.len().min(start + CHUNK);
        lost.par_extend((start as u32..end as u32).into_par_iter().filter(is_lost));
        told(end - start);
    }
    lost
}

/// Ties each lost point to the nearest point that a search does find, both ways. Among equals the one with the fewest
/// neighbours, so that a thousand copies of one sentence do not all hang on the same hook. A point that no path leads to
/// needs a hook to which one does; if the search finds none, an island is tied to where walks begin.
fn mend(walker: Walker<'_>, sheets: &Sheets, params: &GraphParams, lost: &[u32], base: &mut [Vec<u32>]) {
    let hooks: Vec<_> = lost.par_iter().map(|&place| find(walker, sheets, place, params.ef_search)).collect();
    let mut reached = walker.reachable();
    for (&place, near) in lost.iter().zip(&hooks) {
        let is_island = !reached[place as usize];
        let serves = |hit: &&Scored| hit.place != place && (!is_island || reached[hit.place as usize]);
        let mut others = near.iter().filter(serves).peekable();
        let best = others.peek().map_or(f32::INFINITY, |hit| hit.score);
        let equals = others.take_while(|hit| hit.score >= best).map(|hit| hit.place);
        let best_hook = equals.min_by_key(|other| (base[*other as usize].len(), *other));
        let hook = best_hook.unwrap_or(walker.graph.entry());
        if hook == place {
            continue;
        }
        for (near_end, far_end) in [(hook, place), (place, hook)] {
            let neighbours = &mut base[near_end as usize];
            if !neighbours.contains(&far_end) {
                neighbours.push(far_end);
            }
        }
        spread(&mut reached, place, base);
    }
}

/// Marks what a path leads to from `place`, which is reached.
fn spread(reached: &mut [bool], place: u32, base: &[Vec<u32>]) {
    let mut open = vec![place];
    while let Some(point) = open.pop() {
        if !std::mem::replace(&mut reached[point as usize], true) {
            open.extend(&base[point as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::Embedding;

    use super::*;
    use crate::local::vectors::Vectors;

    const PARAMS: GraphParams = GraphParams { m: 8, ef_construction: 60, ef_search: 32, exact_below: 0 };

    fn codes(rows: &[Vec<f32>]) -> Codes {
        let unit = |row: &Vec<f32>| Embedding::normalised(row.clone()).expect("a direction").as_slice().to_vec();
        Codes::of(&Vectors::sample(&rows.iter().map(unit).collect::<Vec<_>>())).expect("codes")
    }

    fn all(codes: &Codes) -> Vec<u32> {
        (0..codes.len() as u32).collect()
    }

    /// Points on a spiral, so that none has its own place twice.
    fn spiral(points: usize) -> Vec<Vec<f32>> {
        let turn = |n: usize, step: f32| (n as f32 * step).sin();
        (0..points).map(|n| (0..12u8).map(|axis| turn(n, 0.37 * f32::from(axis + 1)) + 0.01).collect()).collect()
    }

    fn check_every_point_is_found(rows: &[Vec<f32>]) {
        let codes = codes(rows);
        for stride in [1, 2, 16] {
            let mut told = Vec::new();
            let graph = build_from(&codes, &PARAMS, stride, &mut |done| told.push(done)).expect("a graph");
            let walker = Walker { codes: &codes, graph: &graph };
            assert!(walker.reachable().iter().all(|reached| *reached), "one of {stride} drafted");
            assert_eq!(lost_points(walker, &Sheets::default(), PARAMS.ef_search, &mut |_| {}), [0u32; 0]);
            assert!(told.is_sorted() && told.last() == Some(&(rows.len() as u64)), "{told:?}");
        }
    }

    #[test]
    fn few_points_are_drafted_whole_and_of_many_a_power_of_two_apart() {
        assert_eq!([1, DRAFTED_WHOLE].map(|points| stride(points, 16)), [1, 1]);
        assert_eq!([2, 3, 16, 24, 255].map(|m| stride(DRAFTED_WHOLE + 1, m)), [2, 2, 16, 16, 128]);
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
        let codes = codes(&spiral(400));
        let sheets = Sheets::default();
        let mut draft = draft(&codes, &PARAMS, &all(&codes), &mut |_| {});
        let lonely = if draft.entry == 7 { 8 } else { 7 };
        for list in draft.base.iter_mut().chain(draft.upper.iter_mut().flatten().map(|(_, list)| list)) {
            list.retain(|other| *other != lonely);
        }
        let torn = draft.flatten().expect("a graph");
        let walker = Walker { codes: &codes, graph: &torn };
        let lost = lost_points(walker, &sheets, PARAMS.ef_search, &mut |_| {});
        assert!(lost.contains(&lonely), "{lost:?}");
        mend(walker, &sheets, &PARAMS, &lost, &mut draft.base);
        let mended = draft.flatten().expect("a graph");
        let walker = Walker { codes: &codes, graph: &mended };
        assert!(lost_points(walker, &sheets, PARAMS.ef_search, &mut |_| {}).is_empty());
    }

    #[test]
    fn a_copy_keeps_neighbours_that_are_no_copies_and_a_walk_goes_round_all_of_them() {
        for vector in 0..8 {
            let mut rows = spiral(600);
            let copied = rows[vector * 50].clone();
            // Some stand together, some apart.
            rows.splice(300..300, vec![copied.clone(); 25]);
            rows.extend(vec![copied; 15]);
            let codes = codes(&rows);
            let is_copy = |place: u32| codes.are_equal(place, 300);
            for stride in [1, 8] {
                let graph = build_from(&codes, &PARAMS, stride, &mut |_| {}).expect("a graph");
                for place in all(&codes).into_iter().filter(|place| is_copy(*place)) {
                    let others = graph.neighbours(0, place).iter().filter(|other| !is_copy(**other)).count();
                    assert!(others >= 1, "{place}: {:?}", graph.neighbours(0, place));
                }
                let walker = Walker { codes: &codes, graph: &graph };
                let found = find(walker, &Sheets::default(), 300, 50);
                assert_eq!(found.iter().filter(|hit| is_copy(hit.place)).count(), 41);
            }
        }
    }

    #[test]
    fn the_builder_makes_the_same_graph_every_time() {
        let codes = codes(&spiral(800));
        for stride in [1, 8] {
            let first = build_from(&codes, &PARAMS, stride, &mut |_| {});
            assert!(first.is_some());
            assert_eq!(build_from(&codes, &PARAMS, stride, &mut |_| {}), first);
        }
    }

    #[test]
    fn no_point_keeps_more_neighbours_than_were_asked_for_nor_one_twice() {
        let codes = codes(&spiral(1_500));
        let draft = draft(&codes, &PARAMS, &all(&codes), &mut |_| {});
        let graph = draft.flatten().expect("a graph");
        for kept in [1, 5, 16] {
            let mut lists = draft.base.clone();
            let choice = Choice { ef: 40, chosen: kept, kept, slack: SLACK };
            refine(Walker { codes: &codes, graph: &graph }, &all(&codes), choice, &mut lists, &mut |_| {});
            for (place, mut list) in (0u32..).zip(lists) {
                assert!(list.len() <= kept && !list.contains(&place), "{place}: {list:?}");
                list.sort_unstable();
                assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{place}: {list:?}");
            }
        }
    }

    #[test]
    fn our_walk_finds_what_the_builders_own_search_finds() {
        let codes = codes(&spiral(1_500));
        let angle = Angle { codes: &codes, last: Mutex::default() };
        let theirs = Hnsw::<u32, Angle<'_>>::new(PARAMS.m, codes.len(), MAX_LAYERS, PARAMS.ef_construction, angle);
        for place in 0..codes.len() {
            theirs.insert_slice((&[place as u32], place));
        }
        let [drafted, grown] = [1, 8].map(|stride| build_from(&codes, &PARAMS, stride, &mut |_| {}).expect("a graph"));
        let sheets = Sheets::default();
        let (mut ours_found, mut theirs_found) = ([0, 0], 0);
        let all = all(&codes);
        for query in (0..1_500).step_by(10) {
            let (mut target, mut scores) = (Target::default(), Vec::new());
            codes.aim_at(&mut target, query);
            codes.scores(&mut target, &all, &mut scores);
            let mut exact: Vec<Scored> =
                all.iter().zip(&scores).map(|(&place, &score)| Scored { score, place }).collect();
            exact.sort_by(|a, b| b.cmp(a));
            let wanted: Vec<u32> = exact.iter().take(10).map(|hit| hit.place).collect();
            for (graph, found) in [&drafted, &grown].into_iter().zip(&mut ours_found) {
                let ours = find(Walker { codes: &codes, graph }, &sheets, query, PARAMS.ef_search);
                *found += ours.iter().take(10).filter(|hit| wanted.contains(&hit.place)).count();
            }
            let found = theirs.search(&[query], 10, PARAMS.ef_search);
            theirs_found += found.iter().filter(|hit| wanted.contains(&(hit.d_id as u32))).count();
        }
        assert!(ours_found.iter().all(|ours| *ours >= theirs_found), "{ours_found:?} of 1500 against {theirs_found}");
    }
}
