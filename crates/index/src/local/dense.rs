//! Which vectors are nearest to this one?
//!
//! Few vectors are compared one by one, exactly. Among many, a walk over the graph finds them; the walk passes through
//! points that a filter hides, but only shows those it admits. Nothing here depends on threads.

use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::GraphParams;
use crate::local::admitted::Admitted;
use crate::local::best::{Best, Scored};
use crate::local::graph::Graph;
use crate::local::vectors::{Vectors, dot};

/// Vectors a thread compares at a time in an exact search.
const SCAN_CHUNK: usize = 4_096;

/// The dense index of one generation.
pub(crate) struct Dense {
    vectors: Vectors,
    graph: Option<Graph>,
    params: GraphParams,
    marks: Marks,
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
    /// Without a graph every search is exact.
    pub(crate) fn new(vectors: Vectors, graph: Option<Graph>, params: GraphParams) -> Self {
        Self { vectors, graph, params, marks: Marks::default() }
    }

    pub(crate) fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// The `depth` nearest among those admitted; `query` is of the index's dimension.
    pub(crate) fn search(&self, query: &[f32], depth: usize, admitted: Option<&Admitted>) -> Vec<Scored> {
        let candidates = admitted.map_or(self.vectors.len(), Admitted::count);
        match (&self.graph, self.plan(depth, candidates)) {
            (Some(graph), Plan::Walk { ef }) => {
                let walker = Walker { vectors: &self.vectors, graph, marks: &self.marks };
                let found = walker.search(query, depth, ef, admitted);
                // A walk that ran dry in a filtered corner may have missed some.
                if found.len() < depth.min(candidates) { self.scan(query, depth, admitted) } else { found }
            }
            _ => self.scan(query, depth, admitted),
        }
    }

    /// Compares everything that is admitted: the oracle of the walk.
    pub(crate) fn scan(&self, query: &[f32], depth: usize, admitted: Option<&Admitted>) -> Vec<Scored> {
        let places: Vec<u32> = (0..self.vectors.len() as u32).collect();
        let partial: Vec<Best> = places
            .par_chunks(SCAN_CHUNK)
            .map(|chunk| {
                let mut best = Best::new(depth);
                for &place in chunk.iter().filter(|place| admitted.is_none_or(|admitted| admitted.holds(**place))) {
                    best.offer(Scored { score: dot(query, self.vectors.at(place)), place });
                }
                best
            })
            .collect();
        let mut best = Best::new(depth);
        for part in partial {
            best.absorb(part);
        }
        best.into_sorted()
    }

    /// A walk that is to show `depth` of the admitted must hold more the fewer are admitted; it touches about m new
    /// vectors for each point it holds. Where that is no less than all that are admitted, scanning is exact and cheaper.
    fn plan(&self, depth: usize, candidates: usize) -> Plan {
        if self.graph.is_none() || candidates <= self.params.exact_below {
            return Plan::Scan;
        }
        let wanted = self.params.ef_search.max(depth.saturating_mul(2));
        let ef = wanted.saturating_mul(self.vectors.len()).div_ceil(candidates);
        let touched = ef.saturating_mul(self.params.m);
        if touched >= candidates { Plan::Scan } else { Plan::Walk { ef } }
    }
}

