//! Which neighbours of a point are worth keeping?
//!
//! The builder fills a point's list with its nearest, who often all stand on one side of it. Here every point is looked
//! for in the builder's graph, and of those found and those it had such neighbours are chosen as are nearer to it than to
//! each other (Malkov and Yashunin, 2016, algorithm 4; the slack is that of Subramanya and others, `DiskANN`, 2019). Those it
//! had may lie far off, from when there were few points: without them a large graph falls into crowds that no path leaves.
//! Each step is a pure function of the one before, so points are done in parallel and two builds agree.

use rayon::prelude::*;

use crate::local::best::Scored;
use crate::local::codes::{Codes, Target};
use crate::local::walk::{Sheets, Walker, Width};

/// Points that are looked for before progress is told.
pub(crate) const CHUNK: usize = 8_192;

/// How neighbours are chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// Candidates looked at for each point.
    pub(crate) ef: usize,
    /// Neighbours chosen among them, at most.
    pub(crate) chosen: usize,
    /// Neighbours kept, those that chose the point included, at most.
    pub(crate) kept: usize,
    /// A candidate is left out if one that was chosen is nearer to it than the point by this factor of the squared distance.
    pub(crate) slack: f32,
}

/// Chooses the neighbours in `lists` of the points at `places`, known to the graph or not, anew; all others keep theirs
/// while there is room. Whoever is chosen gets an edge back.
pub(crate) fn refine(
    walker: Walker<'_>,
    places: &[u32],
    choice: Choice,
    lists: &mut [Vec<u32>],
    told: &mut dyn FnMut(usize),
) {
    let codes = walker.codes;
    let sheets = Sheets::default();
    let near = |place: u32, had: &[u32]| {
        let mut near: Vec<u32> = sheets.with(|scratch| {
            codes.aim_at(&mut scratch.target, place);
            let found = walker.search(Width { ef: choice.ef, show: choice.ef, admitted: None }, scratch);
            found.map(|near| near.place).collect()
        });
        let more: Vec<u32> = had.iter().copied().filter(|had| !near.contains(had)).collect();
        near.extend(more);
        choose(codes, place, near.into_iter(), choice.chosen, choice.slack)
    };
    for chunk in places.chunks(CHUNK) {
        let chosen: Vec<Vec<u32>> = chunk.par_iter().map(|&place| near(place, &lists[place as usize])).collect();
        for (&place, neighbours) in chunk.iter().zip(chosen) {
            lists[place as usize] = neighbours;
        }
        told(chunk.len());
    }
    let own: Vec<usize> = lists.iter().map(Vec::len).collect();
    for &place in places {
        for at in 0..own[place as usize] {
            let neighbour = lists[place as usize][at] as usize;
            if !lists[neighbour][..own[neighbour]].contains(&place) {
                lists[neighbour].push(place);
            }
        }
    }
    lists.par_iter_mut().enumerate().filter(|(_, list)| list.len() > choice.kept).for_each(|(place, list)| {
        *list = choose(codes, place as u32, list.iter().copied(), choice.kept, choice.slack);
    });
}

/// Chooses among `candidates` at most `most` neighbours of `place`, nearest first. Of equal codes one is enough: by their
/// scores alone they do not hide one another, since a code's score against itself is not quite 1.
fn choose(codes: &Codes, place: u32, candidates: impl Iterator<Item = u32>, most: usize, slack: f32) -> Vec<u32> {
    let places: Vec<u32> = candidates.filter(|candidate| *candidate != place).collect();
    let (mut target, mut scores) = (Target::default(), Vec::new());
    codes.aim_at(&mut target, place);
    codes.scores(&mut target, &places, &mut scores);
    let mut waiting: Vec<Scored> = places.iter().zip(&scores).map(|(&place, &score)| Scored { score, place }).collect();
    let mut chosen = Vec::with_capacity(most);
    // Of its own copies a point keeps the one behind it, so that they lie on a ring and a walk can go round it. It hides
    // nothing: all others are as far from it as from the point.
    let copies = waiting.iter().map(|near| near.place).filter(|other| codes.are_equal(*other, place));
    if let Some(next) = copies.min_by_key(|other| (*other < place, *other)) {
        chosen.push(next);
        waiting.retain(|near| !codes.are_equal(near.place, place));
    }
    waiting.sort_unstable_by(|a, b| b.cmp(a));
    let mut rest = Vec::new();
    while chosen.len() < most
        && let Some(&next) = waiting.first()
    {
        chosen.push(next.place);
        if chosen.len() == most {
            break;
        }
        waiting.remove(0);
        rest.clear();
        rest.extend(waiting.iter().map(|near| near.place));
        codes.aim_at(&mut target, next.place);
        codes.scores(&mut target, &rest, &mut scores);
        let mut between = scores.iter();
        waiting.retain(|near| {
            let is_far = between.next().is_none_or(|&score| (1.0 - score) * slack > 1.0 - near.score);
            is_far && (near.score.total_cmp(&next.score).is_ne() || !codes.are_equal(near.place, next.place))
        });
    }
    chosen
}
