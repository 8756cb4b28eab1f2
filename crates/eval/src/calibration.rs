//! Does a confidence mean what it says?
//!
//! A pair is always (number, was it right?): a confidence between 0 and 1 for what measures, a margin (any finite
//! number, higher is surer) for what fits. The order in which pairs arrive never matters.

use serde::Serialize;

/// Why a calibration could not be measured or fitted.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CalibrationError {
    /// There is nothing to measure.
    #[error("cannot calibrate on no answers; give at least one (confidence, correct) pair")]
    Empty,
    /// A confidence is not between 0 and 1, or a margin is not finite.
    #[error("cannot calibrate: pair {index} holds {found}, expected {expected}; check what the reader scores")]
    Value {
        /// Which pair, from 0.
        index: usize,
        /// Its number.
        found: f64,
        /// What would have been right.
        expected: &'static str,
    },
    /// Larger margins do not go with more right answers, so no temperature turns them into confidences.
    #[error(
        "cannot fit a calibration: margins do not rise with correctness; fit on more answers, some right and some wrong"
    )]
    Uninformative,
    /// No bins were asked for.
    #[error("cannot measure calibration in 0 bins; ask for 10 or 15")]
    NoBins,
}

/// One bin of confidences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// The lower bound, included.
    pub lower: f64,
    /// The upper bound, excluded except in the last bin.
    pub upper: f64,
    /// How many answers fell here.
    pub count: usize,
    /// Their mean confidence; 0 without answers.
    pub confidence: f64,
    /// The share that was right; 0 without answers.
    pub accuracy: f64,
}

/// The reliability diagram and its one figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// Bins of equal width over 0 to 1.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error: |confidence − accuracy| over the bins, weighted by their counts (Guo et al. 2017).
    pub expected_error: f64,
}

/// Confidence = 1 / (1 + exp(−(margin − bias) / temperature)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Logistic {
    /// Above 0; in units of the margin.
    pub temperature: f64,
    /// The margin at which the confidence is one half.
    pub bias: f64,
}

/// What one confidence threshold would give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RiskPoint {
    /// Answers at or above this confidence are given.
    pub threshold: f64,
    /// The share of questions that is then answered.
    pub coverage: f64,
    /// The share of those answers that is wrong.
    pub risk: f64,
}

/// What abstaining buys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RiskCoverage {
    /// One point a distinct confidence, from the highest down, so coverage rises to 1.
    pub points: Vec<RiskPoint>,
    /// Area under the curve: the mean risk over every number of answers given (Geifman and El-Yaniv 2017); lower is
    /// better. Among equal confidences the expected risk of a random order counts, so that order cannot matter.
    pub area: f64,
}

/// Sorts confidences into `bins` bins of equal width and compares each with what came true.
pub fn reliability(pairs: &[(f64, bool)], bins: usize) -> Result<Reliability, CalibrationError> {
    let pairs = checked(pairs, Kind::Confidence)?;
    if bins == 0 {
        return Err(CalibrationError::NoBins);
    }
    let mut sums = vec![(0usize, 0.0f64, 0usize); bins];
    for &(confidence, correct) in &pairs {
        let (count, confidences, right) = &mut sums[((confidence * bins as f64) as usize).min(bins - 1)];
        *count += 1;
        *confidences += confidence;
        *right += usize::from(correct);
    }
    let bin = |(index, &(count, confidences, right)): (usize, &(usize, f64, usize))| ReliabilityBin {
        lower: index as f64 / bins as f64,
        upper: (index + 1) as f64 / bins as f64,
        count,
        confidence: confidences / count.max(1) as f64,
        accuracy: right as f64 / count.max(1) as f64,
    };
    let bins: Vec<ReliabilityBin> = sums.iter().enumerate().map(bin).collect();
    let gap = |bin: &ReliabilityBin| bin.count as f64 * (bin.confidence - bin.accuracy).abs();
    let expected_error = bins.iter().map(gap).sum::<f64>() / pairs.len() as f64;
    Ok(Reliability { bins, expected_error })
}

