//! The trunk on the CPU: each half of it one step of candle's graph, with a backward of its own.
//!
//! A step hands the gradients of its parameters to the twin's [`Sink`] and only that of its input to candle, which would
//! otherwise fill a tensor of noughts for each and add to it. Two steps make a layer, the projection to queries, keys and
//! values and the rest, so that a student can learn from what stands between them.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor};

use super::layer::{Layer, Rest};
use super::{Input, Layers, Twin, WORDS};
use crate::Pass;
use crate::ops::{Attention, Mask, Norm, Real, SavedNorm, change, gather, scatter, with_values};

/// Gradients of the trunk's parameters, on their way from the steps that made them.
#[derive(Default)]
pub(super) struct Sink(Mutex<BTreeMap<String, Tensor>>);

impl Sink {
    /// Adds `gradient` to what parameter `name` has.
    pub(super) fn give(&self, name: &str, gradient: Tensor) -> Result<()> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = match all.remove(name) {
            Some(before) => before.add(&gradient)?,
            None => gradient,
        };
        all.insert(name.to_owned(), sum);
        Ok(())
    }

    /// Gives the gradient of a vector.
    pub(super) fn give_vector<T: Real>(&self, name: &str, gradient: Vec<T>) -> Result<()> {
        let width = gradient.len();
        self.give(name, Tensor::from_vec(gradient, width, &candle_core::Device::Cpu)?)
    }

    /// Takes all there is.
    pub(super) fn take(&self) -> BTreeMap<String, Tensor> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Last hidden states of `input`, `[tokens, width]`; every layer's go into `seen`.
pub(super) fn forward<T: Real>(
    twin: &Twin,
    input: &Input,
    pass: &mut Pass,
    mut seen: Option<&mut Layers>,
) -> Result<Tensor> {
    let mut hidden = embed::<T>(twin, input, pass)?;
    if let Some(seen) = &mut seen {
        seen.hidden.push(hidden.clone());
    }
    let width = twin.dimensions.width;
    for index in 0..twin.dimensions.layers {
        let learns = pass.is_training() && twin.learns(&format!("encoder.layer.{index}.output.dense.weight"));
        let layer = Layer::open(twin, index)?;
        let attention =
            Attention { heads: twin.dimensions.heads, width, offsets: input.offsets.clone(), mask: Mask::next(pass) };
        let masks = [Mask::next(pass), Mask::next(pass)];
        let anchor = if learns { twin.anchor.as_tensor().clone() } else { twin.anchor.as_detached_tensor() };
        let parts = hidden.apply_op2(&anchor, Project::<T> { layer: layer.clone(), kind: PhantomData })?;
        let inputs = [hidden.detach(), parts.detach()];
        let finish = Finish::<T> { layer, inputs, attention, masks, keep: learns, saved: Mutex::default() };
        let next = hidden.apply_op3(&parts, &anchor, finish)?;
        if let Some(seen) = &mut seen {
            seen.queries.push(parts.narrow(1, 0, width)?);
            seen.keys.push(parts.narrow(1, width, width)?);
            seen.values.push(parts.narrow(1, 2 * width, width)?);
            seen.hidden.push(next.clone());
        }
        hidden = next;
    }
    Ok(hidden)
}

