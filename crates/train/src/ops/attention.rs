//! Attention over packed sequences, forward and backward: each sequence sees itself alone, so there is no padding.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::mask::Mask;
use super::rows::{fast, largest, sum, sum2};
use super::{Real, change, with_values};

/// How the rows are split among heads and sequences.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    pub(crate) heads: usize,
    /// Values a token; a row of queries, keys and values is three times as long.
    pub(crate) width: usize,
    /// First row of each sequence, and the number of rows last.
    pub(crate) offsets: Vec<usize>,
    pub(crate) mask: Option<Mask>,
}

/// What the backward needs: the shares of each sequence and head, keys × queries, before dropout.
pub(crate) struct Shares(Vec<Vec<Tensor>>);

impl Attention {
    /// The values that `attention` (`[tokens, 3 width]`: queries, keys, values) mixes, `[tokens, width]`; and the shares,
    /// if they are to be kept.
    pub(crate) fn forward<T: Real>(&self, attention: &Tensor, keep: bool) -> Result<(Tensor, Shares)> {
        let mut output = vec![T::ZERO; attention.dim(0)? * self.width];
        let parts: Vec<_> = self.sequences(&mut output, self.width);
        let work = |(number, first, rows, output): (usize, usize, usize, &mut [T])| -> Result<Vec<Tensor>> {
            let mut kept = Vec::new();
            for head in 0..self.heads {
                let [queries, keys, values] = self.split(attention, [first, rows], head)?;
                let shares = queries.matmul(&keys.t()?)?;
                change::<T, _>(&shares, |shares| {
                    fast(|| shares.chunks_exact_mut(rows).for_each(|row| softmax(row, self.scale())));
                    Ok(())
                })?;
                let dropped = self.dropped::<T>(&shares, number * self.heads + head, keep)?;
                put(&dropped.matmul(&values)?, output, [self.width, head])?;
                if keep {
                    kept.push(shares);
                }
            }
            Ok(kept)
        };
        let shares = parts.into_par_iter().map(work).collect::<Result<_>>()?;
        Ok((Tensor::from_vec(output, (attention.dim(0)?, self.width), attention.device())?, Shares(shares)))
    }

    /// The gradient by `attention`, `[tokens, 3 width]`, from that of what came out.
    pub(crate) fn backward<T: Real>(&self, attention: &Tensor, kept: &Shares, gradient: &Tensor) -> Result<Tensor> {
        let mut output = vec![T::ZERO; attention.elem_count()];
        let parts = self.sequences(&mut output, 3 * self.width);
        let work = |(number, first, rows, output): (usize, usize, usize, &mut [T])| -> Result<()> {
            for (head, shares) in kept.0[number].iter().enumerate() {
                let [queries, keys, values] = self.split(attention, [first, rows], head)?;
                let size = self.width / self.heads;
                let gradient = gradient.narrow(0, first, rows)?.narrow(1, head * size, size)?;
                let part = number * self.heads + head;
                let by_values = self.dropped::<T>(shares, part, true)?.t()?.matmul(&gradient)?;
                let by_scores = gradient.matmul(&values.t()?)?;
                self.through_softmax::<T>(&by_scores, shares, part)?;
                let place = [3 * self.width, head];
                put(&by_scores.matmul(&keys)?, output, place)?;
                put(&by_scores.t()?.matmul(&queries)?, output, [place[0], self.heads + head])?;
                put(&by_values, output, [place[0], 2 * self.heads + head])?;
            }
            Ok(())
        };
        parts.into_par_iter().try_for_each(work)?;
        Tensor::from_vec(output, attention.shape(), attention.device())
    }

    fn scale(&self) -> f64 {
        1.0 / ((self.width / self.heads) as f64).sqrt()
    }

    /// Number, first row, rows and share of `output` (rows of `width`) of each sequence.
    fn sequences<'a, T>(&self, mut output: &'a mut [T], width: usize) -> Vec<(usize, usize, usize, &'a mut [T])> {
        let mut parts = Vec::with_capacity(self.offsets.len());
        for (number, ends) in self.offsets.windows(2).enumerate() {
            let (part, rest) = output.split_at_mut((ends[1] - ends[0]) * width);
            parts.push((number, ends[0], ends[1] - ends[0], part));
            output = rest;
        }
        parts
    }

    /// Queries, keys and values of one sequence and head, views of `[rows, width / heads]`.
    fn split(&self, attention: &Tensor, [first, rows]: [usize; 2], head: usize) -> Result<[Tensor; 3]> {
        let size = self.width / self.heads;
        let rows = attention.narrow(0, first, rows)?;
        let part = |index: usize| rows.narrow(1, index * self.width + head * size, size);
        Ok([part(0)?, part(1)?, part(2)?])
    }

    /// `shares` with some dropped, in place unless they are to be kept.
    fn dropped<T: Real>(&self, shares: &Tensor, part: usize, keep: bool) -> Result<Tensor> {
        let Some(mask) = self.mask else { return Ok(shares.clone()) };
        let mask = mask.part(part as u64);
        let dropped = if keep { shares.copy()? } else { shares.clone() };
        change::<T, _>(&dropped, |values| {
            fast(|| mask.apply(values, 0));
            Ok(())
        })?;
        Ok(dropped)
    }

    /// Turns the gradient by the dropped shares into that by the products of queries and keys, in place.
    fn through_softmax<T: Real>(&self, gradient: &Tensor, shares: &Tensor, part: usize) -> Result<()> {
        let width = gradient.dim(1)?;
        let scale = T::of(self.scale());
        let mask = self.mask.map(|mask| mask.part(part as u64));
        change::<T, _>(gradient, |gradient| {
            with_values(shares, |shares: &[T]| {
                fast(|| {
                    if let Some(mask) = mask {
                        mask.apply(gradient, 0);
                    }
                    for (gradient, shares) in gradient.chunks_exact_mut(width).zip(shares.chunks_exact(width)) {
                        let mean = sum2(gradient, shares, |x, share| x * share);
                        for (x, share) in gradient.iter_mut().zip(shares) {
                            *x = *share * (*x - mean) * scale;
                        }
                    }
                });
            })
        })
    }
}

/// Copies the rows of `part` into column block `block` of `output`, whose rows have `width` values.
fn put<T: Real>(part: &Tensor, output: &mut [T], [width, block]: [usize; 2]) -> Result<()> {
    let size = part.dim(1)?;
    with_values(part, |part: &[T]| {
        for (row, part) in output.chunks_exact_mut(width).zip(part.chunks_exact(size)) {
            row[block * size..(block + 1) * size].copy_from_slice(part);
        }
    })
}

/// `softmax(scale × row)`, in place.
#[expect(clippy::inline_always, reason = "it is to be compiled with the registers of its caller")]
#[inline(always)]
pub(super) fn softmax<T: Real>(row: &mut [T], scale: f64) {
    let most = largest(row);
    let scale = T::of(scale);
    for x in row.iter_mut() {
        *x = ((*x - most) * scale).power();
    }
    let inverse = T::ONE / sum(row, |x| x);
    for x in row {
        *x *= inverse;
    }
}