/// The mean squared distance of the confidences from what came true (Brier 1950); 0 is perfect.
pub fn brier_score(pairs: &[(f64, bool)]) -> Result<f64, CalibrationError> {
    let pairs = checked(pairs, Kind::Confidence)?;
    Ok(pairs.iter().map(|&(confidence, correct)| (confidence - truth(correct)).powi(2)).sum::<f64>()
        / pairs.len() as f64)
}

/// Risk at every coverage, answering the surest questions first.
pub fn risk_coverage(pairs: &[(f64, bool)]) -> Result<RiskCoverage, CalibrationError> {
    let mut pairs = checked(pairs, Kind::Confidence)?;
    pairs.reverse();
    let (mut points, mut risks) = (Vec::new(), 0.0);
    let (mut answered, mut wrong) = (0usize, 0usize);
    for tied in pairs.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let wrong_here = tied.iter().filter(|(_, correct)| !correct).count();
        let share = wrong_here as f64 / tied.len() as f64;
        risks += (1..=tied.len()).map(|n| (wrong as f64 + share * n as f64) / (answered + n) as f64).sum::<f64>();
        answered += tied.len();
        wrong += wrong_here;
        let (coverage, risk) = (answered as f64 / pairs.len() as f64, wrong as f64 / answered as f64);
        points.push(RiskPoint { threshold: tied[0].0, coverage, risk });
    }
    Ok(RiskCoverage { points, area: risks / pairs.len() as f64 })
}

/// The temperature alone that minimises the negative log-likelihood of 1 / (1 + exp(−margin / temperature)), by
/// golden-section search between a thousandth and a thousand times the mean size of the margins (the loss has one valley
/// in the logarithm of the temperature). Margins whose sign tells nothing would end at the upper bound, where every
/// confidence is one half; they are refused.
pub fn fit_temperature(pairs: &[(f64, bool)]) -> Result<f64, CalibrationError> {
    let pairs = checked(pairs, Kind::Margin)?;
    let size = pairs.iter().map(|(margin, _)| margin.abs()).sum::<f64>() / pairs.len() as f64;
    if size <= 0.0 {
        return Err(CalibrationError::Uninformative);
    }
    let loss = |log: f64| negative_log_likelihood(&pairs, 1.0 / (size * log.exp()), 0.0);
    let (lowest, highest) = (1e-3f64.ln(), 1e3f64.ln());
    let best = golden_section(loss, lowest, highest);
    if best > highest - 1e-6 {
        return Err(CalibrationError::Uninformative);
    }
    Ok(size * best.exp())
}

/// Temperature and bias together: logistic regression by Newton's method on standardised margins (Platt 1999), with a
/// ridge of 0.001 on the slope, which keeps margins that separate right from wrong perfectly from an infinite slope.
pub fn fit_logistic(pairs: &[(f64, bool)]) -> Result<Logistic, CalibrationError> {
    let pairs = checked(pairs, Kind::Margin)?;
    let count = pairs.len() as f64;
    let right = pairs.iter().filter(|(_, correct)| *correct).count();
    let mean = pairs.iter().map(|(margin, _)| margin).sum::<f64>() / count;
    let deviation = (pairs.iter().map(|(margin, _)| (margin - mean).powi(2)).sum::<f64>() / count).sqrt();
    if right == 0 || right == pairs.len() || deviation <= f64::EPSILON * mean.abs().max(f64::MIN_POSITIVE) {
        return Err(CalibrationError::Uninformative);
    }
    let standard: Vec<(f64, bool)> =
        pairs.iter().map(|&(margin, correct)| ((margin - mean) / deviation, correct)).collect();
    let (slope, offset) = newton(&standard);
    if slope <= 1e-9 {
        return Err(CalibrationError::Uninformative);
    }
    Ok(Logistic { temperature: deviation / slope, bias: mean - deviation * offset / slope })
}

