//! What does a generation hold, and how is each of its files recognised?

use std::fmt;
use std::str::FromStr;

use clinqa_schema::Date;
use serde::{Deserialize, Serialize};

use crate::{EncoderIdentity, IndexError};

/// The format this program writes; it reads this one and older ones.
///
/// 2 added the lexicon.
pub const FORMAT_VERSION: u32 = 2;

/// Name of the manifest in its generation's folder.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Name of the file of words and names.
pub(crate) const LEXICON: &str = "lexicon.txt";

/// The description of one generation, written last; nothing that it does not vouch for is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the file formats.
    pub format_version: u32,
    /// The generation's name.
    pub id: GenerationId,
    /// When it was made, in seconds since 1970 UTC, as the writer's config says.
    pub created: u64,
    /// BLAKE3, in hex, over the passages in the order of their ids: two builds of one corpus agree on it.
    pub content_hash: String,
    /// Who made the vectors; `None` if there are none.
    pub encoder: Option<EncoderIdentity>,
    /// How much there is.
    pub counts: Counts,
    /// How the dense index was built and is searched.
    pub graph: GraphParams,
    /// What came in.
    pub corpora: Vec<CorpusEntry>,
    /// Every file of the generation but this one, by name.
    pub files: Vec<FileEntry>,
}

/// How much a generation holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents.
    pub documents: u64,
    /// Passages.
    pub passages: u64,
}

/// One corpus that went in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusEntry {
    /// Its name.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// Its files as they came.
    pub files: Vec<FileEntry>,
    /// What came of them; `None` in a generation of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<CorpusAccount>,
}

/// What a generation holds of one corpus, and what became of its records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusAccount {
    /// Documents of it that the generation holds.
    pub documents: u64,
    /// Their passages.
    pub passages: u64,
    /// The date of the newest of them; `None` if none has one.
    pub newest: Option<Date>,
    /// Records that were read.
    pub read: u64,
    /// Those of them that cannot be used.
    pub skipped: u64,
    /// Those that were there already.
    pub duplicate: u64,
    /// Those of which a newer version was there.
    pub superseded: u64,
    /// Deletions, and what they took out.
    pub retracted: u64,
}

/// A file with what it is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path below the folder in question, with `/` between names.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its bytes, in hex.
    pub blake3: String,
}

/// How the dense index is built and searched (names as in Malkov and Yashunin, 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphParams {
    /// Neighbours a point keeps in each upper layer; twice as many in the lowest. 2 to 255.
    pub m: usize,
    /// Candidates for the neighbours of a point.
    pub ef_construction: usize,
    /// Candidates held while searching, at least.
    pub ef_search: usize,
    /// Up to this many vectors, all or those a filter admits, are compared one by one, exactly.
    pub exact_below: usize,
}

impl Manifest {
    /// Refuses an encoder that is not the one that made the vectors.
    pub fn require_encoder(&self, loaded: &EncoderIdentity) -> Result<(), IndexError> {
        let Some(made_with) = &self.encoder else {
            return Err(IndexError::LexicalOnly { generation: self.id.clone() });
        };
        if made_with.fingerprint == loaded.fingerprint && made_with.dimension == loaded.dimension {
            return Ok(());
        }
        Err(IndexError::Encoder { made_with: Box::new(made_with.clone()), loaded: Box::new(loaded.clone()) })
    }
}

impl Default for GraphParams {
    /// From the curves in `crates/README.md`: of 101,435 real vectors, recall@10 is 0.996 for questions, which lie further
    /// from all they look for than the passages that such curves are often drawn with. To compare 50,000 vectors takes as
    /// long as that search, and finds all.
    fn default() -> Self {
        Self { m: 16, ef_construction: 150, ef_search: 1_000, exact_below: 50_000 }
    }
}

impl GraphParams {
    /// Keeps every parameter within what the builder survives: it ends the process over 256 neighbours, holds their
    /// number in a byte, and divides by the logarithm of it.
    pub(crate) fn validate(&self) -> Result<(), IndexError> {
        let check = |parameter, found, least, most| {
            if (least..=most).contains(&found) {
                return Ok(());
            }
            Err(IndexError::Parameter { parameter, found, least, most })
        };
        check("m", self.m, 2, 255)?;
        check("ef_construction", self.ef_construction, 1, 10_000)?;
        check("ef_search", self.ef_search, 1, 10_000)
    }
}

/// A generation's name: `g`, a number of six digits or more that only grows, `-`, the first eight hex digits of the
/// content hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GenerationId {
    number: u64,
    content: String,
}

/// Why a text is no generation's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not the name of a generation; names look like g000001-0123abcd")]
pub struct GenerationIdError {
    /// The text, escaped.
    pub found: String,
}

impl GenerationId {
    pub(crate) fn new(number: u64, content_hash: &blake3::Hash) -> Self {
        let mut content = content_hash.to_hex().to_string();
        content.truncate(8);
        Self { number, content }
    }

    /// Its number; a later generation has a greater one.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{:06}-{}", self.number, self.content)
    }
}

impl FromStr for GenerationId {
    type Err = GenerationIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || GenerationIdError { found: text.escape_default().to_string() };
        let (number, content) = text.strip_prefix('g').and_then(|rest| rest.split_once('-')).ok_or_else(wrong)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || content.len() != 8 || !is_lower_hex(content) {
            return Err(wrong());
        }
        let id = Self { number: number.parse().map_err(|_| wrong())?, content: content.to_owned() };
        // One name, one spelling: a pointer with an added zero is a damaged pointer.
        if id.to_string() == text { Ok(id) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for GenerationId {
    type Error = GenerationIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<GenerationId> for String {
    fn from(id: GenerationId) -> Self {
        id.to_string()
    }
}

/// Whether `text` is hex as this program writes it.
pub(crate) fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_named_in_one_way_only() {
        let check = |text: &str, good: bool| assert_eq!(text.parse::<GenerationId>().is_ok(), good, "{text}");
        check("g000001-0123abcd", true);
        check("g1234567-0123abcd", true);
        check("g00001-0123abcd", false);
        check("g0000001-0123abcd", false);
        check("g000001-0123ABCD", false);
        check("g000001-0123abc", false);
        check("g+00001-0123abcd", false);
        check("../g000001-0123abcd", false);
        check("", false);
    }

    #[test]
    fn parameters_that_would_end_the_process_are_refused() {
        let check = |params: GraphParams, good: bool| assert_eq!(params.validate().is_ok(), good, "{params:?}");
        check(GraphParams::default(), true);
        for m in [0, 1, 256, 1_000] {
            check(GraphParams { m, ..GraphParams::default() }, false);
        }
        check(GraphParams { ef_search: 0, ..GraphParams::default() }, false);
        check(GraphParams { ef_construction: 0, ..GraphParams::default() }, false);
    }
}
