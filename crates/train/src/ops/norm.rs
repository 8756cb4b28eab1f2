//! Layer normalisation of a sum, as BERT has it after each half of a layer, forward and backward.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::mask::Mask;
use super::rows::{BLOCK, fast, fold, sum, sum2};
use super::{Real, change, with_values};

/// What a layer norm computes with; each as long as a row.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) gain: Tensor,
    pub(crate) shift: Tensor,
    pub(crate) epsilon: f64,
}

/// What the backward needs.
pub(crate) struct Saved<T> {
    /// The rows before gain and shift: mean 0, deviation 1.
    normal: Tensor,
    /// One over the deviation of each row.
    inverse: Vec<T>,
    mask: Option<Mask>,
}

/// The gradients that a layer norm gives.
pub(crate) struct Back<T> {
    /// By the sum that was normalised, and so by the residual.
    pub(crate) sum: Tensor,
    /// By what was added to the residual, before bias and dropout; the same tensor as `sum` if nothing was dropped.
    pub(crate) added: Tensor,
    pub(crate) gain: Vec<T>,
    pub(crate) shift: Vec<T>,
    /// By the bias.
    pub(crate) bias: Vec<T>,
}

impl Norm {
    /// Each row of `x` plus `bias`, some values dropped, plus its row of `residual`, normalised. `x` is used up.
    pub(crate) fn forward<T: Real>(
        &self,
        x: Tensor,
        (bias, residual): (Option<&Tensor>, Option<&Tensor>),
        mask: Option<Mask>,
    ) -> Result<(Vec<T>, Saved<T>)> {
        let (rows, width) = x.dims2()?;
        let mut output = vec![T::ZERO; rows * width];
        let mut inverse = vec![T::ZERO; rows];
        let nothing = Vec::new();
        let epsilon = T::of(self.epsilon);
        change::<T, _>(&x, |x| {
            with_values(&self.gain, |gain: &[T]| {
                with_values(&self.shift, |shift: &[T]| {
                    optional(bias, &nothing, |bias| {
                        optional(residual, &nothing, |residual| {
                            let size = BLOCK * width;
                            let inverse = inverse.par_chunks_mut(BLOCK);
                            let blocks = x.par_chunks_mut(size).zip(output.par_chunks_mut(size)).zip(inverse);
                            blocks.enumerate().for_each(|(block, ((x, output), inverse))| {
                                fast(|| {
                                    let rows = x.chunks_exact_mut(width).zip(output.chunks_exact_mut(width));
                                    for (row, ((x, output), inverse)) in rows.zip(inverse).enumerate() {
                                        let first = (block * BLOCK + row) * width;
                                        x.iter_mut().zip(bias).for_each(|(x, bias)| *x += *bias);
                                        if let Some(mask) = mask {
                                            mask.apply(x, first as u32);
                                        }
                                        let residual = residual.get(first..first + width).unwrap_or_default();
                                        x.iter_mut().zip(residual).for_each(|(x, residual)| *x += *residual);
                                        *inverse = normalise(x, epsilon);
                                        let pairs = gain.iter().zip(shift);
                                        for ((output, x), (gain, shift)) in output.iter_mut().zip(&*x).zip(pairs) {
                                            *output = *x * *gain + *shift;
                                        }
                                    }
                                });
                            });
                        })
                    })
                })
            })????;
            Ok(())
        })?;
        Ok((output, Saved { normal: x, inverse, mask }))
    }

