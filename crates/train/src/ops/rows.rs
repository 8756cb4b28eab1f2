//! Work on the rows of a matrix: blocks of them on every core, in vector registers, sums that no thread can change.

#![expect(
    clippy::inline_always,
    reason = "code that is not inlined into pulp's dispatch is compiled without its registers"
)]

use pulp::Arch;
use rayon::prelude::*;

use super::Real;

/// Rows that are worked on together, whatever the threads.
pub(super) const BLOCK: usize = 64;
/// Sums that run side by side, so that a compiler can keep them in vector registers.
const LANES: usize = 16;

/// Runs `work`, compiled for the widest registers that the machine has.
#[inline(always)]
pub(super) fn fast<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// The sum of `term` over `values`, in lanes.
#[inline(always)]
pub(super) fn sum<T: Real>(values: &[T], term: impl Fn(T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += term(*x);
        }
    }
    rest.iter().fold(total(lanes), |sum, x| sum + term(*x))
}

/// The sum of `term` over `left` and `right`, in lanes.
#[inline(always)]
pub(super) fn sum2<T: Real>(left: &[T], right: &[T], term: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let (chunks, rest) = left.as_chunks::<LANES>();
    let (others, other_rest) = right.as_chunks::<LANES>();
    for (chunk, other) in chunks.iter().zip(others) {
        for ((lane, x), y) in lanes.iter_mut().zip(chunk).zip(other) {
            *lane += term(*x, *y);
        }
    }
    rest.iter().zip(other_rest).fold(total(lanes), |sum, (x, y)| sum + term(*x, *y))
}

/// The largest of `values`.
#[inline(always)]
pub(super) fn largest<T: Real>(values: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let Some(first) = values.first() else { return T::ZERO };
    let mut lanes = [*first; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *x);
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(*first, larger)
}

#[inline(always)]
fn total<T: Real>(lanes: [T; LANES]) -> T {
    let mut sums = lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

/// Adds up what each block of rows gives, in the order of the blocks: `width` sums.
pub(super) fn fold<T: Real>(parts: impl IndexedParallelIterator<Item = Vec<T>>, width: usize) -> Vec<T> {
    let parts: Vec<Vec<T>> = parts.collect();
    let mut sums = vec![T::ZERO; width];
    for part in parts {
        for (sum, x) in sums.iter_mut().zip(part) {
            *sum += x;
        }
    }
    sums
}

/// The sum of each column of `values`, rows of `width`.
pub(crate) fn columns<T: Real>(values: &[T], width: usize) -> Vec<T> {
    let block = |block: &[T]| {
        let mut sums = vec![T::ZERO; width];
        fast(|| {
            for row in block.chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
            }
        });
        sums
    };
    fold(values.par_chunks(BLOCK * width.max(1)).map(block), width)
}

/// Adds `bias` to every row of `values`.
pub(crate) fn add_bias<T: Real>(values: &mut [T], bias: &[T]) {
    values.par_chunks_mut(BLOCK * bias.len().max(1)).for_each(|block| {
        fast(|| {
            for row in block.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(x, bias)| *x += *bias);
            }
        });
    });
}
