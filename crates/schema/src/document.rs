//! A document: one text with its sections, and what is known about it.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{DocumentId, Standing};

/// One document as an index keeps it. Every offset anywhere points into [`Document::text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its name.
    pub id: DocumentId,
    /// Its title, one line.
    pub title: String,
    /// Plain text, headings included as lines of their own.
    pub text: String,
    /// The bodies under the headings, in order, without overlap.
    pub sections: Vec<Section>,
    /// What filters and citations need.
    pub metadata: Metadata,
    /// Where it came from.
    pub source: SourceLocator,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DocumentError {
    /// No text at all.
    #[error("document `{id}` holds no text; give it a body or remove it")]
    Empty {
        /// The document.
        id: DocumentId,
    },
    /// A section does not lie in the text, or overlaps the one before.
    #[error(
        "section {ordinal} of document `{id}` spans bytes {start}..{end}, which do not follow the section before inside a text of {length} bytes"
    )]
    Section {
        /// The document.
        id: DocumentId,
        /// Which section, from 0.
        ordinal: usize,
        /// First byte.
        start: usize,
        /// End byte.
        end: usize,
        /// Bytes of the text.
        length: usize,
    },
}

impl Document {
    /// Checks that there is text and that the sections lie in it, in order, on character bounds.
    pub fn validate(&self) -> Result<(), DocumentError> {
        if self.text.trim().is_empty() {
            return Err(DocumentError::Empty { id: self.id.clone() });
        }
        let mut previous_end = 0;
        for (ordinal, section) in self.sections.iter().enumerate() {
            let Range { start, end } = section.bytes;
            if start < previous_end || self.text.get(start..end).is_none() {
                return Err(DocumentError::Section {
                    id: self.id.clone(),
                    ordinal,
                    start,
                    end,
                    length: self.text.len(),
                });
            }
            previous_end = end;
        }
        Ok(())
    }

    /// Turns a byte offset of `text` (on a character bound) into an offset in Unicode scalar values,
    /// the unit that replies speak.
    pub fn char_offset(&self, byte: usize) -> usize {
        self.text.get(..byte).map_or(0, |before| before.chars().count())
    }
}

/// A stretch of a document under one heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The heading; empty for text before the first one.
    pub heading: String,
    /// The body in bytes of [`Document::text`], without the heading line.
    pub bytes: Range<usize>,
}

/// What is known about a document beyond its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Metadata {
    /// Who publishes it.
    pub publisher: String,
    /// What it is: `leaflet`, `guideline`, `abstract`…
    pub kind: String,
    /// When it was written or published.
    pub published: Option<Date>,
    /// Where it can be read.
    pub url: Option<String>,
    /// The branch of medicine.
    pub specialty: Option<String>,
    /// For whom: `patient` or `clinician`.
    pub audience: Option<String>,
    /// Language, as an ISO 639-1 code.
    pub language: Option<String>,
    /// Other names of the topic: lay words, clinical words, abbreviations.
    pub synonyms: Vec<String>,
    /// Public bodies to compare with.
    pub see_also: Vec<String>,
    /// The grade of the evidence or the strength of the recommendation, in the source's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<String>,
    /// Where it holds, as an ISO 3166-1 code (`GB`), `EU` or `WHO`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// Under which terms it may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Whether it still stands.
    #[serde(skip_serializing_if = "Standing::is_current")]
    pub standing: Standing,
    /// Documents that say nearly the same: other sites' copies of a leaflet, the preprint of an article.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub siblings: Vec<DocumentId>,
}

/// Where in the delivered files a document stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceLocator {
    /// The corpus that holds the file.
    pub corpus: String,
    /// The file, relative to its corpus folder, with `/` between names.
    pub file: String,
    /// The member of an archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The record in the file, from 1 (a line of JSON Lines).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The first byte of the record in the file, or in the member once it is unpacked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Where each page of a paged file begins, in bytes of the document's text; page 1 first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub page_starts: Vec<usize>,
}

impl SourceLocator {
    /// The page, from 1, on which `byte` of the document's text stands; `None` where the file has no pages.
    pub fn page_of(&self, byte: usize) -> Option<u32> {
        let page = self.page_starts.partition_point(|start| *start <= byte);
        if page == 0 { None } else { u32::try_from(page).ok() }
    }
}

