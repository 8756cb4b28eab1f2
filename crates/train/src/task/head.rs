//! A head that begins from nothing, and one that goes on from a checkpoint's.

use candle_core::{DType, Device, Tensor, Var};
use clinqa_encoder::Checkpoint;

use crate::TrainError;
use crate::batches::Draw;

/// The deviation that BERT's weights begin with (`initializer_range`).
const DEVIATION: f64 = 0.02;

/// A linear map that learns: `[rows, columns]` and `[rows]`.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) weight: Var,
    pub(crate) bias: Var,
    /// Whether it began from nothing.
    pub(crate) is_new: bool,
}

/// Where a head computes, in what, and what decides its first numbers.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// The device.
    pub device: Device,
    /// f32, or f64.
    pub dtype: DType,
    /// Decides what is random.
    pub seed: u64,
}

impl Head {
    /// Random weights and a bias of 0.
    pub(crate) fn fresh([rows, columns]: [usize; 2], fresh: &Fresh) -> Result<Self, TrainError> {
        let mut draw = Draw(fresh.seed ^ 0x6865_6164);
        let weight: Vec<f32> = (0..rows * columns).map(|_| normal(&mut draw) as f32).collect();
        Self::of(weight, vec![0.0; rows], [rows, columns], (fresh, true))
    }

    /// The checkpoint's `name.weight` and `name.bias` if they have this shape, else a fresh one.
    pub(crate) fn take(
        checkpoint: &mut Checkpoint,
        name: &str,
        shape: [usize; 2],
        fresh: &Fresh,
    ) -> Result<Self, TrainError> {
        let [weight, bias] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        let there = checkpoint.shape_of(&weight) == Some(&shape) && checkpoint.shape_of(&bias) == Some(&shape[..1]);
        if !there {
            return Self::fresh(shape, fresh);
        }
        let [weight, bias] = [checkpoint.take(&weight, &shape)?.values, checkpoint.take(&bias, &shape[..1])?.values];
        Self::of(weight, bias, shape, (fresh, false))
    }

    fn of(
        weight: Vec<f32>,
        bias: Vec<f32>,
        shape: [usize; 2],
        (fresh, is_new): (&Fresh, bool),
    ) -> Result<Self, TrainError> {
        let var = |values: Vec<f32>, shape: &[usize]| -> Result<Var, TrainError> {
            Ok(Var::from_tensor(&Tensor::from_vec(values, shape, &fresh.device)?.to_dtype(fresh.dtype)?)?)
        };
        Ok(Self { weight: var(weight, &shape)?, bias: var(bias, &shape[..1])?, is_new })
    }

    /// `x` (`[n, columns]`) mapped to `[n, rows]`.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, TrainError> {
        crate::linear(x, self.weight.as_tensor(), self.bias.as_tensor())
    }

    /// Both parameters by their names.
    pub(crate) fn variables(&self, name: &str) -> [(String, Var); 2] {
        [(format!("{name}.weight"), self.weight.clone()), (format!("{name}.bias"), self.bias.clone())]
    }
}

/// A number of a normal distribution (Box and Muller 1958).
fn normal(draw: &mut Draw) -> f64 {
    let (radius, angle) = (1.0 - draw.share(), draw.share());
    DEVIATION * (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_head_is_small_and_the_same_for_the_same_seed() {
        let values = |seed| {
            let fresh = Fresh { device: Device::Cpu, dtype: DType::F64, seed };
            let head = Head::fresh([10, 200], &fresh).expect("a head");
            head.weight.flatten_all().expect("flat").to_vec1::<f64>().expect("numbers")
        };
        let found = values(1);
        assert_eq!(found, values(1));
        assert_ne!(found, values(2));
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        let deviation = (found.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / found.len() as f64).sqrt();
        assert!(mean.abs() < 0.002 && (deviation - DEVIATION).abs() < 0.002, "{mean} {deviation}");
    }
}
