//! What is a matrix times another, plus a row? The products of the forward pass, in vector registers, in safe code.
//!
//! The right-hand matrix is laid out once in panels of [`PANEL`] columns, so that the inner loop reads it in one
//! stream; a tile of the result stays in registers over the whole depth and is finished there (bias, activation).
//! Each value of the result is summed over the depth in order, whatever the rows around it: a text's vector does
//! not depend on its batch.

#![expect(
    clippy::inline_always,
    reason = "code that is not inlined into pulp's dispatch is compiled without its registers"
)]

use pulp::{Arch, Simd, WithSimd};

use super::functions::Activation;

/// Columns of a panel: two of the widest registers there are.
pub(super) const PANEL: usize = 32;

/// What begins where a cache line begins: a register that is loaded from two lines costs two loads.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Aligned<T>(pub(super) T);

/// One row of a panel.
type Line = Aligned<[f32; PANEL]>;

/// A right-hand matrix (depth × columns) in panels: panel `p` holds columns `32 p..32 p + 32`, row after row, the
/// last one filled up with zeros.
#[derive(Debug, Clone, Default)]
pub(super) struct Panels {
    depth: usize,
    columns: usize,
    values: Vec<Line>,
    bias: Vec<f32>,
}

impl Panels {
    /// Lays out the transpose of `weights` (columns × depth, as PyTorch stores a linear layer) with its `bias`.
    pub(super) fn linear(weights: &[f32], bias: &[f32], depth: usize) -> Self {
        let mut panels = Self::default();
        panels.set_transposed(weights.chunks_exact(depth.max(1)), [bias.len(), depth]);
        panels.bias[..bias.len()].copy_from_slice(bias);
        panels
    }

    /// Becomes the transpose of `rows` (columns × depth), without bias, keeping its memory.
    pub(super) fn set_transposed<'a>(&mut self, rows: impl Iterator<Item = &'a [f32]>, [columns, depth]: [usize; 2]) {
        self.reset(columns, depth);
        let mut rows = rows.take(columns);
        for panel in self.values.chunks_exact_mut(depth.max(1)) {
            // A whole panel at a time, so that what is written lies together.
            let mut sources: [&[f32]; PANEL] = [&[]; PANEL];
            let found = sources.iter_mut().zip(&mut rows).map(|(source, row)| *source = &row[..depth]).count();
            for (k, target) in panel.iter_mut().enumerate() {
                for (target, source) in target.0.iter_mut().zip(&sources[..found]) {
                    *target = source[k];
                }
            }
        }
    }

    /// Becomes `rows` (depth × columns), without bias, keeping its memory.
    pub(super) fn set<'a>(&mut self, arch: Arch, rows: impl Iterator<Item = &'a [f32]>, [depth, columns]: [usize; 2]) {
        self.reset(columns, depth);
        arch.dispatch(Lay { rows: rows.take(depth), values: &mut self.values, depth });
    }

    fn reset(&mut self, columns: usize, depth: usize) {
        let width = columns.next_multiple_of(PANEL);
        (self.columns, self.depth) = (columns, depth);
        // What lies beyond the last column is left over from the last use: it is computed with and dropped.
        self.values.resize(width / PANEL * depth, Aligned([0.0; PANEL]));
        self.bias.clear();
        self.bias.resize(width, 0.0);
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }
}

/// Copies rows into panels; in registers, since a call of `memcpy` for each would cost more than the copy.
struct Lay<'a, R> {
    rows: R,
    values: &'a mut [Line],
    depth: usize,
}

impl<'a, R: Iterator<Item = &'a [f32]>> WithSimd for Lay<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (index, row) in self.rows.enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                let place = &mut self.values[panel * self.depth + index].0;
                match part.as_array::<PANEL>() {
                    Some(part) => *place = *part,
                    None => place.iter_mut().zip(part).for_each(|(place, value)| *place = *value),
                }
            }
        }
    }
}

/// Rows of a matrix that lie `stride` values apart; the first begins at the start of `values`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    /// The first row and what follows it.
    pub(super) values: &'a [f32],
    /// Values from one row to the next.
    pub(super) stride: usize,
    /// How many rows.
    pub(super) count: usize,
}

/// Where the result goes: rows `stride` values apart; the first begins at the start of `values`.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The first row and what follows it.
    pub(super) values: &'a mut [f32],
    /// Values from one row to the next.
    pub(super) stride: usize,
}

/// `target = activation(left × right + bias)`.
pub(super) fn product(arch: Arch, left: Rows<'_>, right: &Panels, activation: Activation, target: Target<'_>) {
    if left.count > 0 && right.columns > 0 {
        arch.dispatch(Product { left, right, activation, target });
    }
}