impl Logistic {
    /// The confidence of a margin, between 0 and 1.
    pub fn confidence(self, margin: f64) -> f64 {
        sigmoid((margin - self.bias) / self.temperature)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Confidence,
    Margin,
}

/// The pairs in ascending order (so that sums do not depend on the order of arrival), if each number is what it must be.
fn checked(pairs: &[(f64, bool)], kind: Kind) -> Result<Vec<(f64, bool)>, CalibrationError> {
    if pairs.is_empty() {
        return Err(CalibrationError::Empty);
    }
    let (is_good, expected): (fn(&f64) -> bool, _) = match kind {
        Kind::Confidence => (|n| (0.0..=1.0).contains(n), "a confidence between 0 and 1"),
        Kind::Margin => (|n| n.abs() <= MAX_MARGIN, "a margin between -1e100 and 1e100"),
    };
    if let Some((index, &(found, _))) = pairs.iter().enumerate().find(|(_, (number, _))| !is_good(number)) {
        return Err(CalibrationError::Value { index, found, expected });
    }
    // Adding 0 turns -0 into 0, which would otherwise be a confidence of its own.
    let mut sorted: Vec<(f64, bool)> = pairs.iter().map(|&(number, correct)| (number + 0.0, correct)).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Ok(sorted)
}

/// Squares of margins up to this stay finite.
const MAX_MARGIN: f64 = 1e100;

fn truth(correct: bool) -> f64 {
    f64::from(u8::from(correct))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Summed over pairs, of confidence = sigmoid(slope × margin + offset); ln(1 + e^x) without overflow.
fn negative_log_likelihood(pairs: &[(f64, bool)], slope: f64, offset: f64) -> f64 {
    let loss = |&(margin, correct): &(f64, bool)| {
        let x = slope * margin + offset;
        let against = if correct { -x } else { x };
        against.max(0.0) + (-against.abs()).exp().ln_1p()
    };
    pairs.iter().map(loss).sum()
}

fn golden_section(loss: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    const STEPS: usize = 100;
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..STEPS {
        let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(left) < loss(right) {
            high = right;
        } else {
            low = left;
        }
    }
    f64::midpoint(low, high)
}

/// (slope, offset) of the ridged logistic regression. The loss is convex; halving steps that do not improve it makes
/// Newton's method converge from anywhere.
fn newton(pairs: &[(f64, bool)]) -> (f64, f64) {
    const RIDGE: f64 = 1e-3;
    const STEPS: usize = 100;
    let loss = |slope: f64, offset: f64| negative_log_likelihood(pairs, slope, offset) + 0.5 * RIDGE * slope * slope;
    let (mut slope, mut offset) = (0.0, 0.0);
    for _ in 0..STEPS {
        let (mut g_slope, mut g_offset) = (RIDGE * slope, 0.0);
        let (mut h_slope, mut h_both, mut h_offset) = (RIDGE, 0.0, 1e-12);
        for &(x, correct) in pairs {
            let p = sigmoid(slope * x + offset);
            let weight = p * (1.0 - p);
            g_slope += (p - truth(correct)) * x;
            g_offset += p - truth(correct);
            h_slope += weight * x * x;
            h_both += weight * x;
            h_offset += weight;
        }
        let determinant = h_slope * h_offset - h_both * h_both;
        let step_slope = (h_offset * g_slope - h_both * g_offset) / determinant;
        let step_offset = (h_slope * g_offset - h_both * g_slope) / determinant;
        let before = loss(slope, offset);
        let better = (0..40)
            .map(|halvings| 0.5f64.powi(halvings))
            .find(|by| loss(slope - by * step_slope, offset - by * step_offset) < before);
        let Some(by) = better else { break };
        slope -= by * step_slope;
        offset -= by * step_offset;
    }
    (slope, offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    }

    #[test]
    fn the_calibration_error_is_what_the_hand_computes() {
        // Two bins. Below a half: 0.2 wrong, 0.4 right: confidence 0.3, accuracy 0.5, gap 0.2, two answers.
        // From a half: 0.5 right, 0.9 right, 1.0 wrong: confidence 0.8, accuracy 2/3, gap 0.8 − 0.6667, three answers.
        // (2 × 0.2 + 3 × 0.13333) / 5 = (0.4 + 0.4) / 5 = 0.16
        let pairs = [(0.2, false), (0.4, true), (0.5, true), (0.9, true), (1.0, false)];
        let found = reliability(&pairs, 2).expect("pairs");
        close(found.expected_error, 0.16);
        assert_eq!(found.bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [2, 3]);
        close(found.bins[1].accuracy, 2.0 / 3.0);
        // In ten bins 0.9 and 1.0 share the last one, the others are alone and six are empty:
        // (0.2 + 0.6 + 0.5 + 2 × |0.95 − 0.5|) / 5 = 2.2 / 5
        close(reliability(&pairs, 10).expect("pairs").expected_error, 0.44);
    }

    #[test]
    fn the_brier_score_is_what_the_hand_computes() {
        // 0.8 right: 0.04; 0.5 wrong: 0.25; 1.0 right: 0. Their mean is 0.29 / 3.
        close(brier_score(&[(0.8, true), (0.5, false), (1.0, true)]).expect("pairs"), 0.29 / 3.0);
    }

    #[test]
    fn the_risk_coverage_curve_is_what_the_hand_computes() {
        // By confidence: 0.9 right, 0.8 wrong, 0.7 right. Risks 0, 1/2, 1/3; their mean is 5/18.
        let curve = risk_coverage(&[(0.7, true), (0.9, true), (0.8, false)]).expect("pairs");
        close(curve.area, 5.0 / 18.0);
        let points: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.threshold, point.risk)).collect();
        assert_eq!(points, [(0.9, 0.0), (0.8, 0.5), (0.7, 1.0 / 3.0)]);
        close(curve.points[1].coverage, 2.0 / 3.0);
        // Two that tie, one of them wrong: either order is as likely, so risk ½ after one and ½ after both.
        let tied = risk_coverage(&[(0.5, true), (0.5, false)]).expect("pairs");
        close(tied.area, 0.5);
        assert_eq!(tied.points.len(), 1);
    }

