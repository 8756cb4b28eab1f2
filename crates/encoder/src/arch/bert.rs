//! BERT, our own forward pass: absolute positions, post-layer-norm, sequences packed without padding.
//!
//! The tokens of all sequences stand in one matrix. A layer is one sweep over blocks of its rows, each block on one
//! thread: attention, which for a row needs only the keys and values of its own sequence, the rest of the layer, and
//! the queries, keys and values of the next one. A block's intermediates stay in the core's cache.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::byte_product::ByteRows;
use super::functions::{Activation, LayerNorm, softmax};
use super::linear::{Linear, Machines, Table};
use super::product::{PANEL, Panels, Rows, Target, product};
use super::{Hidden, Sequence, TableRows, Transformer};
use crate::{Checkpoint, CheckpointError, EncodeError};

/// Most rows of a block: their widest intermediate (6,144 bytes a row in a 384-wide model) fits a core's cache.
const BLOCK_ROWS: usize = 64;

/// Most values that share a scale where bytes are computed with. What comes out of a layer norm has a few values that
/// dwarf their neighbours: with groups of 32 there, texts of one odd character stay just below a cosine of 0.999 to f32.
const FINE: usize = 16;
const COARSE: usize = 32;

struct Bert {
    machines: Machines,
    width: usize,
    heads: usize,
    words: Table,
    positions: Vec<f32>,
    types: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// Memory of earlier passes, for the next ones.
    scratches: Pool<Scratch>,
    attentions: Pool<[Vec<f32>; 2]>,
}

struct Layer {
    /// Width × 3 widths: queries, keys, values.
    attention_in: Linear,
    attention_out: Linear,
    attention_norm: LayerNorm,
    widen: Linear,
    activation: Activation,
    narrow: Linear,
    norm: LayerNorm,
}

/// What a block needs besides its rows.
#[derive(Default)]
struct Scratch {
    keys: Panels,
    values: Panels,
    scores: Vec<f32>,
    mixed: Vec<f32>,
    wide: Vec<f32>,
    narrow: Vec<f32>,
    bytes: ByteRows,
}

/// The rows of one block: their values, and where their queries, keys and values for the next layer go.
struct Block<'a> {
    rows: Range<usize>,
    values: &'a mut [f32],
    attention: &'a mut [f32],
}

