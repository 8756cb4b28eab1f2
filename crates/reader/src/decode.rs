//! Which spans do the logits name (pure).

use std::cmp::Ordering;
use std::ops::Range;

use crate::read::{ReadConfig, Text, Variants};

/// A span of one text with its scores.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredSpan {
    /// Where it stands, in bytes of the text, on character bounds.
    pub bytes: Range<usize>,
    /// Start logit plus end logit.
    pub score: f32,
    /// Start plus end logit at `[CLS]` in the same window: the score of "no answer here".
    pub null_score: f32,
}

impl ScoredSpan {
    /// How much rather the span than no answer.
    pub fn margin(&self) -> f32 {
        self.score - self.null_score
    }
}

/// The spans of one text, by margin descending; empty if the text holds no legal span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextReading {
    /// The best spans, overlapping ones removed.
    pub spans: Vec<ScoredSpan>,
}

/// Spans kept of a window before overlapping ones are removed: the best ones are mostly one answer cut differently.
pub(crate) const SPANS_A_WINDOW: usize = 256;

/// One window's logits: position 0 is `[CLS]`, the text's tokens begin at `first`.
#[derive(Debug, Clone, Copy)]
pub struct WindowLogits<'a> {
    /// Start and end logit of each position.
    pub logits: &'a [[f32; 2]],
    /// Position of the window's first text token.
    pub first: usize,
    /// Where each of the window's text tokens stands, in bytes.
    pub offsets: &'a [Range<usize>],
}

