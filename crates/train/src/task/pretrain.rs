//! Masked language modelling: which word stood here? Whole words are hidden, so that no piece gives the rest away.

use candle_core::{D, Device, Tensor, Var};
use clinqa_encoder::{Checkpoint, Sequence, TextTokenizer};

use super::{Score, Task};
use crate::batches::Draw;
use crate::data::text::{Block, unguessed};
use crate::ops::{linear, linear_cross_entropy};
use crate::{Digest, Pass, TrainError, Twin, twin};

/// The share of the tokens that are to be guessed (Devlin et al. 2019).
const HIDDEN: f64 = 0.15;
/// Of those, the share that is masked, and the share that is masked or replaced by any token; the rest stays.
const MASKED: f64 = 0.8;
const CHANGED: f64 = 0.9;
/// Blocks that are scored together.
const SCORED_TOGETHER: usize = 16;
/// What is hidden in the development part is the same in every run, so that perplexities can be compared.
const DEV_SEED: u64 = 20_180_711;

/// The task, and the head of `BertForMaskedLM`; its decoder is the word embeddings.
pub struct Pretrain {
    /// `[width, width]` and `[width]`.
    dense: [Var; 2],
    /// `[width]` each.
    norm: [Var; 2],
    /// `[vocabulary]`.
    bias: Var,
    epsilon: f64,
    vocabulary: Vocabulary,
    /// Whether the checkpoint brought a head.
    pub had_head: bool,
}

/// What hiding needs to know of the tokens.
struct Vocabulary {
    mask: u32,
    /// Whether an id continues a word.
    continues: Vec<bool>,
    /// The ids that are never hidden nor put anywhere.
    special: Vec<u32>,
}

/// A block with some tokens hidden.
struct Riddle {
    sequence: Sequence,
    /// Where, and which token stood there.
    answers: Vec<(usize, u32)>,
}

impl Pretrain {
    /// Takes the head out of `checkpoint`, or begins a new one: a map that changes little, and no bias.
    pub fn open(checkpoint: &mut Checkpoint, twin: &Twin) -> Result<Self, TrainError> {
        let (width, words) = (twin.dimensions().width, twin.dimensions().vocabulary);
        let had_head = checkpoint.shape_of("cls.predictions.transform.dense.weight").is_some();
        let mut one = |name: &str, shape: &[usize], fresh: &dyn Fn() -> Vec<f32>| -> Result<Var, TrainError> {
            let name = format!("cls.predictions.{name}");
            let values = if had_head { checkpoint.take(&name, shape)?.values } else { fresh() };
            let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
            Ok(Var::from_tensor(&tensor.to_dtype(twin.dtype())?.to_device(twin.device())?)?)
        };
        let identity = || (0..width * width).map(|i| if i / width == i % width { 1.0 } else { 0.0 }).collect();
        let dense = [
            one("transform.dense.weight", &[width, width], &identity)?,
            one("transform.dense.bias", &[width], &|| vec![0.0; width])?,
        ];
        let norm = [
            one("transform.LayerNorm.weight", &[width], &|| vec![1.0; width])?,
            one("transform.LayerNorm.bias", &[width], &|| vec![0.0; width])?,
        ];
        let bias = one("bias", &[words], &|| vec![0.0; words])?;
        let vocabulary = Vocabulary::of(&checkpoint.tokenizer)?;
        Ok(Self { dense, norm, bias, epsilon: twin.dimensions().epsilon, vocabulary, had_head })
    }

    /// The mean cross entropy of what was hidden; 0 where nothing could be.
    fn riddles_loss(&self, twin: &Twin, riddles: &[Riddle], pass: &mut Pass) -> Result<Tensor, TrainError> {
        if riddles.iter().all(|riddle| riddle.answers.is_empty()) {
            return Ok(Tensor::zeros((), twin.dtype(), twin.device())?);
        }
        let sequences: Vec<Sequence> = riddles.iter().map(|riddle| riddle.sequence.clone()).collect();
        let packed = twin.forward(&sequences, pass)?;
        let places = riddles.iter().zip(&packed.offsets);
        let rows: Vec<u32> =
            places.flat_map(|(riddle, first)| riddle.answers.iter().map(move |(at, _)| (first + at) as u32)).collect();
        let targets: Vec<u32> = riddles.iter().flat_map(|riddle| riddle.answers.iter().map(|(_, id)| *id)).collect();
        // As wide as the vocabulary are only the rows that are asked for.
        let hidden = packed.hidden.index_select(&Tensor::new(rows, twin.device())?, 0)?;
        let learned = |var: &Var| if pass.is_training() { var.as_tensor().clone() } else { var.as_detached_tensor() };
        let x = linear(&hidden, &learned(&self.dense[0]), &learned(&self.dense[1]))?.gelu_erf()?;
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + self.epsilon)?.sqrt()?;
        let normal = centred.broadcast_div(&deviation)?;
        let x = normal.broadcast_mul(&learned(&self.norm[0]))?.broadcast_add(&learned(&self.norm[1]))?;
        let words = twin.parameter(twin::WORDS, pass)?;
        linear_cross_entropy([&x, &words, &learned(&self.bias)], &targets)
    }
}

