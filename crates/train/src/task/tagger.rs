//! How wrong is the model about which words name what?
//!
//! The first piece of a word carries its tag, the others carry none, as transformers' examples do. A long sentence is cut
//! into windows that overlap; each word is learned and scored in the one window where it has most around it.

use candle_core::{Tensor, Var};
use clinqa_encoder::{Checkpoint, Sequence, TextTokenizer};
use clinqa_eval::{TagOutcome, score_tags};
use clinqa_labels::{Pieces, label_windows};
use serde_json::{Map, Value};

use super::distil::Distillable;
use super::head::{Fresh, Head};
use crate::data::iob::Tagged;
use crate::{Digest, Packed, Pass, Score, Task, TrainError, Twin, cross_entropy, dropout};

/// Examples that are scored together.
const SCORED: usize = 32;

/// One window of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedWindow {
    sequence: Sequence,
    /// Which sentence of its part.
    sentence: usize,
    /// The words that are decided here: their places in the sentence, in the sequence, and their tags.
    words: Vec<(usize, usize, u32)>,
}

/// Learning to tag words.
pub struct TaggerTask {
    tags: Vec<String>,
    head: Head,
}

impl TaggerTask {
    /// A head for `tags` on the trunk of `checkpoint`; its own one goes on if it is for these tags.
    pub fn new(checkpoint: &mut Checkpoint, tags: Vec<String>, fresh: &Fresh) -> Result<Self, TrainError> {
        own_trunk(checkpoint)?;
        let shape = [tags.len(), checkpoint.hidden_size()];
        let same = checkpoint.head_labels().is_ok_and(|labels| labels.names == tags);
        let head = if same { Head::take(checkpoint, "classifier", shape, fresh)? } else { Head::fresh(shape, fresh)? };
        Ok(Self { tags, head })
    }

    /// The windows of sentences whose tags are the task's, of at most `tokens` tokens.
    pub fn windows(
        &self,
        tokenizer: &TextTokenizer,
        sentences: &[Tagged],
        tokens: usize,
    ) -> Result<Vec<TaggedWindow>, TrainError> {
        let size = tokens.saturating_sub(2).max(1);
        let mut windows = Vec::new();
        for (number, sentence) in sentences.iter().enumerate() {
            let pieces = Pieces::of_words(tokenizer, &sentence.words)?;
            for window in label_windows(pieces.ids.len(), size, size / 3) {
                let place = |(word, first): (usize, &Option<usize>)| {
                    let first = (*first)?;
                    let tag = self.tags.iter().position(|tag| *tag == sentence.tags[word])?;
                    // Past `[CLS]`.
                    window.decides.contains(&first).then(|| (word, first - window.pieces.start + 1, tag as u32))
                };
                let words: Vec<(usize, usize, u32)> = pieces.firsts.iter().enumerate().filter_map(place).collect();
                if words.is_empty() {
                    continue;
                }
                let sequence = Sequence::of_text(tokenizer.special, &pieces.ids[window.pieces]);
                windows.push(TaggedWindow { sequence, sentence: number, words });
            }
        }
        Ok(windows)
    }

    /// The logits of every word that a batch decides, one row each, and the tags that are right.
    fn logits(&self, twin: &Twin, batch: &[&TaggedWindow], pass: &mut Pass) -> Result<(Tensor, Vec<u32>), TrainError> {
        let logits = self.head_logits(&twin.forward(&self.sequences(batch), pass)?, batch, pass)?;
        Ok((logits, tags(batch)))
    }

    fn head_logits(&self, packed: &Packed, batch: &[&TaggedWindow], pass: &mut Pass) -> Result<Tensor, TrainError> {
        let rows = batch.iter().zip(&packed.offsets);
        let rows: Vec<u32> = rows
            .flat_map(|(window, offset)| window.words.iter().map(move |(_, place, _)| (offset + place) as u32))
            .collect();
        let words = packed.hidden.index_select(&Tensor::new(rows, packed.hidden.device())?, 0)?;
        self.head.apply(&dropout(&words, pass)?)
    }
}

/// The tags of the words that windows decide, in their order.
fn tags(batch: &[&TaggedWindow]) -> Vec<u32> {
    batch.iter().flat_map(|window| window.words.iter().map(|(_, _, tag)| *tag)).collect()
}

impl Distillable for TaggerTask {
    fn can_teach(&self) -> bool {
        !self.head.is_new
    }

    fn sequences(&self, batch: &[&TaggedWindow]) -> Vec<Sequence> {
        batch.iter().map(|window| window.sequence.clone()).collect()
    }

    fn answers(&self, packed: &Packed, batch: &[&TaggedWindow], pass: &mut Pass) -> Result<Tensor, TrainError> {
        self.head_logits(packed, batch, pass)
    }

    fn hard_loss(&self, answers: &Tensor, _: &Packed, batch: &[&TaggedWindow]) -> Result<Tensor, TrainError> {
        cross_entropy(answers, &tags(batch))
    }
}