    #[test]
    fn a_temperature_is_found_where_the_share_of_right_answers_says() {
        // Margin 2 is right 3 times of 4, and −2 once of 4: sigmoid(2 / T) = 3/4 gives 2 / T = ln 3, T = 2 / ln 3.
        let pairs = [
            (2.0, true),
            (2.0, true),
            (2.0, true),
            (2.0, false),
            (-2.0, false),
            (-2.0, false),
            (-2.0, false),
            (-2.0, true),
        ];
        let temperature = fit_temperature(&pairs).expect("pairs");
        assert!((temperature - 2.0 / 3f64.ln()).abs() < 1e-6, "{temperature}");
        let fitted = fit_logistic(&pairs).expect("pairs");
        assert!((fitted.temperature - 2.0 / 3f64.ln()).abs() < 2e-3, "{fitted:?}");
        assert!(fitted.bias.abs() < 1e-9, "{fitted:?}");
    }

    #[test]
    fn a_bias_is_found_where_half_of_the_answers_are_right() {
        // The same shares around a margin of 10: confidence ½ lies at 10.
        let pairs = [(12.0, true), (12.0, true), (12.0, false), (8.0, false), (8.0, false), (8.0, true)];
        let fitted = fit_logistic(&pairs).expect("pairs");
        assert!((fitted.bias - 10.0).abs() < 1e-6, "{fitted:?}");
        assert!((fitted.confidence(12.0) - 2.0 / 3.0).abs() < 1e-3, "{fitted:?}");
    }