impl Task for Pretrain {
    type Example = Block;

    fn name(&self) -> &'static str {
        "pretrain"
    }

    fn architecture(&self) -> &'static str {
        "BertForMaskedLM"
    }

    fn describe(&self, block: &Block, digest: &mut Digest) {
        digest.ids(&block.ids);
    }

    fn length(&self, block: &Block) -> usize {
        block.ids.len()
    }

    fn variables(&self) -> Vec<(String, Var)> {
        let named = [
            ("transform.dense.weight", &self.dense[0]),
            ("transform.dense.bias", &self.dense[1]),
            ("transform.LayerNorm.weight", &self.norm[0]),
            ("transform.LayerNorm.bias", &self.norm[1]),
            ("bias", &self.bias),
        ];
        named.into_iter().map(|(name, var)| (format!("cls.predictions.{name}"), var.clone())).collect()
    }

    fn loss(&self, twin: &Twin, batch: &[&Block], pass: &mut Pass) -> Result<Tensor, TrainError> {
        let mut draw = Draw(pass.random());
        let riddles: Vec<Riddle> = batch.iter().map(|block| self.vocabulary.hide(block, &mut draw)).collect();
        self.riddles_loss(twin, &riddles, pass)
    }

    /// The perplexity of the hidden tokens, negated.
    fn score(&self, twin: &Twin, dev: &[Block]) -> Result<Score, TrainError> {
        let (mut sum, mut count) = (0.0, 0);
        let mut draw = Draw(DEV_SEED);
        for blocks in dev.chunks(SCORED_TOGETHER) {
            let riddles: Vec<Riddle> = blocks.iter().map(|block| self.vocabulary.hide(block, &mut draw)).collect();
            let answers: usize = riddles.iter().map(|riddle| riddle.answers.len()).sum();
            let loss = self.riddles_loss(twin, &riddles, &mut Pass::evaluation())?;
            sum += loss.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()? * answers as f64;
            count += answers;
        }
        let loss = sum / count.max(1) as f64;
        let others = vec![("hidden_tokens".to_owned(), count as f64)];
        Ok(Score { name: "perplexity".to_owned(), value: -loss.exp(), loss, others })
    }
}

impl Vocabulary {
    fn of(tokenizer: &TextTokenizer) -> Result<Self, TrainError> {
        let mask = tokenizer.id("[MASK]").ok_or(TrainError::Setting {
            setting: "the tokenizer of --from",
            found: "without [MASK]".to_owned(),
            expected: "one with a [MASK] token, which pretraining needs",
        })?;
        Ok(Self { mask, continues: tokenizer.continuations(), special: unguessed(tokenizer) })
    }

    /// Hides whole words until 15% of the tokens are hidden, one word at least if there is one.
    fn hide(&self, block: &Block, draw: &mut Draw) -> Riddle {
        let mut words: Vec<std::ops::Range<usize>> = Vec::new();
        for (place, id) in block.ids.iter().enumerate() {
            if self.special.contains(id) {
                continue;
            }
            match words.last_mut() {
                Some(word) if word.end == place && self.continues.get(*id as usize) == Some(&true) => word.end += 1,
                _ => words.push(place..place + 1),
            }
        }
        let tokens: usize = words.iter().map(ExactSizeIterator::len).sum();
        let wanted = ((tokens as f64 * HIDDEN).round() as usize).max(1);
        draw.shuffle(&mut words);
        let mut ids = block.ids.clone();
        let mut answers = Vec::with_capacity(wanted);
        for word in words {
            if answers.len() >= wanted {
                break;
            }
            // A word that is longer than what is left is hidden only if nothing else is.
            if answers.len() + word.len() > wanted && !answers.is_empty() {
                continue;
            }
            for place in word {
                answers.push((place, ids[place]));
                ids[place] = self.instead(ids[place], draw);
            }
        }
        answers.sort_unstable();
        let types = vec![0; ids.len()];
        Riddle { sequence: Sequence { ids, types }, answers }
    }

