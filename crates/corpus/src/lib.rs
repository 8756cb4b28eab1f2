//! How does a file become passages?
//!
//! A corpus is a folder: [`open`] lists and hashes what was delivered, [`Corpus::read`] streams its documents and
//! accounts for every record (read = indexed + skipped + duplicate), [`split`] cuts a document into passages.
//! Splitting is pure and counts words, never tokens; a new file format is one file in `format/` and one line in
//! [`FORMATS`].

mod clean;
mod corpus;
mod error;
mod folder;
mod format;
mod front_matter;
mod identifier;
mod manifest;
mod plain;
mod report;
mod seen;
mod sentence;
mod similar;
mod split;

pub use corpus::{Corpus, open};
pub use error::CorpusError;
pub use format::{Context, FORMATS, Format, Record};
pub use identifier::legal_id;
pub use manifest::{FileDigest, Manifest};
pub use report::{Report, SkipReason, Skipped};
pub use seen::Seen;
pub use sentence::sentences;
pub use similar::Similar;
pub use split::{SplitConfig, split};
