//! Text in, unit vector out.

use clinqa_schema::{Embedding, Observer, Progress, Stage};
use rayon::prelude::*;

use crate::{
    Checkpoint, CheckpointError, EncodeError, Pooling, Sequence, Source, TextTokenizer, TokenBudget, Transformer, plan,
};

/// A loaded encoder: cheap to share behind an `Arc`, safe to use from many threads.
pub struct Encoder {
    name: String,
    fingerprint: String,
    pooling: Pooling,
    max_tokens: usize,
    /// Components of a vector that are kept.
    kept: usize,
    tokenizer: TextTokenizer,
    transformer: Box<dyn Transformer>,
    warnings: Vec<String>,
}

impl Encoder {
    /// Opens the checkpoint at `source` and lays its weights out as they are stored.
    pub fn open(source: &Source) -> Result<Self, CheckpointError> {
        Self::from_checkpoint(Checkpoint::open(source)?)
    }

    /// Lays the weights of `checkpoint` out.
    pub fn from_checkpoint(mut checkpoint: Checkpoint) -> Result<Self, CheckpointError> {
        if checkpoint.pooled_head().is_some() {
            return Err(CheckpointError::Classifier { name: checkpoint.name });
        }
        let transformer = checkpoint.transformer()?;
        Ok(Self {
            name: checkpoint.name,
            fingerprint: checkpoint.fingerprint,
            pooling: checkpoint.pooling,
            max_tokens: checkpoint.max_tokens,
            kept: transformer.width(),
            tokenizer: checkpoint.tokenizer,
            transformer,
            warnings: checkpoint.warnings,
        })
    }

    /// The same encoder, whose vectors are the first `dimensions` components of what they were, scaled to length 1 again:
    /// what a Matryoshka model is trained for (Kusupati et al. 2022). Fewer components get a fingerprint of their own, so
    /// that nothing keeps them together with whole vectors.
    pub fn narrowed(mut self, dimensions: usize) -> Result<Self, EncodeError> {
        let width = self.transformer.width();
        if dimensions == 0 || dimensions > width {
            return Err(EncodeError::Dimensions { asked: dimensions, width });
        }
        if dimensions < self.kept {
            self.kept = dimensions;
            self.fingerprint = format!("{}-{dimensions}d", self.fingerprint);
        }
        Ok(self)
    }

    /// The checkpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// BLAKE3 over everything that shapes the vectors, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Components of its embeddings.
    pub fn dimension(&self) -> usize {
        self.kept
    }

    /// Most tokens of a text that are read; the rest is cut.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// How tokens are pooled.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// What was doubtful about the checkpoint.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The vector of one text.
    pub fn encode_one(&self, text: &str) -> Result<Embedding, EncodeError> {
        let sequence = self.sequence(text)?;
        let hidden = self.transformer.forward(std::slice::from_ref(&sequence))?;
        Ok(self.pooling.pool(hidden.rows(0), hidden.width, self.kept)?)
    }

    /// The vectors of `texts`, in their order; a text's vector does not depend on the others beyond rounding.
    /// Reports [`Stage::Encode`] progress, counted in texts.
    pub fn encode<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Embedding>, EncodeError> {
        let sequences: Vec<Sequence> =
            texts.par_iter().map(|text| self.sequence(text.as_ref())).collect::<Result<_, _>>()?;
        let lengths: Vec<usize> = sequences.iter().map(Sequence::len).collect();
        let mut embeddings: Vec<Option<Embedding>> = vec![None; texts.len()];
        let mut done = 0;
        for batch in plan(&lengths, TokenBudget::default()) {
            let inputs: Vec<Sequence> = batch.iter().map(|&index| sequences[index].clone()).collect();
            let hidden = self.transformer.forward(&inputs)?;
            for (row, &index) in batch.iter().enumerate() {
                embeddings[index] = Some(self.pooling.pool(hidden.rows(row), hidden.width, self.kept)?);
            }
            done += batch.len() as u64;
            observer.observe(&Progress { stage: Stage::Encode, done, total: Some(texts.len() as u64) });
        }
        Ok(embeddings.into_iter().flatten().collect())
    }

    /// `[CLS]`, as many word pieces as fit, `[SEP]`.
    fn sequence(&self, text: &str) -> Result<Sequence, EncodeError> {
        let mut pieces = self.tokenizer.ids(text)?;
        pieces.truncate(self.max_tokens.saturating_sub(2));
        Ok(Sequence::of_text(self.tokenizer.special, &pieces))
    }
}
