//! The forward pass, narrow: token sequences in, last hidden states out. One file an architecture, one line in the table.

mod bert;
mod byte_kernel;
mod byte_product;
mod candle;
mod distilbert;
mod functions;
mod linear;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod parity;
mod product;
#[cfg(test)]
mod small;

use crate::{Checkpoint, CheckpointError, EncodeError, SpecialTokens};

/// A text, or a pair of them, as token ids with the special ones in place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Token ids, `[CLS]` first.
    pub ids: Vec<u32>,
    /// 0 for the first text of a pair, 1 for the second; as long as `ids`.
    pub types: Vec<u32>,
}

impl Sequence {
    /// One text: `[CLS]`, its pieces, `[SEP]`.
    pub fn of_text(special: SpecialTokens, pieces: &[u32]) -> Self {
        let mut ids = Vec::with_capacity(pieces.len() + 2);
        ids.push(special.cls);
        ids.extend_from_slice(pieces);
        ids.push(special.sep);
        Self { types: vec![0; ids.len()], ids }
    }

    /// How many tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// How many rows the embedding tables of a model have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableRows {
    /// Word pieces.
    pub tokens: usize,
    /// Types of token.
    pub types: usize,
    /// Positions: most tokens a sequence may have.
    pub positions: usize,
}

impl Sequence {
    /// Whether a model with these rows can read the sequence; why not, if it cannot.
    pub fn check(&self, rows: TableRows) -> Result<(), EncodeError> {
        let (found, limit) = (self.len(), rows.positions);
        if found > limit {
            return Err(EncodeError::TooLong { found, limit });
        }
        if self.types.len() != found {
            return Err(EncodeError::TypeCount { tokens: found, types: self.types.len() });
        }
        for (table, ids, rows) in [("token", &self.ids, rows.tokens), ("type", &self.types, rows.types)] {
            if let Some(&found) = ids.iter().find(|&&id| id as usize >= rows) {
                return Err(EncodeError::TokenId { table, found, rows });
            }
        }
        Ok(())
    }
}

/// Last hidden states of a batch, packed: sequence `i` owns rows `offsets[i]..offsets[i + 1]` of `width` values each.
#[derive(Debug, Clone, PartialEq)]
pub struct Hidden {
    /// Values a token.
    pub width: usize,
    /// First row of each sequence, and the number of rows last.
    pub offsets: Vec<usize>,
    /// Rows × width values.
    pub values: Vec<f32>,
}

impl Hidden {
    /// The rows of sequence `index`, tokens × width.
    pub fn rows(&self, index: usize) -> &[f32] {
        &self.values[self.offsets[index] * self.width..self.offsets[index + 1] * self.width]
    }
}

/// A loaded model. What it computes for a sequence does not depend on the other sequences of the batch.
pub trait Transformer: Send + Sync {
    /// Values a token.
    fn width(&self) -> usize;

    /// Most tokens a sequence may have.
    fn max_positions(&self) -> usize;

    /// Last hidden states of `sequences`, none of them longer than [`Transformer::max_positions`].
    fn forward(&self, sequences: &[Sequence]) -> Result<Hidden, EncodeError>;
}

type Build = fn(&mut Checkpoint) -> Result<Box<dyn Transformer>, CheckpointError>;

/// What `model_type` can be, and who builds it.
pub const ARCHITECTURES: &[(&str, Build)] = &[("bert", bert::build), ("distilbert", distilbert::build)];

pub(crate) fn known_architectures() -> Vec<&'static str> {
    ARCHITECTURES.iter().map(|(name, _)| *name).collect()
}

impl Checkpoint {
    /// Lays the weights out for computing; the tensors leave the checkpoint, a head's stay for [`Checkpoint::take`].
    pub fn transformer(&mut self) -> Result<Box<dyn Transformer>, CheckpointError> {
        let build = ARCHITECTURES.iter().find(|(name, _)| *name == self.model_type).map(|(_, build)| build);
        build.ok_or_else(|| self.unknown(&known_architectures()))?(self)
    }

    /// Whether the trunk is named as BERT's is; an error if it is another's.
    pub(crate) fn require_bert(&self) -> Result<(), CheckpointError> {
        if self.model_type == "bert" { Ok(()) } else { Err(self.unknown(&["bert"])) }
    }

    fn unknown(&self, known: &[&str]) -> CheckpointError {
        let (path, found) = (self.config_path.clone(), self.model_type.clone());
        CheckpointError::Architecture { path, found, known: known.join(", ") }
    }

    /// The same model computed by candle-transformers: several times slower, kept to check ours against. It takes the
    /// same tensors as [`Checkpoint::transformer`], so a checkpoint serves one of the two. For BERT only.
    pub fn reference_transformer(&mut self) -> Result<Box<dyn Transformer>, CheckpointError> {
        self.require_bert()?;
        candle::build(self)
    }
}
