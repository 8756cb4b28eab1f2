//! How does a sentence encoder learn? Questions are drawn to the passages that answer them, and away from the rest.
//!
//! The passages of the other pairs of a batch stand against each question, and every negative that a pair brings. Those
//! that answer it after all do not: the same words, or a passage cut from the same document, is no opponent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use candle_core::{Tensor, Var};
use clinqa_encoder::{Checkpoint, Pooling, Sequence, TextTokenizer, TokenBudget, plan};
use clinqa_eval::{Metric, Qrels, Run, evaluate};
use serde_json::json;

use super::contrast::{Contrast, Opponents, loss, pooling, scores, unit};
use super::distil::Distillable;
use super::{Score, Task};
use crate::data::pairs::{Pair, PairPassage, normalised};
use crate::{Digest, Packed, Pass, TrainError, Twin};

/// Pairs whose loss on the development part is measured together, as in a batch.
const SCORED_TOGETHER: usize = 32;

/// Passages that a question ranks on the development part.
const DEPTH: usize = 100;

/// Most tokens of each text that are learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairTokens {
    /// Of a question, the special ones included.
    pub question: usize,
    /// Of a passage, the special ones included.
    pub passage: usize,
}

impl Default for PairTokens {
    fn default() -> Self {
        Self { question: 64, passage: 128 }
    }
}

/// A pair as tokens.
#[derive(Debug, Clone)]
pub struct PairExample {
    question: Sequence,
    /// The one that answers, then those that do not.
    passages: Vec<Answer>,
    /// All that answers this question, whichever pair says so.
    right: Arc<Right>,
    /// What a teacher gave each passage; empty if none was asked.
    scores: Vec<f32>,
}

#[derive(Debug, Clone)]
struct Answer {
    sequence: Sequence,
    /// Of what it says, and of the document it was cut from (`None` if nobody said).
    key: u64,
    document: Option<u64>,
}

/// What answers a question.
#[derive(Debug, Default)]
struct Right {
    question: u64,
    texts: BTreeSet<u64>,
    documents: BTreeSet<u64>,
}

/// Contrastive training of the whole trunk; there is no head.
pub struct EncoderTask {
    pooling: Pooling,
    contrast: Contrast,
    /// What goes into the layout of sentence-transformers.
    width: usize,
    max_tokens: usize,
}

impl EncoderTask {
    /// Learns by `contrast` with the pooling that `checkpoint` says.
    pub fn new(checkpoint: &Checkpoint, contrast: Contrast) -> Result<Self, TrainError> {
        let wrong = |setting, found: String, expected| Err(TrainError::Setting { setting, found, expected });
        let width = checkpoint.hidden_size();
        if !(contrast.temperature > 0.0 && contrast.temperature.is_finite()) {
            return wrong("--temperature", contrast.temperature.to_string(), "above 0");
        }
        let weights = [
            ("--symmetric", contrast.symmetric),
            ("--teacher-weight", contrast.teacher_weight),
            ("--teacher-scale", contrast.teacher_scale),
        ];
        for (setting, found) in weights {
            if !(found >= 0.0 && found.is_finite()) {
                return wrong(setting, found.to_string(), "a number of 0 or more");
            }
        }
        if let Some(odd) = contrast.dimensions.iter().find(|kept| **kept == 0 || **kept > width) {
            return wrong("--dimensions", odd.to_string(), "1 to the width of the model");
        }
        Ok(Self { pooling: checkpoint.pooling, contrast, width, max_tokens: checkpoint.max_tokens })
    }

    /// Pairs as tokens, in their order.
    pub fn examples(
        &self,
        pairs: &[Pair],
        tokenizer: &TextTokenizer,
        tokens: PairTokens,
    ) -> Result<Vec<PairExample>, TrainError> {
        let cut = |setting, asked: usize| {
            let expected = "3 to the length that the model was made for";
            let fits = asked >= 3 && asked <= self.max_tokens;
            fits.then_some(()).ok_or(TrainError::Setting { setting, found: asked.to_string(), expected })
        };
        cut("--question-tokens", tokens.question)?;
        cut("--passage-tokens", tokens.passage)?;
        let right = right_ones(pairs);
        let example = |pair: &Pair| {
            let passages = std::iter::once(&pair.passage).chain(&pair.negatives);
            Ok(PairExample {
                question: sequence(&pair.question, tokenizer, tokens.question)?,
                passages: passages
                    .map(|passage| answer(passage, tokenizer, tokens.passage))
                    .collect::<Result<_, _>>()?,
                right: Arc::clone(&right[&key(&pair.question)]),
                scores: pair.scores.clone(),
            })
        };
        pairs.iter().map(example).collect()
    }