/// A calendar date of year, month or day precision: `2026`, `2026-11` or `2026-11-22`.
///
/// Ordered as text, so `2026` stands before `2026-01`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$", example = "2026-11-22"))]
#[serde(try_from = "String", into = "String")]
pub struct Date(String);

/// Why a text is not a date.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{found}` is not a date; write it as 2026, 2026-11 or 2026-11-22")]
pub struct DateError {
    /// The text, escaped.
    pub found: String,
}

impl Date {
    /// Checks year, month and day ranges; it knows the length of no month but that none exceeds 31.
    pub fn new(text: &str) -> Result<Self, DateError> {
        let wrong = || DateError { found: text.escape_default().to_string() };
        let mut parts = text.split('-');
        let mut field = |digits: usize, range: Range<u32>| match parts.next() {
            None => Ok(false),
            Some(part) if part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()) => {
                let value: u32 = part.parse().map_err(|_| wrong())?;
                if range.contains(&value) { Ok(true) } else { Err(wrong()) }
            }
            Some(_) => Err(wrong()),
        };
        let year = field(4, 1..10_000)?;
        if !year {
            return Err(wrong());
        }
        let _ = field(2, 1..13)? && field(2, 1..32)?;
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(text.to_owned())) }
    }

    /// The date as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this date, as far as it is known, lies on or after `since`: `2023-05` is since `2023`.
    pub fn is_since(&self, since: &Self) -> bool {
        let known = self.0.len().min(since.0.len());
        self.0[..known] >= since.0[..known]
    }

    /// Whether this date, as far as it is known, lies on or before `until`: `2023-05` is until `2023`.
    pub fn is_until(&self, until: &Self) -> bool {
        let known = self.0.len().min(until.0.len());
        self.0[..known] <= until.0[..known]
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Date {
    type Err = DateError;
    fn from_str(text: &str) -> Result<Self, DateError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Date {
    type Error = DateError;
    fn try_from(text: String) -> Result<Self, DateError> {
        Self::new(&text)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_year_a_month_or_a_day() {
        let check = |text: &str, good: bool| assert_eq!(Date::new(text).is_ok(), good, "{text}");
        check("2026", true);
        check("2026-11", true);
        check("2026-11-22", true);
        check("2026-13", false);
        check("2026-11-32", false);
        check("2026-11-22-01", false);
        check("26", false);
        check("", false);
        check("2026-1", false);
        check("２０２６", false);
    }

    #[test]
    fn a_date_known_to_the_month_is_since_its_own_year_and_until_it() {
        let date = |text| Date::new(text).expect("a date");
        assert!(date("2023-05").is_since(&date("2023")));
        assert!(date("2023").is_since(&date("2023-05")));
        assert!(date("2023-05").is_until(&date("2023")));
        assert!(!date("2022-12").is_since(&date("2023")));
        assert!(!date("2024").is_until(&date("2023-12-31")));
    }

    #[test]
    fn a_byte_stands_on_the_page_that_began_last() {
        let paged = SourceLocator { page_starts: vec![0, 10, 10, 25], ..SourceLocator::default() };
        let check = |byte, page| assert_eq!(paged.page_of(byte), page, "{byte}");
        check(0, Some(1));
        check(9, Some(1));
        check(10, Some(3));
        check(1_000, Some(4));
        assert_eq!(SourceLocator::default().page_of(3), None);
    }

    #[test]
    fn sections_must_lie_in_the_text_in_order() {
        let document = |sections: &[Range<usize>]| Document {
            id: DocumentId::new("d").expect("an id"),
            title: "D".into(),
            text: "Über alles".into(),
            sections: sections.iter().map(|bytes| Section { heading: String::new(), bytes: bytes.clone() }).collect(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        assert!(document(&[0..5, 6..11]).validate().is_ok());
        assert!(document(&[0..6, 5..11]).validate().is_err(), "overlap");
        let past_the_end = 0..12;
        assert!(document(&[past_the_end]).validate().is_err());
        let inside_a_character = 1..5;
        assert!(document(&[inside_a_character]).validate().is_err());
        assert_eq!(document(&[]).char_offset(5), 4, "Ü is one character of two bytes");
    }
}
