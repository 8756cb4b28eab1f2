//! Question and passages in, spans out.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use clinqa_encoder::{
    Checkpoint, CheckpointError, EncodeError, Encoding, Precision, Sequence, Source, TextTokenizer, TokenBudget,
    Transformer, plan,
};
use clinqa_schema::{Passage, Question, Span};

use crate::decode::{SPANS_A_WINDOW, WindowLogits, gather, spans};
use crate::head::SpanHead;
use crate::{Calibration, ScoredSpan, TextReading, frame, windows};

/// A text of more windows is read in f32: among the spans of a whole article the best one leads by less than computing
/// in bytes may be off by. No passage is that long.
const WINDOWS_IN_BYTES: usize = 8;

/// How passages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadConfig {
    /// Tokens of a window, question and special tokens included.
    pub window_tokens: usize,
    /// Tokens that neighbouring windows share.
    pub overlap: usize,
    /// Tokens of the longest answer.
    pub max_answer_tokens: usize,
    /// Tokens of the question that are read.
    pub max_question_tokens: usize,
    /// Spans kept per text.
    pub keep: usize,
    /// Whether kept spans may share words.
    pub variants: Variants,
}

/// Whether the spans of a text may share words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variants {
    /// The best of those that share words stays: one answer is said once.
    Best,
    /// All stay: a benchmark that takes several guesses takes several cuts of one answer.
    All,
}

impl Default for ReadConfig {
    /// The settings that the shipped reader was measured with.
    fn default() -> Self {
        Self {
            window_tokens: 384,
            overlap: 128,
            max_answer_tokens: 30,
            max_question_tokens: 64,
            keep: 12,
            variants: Variants::Best,
        }
    }
}

/// What was found in one passage.
#[derive(Debug, Clone, PartialEq)]
pub struct PassageReading {
    /// The passage.
    pub passage: Passage,
    /// Its best spans, by margin descending.
    pub spans: Vec<(Span, ScoredSpan)>,
}

/// A loaded reader: cheap to share behind an `Arc`, safe to use from many threads.
pub struct Reader {
    name: String,
    fingerprint: String,
    tokenizer: TextTokenizer,
    transformer: Box<dyn Transformer>,
    /// The same in f32, from the time when a long text was first read.
    full: OnceLock<Box<dyn Transformer>>,
    /// Where the f32 one is opened; `None` if the other is one, or is to read everything.
    source: Option<Source>,
    head: SpanHead,
    calibration: Calibration,
    config: ReadConfig,
    warnings: Vec<String>,
}

/// A text to read, and where in it answers may begin.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    /// What stands before is context: read, never quoted.
    pub(crate) answers_from: usize,
}

/// One window of one text, ready for the model.
struct Job {
    text: usize,
    window: Range<usize>,
    sequence: Sequence,
}

impl Reader {
    /// Opens a checkpoint with a span head (`BertForQuestionAnswering`): to be computed with as its weights are stored,
    /// but for texts of more than eight windows, which are read in f32.
    pub fn open(source: &Source, calibration: Calibration, config: ReadConfig) -> Result<Self, CheckpointError> {
        let reader = Self::from_checkpoint(Checkpoint::open(source)?, calibration, config)?;
        Ok(Self { source: Some(source.clone()), ..reader })
    }

    /// Lays the weights of a `checkpoint` with a span head out.
    pub fn from_checkpoint(
        mut checkpoint: Checkpoint,
        calibration: Calibration,
        config: ReadConfig,
    ) -> Result<Self, CheckpointError> {
        let head = SpanHead::take(&mut checkpoint)?;
        let transformer = checkpoint.transformer()?;
        Ok(Self {
            name: checkpoint.name,
            fingerprint: checkpoint.fingerprint,
            tokenizer: checkpoint.tokenizer,
            transformer,
            full: OnceLock::new(),
            source: None,
            head,
            calibration,
            config,
            warnings: checkpoint.warnings,
        })
    }

    /// The checkpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// BLAKE3 over everything that shapes the logits, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What margins mean.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// What was doubtful about the checkpoint.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How many word pieces `text` has, all of them.
    pub fn tokens(&self, text: &str) -> Result<usize, EncodeError> {
        Ok(self.tokenizer.ids(text)?.len())
    }

