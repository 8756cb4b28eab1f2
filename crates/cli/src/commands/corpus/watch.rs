//! `clinqa corpus watch`: what is put into a folder is taken up by itself, once it is whole.
//!
//! Folders are looked at every few seconds; asking the kernel instead would miss what other machines write to a shared
//! disk. A change counts only after everything has kept still for a while, so that no half-copied file is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use clinqa_index::Store;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::args::WatchArgs;
use crate::commands::rebuild::{self, Demand, Order, Vectors};
use crate::output;
use crate::settings::Settings;

/// How often the wish to end is looked at.
const TICK: Duration = Duration::from_millis(100);

/// What lies in the folders: the length and the time of each file.
type Seen = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

pub(super) fn run(settings: &Settings, args: &WatchArgs, json: bool) -> anyhow::Result<ExitCode> {
    let settings = with_folders(settings, &args.folders)?;
    let ends = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one ends at once, in the middle of a rebuild too: that goes on where it was.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&ends)).context("cannot listen to signals")?;
        flag::register(signal, Arc::clone(&ends)).context("cannot listen to signals")?;
    }
    let interval = Duration::from_secs(args.interval.into());
    let mut watch = Watch { taken_up: look(&settings.corpora), last: Seen::new(), since: Instant::now() };
    tell(json, "watching", &format!("Watching {} folders.", settings.corpora.len()), None)?;
    while !waited(interval, &ends) {
        if let Some(changed) = watch.settled(look(&settings.corpora), interval) {
            tell(json, "changed", &format!("{changed} files changed; rebuilding."), Some(changed))?;
            rebuild(&settings, args, json)?;
        }
    }
    tell(json, "ended", "Ended.", None)?;
    Ok(ExitCode::SUCCESS)
}

/// A failed rebuild is told and not the end: the old generation answers, and the next change may mend it.
fn rebuild(settings: &Settings, args: &WatchArgs, json: bool) -> anyhow::Result<()> {
    let vectors = if args.lexical_only { Vectors::Without } else { Vectors::With };
    let store = Store::at(&settings.index);
    let demand = if store.ever_published() { Demand::Checks(vectors) } else { Demand::Publish(vectors) };
    match rebuild::make(settings, &store, Order::of(settings, demand)) {
        Ok(report) => tell(json, "published", rebuild::summary(&report).lines().next().unwrap_or_default(), None),
        Err(error) => {
            let told = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            tell(json, "failed", &format!("Not published: {told}"), None)
        }
    }
}

/// The settings with the folders that are watched among the corpora.
fn with_folders(settings: &Settings, folders: &[PathBuf]) -> anyhow::Result<Settings> {
    let mut settings = settings.clone();
    for folder in folders {
        let full = folder.canonicalize().with_context(|| format!("cannot watch {}", folder.display()))?;
        if settings.corpora.iter().all(|corpus| corpus.canonicalize().ok().as_ref() != Some(&full)) {
            settings.corpora.push(full);
        }
    }
    Ok(settings)
}

fn tell(json: bool, event: &str, text: &str, files: Option<usize>) -> anyhow::Result<()> {
    if json { output::json(&json!({ "event": event, "files": files, "text": text })) } else { Ok(output::line(text)?) }
}

/// Waits, unless it is to end; says whether it is.
fn waited(interval: Duration, ends: &AtomicBool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < interval && !ends.load(Ordering::Relaxed) {
        thread::sleep(TICK.min(interval));
    }
    ends.load(Ordering::Relaxed)
}

/// Every visible file below the folders and what they are linked to; what vanishes meanwhile is seen as gone by the next look.
fn look(folders: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    let linked = folders.iter().filter_map(|folder| clinqa_corpus::linked(folder));
    let mut open: Vec<PathBuf> = folders.iter().cloned().chain(linked).collect();
    while let Some(folder) = open.pop() {
        if let Some(found) = fs::metadata(&folder).ok().filter(fs::Metadata::is_file) {
            seen.insert(folder, (found.len(), found.modified().ok()));
            continue;
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(entry.path()),
                Ok(found) if found.is_file() => {
                    seen.insert(entry.path(), (found.len(), found.modified().ok()));
                }
                _ => {}
            }
        }
    }
    seen
}

/// What was taken up, what was seen last, and since when it has kept still.
struct Watch {
    taken_up: Seen,
    last: Seen,
    since: Instant,
}

impl Watch {
    /// How many files differ from what was taken up, if they have kept still for `still`; they count as taken up then.
    fn settled(&mut self, now: Seen, still: Duration) -> Option<usize> {
        if now != self.last {
            (self.last, self.since) = (now, Instant::now());
            return None;
        }
        if self.last == self.taken_up || self.since.elapsed() < still {
            return None;
        }
        let before = std::mem::replace(&mut self.taken_up, self.last.clone());
        let differs = |path: &&PathBuf| before.get(path.as_path() as &Path) != self.last.get(path.as_path() as &Path);
        let gone = before.keys().filter(|path| !self.last.contains_key(path.as_path() as &Path)).count();
        Some(self.last.keys().filter(differs).count() + gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_and_only_when_it_has_kept_still() {
        let seen = |bytes: &[u64]| -> Seen {
            bytes.iter().enumerate().map(|(n, bytes)| (PathBuf::from(n.to_string()), (*bytes, None))).collect()
        };
        let still = Duration::ZERO;
        let mut watch = Watch { taken_up: seen(&[1]), last: Seen::new(), since: Instant::now() };
        assert_eq!(watch.settled(seen(&[1]), still), None);
        assert_eq!(watch.settled(seen(&[1]), still), None, "nothing changed");
        assert_eq!(watch.settled(seen(&[1, 5]), still), None, "it may still grow");
        assert_eq!(watch.settled(seen(&[1, 9]), still), None, "it grew");
        assert_eq!(watch.settled(seen(&[1, 9]), Duration::from_mins(1)), None, "not long enough");
        assert_eq!(watch.settled(seen(&[1, 9]), still), Some(1));
        assert_eq!(watch.settled(seen(&[1, 9]), still), None, "once");
        assert_eq!(watch.settled(seen(&[2]), still), None);
        assert_eq!(watch.settled(seen(&[2]), still), Some(2), "one changed, one gone");
    }
}
