//! How wrong is a distribution over classes? Cross entropy and the logarithm of the softmax, forward and backward.

use std::marker::PhantomData;
use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp1, CustomOp3, D, DType, Device, Error, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::attention::softmax;
use super::linear::gradients;
use super::rows::{add_bias, fast, largest, sum};
use super::{Real, change, values, with_values};
use crate::TrainError;

/// The logarithm of the softmax over the last dimension.
pub fn log_softmax(x: &Tensor) -> std::result::Result<Tensor, TrainError> {
    Ok(match (x.device(), x.dtype()) {
        (Device::Cpu, DType::F32) => x.contiguous()?.apply_op1(LogSoftmax::<f32>(PhantomData))?,
        (Device::Cpu, DType::F64) => x.contiguous()?.apply_op1(LogSoftmax::<f64>(PhantomData))?,
        _ => composed_log_softmax(x)?,
    })
}

/// The same of candle's own operations.
pub(crate) fn composed_log_softmax(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    let sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    shifted.broadcast_sub(&sum)
}

/// The mean cross entropy of `logits` (`[rows, classes]`) with the class of each row, `targets`: a scalar, 0 if there is
/// no row.
pub fn cross_entropy(logits: &Tensor, targets: &[u32]) -> std::result::Result<Tensor, TrainError> {
    let (rows, classes) = logits.dims2()?;
    check(targets, [rows, classes])?;
    if rows == 0 {
        return nothing(logits);
    }
    let targets = Tensor::new(targets, logits.device())?.unsqueeze(1)?;
    Ok(log_softmax(logits)?.gather(&targets, 1)?.mean_all()?.neg()?)
}

/// The mean cross entropy of `x weightᵀ + bias` with the class of each row, `targets`: as [`super::linear`] and
/// [`cross_entropy`] together, without keeping what is as wide as a vocabulary.
pub(crate) fn linear_cross_entropy(
    [x, weight, bias]: [&Tensor; 3],
    targets: &[u32],
) -> std::result::Result<Tensor, TrainError> {
    check(targets, [x.dim(0)?, weight.dim(0)?])?;
    if targets.is_empty() {
        return nothing(x);
    }
    Ok(match (x.device(), x.dtype()) {
        (Device::Cpu, DType::F32) => fused::<f32>([x, weight, bias], targets)?,
        (Device::Cpu, DType::F64) => fused::<f64>([x, weight, bias], targets)?,
        _ => cross_entropy(&super::linear(x, weight, bias)?, targets)?,
    })
}

/// Where nothing was asked nothing is wrong, and nothing is to be learned.
fn nothing(like: &Tensor) -> std::result::Result<Tensor, TrainError> {
    Ok(Tensor::zeros((), like.dtype(), like.device())?)
}

fn check(targets: &[u32], [rows, classes]: [usize; 2]) -> Result<()> {
    if targets.len() == rows && targets.iter().all(|&class| (class as usize) < classes) {
        return Ok(());
    }
    Err(Error::Msg(format!("{} targets of {classes} classes were given for {rows} rows", targets.len())).bt())
}

struct LogSoftmax<T>(PhantomData<T>);

impl<T: Real> CustomOp1 for LogSoftmax<T> {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut output = values::<T>(storage, layout)?.to_vec();
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        output.par_chunks_mut(width).for_each(|row| {
            let shift = fast(|| {
                let most = largest(row);
                most.wide() + sum(row, |x| (x - most).power()).wide().ln()
            });
            let shift = T::of(shift);
            for x in row {
                *x -= shift;
            }
        });
        Ok((T::stored(output), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let width = output.dims().last().copied().unwrap_or(1).max(1);
        let gradient = gradient.copy()?.contiguous()?;
        change::<T, _>(&gradient, |gradient| {
            with_values(output, |output: &[T]| {
                gradient.par_chunks_mut(width).zip(output.par_chunks(width)).for_each(|(gradient, output)| {
                    fast(|| {
                        let total = sum(gradient, |x| x);
                        for (x, output) in gradient.iter_mut().zip(output) {
                            *x -= output.power() * total;
                        }
                    });
                });
            })
        })?;
        Ok(Some(gradient))
    }
}

fn fused<T: Real>([x, weight, bias]: [&Tensor; 3], targets: &[u32]) -> Result<Tensor> {
    let logits = x.detach().matmul(&weight.detach().t()?)?;
    change::<T, _>(&logits, |logits| with_values(&bias.detach(), |bias: &[T]| add_bias(logits, bias)))?;
    let (rows, classes) = logits.dims2()?;
    let mut loss = 0.0;
    // The logits become the gradient by themselves: the softmax, less one at the target.
    change::<T, _>(&logits, |logits| {
        let work = |(row, &target): (&mut [T], &u32)| {
            let own = row[target as usize];
            let loss = fast(|| {
                let most = largest(row);
                let sum = sum(row, |x| (x - most).power());
                softmax(row, 1.0);
                sum.wide().ln() + (most - own).wide()
            });
            row[target as usize] -= T::ONE;
            loss
        };
        let losses: Vec<f64> = logits.par_chunks_mut(classes).zip(targets).map(work).collect();
        loss = losses.iter().sum::<f64>() / rows as f64;
        Ok(())
    })?;
    let learns = [x, weight, bias].map(Tensor::track_op);
    if learns == [false; 3] {
        return Tensor::new(T::of(loss), x.device());
    }
    x.apply_op3(weight, bias, Wide::<T> { loss, gradient: Mutex::new(Some(logits)), learns, kind: PhantomData })
}

/// A linear map and the cross entropy of what comes out.
struct Wide<T> {
    loss: f64,
    /// The gradient by the logits, times the number of rows.
    gradient: Mutex<Option<Tensor>>,
    learns: [bool; 3],
    kind: PhantomData<T>,
}

impl<T: Real> CustomOp3 for Wide<T> {
    fn name(&self) -> &'static str {
        "linear_cross_entropy"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok((T::stored(vec![T::of(self.loss)]), Shape::from(())))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let kept = self.gradient.lock().ok().and_then(|mut kept| kept.take());
        let kept = kept.ok_or_else(|| Error::Msg("a loss has one backward".into()).bt())?;
        let (rows, classes) = kept.dims2()?;
        let times = T::of(gradient.to_dtype(DType::F64)?.to_scalar::<f64>()? / rows as f64);
        change::<T, _>(&kept, |kept| {
            kept.par_chunks_mut(classes).for_each(|row| fast(|| row.iter_mut().for_each(|x| *x *= times)));
            Ok(())
        })?;
        gradients::<T>((x, weight), &kept, self.learns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rows_are_no_loss() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F64, &Device::Cpu).expect("zeros");
        let value = |loss: Tensor| loss.to_scalar::<f64>().expect("a number");
        assert!(value(cross_entropy(&zeros(&[0, 3]), &[]).expect("a loss")).abs() < f64::EPSILON);
        let (x, weight, bias) = (zeros(&[0, 2]), zeros(&[3, 2]), zeros(&[3]));
        assert!(value(linear_cross_entropy([&x, &weight, &bias], &[]).expect("a loss")).abs() < f64::EPSILON);
        assert!(cross_entropy(&zeros(&[1, 3]), &[]).is_err(), "a row without a target is a mistake");
    }
}
