//! Which tagged sentences are learned from?
//!
//! Any scheme comes in (BIO, BIOES, BILOU, a bare `I-` that begins), BIO goes out. A sentence with a faulty line is left
//! out whole; one that stands in the part that is scored on, too.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use clinqa_eval::{IobProblem, as_bio, read_iob, strays};

use super::labelled::{file_name, share};
use super::report::{DataReport, Fate, Fault};
use crate::TrainError;

/// A sentence with one tag a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// Its file, without the folder.
    pub file: Arc<str>,
    /// The line of its first word.
    pub line: usize,
    /// Its words.
    pub words: Vec<String>,
    /// Their tags, BIO.
    pub tags: Vec<String>,
}

/// The two parts and their tags.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaggedParts {
    /// Learned from.
    pub train: Vec<Tagged>,
    /// Scored on.
    pub dev: Vec<Tagged>,
    /// `O`, then `B-` and `I-` of each label, by name.
    pub tags: Vec<String>,
}

/// Reads one file.
pub fn read(path: &Path, report: &mut DataReport) -> Result<Vec<Tagged>, TrainError> {
    let shown = path.display().to_string();
    let failed = |source| TrainError::Read { path: shown.clone(), source };
    let input = BufReader::new(File::open(path).map_err(failed)?);
    let found =
        read_iob(input).map_err(|error| TrainError::Format { path: shown.clone(), detail: error.to_string() })?;
    let file: Arc<str> = file_name(path).into();
    for fault in found.faults {
        let what = match fault.problem {
            IobProblem::Columns { .. } => Fault::OtherColumns,
            IobProblem::NoWord => Fault::EmptyText,
            IobProblem::NoTag => Fault::NoTag,
        };
        report.add(&file, fault.line, None, (what, Fate::Skipped));
    }
    let sentences = found.sentences.into_iter().map(|sentence| {
        for at in strays(&sentence.tags) {
            report.add(&file, sentence.line + at, None, (Fault::StrayTag, Fate::Mended));
        }
        let tags = as_bio(&sentence.tags);
        Tagged { file: Arc::clone(&file), line: sentence.line, words: sentence.words, tags }
    });
    Ok(sentences.collect())
}

/// A share of the sentences, the same whatever else there is, to be scored on; equal sentences stand on one side.
pub fn hold_out(sentences: Vec<Tagged>, dev_share: f64, seed: u64) -> (Vec<Tagged>, Vec<Tagged>) {
    let (dev, train) = sentences.into_iter().partition(|it| share(&it.words.join(" "), seed) < dev_share);
    (train, dev)
}

/// The tags that are learned are those of `train`; sentences of `dev` with others are left out.
pub fn part(train: Vec<Tagged>, dev: Vec<Tagged>, report: &mut DataReport) -> TaggedParts {
    let scored: BTreeSet<&[String]> = dev.iter().map(|sentence| sentence.words.as_slice()).collect();
    let (train, both): (Vec<Tagged>, Vec<Tagged>) =
        train.into_iter().partition(|sentence| !scored.contains(sentence.words.as_slice()));
    for it in &both {
        report.add(&it.file, it.line, None, (Fault::AlsoInDev, Fate::Skipped));
    }
    let labels: BTreeSet<&str> =
        train.iter().flat_map(|sentence| &sentence.tags).filter_map(|tag| Some(tag.split_once('-')?.1)).collect();
    let tags: Vec<String> = std::iter::once("O".to_owned())
        .chain(labels.iter().flat_map(|label| [format!("B-{label}"), format!("I-{label}")]))
        .collect();
    let known = |sentence: &Tagged| sentence.tags.iter().all(|tag| tags.contains(tag));
    let (dev, strange): (Vec<Tagged>, Vec<Tagged>) = dev.into_iter().partition(known);
    for it in &strange {
        report.add(&it.file, it.line, None, (Fault::UnknownLabel, Fate::Skipped));
    }
    TaggedParts { train, dev, tags }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(line: usize, words: &str, tags: &str) -> Tagged {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect();
        Tagged { file: "f".into(), line, words: list(words), tags: list(tags) }
    }

    #[test]
    fn tags_are_those_of_the_training_part_and_nothing_is_in_both() {
        let mut report = DataReport::default();
        let train = vec![sentence(1, "a b", "B-X I-X"), sentence(4, "c", "O"), sentence(6, "d", "B-A")];
        let dev = vec![sentence(1, "c", "O"), sentence(3, "e", "B-New")];
        let parts = part(train, dev, &mut report);
        assert_eq!(parts.tags, ["O", "B-A", "I-A", "B-X", "I-X"]);
        assert_eq!((parts.train.len(), parts.dev.len()), (2, 1));
        let told: Vec<(usize, Fault)> = report.findings().iter().map(|it| (it.record, it.fault)).collect();
        assert_eq!(told, [(4, Fault::AlsoInDev), (3, Fault::UnknownLabel)]);
    }

    #[test]
    fn a_file_is_read_in_any_scheme_and_its_faults_are_told_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ner.tsv");
        std::fs::write(&path, "fever\tS-Sign\nof\tI-Time\n\nbad\n\nx\tQ-Sign\n").expect("written");
        let mut report = DataReport::default();
        let found = read(&path, &mut report).expect("tagged sentences");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].tags, ["B-Sign", "B-Time"]);
        let told: Vec<(usize, Fault, Fate)> =
            report.findings().iter().map(|it| (it.record, it.fault, it.fate)).collect();
        let skipped = |line, fault| (line, fault, Fate::Skipped);
        assert_eq!(
            told,
            [skipped(4, Fault::OtherColumns), skipped(6, Fault::NoTag), (2, Fault::StrayTag, Fate::Mended)]
        );
    }
}
