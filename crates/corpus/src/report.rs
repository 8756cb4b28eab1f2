//! What became of every record of a corpus?

use std::fmt;

use clinqa_schema::{Document, DocumentError, DocumentId, IdError, SourceLocator};
use serde::Serialize;

/// How many faults a report names; the rest are counted only, so that memory stays flat. A year of PubMed has fewer.
pub(crate) const NAMED_FAULTS: usize = 50_000;
/// How many records a report names that are sound but gave way to others.
const NAMED_OTHERS: usize = 1_000;
/// How many of both are shown to a human.
const SHOWN_SKIPS: usize = 10;

/// The account of one reading. Invariant: `read == indexed + skipped + duplicate + superseded + retracted`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records met, and files that are no records but should have been.
    pub read: u64,
    /// Documents handed on.
    pub indexed: u64,
    /// Records that cannot be used.
    pub skipped: u64,
    /// Documents that were there already: the same id in the same version, or the same title and text.
    pub duplicate: u64,
    /// Documents of which a newer version was there.
    pub superseded: u64,
    /// Deletions, and the documents that they took out. A paper that is marked as retracted is not among them: it is
    /// indexed with its mark.
    pub retracted: u64,
    /// Of the documents handed on, those that no longer stand as published: retracted, doubted, superseded, corrected.
    pub marked: u64,
    /// Why records were not handed on, in the order they were met: of the skipped the first 50,000, of the others the
    /// first thousand.
    pub skips: Vec<Skipped>,
    /// How many of them are faults.
    #[serde(skip)]
    faults_named: usize,
}

impl Report {
    /// Adds the account of another corpus.
    pub fn merge(&mut self, other: Self) {
        self.read += other.read;
        self.indexed += other.indexed;
        self.skipped += other.skipped;
        self.duplicate += other.duplicate;
        self.superseded += other.superseded;
        self.retracted += other.retracted;
        self.marked += other.marked;
        for skip in other.skips {
            self.name(skip);
        }
    }

    pub(crate) fn note_read(&mut self) {
        self.read += 1;
    }

    pub(crate) fn note_indexed(&mut self, document: &Document) {
        self.indexed += 1;
        self.marked += u64::from(!document.metadata.standing.is_current());
    }

    pub(crate) fn note_deletion(&mut self) {
        self.retracted += 1;
    }

    pub(crate) fn note_skip(&mut self, skip: Skipped) {
        match skip.reason {
            SkipReason::DuplicateId { .. } | SkipReason::DuplicateText { .. } => self.duplicate += 1,
            SkipReason::Superseded { .. } => self.superseded += 1,
            SkipReason::Deleted { .. } => self.retracted += 1,
            _ => self.skipped += 1,
        }
        self.name(skip);
    }

    /// Counts a fault beyond those that are named.
    pub(crate) fn note_unnamed_skip(&mut self) {
        self.skipped += 1;
    }

