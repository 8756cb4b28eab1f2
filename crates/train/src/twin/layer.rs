//! One layer of the trunk on the CPU: its products, what stands between them, and the way back through both.

use std::sync::Arc;

use candle_core::{CpuStorage, Layout, Result, Shape, Storage, Tensor};

use super::Twin;
use super::fused::Sink;
use crate::ops::{
    Activation, Attention, Mask, Norm, Real, SavedNorm, Shares, activation_backward, add_bias, columns,
    product_transposed, values_mut, with_values,
};

/// A layer's parameters, as they are now, and where their gradients go.
#[derive(Clone)]
pub(super) struct Layer {
    prefix: String,
    sink: Arc<Sink>,
    activation: Activation,
    /// Queries, keys and values: `[3 width, width]` and `[3 width]`.
    project: [Tensor; 2],
    mix: [Tensor; 2],
    mixed_norm: Norm,
    widen: [Tensor; 2],
    narrow: [Tensor; 2],
    norm: Norm,
}

/// What the second step keeps for its backward.
pub(super) struct Rest<T> {
    shares: Shares,
    mixed: Tensor,
    mixed_norm: SavedNorm<T>,
    /// What the feed-forward half begins from.
    attended: Tensor,
    slopes: Tensor,
    wide: Tensor,
    norm: SavedNorm<T>,
}

const PARTS: [&str; 3] = ["query", "key", "value"];

impl Layer {
    pub(super) fn open(twin: &Twin, index: usize) -> Result<Self> {
        let prefix = format!("encoder.layer.{index}.");
        let both = |name: &str| -> Result<[Tensor; 2]> {
            let part = |end: &str| twin.var(&format!("{prefix}{name}.{end}"), false);
            Ok([part("weight")?, part("bias")?])
        };
        let norm = |name: &str| -> Result<Norm> {
            let [gain, shift] = both(&format!("{name}.LayerNorm"))?;
            Ok(Norm { gain, shift, epsilon: twin.dimensions.epsilon })
        };
        let [queries, keys, values] = PARTS.map(|part| both(&format!("attention.self.{part}")));
        let parts = [queries?, keys?, values?];
        let side_by_side = |end: usize| Tensor::cat(&[&parts[0][end], &parts[1][end], &parts[2][end]], 0);
        Ok(Self {
            activation: twin.activation,
            sink: Arc::clone(&twin.sink),
            project: [side_by_side(0)?, side_by_side(1)?],
            mix: both("attention.output.dense")?,
            mixed_norm: norm("attention.output")?,
            widen: both("intermediate.dense")?,
            narrow: both("output.dense")?,
            norm: norm("output")?,
            prefix,
        })
    }

    /// Queries, keys and values of `hidden`, side by side.
    pub(super) fn project<T: Real>(&self, hidden: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        let [weight, bias] = &self.project;
        let (weight, place) = weight.storage_and_layout();
        let Storage::Cpu(weight) = &*weight else {
            return Err(candle_core::Error::Msg("this step is computed on the CPU alone".into()).bt());
        };
        let (mut parts, shape) = product_transposed((hidden, at), (weight, place))?;
        let values = values_mut::<T>(&mut parts, &Layout::contiguous(&shape))?;
        with_values(bias, |bias: &[T]| add_bias(values, bias))?;
        Ok((parts, shape))
    }

    /// The gradient by `hidden`, if it is wanted, from that by its queries, keys and values.
    pub(super) fn project_back<T: Real>(
        &self,
        hidden: &Tensor,
        gradient: &Tensor,
        wanted: bool,
    ) -> Result<Option<Tensor>> {
        let width = hidden.dim(1)?;
        let weights = gradient.t()?.matmul(hidden)?;
        let biases = with_values(gradient, |gradient: &[T]| columns(gradient, 3 * width))?;
        for (index, part) in PARTS.iter().enumerate() {
            let name = format!("{}attention.self.{part}", self.prefix);
            self.sink.give(&format!("{name}.weight"), weights.narrow(0, index * width, width)?)?;
            self.sink.give_vector(&format!("{name}.bias"), biases[index * width..][..width].to_vec())?;
        }
        wanted.then(|| gradient.matmul(&self.project[0])).transpose()
    }

    /// What the layer makes of `inputs` (hidden states; their queries, keys and values), and what its backward needs.
    pub(super) fn finish<T: Real>(
        &self,
        [hidden, parts]: &[Tensor; 2],
        attention: &Attention,
        masks: [Option<Mask>; 2],
        keep: bool,
    ) -> Result<(Vec<T>, Option<Rest<T>>)> {
        let (mixed, shares) = attention.forward::<T>(parts, keep)?;
        let product = mixed.matmul(&self.mix[0].t()?)?;
        let (attended, mixed_norm) =
            self.mixed_norm.forward::<T>(product, (Some(&self.mix[1]), Some(hidden)), masks[0])?;
        let attended = Tensor::from_vec(attended, hidden.shape(), hidden.device())?;
        let slopes = attended.matmul(&self.widen[0].t()?)?;
        let wide = self.activation.forward::<T>(&slopes, &self.widen[1])?;
        let product = wide.matmul(&self.narrow[0].t()?)?;
        let (output, norm) = self.norm.forward::<T>(product, (Some(&self.narrow[1]), Some(&attended)), masks[1])?;
        let rest = keep.then_some(Rest { shares, mixed, mixed_norm, attended, slopes, wide, norm });
        Ok((output, rest))
    }

    /// The gradients by hidden states and by queries, keys and values, from that of what came out, which is used up.
    pub(super) fn finish_back<T: Real>(
        &self,
        parts: &Tensor,
        rest: Rest<T>,
        attention: &Attention,
        gradient: Tensor,
    ) -> Result<[Tensor; 2]> {
        let Rest { shares, mixed, mixed_norm, attended, slopes, wide, norm } = rest;
        let back = self.norm.backward(&norm, gradient, None)?;
        self.give("output.LayerNorm.weight", back.gain)?;
        self.give("output.LayerNorm.bias", back.shift)?;
        self.give("output.dense.bias", back.bias)?;
        self.give_matrix("output.dense.weight", back.added.t()?.matmul(&wide)?)?;
        let by_wide = back.added.matmul(&self.narrow[0])?;
        self.give("intermediate.dense.bias", activation_backward::<T>(&by_wide, &slopes)?)?;
        self.give_matrix("intermediate.dense.weight", by_wide.t()?.matmul(&attended)?)?;
        let by_attended = by_wide.matmul(&self.widen[0])?;
        let back = self.mixed_norm.backward(&mixed_norm, by_attended, Some(&back.sum))?;
        self.give("attention.output.LayerNorm.weight", back.gain)?;
        self.give("attention.output.LayerNorm.bias", back.shift)?;
        self.give("attention.output.dense.bias", back.bias)?;
        self.give_matrix("attention.output.dense.weight", back.added.t()?.matmul(&mixed)?)?;
        let by_mixed = back.added.matmul(&self.mix[0])?;
        Ok([back.sum, attention.backward::<T>(parts, &shares, &by_mixed)?])
    }

    fn give<T: Real>(&self, name: &str, gradient: Vec<T>) -> Result<()> {
        self.sink.give_vector(&format!("{}{name}", self.prefix), gradient)
    }

    fn give_matrix(&self, name: &str, gradient: Tensor) -> Result<()> {
        self.sink.give(&format!("{}{name}", self.prefix), gradient)
    }
}
