//! Which words do tags mark?
//!
//! Tags are written word by word: `B-Drug` begins a span, `I-Drug` continues it, `O` is outside; `E-` and `S-` (the end
//! of a span, a span of one word) are understood too. Real taggers also write what no scheme allows, such as an `I-`
//! after an `O`. What counts as a span then is what seqeval counts in its default mode (as conlleval does): every such
//! tag begins one.

use std::ops::Range;

/// Words that tags mark as one thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WordSpan {
    /// Which words, counted from 0.
    pub words: Range<usize>,
    /// What they are; `_` where the tags are bare.
    pub label: String,
}

/// A tag as its letter and its label.
#[derive(Clone, Copy, PartialEq)]
struct Tag<'a> {
    letter: char,
    label: &'a str,
}

impl<'a> Tag<'a> {
    const OUTSIDE: Tag<'static> = Tag { letter: 'O', label: "_" };

    /// `B-Drug` is a B of `Drug`; what no hyphen parts is a letter and a label of its own.
    fn read(tag: &'a str) -> Self {
        let mut rest = tag.chars();
        let letter = rest.next().unwrap_or('O');
        let rest = rest.as_str();
        let label = rest.split_once('-').map_or(rest, |(_, label)| label);
        Self { letter, label: if label.is_empty() { "_" } else { label } }
    }

    fn is_outside(self) -> bool {
        matches!(self.letter, 'O' | '.')
    }

    /// Whether a span that holds `self` ends before `next`.
    fn ends_before(self, next: Tag<'_>) -> bool {
        let closed = matches!(self.letter, 'E' | 'S');
        let broken = matches!(self.letter, 'B' | 'I') && matches!(next.letter, 'B' | 'S' | 'O');
        closed || broken || (!self.is_outside() && self.label != next.label)
    }

    /// Whether `self` begins a span after `previous`.
    fn begins_after(self, previous: Tag<'_>) -> bool {
        let opens = matches!(self.letter, 'B' | 'S');
        let resumes = matches!(previous.letter, 'E' | 'S' | 'O') && matches!(self.letter, 'E' | 'I');
        opens || resumes || (!self.is_outside() && previous.label != self.label)
    }
}

/// The spans that the tags of one text mark, in their order.
pub fn word_spans<T: AsRef<str>>(tags: &[T]) -> Vec<WordSpan> {
    let mut spans = Vec::new();
    let mut previous = Tag::OUTSIDE;
    let mut begin = 0;
    for at in 0..=tags.len() {
        let tag = tags.get(at).map_or(Tag::OUTSIDE, |tag| Tag::read(tag.as_ref()));
        if previous.ends_before(tag) {
            spans.push(WordSpan { words: begin..at, label: previous.label.to_owned() });
        }
        if tag.begins_after(previous) {
            begin = at;
        }
        previous = tag;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_what_seqeval_counts() {
        let check = |tags: &str, expected: &[(&str, usize, usize)]| {
            let tags: Vec<&str> = tags.split_whitespace().collect();
            let spans = word_spans(&tags);
            let found: Vec<(&str, usize, usize)> =
                spans.iter().map(|span| (span.label.as_str(), span.words.start, span.words.end)).collect();
            assert_eq!(found, expected, "{tags:?}");
        };
        check("", &[]);
        check("O O", &[]);
        check("B-A I-A O B-B", &[("A", 0, 2), ("B", 3, 4)]);
        check("B-A B-A", &[("A", 0, 1), ("A", 1, 2)]);
        check("O I-A I-A", &[("A", 1, 3)]);
        check("B-A I-B O", &[("A", 0, 1), ("B", 1, 2)]);
        check("I-A B-A I-A", &[("A", 0, 1), ("A", 1, 3)]);
        check("B I O", &[("_", 0, 2)]);
        check("S-A B-A E-A E-A", &[("A", 0, 1), ("A", 1, 3), ("A", 3, 4)]);
        check("B-side-effect I-side-effect", &[("side-effect", 0, 2)]);
    }

    proptest::proptest! {
        #[test]
        fn spans_of_the_three_tags_stand_in_order_and_share_no_word(tags in proptest::collection::vec("O|B-A|I-A|B-B|I-B", 0..20)) {
            let spans = word_spans(&tags);
            proptest::prop_assert!(spans.windows(2).all(|pair| pair[0].words.end <= pair[1].words.start));
            let inside: usize = spans.iter().map(|span| span.words.len()).sum();
            proptest::prop_assert_eq!(inside, tags.iter().filter(|tag| *tag != "O").count());
        }
    }
}
