//! A linear map, forward and backward, without the transposes that candle's own backward would write out.

use std::marker::PhantomData;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Device, Error, Layout, Result, Shape, Tensor};

use super::rows::{add_bias, columns};
use super::{Real, values, values_mut, with_values};
use crate::TrainError;

/// `x weightᵀ + bias`: `[rows, in]` by a weight of `[out, in]`, as PyTorch stores it, gives `[rows, out]`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> std::result::Result<Tensor, TrainError> {
    Ok(match (x.device(), x.dtype()) {
        (Device::Cpu, DType::F32) => fused::<f32>(x, weight, bias)?,
        (Device::Cpu, DType::F64) => fused::<f64>(x, weight, bias)?,
        _ => composed(x, weight, bias)?,
    })
}

/// The same of candle's own operations.
pub(crate) fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)?.broadcast_add(bias)
}

fn fused<T: Real>(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let learns = [x, weight, bias].map(Tensor::track_op);
    x.apply_op3(weight, bias, Linear::<T> { learns, kind: PhantomData })
}

/// `x weightᵀ`, each a matrix in any layout, as values that nothing else holds.
pub(crate) fn product_transposed(
    (x, at): (&CpuStorage, &Layout),
    (weight, place): (&CpuStorage, &Layout),
) -> Result<(CpuStorage, Shape)> {
    let ((rows, depth), (columns, also)) = (at.shape().dims2()?, place.shape().dims2()?);
    if depth != also {
        return Err(Error::Msg(format!("rows of {depth} values were given to a linear map of {also}")).bt());
    }
    let product = x.matmul(weight, (1, rows, columns, depth), at, &place.transpose(0, 1)?)?;
    Ok((product, Shape::from((rows, columns))))
}

struct Linear<T> {
    learns: [bool; 3],
    kind: PhantomData<T>,
}

impl<T: Real> CustomOp3 for Linear<T> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        at: &Layout,
        weight: &CpuStorage,
        weight_at: &Layout,
        bias: &CpuStorage,
        bias_at: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (mut product, shape) = product_transposed((x, at), (weight, weight_at))?;
        let bias = values::<T>(bias, bias_at)?;
        add_bias(values_mut::<T>(&mut product, &Layout::contiguous(&shape))?, bias);
        Ok((product, shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        gradients::<T>((x, weight), &gradient.contiguous()?, self.learns)
    }
}

/// The gradients by `x`, weight and bias, of those that learn, from that of what came out.
pub(super) fn gradients<T: Real>(
    (x, weight): (&Tensor, &Tensor),
    gradient: &Tensor,
    [by_x, by_weight, by_bias]: [bool; 3],
) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
    let bias = || {
        let width = gradient.dim(1)?;
        let sums = with_values(gradient, |gradient: &[T]| columns(gradient, width))?;
        Tensor::from_vec(sums, width, gradient.device())
    };
    Ok((
        by_x.then(|| gradient.matmul(&weight.detach())).transpose()?,
        by_weight.then(|| gradient.t()?.matmul(&x.detach())).transpose()?,
        by_bias.then(bias).transpose()?,
    ))
}
