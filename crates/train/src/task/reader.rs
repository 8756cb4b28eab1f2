//! Where does the answer begin and end? Span extraction, learned as BERT was tuned for SQuAD.
//!
//! The loss of a window is the mean of two cross entropies over its tokens, `[CLS]` among them: one for the first token of
//! the answer, one for the last; a window without one points at `[CLS]` twice. The development part is read as the reader
//! room reads: whole texts, all windows, its own decoding.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{DType, Tensor, Var};
use clinqa_encoder::{Checkpoint, Sequence, TextTokenizer, TokenBudget, plan};
use clinqa_eval::{SquadAnswer, SquadParagraph, SquadPrediction, SquadQuestion, SquadScores, score_squad};
use clinqa_reader::{ReadConfig, WindowLogits, decode, frame, windows};

use super::distil::Distillable;
use crate::batches::Draw;
use crate::data::{DataError, SpanExample, SpanQuestion};
use crate::{Digest, Packed, Pass, Score, Task, TrainError, Twin, cross_entropy, linear};

/// What a logit outside the sequence is: its share after the softmax is 0.
const NOWHERE: f64 = -1e9;

/// The spread of a head that is made anew, as BERT's own weights were.
const SPREAD: f64 = 0.02;

const HEAD: [&str; 2] = ["qa_outputs.weight", "qa_outputs.bias"];

/// Learns the span head, and the trunk through it.
pub struct ReaderTask {
    weight: Var,
    bias: Var,
    dev: DevPart,
    /// Whether the head was made anew.
    pub new_head: bool,
}

/// Questions to score on, cut into windows.
#[derive(Debug, Clone, Default)]
pub struct DevPart {
    config: ReadConfig,
    questions: Vec<DevQuestion>,
    /// The question and the tokens of each window, as the examples stand.
    places: Vec<(usize, Range<usize>)>,
    /// The windows.
    examples: Vec<SpanExample>,
}

#[derive(Debug, Clone)]
struct DevQuestion {
    asked: SpanQuestion,
    offsets: Vec<Range<usize>>,
    /// Position of a window's first text token.
    first: usize,
}

impl DevPart {
    /// Cuts every text whole, as the reader does.
    pub fn new(questions: Vec<SpanQuestion>, tokenizer: &TextTokenizer, config: ReadConfig) -> Result<Self, DataError> {
        let mut part = Self { config, ..Self::default() };
        for (index, asked) in questions.into_iter().enumerate() {
            let failed = |source| DataError::Tokenize { file: asked.file.to_string(), record: asked.record, source };
            let mut question = tokenizer.ids(&asked.question).map_err(failed)?;
            question.truncate(config.max_question_tokens);
            let text = tokenizer.encode(&asked.text).map_err(failed)?;
            let room = config.window_tokens.saturating_sub(question.len() + 3);
            let first = question.len() + 2;
            for window in windows(text.ids.len(), room, config.overlap) {
                let Sequence { ids, types } = frame(tokenizer.special, &question, &text.ids[window.clone()]);
                let inside = span_within(&asked, &text.offsets, &window);
                let (start, end) =
                    inside.map_or((0, 0), |span| ((first + span.start) as u32, (first + span.end - 1) as u32));
                part.examples.push(SpanExample { ids, types, start, end });
                part.places.push((index, window));
            }
            part.questions.push(DevQuestion { asked, offsets: text.offsets, first });
        }
        Ok(part)
    }

    /// The windows, as the loop hands them back to [`Task::score`].
    pub fn examples(&self) -> &[SpanExample] {
        &self.examples
    }

    /// The part as a SQuAD file, so that `clinqa eval reader` and others score on the same.
    pub fn squad(&self) -> serde_json::Value {
        let paragraph = |question: &DevQuestion| {
            let SpanQuestion { id, question, text, accepted, .. } = &question.asked;
            let answer = |range: &Range<usize>| serde_json::json!({"text": &text[range.clone()], "answer_start": text[..range.start].chars().count()});
            let answers: Vec<_> = accepted.iter().map(answer).collect();
            let qas = serde_json::json!([{"id": id, "question": question, "is_impossible": answers.is_empty(), "answers": answers}]);
            serde_json::json!({"context": &**text, "qas": qas})
        };
        let paragraphs: Vec<_> = self.questions.iter().map(paragraph).collect();
        serde_json::json!({"version": "v2.0", "data": [{"title": "development part", "paragraphs": paragraphs}]})
    }

