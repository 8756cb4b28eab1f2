//! What happens between two matrix products, forward and backward?

mod real;

use candle_core::{D, Tensor};

use crate::pass::mix;
use crate::{Pass, TrainError};
pub(crate) use real::{Real, values, values_mut, with_values};

/// `x weightᵀ + bias`: `[rows, in]` by a weight of `[out, in]`, as PyTorch stores it, gives `[rows, out]`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor, TrainError> {
    Ok(x.matmul(&weight.t()?)?.broadcast_add(bias)?)
}

/// Drops the share of the values that `pass` asks for, and makes the others larger by as much.
pub fn dropout(x: &Tensor, pass: &mut Pass) -> Result<Tensor, TrainError> {
    let share = pass.dropout();
    if share <= 0.0 {
        return Ok(x.clone());
    }
    let key = pass.random();
    let kept = 1.0 / (1.0 - share);
    let mask: Vec<f32> =
        (0..x.elem_count() as u64).map(|i| if kept_at(key, i, share) { kept as f32 } else { 0.0 }).collect();
    Ok((x * Tensor::from_vec(mask, x.shape(), x.device())?.to_dtype(x.dtype())?)?)
}

/// Whether dropout with `key` keeps the value `index`.
pub(crate) fn kept_at(key: u64, index: u64, share: f64) -> bool {
    (mix(key ^ index) >> 11) as f64 / (1_u64 << 53) as f64 >= share
}

/// The logarithm of the softmax over the last dimension.
pub fn log_softmax(x: &Tensor) -> Result<Tensor, TrainError> {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    let sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    Ok(shifted.broadcast_sub(&sum)?)
}

/// The mean cross entropy of `logits` (`[rows, classes]`) with the class of each row, `targets`.
pub fn cross_entropy(logits: &Tensor, targets: &[u32]) -> Result<Tensor, TrainError> {
    let targets = Tensor::new(targets, logits.device())?.unsqueeze(1)?;
    Ok(log_softmax(logits)?.gather(&targets, 1)?.mean_all()?.neg()?)
}
