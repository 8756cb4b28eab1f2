//! How wrong is the model about the kind of a text?
//!
//! [`ClassifierTask`] learns trunk and head (`BertForSequenceClassification`). [`HeadTask`] learns the head alone over the
//! vectors of a sentence encoder, each computed once; sentence-transformers loads the result as a model whose last module
//! is `Dense`, so that encoding a text gives its logits.

use candle_core::{DType, Tensor, Var};
use clinqa_encoder::{Checkpoint, Pooling, Sequence, TextTokenizer};
use clinqa_eval::{LabelOutcome, score_labels};
use clinqa_labels::Problem;
use serde_json::{Map, Value, json};

use super::distil::Distillable;
use super::head::{Fresh, Head};
use super::tagger::{name_labels, own_trunk};
use crate::data::labelled::Labelled;
use crate::{Digest, Packed, Pass, Score, Task, TrainError, Twin, cross_entropy, dropout};

/// Examples that are scored together.
const SCORED: usize = 32;

/// The labels of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelSet {
    /// Their names, in the order of the logits.
    pub names: Vec<String>,
    /// Whether a text has one or any number.
    pub problem: Problem,
}

/// A text as tokens or as a vector, with the places of its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledExample<T> {
    input: T,
    labels: Vec<u32>,
}

/// A text as a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct TextVector {
    values: Vec<f32>,
    /// The text's digest, by which a run knows it again: the last bits of a vector may depend on the threads.
    text: String,
}

/// Learning trunk and head.
pub struct ClassifierTask {
    labels: LabelSet,
    pooler: Head,
    head: Head,
}

/// Learning the head alone.
pub struct HeadTask {
    labels: LabelSet,
    head: Head,
    pooling: Pooling,
    max_tokens: usize,
}

impl LabelSet {
    fn places(&self, labels: &[String]) -> Vec<u32> {
        let place = |label: &String| self.names.iter().position(|name| name == label).map(|at| at as u32);
        labels.iter().filter_map(place).collect()
    }

    /// Logits (`[texts, labels]`) as one distribution a row: over the labels, or, where any may be right, label by label
    /// over whether it is.
    fn distributions(&self, logits: &Tensor) -> Result<Tensor, TrainError> {
        match self.problem {
            Problem::Single => Ok(logits.clone()),
            Problem::Multi => {
                let right = logits.flatten_all()?.unsqueeze(1)?;
                Ok(Tensor::cat(&[&right.zeros_like()?, &right], 1)?)
            }
        }
    }

    /// What [`LabelSet::distributions`] should name, row by row.
    fn targets(&self, labels: &[&[u32]]) -> Vec<u32> {
        match self.problem {
            Problem::Single => labels.iter().map(|labels| labels.first().copied().unwrap_or(0)).collect(),
            Problem::Multi => {
                let all = 0..self.names.len() as u32;
                labels.iter().flat_map(|labels| all.clone().map(|label| u32::from(labels.contains(&label)))).collect()
            }
        }
    }

    /// A text with one label is as wrong as its cross entropy; with several, as the mean over all labels, each a yes or
    /// no of its own.
    fn loss(&self, logits: &Tensor, labels: &[&[u32]]) -> Result<Tensor, TrainError> {
        cross_entropy(&self.distributions(logits)?, &self.targets(labels))
    }

    fn outcome(&self, id: usize, logits: &[f32], labels: &[u32]) -> LabelOutcome {
        let name = |at: usize| self.names[at].clone();
        let found = match self.problem {
            Problem::Single => {
                let best = (1..logits.len()).fold(0, |best, at| if logits[at] > logits[best] { at } else { best });
                vec![name(best)]
            }
            Problem::Multi => (0..logits.len()).filter(|&at| logits[at] >= 0.0).map(name).collect(),
        };
        LabelOutcome { id: id.to_string(), gold: labels.iter().map(|at| name(*at as usize)).collect(), found }
    }

