//! Which tokens are read together (pure).

use std::ops::Range;

/// The tokens of one text that fit beside a question.
pub type Window = Range<usize>;

/// Cuts `tokens` tokens into windows of at most `size`, each beginning `size - overlap` after the one before, so that
/// an answer of up to `overlap` tokens stands whole in one of them. No tokens, no windows.
pub fn windows(tokens: usize, size: usize, overlap: usize) -> Vec<Window> {
    let size = size.max(1);
    let step = size.saturating_sub(overlap).max(1);
    let mut windows = Vec::new();
    let mut start = 0;
    while start < tokens {
        let end = (start + size).min(tokens);
        windows.push(start..end);
        if end == tokens {
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
    fn windows_overlap_and_the_last_one_ends_with_the_text() {
        let check = |tokens, size, overlap, expected: &[Window]| assert_eq!(windows(tokens, size, overlap), expected);
        let nothing: [Window; 0] = [];
        check(0, 10, 4, &nothing);
        let whole = 0..10;
        check(10, 10, 4, &[whole]);
        check(11, 10, 4, &[0..10, 6..11]);
        check(30, 10, 4, &[0..10, 6..16, 12..22, 18..28, 24..30]);
        check(3, 1, 5, &[0..1, 1..2, 2..3]);
    }

    proptest::proptest! {
        #[test]
        fn every_short_stretch_stands_whole_in_a_window(
            tokens in 1usize..800, size in 2usize..400, overlap in 0usize..200, start in 0usize..800, length in 1usize..200,
        ) {
            let overlap = overlap.min(size - 1);
            let end = start + length.min(overlap.max(1));
            if end <= tokens {
                let whole = windows(tokens, size, overlap).iter().any(|window| window.start <= start && end <= window.end);
                proptest::prop_assert!(whole);
            }
        }
    }
}
