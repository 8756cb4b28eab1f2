//! What happens to a row between two products? Activations, scaled softmax, residual and layer normalisation.
//!
//! Written over pulp's vectors, so that one text serves every width of register, chosen when the program runs.

#![expect(
    clippy::inline_always,
    reason = "code that is not inlined into pulp's dispatch is compiled without its registers"
)]

use std::f32::consts::{LN_2, LOG2_E};

use pulp::{Arch, Simd, WithSimd};

/// What is done to each value of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// Nothing.
    None,
    /// `x Φ(x)`, the Gaussian error linear unit.
    Gelu,
    /// Its older approximation by a hyperbolic tangent.
    GeluTanh,
    /// Negative values become 0.
    Relu,
}

impl Activation {
    #[inline(always)]
    pub(super) fn apply<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        match self {
            Self::None => x,
            Self::Gelu => gelu(simd, x),
            Self::GeluTanh => gelu_tanh(simd, x),
            Self::Relu => simd.max_f32s(x, simd.splat_f32s(0.0)),
        }
    }
}

/// `activation` of each of `values`, in place.
pub(super) fn activate(arch: Arch, activation: Activation, values: &mut [f32]) {
    if activation != Activation::None {
        arch.dispatch(Activate { activation, values });
    }
}

struct Activate<'a> {
    activation: Activation,
    values: &'a mut [f32],
}

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (registers, rest) = S::as_mut_simd_f32s(self.values);
        for x in registers {
            *x = self.activation.apply(simd, *x);
        }
        for value in rest {
            let mut register = simd.splat_f32s(*value);
            register = self.activation.apply(simd, register);
            if let Some(first) = pulp::bytemuck::cast_slice(std::slice::from_ref(&register)).first() {
                *value = *first;
            }
        }
    }
}

/// `softmax(scale × row[..keys])` in place, for each row of `width` values; what lies beyond `keys` becomes 0.
pub(super) fn softmax(arch: Arch, rows: &mut [f32], width: usize, keys: usize, scale: f32) {
    for row in rows.chunks_exact_mut(width.max(1)) {
        row[keys..].fill(f32::NEG_INFINITY);
        arch.dispatch(Softmax { row, scale });
        row[keys..].fill(0.0);
    }
}

struct Softmax<'a> {
    row: &'a mut [f32],
    scale: f32,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // A row is whole panels wide, which are whole registers: there is no rest.
        let registers = S::as_mut_simd_f32s(self.row).0;
        let lowest = simd.splat_f32s(f32::NEG_INFINITY);
        let largest = registers.iter().fold(lowest, |largest, x| simd.max_f32s(largest, *x));
        let largest = simd.splat_f32s(simd.reduce_max_f32s(largest));
        let scale = simd.splat_f32s(self.scale * LOG2_E);
        let mut sum = simd.splat_f32s(0.0);
        for x in registers.iter_mut() {
            *x = exp2(simd, simd.mul_f32s(simd.sub_f32s(*x, largest), scale));
            sum = simd.add_f32s(sum, *x);
        }
        let inverse = simd.splat_f32s(1.0 / simd.reduce_sum_f32s(sum));
        for x in registers {
            *x = simd.mul_f32s(*x, inverse);
        }
    }
}

/// Layer normalisation: gain, shift (as long as a row) and the term that keeps a flat row finite.
#[derive(Debug, Clone)]
pub(super) struct LayerNorm {
    pub(super) gain: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) epsilon: f32,
}

impl LayerNorm {
    /// Each row of `rows` becomes the normalised sum of itself and its row of `added`.
    pub(super) fn add_and_normalise(&self, arch: Arch, rows: &mut [f32], added: &[f32]) {
        let width = self.gain.len();
        for (row, added) in rows.chunks_exact_mut(width).zip(added.chunks_exact(width)) {
            arch.dispatch(AddAndNormalise { norm: self, row, added });
        }
    }
}

struct AddAndNormalise<'a> {
    norm: &'a LayerNorm,
    row: &'a mut [f32],
    added: &'a [f32],
}