    /// Macro-F1 over what `logits` says of `dev`, batch by batch.
    fn score<T>(
        &self,
        dev: &[LabelledExample<T>],
        logits: impl Fn(&[&LabelledExample<T>]) -> Result<Tensor, TrainError>,
    ) -> Result<Score, TrainError> {
        let mut outcomes = Vec::with_capacity(dev.len());
        let mut loss = 0.0;
        let examples: Vec<&LabelledExample<T>> = dev.iter().collect();
        for batch in examples.chunks(SCORED) {
            let logits = logits(batch)?;
            let labels: Vec<&[u32]> = batch.iter().map(|example| example.labels.as_slice()).collect();
            let mean = self.loss(&logits, &labels)?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            loss += mean * batch.len() as f64;
            let rows: Vec<Vec<f32>> = logits.to_dtype(DType::F32)?.to_vec2()?;
            for (row, labels) in rows.iter().zip(labels) {
                outcomes.push(self.outcome(outcomes.len(), row, labels));
            }
        }
        let scores = score_labels(&outcomes);
        Ok(Score {
            name: "macro f1".to_owned(),
            value: scores.shares.r#macro.f1,
            loss: loss / dev.len().max(1) as f64,
            others: vec![("accuracy".to_owned(), scores.accuracy), ("micro f1".to_owned(), scores.shares.micro.f1)],
        })
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let problem = match self.problem {
            Problem::Single => "one",
            Problem::Multi => "any number",
        };
        vec![("the labels", self.names.join(", ")), ("how many labels a text has", problem.to_owned())]
    }

    fn config(&self, config: &mut Map<String, Value>) {
        name_labels(config, &self.names);
        let problem = match self.problem {
            Problem::Single => "single_label_classification",
            Problem::Multi => "multi_label_classification",
        };
        config.insert("problem_type".to_owned(), problem.into());
    }
}

impl ClassifierTask {
    /// A head for `labels` on the trunk of `checkpoint`; the layer before it goes on from the checkpoint's, if it has one.
    pub fn new(checkpoint: &mut Checkpoint, labels: LabelSet, fresh: &Fresh) -> Result<Self, TrainError> {
        own_trunk(checkpoint)?;
        let width = checkpoint.hidden_size();
        let shape = [labels.names.len(), width];
        let same = checkpoint.head_labels().is_ok_and(|found| found.names == labels.names);
        let pooler = Head::take(checkpoint, "pooler.dense", [width, width], fresh)?;
        let head = if same { Head::take(checkpoint, "classifier", shape, fresh)? } else { Head::fresh(shape, fresh)? };
        Ok(Self { labels, pooler, head })
    }

    /// Texts as sequences of at most `tokens` tokens.
    pub fn examples(
        &self,
        tokenizer: &TextTokenizer,
        texts: &[Labelled],
        tokens: usize,
    ) -> Result<Vec<LabelledExample<Sequence>>, TrainError> {
        let example = |text: &Labelled| {
            let pieces = tokenizer.ids(&text.text)?;
            let kept = &pieces[..pieces.len().min(tokens.saturating_sub(2))];
            let input = Sequence::of_text(tokenizer.special, kept);
            Ok(LabelledExample { input, labels: self.labels.places(&text.labels) })
        };
        texts.iter().map(example).collect()
    }

    fn logits(&self, twin: &Twin, batch: &[&LabelledExample<Sequence>], pass: &mut Pass) -> Result<Tensor, TrainError> {
        self.head_logits(&twin.forward(&self.sequences(batch), pass)?, pass)
    }

    fn head_logits(&self, packed: &Packed, pass: &mut Pass) -> Result<Tensor, TrainError> {
        let starts = &packed.offsets[..packed.offsets.len() - 1];
        let firsts: Vec<u32> = starts.iter().map(|row| *row as u32).collect();
        let first = packed.hidden.index_select(&Tensor::new(firsts, packed.hidden.device())?, 0)?;
        let pooled = self.pooler.apply(&first)?.tanh()?;
        self.head.apply(&dropout(&pooled, pass)?)
    }
}

impl Distillable for ClassifierTask {
    fn can_teach(&self) -> bool {
        !self.head.is_new
    }

    fn sequences(&self, batch: &[&Self::Example]) -> Vec<Sequence> {
        batch.iter().map(|example| example.input.clone()).collect()
    }

    fn answers(&self, packed: &Packed, _: &[&Self::Example], pass: &mut Pass) -> Result<Tensor, TrainError> {
        self.labels.distributions(&self.head_logits(packed, pass)?)
    }

