//! What is a matrix of bytes times another? The products of a model whose weights are stored as 8-bit groups.
//!
//! Weights are signed bytes `w` with a scale `t` for each group along the depth; a row that comes in is bytes `u` with a
//! scale `s` and a middle `m` for each group, since what comes in is often lopsided. A product is the sum over the
//! groups of `t s Σ u w + t m Σ w`. The inner sums are of whole numbers, hence exact, and the outer one is taken in
//! order with one rounding a step: every machine gives the same bits, whatever the rows around a row.

#![expect(
    clippy::inline_always,
    reason = "code that is not inlined into pulp's dispatch is compiled without its registers"
)]

use pulp::{Arch, Simd, WithSimd};

use super::byte_kernel::{self, Machine};
use super::product::{Aligned, PANEL, Rows, Target};
use crate::checkpoint::ByteMatrix;

/// Values along the depth that the inner loop takes at a time.
pub(super) const QUAD: usize = 4;

/// Added to the bytes of a row that comes in, which machines want unsigned.
pub(super) const OFFSET: i32 = 128;

/// A right-hand matrix (depth × columns) in panels of [`PANEL`] columns; the last one is filled up with zeros.
#[derive(Debug, Clone)]
pub(super) struct BytePanels {
    depth: usize,
    columns: usize,
    /// Values along the depth that share a scale: a multiple of [`QUAD`] that divides the depth.
    group: usize,
    /// Panel after panel, within it quad after quad of the depth, within it the four bytes of each column.
    bytes: Vec<Aligned<[i8; PANEL * QUAD]>>,
    /// Panel after panel, one row a group: what each column's sum is multiplied with.
    scales: Vec<Aligned<[f32; PANEL]>>,
    /// In the order of `scales`: minus [`OFFSET`] times the sum of each column's bytes.
    corrections: Vec<Aligned<[i32; PANEL]>>,
    bias: Vec<Aligned<[f32; PANEL]>>,
}

/// One panel, as the inner loops take it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) group: usize,
    pub(super) bytes: &'a [Aligned<[i8; PANEL * QUAD]>],
    pub(super) scales: &'a [Aligned<[f32; PANEL]>],
    pub(super) corrections: &'a [Aligned<[i32; PANEL]>],
    pub(super) bias: &'a [f32; PANEL],
}

impl BytePanels {
    /// Lays out the transposes of `parts` (each columns × depth, as PyTorch stores a linear layer) side by side, with
    /// their `bias`. Groups longer than `longest` are halved until they are not, so that what comes in has finer steps.
    /// None if the groups cannot be computed with: they differ, or are no multiples of [`QUAD`].
    pub(super) fn linear(parts: &[ByteMatrix], bias: &[f32], longest: usize) -> Option<Self> {
        let first = parts.first()?;
        let (depth, stored) = (first.shape[1], first.group());
        let even = |part: &ByteMatrix| part.shape[1] == depth && part.group() == stored;
        let mut group = stored;
        while group > longest && group.is_multiple_of(2 * QUAD) {
            group /= 2;
        }
        if !group.is_multiple_of(QUAD) || !depth.is_multiple_of(group) || !parts.iter().all(even) {
            return None;
        }
        let panels = bias.len().div_ceil(PANEL);
        let (quads, groups) = (depth / QUAD, depth / group);
        let mut bytes = vec![Aligned([0; PANEL * QUAD]); panels * quads];
        let mut scales = vec![Aligned([0.0; PANEL]); panels * groups];
        let mut corrections = vec![Aligned([0; PANEL]); panels * groups];
        let rows =
            parts.iter().flat_map(|part| part.bytes.chunks_exact(depth).zip(part.scales.chunks_exact(depth / stored)));
        for (column, (row, row_scales)) in rows.enumerate() {
            let (panel, place) = (column / PANEL, column % PANEL);
            for (quad, four) in bytes[panel * quads..].iter_mut().zip(row.as_chunks::<QUAD>().0) {
                // A byte of -128, which packing never writes, has no opposite; AVX2 needs one.
                quad.0[place * QUAD..][..QUAD].copy_from_slice(&four.map(|byte| byte.cast_signed().max(-127)));
            }
            for (index, target) in scales[panel * groups..][..groups].iter_mut().enumerate() {
                target.0[place] = row_scales[index * group / stored];
            }
            for (target, group) in corrections[panel * groups..].iter_mut().zip(row.chunks_exact(group)) {
                let sum: i32 = group.iter().map(|byte| i32::from(byte.cast_signed().max(-127))).sum();
                target.0[place] = -OFFSET * sum;
            }
        }
        let mut padded = vec![Aligned([0.0; PANEL]); panels];
        for (target, part) in padded.iter_mut().zip(bias.chunks(PANEL)) {
            target.0[..part.len()].copy_from_slice(part);
        }
        Some(Self { depth, columns: bias.len(), group, bytes, scales, corrections, bias: padded })
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    fn panel(&self, index: usize) -> Panel<'_> {
        let (quads, groups) = (self.depth / QUAD, self.depth / self.group);
        Panel {
            group: self.group,
            bytes: &self.bytes[index * quads..][..quads],
            scales: &self.scales[index * groups..][..groups],
            corrections: &self.corrections[index * groups..][..groups],
            bias: &self.bias[index].0,
        }
    }
}