impl WithSimd for AddAndNormalise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.row.len() as f32;
        let (row, row_rest) = S::as_mut_simd_f32s(self.row);
        let (added, added_rest) = S::as_simd_f32s(self.added);
        let mut sum = simd.splat_f32s(0.0);
        for (x, added) in row.iter_mut().zip(added) {
            *x = simd.add_f32s(*x, *added);
            sum = simd.add_f32s(sum, *x);
        }
        row_rest.iter_mut().zip(added_rest).for_each(|(x, added)| *x += added);
        let mean = (simd.reduce_sum_f32s(sum) + row_rest.iter().sum::<f32>()) / width;
        let means = simd.splat_f32s(mean);
        let mut squares = simd.splat_f32s(0.0);
        for x in row.iter() {
            let centred = simd.sub_f32s(*x, means);
            squares = simd.mul_add_e_f32s(centred, centred, squares);
        }
        let rest: f32 = row_rest.iter().map(|x| (x - mean) * (x - mean)).sum();
        let variance = (simd.reduce_sum_f32s(squares) + rest) / width;
        let inverse = 1.0 / (variance + self.norm.epsilon).sqrt();
        let inverses = simd.splat_f32s(inverse);
        let (gain, gain_rest) = S::as_simd_f32s(&self.norm.gain);
        let (shift, shift_rest) = S::as_simd_f32s(&self.norm.shift);
        for ((x, gain), shift) in row.iter_mut().zip(gain).zip(shift) {
            let normal = simd.mul_f32s(simd.sub_f32s(*x, means), inverses);
            *x = simd.mul_add_e_f32s(normal, *gain, *shift);
        }
        for ((x, gain), shift) in row_rest.iter_mut().zip(gain_rest).zip(shift_rest) {
            *x = (*x - mean) * inverse * gain + shift;
        }
    }
}

/// Coefficients of `g` in `Φ(-a) = 2^(a g(a) - 1)`, a ≥ 0: our own weighted least-maximum fit over 0 to 6. Writing
/// the tail of the normal distribution as a power needs no division and keeps `erf` within 2e-7.
const TAIL: [f32; 8] = [
    -1.151_105_2,
    -0.459_208_2,
    -0.052_496_146,
    0.007_063_335,
    -0.000_136_843_97,
    -0.000_186_228_3,
    3.938_955_3e-5,
    -2.836_026_6e-6,
];

/// Coefficients of `2^r`, |r| ≤ 1/2, relative error under 1e-8: our own fit, exact at 0.
const POWER: [f32; 7] = [1.0, LN_2, 0.240_226_48, 0.055_503_324, 0.009_618_437, 0.001_339_888_1, 0.000_153_534_04];

/// `x Φ(x)` with Φ the normal distribution.
#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    // Pulp's own `abs` and `neg` are not inlined and would cost more than all the rest.
    let size = simd.max_f32s(x, simd.sub_f32s(simd.splat_f32s(0.0), x));
    let tail = exp2(simd, simd.mul_add_e_f32s(polynomial(simd, size, &TAIL), size, simd.splat_f32s(-1.0)));
    let negative = simd.less_than_f32s(x, simd.splat_f32s(0.0));
    simd.mul_f32s(x, simd.select_f32s(negative, tail, simd.sub_f32s(one, tail)))
}

/// `x / (1 + exp(-2 u))`, `u = √(2/π) (x + 0.044715 x³)`: the same as `x/2 (1 + tanh u)`.
#[inline(always)]
fn gelu_tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // -2 √(2/π) log2(e), and the same times 0.044715.
    let slope = simd.splat_f32s(-2.302_208_2);
    let cubic = simd.splat_f32s(-0.102_943_24);
    let square = simd.mul_f32s(x, x);
    let exponent = simd.mul_f32s(x, simd.mul_add_e_f32s(square, cubic, slope));
    simd.div_f32s(x, simd.add_f32s(simd.splat_f32s(1.0), exp2(simd, exponent)))
}

/// `2^x` within 1e-7 of itself, for x cut to -126..126.
#[inline(always)]
fn exp2<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let x = simd.min_f32s(simd.max_f32s(x, simd.splat_f32s(-126.0)), simd.splat_f32s(126.0));
    // Added to a number this large, x leaves its rounded self, plus the exponent's bias, in the lowest bits.
    let magic = simd.splat_f32s(12_582_912.0 + 127.0);
    let shifted = simd.add_f32s(x, magic);
    let fraction = simd.sub_f32s(x, simd.sub_f32s(shifted, magic));
    let bits = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.mul_f32s(polynomial(simd, fraction, &POWER), simd.transmute_f32s_u32s(bits))
}