/// Words, positions and types, summed, normalised, some dropped.
fn embed<T: Real>(twin: &Twin, input: &Input, pass: &mut Pass) -> Result<Tensor> {
    let table = |name: &str| twin.var(name, false);
    let sum =
        gather::<T>([(&table(WORDS)?, &input.ids), (&table(PLACES)?, &input.places), (&table(TYPES)?, &input.types)])?;
    let norm = Norm {
        gain: table("embeddings.LayerNorm.weight")?,
        shift: table("embeddings.LayerNorm.bias")?,
        epsilon: twin.dimensions.epsilon,
    };
    let mask = Mask::next(pass);
    let (mut output, saved) = norm.forward::<T>(sum, (None, None), None)?;
    let shape = (input.ids.len(), twin.dimensions.width);
    let output = Tensor::from_vec(std::mem::take(&mut output), shape, &twin.device)?;
    if let Some(mask) = mask {
        change::<T, _>(&output, |values| {
            mask.apply_all(values);
            Ok(())
        })?;
    }
    let names = ["embeddings.LayerNorm.weight", PLACES, TYPES, WORDS];
    if !pass.is_training() || !names.iter().any(|name| twin.learns(name)) {
        return Ok(output);
    }
    let tables = [(WORDS, &input.ids), (PLACES, &input.places), (TYPES, &input.types)];
    let tables = tables.into_iter().filter(|(name, _)| twin.learns(name));
    let tables = tables.map(|(name, ids)| Ok((name, ids.clone(), table(name)?.dim(0)?))).collect::<Result<_>>()?;
    let learns = twin.learns(names[0]);
    let op = Embed { output, norm, mask, saved: Mutex::new(Some(saved)), tables, learns, sink: twin.sink.clone() };
    let anchor = twin.anchor.as_tensor();
    anchor.apply_op2(&anchor.detach(), op)
}

const PLACES: &str = "embeddings.position_embeddings.weight";
const TYPES: &str = "embeddings.token_type_embeddings.weight";

struct Embed<T> {
    output: Tensor,
    norm: Norm,
    mask: Option<Mask>,
    saved: Mutex<Option<SavedNorm<T>>>,
    /// The tables that learn: name, the row of each token, rows.
    tables: Vec<(&'static str, Vec<u32>, usize)>,
    /// Whether the layer norm learns.
    learns: bool,
    sink: std::sync::Arc<Sink>,
}

impl<T: Real> CustomOp2 for Embed<T> {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let values = with_values(&self.output, |values: &[T]| values.to_vec())?;
        Ok((T::stored(values), self.output.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.copy()?.contiguous()?;
        if let Some(mask) = self.mask {
            change::<T, _>(&gradient, |values| {
                mask.apply_all(values);
                Ok(())
            })?;
        }
        let back = self.norm.backward(&taken(&self.saved)?, gradient, None)?;
        if self.learns {
            self.sink.give_vector("embeddings.LayerNorm.weight", back.gain)?;
            self.sink.give_vector("embeddings.LayerNorm.bias", back.shift)?;
        }
        for (name, ids, rows) in &self.tables {
            self.sink.give(name, scatter::<T>(&back.sum, ids, *rows)?)?;
        }
        Ok((None, None))
    }
}

/// Hidden states to queries, keys and values.
struct Project<T> {
    layer: Layer,
    kind: PhantomData<T>,
}

impl<T: Real> CustomOp2 for Project<T> {
    fn name(&self) -> &'static str {
        "project"
    }

    fn cpu_fwd(&self, hidden: &CpuStorage, at: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.layer.project::<T>(hidden, at)
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let back = self.layer.project_back::<T>(&hidden.detach(), &gradient.contiguous()?, hidden.track_op())?;
        Ok((back, None))
    }
}

/// Hidden states, and their queries, keys and values, to the hidden states of the next layer.
struct Finish<T> {
    layer: Layer,
    /// Hidden states, and their queries, keys and values.
    inputs: [Tensor; 2],
    attention: Attention,
    masks: [Option<Mask>; 2],
    /// Whether there will be a backward.
    keep: bool,
    saved: Mutex<Option<Rest<T>>>,
}

impl<T: Real> CustomOp3 for Finish<T> {
    fn name(&self) -> &'static str {
        "finish"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        at: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (output, rest) = self.layer.finish::<T>(&self.inputs, &self.attention, self.masks, self.keep)?;
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = rest;
        Ok((T::stored(output), at.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let rest = taken(&self.saved)?;
        let gradient = gradient.copy()?.contiguous()?;
        let [hidden, parts] = self.layer.finish_back::<T>(&self.inputs[1], rest, &self.attention, gradient)?;
        Ok((Some(hidden), Some(parts), None))
    }
}

fn taken<S>(saved: &Mutex<Option<S>>) -> Result<S> {
    let saved = saved.lock().unwrap_or_else(PoisonError::into_inner).take();
    saved.ok_or_else(|| Error::Msg("a pass has one backward".into()).bt())
}
