//! BERT by candle-transformers: slow here, but not ours, so the parity tests hold our own forward pass to it.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, DTYPE, HiddenAct};

use super::{Hidden, Sequence, Transformer};
use crate::checkpoint::trunk_tensors;
use crate::{Checkpoint, CheckpointError, EncodeError};

struct Bert {
    model: BertModel,
    width: usize,
    max_positions: usize,
    pad: u32,
}

pub(super) fn build(checkpoint: &mut Checkpoint) -> Result<Box<dyn Transformer>, CheckpointError> {
    let config = checkpoint.config.clone();
    let settings = settings(checkpoint)?;
    let mut tensors = HashMap::new();
    for (name, shape) in trunk_tensors(&config) {
        let array = checkpoint.take(&name, &shape)?;
        let tensor =
            Tensor::from_vec(array.values, shape, &Device::Cpu).map_err(|error| damaged(checkpoint, &error))?;
        tensors.insert(name, tensor);
    }
    let weights = VarBuilder::from_tensors(tensors, DTYPE, &Device::Cpu);
    let model = BertModel::load(weights, &settings).map_err(|error| damaged(checkpoint, &error))?;
    let pad = config.pad_token_id.map_or(checkpoint.tokenizer.special.pad, |id| id as u32);
    Ok(Box::new(Bert { model, width: config.hidden_size, max_positions: config.max_position_embeddings, pad }))
}

fn damaged(checkpoint: &Checkpoint, error: &candle_core::Error) -> CheckpointError {
    CheckpointError::Damaged { path: checkpoint.weights_path.clone(), detail: error.to_string() }
}

fn settings(checkpoint: &Checkpoint) -> Result<Config, CheckpointError> {
    let config = &checkpoint.config;
    let hidden_act = match config.hidden_act.as_str() {
        "gelu" => HiddenAct::Gelu,
        "gelu_new" | "gelu_pytorch_tanh" => HiddenAct::GeluApproximate,
        "relu" => HiddenAct::Relu,
        other => {
            return Err(CheckpointError::Field {
                path: format!("config.json of {}", checkpoint.name),
                field: "hidden_act",
                found: other.to_owned(),
                expected: "gelu, gelu_new or relu".into(),
            });
        }
    };
    Ok(Config {
        vocab_size: config.vocab_size,
        hidden_size: config.hidden_size,
        num_hidden_layers: config.num_hidden_layers,
        num_attention_heads: config.num_attention_heads,
        intermediate_size: config.intermediate_size,
        hidden_act,
        max_position_embeddings: config.max_position_embeddings,
        type_vocab_size: config.type_vocab_size,
        layer_norm_eps: config.layer_norm_eps,
        pad_token_id: config.pad_token_id.unwrap_or_default(),
        ..Config::default()
    })
}

impl Transformer for Bert {
    fn width(&self) -> usize {
        self.width
    }

    fn max_positions(&self) -> usize {
        self.max_positions
    }

    fn forward(&self, sequences: &[Sequence]) -> Result<Hidden, EncodeError> {
        let longest = sequences.iter().map(Sequence::len).max().unwrap_or(0);
        if longest > self.max_positions {
            return Err(EncodeError::TooLong { found: longest, limit: self.max_positions });
        }
        let mut offsets = Vec::with_capacity(sequences.len() + 1);
        offsets.push(0);
        offsets.extend(sequences.iter().scan(0, |rows, sequence| {
            *rows += sequence.len();
            Some(*rows)
        }));
        if longest == 0 {
            return Ok(Hidden { width: self.width, offsets, values: Vec::new() });
        }
        let shape = (sequences.len(), longest);
        let padded = |values: fn(&Sequence) -> &[u32], fill: u32| {
            let mut all = Vec::with_capacity(shape.0 * shape.1);
            for sequence in sequences {
                all.extend_from_slice(values(sequence));
                all.resize(all.len() + longest - sequence.len(), fill);
            }
            Tensor::from_vec(all, shape, &Device::Cpu)
        };
        let ids = padded(|sequence| &sequence.ids, self.pad)?;
        let types = padded(|sequence| &sequence.types, 0)?;
        let mut mask = Vec::with_capacity(shape.0 * shape.1);
        for sequence in sequences {
            mask.extend(std::iter::repeat_n(1_u32, sequence.len()));
            mask.resize(mask.len() + longest - sequence.len(), 0);
        }
        // Without a mask candle attends to the padding too: it is always given.
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let output = self.model.forward(&ids, &types, Some(&mask))?.flatten_all()?.to_vec1::<f32>()?;
        let mut values = Vec::with_capacity(offsets[sequences.len()] * self.width);
        for (row, sequence) in output.chunks_exact(longest * self.width).zip(sequences) {
            values.extend_from_slice(&row[..sequence.len() * self.width]);
        }
        Ok(Hidden { width: self.width, offsets, values })
    }
}
