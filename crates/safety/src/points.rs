//! How many points has a term? Tables of `data/` that `build.rs` has sorted, so that nothing is read when the program starts.

mod hash;

pub(crate) use hash::{Term, go_on, hash};

/// The terms of a file and the `N` points of each, in hundredths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points<const N: usize> {
    /// Their hashes, ascending; big-endian, so that they are in order as they stand.
    pub(crate) terms: &'static [[u8; 8]],
    /// Row by row.
    pub(crate) points: &'static [[u8; 2]],
}

impl<const N: usize> Points<N> {
    /// What `build.rs` made of a file.
    pub(crate) const fn new(terms: &'static [u8], points: &'static [u8]) -> Self {
        Self { terms: terms.as_chunks().0, points: points.as_chunks().0 }
    }

    /// The points of a term, if it has any.
    pub(crate) fn of(&self, term: Term) -> Option<[f32; N]> {
        let at = self.terms.binary_search(&term.to_be_bytes()).ok()?;
        let row = self.points.get(at * N..(at + 1) * N)?;
        Some(std::array::from_fn(|column| f32::from(i16::from_le_bytes(row[column]))))
    }
}

/// A word as a term: any number counts as one, and a letter that is drawn out counts once.
pub(crate) fn written(word: &str) -> Vec<u8> {
    let bytes = word.as_bytes();
    if bytes.first().is_some_and(u8::is_ascii_digit) {
        return b"0".to_vec();
    }
    bytes.chunk_by(|a, b| a == b).flat_map(|run| &run[..if run.len() > 2 { 1 } else { run.len() }]).copied().collect()
}
