//! What can happen, and what is to be done about it? Both are values, so that a session can be replayed.

use std::sync::Arc;
use std::time::Duration;

use clinqa_qa::{Changes, Delivered, FacetCounts, FileCheck, GenerationId, Manifest};
use clinqa_schema::{
    Date, Document, DocumentId, Filters, Gaps, Measured, Metadata, Notice, PassageId, Progress, Reading, Reply, Skips,
    UnderstandingStep, WordScore,
};

use crate::key::Key;
use crate::names::Names;

/// Something happened.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// A key was pressed.
    Key(Key),
    /// The mouse was used.
    Mouse(Mouse),
    /// Text was pasted.
    Paste(String),
    /// The window has another size.
    Resized(u16, u16),
    /// An index was opened.
    Opened(Box<Manifest>),
    /// There is no index yet.
    NoIndex,
    /// Titles and synonyms to complete from.
    Names(Arc<Names>),
    /// How many documents have what, under these filters.
    Facets(Box<Filters>, FacetCounts),
    /// Models are there.
    ModelsReady,
    /// Something failed; what is to be said about it.
    Failed(String),
    /// Whoever answers cannot be reached; why.
    Lost(String),
    /// Whoever answers can be reached again.
    Back,
    /// Lookup `seq` may be asked once more, if it is still the latest.
    Again(u64),
    /// Questions of earlier sessions, oldest first.
    History(Vec<String>),
    /// A list for lookup `seq`.
    Found(u64, Box<Found>),
    /// What must be said before anything about the text of lookup `seq`.
    Screened(u64, Vec<Notice>),
    /// The reply to lookup `seq`.
    Replied(u64, Box<Reply>),
    /// Lookup `seq` cannot be done; why.
    Refused(u64, String),
    /// A document that was asked for.
    Document(Box<Document>),
    /// Passages like this one.
    Similar(PassageId, Vec<Row>),
    /// What the index folder holds.
    Shelf(Vec<Shelved>),
    /// What was not answered, as far as the operator has it kept.
    Gaps(Option<Gaps>),
    /// What the checksums say.
    Checked(Vec<FileCheck>),
    /// The corpora as their files are now, or why that cannot be told; `None` if only the machine of the index can tell.
    Delivered(Result<Option<Vec<Delivered>>, String>),
    /// Which documents differ between two generations, the earlier one first, or why that cannot be told.
    Compared(GenerationPair, Result<Changes, String>),
    /// How far a rebuild has come, and how long its stage has taken.
    Rebuilding(Progress, Duration),
    /// Records that a rebuild met since it last told of some, and cannot use.
    Skipped(Skips),
    /// A rebuild ended: its report, or why it failed.
    Rebuilt(Result<String, String>),
    /// A generation was made the current one.
    Activated(GenerationId),
    /// Something was written; where.
    Written(String),
    /// Text went to the clipboard of the system too.
    Copied,
    /// A library printed a line.
    Printed(String),
    /// Somebody asks us to stop for a while.
    Stopped,
    /// The terminal is ours again.
    Resumed,
    /// The session ends: a signal, or nobody is there any more.
    Ended,
}

/// Something is to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Look up, by words at once and by all means after.
    Look(Lookout),
    /// Read for an answer, without waiting for the next key.
    Ask(Lookout),
    /// Count documents.
    Count(Box<Filters>),
    /// Fetch a document.
    Open(DocumentId),
    /// Find what is like a passage.
    Similar(PassageId, Box<Filters>),
    /// Put text on the clipboard.
    Copy(String),
    /// Write a file that was asked for.
    Write(Paper),
    /// Write a report of a wrong answer.
    Report(Complaint),
    /// Show a web address in a browser.
    Browse(String),
    /// Keep a question for later sessions, if somebody wants that.
    Remember(String),
    /// Look at the index folder, and at what was not answered.
    Shelf,
    /// Look which documents differ between two generations.
    Compare(GenerationPair),
    /// Compare every file with its checksum, those of the corpora too.
    Check,
    /// Make a new generation.
    Rebuild,
    /// Make an older generation the current one.
    Activate(GenerationId),
    /// Draw everything anew.
    Redraw,
    /// Give the terminal back until we are continued.
    Suspend,
    /// End.
    Quit,
}

/// What is looked up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lookout {
    /// Later ones have higher numbers.
    pub(crate) seq: u64,
    pub(crate) text: String,
    /// What would complete the last word; looked up where the word alone finds nothing.
    pub(crate) rest: String,
    pub(crate) filters: Filters,
}

/// A list of passages.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// How.
    pub by: By,
    /// Best first.
    pub rows: Vec<Row>,
    /// The question as it was understood.
    pub understood: String,
    /// What was changed on the way there.
    pub steps: Vec<UnderstandingStep>,
    /// The words that were searched for.
    pub terms: Vec<String>,
    /// Words that nothing knows.
    pub unknown: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// By what passages were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Words.
    Words,
    /// Words and vectors.
    Meaning,
}

/// A passage in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The whole passage as a citation.
    pub reading: Reading,
    /// What is known about its document.
    pub metadata: Metadata,
    /// The sentence with the words that were searched for, in bytes of the passage.
    pub matched: std::ops::Range<usize>,
    /// How it got here.
    pub ranks: Ranks,
    /// What each word that was searched for adds to its score by words, as far as that is known.
    pub words: Vec<WordScore>,
}

impl Row {
    pub(crate) fn id(&self) -> &PassageId {
        &self.reading.citation.passage_id
    }

    pub(crate) fn text(&self) -> &str {
        &self.reading.citation.quote
    }

    pub(crate) fn published(&self) -> Option<&Date> {
        self.reading.citation.published.as_ref()
    }
}

/// Places, from 1, and scores of a passage in each ranking.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ranks {
    /// By words.
    pub words: Option<(usize, f32)>,
    /// By vectors.
    pub vectors: Option<(usize, f32)>,
    /// By both.
    pub fused: Option<(usize, f32)>,
}

/// Two generations, the earlier one first.
pub(crate) type GenerationPair = (GenerationId, GenerationId);

/// A generation in the index folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Shelved {
    /// What it holds and how it was made.
    pub manifest: Manifest,
    /// Whether it answers.
    pub current: bool,
    /// What was measured when it was made, or why nothing was; `None` if neither was kept.
    pub scores: Option<Measured>,
}

/// What was done with the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mouse {
    /// The left button was pressed in this column and line.
    Click(u16, u16),
    /// The wheel was turned down.
    WheelDown,
    /// The wheel was turned up.
    WheelUp,
}

/// A wrong answer, with the question as it was asked: it becomes a report without whoever asked it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Complaint {
    pub(crate) question: String,
    pub(crate) reply: Box<Reply>,
    /// What is wrong with it.
    pub(crate) fault: &'static str,
}

/// A file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// What it is; the name of the file is made from it and never from what was typed.
    pub kind: PaperKind,
    /// Ending of its name.
    pub ending: &'static str,
    /// What it holds.
    pub text: String,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaperKind {
    /// Pinned passages.
    Pins,
    /// A report of a wrong answer.
    Report,
}