pub(super) fn build(checkpoint: &mut Checkpoint) -> Result<Box<dyn Transformer>, CheckpointError> {
    let config = checkpoint.config.clone();
    let width = config.hidden_size;
    let activation = activation(checkpoint)?;
    let mut weights = Weights { checkpoint, epsilon: config.layer_norm_eps as f32 };
    let words = weights.checkpoint.take_stored("embeddings.word_embeddings.weight", &[config.vocab_size, width])?;
    let positions = weights.take("embeddings.position_embeddings.weight", &[config.max_position_embeddings, width])?;
    let types = weights.take("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, width])?;
    let norm = weights.norm("embeddings", width)?;
    let layers = (0..config.num_hidden_layers).map(|index| {
        let prefix = format!("encoder.layer.{index}");
        let attention = ["query", "key", "value"].map(|part| format!("{prefix}.attention.self.{part}"));
        Ok(Layer {
            attention_in: weights.linear(&attention, [width, width], FINE)?,
            attention_out: weights.linear(&[format!("{prefix}.attention.output.dense")], [width, width], COARSE)?,
            attention_norm: weights.norm(&format!("{prefix}.attention.output"), width)?,
            widen: weights.linear(
                &[format!("{prefix}.intermediate.dense")],
                [config.intermediate_size, width],
                FINE,
            )?,
            activation,
            narrow: weights.linear(&[format!("{prefix}.output.dense")], [width, config.intermediate_size], COARSE)?,
            norm: weights.norm(&format!("{prefix}.output"), width)?,
        })
    });
    let layers = layers.collect::<Result<_, CheckpointError>>()?;
    let heads = config.num_attention_heads;
    Ok(Box::new(Bert {
        machines: Machines::best(),
        width,
        heads,
        words: Table::new(words, width),
        positions,
        types,
        norm,
        layers,
        scratches: Pool::default(),
        attentions: Pool::default(),
    }))
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

    /// The linear layers `names`, each of `rows` outputs from `columns` inputs, side by side as one; in bytes
    /// with a scale for `longest` values at most.
    fn linear(
        &mut self,
        names: &[String],
        [rows, columns]: [usize; 2],
        longest: usize,
    ) -> Result<Linear, CheckpointError> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weights.push(self.checkpoint.take_stored(&format!("{name}.weight"), &[rows, columns])?);
            bias.extend(self.take(&format!("{name}.bias"), &[rows])?);
        }
        Ok(Linear::new(weights, &bias, columns, longest))
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
        let rows = TableRows {
            tokens: self.words.rows(),
            types: self.types.len() / self.width,
            positions: self.max_positions(),
        };
        let mut offsets = vec![0];
        for sequence in sequences {
            sequence.check(rows)?;
            offsets.push(offsets[offsets.len() - 1] + sequence.len());
        }
        let tokens = offsets[sequences.len()];
        let mut values = self.embed(sequences, tokens);
        let blocks = blocks(&offsets, rayon::current_num_threads());
        let [mut attention, mut next] = self.attentions.take();
        attention.resize(tokens * 3 * self.width, 0.0);
        next.resize(tokens * 3 * self.width, 0.0);
        if let Some(layer) = self.layers.first() {
            self.sweep(&blocks, &mut values, &mut attention, |block, scratch| {
                self.attend_in(layer, block.values, (block.attention, &mut scratch.bytes));
            });
        }
        for (index, layer) in self.layers.iter().enumerate() {
            self.sweep(&blocks, &mut values, &mut next, |block, scratch| {
                self.mix(&attention, &offsets, block.rows, scratch);
                self.finish(layer, block.values, scratch);
                if let Some(layer) = self.layers.get(index + 1) {
                    self.attend_in(layer, block.values, (block.attention, &mut scratch.bytes));
                }
            });
            std::mem::swap(&mut attention, &mut next);
        }
        self.attentions.give([attention, next]);
        Ok(Hidden { width: self.width, offsets, values })
    }
}

impl Bert {
    /// Word + position + type, normalised: tokens × width.
    fn embed(&self, sequences: &[Sequence], tokens: usize) -> Vec<f32> {
        let row = |id: usize| id * self.width..(id + 1) * self.width;
        let mut values = Vec::with_capacity(tokens * self.width);
        let mut places = Vec::with_capacity(tokens * self.width);
        for sequence in sequences {
            for (position, (&id, &kind)) in sequence.ids.iter().zip(&sequence.types).enumerate() {
                let kinds = &self.types[row(kind as usize)];
                self.words.extend_with_row(id as usize, &mut values);
                places.extend(self.positions[row(position)].iter().zip(kinds).map(|(place, kind)| place + kind));
            }
        }
        self.norm.add_and_normalise(self.machines.floats, &mut values, &places);
        values
    }

