//! BERT, our own forward pass: absolute positions, post-layer-norm, sequences packed without padding.
//!
//! The tokens of all sequences stand in one matrix. A layer is two sweeps over blocks of its rows, each block on one
//! thread: queries, keys and values first; then everything else, which for a row needs only the keys and values of
//! its own sequence. A block's intermediates stay in the core's cache.

use std::sync::{Mutex, PoisonError};

use pulp::Arch;
use rayon::prelude::*;

use super::functions::{Activation, LayerNorm, softmax};
use super::product::{PANEL, Panels, Rows, Target, product};
use super::{Hidden, Sequence, Transformer};
use crate::{Checkpoint, CheckpointError, EncodeError};

/// Most rows of a block: their widest intermediate (6,144 bytes a row in a 384-wide model) fits a core's cache.
const BLOCK_ROWS: usize = 64;

struct Bert {
    arch: Arch,
    width: usize,
    heads: usize,
    words: Vec<f32>,
    positions: Vec<f32>,
    types: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

struct Layer {
    /// Width × 3 widths: queries, keys, values.
    attention_in: Panels,
    attention_out: Panels,
    attention_norm: LayerNorm,
    widen: Panels,
    activation: Activation,
    narrow: Panels,
    norm: LayerNorm,
}

/// What a block needs besides its rows; as many as there are threads, kept over the layers.
#[derive(Default)]
struct Scratch {
    keys: Panels,
    values: Panels,
    scores: Vec<f32>,
    mixed: Vec<f32>,
    wide: Vec<f32>,
    narrow: Vec<f32>,
}

pub(super) fn build(checkpoint: &mut Checkpoint) -> Result<Box<dyn Transformer>, CheckpointError> {
    let config = checkpoint.config.clone();
    let width = config.hidden_size;
    let activation = activation(checkpoint)?;
    let mut weights = Weights { checkpoint, epsilon: config.layer_norm_eps as f32 };
    let words = weights.take("embeddings.word_embeddings.weight", &[config.vocab_size, width])?;
    let positions = weights.take("embeddings.position_embeddings.weight", &[config.max_position_embeddings, width])?;
    let types = weights.take("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, width])?;
    let norm = weights.norm("embeddings", width)?;
    let layers = (0..config.num_hidden_layers).map(|index| {
        let prefix = format!("encoder.layer.{index}");
        let attention = ["query", "key", "value"].map(|part| format!("{prefix}.attention.self.{part}"));
        Ok(Layer {
            attention_in: weights.linear(&attention, [width, width])?,
            attention_out: weights.linear(&[format!("{prefix}.attention.output.dense")], [width, width])?,
            attention_norm: weights.norm(&format!("{prefix}.attention.output"), width)?,
            widen: weights.linear(&[format!("{prefix}.intermediate.dense")], [config.intermediate_size, width])?,
            activation,
            narrow: weights.linear(&[format!("{prefix}.output.dense")], [width, config.intermediate_size])?,
            norm: weights.norm(&format!("{prefix}.output"), width)?,
        })
    });
    let layers = layers.collect::<Result<_, CheckpointError>>()?;
    let heads = config.num_attention_heads;
    Ok(Box::new(Bert { arch: Arch::new(), width, heads, words, positions, types, norm, layers }))
}

fn activation(checkpoint: &Checkpoint) -> Result<Activation, CheckpointError> {
    match checkpoint.config.hidden_act.as_str() {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => Err(CheckpointError::Field {
            path: format!("config.json of {}", checkpoint.name),
            field: "hidden_act",
            found: other.to_owned(),
            expected: "gelu, gelu_new, gelu_pytorch_tanh or relu".into(),
        }),
    }
}

/// Takes tensors out of a checkpoint in the layout they are computed with.
struct Weights<'a> {
    checkpoint: &'a mut Checkpoint,
    epsilon: f32,
}

impl Weights<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        Ok(self.checkpoint.take(name, shape)?.values)
    }

    /// The linear layers `names`, each of `rows` outputs from `columns` inputs, side by side as one.
    fn linear(&mut self, names: &[String], [rows, columns]: [usize; 2]) -> Result<Panels, CheckpointError> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for name in names {
            weights.extend(self.take(&format!("{name}.weight"), &[rows, columns])?);
            biases.extend(self.take(&format!("{name}.bias"), &[rows])?);
        }
        Ok(Panels::linear(&weights, &biases, columns))
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<LayerNorm, CheckpointError> {
        let gain = self.take(&format!("{name}.LayerNorm.weight"), &[width])?;
        let shift = self.take(&format!("{name}.LayerNorm.bias"), &[width])?;
        Ok(LayerNorm { gain, shift, epsilon: self.epsilon })
    }
}

impl Transformer for Bert {
    fn width(&self) -> usize {
        self.width
    }

    fn max_positions(&self) -> usize {
        self.positions.len() / self.width
    }

    fn forward(&self, sequences: &[Sequence]) -> Result<Hidden, EncodeError> {
        let mut offsets = vec![0];
        for sequence in sequences {
            self.check(sequence)?;
            offsets.push(offsets[offsets.len() - 1] + sequence.len());
        }
        let tokens = offsets[sequences.len()];
        let mut values = self.embed(sequences, tokens);
        let mut attention = vec![0.0; tokens * 3 * self.width];
        let scratches = Mutex::new(Vec::new());
        for layer in &self.layers {
            self.attend_in(layer, &values, &mut attention);
            let block = block_rows(tokens) * self.width;
            values.par_chunks_mut(block).enumerate().for_each(|(index, rows)| {
                let mut scratch = pop(&scratches);
                let first = index * block / self.width;
                self.mix(&attention, &offsets, first..first + rows.len() / self.width, &mut scratch);
                self.finish(layer, rows, &mut scratch);
                push(&scratches, scratch);
            });
        }
        Ok(Hidden { width: self.width, offsets, values })
    }
}