    #[test]
    fn margins_that_separate_perfectly_give_a_steep_but_finite_curve() {
        let fitted = fit_logistic(&[(1.0, false), (2.0, false), (3.0, true), (4.0, true)]).expect("pairs");
        assert!(fitted.temperature.is_finite() && fitted.temperature > 0.01, "{fitted:?}");
        assert!(fitted.confidence(4.0) > 0.95 && fitted.confidence(1.0) < 0.05, "{fitted:?}");
    }

    #[test]
    fn what_cannot_be_calibrated_is_refused() {
        assert_eq!(brier_score(&[]), Err(CalibrationError::Empty));
        assert_eq!(reliability(&[(0.5, true)], 0), Err(CalibrationError::NoBins));
        assert!(matches!(brier_score(&[(0.5, true), (1.1, true)]), Err(CalibrationError::Value { index: 1, .. })));
        assert!(matches!(risk_coverage(&[(f64::NAN, true)]), Err(CalibrationError::Value { index: 0, .. })));
        assert!(matches!(fit_logistic(&[(f64::INFINITY, true)]), Err(CalibrationError::Value { .. })));
        for pairs in [
            &[(1.0, true), (2.0, true)][..],
            &[(1.0, true), (1.0, false)],
            &[(1.0, true), (2.0, false)],
            &[(0.0, true), (1.0, false), (2.0, true), (1.0, true), (0.0, true), (2.0, false)],
        ] {
            assert_eq!(fit_logistic(pairs), Err(CalibrationError::Uninformative), "{pairs:?}");
        }
        for pairs in [&[(0.0, true)][..], &[(1.0, false), (-1.0, true)], &[(1.0, true), (1.0, false)]] {
            assert_eq!(fit_temperature(pairs), Err(CalibrationError::Uninformative), "{pairs:?}");
        }
    }

    fn pairs() -> impl Strategy<Value = Vec<(f64, bool)>> {
        prop::collection::vec(((0u8..=20).prop_map(|n| f64::from(n) / 20.0), any::<bool>()), 1..40)
    }

    proptest! {
        #[test]
        fn every_measure_is_a_fraction_and_the_order_of_arrival_does_not_matter(pairs in pairs()) {
            let mut reversed = pairs.clone();
            reversed.reverse();
            let curve = risk_coverage(&pairs).expect("pairs");
            let (error, brier) = (reliability(&pairs, 10).expect("pairs"), brier_score(&pairs).expect("pairs"));
            for measure in [curve.area, error.expected_error, brier] {
                prop_assert!((0.0..=1.0).contains(&measure), "{}", measure);
            }
            prop_assert_eq!(error, reliability(&reversed, 10).expect("pairs"));
            prop_assert_eq!(curve, risk_coverage(&reversed).expect("pairs"));
            prop_assert_eq!(fit_logistic(&pairs), fit_logistic(&reversed));
        }

        #[test]
        fn a_fit_is_no_worse_than_its_neighbours(pairs in pairs()) {
            let Ok(temperature) = fit_temperature(&pairs) else { return Ok(()) };
            let loss = |t: f64| negative_log_likelihood(&pairs, 1.0 / t, 0.0);
            prop_assert!(loss(temperature) <= loss(temperature * 1.01) + 1e-9);
            prop_assert!(loss(temperature) <= loss(temperature / 1.01) + 1e-4);
        }

        #[test]
        fn a_larger_margin_never_means_less_confidence(pairs in pairs()) {
            let Ok(fitted) = fit_logistic(&pairs) else { return Ok(()) };
            prop_assert!(fitted.confidence(0.25) <= fitted.confidence(0.75));
            // At the fitted point the mean confidence is the share that was right (the offset carries no ridge).
            let mean = pairs.iter().map(|(margin, _)| fitted.confidence(*margin)).sum::<f64>() / pairs.len() as f64;
            let right = pairs.iter().filter(|(_, correct)| *correct).count() as f64 / pairs.len() as f64;
            prop_assert!((mean - right).abs() < 1e-5, "{} {}", mean, right);
        }
    }
}