/// Rows of bytes, [`OFFSET`] added to each; its memory is kept from one use to the next.
#[derive(Debug, Default)]
pub(super) struct ByteRows {
    depth: usize,
    groups: usize,
    bytes: Vec<u8>,
    steps: Vec<Step>,
    /// One row, rounded and not yet narrowed to bytes: the compiler does the two well only apart.
    rounded: Vec<f32>,
}

/// What the bytes of a group stand for: `scale × (byte - OFFSET) + middle`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Step {
    pub(super) scale: f32,
    /// Minus the middle divided by [`OFFSET`], since that is what corrections are multiplied with.
    pub(super) shift: f32,
}

impl ByteRows {
    /// Becomes `left` in groups as long as those of `right`: each group's range in 255 equal steps, halves to even.
    pub(super) fn set(&mut self, arch: Arch, left: Rows<'_>, right: &BytePanels) {
        (self.depth, self.groups) = (right.depth, right.depth / right.group);
        self.bytes.resize(left.count * self.depth, 0);
        self.steps.resize(left.count * self.groups, Step::default());
        self.rounded.resize(self.depth, 0.0);
        let rows = self.bytes.chunks_exact_mut(self.depth.max(1)).zip(self.steps.chunks_exact_mut(self.groups.max(1)));
        for (index, (bytes, steps)) in rows.enumerate() {
            let values = &left.values[index * left.stride..][..self.depth];
            arch.dispatch(Quantise { values, rounded: &mut self.rounded, bytes, steps, group: right.group });
        }
    }

    /// How many rows.
    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.bytes.len() / self.depth.max(1)
    }

    /// Bytes and steps of row `index`.
    #[inline(always)]
    pub(super) fn row(&self, index: usize) -> (&[u8], &[Step]) {
        (
            &self.bytes[index * self.depth..(index + 1) * self.depth],
            &self.steps[index * self.groups..(index + 1) * self.groups],
        )
    }
}

struct Quantise<'a> {
    values: &'a [f32],
    rounded: &'a mut [f32],
    bytes: &'a mut [u8],
    steps: &'a mut [Step],
    group: usize,
}

impl WithSimd for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let groups = self.values.chunks_exact(self.group).zip(self.rounded.chunks_exact_mut(self.group));
        for ((values, rounded), step) in groups.zip(self.steps) {
            *step = quantise(simd, values, rounded);
        }
        for (byte, rounded) in self.bytes.iter_mut().zip(self.rounded) {
            *byte = rounded.to_bits() as u8;
        }
    }
}

/// Bytes for `values`, [`OFFSET`] added, each in the lowest bits of its number in `rounded`, and what they stand for.
#[inline(always)]
fn quantise<S: Simd>(simd: S, values: &[f32], rounded: &mut [f32]) -> Step {
    let (registers, rest) = S::as_simd_f32s(values);
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    if let Some((first, others)) = registers.split_first() {
        let (mut least, mut most) = (*first, *first);
        for x in others {
            least = simd.min_f32s(least, *x);
            most = simd.max_f32s(most, *x);
        }
        (low, high) = (simd.reduce_min_f32s(least), simd.reduce_max_f32s(most));
    }
    for x in rest {
        low = if *x < low { *x } else { low };
        high = if *x > high { *x } else { high };
    }
    let scale = (high - low) / 255.0;
    // Below this the inverse would overflow; such a group is as good as flat.
    let flat = scale < 1e-30;
    let (scale, inverse) = if flat { (0.0, 0.0) } else { (scale, 1.0 / scale) };
    // Added to a number this large, x leaves its rounded self in the lowest bits.
    let magic = 12_582_912.0 + if flat { OFFSET as f32 } else { 0.0 };
    let (rounded, rounded_rest) = S::as_mut_simd_f32s(rounded);
    let (lows, inverses, magics) = (simd.splat_f32s(low), simd.splat_f32s(inverse), simd.splat_f32s(magic));
    for (rounded, x) in rounded.iter_mut().zip(registers) {
        *rounded = simd.add_f32s(simd.mul_f32s(simd.sub_f32s(*x, lows), inverses), magics);
    }
    for (rounded, x) in rounded_rest.iter_mut().zip(rest) {
        *rounded = (x - low) * inverse + magic;
    }
    Step { scale, shift: -(low + scale * OFFSET as f32) / OFFSET as f32 }
}

