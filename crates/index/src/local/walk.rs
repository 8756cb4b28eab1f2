//! Which points does a walk over the graph find?
//!
//! Greedy down to the lowest layer, then best first (Malkov and Yashunin, 2016, algorithm 2), over codes. The walk passes
//! through points that a filter hides, but only shows those it admits. Nothing here depends on threads.

use std::sync::{Mutex, PoisonError};

use crate::local::admitted::Admitted;
use crate::local::best::Scored;
use crate::local::codes::{Codes, Target};
use crate::local::graph::Graph;
use crate::local::pool::Pool;

/// How a walk is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Width<'a> {
    /// Candidates held.
    pub(crate) ef: usize,
    /// Points shown, at most.
    pub(crate) show: usize,
    /// Which points may be shown; `None` for all.
    pub(crate) admitted: Option<&'a Admitted>,
}

/// A graph to be walked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walker<'a> {
    pub(crate) codes: &'a Codes,
    pub(crate) graph: &'a Graph,
}

/// What a walk writes on; used again and again, so that no walk allocates.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// What is looked for.
    pub(crate) target: Target,
    visited: Visited,
    held: Pool,
    shown: Pool,
    fresh: Vec<u32>,
    scores: Vec<f32>,
}

impl Walker<'_> {
    /// Finds what lies near `scratch.target`, best first by code.
    pub(crate) fn search<'s>(&self, width: Width<'_>, scratch: &'s mut Scratch) -> impl Iterator<Item = Scored> + 's {
        let Scratch { target, visited, held, shown, fresh, scores } = scratch;
        let start = self.descend(target, fresh, scores);
        visited.begin(self.codes.len());
        visited.mark(start.place);
        // Held steers and ends the walk, whatever is admitted; shown is kept apart only where a filter hides some.
        held.reset(width.ef.max(1));
        shown.reset(width.show);
        let meet = |point: Scored, held: &mut Pool, shown: &mut Pool| {
            held.offer(point);
            if width.admitted.is_some_and(|admitted| admitted.holds(point.place)) {
                shown.offer(point);
            }
        };
        meet(start, held, shown);
        while let Some(place) = held.take_next() {
            fresh.clear();
            fresh.extend(self.graph.neighbours(0, place).iter().copied().filter(|&other| visited.mark(other)));
            self.codes.scores(target, fresh, scores);
            for (&place, &score) in fresh.iter().zip(&*scores) {
                meet(Scored { score, place }, held, shown);
            }
        }
        let found = if width.admitted.is_some() { shown } else { held };
        found.points().take(width.show)
    }

    fn descend(&self, target: &mut Target, places: &mut Vec<u32>, scores: &mut Vec<f32>) -> Scored {
        let mut best_of = |places: &[u32]| {
            self.codes.scores(target, places, scores);
            places.iter().zip(&*scores).map(|(&place, &score)| Scored { score, place }).max()
        };
        let entry = self.graph.entry();
        places.clear();
        places.push(entry);
        let mut best = best_of(places).unwrap_or(Scored { score: f32::NEG_INFINITY, place: entry });
        for layer in (1..=self.graph.top_layer()).rev() {
            while let Some(next) = best_of(self.graph.neighbours(layer, best.place)).filter(|next| *next > best) {
                best = next;
            }
        }
        best
    }

    /// Which points a path in the lowest layer leads to, from where every descent may end.
    pub(crate) fn reachable(&self) -> Vec<bool> {
        let mut reached = vec![false; self.codes.len()];
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
}

/// Sheets to write on, one for each walk that is going on.
#[derive(Debug, Default)]
pub(crate) struct Sheets(Mutex<Vec<Scratch>>);

impl Sheets {
    /// Lends a sheet.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = spare.unwrap_or_default();
        let result = work(&mut scratch);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        result
    }
}

/// A point is visited if its mark is the current round. Marks are bytes, so that those of a hundred thousand points fit
/// a core's own cache; they are wiped every 255 rounds.
#[derive(Debug, Default)]
struct Visited {
    round: u8,
    marks: Vec<u8>,
}

impl Visited {
    fn begin(&mut self, points: usize) {
        if self.marks.len() != points || self.round == u8::MAX {
            self.marks.clear();
            self.marks.resize(points, 0);
            self.round = 0;
        }
        self.round += 1;
    }

    /// Marks a point; tells whether it was new.
    fn mark(&mut self, place: u32) -> bool {
        std::mem::replace(&mut self.marks[place as usize], self.round) != self.round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_new_once_a_round_however_many_rounds_there_are() {
        let mut visited = Visited::default();
        for round in 0..1_000u32 {
            visited.begin(3);
            let point = round % 3;
            assert!(visited.mark(point), "{round}");
            assert!(!visited.mark(point), "{round}");
            assert!(visited.mark((point + 1) % 3), "{round}");
        }
        visited.begin(5);
        assert!(visited.mark(4));
    }
}
