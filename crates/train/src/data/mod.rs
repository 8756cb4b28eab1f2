//! What is learned from? One file a kind of data.

mod negatives;
mod pairs;

pub use negatives::{Mining, MiningReport, mine};
pub(crate) use pairs::normalised;
pub use pairs::{
    LEAST_PAIRS, Pair, PairFault, PairPassage, PairPlace, PairReport, PairSet, PairsError, hold_out, is_held_out,
    read_pairs, sample,
};