    fn hard_loss(&self, answers: &Tensor, _: &Packed, batch: &[&Self::Example]) -> Result<Tensor, TrainError> {
        let labels: Vec<&[u32]> = batch.iter().map(|example| example.labels.as_slice()).collect();
        cross_entropy(answers, &self.labels.targets(&labels))
    }
}

impl Task for ClassifierTask {
    type Example = LabelledExample<Sequence>;

    fn name(&self) -> &'static str {
        "classifier"
    }

    fn architecture(&self) -> &'static str {
        "BertForSequenceClassification"
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        self.labels.identity()
    }

    fn describe(&self, example: &Self::Example, digest: &mut Digest) {
        digest.sequence(&example.input);
        digest.ids(&example.labels);
    }

    fn length(&self, example: &Self::Example) -> usize {
        example.input.len()
    }

    fn variables(&self) -> Vec<(String, Var)> {
        let pooler = self.pooler.variables("bert.pooler.dense");
        pooler.into_iter().chain(self.head.variables("classifier")).collect()
    }

    fn loss(&self, twin: &Twin, batch: &[&Self::Example], pass: &mut Pass) -> Result<Tensor, TrainError> {
        let labels: Vec<&[u32]> = batch.iter().map(|example| example.labels.as_slice()).collect();
        self.labels.loss(&self.logits(twin, batch, pass)?, &labels)
    }

    fn score(&self, twin: &Twin, dev: &[Self::Example]) -> Result<Score, TrainError> {
        self.labels.score(dev, |batch| self.logits(twin, batch, &mut Pass::evaluation()))
    }

    fn config(&self, config: &mut Map<String, Value>) {
        self.labels.config(config);
    }
}

impl HeadTask {
    /// A head for `labels` over the vectors of `checkpoint`, which are scaled to length 1.
    pub fn new(checkpoint: &Checkpoint, labels: LabelSet, fresh: &Fresh) -> Result<Self, TrainError> {
        let head = Head::fresh([labels.names.len(), checkpoint.hidden_size()], fresh)?;
        Ok(Self { labels, head, pooling: checkpoint.pooling, max_tokens: checkpoint.max_tokens })
    }

    /// Texts with the vector of each.
    pub fn examples(&self, texts: &[Labelled], vectors: Vec<Vec<f32>>) -> Vec<LabelledExample<TextVector>> {
        let example = |(text, values): (&Labelled, Vec<f32>)| {
            let input = TextVector { values, text: blake3::hash(text.text.as_bytes()).to_string() };
            LabelledExample { input, labels: self.labels.places(&text.labels) }
        };
        texts.iter().zip(vectors).map(example).collect()
    }

    fn logits(&self, batch: &[&LabelledExample<TextVector>]) -> Result<Tensor, TrainError> {
        let values: Vec<f32> = batch.iter().flat_map(|example| example.input.values.iter().copied()).collect();
        let width = values.len() / batch.len().max(1);
        let weight = self.head.weight.as_tensor();
        let x = Tensor::from_vec(values, (batch.len(), width), weight.device())?.to_dtype(weight.dtype())?;
        self.head.apply(&x)
    }
}

impl Task for HeadTask {
    type Example = LabelledExample<TextVector>;

