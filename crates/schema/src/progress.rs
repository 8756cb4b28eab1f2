//! How far a long piece of work has come.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Files are read and split into passages; counted in documents.
    Read,
    /// Passages become embeddings; counted in passages.
    Encode,
    /// The lexical index is written; counted in passages.
    Lexical,
    /// The dense index is built; counted in passages.
    Dense,
    /// Files are hashed and made durable; counted in files.
    Seal,
    /// Questions are answered and scored; counted in questions.
    Evaluate,
    /// Bytes arrive from elsewhere; counted in bytes.
    Fetch,
    /// A model learns; counted in steps.
    Learn,
}

/// How a model that learns is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learning {
    /// Mean loss of the last steps.
    pub loss: f64,
    /// The rate it learns with.
    pub rate: f64,
}

/// One report: `done` of `total` units of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Units done so far.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
}

/// Records that cannot be used, as they are met: all counted, the latest named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skips {
    count: u64,
    latest: VecDeque<String>,
}

impl Skips {
    /// How many are named at most: a corpus may hold millions.
    pub const NAMED: usize = 100;

    /// So many, of which these were the latest, the last one first: as somebody else counted them.
    pub fn counted(count: u64, latest: impl IntoIterator<Item = String>) -> Self {
        let mut named: VecDeque<String> = latest.into_iter().take(Self::NAMED).collect();
        named.make_contiguous().reverse();
        Self { count: count.max(named.len() as u64), latest: named }
    }

    /// Those that were met after the first `seen`, for whoever looks time and again and tells of each once.
    #[must_use]
    pub fn since(&self, seen: u64) -> Self {
        let count = self.count.saturating_sub(seen);
        let named = usize::try_from(count).unwrap_or(usize::MAX);
        Self::counted(count, self.latest().take(named).map(str::to_owned))
    }

    /// Counts one more: where it stands, and why it cannot be used.
    pub fn note(&mut self, told: String) {
        self.count += 1;
        self.name(told);
    }

    /// Adds those that were met after these.
    pub fn absorb(&mut self, later: Self) {
        self.count += later.count;
        later.latest.into_iter().for_each(|told| self.name(told));
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latest of them, the last one first.
    pub fn latest(&self) -> impl Iterator<Item = &str> {
        self.latest.iter().rev().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn name(&mut self, told: String) {
        if self.latest.len() == Self::NAMED {
            self.latest.pop_front();
        }
        self.latest.push_back(told);
    }
}

/// Whoever wants to know. The only way in which a lower room speaks to a higher one while it works.
pub trait Observer {
    /// Takes one report; called often, so it must be quick.
    fn observe(&mut self, progress: &Progress);

    /// Takes a report of a stage that began so long ago: from whoever came to it when it was under way.
    fn observe_after(&mut self, progress: &Progress, _: Duration) {
        self.observe(progress);
    }

    /// Takes how a model that learns is doing; whoever has no use for it need not look.
    fn observe_learning(&mut self, _: &Learning) {}

    /// Takes records that cannot be used and were met since the last call. Whoever only shows how far work has come
    /// passes over them: the account at the end names them again.
    fn skipped(&mut self, _: Skips) {}
}

/// An observer that does not look.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&mut self, _: &Progress) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_are_all_counted_and_the_latest_named_however_they_come() {
        let told = |from: usize, to: usize| {
            let mut skips = Skips::default();
            (from..to).for_each(|record| skips.note(record.to_string()));
            skips
        };
        let mut skips = told(0, Skips::NAMED - 1);
        skips.absorb(told(Skips::NAMED - 1, 3 * Skips::NAMED + 7));
        assert_eq!(skips, told(0, 3 * Skips::NAMED + 7));
        assert_eq!(skips.count(), 3 * Skips::NAMED as u64 + 7);
        assert_eq!(skips.latest().count(), Skips::NAMED);
        assert_eq!(skips.latest().next(), Some((3 * Skips::NAMED + 6).to_string().as_str()));
        assert!(Skips::default().is_empty() && !skips.is_empty());
    }

    #[test]
    fn whoever_looks_now_and_then_counts_each_once_and_names_what_is_still_named() {
        let mut all = Skips::default();
        let mut told = Skips::default();
        for record in 0..1_000_u64 {
            all.note(record.to_string());
            if [3, 4, 90, 500, 999].contains(&record) {
                let sent = Skips::counted(all.count(), all.latest().map(str::to_owned));
                assert_eq!(sent, all, "as it was sent, so it comes");
                told.absorb(sent.since(told.count()));
                assert_eq!(told, all, "{record}");
                assert!(all.since(told.count()).is_empty());
            }
        }
        assert!(Skips::default().since(7).is_empty());
    }
}
