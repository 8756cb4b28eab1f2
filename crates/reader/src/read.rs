//! Question and passages in, spans out.

use std::ops::Range;

use clinqa_encoder::{
    Checkpoint, CheckpointError, EncodeError, Encoding, Sequence, Source, TextTokenizer, TokenBudget, Transformer, plan,
};
use clinqa_schema::{Passage, Question, Span};

use crate::decode::{WindowLogits, gather, spans};
use crate::head::SpanHead;
use crate::{Calibration, ScoredSpan, TextReading, windows};

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
}

impl Default for ReadConfig {
    /// The settings that the shipped reader was measured with.
    fn default() -> Self {
        Self { window_tokens: 384, overlap: 128, max_answer_tokens: 30, max_question_tokens: 64, keep: 5 }
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
    head: SpanHead,
    calibration: Calibration,
    config: ReadConfig,
    warnings: Vec<String>,
}

/// One window of one text, ready for the model.
struct Job {
    text: usize,
    window: Range<usize>,
    sequence: Sequence,
}

impl Reader {
    /// Opens a checkpoint with a span head (`BertForQuestionAnswering`).
    pub fn open(source: &Source, calibration: Calibration, config: ReadConfig) -> Result<Self, CheckpointError> {
        let mut checkpoint = Checkpoint::open(source)?;
        let head = SpanHead::take(&mut checkpoint)?;
        let transformer = checkpoint.transformer()?;
        Ok(Self {
            name: checkpoint.name,
            fingerprint: checkpoint.fingerprint,
            tokenizer: checkpoint.tokenizer,
            transformer,
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

    /// Reads each passage beside the question.
    pub fn read(&self, question: &Question, passages: Vec<Passage>) -> Result<Vec<PassageReading>, EncodeError> {
        let texts: Vec<&str> = passages.iter().map(Passage::text).collect();
        let readings = self.read_texts(question.text(), &texts)?;
        let pair = |(passage, reading): (Passage, TextReading)| {
            let spans = reading.spans.into_iter();
            let spans = spans.filter_map(|scored| Some((Span::new(&passage, scored.bytes.clone())?, scored))).collect();
            PassageReading { passage, spans }
        };
        Ok(passages.into_iter().zip(readings).map(pair).collect())
    }

    /// Reads plain texts of any length beside `question`; one reading a text, in order.
    pub fn read_texts(&self, question: &str, texts: &[&str]) -> Result<Vec<TextReading>, EncodeError> {
        let mut question = self.tokenizer.ids(question)?;
        question.truncate(self.config.max_question_tokens);
        let encodings: Vec<Encoding> =
            texts.iter().map(|text| self.tokenizer.encode(text)).collect::<Result<_, _>>()?;
        let jobs = self.jobs(&question, &encodings);
        let lengths: Vec<usize> = jobs.iter().map(|job| job.sequence.len()).collect();
        let mut found: Vec<Vec<ScoredSpan>> = vec![Vec::new(); texts.len()];
        for batch in plan(&lengths, TokenBudget::default()) {
            let sequences: Vec<Sequence> = batch.iter().map(|&job| jobs[job].sequence.clone()).collect();
            let hidden = self.transformer.forward(&sequences)?;
            for (row, &job) in batch.iter().enumerate() {
                let Job { text, window, .. } = &jobs[job];
                let logits = self.head.logits(hidden.rows(row));
                let offsets = &encodings[*text].offsets[window.clone()];
                let window = WindowLogits { logits: &logits, first: question.len() + 2, offsets };
                found[*text].extend(spans(&window, texts[*text], self.config.max_answer_tokens, self.config.keep));
            }
        }
        Ok(found.into_iter().map(|spans| gather(spans, self.config.keep)).collect())
    }

    /// `[CLS]` question `[SEP]` window `[SEP]`, the second part of type 1.
    fn jobs(&self, question: &[u32], encodings: &[Encoding]) -> Vec<Job> {
        let special = self.tokenizer.special;
        let frame = question.len() + 3;
        let room = self.config.window_tokens.min(self.transformer.max_positions()).saturating_sub(frame);
        let mut jobs = Vec::new();
        for (text, encoding) in encodings.iter().enumerate() {
            for window in windows(encoding.ids.len(), room, self.config.overlap) {
                let mut ids = Vec::with_capacity(frame + window.len());
                ids.push(special.cls);
                ids.extend_from_slice(question);
                ids.push(special.sep);
                let first_part = ids.len();
                ids.extend_from_slice(&encoding.ids[window.clone()]);
                ids.push(special.sep);
                let types = (0..ids.len()).map(|position| u32::from(position >= first_part)).collect();
                jobs.push(Job { text, window, sequence: Sequence { ids, types } });
            }
        }
        jobs
    }
}
