//! What was wrong with the training data, where, and what became of it?
//!
//! Files and record numbers only: what stands in a record may be about a patient, so no text of it is ever repeated.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use serde::Serialize;

/// Records that a summary names of each fault; the report on disk names all.
const NAMED: usize = 5;

/// Longest id that a report repeats, in bytes. Longer ones may be texts that stand in the wrong field.
const LONGEST_ID: usize = 64;

/// What can be wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A field is missing or of another type.
    NotARecord,
    /// The question has no words.
    EmptyQuestion,
    /// The text has no words.
    EmptyText,
    /// The answer has no words.
    EmptyAnswer,
    /// There is no answer, and nothing says that there is none.
    NoAnswer,
    /// The answer does not stand in the text.
    AnswerNotInText,
    /// The answer stands in the text, though not where the record says.
    OtherPlace,
    /// The answer stands in several places of the text, and in none where the record says.
    ManyPlaces,
    /// Another record of the file has this id.
    RepeatedId,
    /// Another record asks and answers the same.
    Repeated,
    /// Another record gives another answer to the same question on the same text, or the record says both that there is
    /// an answer and that there is none.
    Contradiction,
    /// No window holds the whole answer.
    AnswerTooLong,
    /// The text is also in the part that is scored on.
    AlsoInDev,
    /// The answer is no span: yes or no, or prose.
    NoSpan,
    /// There is no label.
    NoLabel,
    /// It has more or fewer columns than the first line.
    OtherColumns,
    /// The last column is no tag.
    NoTag,
    /// A tag continues what was not begun.
    StrayTag,
    /// The same text with the same labels came before.
    RepeatedText,
    /// The same text came before with another label.
    OtherLabel,
    /// Too few examples have its label.
    RareLabel,
    /// No example that is trained on has its label.
    UnknownLabel,
}

impl Fault {
    /// In words, after "because".
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotARecord => "a field is missing or of another type",
            Self::EmptyQuestion => "the question is empty",
            Self::EmptyText => "the text is empty",
            Self::EmptyAnswer => "the answer is empty",
            Self::NoAnswer => "there is no answer, and `is_impossible` does not say that there is none",
            Self::AnswerNotInText => "the answer does not stand in the text",
            Self::OtherPlace => "the answer stands elsewhere in the text than `answer_start` says",
            Self::ManyPlaces => "the answer stands in several places, none of them where `answer_start` says",
            Self::RepeatedId => "the id was used before",
            Self::Repeated => "the same question, text and answer came before",
            Self::Contradiction => "it contradicts what was said before about the same question and text",
            Self::AnswerTooLong => "the answer is longer than a window",
            Self::AlsoInDev => "its text is also in the part that is scored on",
            Self::NoSpan => "its answer is no span (yes or no, or prose)",
            Self::NoLabel => "there is no label",
            Self::OtherColumns => "it has more or fewer columns than the first line",
            Self::NoTag => "its last column is no tag such as O, B-Drug or I-Drug",
            Self::StrayTag => "a tag continues what was not begun (it is read as a beginning)",
            Self::RepeatedText => "the same text with the same labels came before",
            Self::OtherLabel => "the same text came before with another label",
            Self::RareLabel => "too few examples have its label",
            Self::UnknownLabel => "no example that is trained on has its label",
        }
    }
}

/// What became of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is not trained on.
    Skipped,
    /// It was put right.
    Mended,
}

/// One record with a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file's name, without its folder.
    pub file: String,
    /// The record's number in the file, from 1.
    pub record: usize,
    /// Its id, if it has one that can only be an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is wrong.
    pub fault: Fault,
    /// What became of it.
    pub fate: Fate,
}

/// Everything that was found, in the order of files and records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataReport {
    findings: Vec<Finding>,
}

impl DataReport {
    /// Adds a finding. An id that is long or holds anything but letters, digits and `._:-#` is left out.
    pub fn add(&mut self, file: &str, record: usize, id: Option<&str>, (fault, fate): (Fault, Fate)) {
        let plain = |id: &&str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-#".contains(c);
            !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(allowed)
        };
        let id = id.filter(plain).map(str::to_owned);
        self.findings.push(Finding { file: file.to_owned(), record, id, fault, fate });
    }

    /// What was found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many records met this fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.findings.iter().filter(|finding| finding.fate == fate).count()
    }

    /// A line for each file, fault and fate, with the first few records: for the screen and for the model card.
    pub fn summary(&self) -> Vec<String> {
        let mut groups: BTreeMap<(&str, Fate, Fault), Vec<&Finding>> = BTreeMap::new();
        for finding in &self.findings {
            groups.entry((&finding.file, finding.fate, finding.fault)).or_default().push(finding);
        }
        let told = groups.into_iter().map(|((file, fate, fault), findings)| {
            let named: Vec<String> = findings.iter().take(NAMED).map(ToString::to_string).collect();
            let more = if findings.len() > NAMED { ", …" } else { "" };
            let fate = if fate == Fate::Skipped { "skipped" } else { "mended" };
            let (count, reason) = (findings.len(), fault.reason());
            format!("{file}: {count} {fate} because {reason} ({}{more})", named.join(", "))
        });
        told.collect()
    }

    /// A JSON object a line, one for each finding.
    pub fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        for finding in &self.findings {
            serde_json::to_writer(&mut *out, finding)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    /// `record 7` or `record 7, id q7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.record)?;
        self.id.as_ref().map_or(Ok(()), |id| write!(f, " id {id}"))
    }
}