    /// Pooled hidden states of `sequences`, [texts, width], not scaled.
    fn pooled(&self, twin: &Twin, sequences: &[Sequence], pass: &mut Pass) -> Result<Tensor, TrainError> {
        self.pool(&twin.forward(sequences, pass)?)
    }

    fn pool(&self, packed: &Packed) -> Result<Tensor, TrainError> {
        let weights = pooling(&packed.offsets, self.pooling, packed.hidden.dtype(), packed.hidden.device())?;
        Ok(weights.matmul(&packed.hidden)?)
    }

    /// The same in passes of evaluation, a few thousand tokens at a time.
    fn encoded(&self, twin: &Twin, sequences: &[&Sequence]) -> Result<Tensor, TrainError> {
        let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.len()).collect();
        let mut parts = Vec::new();
        let mut places = vec![0_u32; sequences.len()];
        let mut done = 0;
        for batch in plan(&lengths, TokenBudget::default()) {
            let inputs: Vec<Sequence> = batch.iter().map(|&index| sequences[index].clone()).collect();
            parts.push(self.pooled(twin, &inputs, &mut Pass::evaluation())?.detach());
            for index in batch {
                places[index] = done;
                done += 1;
            }
        }
        Ok(Tensor::cat(&parts, 0)?.index_select(&Tensor::new(places, twin.device())?, 0)?)
    }
}

impl EncoderTask {
    /// The loss of the vectors of [`Distillable::sequences`].
    fn contrastive(&self, pooled: &Tensor, batch: &[&PairExample]) -> Result<Tensor, TrainError> {
        let (questions, passages, opponents) = parted(pooled, batch)?;
        loss(&questions, &passages, &opponents, &self.contrast)
    }
}

/// The vectors of a batch's questions, those of its passages, and which stand against which.
fn parted(pooled: &Tensor, batch: &[&PairExample]) -> Result<(Tensor, Tensor, Opponents), TrainError> {
    let columns = columns(batch, Negatives::Included);
    let (questions, passages) = (pooled.narrow(0, 0, batch.len())?, pooled.narrow(0, batch.len(), columns.len())?);
    Ok((questions, passages, opponents(batch, &columns)))
}

impl Distillable for EncoderTask {
    fn can_teach(&self) -> bool {
        true
    }

    /// The questions of a batch, then its passages.
    fn sequences(&self, batch: &[&PairExample]) -> Vec<Sequence> {
        let questions = batch.iter().map(|example| &example.question);
        let columns = columns(batch, Negatives::Included);
        let passages = columns.iter().map(|column| &column.answer.sequence);
        questions.chain(passages).cloned().collect()
    }

    /// Which passage of the batch answers, question by question.
    fn answers(&self, packed: &Packed, batch: &[&PairExample], _: &mut Pass) -> Result<Tensor, TrainError> {
        let (questions, passages, opponents) = parted(&self.pool(packed)?, batch)?;
        scores(&questions, &passages, &opponents, self.contrast.temperature)
    }

    fn hard_loss(&self, _: &Tensor, packed: &Packed, batch: &[&PairExample]) -> Result<Tensor, TrainError> {
        self.contrastive(&self.pool(packed)?, batch)
    }
}

impl Task for EncoderTask {
    type Example = PairExample;

