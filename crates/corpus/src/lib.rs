//! How does a file become passages?
//!
//! A corpus is a folder: [`open`] lists and hashes what was delivered, [`Seen::survey`] settles which of all records are
//! handed on, [`Corpus::read_unseen`] streams them and accounts for every record (read = indexed + skipped + duplicate +
//! superseded + retracted), [`split`] cuts a document into passages.
//! Splitting is pure and counts words, never tokens; a new file format is one file in `format/` and one line in
//! [`FORMATS`].

mod body;
mod clean;
mod corpus;
mod decode;
mod error;
mod faq;
mod fields;
mod folder;
mod format;
mod front_matter;
mod gathered;
mod identifier;
mod manifest;
mod outline;
mod packing;
mod plain;
mod record;
mod report;
mod row;
mod seen;
mod sentence;
mod similar;
mod split;
mod survey;
mod unpack;
mod whole;
mod xml;
mod zipped;

pub use corpus::{Corpus, linked, open};
pub use error::CorpusError;
pub use faq::Faq;
pub use fields::{Fields, Names};
pub use format::{Appetite, Context, FORMATS, Format};
pub use identifier::legal_id;
pub use manifest::{Allow, Allowance, FileDigest, Manifest};
pub use record::{Deletion, Delivered, Notice, Record, Version};
pub use report::{Report, SkipReason, Skipped};
pub use seen::{Copies, Seen};
pub use sentence::sentences;
pub use similar::Similar;
pub use split::{SplitConfig, split};
