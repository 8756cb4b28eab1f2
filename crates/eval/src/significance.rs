//! Is the difference more than luck?
//!
//! Bootstrap over queries (Efron and Tibshirani 1993; for retrieval, Sakai 2006): the queries of a test set are a sample,
//! so we draw new samples of the same size from them, with replacement, and look how the mean moves. Seeded, so the same
//! scores give the same interval on every machine.

use std::collections::BTreeMap;

use serde::Serialize;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// How many samples are drawn; 10,000 settles the second decimal of a p-value.
    pub samples: usize,
    /// Where the random numbers begin.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { samples: 10_000, seed: 42 }
    }
}

/// A mean and the range in which 95% of the drawn means lie (percentiles 2.5 and 97.5).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The mean of the scores themselves.
    pub mean: f64,
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// How much better one system is than another on the same queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Mean of (first − second), with its interval.
    pub difference: Interval,
    /// Two-sided: how often a difference at least as large would be drawn if there were none. Never below
    /// 1 / (samples + 1).
    pub p_value: f64,
}

/// Why scores cannot be compared.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignificanceError {
    /// There is nothing to draw from.
    #[error("cannot draw a bootstrap: there are no scores; check that the run and the qrels name the same queries")]
    NoScores,
    /// No sample was asked for.
    #[error("cannot draw a bootstrap of 0 samples; ask for 1,000 or more")]
    NoSamples,
    /// One side has a query that the other has not.
    #[error("cannot pair the scores: query {query:?} is scored on one side only; score both runs on the same qrels")]
    Unpaired {
        /// The first such query.
        query: String,
    },
}

/// The mean of `scores` (one a query) with its interval.
pub fn mean_interval(scores: &BTreeMap<String, f64>, bootstrap: Bootstrap) -> Result<Interval, SignificanceError> {
    let values: Vec<f64> = scores.values().copied().collect();
    Ok(interval(&values, &drawn_means(&values, bootstrap)?))
}

/// The mean difference (first − second) over the queries that both scored, with its interval and p-value.
///
/// The p-value comes from the differences shifted to mean 0, the world in which neither is better.
pub fn paired_difference(
    first: &BTreeMap<String, f64>,
    second: &BTreeMap<String, f64>,
    bootstrap: Bootstrap,
) -> Result<Comparison, SignificanceError> {
    let alone = first.keys().find(|query| !second.contains_key(*query));
    if let Some(query) = alone.or_else(|| second.keys().find(|query| !first.contains_key(*query))) {
        return Err(SignificanceError::Unpaired { query: query.clone() });
    }
    let differences: Vec<f64> = first.values().zip(second.values()).map(|(a, b)| a - b).collect();
    let drawn = drawn_means(&differences, bootstrap)?;
    let difference = interval(&differences, &drawn);
    // A drawn mean equals the observed one up to rounding; without the slack such draws would count at random.
    let observed = difference.mean.abs() - 1e-12;
    let extreme = drawn.iter().filter(|&&mean| (mean - difference.mean).abs() >= observed).count();
    Ok(Comparison { difference, p_value: (extreme + 1) as f64 / (drawn.len() + 1) as f64 })
}

/// A difference that is no mean over items, such as that of two F1: computed on all items (by their places) and on each
/// sample that is drawn; interval and p-value as in [`paired_difference`].
pub(crate) fn paired_statistic(
    items: usize,
    difference: impl Fn(&[usize]) -> f64,
    bootstrap: Bootstrap,
) -> Result<Comparison, SignificanceError> {
    if items == 0 {
        return Err(SignificanceError::NoScores);
    }
    if bootstrap.samples == 0 {
        return Err(SignificanceError::NoSamples);
    }
    let all: Vec<usize> = (0..items).collect();
    let mean = difference(&all);
    let mut random = SplitMix64(bootstrap.seed);
    let mut sample = vec![0; items];
    let mut drawn = Vec::with_capacity(bootstrap.samples);
    for _ in 0..bootstrap.samples {
        for item in &mut sample {
            *item = random.below(items);
        }
        drawn.push(difference(&sample));
    }
    drawn.sort_unstable_by(f64::total_cmp);
    let interval = Interval { mean, lower: quantile(&drawn, 0.025), upper: quantile(&drawn, 0.975) };
    let observed = mean.abs() - 1e-12;
    let extreme = drawn.iter().filter(|&&other| (other - mean).abs() >= observed).count();
    Ok(Comparison { difference: interval, p_value: (extreme + 1) as f64 / (drawn.len() + 1) as f64 })
}

/// The means of the drawn samples, ascending.
fn drawn_means(values: &[f64], bootstrap: Bootstrap) -> Result<Vec<f64>, SignificanceError> {
    if values.is_empty() {
        return Err(SignificanceError::NoScores);
    }
    if bootstrap.samples == 0 {
        return Err(SignificanceError::NoSamples);
    }
    let mut random = SplitMix64(bootstrap.seed);
    let mut draw = || values.iter().map(|_| values[random.below(values.len())]).sum::<f64>() / values.len() as f64;
    let mut means: Vec<f64> = (0..bootstrap.samples).map(|_| draw()).collect();
    means.sort_unstable_by(f64::total_cmp);
    Ok(means)
}