    fn name(&self) -> &'static str {
        "encoder"
    }

    fn architecture(&self) -> &'static str {
        "BertModel"
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let Contrast { temperature, symmetric, dimensions, teacher_weight, teacher_scale } = &self.contrast;
        vec![
            ("--temperature", temperature.to_string()),
            ("--symmetric", symmetric.to_string()),
            ("--dimensions", format!("{dimensions:?}")),
            ("--teacher-weight", teacher_weight.to_string()),
            ("--teacher-scale", teacher_scale.to_string()),
        ]
    }

    fn describe(&self, example: &PairExample, digest: &mut Digest) {
        let PairExample { question, passages, right, scores } = example;
        digest.sequence(question);
        for Answer { sequence, key, document } in passages {
            digest.sequence(sequence);
            digest.numbers(std::iter::chain([*key], *document));
        }
        digest.numbers([right.question]);
        digest.numbers(right.texts.iter().copied());
        digest.numbers(right.documents.iter().copied());
        digest.numbers(scores.iter().map(|score| score.to_bits().into()));
    }

    fn length(&self, example: &PairExample) -> usize {
        example.question.len() + example.passages.iter().map(|passage| passage.sequence.len()).sum::<usize>()
    }

    fn variables(&self) -> Vec<(String, Var)> {
        Vec::new()
    }

    fn loss(&self, twin: &Twin, batch: &[&PairExample], pass: &mut Pass) -> Result<Tensor, TrainError> {
        self.contrastive(&self.pooled(twin, &self.sequences(batch), pass)?, batch)
    }

    /// nDCG@10 of the questions of `dev` over all its passages decides; Recall@10 stands beside it, and nDCG@10 of the
    /// Matryoshka dimensions.
    fn score(&self, twin: &Twin, dev: &[PairExample]) -> Result<Score, TrainError> {
        let all: Vec<&PairExample> = dev.iter().collect();
        let questions: Vec<&Sequence> = all.iter().map(|example| &example.question).collect();
        let columns = columns(&all, Negatives::Included);
        let passages: Vec<&Sequence> = columns.iter().map(|column| &column.answer.sequence).collect();
        let (questions, passages) = (self.encoded(twin, &questions)?, self.encoded(twin, &passages)?);
        let qrels: Qrels = dev.iter().map(|it| (name(it.right.question), name(it.passages[0].key), 1)).collect();
        let ranked = |kept: usize| -> Result<Run, TrainError> {
            let (questions, passages) = (questions.narrow(1, 0, kept)?, passages.narrow(1, 0, kept)?);
            ranking(&all, &columns, &unit(&questions)?, &unit(&passages)?)
        };
        let run = ranked(self.width)?;
        let mean = |metric, run: &Run| evaluate(metric, run, &qrels).mean;
        let mut others = vec![("recall@10".to_owned(), mean(Metric::Recall(10), &run))];
        for &kept in self.contrast.dimensions.iter().filter(|kept| **kept < self.width) {
            others.push((format!("ndcg@10 of {kept}"), mean(Metric::Ndcg(10), &ranked(kept)?)));
        }
        let value = mean(Metric::Ndcg(10), &run);
        let loss = self.mean_loss(&all, &questions, &passages)?;
        Ok(Score { name: "ndcg@10".to_owned(), value, loss, others })
    }

    /// The layout of sentence-transformers: mean or first token, length 1.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let module = |index: usize, path: &str, kind: &str| {
            let kind = format!("sentence_transformers.models.{kind}");
            json!({"idx": index, "name": index.to_string(), "path": path, "type": kind})
        };
        let modules =
            [module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Normalize", "Normalize")];
        let pooling = json!({
            "word_embedding_dimension": self.width,
            "pooling_mode_cls_token": self.pooling == Pooling::Cls,
            "pooling_mode_mean_tokens": self.pooling == Pooling::Mean,
            "pooling_mode_max_tokens": false,
            "pooling_mode_mean_sqrt_len_tokens": false,
        });
        let files = [
            ("modules.json", json!(modules)),
            ("1_Pooling/config.json", pooling),
            ("sentence_bert_config.json", json!({"max_seq_length": self.max_tokens, "do_lower_case": false})),
        ];
        files.into_iter().map(|(name, file)| (name.to_owned(), format!("{file:#}\n").into_bytes())).collect()
    }
}

impl EncoderTask {
    /// The mean loss of batches as they come, without negatives: those of a batch are what is held against a question.
    fn mean_loss(&self, dev: &[&PairExample], questions: &Tensor, passages: &Tensor) -> Result<f64, TrainError> {
        let mut sum = 0.0;
        for (part, batch) in dev.chunks(SCORED_TOGETHER).enumerate() {
            let from = part * SCORED_TOGETHER;
            let columns = columns(batch, Negatives::LeftOut);
            let (questions, passages) =
                (questions.narrow(0, from, batch.len())?, passages.narrow(0, from, batch.len())?);
            let value = loss(&questions, &passages, &opponents(batch, &columns), &self.contrast)?;
            sum += value.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()? * batch.len() as f64;
        }
        Ok(sum / dev.len().max(1) as f64)
    }
}