    fn name(&self) -> &'static str {
        "classifier"
    }

    fn architecture(&self) -> &'static str {
        "BertModel"
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        self.labels.identity()
    }

    fn describe(&self, example: &Self::Example, digest: &mut Digest) {
        digest.text(&example.input.text);
        digest.ids(&example.labels);
    }

    fn length(&self, _: &Self::Example) -> usize {
        1
    }

    fn variables(&self) -> Vec<(String, Var)> {
        self.head.variables("classifier").to_vec()
    }

    fn loss(&self, _: &Twin, batch: &[&Self::Example], _: &mut Pass) -> Result<Tensor, TrainError> {
        let labels: Vec<&[u32]> = batch.iter().map(|example| example.labels.as_slice()).collect();
        self.labels.loss(&self.logits(batch)?, &labels)
    }

    fn score(&self, _: &Twin, dev: &[Self::Example]) -> Result<Score, TrainError> {
        self.labels.score(dev, |batch| self.logits(batch))
    }

    fn config(&self, config: &mut Map<String, Value>) {
        self.labels.config(config);
    }

    /// The modules of sentence-transformers.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"), ("3_Dense", "Dense")];
        let module = |(idx, (path, kind)): (usize, &(&str, &str))| json!({"idx": idx, "name": idx.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}")});
        let modules: Vec<Value> = kinds.iter().enumerate().map(module).collect();
        let dims = self.head.weight.dims();
        let pooling = json!({
            "word_embedding_dimension": dims[1],
            "pooling_mode_cls_token": self.pooling == Pooling::Cls,
            "pooling_mode_mean_tokens": self.pooling == Pooling::Mean,
        });
        let dense = json!({
            "in_features": dims[1],
            "out_features": dims[0],
            "bias": true,
            "activation_function": "torch.nn.modules.linear.Identity",
        });
        let sequence = json!({"max_seq_length": self.max_tokens, "do_lower_case": false});
        let text = |value: Value| format!("{value:#}\n").into_bytes();
        let head: Vec<(String, Tensor)> =
            self.head.variables("linear").map(|(name, var)| (name, var.as_detached_tensor())).to_vec();
        let metadata = [("format".to_owned(), "pt".to_owned())];
        let weights = crate::save::serialise(&head, DType::F32, metadata).expect("a matrix and a vector in memory");
        vec![
            ("modules.json".to_owned(), text(modules.into())),
            ("sentence_bert_config.json".to_owned(), text(sequence)),
            ("1_Pooling/config.json".to_owned(), text(pooling)),
            ("3_Dense/config.json".to_owned(), text(dense)),
            ("3_Dense/model.safetensors".to_owned(), weights),
        ]
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn several_labels_cost_as_pytorch_says() {
        let labels = LabelSet { names: vec!["a".into(), "b".into(), "c".into()], problem: Problem::Multi };
        let logits = Tensor::new(&[[0.5_f64, -2.0, 40.0], [-1.0, 3.0, -40.0]], &Device::Cpu).expect("logits");
        let loss = labels.loss(&logits, &[&[0, 2], &[0]]).expect("a loss").to_scalar::<f64>().expect("a number");
        // torch.nn.functional.binary_cross_entropy_with_logits of the same.
        assert!((loss - 0.827_142_3).abs() < 1e-6, "{loss}");
    }

    #[test]
    fn a_run_goes_on_with_the_same_labels_and_the_same_texts_however_their_vectors_were_rounded() {
        let labels = LabelSet { names: vec!["a".into(), "b".into()], problem: Problem::Single };
        assert_eq!(labels.identity()[0], ("the labels", "a, b".to_owned()));
        let fresh = Fresh { device: Device::Cpu, dtype: DType::F32, seed: 1 };
        let head = Head::fresh([2, 3], &fresh).expect("a head");
        let task = HeadTask { labels, head, pooling: Pooling::Mean, max_tokens: 8 };
        let digest = |text: &str, label: &str, value: f32| {
            let (text, labels) = (text.to_owned(), vec![label.to_owned()]);
            let text = Labelled { file: "f".into(), record: 1, id: None, text, labels, group: "g".to_owned() };
            let mut digest = Digest::default();
            task.describe(&task.examples(&[text], vec![vec![value; 3]])[0], &mut digest);
            digest.finish()
        };
        assert_eq!(digest("one", "a", 0.5), digest("one", "a", 0.500_001));
        assert_ne!(digest("one", "a", 0.5), digest("two", "a", 0.5));
        assert_ne!(digest("one", "a", 0.5), digest("one", "b", 0.5));
    }

    #[test]
    fn what_was_found_is_named() {
        let single = LabelSet { names: vec!["a".into(), "b".into()], problem: Problem::Single };
        assert_eq!(single.outcome(0, &[1.0, 1.0], &[1]).found, ["a"]);
        let multi = LabelSet { problem: Problem::Multi, ..single };
        assert_eq!(multi.outcome(0, &[-0.1, 0.0], &[]).found, ["b"]);
        assert_eq!(multi.places(&["b".into(), "x".into()]), [1]);
    }
}