/// The spans of `text` that the logits of its windows name: what [`crate::Reader::read_texts`] does after its forward
/// pass, for whoever has logits of a model that is still learning.
pub fn decode(text: &str, windows: &[WindowLogits<'_>], config: ReadConfig) -> TextReading {
    let text = Text { text, answers_from: 0 };
    let found = windows.iter().flat_map(|window| spans(window, &text, config.max_answer_tokens, SPANS_A_WINDOW));
    gather(found.collect(), config)
}

/// Every legal span of a window that is among its `keep` best: inside the text, past its context, start before end, at
/// most `max_tokens` long, beginning and ending at a word's edge, on one line (a paragraph or a list item).
pub(crate) fn spans(window: &WindowLogits<'_>, text: &Text<'_>, max_tokens: usize, keep: usize) -> Vec<ScoredSpan> {
    let Some(&[null_start, null_end]) = window.logits.first() else { return Vec::new() };
    let null_score = null_start + null_end;
    let tokens = window.offsets.len();
    let Text { text, answers_from } = *text;
    let opens = |range: &Range<usize>| range.start >= answers_from && is_word_edge(text, range.start);
    let opens: Vec<bool> = window.offsets.iter().map(opens).collect();
    let closes: Vec<bool> = window.offsets.iter().map(|range| is_word_edge(text, range.end)).collect();
    let mut found: Vec<ScoredSpan> = Vec::new();
    for start in (0..tokens).filter(|&token| opens[token]) {
        let line_end =
            text[window.offsets[start].start..].find('\n').map_or(text.len(), |at| window.offsets[start].start + at);
        let last = (start + max_tokens).min(tokens);
        let on_line = |&end: &usize| window.offsets[end].end <= line_end;
        for end in (start..last).take_while(on_line).filter(|&token| closes[token]) {
            let score = window.logits[window.first + start][0] + window.logits[window.first + end][1];
            let worst = found.last().map_or(f32::NEG_INFINITY, |span| span.score);
            if !score.is_finite() || (found.len() == keep && score <= worst) {
                continue;
            }
            let bytes = window.offsets[start].start..window.offsets[end].end;
            let place = found.partition_point(|span| span.score >= score);
            found.insert(place, ScoredSpan { bytes, score, null_score });
            found.truncate(keep);
        }
    }
    found
}

/// The best spans of a text from those of its windows, by margin; of those that overlap the best, or all.
pub(crate) fn gather(mut spans: Vec<ScoredSpan>, config: ReadConfig) -> TextReading {
    spans.sort_by(|a, b| {
        let by_margin = b.margin().partial_cmp(&a.margin()).unwrap_or(Ordering::Equal);
        by_margin.then(a.bytes.start.cmp(&b.bytes.start)).then(a.bytes.end.cmp(&b.bytes.end))
    });
    let mut kept: Vec<ScoredSpan> = Vec::new();
    for span in spans {
        let shares = |other: &ScoredSpan| match config.variants {
            Variants::Best => span.bytes.start < other.bytes.end && other.bytes.start < span.bytes.end,
            Variants::All => span.bytes == other.bytes,
        };
        if kept.len() < config.keep && !kept.iter().any(shares) {
            kept.push(span);
        }
    }
    TextReading { spans: kept }
}

fn is_word_edge(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(at..).and_then(|text| text.chars().next());
    !(before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Range<usize>> {
        let mut offsets = Vec::new();
        for word in text.split(' ') {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            offsets.push(start..start + word.len());
        }
        offsets
    }

    fn read(text: &str, offsets: &[Range<usize>], starts: &[f32], ends: &[f32]) -> Vec<(String, f32)> {
        let mut logits = vec![[0.5, 0.25], [9.0, 9.0]];
        logits.extend(starts.iter().zip(ends).map(|(&start, &end)| [start, end]));
        let window = WindowLogits { logits: &logits, first: 2, offsets };
        spans(&window, &Text { text, answers_from: 0 }, 3, 4)
            .iter()
            .map(|span| (text[span.bytes.clone()].to_owned(), span.margin()))
            .collect()
    }

    #[test]
    fn the_best_legal_span_comes_first() {
        let text = "thirst and passing urine often";
        let found = read(text, &tokens(text), &[5.0, 0.0, 1.0, 0.0, 0.0], &[1.0, 0.0, 0.0, 0.0, 9.0]);
        assert_eq!(found[0], ("passing urine often".to_owned(), 9.25), "thirst…often is four tokens too long");
        assert_eq!(found.iter().find(|(span, _)| span == "thirst").map(|(_, margin)| *margin), Some(5.25));
    }

    #[test]
    fn the_windows_of_a_text_are_decoded_together_by_margin() {
        let text = "thirst and passing urine often";
        let offsets = tokens(text);
        let logits = |null: f32, scores: [f32; 2]| vec![[null, 0.0], [9.0, 9.0], [scores[0]; 2], [scores[1]; 2]];
        let (first, second) = (logits(8.0, [5.0, 0.0]), logits(1.0, [0.0, 3.0]));
        let window = |logits, at: usize| WindowLogits { logits, first: 2, offsets: &offsets[at..at + 2] };
        let reading = decode(text, &[window(&first, 0), window(&second, 3)], ReadConfig::default());
        let best = &reading.spans[0];
        assert_eq!(
            (&text[best.bytes.clone()], best.margin()),
            ("often", 5.0),
            "10 of the first window is 2 above its null"
        );
    }

    #[test]
    fn a_span_never_cuts_a_word() {
        let text = "metformin";
        let pieces = [0..3, 3..9];
        let found = read(text, &pieces, &[0.0, 9.0], &[9.0, 0.0]);
        assert_eq!(found, [("metformin".to_owned(), -0.75)]);
    }

    #[test]
    fn a_span_stays_on_its_line_and_out_of_the_context() {
        let text = "T one\ntwo";
        let offsets = [0..1, 2..5, 6..9];
        let logits = [[0.0, 0.0], [9.0, 9.0], [1.0, 0.0], [0.0, 5.0]];
        let window = WindowLogits { logits: &logits, first: 1, offsets: &offsets };
        let found = spans(&window, &Text { text, answers_from: 2 }, 3, 9);
        let found: Vec<&str> = found.iter().map(|span| &text[span.bytes.clone()]).collect();
        assert_eq!(found, ["two", "one"]);
    }

    #[test]
    fn scores_that_are_not_numbers_name_no_span() {
        let found = read("a b", &tokens("a b"), &[f32::NAN, 0.0], &[f32::INFINITY, f32::NAN]);
        assert!(found.is_empty());
    }

    #[test]
    fn of_two_spans_that_overlap_the_better_stays() {
        let span = |bytes, score| ScoredSpan { bytes, score, null_score: 0.0 };
        let found = || vec![span(0..5, 1.0), span(3..8, 2.0), span(3..8, 1.5), span(8..9, 0.5)];
        let best = gather(found(), ReadConfig::default());
        assert_eq!(best.spans, [span(3..8, 2.0), span(8..9, 0.5)]);
        let all = gather(found(), ReadConfig { variants: Variants::All, keep: 2, ..ReadConfig::default() });
        assert_eq!(all.spans, [span(3..8, 2.0), span(0..5, 1.0)]);
    }

    proptest::proptest! {
        #[test]
        fn spans_lie_in_the_text_in_order_of_score(
            words in proptest::collection::vec("[a-zé]{1,6}", 1..20),
            logits in proptest::collection::vec((-9f32..9.0, -9f32..9.0), 20),
        ) {
            let text = words.join(" ");
            let offsets = tokens(&text);
            let (starts, ends): (Vec<f32>, Vec<f32>) = logits.into_iter().take(offsets.len()).unzip();
            let found = read(&text, &offsets, &starts, &ends);
            proptest::prop_assert!(found.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            let best = (0..offsets.len())
                .flat_map(|s| (s..(s + 3).min(offsets.len())).map(move |e| (s, e)))
                .map(|(s, e)| starts[s] + ends[e] - 0.75)
                .fold(f32::NEG_INFINITY, f32::max);
            proptest::prop_assert!((found[0].1 - best).abs() < 1e-5);
        }
    }
}