    fn name(&mut self, skip: Skipped) {
        let (named, most) = if skip.reason.is_fault() {
            self.faults_named += 1;
            (self.faults_named - 1, NAMED_FAULTS)
        } else {
            (self.skips.len().saturating_sub(self.faults_named), NAMED_OTHERS)
        };
        if named < most {
            self.skips.push(skip);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, indexed, skipped, duplicate, superseded, retracted, marked, skips, .. } = self;
        write!(
            f,
            "{read} read = {indexed} indexed + {skipped} skipped + {duplicate} duplicate + {superseded} superseded + {retracted} retracted"
        )?;
        if *marked > 0 {
            write!(f, "\n  {marked} of those indexed are marked: they no longer stand as published")?;
        }
        for skip in skips.iter().take(SHOWN_SKIPS) {
            write!(f, "\n  {skip}")?;
        }
        match (skipped + duplicate + superseded).max(skips.len() as u64).saturating_sub(SHOWN_SKIPS as u64) {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}

/// A record that was not handed on, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Where it stands.
    pub locator: SourceLocator,
    /// Its id, where it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why.
    pub reason: SkipReason,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Place(&self.locator))?;
        if let Some(id) = &self.id {
            write!(f, " ({})", id.escape_debug())?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Why a record was not handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SkipReason {
    /// No format of the table recognises the file.
    #[error("unknown format; known are {known}")]
    UnknownFormat {
        /// The names of the formats that were tried.
        known: String,
    },
    /// The entry is a symbolic link; links could lead out of the corpus.
    #[error("a symbolic link, which is not followed; put the file itself there")]
    SymbolicLink,
    /// The entry is a device, a pipe or a socket.
    #[error("not a regular file; remove it")]
    NotAFile,
    /// The file's name is not UTF-8.
    #[error("the file name is not UTF-8; rename the file")]
    FileName,
    /// The file holds NUL bytes.
    #[error("a binary file; deliver text")]
    Binary,
    /// The record is not UTF-8.
    #[error("not UTF-8 from byte {offset} on; convert it to UTF-8")]
    NotUtf8 {
        /// The first wrong byte of the file or line.
        offset: u64,
    },
    /// The record is longer than its format allows.
    #[error("longer than {limit} bytes; cut it into several documents")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// What the record is packed in cannot be read to its end.
    #[error("the packing is damaged ({reason}); deliver it again")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// More comes out of the file than can be meant.
    #[error(
        "more than {limit} bytes came out of it, which is out of all proportion; unpack it yourself if you trust it"
    )]
    Expands {
        /// Bytes that its size allows.
        limit: u64,
    },
    /// The member needs a password.
    #[error("encrypted; deliver it without a password")]
    Encrypted,
    /// Reading the record takes too long.
    #[error("not read within {seconds} seconds; save it anew with another program, or cut it")]
    TooSlow {
        /// Seconds that are allowed.
        seconds: u64,
    },
    /// Reading the record took too long when all records were compared, and not when they were handed on.
    #[error("not read in time when records were compared; run the command again, or cut the file")]
    Unsurveyed,
    /// Pages that are pictures only.
    #[error("scanned, without text on page {pages}; run the file through text recognition and deliver the result")]
    Scanned {
        /// Which pages, from 1: `1-3, 7`.
        pages: String,
    },
    /// There is more of something than may be read at once, and nothing is wrong with it.
    #[error("more than {limit} {what}; cut it into several files")]
    TooMany {
        /// How many there may be.
        limit: u64,
        /// Of what.
        what: String,
    },
    /// The file is not what its beginning says.
    #[error("a damaged {format} file ({reason}); open it in the program that made it and save it anew")]
    Malformed {
        /// The format.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An archive in an archive in an archive.
    #[error("packed more than {limit} deep; unpack the outer archives")]
    Nested {
        /// Archives inside archives that are allowed.
        limit: u64,
    },
    /// Front matter begins and does not end.
    #[error("front matter begins with `---` but no closing `---` follows within {limit} bytes; close it")]
    FrontMatterOpen {
        /// Bytes allowed.
        limit: u64,
    },
    /// Front matter cannot be read.
    #[error("wrong front matter: {reason}; correct it")]
    FrontMatter {
        /// What the parser said: it names the key and those that are known.
        reason: String,
    },
    /// A line is not the JSON object that the format asks for.
    #[error("wrong JSON: {reason}; correct the line")]
    Json {
        /// What the parser said.
        reason: String,
    },
    /// A record is not well-formed XML, or uses an entity that is not built into XML.
    #[error("wrong XML: {reason}; correct the record")]
    Xml {
        /// What the parser said.
        reason: String,
    },
    /// A record or a file does not end.
    #[error("`<{element}>` is not closed; complete it")]
    Unclosed {
        /// The element.
        element: &'static str,
    },
    /// Something stands where a record should.
    #[error("not a record, and no record begins until the next one that is reported or indexed; remove or correct it")]
    Stray,
    /// A field is not there, or empty.
    #[error("the field `{field}` is missing or empty; add it")]
    MissingField {
        /// The field.
        field: &'static str,
    },
    /// No column of a table is known to hold text.
    #[error("no column is known to hold text, of {found}; name it as `text` under `[fields]` in corpus.toml")]
    Columns {
        /// The columns that are there.
        found: String,
    },
    /// A field's value cannot be used.
    #[error("wrong `{field}`: {reason}")]
    WrongValue {
        /// The field.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// There is no text.
    #[error("no text; give it a body or remove it")]
    Empty,
    /// The format made a document that breaks a promise.
    #[error("the `{format}` format made a broken document ({reason}); report this with the file")]
    Broken {
        /// The format.
        format: &'static str,
        /// What is broken.
        reason: String,
    },
    /// Another document has this id.
    #[error("its id was already used by {}; give it another id", Place(first))]
    DuplicateId {
        /// Where the first one stands.
        first: Box<SourceLocator>,
    },
    /// A newer version of the document was delivered.
    #[error("a newer version stands at {}; nothing is to be done", Place(by))]
    Superseded {
        /// Where.
        by: Box<SourceLocator>,
    },
    /// Its publisher took it back.
    #[error("deleted by its publisher at {}; nothing is to be done", Place(by))]
    Deleted {
        /// Where the deletion stands.
        by: Box<SourceLocator>,
    },
    /// Another document has this title and text.
    #[error("the same title and text as {}; remove one of them", Place(first))]
    DuplicateText {
        /// Where the first one stands.
        first: Box<SourceLocator>,
    },
}

impl SkipReason {
    pub(crate) fn wrong_id(error: &IdError) -> Self {
        Self::WrongValue { field: "id", reason: error.to_string() }
    }

    /// Whether the record is at fault, rather than one that gives way to another.
    fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::DuplicateId { .. } | Self::DuplicateText { .. } | Self::Superseded { .. } | Self::Deleted { .. }
        )
    }

