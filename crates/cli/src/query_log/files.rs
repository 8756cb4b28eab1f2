//! Which files hold what was asked, from which day is each, and how does one go?

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Line;

const PREFIX: &str = "queries-";
const ENDING: &str = ".jsonl";

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// A day in UTC, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(u64);

impl Day {
    /// The day of a moment.
    pub(crate) fn of(time: SystemTime) -> Self {
        Self(seconds(time) / SECONDS_A_DAY)
    }

    /// So many days earlier.
    pub(crate) fn back(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days.into()))
    }

    /// A day as `2026-11-29`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let shifted = if month > 2 { year } else { year - 1 };
        let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
        let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        // What is no day ("2026-02-30") reads back as another.
        u64::try_from(days).ok().map(Self).filter(|parsed| parsed.to_string() == text)
    }
}

impl fmt::Display for Day {
    /// The civil date, by the days of a year that begins in March (Howard Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms").
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shifted = self.0 + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (year, month) = (year + era * 400 + u64::from(month >= 10), if month < 10 { month + 3 } else { month - 9 });
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// The hour of a moment, as it is written.
pub(crate) fn hour(time: SystemTime) -> String {
    format!("{}T{:02}:00:00Z", Day::of(time), seconds(time) % SECONDS_A_DAY / 3600)
}

/// The folder of the log.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes the folder, for its owner alone.
    pub(crate) fn make(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0)
    }

    /// The days of which there is a file, in order.
    pub(crate) fn days(&self) -> io::Result<Vec<Day>> {
        let mut days = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let middle = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(ENDING));
            days.extend(middle.and_then(Day::parse));
        }
        days.sort_unstable();
        Ok(days)
    }

    /// The file of a day, open for appending, readable by its owner alone.
    pub(crate) fn append(&self, day: Day) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.path(day))
    }

    /// What was kept on a day; lines that are none of ours are passed over.
    pub(crate) fn lines(&self, day: Day) -> io::Result<Vec<Line>> {
        let lines = BufReader::new(File::open(self.path(day))?).lines();
        Ok(lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()).collect())
    }

    /// Bytes of a day's file.
    pub(crate) fn bytes(&self, day: Day) -> io::Result<u64> {
        Ok(fs::metadata(self.path(day))?.len())
    }

    /// Unlinks the files of every day for which `goes` holds; says how many went.
    pub(crate) fn delete(&self, goes: impl Fn(Day) -> bool) -> io::Result<usize> {
        let going: Vec<Day> = self.days()?.into_iter().filter(|day| goes(*day)).collect();
        for day in &going {
            fs::remove_file(self.path(*day))?;
        }
        if !going.is_empty() {
            // A file is gone for good when its folder says so on the disk.
            File::open(&self.0)?.sync_all()?;
        }
        Ok(going.len())
    }

    fn path(&self, day: Day) -> PathBuf {
        self.0.join(format!("{PREFIX}{day}{ENDING}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        let check = |days: u64, text: &str| {
            assert_eq!(Day(days).to_string(), text);
            assert_eq!(Day::parse(text), Some(Day(days)));
        };
        check(0, "1970-01-01");
        check(59, "1970-03-01");
        check(11_016, "2000-02-29");
        check(20_786, "2026-11-29");
        for wrong in ["2026-02-30", "2026-13-01", "2026-1-1", "", "x", "1969-12-31"] {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
        assert_eq!(hour(UNIX_EPOCH + Duration::from_secs(86_399)), "1970-01-01T23:00:00Z");
    }
}
