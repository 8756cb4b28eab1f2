//! A model as it is timed: whole, and its forward pass alone.

use clinqa_encoder::{Checkpoint, Embedded, Encoder, Sequence, Source, TextTokenizer, TokenBudget, Transformer, plan};
use clinqa_weights::Bundle;
use serde::Deserialize;

use crate::BenchError;

/// What the forward pass computes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// What a user gets who asks for nothing.
    #[default]
    Default,
    /// f32 throughout.
    F32,
}

/// An encoder, and its parts beside it so that each can be timed by itself.
pub struct Model {
    /// Text in, vector out.
    pub encoder: Encoder,
    /// Text in, word pieces out.
    pub tokenizer: TextTokenizer,
    /// Word pieces in, hidden states out.
    pub transformer: Box<dyn Transformer>,
}

impl Model {
    /// Opens `source`. Its precision is chosen here.
    pub fn open(source: &Source, precision: Precision) -> Result<Self, BenchError> {
        let precision = match precision {
            Precision::Default => clinqa_encoder::Precision::Stored,
            Precision::F32 => clinqa_encoder::Precision::Full,
        };
        let encoder = Encoder::from_checkpoint(Checkpoint::open(source)?.in_precision(precision))?;
        let mut checkpoint = Checkpoint::open(source)?.in_precision(precision);
        let transformer = checkpoint.transformer()?;
        Ok(Self { encoder, tokenizer: checkpoint.tokenizer, transformer })
    }

    /// The token ids of `text` as the encoder computes them: framed, and cut to what it reads.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, BenchError> {
        let mut pieces = self.tokenizer.ids(text)?;
        pieces.truncate(self.encoder.max_tokens().saturating_sub(2));
        let special = self.tokenizer.special;
        let mut ids = vec![special.cls];
        ids.append(&mut pieces);
        ids.push(special.sep);
        Ok(ids)
    }

    /// The forward pass over `sequences` in the batches that the encoder would make: the mean of each one's tokens.
    ///
    /// The mean is what parity is checked with; beside the pass itself it costs nothing.
    pub fn forward(&self, sequences: &[Sequence]) -> Result<Vec<Vec<f32>>, BenchError> {
        let lengths: Vec<usize> = sequences.iter().map(Sequence::len).collect();
        let mut means = vec![Vec::new(); sequences.len()];
        for batch in plan(&lengths, TokenBudget::default()) {
            let inputs: Vec<Sequence> = batch.iter().map(|&index| sequences[index].clone()).collect();
            let hidden = self.transformer.forward(&inputs)?;
            for (row, &index) in batch.iter().enumerate() {
                means[index] = mean(hidden.rows(row), hidden.width);
            }
        }
        Ok(means)
    }
}

/// The bundle as the encoder and the reader take it.
pub fn embedded(bundle: &Bundle) -> Source {
    Source::Embedded(Embedded { name: bundle.name, fingerprint: bundle.fingerprint, files: bundle.files })
}

/// One sequence of each of `lengths`, filled from real token ids again and again; each begins where the one before ended.
pub fn filler(ids: &[u32], lengths: &[usize]) -> Vec<Sequence> {
    let mut source = ids.iter().copied().cycle();
    let mut take = |length: usize| Sequence { ids: source.by_ref().take(length).collect(), types: vec![0; length] };
    lengths.iter().map(|&length| take(length)).collect()
}

fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let count = (rows.len() / width).max(1) as f32;
    sum.into_iter().map(|value| value / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_have_the_lengths_asked_for_and_no_two_need_be_equal() {
        let made = filler(&[7, 8, 9], &[2, 0, 4]);
        assert_eq!(
            made.iter().map(|sequence| sequence.ids.clone()).collect::<Vec<_>>(),
            [vec![7, 8], vec![], vec![9, 7, 8, 9]]
        );
        assert!(made.iter().all(|sequence| sequence.types.len() == sequence.ids.len()));
    }

    #[test]
    fn the_mean_of_rows_is_taken_column_by_column() {
        assert_eq!(mean(&[1.0, 2.0, 3.0, 6.0], 2), [2.0, 4.0]);
    }
}
