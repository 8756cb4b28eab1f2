//! BERT, our own forward pass: absolute positions, post-layer-norm, sequences packed without padding.
//!
//! The tokens of all sequences stand in one matrix. A layer is one sweep over blocks of its rows, each block on one
//! thread: attention, which for a row needs only the keys and values of its own sequence, the rest of the layer, and
//! the queries, keys and values of the next one. A block's intermediates stay in the core's cache.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

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

/// A BERT whose weights are laid out.
pub(super) struct Bert {
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

/// What the members of a family call their tensors, all else being equal.
pub(super) struct Names {
    /// The table of token types; a model that knows none adds nothing for them.
    pub(super) types: Option<&'static str>,
    /// What stands before the number of a layer.
    pub(super) layers: &'static str,
    /// Queries, keys, values.
    pub(super) attention_in: [&'static str; 3],
    /// The linear layer after attention, and the normalisation after that.
    pub(super) attention_out: [&'static str; 2],
    /// The two linear layers after it, and the normalisation after those.
    pub(super) forward: [&'static str; 3],
}

/// What BERT calls them.
pub(super) const NAMES: Names = Names {
    types: Some("embeddings.token_type_embeddings.weight"),
    layers: "encoder.layer",
    attention_in: ["attention.self.query", "attention.self.key", "attention.self.value"],
    attention_out: ["attention.output.dense", "attention.output.LayerNorm"],
    forward: ["intermediate.dense", "output.dense", "output.LayerNorm"],
};

pub(super) fn build(checkpoint: &mut Checkpoint) -> Result<Box<dyn Transformer>, CheckpointError> {
    Ok(Box::new(lay_out(checkpoint, &NAMES, Machines::best())?))
}

/// Takes the weights called `names` out of `checkpoint`, to be computed with by `machines`.
pub(super) fn lay_out(checkpoint: &mut Checkpoint, names: &Names, machines: Machines) -> Result<Bert, CheckpointError> {
    let config = checkpoint.config.clone();
    let width = config.hidden_size;
    let activation = activation(checkpoint)?;
    let mut weights = Weights { checkpoint, epsilon: config.layer_norm_eps as f32 };
    let words = weights.checkpoint.take_stored("embeddings.word_embeddings.weight", &[config.vocab_size, width])?;
    let positions = weights.take("embeddings.position_embeddings.weight", &[config.max_position_embeddings, width])?;
    let types = match names.types {
        Some(name) => weights.take(name, &[config.type_vocab_size, width])?,
        None => vec![0.0; config.type_vocab_size * width],
    };
    let norm = weights.norm("embeddings.LayerNorm", width)?;
    let wide = config.intermediate_size;
    let layers = (0..config.num_hidden_layers).map(|index| {
        let name = |part: &str| format!("{}.{index}.{part}", names.layers);
        let [attention_out, attention_norm] = names.attention_out.map(name);
        let [widen, narrow, norm] = names.forward.map(name);
        Ok(Layer {
            attention_in: weights.linear(&names.attention_in.map(name), [width, width], FINE)?,
            attention_out: weights.linear(&[attention_out], [width, width], COARSE)?,
            attention_norm: weights.norm(&attention_norm, width)?,
            widen: weights.linear(&[widen], [wide, width], FINE)?,
            activation,
            narrow: weights.linear(&[narrow], [width, wide], COARSE)?,
            norm: weights.norm(&norm, width)?,
        })
    });
    let layers = layers.collect::<Result<_, CheckpointError>>()?;
    let heads = config.num_attention_heads;
    Ok(Bert {
        machines,
        width,
        heads,
        words: Table::new(words, width),
        positions,
        types,
        norm,
        layers,
        scratches: Pool::default(),
        attentions: Pool::default(),
    })
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
        let gain = self.take(&format!("{name}.weight"), &[width])?;
        let shift = self.take(&format!("{name}.bias"), &[width])?;
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
        let mut values = vec![0.0; tokens * self.width];
        let blocks = blocks(&offsets, rayon::current_num_threads());
        let mut pass = || self.pass(sequences, &offsets, &blocks, &mut values);
        // One block alone would be computed by the thread that asks, which may be one more than the machine has.
        if blocks.len() == 1 {
            rayon::scope(|_| pass());
        } else {
            pass();
        }
        Ok(Hidden { width: self.width, offsets, values })
    }
}

impl Bert {
    /// All layers over all `blocks`: what comes in at `sequences`, what goes out into `values`.
    fn pass(&self, sequences: &[Sequence], offsets: &[usize], blocks: &[Range<usize>], values: &mut [f32]) {
        let [mut attention, mut next] = self.attentions.take();
        attention.resize(values.len() * 3, 0.0);
        next.resize(values.len() * 3, 0.0);
        self.sweep(blocks, (values, &mut attention), &|block, scratch| {
            self.embed(sequences, offsets, &block.rows, (block.values, &mut scratch.narrow));
            if let Some(layer) = self.layers.first() {
                self.attend_in(layer, block.values, (block.attention, &mut scratch.bytes));
            }
        });
        for (index, layer) in self.layers.iter().enumerate() {
            self.sweep(blocks, (values, &mut next), &|block, scratch| {
                self.mix(&attention, offsets, block.rows, scratch);
                self.finish(layer, block.values, scratch);
                if let Some(layer) = self.layers.get(index + 1) {
                    self.attend_in(layer, block.values, (block.attention, &mut scratch.bytes));
                }
            });
            std::mem::swap(&mut attention, &mut next);
        }
        self.attentions.give([attention, next]);
    }

    /// Does `work` on every block of rows, as many at a time as there are threads; the blocks are halved until one is
    /// left, which takes no memory.
    fn sweep<W: Fn(Block<'_>, &mut Scratch) + Sync>(
        &self,
        blocks: &[Range<usize>],
        (values, attention): (&mut [f32], &mut [f32]),
        work: &W,
    ) {
        if let [rows] = blocks {
            let mut scratch = self.scratches.take();
            work(Block { rows: rows.clone(), values, attention }, &mut scratch);
            return self.scratches.give(scratch);
        }
        let (left, right) = blocks.split_at(blocks.len() / 2);
        let (Some(first), Some(middle)) = (left.first(), right.first()) else { return };
        let rows = middle.start - first.start;
        let (left_values, right_values) = values.split_at_mut(rows * self.width);
        let (left_attention, right_attention) = attention.split_at_mut(rows * 3 * self.width);
        rayon::join(
            || self.sweep(left, (left_values, left_attention), work),
            || self.sweep(right, (right_values, right_attention), work),
        );
    }

    /// Word + position + type of the rows `block`, normalised, into `values`.
    fn embed(
        &self,
        sequences: &[Sequence],
        offsets: &[usize],
        block: &Range<usize>,
        (values, places): (&mut [f32], &mut Vec<f32>),
    ) {
        let table_row = |id: usize| id * self.width..(id + 1) * self.width;
        places.resize(values.len(), 0.0);
        let targets = values.chunks_exact_mut(self.width).zip(places.chunks_exact_mut(self.width));
        for (row, (value, place)) in block.clone().zip(targets) {
            let sequence = offsets.partition_point(|&start| start <= row) - 1;
            let position = row - offsets[sequence];
            let Sequence { ids, types } = &sequences[sequence];
            self.words.write_row(ids[position] as usize, value);
            let kinds = &self.types[table_row(types[position] as usize)];
            let parts = self.positions[table_row(position)].iter().zip(kinds);
            place.iter_mut().zip(parts).for_each(|(place, (position, kind))| *place = position + kind);
        }
        self.norm.add_and_normalise(self.machines.floats, values, places);
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

    use crate::Source;
    use crate::arch::small::{Numbers, Small, write};

    #[test]
    fn eight_threads_that_ask_at_once_never_have_more_blocks_running_than_the_pool_has_threads() {
        const ASKING: u64 = 8;
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), Small::USUAL);
        let mut checkpoint = Checkpoint::open(&Source::Folder(folder.path().to_owned())).expect("it opens");
        let model = lay_out(&mut checkpoint, &NAMES, Machines::best()).expect("laid out");
        let start = std::sync::Barrier::new(ASKING as usize);
        std::thread::scope(|threads| {
            for thread in 0..ASKING {
                let (model, start) = (&model, &start);
                threads.spawn(move || {
                    let mut numbers = Numbers(thread);
                    start.wait();
                    // The last is one block, which nobody shares.
                    for lengths in [&[512, 64, 17, 300][..], &[100; 20], &[16], &[512, 512], &[5]].repeat(4) {
                        let sequences: Vec<Sequence> = lengths.iter().map(|&length| numbers.sequence(length)).collect();
                        model.forward(&sequences).expect("a forward pass");
                    }
                });
            }
        });
        // A block takes a scratch, and one is made only where all others are in use: their number is the most at once.
        let most = model.scratches.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        let threads = rayon::current_num_threads();
        assert!((1..=threads).contains(&most), "{most} blocks at once on {threads} threads");
    }

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