#[inline(always)]
fn polynomial<S: Simd>(simd: S, x: S::f32s, coefficients: &[f32]) -> S::f32s {
    let Some((last, rest)) = coefficients.split_last() else { return simd.splat_f32s(0.0) };
    rest.iter().rev().fold(simd.splat_f32s(*last), |sum, c| simd.mul_add_e_f32s(sum, x, simd.splat_f32s(*c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::arch::product::every_machine;

    /// Applies a function of registers to plain values, one register at a time.
    struct Map<'a>(&'a mut [f32], Activation);

    impl WithSimd for Map<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in S::as_mut_simd_f32s(self.0).0 {
                *x = self.1.apply(simd, *x);
            }
        }
    }

    struct Exp2<'a>(&'a mut [f32]);

    impl WithSimd for Exp2<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            S::as_mut_simd_f32s(self.0).0.iter_mut().for_each(|x| *x = exp2(simd, *x));
        }
    }

    /// Multiples of a thousandth from -128 to 128.
    fn grid() -> Vec<f32> {
        (-128_000_i32..128_000).map(|i| i as f32 / 1_000.0).collect()
    }

    /// The error function by its series, and by its continued fraction where the series cancels; to 1e-14.
    fn erf(x: f64) -> f64 {
        if x.abs() > 3.0 {
            let fraction = (1..=60).rev().fold(0.0, |below, k| f64::from(k) / 2.0 / (x.abs() + below));
            let tail = (-x * x).exp() / std::f64::consts::PI.sqrt() / (x.abs() + fraction);
            return (1.0 - tail).copysign(x);
        }
        let mut term = x;
        let mut sum = x;
        for n in 1..80 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    #[test]
    fn powers_of_two_are_within_a_ten_millionth() {
        for arch in every_machine() {
            let mut found: Vec<f32> = grid();
            arch.dispatch(Exp2(&mut found));
            for (x, found) in grid().into_iter().zip(found) {
                let expected = f64::from(x.clamp(-126.0, 126.0)).exp2();
                assert!((f64::from(found) / expected - 1.0).abs() < 1e-7, "2^{x} = {found}");
            }
        }
    }

    #[test]
    fn activations_are_their_definitions() {
        let check = |activation: Activation, expected: fn(f64) -> f64| {
            for arch in every_machine() {
                let mut found: Vec<f32> = grid();
                arch.dispatch(Map(&mut found, activation));
                for (x, found) in grid().into_iter().zip(found) {
                    let expected = expected(f64::from(x));
                    // The error of Φ, which is half of erf's, and one rounding; both times x.
                    let allowed = 1.2e-7 * f64::from(x.abs()).max(1.0);
                    assert!(
                        (f64::from(found) - expected).abs() <= allowed,
                        "{activation:?}({x}) = {found}, not {expected}"
                    );
                }
            }
        };
        check(Activation::None, |x| x);
        check(Activation::Relu, |x| x.max(0.0));
        check(Activation::Gelu, |x| x / 2.0 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)));
        check(Activation::GeluTanh, |x| {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            x / 2.0 * (1.0 + u.tanh())
        });
    }

    #[test]
    fn softmax_is_its_definition_over_the_keys_and_gives_nothing_to_the_rest() {
        for (width, keys) in [(32, 1), (32, 5), (32, 32), (64, 33), (512, 511), (512, 512)] {
            let before: Vec<f32> = (0..2 * width).map(|i| (i * i % 7) as f32 * 9.0).collect();
            for arch in every_machine() {
                let mut rows = before.clone();
                softmax(arch, &mut rows, width, keys, 0.5);
                for (row, before) in rows.chunks_exact(width).zip(before.chunks_exact(width)) {
                    let powers: Vec<f64> = before[..keys].iter().map(|x| (f64::from(*x) * 0.5).exp()).collect();
                    let sum: f64 = powers.iter().sum();
                    for (found, power) in row.iter().zip(&powers) {
                        assert!((f64::from(*found) - power / sum).abs() < 1e-6, "{arch:?}, {keys} keys: {found}");
                    }
                    assert!(row[keys..].iter().all(|x| *x == 0.0), "{arch:?}, {keys} keys");
                }
            }
        }
    }

    #[test]
    fn an_activation_in_place_reaches_every_value() {
        for arch in every_machine() {
            for length in [0, 1, 15, 17, 33] {
                let mut values: Vec<f32> = (0..length).map(|i| i as f32 - 20.5).collect();
                let expected: Vec<f32> = values.iter().map(|x| x.max(0.0)).collect();
                activate(arch, Activation::Relu, &mut values);
                assert_eq!(values, expected, "{arch:?}");
            }
        }
    }

    #[test]
    fn a_normalised_row_has_mean_nought_and_deviation_one_at_any_width() {
        for width in [1, 2, 15, 16, 17, 48, 100, 511, 512] {
            let norm = LayerNorm { gain: vec![2.0; width], shift: vec![1.0; width], epsilon: 1e-12 };
            let start: Vec<f32> = (0..2 * width).map(|i| (i * i % 11) as f32 + 5.0).collect();
            let added: Vec<f32> = (0..2 * width).map(|i| (i % 3) as f32).collect();
            let before: Vec<f64> = start.iter().zip(&added).map(|(a, b)| f64::from(a + b)).collect();
            let normalised = |arch: Arch| {
                let mut rows = start.clone();
                norm.add_and_normalise(arch, &mut rows, &added);
                rows
            };
            // All rows of all machines, beside what each was.
            let rows: Vec<f32> = every_machine().into_iter().flat_map(normalised).collect();
            for (row, before) in rows.chunks_exact(width).zip(before.chunks_exact(width).cycle()) {
                let mean = before.iter().sum::<f64>() / width as f64;
                let variance = before.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
                for (found, x) in row.iter().zip(before) {
                    let expected = (x - mean) / (variance + 1e-12).sqrt() * 2.0 + 1.0;
                    assert!((f64::from(*found) - expected).abs() < 1e-5, "width {width}: {found}, not {expected}");
                }
            }
        }
    }
}
