//! Which passages lie near?
//!
//! [`PassageIndex`] is asked with words ([`LexicalQuery`]) or with a vector ([`clinqa_schema::Embedding`]) and
//! answers with a [`Ranking`]; it also hands back what it stores. It never makes a vector. [`Store`] is an index
//! folder on this machine: immutable generations, one of which is current.

mod error;
mod lexicon;
mod local;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use clinqa_schema::{Document, DocumentId, Embedding, Filters, Metadata, Passage, PassageId, Ranking, WordScore};
use serde::{Deserialize, Serialize};

pub use error::{Damage, IndexError};
pub use lexicon::{Lexicon, MAX_NAME_WORDS, name_of};
pub use local::Generation;
pub use local::changes::{Changes, Fate, Listed};
pub use local::generations::{GenerationEntry, KEPT_GENERATIONS, Store};
pub use local::inspect::{FileCheck, Inspection};
pub use local::kept::KeptVectors;
pub use local::lock::{Lock, Patience};
pub use local::manifest::{
    CorpusAccount, CorpusEntry, Counts, FORMAT_VERSION, FileEntry, GenerationId, GenerationIdError, GraphParams,
    Manifest,
};
pub use local::pointer::CurrentPointer;
pub use local::withdrawn::{Withdrawal, Withdrawn, WithdrawnStamp};
pub use local::writer::{GenerationWriter, SealedGeneration, WriterConfig};

/// Most distinct words of one lexical question; what lies beyond, by weight, is not searched for.
pub const MAX_TERMS: usize = 64;

/// An index of passages, open for questions and safe to share between threads.
///
/// Every ranking is a pure function of the index and the question: ties are broken by [`PassageId`].
pub trait PassageIndex: Send + Sync {
    /// What the index holds and how it was made.
    fn manifest(&self) -> &Manifest;

    /// The `depth` best passages by BM25 among those whose document `filters` admit, exactly.
    fn lexical(&self, query: &LexicalQuery, depth: usize, filters: &Filters) -> Result<Ranking, IndexError>;

    /// What each word of `query` adds to the score that [`PassageIndex::lexical`] gives each of `passages`, weightiest word
    /// first; nothing for a passage that is not there. An index that cannot tell says nothing of any.
    fn word_scores(&self, query: &LexicalQuery, passages: &[PassageId]) -> Result<Vec<Vec<WordScore>>, IndexError> {
        let _ = query;
        Ok(vec![Vec::new(); passages.len()])
    }

    /// The `depth` nearest passages by cosine among those whose document `filters` admit; the filter is exact.
    ///
    /// A query of another dimension and an index without vectors are errors.
    fn dense(&self, query: &Embedding, depth: usize, filters: &Filters) -> Result<Ranking, IndexError>;

    /// The passage, or `None` if there is none of that name.
    fn passage(&self, id: &PassageId) -> Result<Option<Passage>, IndexError>;

    /// What is known about a document; kept in memory.
    fn metadata(&self, id: &DocumentId) -> Option<&Metadata>;

    /// Visits every document in the order of their ids; an index that cannot list its documents visits none.
    fn each_document(&self, visit: &mut dyn FnMut(&DocumentId, &Metadata)) {
        let _ = visit;
    }

    /// The whole document, or `None` if there is none of that name.
    fn document(&self, id: &DocumentId) -> Result<Option<Document>, IndexError>;

    /// The same index where the documents of `withdrawn`, and no others, are neither ranked nor found by name. Cheap: what
    /// was read is shared.
    fn without(&self, withdrawn: &Withdrawn) -> Arc<dyn PassageIndex>;

    /// The words and names that the corpus uses; empty for an index of the first format.
    fn lexicon(&self) -> &Lexicon;

    /// The `depth` questions nearest to `query` of those that the corpora say people ask, whose answers `filters` admit; the
    /// nearest first. None, if no corpus says so.
    fn faq(&self, query: &Embedding, depth: usize, filters: &Filters) -> Result<Vec<FaqHit>, IndexError> {
        let _ = (query, depth, filters);
        Ok(Vec::new())
    }

    /// Whether a corpus says what people ask of the document.
    fn has_faq(&self, document: &DocumentId) -> bool {
        let _ = document;
        false
    }

    /// The stored vector of a passage, or of a question that people ask, with this content, so that the next rebuild need not
    /// encode it again.
    fn embedding_of(&self, content: &ContentKey) -> Option<Embedding>;
}

/// A question that people ask, and where it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaqEntry {
    /// As they ask it.
    pub question: String,
    /// The title of the document that they ask it of.
    pub title: String,
    /// What answers it, in bytes of the passage, best first; one at least.
    pub answers: Vec<(PassageId, Range<usize>)>,
}

impl FaqEntry {
    /// What the encoder is given: the title and the question, so that "is it catching" is about something.
    pub fn contextual_text(&self) -> String {
        contextual_text(&self.title, &self.question)
    }
}

pub(crate) fn contextual_text(title: &str, question: &str) -> String {
    if title.is_empty() { question.to_owned() } else { format!("{title}: {question}") }
}

/// A question that people ask, and how near it lies to another.
#[derive(Debug, Clone, PartialEq)]
pub struct FaqHit {
    /// The question.
    pub entry: FaqEntry,
    /// The cosine.
    pub score: f32,
}

/// Words to look for. The index analyses them as it analysed the passages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LexicalQuery {
    /// What to look for; a passage scores by each clause it holds. At most [`MAX_TERMS`] distinct words count.
    pub clauses: Vec<Clause>,
    /// How much each field counts.
    pub weights: FieldWeights,
}

/// One word or short phrase to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// A raw word or short phrase; each of its words is looked for by itself.
    pub text: String,
    /// How much it counts; what is not above 0 is left out. Weights of repeated words add up.
    pub weight: f32,
}

/// How much a match counts, by field.
///
/// `body` holds the title and the heading too, so that one field alone is plain BM25 over the whole passage and the
/// others are boosts on top of it: summing fields that exclude each other ranks worse, because a word's rarity and a
/// field's length mean something else in each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FieldWeights {
    /// The document's title alone.
    pub title: f32,
    /// The section's heading alone.
    pub heading: f32,
    /// Other names of the document's topic.
    pub synonyms: f32,
    /// Title, heading and text.
    pub body: f32,
}

impl Default for FieldWeights {
    /// The title's weight is the best on SciFact train (nDCG@10 0.700; 0.695 without it, 0.668 at 1.0). The headings and
    /// synonyms of our own corpus are in no public set; theirs are set between the title's and the body's.
    fn default() -> Self {
        Self { title: 0.2, heading: 0.2, synonyms: 0.3, body: 1.0 }
    }
}

/// Which encoder made the vectors. Two encoders are the same if fingerprint and dimension are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderIdentity {
    /// Its name, for people and for `--encoder`.
    pub name: String,
    /// A digest of all that decides its vectors, in hex.
    pub fingerprint: String,
    /// Components of a vector.
    pub dimension: usize,
}

/// BLAKE3 of what the encoder is given for a passage ([`Passage::contextual_text`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentKey(pub(crate) [u8; 32]);

impl ContentKey {
    /// The key of `passage`.
    pub fn of(passage: &Passage) -> Self {
        Self::of_text(&passage.contextual_text())
    }

    /// The key of a contextual text that is at hand already.
    pub fn of_text(contextual_text: &str) -> Self {
        Self(*blake3::hash(contextual_text.as_bytes()).as_bytes())
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentKey({})", blake3::Hash::from_bytes(self.0).to_hex())
    }
}