    /// What the logits of all windows, in their order, come to.
    fn judge(&self, logits: &[Vec<[f32; 2]>]) -> SquadScores {
        let mut of_question: Vec<Vec<usize>> = vec![Vec::new(); self.questions.len()];
        for (window, (question, _)) in self.places.iter().enumerate() {
            of_question[*question].push(window);
        }
        let mut predictions = BTreeMap::new();
        for (question, held) in self.questions.iter().zip(&of_question) {
            let SpanQuestion { id, text, .. } = &question.asked;
            let window = |&window: &usize| {
                let offsets = &question.offsets[self.places[window].1.clone()];
                WindowLogits { logits: &logits[window], first: question.first, offsets }
            };
            let reading = decode(text, &held.iter().map(window).collect::<Vec<_>>(), self.config);
            let best = reading.spans.first();
            let said = best.map(|span| text[span.bytes.clone()].to_owned()).unwrap_or_default();
            let null_score = best.map(|span| f64::from(-span.margin()));
            predictions.insert(id.clone(), SquadPrediction { text: said, null_score });
        }
        score_squad(&self.paragraphs(), &predictions)
    }

    fn paragraphs(&self) -> Vec<SquadParagraph> {
        let paragraph = |question: &DevQuestion| {
            let asked = &question.asked;
            let answer = |text: &str| SquadAnswer { text: text.to_owned(), start: 0 };
            let answers: Vec<SquadAnswer> = asked.golds().map(answer).collect();
            let is_impossible = answers.is_empty();
            let (id, question) = (asked.id.clone(), String::new());
            // Scoring looks at ids and answers; texts are left where they are.
            let questions = vec![SquadQuestion { id, question, answers, is_impossible }];
            SquadParagraph { title: None, context: String::new(), questions }
        };
        self.questions.iter().map(paragraph).collect()
    }
}

/// The answer's tokens within `window`, counted from its first one, if it holds them all.
fn span_within(asked: &SpanQuestion, offsets: &[Range<usize>], window: &Range<usize>) -> Option<Range<usize>> {
    let answer = asked.answer.as_ref()?;
    let start = offsets.partition_point(|offset| offset.end <= answer.start);
    let end = offsets.partition_point(|offset| offset.start < answer.end);
    let whole = window.start <= start && start < end && end <= window.end;
    whole.then(|| start - window.start..end - window.start)
}

impl ReaderTask {
    /// Takes the span head out of `checkpoint`, the one whose trunk `twin` is, or makes one by `seed` if it has none; to be
    /// scored on `dev`.
    pub fn open(checkpoint: &mut Checkpoint, twin: &Twin, dev: DevPart, seed: u64) -> Result<Self, TrainError> {
        let (device, dtype) = (twin.device(), twin.dtype());
        let width = checkpoint.hidden_size();
        let there = checkpoint.shape_of(HEAD[0]).is_some_and(|shape| shape == [2, width])
            && checkpoint.shape_of(HEAD[1]).is_some();
        let (weight, bias) = if there {
            (checkpoint.take(HEAD[0], &[2, width])?.values, checkpoint.take(HEAD[1], &[2])?.values)
        } else {
            let mut draw = Draw(seed);
            ((0..2 * width).map(|_| (SPREAD * normal(&mut draw)) as f32).collect(), vec![0.0; 2])
        };
        let var = |values: Vec<f32>, shape: &[usize]| -> Result<Var, TrainError> {
            Ok(Var::from_tensor(&Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?)?)
        };
        Ok(Self { weight: var(weight, &[2, width])?, bias: var(bias, &[2])?, dev, new_head: !there })
    }

    /// Start and end logit of each token, `[tokens, 2]`.
    pub(crate) fn logits(&self, packed: &Packed) -> Result<Tensor, TrainError> {
        linear(&packed.hidden, self.weight.as_tensor(), self.bias.as_tensor())
    }
}