    /// What stands where `id` is to be guessed.
    fn instead(&self, id: u32, draw: &mut Draw) -> u32 {
        let share = draw.share();
        if share < MASKED {
            return self.mask;
        }
        let any = draw.below(self.continues.len()) as u32;
        if share < CHANGED && !self.special.contains(&any) { any } else { id }
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use candle_core::DType;

    use super::*;
    use crate::tiny;

    /// Ids 0 to 4 are special, those over 1,000 continue words.
    fn vocabulary() -> Vocabulary {
        Vocabulary { mask: 4, continues: (0..2_000).map(|id| id > 1_000).collect(), special: (0..5).collect() }
    }

    fn block(words: usize) -> Block {
        let word = |i: usize| [10 + (i % 900) as u32, 1_001 + (i % 900) as u32, 1_002];
        Block { ids: iter::chain(iter::chain([2], (0..words).flat_map(word)), [3]).collect() }
    }

    #[test]
    fn whole_words_are_hidden_and_fifteen_in_a_hundred_tokens() {
        let (vocabulary, block) = (vocabulary(), block(100));
        let riddle = vocabulary.hide(&block, &mut Draw(1));
        assert_eq!(riddle.answers.len(), 45);
        for word in riddle.answers.chunks(3) {
            assert_eq!((word[0].0 - 1) % 3, 0, "a word begins");
            assert_eq!([word[1].0, word[2].0], [word[0].0 + 1, word[0].0 + 2], "and is whole");
        }
        for (place, (now, before)) in riddle.sequence.ids.iter().zip(&block.ids).enumerate() {
            let answer = riddle.answers.iter().find(|(at, _)| *at == place);
            assert!(answer.map_or(now == before, |(_, id)| id == before), "place {place}");
        }
    }

    #[test]
    fn eight_in_ten_are_masked_one_is_another_and_one_stays() {
        let (vocabulary, block) = (vocabulary(), block(100));
        let mut draw = Draw(2);
        let (mut masked, mut stayed, mut all) = (0, 0, 0);
        for _ in 0..200 {
            let riddle = vocabulary.hide(&block, &mut draw);
            for (place, id) in riddle.answers {
                let now = riddle.sequence.ids[place];
                masked += usize::from(now == vocabulary.mask);
                stayed += usize::from(now == id);
                all += 1;
            }
        }
        let share = |count: usize| count as f64 / f64::from(all);
        assert!((share(masked) - 0.8).abs() < 0.02, "{}", share(masked));
        assert!((share(stayed) - 0.1).abs() < 0.02, "{}", share(stayed));
    }

    #[test]
    fn a_block_of_one_long_word_hides_it() {
        let riddle = vocabulary().hide(&Block { ids: vec![2, 10, 1_001, 1_001, 3] }, &mut Draw(1));
        assert_eq!(riddle.answers.len(), 3);
    }

    #[test]
    fn a_batch_with_nothing_to_hide_costs_nothing_and_is_no_part_of_the_score() {
        let model = tiny::folder("gelu");
        let twin = tiny::twin(model.path(), DType::F32);
        let mut checkpoint = Checkpoint::open(&tiny::source(model.path())).expect("a checkpoint");
        let task = Pretrain::open(&mut checkpoint, &twin).expect("a task");
        let block = |inside: u32| Block { ids: iter::chain(iter::chain([2], [inside; 8]), [3]).collect() };
        let [unknown, known] = [block(1), block(9)];
        let loss = task.loss(&twin, &[&unknown, &unknown], &mut Pass::training(0.0, 1, 1, 0)).expect("a loss");
        assert!(loss.to_scalar::<f32>().expect("a number").abs() < f32::EPSILON);
        assert!(twin.gradients(&loss, &task.variables()).expect("none").is_empty());
        let mixed = task.loss(&twin, &[&unknown, &known], &mut Pass::training(0.0, 1, 1, 0)).expect("a loss");
        assert!(mixed.to_scalar::<f32>().expect("a number") > 0.0);
        // The last blocks are scored by themselves.
        let dev: Vec<Block> = iter::repeat_n(known, SCORED_TOGETHER).chain([unknown]).collect();
        let [whole, without] = [&dev[..], &dev[..SCORED_TOGETHER]].map(|dev| task.score(&twin, dev).expect("a score"));
        assert!(whole.value.is_finite());
        assert_eq!(whole, without);
    }

    #[test]
    fn the_special_tokens_stay() {
        let vocabulary = vocabulary();
        let mut draw = Draw(3);
        for _ in 0..50 {
            let riddle = vocabulary.hide(&block(7), &mut draw);
            assert_eq!((riddle.sequence.ids[0], riddle.sequence.ids[22]), (2, 3));
            assert!(riddle.answers.iter().all(|(place, _)| (1..22).contains(place)));
        }
    }
}
