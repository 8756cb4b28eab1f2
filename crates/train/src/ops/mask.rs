//! Which values does dropout drop? A value's number and a key decide, so that nothing has to be remembered.

#![expect(
    clippy::inline_always,
    reason = "code that is not inlined into pulp's dispatch is compiled without its registers"
)]

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::rows::fast;
use super::{Real, change, values};
use crate::pass::mix;
use crate::{Pass, TrainError};

/// Values that are worked on together.
const CHUNK: usize = 1 << 15;

/// Which values are dropped, and how much larger the others become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mask {
    key: u64,
    /// A value is dropped if its 32 random bits are below.
    bound: u32,
    scale: f64,
}

impl Mask {
    /// The mask of the next dropout in `pass`; none where nothing is dropped.
    pub(crate) fn next(pass: &mut Pass) -> Option<Self> {
        let share = pass.dropout();
        if share <= 0.0 {
            return None;
        }
        let bound = (share * f64::from(u32::MAX)) as u32;
        Some(Self { key: pass.random(), bound, scale: 1.0 / (1.0 - share) })
    }

    /// Another mask of the same kind, for part `number` of what is dropped from.
    pub(crate) fn part(self, number: u64) -> Self {
        Self { key: mix(self.key ^ number), ..self }
    }

    /// What the value `index` is multiplied by: 0, or a little more than 1. 32 bits stirred by the finaliser that Chris
    /// Wellons found with hash-prospector (lowbias32): two products, which every vector unit has.
    #[inline(always)]
    pub(crate) fn factor<T: Real>(self, index: u32) -> T {
        let mut x = index ^ self.key as u32;
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x ^= (self.key >> 32) as u32;
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        if x < self.bound { T::ZERO } else { T::of(self.scale) }
    }

    /// Multiplies all of `values`, on every core.
    pub(crate) fn apply_all<T: Real>(self, values: &mut [T]) {
        values.par_chunks_mut(CHUNK).enumerate().for_each(|(index, chunk)| {
            fast(|| self.apply(chunk, (index * CHUNK) as u32));
        });
    }

    /// Multiplies `values`, the first of which has the number `first`.
    #[inline(always)]
    pub(crate) fn apply<T: Real>(self, values: &mut [T], first: u32) {
        for (index, x) in values.iter_mut().enumerate() {
            *x *= self.factor(first.wrapping_add(index as u32));
        }
    }
}

/// Drops the share of the values that `pass` asks for, and makes the others larger by as much.
pub fn dropout(x: &Tensor, pass: &mut Pass) -> std::result::Result<Tensor, TrainError> {
    let Some(mask) = Mask::next(pass) else { return Ok(x.clone()) };
    Ok(match (x.device(), x.dtype()) {
        (Device::Cpu, DType::F32) => x.contiguous()?.apply_op1(Dropout::<f32>(mask, std::marker::PhantomData))?,
        (Device::Cpu, DType::F64) => x.contiguous()?.apply_op1(Dropout::<f64>(mask, std::marker::PhantomData))?,
        _ => composed(x, mask)?,
    })
}

/// Dropout as a product with the factors.
pub(crate) fn composed(x: &Tensor, mask: Mask) -> Result<Tensor> {
    let factors: Vec<f32> = (0..x.elem_count() as u32).map(|index| mask.factor(index)).collect();
    x * Tensor::from_vec(factors, x.shape(), x.device())?.to_dtype(x.dtype())?
}

struct Dropout<T>(Mask, std::marker::PhantomData<T>);

impl<T: Real> CustomOp1 for Dropout<T> {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut output = values::<T>(storage, layout)?.to_vec();
        self.0.apply_all(&mut output);
        Ok((T::stored(output), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.copy()?.contiguous()?;
        change::<T, _>(&gradient, |values| {
            self.0.apply_all(values);
            Ok(())
        })?;
        Ok(Some(gradient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_dropped_as_asked_and_the_mean_stays() {
        for share in [0.1, 0.5] {
            let mut pass = Pass::training(share, 3, 1, 0);
            let x = Tensor::ones((300, 1000), DType::F32, &Device::Cpu).expect("ones");
            let found = dropout(&x, &mut pass).expect("dropped").flatten_all().expect("flat");
            let found = found.to_vec1::<f32>().expect("values");
            let dropped = found.iter().filter(|x| **x == 0.0).count() as f64 / 300_000.0;
            assert!((dropped - share).abs() < 0.004, "{dropped}");
            let mean = found.iter().map(|x| f64::from(*x)).sum::<f64>() / 300_000.0;
            assert!((mean - 1.0).abs() < 0.01, "{mean}");
            // Neighbours fall independently of each other.
            let pairs = found.windows(2).filter(|pair| pair[0] == 0.0 && pair[1] == 0.0).count() as f64 / 299_999.0;
            assert!((pairs - share * share).abs() < 0.004, "{pairs}");
        }
    }

    #[test]
    fn what_was_dropped_has_no_gradient_and_each_call_drops_others() {
        let x = candle_core::Var::ones(1000, DType::F64, &Device::Cpu).expect("a variable");
        let mut pass = Pass::training(0.3, 3, 1, 0);
        let [first, second] = [dropout(&x, &mut pass).expect("once"), dropout(&x, &mut pass).expect("twice")];
        let gradient = first.sum_all().expect("sum").backward().expect("backward");
        let values = |tensor: &Tensor| tensor.to_vec1::<f64>().expect("values");
        assert_eq!(values(gradient.get(&x).expect("a gradient")), values(&first));
        assert_ne!(values(&first), values(&second));
    }

    #[test]
    fn the_composed_dropout_drops_the_same() {
        let x = Tensor::arange(0.0, 500.0, &Device::Cpu).expect("numbers");
        let mask = Mask::next(&mut Pass::training(0.2, 9, 1, 0)).expect("a mask");
        let fused = dropout(&x, &mut Pass::training(0.2, 9, 1, 0)).expect("fused");
        let composed = composed(&x, mask).expect("composed");
        let distance = (fused - composed).and_then(|d| d.abs()?.max_all()?.to_scalar::<f64>()).expect("a distance");
        assert!(distance < 1e-4, "{distance}");
    }
}