/// Why there is nothing to train on.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("cannot read the training data {file}: {source}; check the path")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is JSON, or nearly, but broken.
    #[error("cannot read the training data {file}, line {line}, column {column}: this is not JSON; correct the file")]
    NotJson {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// The file is something else.
    #[error("cannot train on {file}: it looks like {found}; expected {expected}")]
    OtherFormat {
        /// The file.
        file: String,
        /// What it looks like.
        found: &'static str,
        /// What would have been right.
        expected: &'static str,
    },
    /// The same content was named twice.
    #[error("{first} and {second} hold the same bytes; name each file once (a weight is given as `FILE=2`)")]
    SameFile {
        /// The one named first.
        first: String,
        /// The other.
        second: String,
    },
    /// A weight is not a positive number.
    #[error(
        "the weight `{found}` of {file} is none; write FILE=WEIGHT with a number above 0 and up to 100, such as FILE=0.5"
    )]
    Weight {
        /// The file.
        file: String,
        /// What was written.
        found: String,
    },
    /// A share is none.
    #[error("{flag} is {found}; it must be a number from 0 to 1")]
    Share {
        /// As the command line names it.
        flag: &'static str,
        /// What was asked for.
        found: f64,
    },
    /// Too few records are left.
    #[error("there are {found} {what} and at least {needed} are needed; {cure}{skipped}")]
    TooLittle {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
        /// What to do.
        cure: &'static str,
        /// What was skipped and why, if anything was.
        skipped: String,
    },
    /// A text cannot be split into word pieces.
    #[error("cannot split record {record} of {file} into word pieces: {source}")]
    Tokenize {
        /// The file.
        file: String,
        /// The record, from 1.
        record: usize,
        /// Why.
        source: clinqa_encoder::EncodeError,
    },
}

impl DataError {
    /// Fewer than needed, with what the report says was skipped.
    pub fn too_little(
        (what, found, needed): (&'static str, usize, usize),
        cure: &'static str,
        report: &DataReport,
    ) -> Self {
        let skipped = match report.count(Fate::Skipped) {
            0 => String::new(),
            count => format!("\n{count} records were skipped:\n  {}", report.summary().join("\n  ")),
        };
        Self::TooLittle { what, found, needed, cure, skipped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_by_file_and_fault_and_names_the_first_records() {
        let mut report = DataReport::default();
        for record in 1..=7 {
            report.add("a.json", record, Some(&format!("q{record}")), (Fault::EmptyAnswer, Fate::Skipped));
        }
        report.add("a.json", 9, None, (Fault::OtherPlace, Fate::Mended));
        assert_eq!(
            report.summary(),
            [
                "a.json: 7 skipped because the answer is empty (record 1 id q1, record 2 id q2, record 3 id q3, record 4 id \
                 q4, record 5 id q5, …)",
                "a.json: 1 mended because the answer stands elsewhere in the text than `answer_start` says (record 9)",
            ]
        );
        assert_eq!((report.count(Fate::Skipped), report.count(Fate::Mended)), (7, 1));
    }

    #[test]
    fn an_id_that_could_be_a_text_is_not_repeated() {
        let mut report = DataReport::default();
        for id in ["my chest hurts", "", &"a".repeat(80), "f.1:2-3#4"] {
            report.add("f", 1, Some(id), (Fault::NotARecord, Fate::Skipped));
        }
        let ids: Vec<Option<&str>> = report.findings().iter().map(|finding| finding.id.as_deref()).collect();
        assert_eq!(ids, [None, None, None, Some("f.1:2-3#4")]);
        let mut out = Vec::new();
        report.write(&mut out).expect("memory");
        let last = String::from_utf8(out).expect("UTF-8").lines().last().map(str::to_owned);
        let expected = r#"{"file":"f","record":1,"id":"f.1:2-3#4","fault":"not_a_record","fate":"skipped"}"#;
        assert_eq!(last.as_deref(), Some(expected));
    }
}