    /// Reads each passage beside the question, behind its title and heading: "it is caused by…" is about something.
    pub fn read(&self, question: &Question, passages: Vec<Passage>) -> Result<Vec<PassageReading>, EncodeError> {
        let contexts: Vec<String> = passages.iter().map(Passage::contextual_text).collect();
        let texts: Vec<Text<'_>> = contexts
            .iter()
            .zip(&passages)
            .map(|(text, passage)| Text { text, answers_from: text.len() - passage.text().len() })
            .collect();
        let readings = self.read_all(question.text(), &texts)?;
        let pair = |((passage, reading), text): ((Passage, TextReading), &Text<'_>)| {
            let inside = |mut scored: ScoredSpan| {
                scored.bytes = scored.bytes.start.checked_sub(text.answers_from)?..scored.bytes.end - text.answers_from;
                Some((Span::new(&passage, scored.bytes.clone())?, scored))
            };
            let spans = reading.spans.into_iter().filter_map(inside).collect();
            PassageReading { passage, spans }
        };
        Ok(passages.into_iter().zip(readings).zip(&texts).map(pair).collect())
    }

    /// Reads plain texts of any length beside `question`; one reading a text, in order.
    pub fn read_texts(&self, question: &str, texts: &[&str]) -> Result<Vec<TextReading>, EncodeError> {
        let texts: Vec<Text<'_>> = texts.iter().map(|&text| Text { text, answers_from: 0 }).collect();
        self.read_all(question, &texts)
    }

