//! What does a librarian look at: generations, corpora, a rebuild, gaps (pure)?

use std::collections::BTreeMap;
use std::time::Duration;

use clinqa_qa::{Changes, Delivered, FileCheck, Manifest};
use clinqa_schema::{Gaps, Measured, Progress, Skips, Stage};

use crate::message::{GenerationPair, Shelved};
use crate::state::Scroll;

/// Lines of libraries that are kept.
const MOST_PRINTED: usize = 100;

/// The librarian's screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Librarian {
    pub(crate) tab: Tab,
    pub(crate) list: Scroll,
    /// The first line of text that is shown: on the first tab below the list, on the others from their top.
    pub(crate) top: usize,
    /// Oldest first.
    pub(crate) shelf: Vec<Shelved>,
    /// Which documents differ, for each pair that was looked at.
    pub(crate) compared: BTreeMap<GenerationPair, Compared>,
    /// What was not answered, as far as the operator has it kept.
    pub(crate) gaps: Option<Gaps>,
    pub(crate) checks: Option<Vec<FileCheck>>,
    pub(crate) checking: Checking,
    pub(crate) corpora: Corpora,
    pub(crate) build: Build,
    /// Records that the rebuild of this session cannot use.
    pub(crate) skips: Skips,
    /// What libraries printed, which may not soil the screen.
    pub(crate) printed: Vec<String>,
}

/// What is known of the difference between two generations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Compared {
    /// It was asked for.
    Asked,
    /// It is known.
    Done(Changes),
    /// It cannot be told; why.
    Failed(String),
}

/// What is known of the files of the corpora.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Corpora {
    /// Nobody asked.
    #[default]
    Unasked,
    /// They are being read.
    Asked,
    /// They lie on another machine, which does not tell us.
    Elsewhere,
    /// They are like this.
    Known(Vec<Delivered>),
    /// It cannot be told; why.
    Failed(String),
}

/// Whether checksums are being compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Checking {
    #[default]
    No,
    Yes,
}

/// A page of the librarian's screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    #[default]
    Generations,
    Corpora,
    Rebuild,
    Gaps,
}

impl Tab {
    pub(crate) const ALL: [Self; 4] = [Self::Generations, Self::Corpora, Self::Rebuild, Self::Gaps];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Generations => "Generations",
            Self::Corpora => "Corpora",
            Self::Rebuild => "Rebuild",
            Self::Gaps => "Gaps",
        }
    }

    pub(crate) fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }

    pub(crate) fn before(self) -> Self {
        Self::ALL[(self as usize + Self::ALL.len() - 1) % Self::ALL.len()]
    }
}

/// A rebuild.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Build {
    /// None was begun in this session.
    #[default]
    None,
    /// It runs; how far, and how long the stage has taken.
    Running(Option<(Progress, Duration)>),
    /// It ended.
    Ended(Result<String, String>),
}

impl Librarian {
    pub(crate) fn note_printed(&mut self, line: String) {
        self.printed.push(line);
        let surplus = self.printed.len().saturating_sub(MOST_PRINTED);
        self.printed.drain(..surplus);
    }

    /// The chosen generation and the one before it.
    pub(crate) fn pair(&self) -> Option<(&Shelved, &Shelved)> {
        let before = self.shelf.get(self.list.chosen.checked_sub(1)?)?;
        Some((before, self.shelf.get(self.list.chosen)?))
    }

    /// The pair that is looked at, if nobody has compared it yet; from now on somebody does.
    pub(crate) fn compare_next(&mut self) -> Option<GenerationPair> {
        let (earlier, later) = self.pair().filter(|_| self.tab == Tab::Generations)?;
        let pair = (earlier.manifest.id.clone(), later.manifest.id.clone());
        if self.compared.contains_key(&pair) {
            return None;
        }
        // Whoever compares passes over what is not looked at any more.
        self.compared.retain(|_, compared| *compared != Compared::Asked);
        self.compared.insert(pair.clone(), Compared::Asked);
        Some(pair)
    }

    /// Whether a rebuild runs.
    pub(crate) fn is_building(&self) -> bool {
        matches!(self.build, Build::Running(_))
    }
}

