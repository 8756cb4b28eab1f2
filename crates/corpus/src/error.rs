//! Why can a corpus not be read at all?

use std::io;
use std::path::PathBuf;

/// A fault of the corpus as a whole. A fault of one record is a [`crate::Skipped`] in the report.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// Nothing is there.
    #[error("cannot open the corpus {}: there is no such folder; name a folder that holds corpus.toml or documents", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// The files that a corpus was linked to are gone.
    #[error(
        "the files of the corpus `{corpus}` lie in {place}, which is not there; mount or put it back, mend `path` in its corpus.toml, or remove the corpus"
    )]
    Gone {
        /// The corpus.
        corpus: String,
        /// Where they should be.
        place: PathBuf,
    },
    /// Something else is there.
    #[error("cannot open the corpus {}: it is a file; name the folder that holds it", folder.display())]
    NotAFolder {
        /// The path.
        folder: PathBuf,
    },
    /// The folder's name cannot become a corpus name.
    #[error("cannot name the corpus {}: its folder name holds no letter; add a corpus.toml with a name", folder.display())]
    Unnamed {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds no documents.
    #[error("cannot open the corpus {}: it holds no file of a known format ({known}); add documents", folder.display())]
    Nothing {
        /// The folder.
        folder: PathBuf,
        /// The formats.
        known: String,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {}: {reason}; make it readable, or remove it from the corpus", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Documents cannot be set aside, or not be read back.
    #[error("cannot set documents aside until all are read, or read them back: {reason}")]
    Aside {
        /// What the system said.
        reason: io::Error,
    },
    /// corpus.toml is broken.
    #[error("cannot understand {}: {reason}; correct it (known keys: name, licence, origin, path, format, defaults, fields, allow, digests, fetch)", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and key.
        reason: String,
    },
    /// corpus.toml names a format that is not there.
    #[error("cannot read {}: the format `{found}` is unknown; use one of {known}, or leave the line out", path.display())]
    Format {
        /// corpus.toml.
        path: PathBuf,
        /// The format found.
        found: String,
        /// The formats known.
        known: String,
    },
    /// A line of faq.jsonl is broken.
    #[error(
        "cannot understand {}, line {line}: {reason}; a line is {{\"document\": …, \"answers\": […], \"questions\": […]}}, answers word for word as in the document",
        path.display()
    )]
    Faq {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not the one that corpus.toml vouches for.
    #[error(
        "the file {file} of the corpus {corpus} is not the one that corpus.toml vouches for (expected blake3 {expected}, found {found}); restore the file, or put the new digest there if the change is meant"
    )]
    Digest {
        /// The corpus.
        corpus: String,
        /// The file.
        file: String,
        /// The digest in corpus.toml.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// A file that corpus.toml vouches for is not there.
    #[error(
        "the corpus {corpus} lacks the file {file}, which corpus.toml lists under [digests]; restore the file, or remove the line"
    )]
    Lost {
        /// The corpus.
        corpus: String,
        /// The file.
        file: String,
    },
    /// One folder is to be read as two corpora.
    #[error("the corpus {} is named twice; name it once", folder.display())]
    Twice {
        /// The folder.
        folder: PathBuf,
    },
    /// Two corpora have one name.
    #[error(
        "two corpora are called `{name}`: {} and {}; give one of them another `name` in its corpus.toml, or leave one out",
        first.display(), second.display()
    )]
    Namesakes {
        /// The name.
        name: String,
        /// The folder of one.
        first: PathBuf,
        /// The folder of the other.
        second: PathBuf,
    },
    /// A file changed between hashing and reading.
    #[error(
        "the file {file} of the corpus {corpus} changed while it was read; run the command again when nothing writes to it"
    )]
    Changed {
        /// The corpus.
        corpus: String,
        /// The file.
        file: String,
    },
}
