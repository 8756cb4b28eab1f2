//! Which pieces of a long text are computed together, and which window speaks for a piece (pure).

use std::ops::Range;

/// A stretch of pieces, and those of them that it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelWindow {
    /// Pieces that are computed.
    pub pieces: Range<usize>,
    /// Pieces whose labels are taken from here: every piece is decided by one window, the one in which it stands
    /// farther from an edge.
    pub decides: Range<usize>,
}

/// Cuts `pieces` pieces into windows of at most `size`, neighbours sharing `overlap`; of what two share, the first half
/// belongs to the first. No pieces, no windows.
pub fn label_windows(pieces: usize, size: usize, overlap: usize) -> Vec<LabelWindow> {
    let size = size.max(1);
    let step = size.saturating_sub(overlap).max(1);
    let mut windows: Vec<LabelWindow> = Vec::new();
    let mut start = 0;
    while start < pieces {
        let end = (start + size).min(pieces);
        let from = windows.last().map_or(0, |before| before.pieces.end.midpoint(start));
        if let Some(before) = windows.last_mut() {
            before.decides.end = from;
        }
        windows.push(LabelWindow { pieces: start..end, decides: from..end });
        if end == pieces {
            break;
        }
        start += step;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_windows_share_is_halved() {
        let check = |pieces, size, overlap, expected: &[(Range<usize>, Range<usize>)]| {
            let found: Vec<_> =
                label_windows(pieces, size, overlap).into_iter().map(|w| (w.pieces, w.decides)).collect();
            assert_eq!(found, expected);
        };
        check(0, 10, 4, &[]);
        check(10, 10, 4, &[(0..10, 0..10)]);
        check(16, 10, 4, &[(0..10, 0..8), (6..16, 8..16)]);
        check(11, 10, 4, &[(0..10, 0..8), (6..11, 8..11)]);
    }

    proptest::proptest! {
        #[test]
        fn every_piece_is_decided_once_and_inside_its_window(
            pieces in 0usize..900, size in 1usize..200, overlap in 0usize..220,
        ) {
            let windows = label_windows(pieces, size, overlap);
            let mut next = 0;
            for window in &windows {
                proptest::prop_assert_eq!(window.decides.start, next);
                proptest::prop_assert!(window.pieces.start <= window.decides.start && window.decides.end <= window.pieces.end);
                proptest::prop_assert!(window.pieces.len() <= size);
                next = window.decides.end;
            }
            proptest::prop_assert_eq!(next, pieces);
        }
    }
}
