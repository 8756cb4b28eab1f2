//! How many were found, and how many of what was found were right? Precision, recall and F1 of each label and of all.

use std::collections::BTreeMap;

use serde::Serialize;

/// What was counted of one label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Found where they are.
    pub(crate) right: usize,
    /// Found, rightly or not.
    pub(crate) found: usize,
    /// There to be found.
    pub(crate) gold: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.right += other.right;
        self.found += other.found;
        self.gold += other.gold;
    }

    /// A share of nothing is 0, as in scikit-learn.
    pub(crate) fn shares(self) -> LabelShares {
        let share = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let (precision, recall) = (share(self.right, self.found), share(self.right, self.gold));
        // 2pr / (p + r), without the rounding of p and r.
        let f1 = share(2 * self.right, self.found + self.gold);
        LabelShares { precision, recall, f1, support: self.gold }
    }
}

/// Precision, recall and F1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LabelShares {
    /// Of what was found, the share that is right.
    pub precision: f64,
    /// Of what is there, the share that was found.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
    /// How many are there.
    pub support: usize,
}

/// Each label, and all of them in the three ways in which they are averaged.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ShareTable {
    /// By label; those that are only found, and never there, too.
    pub labels: BTreeMap<String, LabelShares>,
    /// Everything counted together.
    pub micro: LabelShares,
    /// The mean over labels.
    pub r#macro: LabelShares,
    /// The mean over labels, each as often as it is there.
    pub weighted: LabelShares,
}

impl ShareTable {
    pub(crate) fn of(counts: &BTreeMap<&str, Counts>) -> Self {
        let mut all = Counts::default();
        for counts in counts.values() {
            all.add(*counts);
        }
        let shares: Vec<LabelShares> = counts.values().map(|counts| counts.shares()).collect();
        let mean = |weight: fn(&LabelShares) -> f64| {
            let total: f64 = shares.iter().map(weight).sum();
            let over = |part: fn(&LabelShares) -> f64| {
                if total == 0.0 { 0.0 } else { shares.iter().map(|s| part(s) * weight(s)).sum::<f64>() / total }
            };
            LabelShares {
                precision: over(|s| s.precision),
                recall: over(|s| s.recall),
                f1: over(|s| s.f1),
                support: all.gold,
            }
        };
        Self {
            labels: counts.iter().map(|(label, counts)| ((*label).to_owned(), counts.shares())).collect(),
            micro: all.shares(),
            r#macro: mean(|_| 1.0),
            weighted: mean(|shares| shares.support as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_those_of_scikit_learn() {
        let counts = BTreeMap::from([
            ("a", Counts { right: 2, found: 3, gold: 4 }),
            ("b", Counts { right: 0, found: 1, gold: 0 }),
        ]);
        let table = ShareTable::of(&counts);
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        near(table.labels["a"].f1, 4.0 / 7.0);
        near(table.micro.precision, 0.5);
        near(table.r#macro.f1, 2.0 / 7.0);
        near(table.weighted.f1, 4.0 / 7.0);
        assert_eq!(ShareTable::of(&BTreeMap::new()).micro, LabelShares::default());
    }
}
