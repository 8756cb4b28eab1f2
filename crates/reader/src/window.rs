//! Which tokens are read together (pure).

use std::ops::Range;

use clinqa_encoder::{Sequence, SpecialTokens};

/// The tokens of one text that fit beside a question.
pub type Window = Range<usize>;

/// `[CLS]` question `[SEP]` window `[SEP]`, the second part of type 1: the window's first token stands at
/// `question.len() + 2`. Training frames its examples with it too.
pub fn frame(special: SpecialTokens, question: &[u32], window: &[u32]) -> Sequence {
    let mut ids = Vec::with_capacity(question.len() + window.len() + 3);
    ids.push(special.cls);
    ids.extend_from_slice(question);
    ids.push(special.sep);
    let first_part = ids.len();
    ids.extend_from_slice(window);
    ids.push(special.sep);
    let types = (0..ids.len()).map(|position| u32::from(position >= first_part)).collect();
    Sequence { ids, types }
}

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

    #[test]
    fn a_frame_holds_both_texts_between_special_tokens() {
        let special = SpecialTokens { cls: 101, sep: 102, pad: 0 };
        let framed = frame(special, &[5, 6], &[7]);
        assert_eq!((framed.ids, framed.types), (vec![101, 5, 6, 102, 7, 102], vec![0, 0, 0, 0, 1, 1]));
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