/// What a stage is called, and what it counts.
pub(crate) fn stage_name(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Read => ("reading", "documents"),
        Stage::Encode => ("encoding", "passages"),
        Stage::Lexical => ("indexing words", "passages"),
        Stage::Dense => ("linking vectors", "passages"),
        Stage::Seal => ("sealing", "files"),
        Stage::Evaluate => ("asking", "questions"),
        Stage::Fetch => ("fetching", "bytes"),
        Stage::Learn => ("learning", "steps"),
    }
}

/// Units a second, and the time that is left where the end is known.
pub(crate) fn pace(progress: &Progress, taken: Duration) -> (f64, Option<Duration>) {
    let rate = progress.done as f64 / taken.as_secs_f64().max(1e-3);
    let left = progress.total.map(|total| total.saturating_sub(progress.done) as f64);
    let time = left.filter(|_| rate > 0.0).map(|left| Duration::from_secs_f64((left / rate).min(1e7)));
    (rate, time)
}

/// What was measured when a generation was made, in words.
pub(crate) fn in_scores(measured: Option<&Measured>) -> String {
    measured.map_or("not known: nothing was kept when it was made".to_owned(), ToString::to_string)
}

/// What differs from an older generation to a newer one, in words.
pub(crate) fn differences(earlier: &Shelved, later: &Shelved) -> Vec<String> {
    let (older, newer) = (&earlier.manifest, &later.manifest);
    let count = |name: &str, before: u64, after: u64| {
        let difference = i128::from(after) - i128::from(before);
        format!("{name} {before} -> {after} ({difference:+})")
    };
    let mut said = vec![
        count("documents", older.counts.documents, newer.counts.documents),
        count("passages", older.counts.passages, newer.counts.passages),
    ];
    let files = |manifest: &Manifest| -> BTreeMap<(String, String), String> {
        let of = |corpus: &clinqa_qa::CorpusEntry| {
            let name = corpus.name.clone();
            corpus.files.iter().map(|file| ((name.clone(), file.file.clone()), file.blake3.clone())).collect::<Vec<_>>()
        };
        manifest.corpora.iter().flat_map(of).collect()
    };
    let (before, after) = (files(older), files(newer));
    let added = after.keys().filter(|key| !before.contains_key(*key)).count();
    let removed = before.keys().filter(|key| !after.contains_key(*key)).count();
    let changed = after.iter().filter(|(key, digest)| before.get(*key).is_some_and(|old| old != *digest)).count();
    said.push(format!("files {added} added, {changed} changed, {removed} removed"));
    let scores = |of: &Shelved| of.scores.and_then(|measured| measured.scores());
    if let (Some(before), Some(after)) = (scores(earlier), scores(later)) {
        let [before, after] = [before, after].map(|scores| scores.document_at_3 * 100.0);
        let difference = after - before;
        said.push(format!("right document among the first three {before:.1}% -> {after:.1}% ({difference:+.1})"));
    }
    if older.content_hash == newer.content_hash {
        said.push("the content is the same".to_owned());
    }
    let encoder =
        |manifest: &Manifest| manifest.encoder.as_ref().map_or("none".to_owned(), |encoder| encoder.name.clone());
    if encoder(older) != encoder(newer) {
        said.push(format!("encoder {} -> {}", encoder(older), encoder(newer)));
    }
    said
}

/// Seconds since 1970 as `2026-11-29 02:05` UTC (the algorithm is Howard Hinnant's `civil_from_days`).
pub(crate) fn day_and_time(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// A length of time in words.
pub(crate) fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_a_day_and_a_time() {
        let check = |seconds, expected: &str| assert_eq!(day_and_time(seconds), expected);
        check(0, "1970-01-01 00:00");
        check(951_782_400, "2000-02-29 00:00");
        check(1_795_917_900, "2026-11-29 02:05");
    }

    #[test]
    fn the_pace_says_what_is_left() {
        let progress = Progress { stage: Stage::Encode, done: 50, total: Some(150) };
        let (rate, left) = pace(&progress, Duration::from_secs(10));
        assert!((rate - 5.0).abs() < 1e-9);
        assert_eq!(left.map(in_words).as_deref(), Some("20 s"));
        let begun = Progress { done: 0, ..progress };
        assert_eq!(pace(&begun, Duration::ZERO).1, None);
    }
}