/// A search over a graph: greedy down to the lowest layer, then best first.
pub(crate) struct Walker<'a> {
    vectors: &'a Vectors,
    graph: &'a Graph,
    marks: &'a Marks,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(vectors: &'a Vectors, graph: &'a Graph, marks: &'a Marks) -> Self {
        Self { vectors, graph, marks }
    }

    pub(crate) fn vectors(&self) -> &'a Vectors {
        self.vectors
    }

    /// The `depth` best that are admitted, of `ef ≥ depth` held.
    pub(crate) fn search(&self, query: &[f32], depth: usize, ef: usize, admitted: Option<&Admitted>) -> Vec<Scored> {
        let near = |place: u32| Scored { score: dot(query, self.vectors.at(place)), place };
        let start = self.descend(&near);
        let mut visited = self.marks.take(self.vectors.len());
        visited.mark(start.place);
        // Held steers and ends the walk, whatever is admitted; shown is what the caller gets.
        let mut held = Best::new(ef.max(depth));
        let mut shown = Best::new(depth);
        let mut open = BinaryHeap::from([start]);
        let mut meet = |point: Scored, held: &mut Best| {
            if admitted.is_none_or(|admitted| admitted.holds(point.place)) {
                shown.offer(point);
            }
            held.offer(point)
        };
        meet(start, &mut held);
        while let Some(point) = open.pop() {
            if held.bar().is_some_and(|bar| point < bar) {
                break;
            }
            for &neighbour in self.graph.neighbours(0, point.place) {
                if !visited.mark(neighbour) {
                    continue;
                }
                let neighbour = near(neighbour);
                if meet(neighbour, &mut held) {
                    open.push(neighbour);
                }
            }
        }
        self.marks.put_back(visited);
        shown.into_sorted()
    }

    /// Which points a path in the lowest layer leads to, from where every descent may end.
    pub(crate) fn reachable(&self) -> Vec<bool> {
        let mut reached = vec![false; self.vectors.len()];
        let mut open = vec![self.graph.entry()];
        reached[self.graph.entry() as usize] = true;
        while let Some(point) = open.pop() {
            for &neighbour in self.graph.neighbours(0, point) {
                if !std::mem::replace(&mut reached[neighbour as usize], true) {
                    open.push(neighbour);
                }
            }
        }
        reached
    }

    fn descend(&self, near: &impl Fn(u32) -> Scored) -> Scored {
        let mut best = near(self.graph.entry());
        for layer in (1..=self.graph.top_layer()).rev() {
            loop {
                let next = self.graph.neighbours(layer, best.place).iter().map(|&place| near(place)).max();
                match next {
                    Some(next) if next > best => best = next,
                    _ => break,
                }
            }
        }
        best
    }
}

/// Sets of visited points, used again and again: clearing one for each question would cost more than the walk.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<Vec<Visited>>);

/// A point is visited if its mark is the current round.
#[derive(Debug)]
struct Visited {
    round: u32,
    marks: Vec<u32>,
}

impl Marks {
    fn take(&self, points: usize) -> Visited {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut visited = spare.unwrap_or(Visited { round: 0, marks: Vec::new() });
        if visited.marks.len() != points || visited.round == u32::MAX {
            visited = Visited { round: 0, marks: vec![0; points] };
        }
        visited.round += 1;
        visited
    }

    fn put_back(&self, visited: Visited) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(visited);
    }
}

impl Visited {
    /// Marks a point; tells whether it was new.
    fn mark(&mut self, place: u32) -> bool {
        std::mem::replace(&mut self.marks[place as usize], self.round) != self.round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_or_narrowly_filtered_vectors_are_compared_exactly_and_many_are_walked() {
        const POINTS: u32 = 1_000;
        let params = GraphParams { m: 4, ef_construction: 10, ef_search: 20, exact_below: 100 };
        let chain: Vec<(u32, Vec<u32>)> = (0..POINTS).map(|point| (point, vec![(point + 1) % POINTS])).collect();
        let make = |graph| Dense::new(Vectors::new(1, vec![1.0; POINTS as usize]), graph, params);
        let walked = make(Graph::new(POINTS as usize, 0, &[chain]));
        let check = |depth: usize, candidates: usize, expected: Plan| {
            assert_eq!(walked.plan(depth, candidates), expected, "{depth} of {candidates}");
            assert_eq!(make(None).plan(depth, candidates), Plan::Scan);
        };
        check(10, 1_000, Plan::Walk { ef: 20 });
        check(50, 1_000, Plan::Walk { ef: 100 });
        check(10, 500, Plan::Walk { ef: 40 });
        check(10, 200, Plan::Scan);
        check(10, 100, Plan::Scan);
        check(10, 0, Plan::Scan);
        check(usize::MAX, 1_000, Plan::Scan);
    }

    #[test]
    fn a_walk_that_runs_dry_is_made_good_by_comparing_everything() {
        const POINTS: u32 = 1_000;
        let params = GraphParams { m: 2, ef_construction: 10, ef_search: 5, exact_below: 10 };
        let islands = (0..POINTS).map(|point| (point, Vec::new())).collect();
        let graph = Graph::new(POINTS as usize, 0, &[islands]);
        let dense = Dense::new(Vectors::new(1, vec![1.0; POINTS as usize]), graph, params);
        let found = dense.search(&[1.0], 7, None);
        assert_eq!(found.iter().map(|hit| hit.place).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    }
}