/// A number of the normal distribution, by Box and Muller.
pub(crate) fn normal(draw: &mut Draw) -> f64 {
    // 1 - share is above 0.
    let radius = (-2.0 * (1.0 - draw.share()).ln()).sqrt();
    radius * (std::f64::consts::TAU * draw.share()).cos()
}

/// `logits` (`[tokens, 2]`, packed) as one distribution a row: `[2 × sequences, longest]`, starts and ends in turns, what is
/// outside a sequence at [`NOWHERE`].
pub(crate) fn distributions(logits: &Tensor, offsets: &[usize]) -> Result<Tensor, TrainError> {
    let (tokens, sequences) = (logits.dim(0)?, offsets.len().saturating_sub(1));
    let longest = offsets.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
    let filler = Tensor::full(NOWHERE, (1, 2), logits.device())?.to_dtype(logits.dtype())?;
    let places: Vec<u32> = offsets
        .windows(2)
        .flat_map(|ends| (0..longest).map(move |at| if ends[0] + at < ends[1] { ends[0] + at } else { tokens }))
        .map(|row| row as u32)
        .collect();
    let padded = Tensor::cat(&[logits, &filler], 0)?.index_select(&Tensor::new(places, logits.device())?, 0)?;
    let padded = padded.reshape((sequences, longest, 2))?.transpose(1, 2)?.contiguous()?;
    Ok(padded.reshape((2 * sequences, longest))?)
}

/// The positions that [`distributions`] should name.
pub(crate) fn targets(batch: &[&SpanExample]) -> Vec<u32> {
    batch.iter().flat_map(|example| [example.start, example.end]).collect()
}

impl Distillable for ReaderTask {
    fn can_teach(&self) -> bool {
        !self.new_head
    }

    fn sequences(&self, batch: &[&SpanExample]) -> Vec<Sequence> {
        batch.iter().map(|example| example.sequence()).collect()
    }

    fn answers(&self, packed: &Packed, _: &[&SpanExample], _: &mut Pass) -> Result<Tensor, TrainError> {
        distributions(&self.logits(packed)?, &packed.offsets)
    }

    fn hard_loss(&self, answers: &Tensor, _: &Packed, batch: &[&SpanExample]) -> Result<Tensor, TrainError> {
        cross_entropy(answers, &targets(batch))
    }
}

impl Task for ReaderTask {
    type Example = SpanExample;