impl Task for TaggerTask {
    type Example = TaggedWindow;

    fn name(&self) -> &'static str {
        "tagger"
    }

    fn architecture(&self) -> &'static str {
        "BertForTokenClassification"
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        vec![("the tags", self.tags.join(", "))]
    }

    fn describe(&self, example: &TaggedWindow, digest: &mut Digest) {
        let TaggedWindow { sequence, sentence, words } = example;
        digest.sequence(sequence);
        let words = words.iter().flat_map(|(word, place, tag)| [*word as u64, *place as u64, (*tag).into()]);
        digest.numbers(std::iter::chain([*sentence as u64], words));
    }

    fn length(&self, example: &TaggedWindow) -> usize {
        example.sequence.len()
    }

    fn variables(&self) -> Vec<(String, Var)> {
        self.head.variables("classifier").to_vec()
    }

    fn loss(&self, twin: &Twin, batch: &[&TaggedWindow], pass: &mut Pass) -> Result<Tensor, TrainError> {
        let (logits, tags) = self.logits(twin, batch, pass)?;
        cross_entropy(&logits, &tags)
    }

    /// F1 of whole things, as seqeval counts it.
    fn score(&self, twin: &Twin, dev: &[TaggedWindow]) -> Result<Score, TrainError> {
        let sentences = dev.iter().map(|window| window.sentence + 1).max().unwrap_or(0);
        let mut gold: Vec<Vec<(usize, &str)>> = vec![Vec::new(); sentences];
        let mut found = gold.clone();
        let (mut loss, mut words) = (0.0, 0);
        let mut order: Vec<&TaggedWindow> = dev.iter().collect();
        order.sort_by_key(|window| window.sequence.len());
        for batch in order.chunks(SCORED) {
            let (logits, tags) = self.logits(twin, batch, &mut Pass::evaluation())?;
            loss += f64::from(cross_entropy(&logits, &tags)?.to_dtype(candle_core::DType::F32)?.to_scalar::<f32>()?)
                * tags.len() as f64;
            words += tags.len();
            let best: Vec<u32> = logits.argmax(1)?.to_vec1()?;
            let mut best = best.into_iter();
            for window in batch {
                for ((word, _, tag), guess) in window.words.iter().zip(&mut best) {
                    gold[window.sentence].push((*word, self.tags[*tag as usize].as_str()));
                    found[window.sentence].push((*word, self.tags[guess as usize].as_str()));
                }
            }
        }
        let outcomes = gold
            .into_iter()
            .zip(found)
            .enumerate()
            .map(|(number, (gold, found))| TagOutcome::new(number.to_string(), &in_order(gold), &in_order(found)));
        let scores = score_tags(&outcomes.collect::<Vec<_>>());
        let micro = scores.spans.micro;
        Ok(Score {
            name: "f1".to_owned(),
            value: micro.f1,
            loss: loss / words.max(1) as f64,
            others: vec![
                ("precision".to_owned(), micro.precision),
                ("recall".to_owned(), micro.recall),
                ("word accuracy".to_owned(), scores.accuracy),
            ],
        })
    }

    fn config(&self, config: &mut Map<String, Value>) {
        name_labels(config, &self.tags);
        config.remove("problem_type");
    }
}

/// The tags of a sentence, its windows put together. A word without pieces is in none; it is an `O` on both sides.
fn in_order(mut tags: Vec<(usize, &str)>) -> Vec<&str> {
    tags.sort_by_key(|(word, _)| *word);
    let words = tags.last().map_or(0, |(word, _)| word + 1);
    let mut all = vec!["O"; words];
    for (word, tag) in tags {
        all[word] = tag;
    }
    all
}

/// Refuses a head over pooled vectors: its modules would go on beside a trunk that no longer fits them.
pub(super) fn own_trunk(checkpoint: &Checkpoint) -> Result<(), TrainError> {
    if checkpoint.pooled_head().is_none() {
        return Ok(());
    }
    let expected = "an encoder: begin from the one that this was made from".to_owned();
    Err(checkpoint.refuse("id2label", "that of a head over pooled vectors".to_owned(), expected).into())
}

/// `id2label` and `label2id`.
pub(super) fn name_labels(config: &mut Map<String, Value>, labels: &[String]) {
    let numbered = labels.iter().enumerate();
    let names: Map<String, Value> = numbered.clone().map(|(id, name)| (id.to_string(), name.clone().into())).collect();
    let ids: Map<String, Value> = numbered.map(|(id, name)| (name.clone(), id.into())).collect();
    config.insert("id2label".to_owned(), names.into());
    config.insert("label2id".to_owned(), ids.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_several_windows_stand_in_their_order() {
        assert_eq!(in_order(vec![(3, "B-A"), (0, "O"), (1, "B-B")]), ["O", "B-B", "O", "B-A"]);
        assert!(in_order(Vec::new()).is_empty());
    }
}
