//! What does a checkpoint hand to a model that is to learn? Its numbers, its trunk as f32, the files that go on beside it.

use std::collections::BTreeMap;

use super::config::trunk_tensors;
use super::files::Files;
use super::{Array, Checkpoint, Source};
use crate::CheckpointError;

/// Files beside the weights that a model trained from a checkpoint keeps, as they came.
const COMPANIONS: [&str; 9] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
];

/// The numbers of a BERT.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimensions {
    /// Rows of the word embeddings.
    pub vocabulary: usize,
    /// Values a token.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Attention heads a layer; `width` is a multiple.
    pub heads: usize,
    /// Values a token inside the feed-forward half of a layer.
    pub wide: usize,
    /// Rows of the position embeddings.
    pub positions: usize,
    /// Rows of the token type embeddings.
    pub types: usize,
    /// The term under the root of layer normalisation.
    pub epsilon: f64,
    /// `hidden_act`, as transformers names it.
    pub activation: String,
}

impl Checkpoint {
    /// The numbers of the model.
    pub fn dimensions(&self) -> Dimensions {
        let config = &self.config;
        Dimensions {
            vocabulary: config.vocab_size,
            width: config.hidden_size,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            wide: config.intermediate_size,
            positions: config.max_position_embeddings,
            types: config.type_vocab_size,
            epsilon: config.layer_norm_eps,
            activation: config.hidden_act.clone(),
        }
    }

    /// Takes every tensor of the trunk out, as f32, by its plain name; a head's stay for [`Checkpoint::take`]. Only a BERT
    /// learns here.
    pub fn take_trunk(&mut self) -> Result<BTreeMap<String, Array>, CheckpointError> {
        self.require_bert()?;
        let config = self.config.clone();
        trunk_tensors(&config)
            .into_iter()
            .map(|(name, shape)| {
                let array = self.take(&name, &shape)?;
                Ok((name, array))
            })
            .collect()
    }

    /// The shape of the tensor `name`, if the checkpoint (still) holds it.
    pub fn shape_of(&self, name: &str) -> Option<&[usize]> {
        self.tensors.shape_of(name)
    }
}

impl Source {
    /// The files beside the weights that a model trained from this one keeps, with their names: configuration,
    /// tokenizer, and what sentence-transformers adds, taken from the folder where the weights lie.
    pub fn companions(&self) -> Result<Vec<(String, Vec<u8>)>, CheckpointError> {
        let files = Files::open(self)?;
        let mut found = Vec::new();
        for name in COMPANIONS {
            if let Some(bytes) = files.read(name)? {
                found.push((name.to_owned(), bytes.into_owned()));
            }
        }
        Ok(found)
    }
}
