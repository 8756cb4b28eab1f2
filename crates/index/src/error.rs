//! What can go wrong with an index, and what the user should do about it?

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use clinqa_schema::{DocumentError, DocumentId, PassageId};

use crate::{EncoderIdentity, GenerationId};

/// Why an index could not be opened, asked or written. None of these repeats a question.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is no `CURRENT`.
    #[error("cannot open {path}: no generation is published; run `clinqa rebuild`")]
    NotPublished {
        /// The pointer file.
        path: PathBuf,
    },
    /// `CURRENT` does not name a generation and the digest of its manifest.
    #[error("cannot read {path}: it is damaged and names no generation; run `clinqa rebuild`")]
    Pointer {
        /// The pointer file.
        path: PathBuf,
    },
    /// A generation that was named, by `CURRENT` or by somebody, is not there.
    #[error(
        "cannot open {path}: the generation is missing; run `clinqa rebuild`, or choose one of `clinqa index list`"
    )]
    MissingGeneration {
        /// The folder that should be there.
        path: PathBuf,
    },
    /// A file is not the one that was sealed.
    #[error("cannot trust {path}: {damage}; run `clinqa rebuild`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A newer version of this program made the index.
    #[error(
        "cannot open {path}: its format is {found} and this program reads up to {supported}; \
         update clinqa, or run `clinqa rebuild`"
    )]
    NewerFormat {
        /// The manifest.
        path: PathBuf,
        /// Its format version.
        found: u64,
        /// The newest format version that this program reads.
        supported: u32,
    },
    /// The loaded encoder is not the one that made the vectors.
    #[error(
        "the index was made with encoder {} (fingerprint {:.12}), but {} (fingerprint {:.12}) is loaded; \
         run `clinqa rebuild --encoder {}` or pass `--encoder {}`",
        .made_with.name, .made_with.fingerprint, .loaded.name, .loaded.fingerprint, .loaded.name, .made_with.name
    )]
    Encoder {
        /// The encoder in the manifest.
        made_with: Box<EncoderIdentity>,
        /// The encoder at hand.
        loaded: Box<EncoderIdentity>,
    },
    /// Vectors were asked of a generation that holds none.
    #[error(
        "generation {generation} holds words only, no vectors; \
         run `clinqa rebuild` with an encoder, or search with `--lexical-only`"
    )]
    LexicalOnly {
        /// The generation.
        generation: GenerationId,
    },
    /// A vector is not of the index's dimension.
    #[error("a vector has {found} components where the index has {expected}; use the encoder that made the index")]
    Dimension {
        /// Components of the index's vectors.
        expected: usize,
        /// Components found.
        found: usize,
    },
    /// Another rebuild holds the lock.
    #[error("{holder} is writing to {path}; wait until it has ended, or run `clinqa rebuild --wait`")]
    Locked {
        /// The index folder.
        path: PathBuf,
        /// Who holds it and since when, in words.
        holder: String,
    },
    /// No generation was current before this one.
    #[error("cannot go back: {path} names no generation; `clinqa index list` shows those that are there")]
    NoPrevious {
        /// The pointer file.
        path: PathBuf,
    },
    /// The list of withdrawn documents is not the one that was written.
    #[error(
        "cannot trust {path} from line {line} on: it has been changed or is damaged; \
         move it away and withdraw the documents that it names again with `clinqa index withdraw`"
    )]
    Withdrawn {
        /// The list.
        path: PathBuf,
        /// The first wrong line, from 1.
        line: usize,
    },
    /// No space is left.
    #[error(
        "cannot {doing} {path}: the disk is full ({free} bytes free); \
         free some space or name another folder with `--index`, then run `clinqa rebuild`"
    )]
    DiskFull {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Bytes that are free there now.
        free: u64,
        /// What the system said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file system, or its rights, let nobody write.
    #[error("cannot {doing} {path}: {source}; make the folder writable or name another one with `--index`")]
    NotAllowed {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other failure of a file operation.
    #[error("cannot {doing} {path}: {source}; check the disk, then run `clinqa rebuild`")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The engine of the lexical index failed.
    #[error("cannot {doing} the lexical index in {path}: {source}; run `clinqa rebuild`")]
    Lexical {
        /// What was being done.
        doing: &'static str,
        /// Its folder.
        path: PathBuf,
        /// What the engine said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something could not be written as JSON.
    #[error("cannot write {path} as JSON: {source}; this is a fault of clinqa, please report it")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// There is nothing to index.
    #[error(
        "cannot make an index: the corpora hold no passage; put documents into `corpora/`, then run `clinqa rebuild`"
    )]
    Empty,
    /// A document breaks its own rules.
    #[error("cannot index a document: {source}")]
    Document {
        /// Which rule.
        #[from]
        source: DocumentError,
    },
    /// A document was added twice.
    #[error("cannot index document `{id}`: another one has the same id; give each document an id of its own")]
    Duplicate {
        /// The id.
        id: DocumentId,
    },
    /// A passage does not belong to the document it came with, or stands out of order.
    #[error(
        "cannot index passage `{passage}` with document `{document}`: it is not cut from it, or stands out of order"
    )]
    ForeignPassage {
        /// The passage.
        passage: PassageId,
        /// The document it came with.
        document: DocumentId,
    },
    /// Offsets are stored in 32 bits.
    #[error("cannot index document `{id}`: its text has {bytes} bytes, the limit is 4 GiB; split it")]
    TooLong {
        /// The document.
        id: DocumentId,
        /// Bytes of its text.
        bytes: usize,
    },
    /// Not as many vectors as passages, or vectors for an index that was to have none.
    #[error("cannot index document `{document}`: {expected} vectors are needed and {found} came")]
    EmbeddingCount {
        /// The document.
        document: DocumentId,
        /// Vectors needed.
        expected: usize,
        /// Vectors that came.
        found: usize,
    },
    /// A parameter lies outside what the dense index can do.
    #[error("the dense index cannot be built with {parameter} = {found}; set it between {least} and {most}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// Its value.
        found: usize,
        /// Least value.
        least: usize,
        /// Greatest value.
        most: usize,
    },
}