    fn name(&self) -> &'static str {
        "reader"
    }

    fn architecture(&self) -> &'static str {
        "BertForQuestionAnswering"
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let mut digest = Digest::default();
        for DevQuestion { asked, .. } in &self.dev.questions {
            digest.text(&asked.id);
            digest.numbers(asked.accepted.iter().flat_map(|range| [range.start as u64, range.end as u64]));
        }
        vec![("the answers to score on (a digest)", digest.finish())]
    }

    fn describe(&self, example: &SpanExample, digest: &mut Digest) {
        let SpanExample { ids, types, start, end } = example;
        digest.ids(ids);
        digest.ids(types);
        digest.ids(&[*start, *end]);
    }

    fn length(&self, example: &SpanExample) -> usize {
        example.ids.len()
    }

    fn variables(&self) -> Vec<(String, Var)> {
        vec![(HEAD[0].to_owned(), self.weight.clone()), (HEAD[1].to_owned(), self.bias.clone())]
    }

    fn loss(&self, twin: &Twin, batch: &[&SpanExample], pass: &mut Pass) -> Result<Tensor, TrainError> {
        let sequences: Vec<Sequence> = batch.iter().map(|example| example.sequence()).collect();
        let packed = twin.forward(&sequences, pass)?;
        cross_entropy(&distributions(&self.logits(&packed)?, &packed.offsets)?, &targets(batch))
    }

    /// `f1` over whole texts: forced answers where every text answers, else with the null-score threshold that fits best.
    fn score(&self, twin: &Twin, dev: &[SpanExample]) -> Result<Score, TrainError> {
        let lengths: Vec<usize> = dev.iter().map(|example| example.ids.len()).collect();
        let mut logits: Vec<Vec<[f32; 2]>> = vec![Vec::new(); dev.len()];
        let mut loss = 0.0;
        for batch in plan(&lengths, TokenBudget::default()) {
            let examples: Vec<&SpanExample> = batch.iter().map(|&index| &dev[index]).collect();
            let sequences: Vec<Sequence> = examples.iter().map(|example| example.sequence()).collect();
            let packed = twin.forward(&sequences, &mut Pass::evaluation())?;
            let rows = self.logits(&packed)?.detach();
            let mean = cross_entropy(&distributions(&rows, &packed.offsets)?, &targets(&examples))?;
            loss += mean.to_dtype(DType::F64)?.to_scalar::<f64>()? * batch.len() as f64;
            let rows: Vec<Vec<f32>> = rows.to_dtype(DType::F32)?.to_vec2()?;
            for (place, ends) in batch.iter().zip(packed.offsets.windows(2)) {
                logits[*place] = rows[ends[0]..ends[1]].iter().map(|row| [row[0], row[1]]).collect();
            }
        }
        let scores = self.dev.judge(&logits);
        let mut others = vec![("exact".to_owned(), scores.overall.exact)];
        let mut value = scores.overall.f1;
        if scores.no_answer.is_some()
            && let Some(best) = scores.best
        {
            value = best.f1;
            others = vec![("exact".to_owned(), best.exact), ("forced_f1".to_owned(), scores.overall.f1)];
        }
        Ok(Score { name: "f1".to_owned(), value, loss: loss / dev.len().max(1) as f64, others })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use candle_core::Device;
    use clinqa_encoder::Source;

    use super::*;
    use crate::{Parts, Settings, tiny, train};

    fn example(ids: usize, start: u32, end: u32) -> SpanExample {
        SpanExample { ids: vec![1; ids], types: vec![0; ids], start, end }
    }

    #[test]
    fn the_loss_is_the_mean_of_start_and_end_over_each_window() {
        // Two windows of 2 and 3 tokens.
        let logits = [[0.0_f64, 1.0], [2.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 3.0]];
        let logits = Tensor::new(&logits, &Device::Cpu).expect("a tensor");
        let rows = distributions(&logits, &[0, 2, 5]).expect("rows");
        assert_eq!(rows.dims(), [4, 3]);
        let rows: Vec<Vec<f64>> = rows.to_vec2().expect("rows");
        assert_eq!(rows[0], [0.0, 2.0, NOWHERE]);
        assert_eq!(rows[3], [0.0, 0.0, 3.0]);
        let (first, second) = (example(2, 1, 1), example(3, 0, 2));
        let rows = Tensor::new(rows, &Device::Cpu).expect("a tensor");
        let loss =
            cross_entropy(&rows, &targets(&[&first, &second])).expect("a loss").to_scalar::<f64>().expect("a number");
        let term = |logits: &[f64], at: usize| logits.iter().map(|x| x.exp()).sum::<f64>().ln() - logits[at];
        let expected = term(&[0.0, 2.0], 1) + term(&[1.0, 0.0], 1) + term(&[0.0; 3], 0) + term(&[0.0, 0.0, 3.0], 2);
        assert!((loss - expected / 4.0).abs() < 1e-12, "{loss}");
    }

    #[test]
    fn every_logit_of_a_sequence_gets_its_gradient_and_nothing_else_does() {
        let var = Var::new(&[[0.5_f64, -0.5], [1.0, 2.0], [0.0, 0.25]], &Device::Cpu).expect("a variable");
        let loss = |values: &Tensor| {
            let rows = distributions(values, &[0, 1, 3]).expect("rows");
            cross_entropy(&rows, &targets(&[&example(1, 0, 0), &example(2, 1, 0)])).expect("a loss")
        };
        let store = loss(var.as_tensor()).backward().expect("gradients");
        let gradient: Vec<Vec<f64>> = store.get(&var).expect("one").to_vec2().expect("rows");
        let before: Vec<Vec<f64>> = var.to_vec2().expect("rows");
        for row in 0..3 {
            for column in 0..2 {
                let moved = |by: f64| {
                    let mut values = before.clone();
                    values[row][column] += by;
                    let values = Tensor::new(values, &Device::Cpu).expect("a tensor");
                    loss(&values).to_scalar::<f64>().expect("a number")
                };
                let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((gradient[row][column] - expected).abs() < 1e-9, "{row} {column}");
            }
        }
    }

    /// Windows of random tokens, each with an answer somewhere.
    pub(crate) fn random_windows(count: usize) -> Vec<SpanExample> {
        let lengths: Vec<usize> = (0..count).map(|at| 6 + at % 9).collect();
        let pointed = |(at, sequence): (usize, Sequence)| {
            let start = (at * 7 % sequence.len()) as u32;
            let end = (start + 2).min(sequence.len() as u32 - 1);
            SpanExample { ids: sequence.ids, types: sequence.types, start, end }
        };
        tiny::sequences(&lengths).into_iter().enumerate().map(pointed).collect()
    }

    #[test]
    fn a_reader_learns_twenty_windows_by_heart() {
        let folder = tiny::folder("gelu");
        let mut checkpoint = Checkpoint::open(&tiny::source(folder.path())).expect("a checkpoint");
        let mut twin = Twin::open(&mut checkpoint, &Device::Cpu, DType::F32).expect("a twin");
        let task = ReaderTask::open(&mut checkpoint, &twin, DevPart::default(), 1).expect("a task");
        assert!(task.new_head);
        let examples = random_windows(20);
        let out = folder.path().join("run");
        let settings = Settings { epochs: 150, batch: 10, rate: 1e-2, decay: 0.0, dropout: 0.0, ..Settings::new(out) };
        let parts = Parts { train: &examples, dev: &[] };
        let from = (&mut twin, &tiny::source(folder.path()), "f");
        train(&task, from, parts, &settings, &mut clinqa_schema::Silent).expect("a run");
        let batch: Vec<&SpanExample> = examples.iter().collect();
        let loss =
            task.loss(&twin, &batch, &mut Pass::evaluation()).expect("a loss").to_scalar::<f32>().expect("a number");
        assert!(loss < 0.05, "{loss}");
        // What was saved has the head under its Hugging Face names.
        let saved = Source::Folder(folder.path().join("run/checkpoint"));
        let mut checkpoint = Checkpoint::open(&saved).expect("a checkpoint");
        let twin = Twin::open(&mut checkpoint, &Device::Cpu, DType::F32).expect("a twin");
        let again = ReaderTask::open(&mut checkpoint, &twin, DevPart::default(), 1).expect("a task");
        assert!(!again.new_head);
        let same =
            again.loss(&twin, &batch, &mut Pass::evaluation()).expect("a loss").to_scalar::<f32>().expect("a number");
        assert!((same - loss).abs() < 1e-5, "{same}");
    }

    #[test]
    fn the_development_part_is_judged_by_the_readers_own_decoding() {
        let text = "thirst and fatigue";
        let asked = SpanQuestion {
            file: "f".into(),
            record: 1,
            id: "q".to_owned(),
            question: "What?".to_owned(),
            text: text.into(),
            answer: Some(11..18),
            accepted: vec![0..6, 11..18],
            group: 0,
        };
        let offsets = vec![0..6, 7..10, 11..14, 14..18];
        assert_eq!(span_within(&asked, &offsets, &(1..4)), Some(1..3));
        assert_eq!(span_within(&asked, &offsets, &(1..3)), None);
        let questions = vec![DevQuestion { asked, offsets, first: 2 }];
        let part = DevPart { questions, places: vec![(0, 0..3), (0, 2..4)], ..DevPart::default() };
        let logits = vec![
            vec![[9.0, 9.0], [0.0; 2], [5.0, 5.0], [0.0; 2], [0.0; 2]],
            vec![[0.0; 2], [0.0; 2], [3.0, 0.0], [0.0, 3.0]],
        ];
        let scores = part.judge(&logits);
        // The second window's margin is higher though its logits are lower.
        assert_eq!((scores.overall.exact, scores.overall.total), (1.0, 1));
        let file = part.squad();
        let read = clinqa_eval::read_squad(file.to_string().as_bytes()).expect("a SQuAD file");
        assert_eq!(read[0].questions[0].answers[1], SquadAnswer { text: "fatigue".to_owned(), start: 11 });
    }
}
