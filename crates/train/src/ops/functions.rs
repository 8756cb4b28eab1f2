//! Exponential and normal distribution, in f32 as a compiler can lay into vector registers, in f64 as exact as can be.

#![expect(
    clippy::inline_always,
    reason = "code that is not inlined into pulp's dispatch is compiled without its registers"
)]

/// Functions of f32.
pub(super) mod single {
    use std::f32::consts::LOG2_E;

    /// Coefficients of `g` in `Φ(-a) = 2^(a g(a) - 1)`, a ≥ 0: the encoder's fit, which keeps `erf` within 2e-7.
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

    /// Coefficients of `2^r`, |r| ≤ 1/2, relative error under 1e-8: the encoder's fit.
    const POWER: [f32; 7] =
        [1.0, std::f32::consts::LN_2, 0.240_226_48, 0.055_503_324, 0.009_618_437, 0.001_339_888_1, 0.000_153_534_04];

    /// Added to a number this large, x leaves its rounded self, plus the exponent's bias, in the lowest bits.
    const MAGIC: f32 = 12_582_912.0 + 127.0;

    /// `e^x`.
    #[inline(always)]
    pub(in crate::ops) fn power(x: f32) -> f32 {
        exp2(x * LOG2_E)
    }

    /// `2^x`, for x cut to -126..126.
    #[inline(always)]
    fn exp2(x: f32) -> f32 {
        let x = x.clamp(-126.0, 126.0);
        let shifted = x + MAGIC;
        let fraction = x - (shifted - MAGIC);
        polynomial(fraction, &POWER) * f32::from_bits(shifted.to_bits() << 23)
    }

    /// Φ(x).
    #[inline(always)]
    pub(in crate::ops) fn below(x: f32) -> f32 {
        let size = x.abs();
        let tail = exp2(polynomial(size, &TAIL) * size - 1.0);
        if x < 0.0 { tail } else { 1.0 - tail }
    }

    #[inline(always)]
    fn polynomial<const N: usize>(x: f32, coefficients: &[f32; N]) -> f32 {
        let mut sum = coefficients[N - 1];
        for i in (0..N - 1).rev() {
            sum = sum * x + coefficients[i];
        }
        sum
    }
}

/// Functions of f64.
pub(super) mod double {
    /// `e^x`.
    #[inline(always)]
    pub(in crate::ops) fn power(x: f64) -> f64 {
        x.exp()
    }

    /// Φ(x).
    #[inline(always)]
    pub(in crate::ops) fn below(x: f64) -> f64 {
        0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
    }

    /// The error function by its series, and by its continued fraction where the series cancels; to 1e-14.
    pub(in crate::ops) fn erf(x: f64) -> f64 {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        // Abramowitz and Stegun, table 26.1.
        let check = |x: f64, expected: f64| {
            assert!((double::below(x) - expected).abs() < 1e-14, "{x}: {}", double::below(x));
        };
        check(0.0, 0.5);
        check(1.0, 0.841_344_746_068_543);
        check(-2.0, 0.022_750_131_948_179);
        check(4.5, 0.999_996_602_326_875);
    }

    #[test]
    fn single_precision_is_as_good_as_it_can_be() {
        for i in -9_000..9_000 {
            let x = i as f32 / 1_000.0;
            let below = f64::from(single::below(x)) - double::below(f64::from(x));
            assert!(below.abs() < 1.5e-7, "{x}: off by {below}");
            let power = f64::from(single::power(x)) / f64::from(x).exp() - 1.0;
            assert!(power.abs() < 1e-6, "{x}: off by {power}");
        }
    }
}