fn interval(values: &[f64], drawn: &[f64]) -> Interval {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    Interval { mean, lower: quantile(drawn, 0.025), upper: quantile(drawn, 0.975) }
}

/// The quantile of ascending, non-empty values, between neighbours by their distance.
fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = share * (ascending.len() - 1) as f64;
    let below = ascending[place.floor() as usize];
    let above = ascending[place.ceil() as usize];
    below + (above - below) * place.fract()
}

/// Steele, Lea and Flood 2014: a counter, stirred. Small, and the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; the high half of a product, so uneven by less than `bound` / 2^64.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(values: &[f64]) -> BTreeMap<String, f64> {
        values.iter().enumerate().map(|(i, value)| (format!("q{i:03}"), *value)).collect()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn the_random_numbers_are_those_of_the_published_generator() {
        // The first outputs of splitmix64 from seed 1234567, as published with its reference implementation.
        let mut random = SplitMix64(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        // 0.025 of 4 steps is 0.1 of the way from 0 to 10.
        assert!(close(quantile(&[0.0, 10.0, 20.0, 30.0, 40.0], 0.025), 1.0));
        assert!(close(quantile(&[7.0], 0.975), 7.0));
    }

    #[test]
    fn equal_scores_have_an_interval_without_width() {
        let interval = mean_interval(&scores(&[0.25; 8]), Bootstrap::default()).expect("scores");
        assert!(close(interval.mean, 0.25) && close(interval.lower, 0.25) && close(interval.upper, 0.25));
    }

    #[test]
    fn the_interval_of_a_coin_is_near_its_normal_approximation() {
        // 50 of 100: standard error 0.05, so 0.5 ± 1.96 × 0.05 = 0.402 to 0.598.
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let interval = mean_interval(&scores(&values), Bootstrap::default()).expect("scores");
        assert!(close(interval.mean, 0.5));
        assert!((interval.lower - 0.402).abs() < 0.015, "{interval:?}");
        assert!((interval.upper - 0.598).abs() < 0.015, "{interval:?}");
    }

    #[test]
    fn a_system_is_never_significantly_better_than_itself() {
        let same = scores(&[0.1, 0.9, 0.4, 0.0]);
        let comparison = paired_difference(&same, &same, Bootstrap::default()).expect("paired");
        assert!(close(comparison.difference.mean, 0.0) && close(comparison.p_value, 1.0), "{comparison:?}");
    }

    #[test]
    fn a_clear_win_is_significant_and_a_lone_lucky_query_is_not() {
        let clear: Vec<f64> = (0..40).map(|i| 0.2 + 0.01 * f64::from(i % 5)).collect();
        let none = scores(&[0.0; 40]);
        let win = paired_difference(&scores(&clear), &none, Bootstrap::default()).expect("paired");
        assert!(win.p_value < 0.001 && win.difference.lower > 0.19, "{win:?}");
        let mut lucky = [0.0; 40];
        lucky[7] = 1.0;
        let luck = paired_difference(&scores(&lucky), &none, Bootstrap::default()).expect("paired");
        assert!(luck.p_value > 0.2 && luck.difference.lower.abs() < 1e-12, "{luck:?}");
    }

    #[test]
    fn scores_that_cannot_be_compared_are_refused() {
        let unpaired = Err(SignificanceError::Unpaired { query: "q001".to_owned() });
        let (one, two) = (scores(&[1.0]), scores(&[1.0, 1.0]));
        assert_eq!(paired_difference(&two, &one, Bootstrap::default()), unpaired);
        assert_eq!(paired_difference(&one, &two, Bootstrap::default()), unpaired);
        assert_eq!(mean_interval(&scores(&[]), Bootstrap::default()), Err(SignificanceError::NoScores));
        let none = Bootstrap { samples: 0, seed: 1 };
        assert_eq!(mean_interval(&one, none), Err(SignificanceError::NoSamples));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn swapping_the_systems_swaps_the_sign(
            pairs in prop::collection::vec((0.0f64..1.0, 0.0f64..1.0), 1..20),
            seed in any::<u64>(),
        ) {
            let bootstrap = Bootstrap { samples: 200, seed };
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let (a, b) = (scores(&a), scores(&b));
            let there = paired_difference(&a, &b, bootstrap).expect("paired");
            let back = paired_difference(&b, &a, bootstrap).expect("paired");
            prop_assert!((there.difference.mean + back.difference.mean).abs() < 1e-12);
            prop_assert!((there.difference.lower + back.difference.upper).abs() < 1e-9);
            prop_assert!((there.p_value - back.p_value).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&there.p_value));
            prop_assert_eq!(there, paired_difference(&a, &b, bootstrap).expect("the same again"));
        }
    }
}
