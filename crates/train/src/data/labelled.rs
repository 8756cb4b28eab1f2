//! Which labelled texts are learned from, and which are scored on?
//!
//! Files are read record by record; then the parts are made: what says the same stands on one side, nothing that is
//! scored on is learned from, and what is left out is reported by file and line, never with its text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use clinqa_eval::{LabelledFields, LabelledForm, LabelledProblem, read_labelled};

use super::report::{DataReport, Fate, Fault};
use crate::TrainError;

/// A text with its labels, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Its file, without the folder.
    pub file: Arc<str>,
    /// Its line there, or the number of its record, from 1.
    pub record: usize,
    /// What its file calls it.
    pub id: Option<String>,
    /// The text.
    pub text: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// What must stand on one side when a part is held out: its document, or the text itself.
    pub group: String,
}

/// How texts are parted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parting {
    /// The share that is scored on, where no file for that is named.
    pub dev_share: f64,
    /// Decides which.
    pub seed: u64,
    /// Labels with fewer examples are not learned.
    pub least: usize,
}

/// The two parts and their labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelledParts {
    /// Learned from.
    pub train: Vec<Labelled>,
    /// Scored on.
    pub dev: Vec<Labelled>,
    /// Labels that are learned, by name.
    pub labels: Vec<String>,
    /// Whether a text may have several labels or none.
    pub several: bool,
}

/// Reads one file: a table by its ending (.csv, .tsv), else JSON Lines. Tells whether a text may have several labels.
pub fn read(
    path: &Path,
    fields: &LabelledFields,
    report: &mut DataReport,
) -> Result<(Vec<Labelled>, bool), TrainError> {
    let shown = path.display().to_string();
    let failed = |source| TrainError::Read { path: shown.clone(), source };
    let input = BufReader::new(File::open(path).map_err(failed)?);
    let found = read_labelled(LabelledForm::of(path), fields, input)
        .map_err(|error| TrainError::Format { path: shown.clone(), detail: error.to_string() })?;
    let file: Arc<str> = file_name(path).into();
    for fault in found.faults {
        let what = match fault.problem {
            LabelledProblem::Broken => Fault::NotARecord,
            LabelledProblem::NoText => Fault::EmptyText,
            LabelledProblem::NoLabel => Fault::NoLabel,
            LabelledProblem::Columns => Fault::OtherColumns,
        };
        report.add(&file, fault.line, None, (what, Fate::Skipped));
    }
    let texts = found.texts.into_iter().map(|text| Labelled {
        file: Arc::clone(&file),
        record: text.line,
        id: text.id,
        group: plain(&text.text),
        text: text.text,
        labels: text.labels,
    });
    Ok((texts.collect(), found.several))
}

/// Parts texts by their group where no `dev` is given, and leaves out what would spoil either part.
pub fn part(
    texts: Vec<Labelled>,
    dev: Option<Vec<Labelled>>,
    several: bool,
    parting: Parting,
    report: &mut DataReport,
) -> LabelledParts {
    let is_dev = |text: &Labelled| share(&text.group, parting.seed) < parting.dev_share;
    let (dev, train): (Vec<Labelled>, Vec<Labelled>) = match dev {
        Some(dev) => (dev, texts),
        None => texts.into_iter().partition(is_dev),
    };
    let dev = unrepeated(dev, report);
    let scored: BTreeSet<String> = dev.iter().map(|text| plain(&text.text)).collect();
    let train = keep(train, Fault::AlsoInDev, report, |text| !scored.contains(&plain(&text.text)));
    let train = unrepeated(train, report);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in train.iter().flat_map(|text| &text.labels) {
        *counts.entry(label).or_default() += 1;
    }
    let labels: BTreeSet<String> =
        counts.into_iter().filter(|(_, count)| *count >= parting.least).map(|(label, _)| label.to_owned()).collect();
    let known = |text: &Labelled| text.labels.iter().all(|label| labels.contains(label));
    let train = keep(train, Fault::RareLabel, report, known);
    let dev = keep(dev, Fault::UnknownLabel, report, known);
    LabelledParts { train, dev, labels: labels.iter().cloned().collect(), several }
}