    /// One reading a text, in order; a text that comes again is read once.
    fn read_all(&self, question: &str, texts: &[Text<'_>]) -> Result<Vec<TextReading>, EncodeError> {
        let mut known = HashMap::new();
        let mut different: Vec<Text<'_>> = Vec::new();
        let mut places = Vec::with_capacity(texts.len());
        for text in texts {
            places.push(*known.entry((text.text, text.answers_from)).or_insert(different.len()));
            if places.last() == Some(&different.len()) {
                different.push(*text);
            }
        }
        let readings = self.read_different(question, &different)?;
        Ok(places.into_iter().map(|place| readings[place].clone()).collect())
    }

    fn read_different(&self, question: &str, texts: &[Text<'_>]) -> Result<Vec<TextReading>, EncodeError> {
        let mut question = self.tokenizer.ids(question)?;
        question.truncate(self.config.max_question_tokens);
        let encodings: Vec<Encoding> =
            texts.iter().map(|text| self.tokenizer.encode(text.text)).collect::<Result<_, _>>()?;
        let jobs = self.jobs(&question, &encodings);
        let mut counts = vec![0; texts.len()];
        for job in &jobs {
            counts[job.text] += 1;
        }
        let (long, short): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| self.source.is_some() && counts[job.text] > WINDOWS_IN_BYTES);
        let mut found: Vec<Vec<ScoredSpan>> = vec![Vec::new(); texts.len()];
        self.read_jobs(self.transformer.as_ref(), &short, (question.len(), &encodings, texts), &mut found)?;
        if !long.is_empty() {
            self.read_jobs(self.full()?, &long, (question.len(), &encodings, texts), &mut found)?;
        }
        Ok(found.into_iter().map(|spans| gather(spans, self.config)).collect())
    }

    /// The transformer in f32.
    fn full(&self) -> Result<&dyn Transformer, EncodeError> {
        if let (None, Some(source)) = (self.full.get(), &self.source) {
            let open = || Checkpoint::open(source)?.in_precision(Precision::Full).transformer();
            // Whoever comes second has opened the same.
            let _ = self.full.set(open().map_err(|error| EncodeError::Reopen(Box::new(error)))?);
        }
        Ok(self.full.get().unwrap_or(&self.transformer).as_ref())
    }

    /// Adds the spans of each window of `jobs` to those of its text; the question has so many tokens.
    fn read_jobs(
        &self,
        transformer: &dyn Transformer,
        jobs: &[Job],
        (question, encodings, texts): (usize, &[Encoding], &[Text<'_>]),
        found: &mut [Vec<ScoredSpan>],
    ) -> Result<(), EncodeError> {
        let lengths: Vec<usize> = jobs.iter().map(|job| job.sequence.len()).collect();
        for batch in plan(&lengths, TokenBudget::default()) {
            let sequences: Vec<Sequence> = batch.iter().map(|&job| jobs[job].sequence.clone()).collect();
            let hidden = transformer.forward(&sequences)?;
            for (row, &job) in batch.iter().enumerate() {
                let Job { text, window, .. } = &jobs[job];
                let logits = self.head.logits(hidden.rows(row));
                let offsets = &encodings[*text].offsets[window.clone()];
                let window = WindowLogits { logits: &logits, first: question + 2, offsets };
                found[*text].extend(spans(&window, &texts[*text], self.config.max_answer_tokens, SPANS_A_WINDOW));
            }
        }
        Ok(())
    }

    /// A framed sequence for each window of each text.
    fn jobs(&self, question: &[u32], encodings: &[Encoding]) -> Vec<Job> {
        let special = self.tokenizer.special;
        let framing = question.len() + 3;
        let room = self.config.window_tokens.min(self.transformer.max_positions()).saturating_sub(framing);
        let mut jobs = Vec::new();
        for (text, encoding) in encodings.iter().enumerate() {
            for window in windows(encoding.ids.len(), room, self.config.overlap) {
                let sequence = frame(special, question, &encoding.ids[window.clone()]);
                jobs.push(Job { text, window, sequence });
            }
        }
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use clinqa_encoder::Hidden;

    /// How many sequences each pass had.
    type Passes = Arc<Mutex<Vec<usize>>>;

    /// A transformer that counts what it is asked for.
    struct Counting {
        inner: Box<dyn Transformer>,
        passes: Passes,
    }

    impl Transformer for Counting {
        fn width(&self) -> usize {
            self.inner.width()
        }

        fn max_positions(&self) -> usize {
            self.inner.max_positions()
        }

        fn forward(&self, sequences: &[Sequence]) -> Result<Hidden, EncodeError> {
            self.passes.lock().expect("one at a time").push(sequences.len());
            self.inner.forward(sequences)
        }
    }

    const QUESTION: &str = "what is heart failure";

    /// A small reader, and what it has asked of its transformer.
    fn counted() -> (Reader, Passes) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/checkpoints/tiny-qa");
        let open = || Checkpoint::open(&Source::Folder(folder.clone())).expect("a checkpoint");
        let config = ReadConfig { overlap: 8, ..ReadConfig::default() };
        let reader = Reader::from_checkpoint(open(), Calibration::default(), config).expect("a reader");
        let passes = Passes::default();
        let transformer = Counting { inner: open().transformer().expect("a model"), passes: passes.clone() };
        (Reader { transformer: Box::new(transformer), ..reader }, passes)
    }

    #[test]
    fn a_text_that_comes_again_is_computed_once_and_read_the_same_everywhere() {
        let (reader, passes) = counted();
        let (one, other) = ("the heart is weak", "pain in the chest");
        let check = |texts: &[&str], sequences: usize| {
            passes.lock().expect("done").clear();
            let readings = reader.read_texts(QUESTION, texts).expect("readings");
            assert_eq!(*passes.lock().expect("done"), [sequences], "{texts:?}");
            readings
        };
        let alone = [one, other].map(|text| check(&[text], 1).remove(0));
        assert!(alone[0] != alone[1] && !alone[0].spans.is_empty());
        assert_eq!(check(&[one; 3], 1), vec![alone[0].clone(); 3]);
        assert_eq!(check(&[one, other, one], 2), [alone[0].clone(), alone[1].clone(), alone[0].clone()]);
    }

    #[test]
    fn a_text_whose_answers_begin_elsewhere_is_another_one() {
        let (reader, passes) = counted();
        let texts = [0, 4].map(|answers_from| Text { text: "the heart is weak", answers_from });
        let readings = reader.read_all(QUESTION, &texts).expect("readings");
        assert_eq!(*passes.lock().expect("done"), [2]);
        assert!(readings[1].spans.iter().all(|span| span.bytes.start >= 4) && readings[0] != readings[1]);
    }

    #[test]
    fn the_windows_of_all_passages_go_through_in_one_pass() {
        let (reader, passes) = counted();
        for count in 8..=10 {
            passes.lock().expect("done").clear();
            // Two windows each: a window has room for fewer than 64 words.
            let texts: Vec<String> = (0..count).map(|index| format!("{index} {}", "heart ".repeat(70))).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            reader.read_texts(QUESTION, &texts).expect("readings");
            let passes = passes.lock().expect("done").clone();
            assert!(passes.len() == 1 && passes[0] >= 2 * count, "{passes:?} for {count} texts");
        }
    }
}