    /// Does `work` on every block of rows, as many at a time as there are threads.
    fn sweep(
        &self,
        blocks: &[Range<usize>],
        mut values: &mut [f32],
        mut attention: &mut [f32],
        work: impl Fn(Block<'_>, &mut Scratch) + Sync,
    ) {
        let mut parts = Vec::with_capacity(blocks.len());
        for rows in blocks {
            let (block_values, rest) = values.split_at_mut(rows.len() * self.width);
            let (block_attention, attention_rest) = attention.split_at_mut(rows.len() * 3 * self.width);
            parts.push(Block { rows: rows.clone(), values: block_values, attention: block_attention });
            (values, attention) = (rest, attention_rest);
        }
        parts.into_par_iter().for_each(|block| {
            let mut scratch = self.scratches.take();
            work(block, &mut scratch);
            self.scratches.give(scratch);
        });
    }

    /// Queries, keys and values of `values`, row by row, side by side.
    fn attend_in(&self, layer: &Layer, values: &[f32], target: (&mut [f32], &mut ByteRows)) {
        let left = Rows { values, stride: self.width, count: values.len() / self.width };
        layer.attention_in.apply(self.machines, left, Activation::None, target);
    }

    /// Self-attention of the rows `block`, into `scratch.mixed`: each row mixes the values of its own sequence.
    fn mix(&self, attention: &[f32], offsets: &[usize], block: Range<usize>, scratch: &mut Scratch) {
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
                scratch.values.set(
                    self.machines.floats,
                    rows(2 * self.width + column).map(|row| &row[..size]),
                    [keys, size],
                );
                let queries = Rows { values: &attention[from * stride + column..], stride, count };
                let scores = Target { values: &mut scratch.scores, stride: padded };
                product(self.machines.floats, queries, &scratch.keys, Activation::None, scores);
                softmax(self.machines.floats, &mut scratch.scores, padded, keys, scale);
                let weights = Rows { values: &scratch.scores, stride: padded, count };
                let start = (from - block.start) * self.width + column;
                let mixed = Target { values: &mut scratch.mixed[start..], stride: self.width };
                product(self.machines.floats, weights, &scratch.values, Activation::None, mixed);
            }
        }
    }

    /// The rest of the layer for the rows of one block, whose attention lies in `scratch.mixed`.
    fn finish(&self, layer: &Layer, rows: &mut [f32], scratch: &mut Scratch) {
        let Self { machines, width, .. } = *self;
        let count = rows.len() / width;
        let Scratch { mixed, wide, narrow, bytes, .. } = scratch;
        let wide_stride = layer.widen.columns();
        narrow.resize(rows.len(), 0.0);
        wide.resize(count * wide_stride, 0.0);
        let mixed = Rows { values: mixed, stride: width, count };
        layer.attention_out.apply(machines, mixed, Activation::None, (narrow, bytes));
        layer.attention_norm.add_and_normalise(machines.floats, rows, narrow);
        let left = Rows { values: rows, stride: width, count };
        layer.widen.apply(machines, left, layer.activation, (wide, bytes));
        let left = Rows { values: wide, stride: wide_stride, count };
        layer.narrow.apply(machines, left, Activation::None, (narrow, bytes));
        layer.norm.add_and_normalise(machines.floats, rows, narrow);
    }
}

/// Cuts the rows of sequences that begin at `offsets` into blocks: none too large for a core's cache, enough for every
/// thread, and within that no sequence cut that need not be, since each part lays out all its keys anew.
fn blocks(offsets: &[usize], threads: usize) -> Vec<Range<usize>> {
    let tokens = offsets.last().copied().unwrap_or(0);
    let most = tokens.div_ceil(threads.max(1)).next_multiple_of(8).clamp(8, BLOCK_ROWS);
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for bounds in offsets.windows(2) {
        let parts = (bounds[1] - bounds[0]).div_ceil(most);
        for part in 0..parts {
            let cut = |part: usize| bounds[0] + (bounds[1] - bounds[0]) * part / parts;
            let end = cut(part + 1);
            match blocks.last_mut() {
                Some(last) if end - last.start <= most => last.end = end,
                _ => blocks.push(cut(part)..end),
            }
        }
    }
    blocks
}

/// Memory that passes lend one another: as many pieces as were ever in use at a time.
#[derive(Default)]
struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, piece: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn blocks_cover_every_row_once_and_none_is_too_large(
            lengths in proptest::collection::vec(0usize..300, 0..40),
            threads in 1usize..20,
        ) {
            let mut offsets = vec![0];
            for length in &lengths {
                offsets.push(offsets[offsets.len() - 1] + length);
            }
            let blocks = blocks(&offsets, threads);
            let mut next = 0;
            for block in &blocks {
                proptest::prop_assert!(block.start == next && !block.is_empty() && block.len() <= BLOCK_ROWS);
                next = block.end;
            }
            proptest::prop_assert_eq!(next, offsets[offsets.len() - 1]);
        }
    }
}
