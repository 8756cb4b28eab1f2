//! The activation between the two products of the feed-forward half, with its bias, forward and backward.

#![expect(
    clippy::inline_always,
    reason = "code that is not inlined into pulp's dispatch is compiled without its registers"
)]

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::rows::{BLOCK, fast, fold};
use super::{Real, change, with_values};

/// What stands between the two products of the feed-forward half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
}

impl Activation {
    /// The activation of `x + bias`, row by row; `x` becomes its slope there, which the backward needs.
    pub(crate) fn forward<T: Real>(self, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        let mut output = vec![T::ZERO; rows * width];
        change::<T, _>(x, |x| {
            with_values(bias, |bias: &[T]| {
                let size = BLOCK * width;
                x.par_chunks_mut(size).zip(output.par_chunks_mut(size)).for_each(|(x, output)| match self {
                    Self::Gelu => fast(|| both(x, output, bias, gelu)),
                    Self::GeluTanh => fast(|| both(x, output, bias, gelu_tanh)),
                    Self::Relu => fast(|| both(x, output, bias, relu)),
                });
            })
        })?;
        Tensor::from_vec(output, (rows, width), x.device())
    }
}

#[inline(always)]
fn both<T: Real>(x: &mut [T], output: &mut [T], bias: &[T], function: impl Fn(T) -> [T; 2]) {
    for (x, output) in x.chunks_exact_mut(bias.len()).zip(output.chunks_exact_mut(bias.len())) {
        for ((x, output), bias) in x.iter_mut().zip(output).zip(bias) {
            [*output, *x] = function(*x + *bias);
        }
    }
}

/// Multiplies `gradient` by `slopes` in place; the sum of each column is the gradient by the bias.
pub(crate) fn backward<T: Real>(gradient: &Tensor, slopes: &Tensor) -> Result<Vec<T>> {
    let (_, width) = gradient.dims2()?;
    let mut sums = Vec::new();
    change::<T, _>(gradient, |gradient| {
        sums = with_values(slopes, |slopes: &[T]| {
            let size = BLOCK * width;
            let work = |(gradient, slopes): (&mut [T], &[T])| {
                let mut sums = vec![T::ZERO; width];
                fast(|| {
                    for (gradient, slopes) in gradient.chunks_exact_mut(width).zip(slopes.chunks_exact(width)) {
                        for ((x, slope), sum) in gradient.iter_mut().zip(slopes).zip(&mut sums) {
                            *x *= *slope;
                            *sum += *x;
                        }
                    }
                });
                sums
            };
            fold(gradient.par_chunks_mut(size).zip(slopes.par_chunks(size)).map(work), width)
        })?;
        Ok(())
    })?;
    Ok(sums)
}

/// `x Φ(x)` and its slope, `Φ(x) + x φ(x)`.
#[inline(always)]
fn gelu<T: Real>(x: T) -> [T; 2] {
    // 1 / √(2π).
    let density = T::of(0.398_942_280_401_432_7) * (x * x * T::of(-0.5)).power();
    let below = x.below();
    [x * below, below + x * density]
}

/// `x / (1 + exp(-2 u))`, `u = √(2/π) (x + 0.044715 x³)`, and its slope.
#[inline(always)]
fn gelu_tanh<T: Real>(x: T) -> [T; 2] {
    let root = T::of(2.0 * 0.797_884_560_802_865_4);
    let cubic = T::of(0.044_715);
    let share = T::ONE / (T::ONE + (-(root * (x + cubic * x * x * x))).power());
    let steep = root * (T::ONE + T::of(3.0) * cubic * x * x);
    [x * share, share + x * share * (T::ONE - share) * steep]
}

#[inline(always)]
fn relu<T: Real>(x: T) -> [T; 2] {
    if x > T::ZERO { [x, T::ONE] } else { [T::ZERO, T::ZERO] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_functions() {
        let check = |function: fn(f64) -> [f64; 2]| {
            for i in -60..60 {
                let x = f64::from(i) / 10.0 + 0.05;
                let expected = (function(x + 1e-5)[0] - function(x - 1e-5)[0]) / 2e-5;
                assert!((function(x)[1] - expected).abs() < 1e-8, "{x}: {} not {expected}", function(x)[1]);
            }
        };
        check(gelu);
        check(gelu_tanh);
        check(relu);
    }

    #[test]
    fn single_precision_is_near() {
        for i in -9_000_i16..9_000 {
            let x = f32::from(i) / 1_000.0;
            for (found, expected) in [(gelu(x), gelu(f64::from(x))), (gelu_tanh(x), gelu_tanh(f64::from(x)))] {
                for (found, expected) in found.iter().zip(expected) {
                    assert!((f64::from(*found) - expected).abs() < 2e-6, "{x}: {found} not {expected}");
                }
            }
        }
    }
}