struct Product<'a> {
    left: Rows<'a>,
    right: &'a Panels,
    activation: Activation,
    target: Target<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Tiles of rows × registers that fill the register file and leave room for one row of the panel.
        match S::F32_LANES {
            16 => self.run::<S, 8, 2>(simd),
            8 => self.run::<S, 3, 4>(simd),
            4 => self.run::<S, 3, 8>(simd),
            _ => self.run::<S, 1, PANEL>(simd),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const M: usize, const N: usize>(self, simd: S) {
        let Self { left, right, activation, target } = self;
        let depth = right.depth;
        for panel in 0..right.bias.len() / PANEL {
            let first = panel * PANEL;
            let width = PANEL.min(right.columns - first);
            let weights = &right.values[panel * depth..][..depth];
            let Some(bias) = S::as_simd_f32s(&right.bias[first..][..PANEL]).0.first_chunk::<N>() else { continue };
            for row in (0..left.count).step_by(M) {
                // A tile that hangs over the end computes the last row again and stores it once.
                let mut rows: [&[f32]; M] = [&[]; M];
                for (m, slot) in rows.iter_mut().enumerate() {
                    let row = (row + m).min(left.count - 1);
                    *slot = &left.values[row * left.stride..][..weights.len()];
                }
                let tile = tile::<S, M, N>(simd, rows, weights, *bias);
                for (m, sums) in tile.into_iter().take(left.count - row).enumerate() {
                    let mut finished = [0.0; PANEL];
                    let registers = S::as_mut_simd_f32s(&mut finished).0;
                    for (register, sum) in registers.iter_mut().zip(sums) {
                        *register = activation.apply(simd, sum);
                    }
                    let place = &mut target.values[(row + m) * target.stride + first..][..width];
                    match place.as_mut_array::<PANEL>() {
                        Some(place) => *place = finished,
                        None => place.copy_from_slice(&finished[..width]),
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn tile<S: Simd, const M: usize, const N: usize>(
    simd: S,
    rows: [&[f32]; M],
    panel: &[Line],
    bias: [S::f32s; N],
) -> [[S::f32s; N]; M] {
    // The same length for all, known to the compiler: no bounds check is left in the loop.
    let mut cut: [&[f32]; M] = [&[]; M];
    for (cut, row) in cut.iter_mut().zip(rows) {
        *cut = &row[..panel.len()];
    }
    let mut sums = [bias; M];
    for (k, line) in panel.iter().enumerate() {
        let weights = S::as_simd_f32s(&line.0).0;
        for (sums, row) in sums.iter_mut().zip(cut) {
            let value = simd.splat_f32s(row[k]);
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(value, weight, *sum);
            }
        }
    }
    sums
}

/// Every kind of register that this machine has, the narrowest included, for tests; says which it lacks.
#[cfg(test)]
pub(super) fn every_machine() -> Vec<Arch> {
    let mut machines = vec![Arch::new(), Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        use std::io::Write as _;
        static SAID: std::sync::Once = std::sync::Once::new();
        let narrower = pulp::x86::V3::try_new().map(Arch::V3);
        SAID.call_once(|| {
            for (found, name) in [(matches!(machines[0], Arch::V4(_)), "AVX-512"), (narrower.is_some(), "AVX2")] {
                if !found {
                    let _ = writeln!(std::io::stderr(), "{name} not tested: this processor lacks it");
                }
            }
        });
        machines.extend(narrower);
    }
    machines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in double precision, and the sum of the sizes of what it adds.
    fn naive(left: &[f32], weights: &[f32], bias: &[f32], depth: usize, count: usize) -> Vec<[f64; 2]> {
        let mut values = Vec::new();
        for row in 0..count {
            for (column, bias) in bias.iter().enumerate() {
                let products =
                    (0..depth).map(|k| f64::from(left[row * depth + k]) * f64::from(weights[column * depth + k]));
                let start = [f64::from(*bias), f64::from(*bias).abs()];
                values.push(products.fold(start, |[sum, size], x| [sum + x, size + x.abs()]));
            }
        }
        values
    }

    /// Holds a product of these sizes to the definition, on every kind of machine.
    fn check([count, depth, columns]: [usize; 3], seed: &[f32]) {
        let cycle = |skip: usize, length: usize| -> Vec<f32> {
            (0..length).map(|i| seed[(i * 7 + i / 64 + skip) % 64]).collect()
        };
        let (left, weights, bias) = (cycle(0, count * depth), cycle(11, columns * depth), cycle(5, columns));
        let expected = naive(&left, &weights, &bias, depth, count);
        let transposed: Vec<f32> =
            (0..depth).flat_map(|k| (0..columns).map(move |c| c * depth + k)).map(|i| weights[i]).collect();
        let linear = Panels::linear(&weights, &bias, depth);
        let mut set = Panels::default();
        set.set(Arch::new(), transposed.chunks_exact(columns.max(1)), [depth, columns]);
        set.bias[..columns].copy_from_slice(&bias);
        for arch in every_machine() {
            for right in [&linear, &set] {
                let rows = Rows { values: &left, stride: depth, count };
                let mut found = vec![f32::NAN; count * columns];
                let target = Target { values: &mut found, stride: columns };
                product(arch, rows, right, Activation::None, target);
                for (found, [expected, size]) in found.iter().zip(&expected) {
                    let error = (f64::from(*found) - expected).abs();
                    assert!(error < (4e-7 * size).max(1e-4), "{found} {expected}, {count} x {depth} x {columns}");
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_product_is_what_the_definition_says_on_every_kind_of_machine(
            count in 0usize..20,
            depth in 0usize..70,
            columns in 0usize..70,
            seed in proptest::collection::vec(-2f32..2.0, 64),
        ) {
            check([count, depth, columns], &seed);
        }
    }

    #[test]
    fn a_product_as_long_as_the_longest_text_is_what_the_definition_says() {
        let seed: Vec<f32> = (0..64).map(|i| ((i * 29 % 64) as f32 - 31.5) / 16.0).collect();
        for count in [63, 64, 65, 511, 512] {
            check([count, 33, 33], &seed);
        }
        // As scores times values, whose depth is the number of keys.
        for depth in [511, 512] {
            check([9, depth, 31], &seed);
        }
        check([2, 5, 512], &seed);
    }
}