/// How a file differs from the one that was sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is not there.
    #[error("the file is missing")]
    Missing,
    /// It is not in the manifest.
    #[error("the file does not belong to this generation")]
    Extra,
    /// It is a folder, a link or something else.
    #[error("it is not a plain file")]
    NotAFile,
    /// It is longer or shorter.
    #[error("the file has {found} bytes instead of {expected}")]
    Length {
        /// Bytes in the manifest.
        expected: u64,
        /// Bytes on disk.
        found: u64,
    },
    /// Its bytes changed.
    #[error("the file's bytes have changed (BLAKE3 {found} instead of {expected})")]
    Digest {
        /// BLAKE3 in the manifest, in hex.
        expected: String,
        /// BLAKE3 on disk, in hex.
        found: String,
    },
    /// Its bytes are as sealed and yet make no sense: a fault of the program that wrote them.
    #[error("its {what} makes no sense")]
    Content {
        /// Which part.
        what: &'static str,
    },
}

impl IndexError {
    /// Sorts a failed file operation by what the user can do about it.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { doing, free: free_bytes(&path).unwrap_or(0), path, source: Box::new(source) }
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::NotAllowed { doing, path, source }
            }
            _ => Self::Io { doing, path, source },
        }
    }

    /// A file whose digest is right and whose content is not.
    pub(crate) fn content(path: &Path, what: &'static str) -> Self {
        Self::Damaged { path: path.to_owned(), damage: Damage::Content { what } }
    }
}

/// Bytes an ordinary user may still write where `path` lies or will lie; `None` where that cannot be asked.
#[cfg(unix)]
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|folder| folder.exists())?;
    let state = rustix::fs::statvfs(there).ok()?;
    Some(state.f_bavail.saturating_mul(state.f_frsize))
}

/// Bytes an ordinary user may still write where `path` lies or will lie; `None` where that cannot be asked.
#[cfg(not(unix))]
pub(crate) fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_says_what_the_user_can_do() {
        let check = |kind: io::ErrorKind, expected: &str| {
            let message = IndexError::io("write", Path::new("/index/CURRENT"), kind.into()).to_string();
            assert!(message.contains("/index/CURRENT") && message.contains(expected), "{message}");
        };
        check(io::ErrorKind::StorageFull, "free some space");
        check(io::ErrorKind::ReadOnlyFilesystem, "make the folder writable");
        check(io::ErrorKind::PermissionDenied, "make the folder writable");
        check(io::ErrorKind::UnexpectedEof, "check the disk");
    }

    #[cfg(unix)]
    #[test]
    fn free_space_is_told_even_for_a_file_that_is_not_there_yet() {
        assert!(free_bytes(Path::new("/not/there/yet")).is_some());
    }

    #[test]
    fn an_error_is_small_enough_to_pass_around() {
        assert!(size_of::<IndexError>() <= 128);
    }
}
