//! Which tokens does the reader learn from?
//!
//! Windows are cut and framed by the reader room itself, so that training sees what inference will see. A window that
//! holds the whole answer teaches its first and last token, one that holds none of it teaches `[CLS]`, and one that holds
//! a part of it teaches nothing.

use std::ops::Range;

use clinqa_encoder::{EncodeError, Encoding, Sequence, TextTokenizer};
use clinqa_reader::{ReadConfig, frame, windows};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::mixture::draw;
use super::report::{DataError, DataReport, Fate, Fault};
use super::squad::SpanQuestion;

/// One window and where its answer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanExample {
    /// Token ids, framed.
    pub ids: Vec<u32>,
    /// 0 for the question's part, 1 for the text's.
    pub types: Vec<u32>,
    /// Position of the answer's first token; 0 (`[CLS]`) if the window holds none.
    pub start: u32,
    /// Position of its last token.
    pub end: u32,
}

impl SpanExample {
    /// What the model reads.
    pub fn sequence(&self) -> Sequence {
        Sequence { ids: self.ids.clone(), types: self.types.clone() }
    }
}

/// How texts become windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutConfig {
    /// As the reader reads.
    pub read: ReadConfig,
    /// Most windows without an answer that a question teaches, drawn by `seed`. Of a whole article nearly all are.
    pub empty_windows: usize,
    /// What draws them.
    pub seed: u64,
}

/// Every window that teaches something, in the order of `questions`. An answer that no window holds whole is reported.
pub fn cut(
    questions: &[SpanQuestion],
    tokenizer: &TextTokenizer,
    config: CutConfig,
    report: &mut DataReport,
) -> Result<Vec<SpanExample>, DataError> {
    let cut_one = |question: &SpanQuestion| {
        let tokenize = |source: EncodeError| DataError::Tokenize {
            file: question.file.to_string(),
            record: question.record,
            source,
        };
        let mut asked = tokenizer.ids(&question.question).map_err(tokenize)?;
        asked.truncate(config.read.max_question_tokens);
        let text = tokenizer.encode(&question.text).map_err(tokenize)?;
        let room = config.read.window_tokens.saturating_sub(asked.len() + 3);
        let span = question.answer.as_ref().map(|answer| tokens_of(&text, answer));
        let chosen = choose(question, &windows(text.ids.len(), room, config.read.overlap), span.as_ref(), config);
        let framed = |(window, inside): (Range<usize>, Option<Range<usize>>)| {
            let Sequence { ids, types } = frame(tokenizer.special, &asked, &text.ids[window.clone()]);
            let position = |token: usize| (asked.len() + 2 + token - window.start) as u32;
            let (start, end) = inside.map_or((0, 0), |span| (position(span.start), position(span.end - 1)));
            SpanExample { ids, types, start, end }
        };
        Ok(chosen.into_iter().map(framed).collect())
    };
    let cut: Vec<Vec<SpanExample>> = questions.par_iter().map(cut_one).collect::<Result<_, _>>()?;
    for (question, examples) in questions.iter().zip(&cut) {
        if question.answer.is_some() && !examples.iter().any(|example| example.start > 0) {
            report.add(&question.file, question.record, Some(&question.id), (Fault::AnswerTooLong, Fate::Skipped));
        }
    }
    Ok(cut.into_iter().flatten().collect())
}

/// The tokens that share a byte with `answer`; empty if none does.
fn tokens_of(text: &Encoding, answer: &Range<usize>) -> Range<usize> {
    let start = text.offsets.partition_point(|offset| offset.end <= answer.start);
    let end = text.offsets.partition_point(|offset| offset.start < answer.end);
    start..end.max(start)
}

/// The windows that teach something, each with the answer's tokens if it holds them; none if no window holds an answer
/// that there is.
fn choose(
    question: &SpanQuestion,
    windows: &[Range<usize>],
    span: Option<&Range<usize>>,
    config: CutConfig,
) -> Vec<(Range<usize>, Option<Range<usize>>)> {
    let holds = |window: &Range<usize>| {
        span.filter(|span| !span.is_empty() && window.start <= span.start && span.end <= window.end).cloned()
    };
    let touches = |window: &Range<usize>| span.is_some_and(|span| window.start < span.end && span.start < window.end);
    if span.is_some() && !windows.iter().any(|window| holds(window).is_some()) {
        return Vec::new();
    }
    let lot =
        |window: &Range<usize>| draw(config.seed, &["window", &question.file, &question.id, &window.start.to_string()]);
    let mut empty: Vec<&Range<usize>> = windows.iter().filter(|window| !touches(window)).collect();
    empty.sort_by(|a, b| lot(a).total_cmp(&lot(b)));
    empty.truncate(config.empty_windows);
    let teaches = |window: &&Range<usize>| holds(window).is_some() || empty.contains(window);
    windows.iter().filter(teaches).map(|window| (window.clone(), holds(window))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> SpanQuestion {
        SpanQuestion {
            file: "f".into(),
            record: 1,
            id: "q".to_owned(),
            question: "Which?".to_owned(),
            text: "text".into(),
            answer: None,
            accepted: Vec::new(),
            group: 0,
        }
    }

    fn config(empty_windows: usize) -> CutConfig {
        CutConfig { read: ReadConfig::default(), empty_windows, seed: 1 }
    }

    #[test]
    fn tokens_that_share_a_byte_with_the_answer_are_its_tokens() {
        let text = Encoding { ids: vec![1, 2, 3, 4], offsets: vec![0..3, 4..8, 8..9, 10..14], words: vec![0, 1, 2, 3] };
        let check = |bytes, expected| assert_eq!(tokens_of(&text, &bytes), expected);
        check(4..9, 1..3);
        check(5..6, 1..2);
        check(0..14, 0..4);
        check(9..10, 3..3);
    }

    #[test]
    fn a_window_teaches_the_whole_answer_or_none() {
        let windows = [0..10, 6..16, 12..22, 18..28];
        let chosen = |span: Option<Range<usize>>, empty| choose(&question(), &windows, span.as_ref(), config(empty));
        // The first window holds a part of it only.
        assert_eq!(chosen(Some(8..12), 9), [(6..16, Some(8..12)), (12..22, None), (18..28, None)]);
        assert_eq!(chosen(Some(8..12), 0), [(6..16, Some(8..12))]);
        assert_eq!(chosen(None, 2).len(), 2);
        assert!(chosen(Some(2..14), 9).is_empty(), "no window holds it");
        assert!(chosen(Some(3..3), 9).is_empty(), "no token holds it");
    }
}