    pub(crate) fn broken(format: &'static str, error: &DocumentError) -> Self {
        match error {
            DocumentError::Empty { .. } => Self::Empty,
            DocumentError::Section { .. } => Self::Broken { format, reason: error.to_string() },
        }
    }

    /// The record at `locator`, named `id`, skipped for this reason.
    pub(crate) fn at(self, locator: SourceLocator, id: Option<&DocumentId>) -> Skipped {
        Skipped { locator, id: id.map(ToString::to_string), reason: self }
    }
}

/// `file/member:record`, with whatever a terminal would obey escaped.
struct Place<'a>(&'a SourceLocator);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.file.escape_debug())?;
        if let Some(member) = &self.0.member {
            write!(f, "/{}", member.escape_debug())?;
        }
        self.0.record.map_or(Ok(()), |record| write!(f, ":{record}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(record: u64) -> Skipped {
        let locator = SourceLocator { file: "a\u{1b}.jsonl".into(), record: Some(record), ..SourceLocator::default() };
        SkipReason::Empty.at(locator, None)
    }

    #[test]
    fn a_report_names_some_skips_and_counts_all() {
        let mut report = Report::default();
        for record in 0..2_000 {
            report.note_read();
            report.note_skip(skip(record));
        }
        for _ in 0..2_000 {
            report.note_read();
            let by = Box::default();
            report.note_skip(SkipReason::Superseded { by }.at(SourceLocator::default(), None));
        }
        assert_eq!((report.skipped, report.superseded, report.skips.len()), (2_000, 2_000, 2_000 + NAMED_OTHERS));
        let text = report.to_string();
        assert!(
            text.starts_with("4000 read = 0 indexed + 2000 skipped + 0 duplicate + 2000 superseded + 0 retracted\n"),
            "{text}"
        );
        assert!(text.ends_with("… and 3990 more") && !text.contains('\u{1b}'), "{text}");
        let mut both = report.clone();
        both.merge(report);
        assert_eq!((both.read, both.skipped, both.skips.len()), (8_000, 4_000, 4_000 + NAMED_OTHERS));
    }

    #[test]
    fn a_report_is_json_with_the_kind_of_each_reason() {
        let mut report = Report::default();
        report.note_read();
        report.note_skip(skip(3));
        let json = serde_json::to_value(&report).expect("json");
        assert_eq!(json["skips"][0]["reason"]["kind"], "empty");
        assert_eq!(json["skips"][0]["locator"]["record"], 3);
    }
}
