//! Which passages does a filter let through?

use std::ops::Range;

/// A set of places of passages, as bits.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    words: Vec<u64>,
    count: usize,
}

impl Admitted {
    /// None of `places` passages.
    pub(crate) fn none(places: usize) -> Self {
        Self { words: vec![0; places.div_ceil(64)], count: 0 }
    }

    /// Lets a range through that was not let through before.
    pub(crate) fn add(&mut self, places: Range<usize>) {
        self.count += places.len();
        for place in places {
            self.words[place / 64] |= 1 << (place % 64);
        }
    }

    /// Whether the passage may be shown.
    pub(crate) fn holds(&self, place: u32) -> bool {
        self.words.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// How many may be shown.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}
