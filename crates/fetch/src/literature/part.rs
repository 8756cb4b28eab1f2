//! Where does a file wait while it arrives, and how does it appear all at once?
//!
//! ```text
//! <corpus>/<name>                 arrived whole, only ever renamed into place
//! <corpus>/.fetch/<name>.part     what has come so far
//! <corpus>/.fetch/<name>.json     of which address and version it is a part
//! <corpus>/.fetch/lock            held by the fetch at work
//! ```
//! A corpus leaves out hidden entries, so nothing half arrived is ever read.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{DownloadError, Version};

const BUFFER_BYTES: usize = 1 << 17;
const MOST_NAME_CHARS: usize = 150;

/// The waiting room of a corpus. While it lives, no other fetch goes there.
pub(crate) struct Waiting {
    folder: PathBuf,
    hidden: PathBuf,
    _held: File,
}

/// A file on its way.
pub(crate) struct Part {
    path: PathBuf,
    note: PathBuf,
    target: PathBuf,
    folder: PathBuf,
}

/// Of what a part is a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The address that was asked.
    pub(crate) url: String,
    /// The version it brought.
    pub(crate) version: Version,
}

/// Both digests of a file.
pub(crate) struct Digests {
    pub(crate) bytes: u64,
    pub(crate) md5: String,
    pub(crate) sha256: String,
}

impl Waiting {
    /// Takes the lock.
    pub(crate) fn enter(folder: &Path) -> Result<Self, DownloadError> {
        let hidden = folder.join(".fetch");
        fs::create_dir_all(&hidden).map_err(DownloadError::io(&hidden))?;
        let lock = hidden.join("lock");
        let held = File::create(&lock).map_err(DownloadError::io(&lock))?;
        match held.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), hidden, _held: held }),
            Err(TryLockError::WouldBlock) => Err(DownloadError::Busy { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(DownloadError::io(&lock)(source)),
        }
    }

    /// The place of a file whose name may be a stranger's choice.
    pub(crate) fn part(&self, name: &str) -> Result<Part, DownloadError> {
        let is_plain = name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.len() <= MOST_NAME_CHARS
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            && name != "corpus.toml";
        if !is_plain {
            return Err(DownloadError::Name { name: name.to_owned() });
        }
        Ok(Part {
            path: self.hidden.join(format!("{name}.part")),
            note: self.hidden.join(format!("{name}.json")),
            target: self.folder.join(name),
            folder: self.folder.clone(),
        })
    }
}

impl Part {
    /// How much has come, and of what; nothing if it cannot be gone on with.
    pub(crate) fn state(&self, url: &str) -> (u64, Option<Version>) {
        let note = fs::read(&self.note).ok().and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
        match note {
            Some(note) if note.url == url => {
                (fs::metadata(&self.path).map_or(0, |part| part.len()), Some(note.version))
            }
            _ => (0, None),
        }
    }

    /// Opens it for writing behind byte `start`, and notes of what it is a part.
    pub(crate) fn open(&self, start: u64, note: &Note) -> Result<File, DownloadError> {
        let text = serde_json::to_vec(note).map_err(|error| DownloadError::io(&self.note)(io::Error::other(error)))?;
        fs::write(&self.note, text).map_err(DownloadError::io(&self.note))?;
        // Not truncated: what is there is gone on with, as far as the server agreed.
        let mut out = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)
            .map_err(DownloadError::io(&self.path))?;
        out.set_len(start).map_err(DownloadError::io(&self.path))?;
        out.seek(SeekFrom::Start(start)).map_err(DownloadError::io(&self.path))?;
        Ok(out)
    }

    /// Where errors of writing happened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Hashes what has come.
    pub(crate) fn digests(&self) -> Result<Digests, DownloadError> {
        let failed = || DownloadError::io(&self.path);
        let mut file = File::open(&self.path).map_err(failed())?;
        let (mut md5, mut sha256, mut bytes) = (Md5::new(), Sha256::new(), 0);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => &buffer[..read],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed()(error)),
            };
            md5.update(read);
            sha256.update(read);
            bytes += read.len() as u64;
        }
        Ok(Digests { bytes, md5: hex(&md5.finalize()), sha256: hex(&sha256.finalize()) })
    }

    /// Forgets what has come.
    pub(crate) fn discard(&self) {
        // Why it is discarded is what the user must hear of, not that it could not be deleted.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(&self.note);
    }

    /// Puts the whole file, already synced, into the corpus, in place of an earlier one, and returns where it lies.
    pub(crate) fn install(&self) -> Result<PathBuf, DownloadError> {
        fs::rename(&self.path, &self.target).map_err(DownloadError::io(&self.target))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(DownloadError::io(&self.folder))?;
        let _ = fs::remove_file(&self.note);
        Ok(self.target.clone())
    }

    /// Whether the whole file lies in the corpus.
    pub(crate) fn is_installed(&self) -> bool {
        self.target.is_file()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_stored() {
        let folder = tempfile::tempdir().expect("a folder");
        let waiting = Waiting::enter(folder.path()).expect("a lock");
        for name in ["", ".", "..", ".hidden", "../x", "a/b", "a\\b", "-rf", "a b", "naïve.xml", "corpus.toml", "a\0b"]
        {
            assert!(matches!(waiting.part(name), Err(DownloadError::Name { .. })), "{name}");
        }
        assert!(waiting.part(&"x".repeat(MOST_NAME_CHARS + 1)).is_err());
        waiting.part("pubmed26n1275.xml.gz").expect("plain");
    }

    #[test]
    fn two_fetches_into_one_corpus_do_not_meet() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Waiting::enter(folder.path()).expect("a lock");
        assert!(matches!(Waiting::enter(folder.path()), Err(DownloadError::Busy { .. })));
        drop(first);
        Waiting::enter(folder.path()).expect("free again");
    }
}
