//! Words and their pieces: which piece speaks for a word, and where the word stands (pure but for the tokenizer).

use std::ops::Range;

use clinqa_encoder::{EncodeError, TextTokenizer};
use unicode_segmentation::GraphemeCursor;

/// A text as the pieces of its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pieces {
    /// Token ids of all words, one after the other, without special tokens.
    pub ids: Vec<u32>,
    /// The place of each word's first piece in `ids`; `None` for a word that the tokenizer leaves nothing of.
    pub firsts: Vec<Option<usize>>,
}

impl Pieces {
    /// The pieces of words that somebody else has parted, each on its own, as transformers does with
    /// `is_split_into_words`.
    pub fn of_words<T: AsRef<str>>(tokenizer: &TextTokenizer, words: &[T]) -> Result<Self, EncodeError> {
        let mut pieces = Self::default();
        for word in words {
            let ids = tokenizer.ids(word.as_ref())?;
            pieces.firsts.push((!ids.is_empty()).then_some(pieces.ids.len()));
            pieces.ids.extend(ids);
        }
        Ok(pieces)
    }

    /// The pieces of a text, whose words are what spaces and punctuation part; also where each word stands, in bytes
    /// on character bounds.
    pub fn of_text(tokenizer: &TextTokenizer, text: &str) -> Result<(Self, Vec<Range<usize>>), EncodeError> {
        let encoding = tokenizer.encode(text)?;
        let mut pieces = Self::default();
        let mut places: Vec<Range<usize>> = Vec::new();
        let mut last = None;
        for ((id, word), offsets) in encoding.ids.iter().zip(&encoding.words).zip(&encoding.offsets) {
            match places.last_mut() {
                Some(place) if last == Some(*word) => place.end = place.end.max(offsets.end),
                _ => {
                    pieces.firsts.push(Some(pieces.ids.len()));
                    places.push(offsets.clone());
                }
            }
            last = Some(*word);
            pieces.ids.push(*id);
        }
        Ok((pieces, places))
    }
}

/// `range` widened to whole characters as people see them: an accent that stands behind its letter, or the parts of an
/// emoji, are not cut off. Offsets past the end of the text become its end.
pub fn whole_characters(text: &str, range: Range<usize>) -> Range<usize> {
    let end = range.end.min(text.len());
    let start = range.start.min(end);
    (0..=start).rev().find(|&at| is_edge(text, at)).unwrap_or(0)
        ..(end..=text.len()).find(|&at| is_edge(text, at)).unwrap_or(text.len())
}

fn is_edge(text: &str, at: usize) -> bool {
    // With the whole text at hand the cursor needs no context, so that it always knows.
    text.is_char_boundary(at) && GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_emoji_are_not_cut() {
        let check = |text: &str, range: Range<usize>, expected: &str| {
            let found = whole_characters(text, range);
            assert_eq!(&text[found], expected, "{text:?}");
        };
        check("cafe\u{301} x", 0..4, "cafe\u{301}");
        check("x \u{1f469}\u{200d}\u{2695}\u{fe0f} y", 2..6, "\u{1f469}\u{200d}\u{2695}\u{fe0f}");
        check("plain text", 6..10, "text");
        check("a\r\nb", 3..4, "b");
        check("é", 1..2, "é");
        check("", 3..9, "");
    }

    proptest::proptest! {
        #[test]
        fn a_widened_range_lies_on_character_bounds(text in ".{0,20}", start in 0usize..40, length in 0usize..40) {
            let found = whole_characters(&text, start..start + length);
            proptest::prop_assert!(text.get(found.clone()).is_some());
            proptest::prop_assert!(found.start <= start && (found.end >= start + length || found.end == text.len()));
        }
    }
}
