//! The only opener of weights: a folder or an embedded bundle becomes a checked [`Checkpoint`].

mod blend;
mod config;
mod files;
mod fresh;
mod labels;
mod pack;
mod pickle;
mod plain;
mod tensors;
mod tokenizer;
mod training;

pub use blend::{BlendReport, blend};
pub use files::{Embedded, Source};
pub use labels::{HeadLabels, PooledHead};
pub use pack::{PackReport, pack};
pub use tensors::{Array, Tensors};
pub(crate) use tensors::{ByteMatrix, Stored};
pub use tokenizer::{Encoding, SpecialTokens, TextTokenizer};
pub use training::Dimensions;

pub(crate) use config::{BertConfig, trunk_tensors};

use crate::CheckpointError;
use crate::pooling::Pooling;
use config::SentenceTransformer;
use files::Files;

/// Everything that a model needs, read and checked, not yet laid out for computing.
pub struct Checkpoint {
    /// The folder's or the bundle's name.
    pub name: String,
    /// BLAKE3 over every file that shapes the output, in hex: two checkpoints with one fingerprint give one output.
    pub fingerprint: String,
    /// `model_type` of the configuration.
    pub model_type: String,
    /// How token vectors become one vector.
    pub pooling: Pooling,
    /// Most tokens a sequence may have, the special ones included.
    pub max_tokens: usize,
    /// The tokenizer, with truncation and padding switched off.
    pub tokenizer: TextTokenizer,
    /// What was doubtful but usable.
    pub warnings: Vec<String>,
    pub(crate) config: BertConfig,
    pub(crate) tensors: Tensors,
    pub(crate) weights_path: String,
    pub(crate) config_path: String,
    pub(crate) pooled_head: Option<PooledHead>,
}

/// What the forward pass computes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// Bytes where matrices are stored as bytes, f32 elsewhere: several times faster than f32, and smaller.
    #[default]
    Stored,
    /// f32 throughout.
    Full,
}

impl Checkpoint {
    /// Opens `source`, hashes what it reads, and checks that configuration, tokenizer and weights are of one model.
    pub fn open(source: &Source) -> Result<Self, CheckpointError> {
        let files = Files::open(source)?;
        let sentence = SentenceTransformer::read(&files)?;
        let head_folder = sentence.dense_folder.as_ref().map(|folder| files.inside(folder));
        let files = files.inside(&sentence.transformer_folder);
        let config = BertConfig::read(&files)?;
        let (tokenizer, mut warnings) = TextTokenizer::read(&files)?;
        tokenizer.require_rows(&files, config.vocab_size)?;
        let (mut tensors, weights_path) = Tensors::read(&files)?;
        if let Some(folder) = head_folder {
            tensors.add_dense(&folder)?;
        }
        let max_tokens = sentence.max_seq_length.unwrap_or(usize::MAX).min(config.max_position_embeddings);
        if sentence.max_seq_length.is_some_and(|asked| asked > config.max_position_embeddings) {
            warnings.push(format!(
                "{}: max_seq_length is over the model's {} positions and was lowered to them",
                files.path("sentence_bert_config.json"),
                config.max_position_embeddings
            ));
        }
        Ok(Self {
            name: source.name(),
            fingerprint: files.fingerprint(),
            model_type: config.model_type.clone(),
            pooling: sentence.pooling,
            max_tokens,
            tokenizer,
            warnings,
            config,
            tensors,
            weights_path,
            config_path: files.path("config.json"),
            pooled_head: sentence.dense_folder.map(|_| PooledHead { normalised: sentence.normalises }),
        })
    }

    /// The same checkpoint, to be computed in `precision`. One that has no bytes is what it was; one that has gets a
    /// fingerprint of its own in f32, since its vectors differ a little.
    #[must_use]
    pub fn in_precision(mut self, precision: Precision) -> Self {
        if precision == Precision::Full && self.tensors.fill() {
            self.fingerprint.push_str("-f32");
        }
        self
    }

    /// Takes the tensor `name` out as f32, checking its shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Array, CheckpointError> {
        Ok(self.take_stored(name, shape)?.array())
    }

    /// Takes the tensor `name` out as it is stored, checking its shape.
    pub(crate) fn take_stored(&mut self, name: &str, shape: &[usize]) -> Result<Stored, CheckpointError> {
        self.tensors.take(&self.weights_path, name, shape)
    }

    /// Width of a token's vector.
    pub fn hidden_size(&self) -> usize {
        self.config.hidden_size
    }
}
