//! What can one record of a delivery say?

use clinqa_schema::{Date, Document, DocumentId, SourceLocator, Standing};

use crate::report::Skipped;

/// What a format makes of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A document.
    Document(Box<Delivered>),
    /// A record that cannot be used, and why.
    Skipped(Box<Skipped>),
    /// An id that its publisher takes back.
    Deletion(Deletion),
    /// What the record before says about another document. It is not a record of its own and is not counted as one.
    Notice(Notice),
}

/// A document as it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The document.
    pub document: Document,
    /// What decides between two deliveries of one id.
    pub version: Version,
    /// Under which other names notices may speak of it: `pmid:123`, `doi:10.1000/x`, `pmc:PMC123`. Case does not matter.
    pub names: Vec<String>,
}

/// An id that is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The id.
    pub id: DocumentId,
    /// The newest version that goes; a newer one stays.
    pub up_to: Version,
    /// Where the deletion stands.
    pub locator: SourceLocator,
}

/// A statement about another document: it is retracted, doubted, corrected, superseded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whom it is about: an id, or another name such as `doi:10.1000/x`.
    pub about: String,
    /// What became of it.
    pub standing: Standing,
}

/// Which of two deliveries of one id is the newer: the greater. Equal ones differ in nothing that their publisher says,
/// so that content decides between them; the order of files never does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// Newer than any.
    pub const LAST: Self = Self(u64::MAX);

    /// The `edition` that a publisher numbers, revised on `date`.
    pub fn new(edition: u32, date: Option<&Date>) -> Self {
        let mut parts = date.map(Date::as_str).unwrap_or_default().split('-').map(|part| part.parse().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0_u64);
        let day = next() * 10_000 + next() * 100 + next();
        Self(u64::from(edition) << 32 | day)
    }

    /// The last that an `edition` can have.
    pub fn last_of(edition: u32) -> Self {
        Self(u64::from(edition) << 32 | u64::from(u32::MAX))
    }
}

impl From<Document> for Record {
    /// A document that has no other names and whose date of publication is its version.
    fn from(document: Document) -> Self {
        let version = Version::new(0, document.metadata.published.as_ref());
        Self::Document(Box::new(Delivered { document, version, names: Vec::new() }))
    }
}

impl From<Skipped> for Record {
    fn from(skipped: Skipped) -> Self {
        Self::Skipped(Box::new(skipped))
    }
}

impl From<Result<Document, Skipped>> for Record {
    fn from(result: Result<Document, Skipped>) -> Self {
        result.map_or_else(Self::from, Self::from)
    }
}

impl Record {
    /// The place of the record in its file, to be completed by whoever opened the file.
    pub(crate) fn locator_mut(&mut self) -> Option<&mut SourceLocator> {
        match self {
            Self::Document(delivered) => Some(&mut delivered.document.source),
            Self::Skipped(skipped) => Some(&mut skipped.locator),
            Self::Deletion(deletion) => Some(&mut deletion.locator),
            Self::Notice(_) => None,
        }
    }

    /// The document or the skip, for tests of formats that make nothing else.
    #[cfg(test)]
    #[expect(clippy::result_large_err, reason = "tests take it apart at once")]
    pub(crate) fn into_result(self) -> Result<Document, Skipped> {
        match self {
            Self::Document(delivered) => Ok(delivered.document),
            Self::Skipped(skipped) => Err(*skipped),
            other => panic!("neither a document nor a skip: {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_outweighs_a_date_and_a_day_its_month() {
        let version = |edition, date: &str| Version::new(edition, Date::new(date).ok().as_ref());
        let order = [
            Version::default(),
            version(0, "2024"),
            version(0, "2024-02"),
            version(0, "2024-02-01"),
            version(0, "2024-10-01"),
            Version::last_of(0),
            version(1, "1999"),
            Version::last_of(1),
            Version::LAST,
        ];
        assert!(order.is_sorted_by(|one, next| one < next), "{order:?}");
    }
}