/// The first of those that say the same.
fn unrepeated(texts: Vec<Labelled>, report: &mut DataReport) -> Vec<Labelled> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut kept = Vec::with_capacity(texts.len());
    for text in texts {
        match seen.get(&plain(&text.text)) {
            None => {
                seen.insert(plain(&text.text), text.labels.clone());
                kept.push(text);
            }
            Some(labels) => {
                let fault = if *labels == text.labels { Fault::RepeatedText } else { Fault::OtherLabel };
                report.add(&text.file, text.record, text.id.as_deref(), (fault, Fate::Skipped));
            }
        }
    }
    kept
}

fn keep(
    texts: Vec<Labelled>,
    fault: Fault,
    report: &mut DataReport,
    is_kept: impl Fn(&Labelled) -> bool,
) -> Vec<Labelled> {
    let (kept, left): (Vec<_>, Vec<_>) = texts.into_iter().partition(is_kept);
    for text in left {
        report.add(&text.file, text.record, text.id.as_deref(), (fault, Fate::Skipped));
    }
    kept
}

/// A text as it is compared: case and spaces say nothing.
fn plain(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number from 0 to 1 that the group has under this seed, whatever else is in the data.
pub(super) fn share(group: &str, seed: u64) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(group.as_bytes());
    let first = hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default();
    (u64::from_le_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A file's name without its folder.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[(&str, &str)]) -> Vec<Labelled> {
        let text = |(record, (text, label)): (usize, &(&str, &str))| Labelled {
            file: "f".into(),
            record: record + 1,
            id: None,
            text: (*text).to_owned(),
            labels: vec![(*label).to_owned()],
            group: plain(text),
        };
        list.iter().enumerate().map(text).collect()
    }

    fn told(report: &DataReport) -> Vec<(usize, Fault)> {
        report.findings().iter().map(|finding| (finding.record, finding.fault)).collect()
    }

    #[test]
    fn what_would_spoil_a_part_is_left_out_and_reported() {
        use Fault::{AlsoInDev, OtherLabel, RareLabel, RepeatedText, UnknownLabel};
        let mut report = DataReport::default();
        let train = texts(&[
            ("a", "x"),
            ("A ", "x"),
            ("a", "y"),
            ("b", "x"),
            ("c", "rare"),
            ("d", "x"),
            ("e", "y"),
            ("g", "y"),
        ]);
        let dev = texts(&[("b", "x"), ("f", "unseen")]);
        let parting = Parting { dev_share: 0.0, seed: 1, least: 2 };
        let parts = part(train, Some(dev), false, parting, &mut report);
        let names = |texts: &[Labelled]| texts.iter().map(|text| text.text.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&parts.train), names(&parts.dev)),
            (vec!["a".into(), "d".into(), "e".into(), "g".into()], vec!["b".into()])
        );
        assert_eq!(parts.labels, ["x", "y"]);
        assert_eq!(
            told(&report),
            [(4, AlsoInDev), (2, RepeatedText), (3, OtherLabel), (5, RareLabel), (2, UnknownLabel)]
        );
    }

    #[test]
    fn a_held_out_part_does_not_depend_on_what_else_there_is() {
        let all: Vec<(String, &str)> = (0..200).map(|n| (format!("text {n}"), "x")).collect();
        let of = |list: &[(String, &str)]| {
            let list: Vec<(&str, &str)> = list.iter().map(|(text, label)| (text.as_str(), *label)).collect();
            let parting = Parting { dev_share: 0.2, seed: 7, least: 1 };
            let parts = part(texts(&list), None, false, parting, &mut DataReport::default());
            parts.dev.into_iter().map(|text| text.text).collect::<BTreeSet<_>>()
        };
        let (whole, half) = (of(&all), of(&all[..100]));
        assert!((20..60).contains(&whole.len()), "{}", whole.len());
        assert_eq!(half, whole.into_iter().filter(|text| all[..100].iter().any(|(kept, _)| kept == text)).collect());
    }
}
