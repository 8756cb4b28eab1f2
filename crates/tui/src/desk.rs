//! Who answers what the screen asks? An index of this machine ([`crate::Local`]), or whoever speaks to another one.

use std::time::{Duration, Instant};

use clinqa_qa::{
    Ask, Changes, Delivered, Explain, FacetCounts, FileCheck, GenerationId, Manifest, Region, Search, matching,
};
use clinqa_schema::{
    Document, DocumentId, Filters, Gaps, Metadata, Observer, PassageId, Question, Ranking, Reading, Reply, Trace,
    WordScore,
};

use crate::house::Refusal;
use crate::message::{By, Found, Ranks, Row, Shelved};

/// Passages of a list.
pub const LISTED: usize = 30;

/// Passages beside an answer, whose spans are marked in the list.
pub const READ: usize = 10;

/// Where the index is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    #[default]
    Here,
    /// On another one, by its name as people know it.
    There(String),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The question or words.
    pub question: Question,
    /// Which documents are looked through.
    pub filters: Filters,
    /// Whose emergency number is named.
    pub region: Option<Region>,
}

impl Wanted {
    /// The same as a question to be answered.
    pub fn ask(&self) -> Ask {
        Ask {
            question: self.question.clone(),
            history: Vec::new(),
            filters: self.filters.clone(),
            region: self.region,
            top_k: READ,
            search: Search::Fused,
            explain: Explain::Yes,
        }
    }
}

/// What became of looking for the current generation.
#[derive(Debug, Clone, PartialEq)]
pub enum Opening {
    /// The one that was told of before is still current.
    Same,
    /// There is none.
    Missing(Making),
    /// This one answers from now on.
    New(Box<Manifest>),
}

/// Whether an index is made unasked where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// None ever was, and nobody named another place: one is made.
    Unasked,
    /// Somebody must ask for it.
    Asked,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// What was typed cannot be asked.
    #[error("{source}")]
    Refused {
        /// Why.
        source: Refusal,
    },
    /// Whoever answers cannot be reached. It is tried again.
    #[error("{source}")]
    Lost {
        /// Why.
        source: Refusal,
    },
    /// Whoever answers has too much to do.
    #[error("the server is busy; it is asked again in {} s", .after.as_secs().max(1))]
    Busy {
        /// When to ask again.
        after: Duration,
    },
    /// It failed.
    #[error("{source}")]
    Failed {
        /// Why.
        source: Refusal,
    },
}

impl DeskError {
    /// It failed because of `error`.
    pub fn failed(error: impl Into<Refusal>) -> Self {
        Self::Failed { source: error.into() }
    }
}

/// Answers what the screen asks. Its methods are called on threads that no key waits for.
pub trait Desk: Send + Sync {
    /// Where the index is.
    fn place(&self) -> Place;

    /// Looks which generation is current, and opens it if it is another one than before. Called every few seconds.
    fn open(&self) -> Result<Opening, DeskError>;

    /// Titles and synonyms of the documents, to complete from.
    fn names(&self) -> Result<Vec<String>, DeskError>;

    /// Makes ready whatever ranks by meaning and reads.
    fn prepare(&self) -> Result<(), DeskError>;

    /// Passages by words alone.
    fn by_words(&self, wanted: &Wanted) -> Result<Found, DeskError>;

    /// Passages by words and meaning.
    fn by_meaning(&self, wanted: &Wanted) -> Result<Found, DeskError>;

    /// Reads for an answer.
    fn answer(&self, wanted: &Wanted) -> Result<Reply, DeskError>;

    /// A whole document; `None` if there is none of that name.
    fn document(&self, id: &DocumentId) -> Result<Option<Document>, DeskError>;

    /// Passages whose meaning is near that of a passage.
    fn similar(&self, of: &PassageId, filters: &Filters) -> Result<Vec<Row>, DeskError>;

    /// How many documents have what.
    fn counts(&self, filters: &Filters) -> Result<FacetCounts, DeskError>;

    /// The generations in the index folder, oldest first.
    fn shelf(&self) -> Result<Vec<Shelved>, DeskError>;

    /// Which documents differ between two generations.
    fn compare(&self, earlier: &GenerationId, later: &GenerationId) -> Result<Changes, DeskError>;

    /// Compares every byte of the current generation with its checksums.
    fn check(&self) -> Result<Vec<FileCheck>, DeskError>;

    /// Every corpus as its files are now, compared byte by byte; `None` if whoever keeps them does not tell.
    fn corpora(&self) -> Result<Option<Vec<Delivered>>, DeskError>;

    /// Makes an older generation the current one.
    fn activate(&self, id: &GenerationId) -> Result<(), DeskError>;

    /// Makes a new generation; says what became of every record.
    fn rebuild(&self, observer: &mut dyn Observer) -> Result<String, DeskError>;

    /// What was asked and not answered, if the operator had it kept.
    fn gaps(&self) -> Result<Option<Gaps>, DeskError>;
}

impl Found {
    /// What was found, with what a list shows of it; `metadata` tells what is known about a document.
    pub fn of(
        (results, trace, words): (Vec<Reading>, Trace, Vec<Vec<WordScore>>),
        by: By,
        start: Instant,
        metadata: impl Fn(&DocumentId) -> Metadata,
    ) -> Self {
        let Trace { understood, steps, terms, unknown, lexical, dense, fused, .. } = trace;
        // Whoever says nothing of words leaves them unknown.
        let words = words.into_iter().chain(std::iter::repeat_with(Vec::new));
        let row = |(reading, words): (Reading, Vec<WordScore>)| {
            let id = &reading.citation.passage_id;
            let ranks = Ranks { words: place(&lexical, id), vectors: place(&dense, id), fused: place(&fused, id) };
            Row {
                metadata: metadata(&reading.citation.document_id),
                matched: matching(&reading.citation.quote, &terms),
                ranks,
                words,
                reading,
            }
        };
        let rows = results.into_iter().zip(words).map(row).collect();
        Self { by, rows, understood, steps, terms, unknown, took: start.elapsed() }
    }
}

impl Row {
    /// A passage that nobody searched for by words.
    pub fn beside(reading: Reading, metadata: Metadata) -> Self {
        let matched = matching(&reading.citation.quote, &[]);
        Self { metadata, matched, ranks: Ranks::default(), words: Vec::new(), reading }
    }
}

/// The place of a passage in a ranking, from 1, and its score.
fn place(ranking: &Ranking, id: &PassageId) -> Option<(usize, f32)> {
    let place = ranking.hits().iter().position(|hit| hit.passage_id == *id)?;
    Some((place + 1, ranking.hits()[place].score))
}
