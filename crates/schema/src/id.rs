//! Names of documents and passages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest document id in bytes; longer ones are shortened by the format that reads them.
const MAX_ID_BYTES: usize = 200;

/// Why a text is not an id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// The id has no characters.
    #[error("the id is empty; give each document an id of letters, digits and `.`, `_`, `:`, `-`")]
    Empty,
    /// The id is longer than ids may be.
    #[error("the id is {found} bytes long; the limit is {limit}")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The id holds a character that ids may not hold.
    #[error("the id `{id}` holds a character outside letters, digits and `.`, `_`, `:`, `-`")]
    Character {
        /// The id, escaped.
        id: String,
    },
    /// A passage id lacks its `#n`.
    #[error("`{id}` is not a passage id; write `document#n`")]
    NotAPassage {
        /// The id, escaped.
        id: String,
    },
}

/// A document's name: 1 to 200 characters of `[A-Za-z0-9._:-]`, unique in an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,200}$", example = "asthma"))]
#[serde(try_from = "String", into = "String")]
pub struct DocumentId(String);

impl DocumentId {
    /// Checks `id` and wraps it.
    pub fn new(id: impl Into<String>) -> Result<Self, IdError> {
        let id = id.into();
        if id.is_empty() {
            return Err(IdError::Empty);
        }
        if id.len() > MAX_ID_BYTES {
            return Err(IdError::TooLong { found: id.len(), limit: MAX_ID_BYTES });
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
        if !id.chars().all(allowed) {
            return Err(IdError::Character { id: id.escape_default().to_string() });
        }
        Ok(Self(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DocumentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl TryFrom<String> for DocumentId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<DocumentId> for String {
    fn from(id: DocumentId) -> Self {
        id.0
    }
}

/// A passage's name: its document and its place in it, written `document#n`, counted from 0.
///
/// Ordered by document, then by place: the order in which ties in a [`crate::Ranking`] are broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PassageId {
    /// The document that holds the passage.
    pub document: DocumentId,
    /// The passage's place among the document's passages, from 0.
    pub ordinal: u32,
}

/// It travels as text, though it has parts.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for PassageId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A passage's name: its document and its place in it, from 0."))
            .pattern(Some("^[A-Za-z0-9._:-]{1,200}#[0-9]+$"))
            .examples(["asthma#3"])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for PassageId {}

impl PassageId {
    /// Names passage `ordinal` of `document`.
    pub fn new(document: DocumentId, ordinal: u32) -> Self {
        Self { document, ordinal }
    }
}

impl fmt::Display for PassageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.document, self.ordinal)
    }
}

impl FromStr for PassageId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::NotAPassage { id: text.escape_default().to_string() };
        let (document, ordinal) = text.rsplit_once('#').ok_or_else(wrong)?;
        let ordinal = ordinal.parse().map_err(|_| wrong())?;
        Ok(Self { document: DocumentId::new(document)?, ordinal })
    }
}

impl TryFrom<String> for PassageId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<PassageId> for String {
    fn from(id: PassageId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_only_characters_that_a_url_and_a_file_name_can_carry() {
        let check = |text: &str, good: bool| assert_eq!(DocumentId::new(text).is_ok(), good, "{text}");
        check("type-2-diabetes", true);
        check("PMC12:3.v1_a", true);
        check("", false);
        check("a b", false);
        check("a/b", false);
        check("../x", false);
        check("naïve", false);
        check(&"x".repeat(201), false);
    }

    #[test]
    fn a_passage_id_reads_back_as_it_was_written() {
        let id: PassageId = "asthma#12".parse().expect("a passage id");
        assert_eq!((id.document.as_str(), id.ordinal), ("asthma", 12));
        assert_eq!(id.to_string(), "asthma#12");
        for wrong in ["asthma", "asthma#", "asthma#-1", "#1", "asthma#x"] {
            assert!(wrong.parse::<PassageId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn passages_of_a_document_stand_in_the_order_of_their_places() {
        let mut ids: Vec<PassageId> = ["b#2", "a#10", "a#9"].iter().map(|id| id.parse().expect("an id")).collect();
        ids.sort();
        let written: Vec<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["a#9", "a#10", "b#2"]);
    }
}