/// A passage that stands in a batch: whose it is, and the how manieth of that pair.
struct Column<'a> {
    owner: usize,
    at: usize,
    answer: &'a Answer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Negatives {
    Included,
    LeftOut,
}

/// Every passage of a batch: first what answers each question, in their order, then the negatives.
fn columns<'a>(batch: &[&'a PairExample], negatives: Negatives) -> Vec<Column<'a>> {
    let of = |owner: usize, at: usize| Column { owner, at, answer: &batch[owner].passages[at] };
    let mut columns: Vec<Column<'_>> = (0..batch.len()).map(|owner| of(owner, 0)).collect();
    if negatives == Negatives::Included {
        for (owner, example) in batch.iter().enumerate() {
            columns.extend((1..example.passages.len()).map(|at| of(owner, at)));
        }
    }
    columns
}

/// Which passages stand against which question, and what the teacher said of the pairs' own negatives.
fn opponents(batch: &[&PairExample], columns: &[Column<'_>]) -> Opponents {
    let counts = batch.iter().enumerate().map(|(asked, example)| {
        let counts = |column: &Column<'_>| {
            let own = column.owner == asked;
            // A negative that a pair brings was chosen by somebody; of others' passages one document is enough doubt.
            let related = !own && column.answer.document.is_some_and(|it| example.right.documents.contains(&it));
            (own && column.at == 0) || !(related || example.right.texts.contains(&column.answer.key))
        };
        columns.iter().map(counts).collect()
    });
    let margin = |(index, column): (usize, &Column<'_>)| {
        let scores = &batch[column.owner].scores;
        let margin = scores.first()? - scores.get(column.at)?;
        (column.at > 0).then_some((column.owner as u32, index as u32, margin))
    };
    Opponents { counts: counts.collect(), margins: columns.iter().enumerate().filter_map(margin).collect() }
}

/// The nearest passages of every question by cosine, both of length 1.
fn ranking(
    dev: &[&PairExample],
    columns: &[Column<'_>],
    questions: &Tensor,
    passages: &Tensor,
) -> Result<Run, TrainError> {
    let cosines: Vec<Vec<f32>> = questions.matmul(&passages.t()?)?.to_dtype(candle_core::DType::F32)?.to_vec2()?;
    let names: Vec<u64> = columns.iter().map(|column| column.answer.key).collect();
    let mut run = Run::default();
    for (example, row) in dev.iter().zip(&cosines) {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(names[a].cmp(&names[b])));
        let mut seen = BTreeSet::new();
        let nearest = order.into_iter().filter(|&index| seen.insert(names[index])).take(DEPTH);
        run.insert(
            name(example.right.question),
            nearest.map(|index| (name(names[index]), row[index])).collect::<Vec<_>>(),
        );
    }
    Ok(run)
}

/// What answers each question, by the question's key.
fn right_ones(pairs: &[Pair]) -> BTreeMap<u64, Arc<Right>> {
    let mut right: BTreeMap<u64, Right> = BTreeMap::new();
    for pair in pairs {
        let question = key(&pair.question);
        let own = right.entry(question).or_insert_with(|| Right { question, ..Right::default() });
        own.texts.insert(key(&pair.passage.text));
        own.documents.extend(document(&pair.passage));
    }
    right.into_iter().map(|(question, right)| (question, Arc::new(right))).collect()
}

fn answer(passage: &PairPassage, tokenizer: &TextTokenizer, limit: usize) -> Result<Answer, TrainError> {
    let sequence = sequence(&passage.text, tokenizer, limit)?;
    Ok(Answer { sequence, key: key(&passage.text), document: document(passage) })
}

/// `[CLS]`, as many word pieces as fit, `[SEP]`.
fn sequence(text: &str, tokenizer: &TextTokenizer, limit: usize) -> Result<Sequence, TrainError> {
    let mut pieces = tokenizer.ids(text)?;
    pieces.truncate(limit - 2);
    Ok(Sequence::of_text(tokenizer.special, &pieces))
}

fn document(passage: &PairPassage) -> Option<u64> {
    (!passage.document.is_empty()).then(|| key(&passage.document))
}

/// The same for texts that differ in case and blanks only.
fn key(text: &str) -> u64 {
    let hash = blake3::hash(normalised(text).as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn name(key: u64) -> String {
    format!("{key:016x}")
}

#[cfg(test)]
mod tests;