impl Bert {
    fn check(&self, sequence: &Sequence) -> Result<(), EncodeError> {
        let (tokens, limit) = (sequence.len(), self.max_positions());
        if tokens > limit {
            return Err(EncodeError::TooLong { found: tokens, limit });
        }
        if sequence.types.len() != tokens {
            return Err(EncodeError::TypeCount { tokens, types: sequence.types.len() });
        }
        let tables = [("token", &sequence.ids, &self.words), ("type", &sequence.types, &self.types)];
        for (table, ids, embeddings) in tables {
            let rows = embeddings.len() / self.width;
            if let Some(&found) = ids.iter().find(|&&id| id as usize >= rows) {
                return Err(EncodeError::TokenId { table, found, rows });
            }
        }
        Ok(())
    }

    /// Word + position + type, normalised: tokens × width.
    fn embed(&self, sequences: &[Sequence], tokens: usize) -> Vec<f32> {
        let row = |id: usize| id * self.width..(id + 1) * self.width;
        let mut values = Vec::with_capacity(tokens * self.width);
        let mut places = Vec::with_capacity(tokens * self.width);
        for sequence in sequences {
            for (position, (&id, &kind)) in sequence.ids.iter().zip(&sequence.types).enumerate() {
                let kinds = &self.types[row(kind as usize)];
                values.extend_from_slice(&self.words[row(id as usize)]);
                places.extend(self.positions[row(position)].iter().zip(kinds).map(|(place, kind)| place + kind));
            }
        }
        self.norm.add_and_normalise(self.arch, &mut values, &places);
        values
    }

    /// Queries, keys and values of every row, side by side.
    fn attend_in(&self, layer: &Layer, values: &[f32], attention: &mut [f32]) {
        let rows = block_rows(values.len() / self.width);
        let blocks = values.par_chunks(rows * self.width).zip(attention.par_chunks_mut(rows * 3 * self.width));
        blocks.for_each(|(values, attention)| {
            let left = Rows { values, stride: self.width, count: values.len() / self.width };
            let target = Target { values: attention, stride: 3 * self.width };
            product(self.arch, left, &layer.attention_in, Activation::None, target);
        });
    }

    /// Self-attention of the rows `block`, into `scratch.mixed`: each row mixes the values of its own sequence.
    fn mix(&self, attention: &[f32], offsets: &[usize], block: std::ops::Range<usize>, scratch: &mut Scratch) {
        scratch.mixed.resize(block.len() * self.width, 0.0);
        let stride = 3 * self.width;
        let size = self.width / self.heads;
        let scale = 1.0 / (size as f32).sqrt();
        let mut sequence = offsets.partition_point(|&start| start <= block.start) - 1;
        while sequence + 1 < offsets.len() && offsets[sequence] < block.end {
            let (start, end) = (offsets[sequence], offsets[sequence + 1]);
            sequence += 1;
            let (from, to) = (start.max(block.start), end.min(block.end));
            let (keys, count) = (end - start, to - from);
            if count == 0 {
                continue;
            }
            let rows = |first: usize| attention[start * stride + first..].chunks(stride).take(keys);
            let padded = keys.next_multiple_of(PANEL);
            scratch.scores.resize(count * padded, 0.0);
            for head in 0..self.heads {
                let column = head * size;
                scratch.keys.set_transposed(rows(self.width + column).map(|row| &row[..size]), [keys, size]);
                scratch.values.set(rows(2 * self.width + column).map(|row| &row[..size]), [keys, size]);
                let queries = Rows { values: &attention[from * stride + column..], stride, count };
                let scores = Target { values: &mut scratch.scores, stride: padded };
                product(self.arch, queries, &scratch.keys, Activation::None, scores);
                softmax(self.arch, &mut scratch.scores, padded, keys, scale);
                let weights = Rows { values: &scratch.scores, stride: padded, count };
                let start = (from - block.start) * self.width + column;
                let mixed = Target { values: &mut scratch.mixed[start..], stride: self.width };
                product(self.arch, weights, &scratch.values, Activation::None, mixed);
            }
        }
    }

    /// The rest of the layer for the rows of one block, whose attention lies in `scratch.mixed`.
    fn finish(&self, layer: &Layer, rows: &mut [f32], scratch: &mut Scratch) {
        let count = rows.len() / self.width;
        let wide = layer.widen.columns();
        scratch.narrow.resize(rows.len(), 0.0);
        scratch.wide.resize(count * wide, 0.0);
        let linear = |left: &[f32], stride: usize, right: &Panels, activation: Activation, target: &mut [f32]| {
            let target = Target { values: target, stride: right.columns() };
            product(self.arch, Rows { values: left, stride, count }, right, activation, target);
        };
        linear(&scratch.mixed, self.width, &layer.attention_out, Activation::None, &mut scratch.narrow);
        layer.attention_norm.add_and_normalise(self.arch, rows, &scratch.narrow);
        linear(rows, self.width, &layer.widen, layer.activation, &mut scratch.wide);
        linear(&scratch.wide, wide, &layer.narrow, Activation::None, &mut scratch.narrow);
        layer.norm.add_and_normalise(self.arch, rows, &scratch.narrow);
    }
}

/// Rows of a block: few enough that every thread gets one.
fn block_rows(tokens: usize) -> usize {
    tokens.div_ceil(rayon::current_num_threads()).next_multiple_of(8).clamp(8, BLOCK_ROWS)
}

fn pop(scratches: &Mutex<Vec<Scratch>>) -> Scratch {
    scratches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

fn push(scratches: &Mutex<Vec<Scratch>>, scratch: Scratch) {
    scratches.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
}
