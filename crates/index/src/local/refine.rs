//! Which neighbours of a point are worth keeping?
//!
//! The builder fills a point's list with its nearest, who often all stand on one side of it. Here every point is looked
//! for in the builder's graph, and of those found such neighbours are chosen as are nearer to it than to each other
//! (Malkov and Yashunin, 2016, algorithm 4; the slack is that of Subramanya and others, `DiskANN`, 2019). Each step is a
//! pure function of the one before, so points are done in parallel and two builds agree.

use rayon::prelude::*;

use crate::local::best::Scored;
use crate::local::codes::{Codes, Target};
use crate::local::graph::Graph;
use crate::local::walk::{Sheets, Walker, Width};

/// How neighbours are chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// Candidates looked at for each point.
    pub(crate) ef: usize,
    /// Neighbours kept, at most.
    pub(crate) most: usize,
    /// A candidate is left out if one that was chosen is nearer to it than the point by this factor of the squared distance.
    pub(crate) slack: f32,
}

/// Neighbours of each point of the lowest layer, chosen anew.
pub(crate) fn refine(codes: &Codes, graph: &Graph, choice: Choice) -> Vec<Vec<u32>> {
    let sheets = Sheets::default();
    let walker = Walker { codes, graph };
    let chosen: Vec<Vec<u32>> = (0..codes.len() as u32)
        .into_par_iter()
        .map(|place| {
            let found: Vec<Scored> = sheets.with(|scratch| {
                codes.aim_at(&mut scratch.target, place);
                walker.search(Width { ef: choice.ef, show: choice.ef, admitted: None }, scratch).collect()
            });
            choose(codes, place, found.iter().map(|near| near.place), choice)
        })
        .collect();
    // An edge that leads there should lead back.
    let mut both = chosen.clone();
    for (place, neighbours) in (0u32..).zip(&chosen) {
        for &neighbour in neighbours {
            let back = &mut both[neighbour as usize];
            if !chosen[neighbour as usize].contains(&place) {
                back.push(place);
            }
        }
    }
    let list = |(place, candidates): (usize, Vec<u32>)| {
        if candidates.len() <= choice.most {
            return candidates;
        }
        choose(codes, place as u32, candidates.into_iter(), choice)
    };
    both.into_par_iter().enumerate().map(list).collect()
}

/// Chooses among `candidates` the neighbours of `place`, nearest first.
fn choose(codes: &Codes, place: u32, candidates: impl Iterator<Item = u32>, choice: Choice) -> Vec<u32> {
    let places: Vec<u32> = candidates.filter(|candidate| *candidate != place).collect();
    let (mut target, mut scores) = (Target::default(), Vec::new());
    codes.aim_at(&mut target, place);
    codes.scores(&mut target, &places, &mut scores);
    let mut waiting: Vec<Scored> = places.iter().zip(&scores).map(|(&place, &score)| Scored { score, place }).collect();
    waiting.sort_unstable_by(|a, b| b.cmp(a));
    let mut chosen = Vec::with_capacity(choice.most);
    let mut rest = Vec::new();
    while let Some(&next) = waiting.first() {
        chosen.push(next.place);
        if chosen.len() == choice.most {
            break;
        }
        waiting.remove(0);
        rest.clear();
        rest.extend(waiting.iter().map(|near| near.place));
        codes.aim_at(&mut target, next.place);
        codes.scores(&mut target, &rest, &mut scores);
        let mut between = scores.iter();
        waiting.retain(|near| between.next().is_none_or(|&score| (1.0 - score) * choice.slack > 1.0 - near.score));
    }
    chosen
}