    /// The gradients, from that of what came out, `gradient`; `more` is added to it first. `gradient` is used up.
    pub(crate) fn backward<T: Real>(
        &self,
        saved: &Saved<T>,
        gradient: Tensor,
        more: Option<&Tensor>,
    ) -> Result<Back<T>> {
        let (rows, width) = gradient.dims2()?;
        let nothing = Vec::new();
        let mut added = if saved.mask.is_some() { vec![T::ZERO; rows * width] } else { Vec::new() };
        let mut sums = Vec::new();
        change::<T, _>(&gradient, |gradient| {
            sums = with_values(&self.gain, |gain: &[T]| {
                with_values(&saved.normal, |normal: &[T]| {
                    optional(more, &nothing, |more| {
                        let size = BLOCK * width;
                        // Without a mask there is one slice of nothing for each block.
                        let mut parts: Vec<&mut [T]> = added.chunks_mut(size).collect();
                        parts.resize_with(rows.div_ceil(BLOCK), Default::default);
                        let blocks = gradient.par_chunks_mut(size).zip(normal.par_chunks(size)).zip(parts);
                        let work = |(block, ((gradient, normal), added)): (usize, Rows<'_, T>)| {
                            let mut sums = vec![T::ZERO; 3 * width];
                            let first = block * BLOCK;
                            let more = more.get(first * width..first * width + gradient.len()).unwrap_or_default();
                            let inverse = &saved.inverse[first..];
                            let part = Part { first, width, gain, normal, inverse, more, mask: saved.mask };
                            fast(|| part.backward(gradient, added, &mut sums));
                            sums
                        };
                        fold(blocks.enumerate().map(work), 3 * width)
                    })
                })
            })???;
            Ok(())
        })?;
        let bias = sums.split_off(2 * width);
        let shift = sums.split_off(width);
        let added = match saved.mask {
            Some(_) => Tensor::from_vec(added, (rows, width), gradient.device())?,
            None => gradient.clone(),
        };
        Ok(Back { sum: gradient, added, gain: sums, shift, bias })
    }
}

/// `read` of the values of `tensor`, or of nothing.
fn optional<T: Real, R>(tensor: Option<&Tensor>, nothing: &[T], read: impl FnOnce(&[T]) -> R) -> Result<R> {
    match tensor {
        Some(tensor) => with_values(tensor, read),
        None => Ok(read(nothing)),
    }
}

/// Makes the mean of a row 0 and its deviation 1; one over its deviation.
#[expect(clippy::inline_always, reason = "it is to be compiled with the registers of its caller")]
#[inline(always)]
fn normalise<T: Real>(row: &mut [T], epsilon: T) -> T {
    let share = T::of(1.0 / row.len() as f64);
    let mean = sum(row, |x| x) * share;
    let variance = sum(row, |x| (x - mean) * (x - mean)) * share;
    let inverse = T::ONE / (variance + epsilon).root();
    for x in row {
        *x = (*x - mean) * inverse;
    }
    inverse
}

/// The gradients, the normal values and the gradients before dropout of a block of rows.
type Rows<'a, T> = ((&'a mut [T], &'a [T]), &'a mut [T]);

/// A block of rows on their way back.
struct Part<'a, T> {
    /// The number of its first row.
    first: usize,
    width: usize,
    gain: &'a [T],
    normal: &'a [T],
    inverse: &'a [T],
    more: &'a [T],
    mask: Option<Mask>,
}

impl<T: Real> Part<'_, T> {
    #[expect(clippy::inline_always, reason = "it is to be compiled with the registers of its caller")]
    #[inline(always)]
    fn backward(&self, gradient: &mut [T], added: &mut [T], sums: &mut [T]) {
        let width = self.width;
        let share = T::of(1.0 / width as f64);
        gradient.iter_mut().zip(self.more).for_each(|(x, more)| *x += *more);
        let (gains, rest) = sums.split_at_mut(width);
        let (shifts, biases) = rest.split_at_mut(width);
        for (row, gradient) in gradient.chunks_exact_mut(width).enumerate() {
            let normal = &self.normal[row * width..(row + 1) * width];
            for (((gradient, normal), gain), (gains, shifts)) in
                gradient.iter_mut().zip(normal).zip(self.gain).zip(gains.iter_mut().zip(shifts.iter_mut()))
            {
                *shifts += *gradient;
                *gains += *gradient * *normal;
                *gradient *= *gain;
            }
            let mean = sum(gradient, |x| x) * share;
            let tilt = sum2(gradient, normal, |x, y| x * y) * share;
            let inverse = self.inverse[row];
            for (gradient, normal) in gradient.iter_mut().zip(normal) {
                *gradient = (*gradient - mean - *normal * tilt) * inverse;
            }
            let passed: &[T] = match self.mask {
                Some(mask) => {
                    let added = &mut added[row * width..(row + 1) * width];
                    added.copy_from_slice(gradient);
                    mask.apply(added, ((self.first + row) * width) as u32);
                    added
                }
                None => gradient,
            };
            biases.iter_mut().zip(passed).for_each(|(sum, x)| *sum += *x);
        }
    }
}