/// `target = left × right + bias`.
pub(super) fn byte_product(machine: Machine, left: &ByteRows, right: &BytePanels, target: &mut Target<'_>) {
    for index in 0..right.bias.len() {
        byte_kernel::panel(machine, left, right.panel(index), target, index * PANEL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::borrow::Cow;

    use crate::arch::byte_kernel::every_machine;
    use crate::arch::product;

    /// `rows × columns` bytes and scales out of a few numbers.
    fn matrix(rows: usize, columns: usize, group: usize, seed: &[i8]) -> ByteMatrix {
        let cycle = |i: usize| seed[(i * 7 + i / seed.len()) % seed.len()];
        let bytes: Vec<u8> = (0..rows * columns).map(|i| cycle(i).max(-127).cast_unsigned()).collect();
        let scales = (0..rows * columns / group.max(1)).map(|i| f32::from(cycle(i + 3)).abs() / 500.0).collect();
        ByteMatrix { bytes: Cow::Owned(bytes), scales, shape: [rows, columns] }
    }

    /// What is multiplied.
    struct Case<'a> {
        /// Rows that come in.
        count: usize,
        /// Groups of a row, and values of a group.
        groups: [usize; 2],
        /// Columns of each part.
        columns: &'a [usize],
        /// What the numbers are made of.
        seed: &'a [i8],
        /// What the values that come in are multiplied with.
        scale: f32,
        /// Most values of a group that is computed with.
        longest: usize,
    }

    /// Holds a product to the definition on plain code, and every kind of machine to plain code, to the bit.
    fn check(case: &Case<'_>) {
        let &Case { count, groups: [groups, group], columns, seed, scale, longest } = case;
        let depth = groups * group;
        let parts: Vec<ByteMatrix> = columns.iter().map(|&columns| matrix(columns, depth, group, seed)).collect();
        let columns: usize = columns.iter().sum();
        let cycle = |i: usize| f32::from(seed[i % seed.len()]);
        let bias: Vec<f32> = (0..columns).map(cycle).collect();
        let values: Vec<f32> = (0..count * depth).map(|i| cycle(i * 5) * scale).collect();
        let right = BytePanels::linear(&parts, &bias, longest).expect("groups of fours");
        let mut left = ByteRows::default();
        left.set(Arch::new(), Rows { values: &values, stride: depth, count }, &right);
        let product = |machine: Machine| {
            let mut found = vec![f32::NAN; count * columns];
            byte_product(machine, &left, &right, &mut Target { values: &mut found, stride: columns });
            found
        };
        let machines = every_machine();
        // Plain code is the last.
        let plain = product(machines[machines.len() - 1]);
        for machine in machines {
            assert_eq!(plain, product(machine), "{machine:?}, {count} x {depth} x {columns}");
        }
        let weights: Vec<f32> = parts.iter().flat_map(|part| part.array().values).collect();
        for row in 0..count {
            let (bytes, steps) = left.row(row);
            for column in 0..columns {
                let weights = &weights[column * depth..][..depth];
                let terms = bytes.iter().zip(weights).enumerate().map(|(k, (byte, weight))| {
                    let step = steps[k / right.group];
                    let parts =
                        f64::from(i32::from(*byte)) * f64::from(step.scale) + f64::from(step.shift).abs() * 256.0;
                    (value(*byte, step) * f64::from(*weight), parts * f64::from(*weight).abs())
                });
                let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), (term, part)| (sum + term, size + part));
                let expected = sum + f64::from(bias[column]);
                let error = (f64::from(plain[row * columns + column]) - expected).abs();
                assert!(error <= 2e-6 * (size + expected.abs()) + 1e-12, "{error} of {size}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_product_of_bytes_is_what_the_definition_says_to_the_bit_on_every_kind_of_machine(
            count in 0usize..20,
            groups in 1usize..17,
            group in proptest::sample::select(vec![4usize, 16, 32, 36]),
            columns in proptest::collection::vec(1usize..50, 1..3),
            seed in proptest::collection::vec(proptest::num::i8::ANY, 61),
            scale in proptest::sample::select(vec![0.0f32, 1e-3, 1.0, 1e4]),
            longest in proptest::sample::select(vec![4usize, 16, 100]),
        ) {
            check(&Case { count, groups: [groups, group], columns: &columns, seed: &seed, scale, longest });
        }

        #[test]
        fn a_quantised_value_is_within_half_a_step(
            values in proptest::collection::vec(-1e5f32..1e5, 1..70),
            middle in -1e6f32..1e6,
        ) {
            let values: Vec<f32> = values.iter().map(|x| x + middle).collect();
            let (bytes, step) = quantised(&values);
            for (byte, x) in bytes.iter().zip(&values) {
                let error = (value(*byte, step) - f64::from(*x)).abs();
                // Half a step, and the roundings of numbers as large as the middle.
                proptest::prop_assert!(error <= f64::from(step.scale) * 0.501 + 0.5, "{error} at {x}, {step:?}");
            }
        }
    }

    #[test]
    fn a_product_of_bytes_holds_for_every_height_of_a_tile_and_the_longest_text() {
        let seed: Vec<i8> = (0..61_i8).map(|i| i.wrapping_mul(37)).collect();
        let check = |count: usize, groups: [usize; 2], columns: &[usize]| {
            check(&Case { count, groups, columns, seed: &seed, scale: 0.1, longest: 16 });
        };
        for count in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 63, 64, 65, 511, 512] {
            check(count, [2, 32], &[33]);
            check(count, [1, 4], &[0]);
        }
        check(7, [48, 32], &[1, 32, 32]);
        check(2, [1, 4], &[511, 512]);
    }

    /// Bytes for one group of `values`, and what they stand for: the same on every kind of machine.
    fn quantised(values: &[f32]) -> (Vec<u8>, Step) {
        let on = |arch: Arch| {
            let (mut bytes, mut rounded, mut steps) =
                (vec![1; values.len()], vec![0.0; values.len()], [Step::default()]);
            let group = values.len();
            arch.dispatch(Quantise { values, rounded: &mut rounded, bytes: &mut bytes, steps: &mut steps, group });
            (bytes, steps[0])
        };
        let found = on(Arch::Scalar);
        for arch in product::every_machine() {
            assert_eq!(found, on(arch), "{arch:?} {values:?}");
        }
        found
    }

    /// What a byte of a row stands for.
    fn value(byte: u8, step: Step) -> f64 {
        let Step { scale, shift } = step;
        f64::from(i32::from(byte) - OFFSET) * f64::from(scale) - f64::from(OFFSET) * f64::from(shift)
    }

    #[test]
    fn a_flat_group_is_its_value() {
        for x in [0.0, 1e-38, -1e-31, 1e-45, 5.0, -3e9] {
            let (bytes, step) = quantised(&[x; 37]);
            assert_eq!((bytes, step.scale), (vec![128; 37], 0.0));
            assert!(
                (value(128, step) - f64::from(x)).abs() <= f64::from(x.abs()) * 1e-7 + 1e-42,
                "{x} became {step:?}"
            );
        }
    }

    #[test]
    fn groups_that_cannot_be_computed_with_are_refused() {
        let seed = [1, -2, 3];
        let check = |parts: &[ByteMatrix], expected: bool| {
            let columns = parts.iter().map(|part| part.shape[0]).sum();
            assert_eq!(BytePanels::linear(parts, &vec![0.0; columns], 32).is_some(), expected);
        };
        check(&[matrix(3, 8, 4, &seed), matrix(2, 8, 4, &seed)], true);
        check(&[matrix(3, 8, 8, &seed)], true);
        check(&[matrix(3, 8, 2, &seed)], false);
        check(&[matrix(3, 0, 0, &seed)], false);
        check(&[], false);
        check(&[matrix(3, 8, 4, &seed), matrix(2, 8, 8, &seed)], false);
        check(&[matrix(3, 8, 4, &seed), matrix(2, 4, 4, &seed)], false);
    }
}
