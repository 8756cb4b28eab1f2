//! Rows of a table by their numbers, and the gradient that goes back to each of them.

use candle_core::{Result, Tensor};

use super::{Real, with_values};

/// The sum of one row of each table for each token: `[tokens, width]`.
pub(crate) fn gather<T: Real>(tables: [(&Tensor, &[u32]); 3]) -> Result<Tensor> {
    let (tokens, width) = (tables[0].1.len(), tables[0].0.dim(1)?);
    let mut output = vec![T::ZERO; tokens * width];
    for (table, ids) in tables {
        with_values(table, |table: &[T]| {
            for (row, &id) in output.chunks_exact_mut(width).zip(ids) {
                let source = &table[id as usize * width..][..width];
                row.iter_mut().zip(source).for_each(|(x, source)| *x += *source);
            }
        })?;
    }
    Tensor::from_vec(output, (tokens, width), tables[0].0.device())
}

/// The gradient by a table of `rows`: each row's is the sum of those of the tokens that it stood for, in their order.
pub(crate) fn scatter<T: Real>(gradient: &Tensor, ids: &[u32], rows: usize) -> Result<Tensor> {
    let width = gradient.dim(1)?;
    let mut output = vec![T::ZERO; rows * width];
    with_values(gradient, |gradient: &[T]| {
        for (source, &id) in gradient.chunks_exact(width).zip(ids) {
            let row = &mut output[id as usize * width..][..width];
            row.iter_mut().zip(source).for_each(|(x, source)| *x += *source);
        }
    })?;
    Tensor::from_vec(output, (rows, width), gradient.device())
}
