//! Where the files of a checkpoint lie, and a running hash of those that were read.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::CheckpointError;

/// No single file of a checkpoint that a CPU could serve is larger.
const MAX_FILE_BYTES: u64 = 8 << 30;

/// Where a checkpoint comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder on disk.
    Folder(PathBuf),
    /// A bundle inside the binary.
    Embedded(Embedded),
}

/// A checkpoint inside the binary.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// Its name.
    pub name: &'static str,
    /// Its fingerprint, computed when it was packed: embedded bytes are not hashed at every start.
    pub fingerprint: &'static str,
    /// File names and contents.
    pub files: &'static [(&'static str, &'static [u8])],
}

impl Source {
    /// The folder's own name, or the bundle's.
    pub fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder
                .canonicalize()
                .unwrap_or_else(|_| folder.clone())
                .file_name()
                .map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned()),
            Self::Embedded(bundle) => bundle.name.to_owned(),
        }
    }
}

/// The files of one checkpoint; remembers the digest of each file it hands out.
pub(crate) struct Files {
    source: Source,
    inside: PathBuf,
    digests: Rc<RefCell<BTreeMap<String, [u8; 32]>>>,
}

impl Files {
    pub(crate) fn open(source: &Source) -> Result<Self, CheckpointError> {
        if let Source::Folder(folder) = source
            && !folder.is_dir()
        {
            return Err(CheckpointError::NoFolder { folder: folder.display().to_string() });
        }
        Ok(Self { source: source.clone(), inside: PathBuf::new(), digests: Rc::default() })
    }

    /// The same checkpoint seen from one of its folders (older sentence-transformers put the model in one).
    pub(crate) fn inside(&self, folder: &str) -> Self {
        Self { source: self.source.clone(), inside: self.inside.join(folder), digests: Rc::clone(&self.digests) }
    }

    /// How a file is called in messages.
    pub(crate) fn path(&self, name: &str) -> String {
        match &self.source {
            Source::Folder(folder) => folder.join(&self.inside).join(name).display().to_string(),
            Source::Embedded(bundle) => format!("{} (embedded)/{}", bundle.name, self.inside.join(name).display()),
        }
    }

    /// The folder on disk, for libraries that insist on a path.
    pub(crate) fn on_disk(&self, name: &str) -> Option<PathBuf> {
        match &self.source {
            Source::Folder(folder) => Some(folder.join(&self.inside).join(name)),
            Source::Embedded(_) => None,
        }
    }

    /// The contents of `name`, or `None` if there is no such file.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, CheckpointError> {
        let inner = self.inside.join(name);
        match &self.source {
            Source::Embedded(bundle) => {
                let found = bundle.files.iter().find(|(file, _)| Path::new(file) == inner);
                Ok(found.map(|(_, bytes)| Cow::Borrowed(*bytes)))
            }
            Source::Folder(folder) => {
                let Some(bytes) = read_bounded(&folder.join(&inner))? else { return Ok(None) };
                let digest = *blake3::Hasher::new().update(&bytes).finalize().as_bytes();
                self.digests.borrow_mut().insert(inner.to_string_lossy().into_owned(), digest);
                Ok(Some(Cow::Owned(bytes)))
            }
        }
    }

    /// As [`Files::read`], but a missing file is an error.
    pub(crate) fn require(&self, name: &'static str) -> Result<Cow<'static, [u8]>, CheckpointError> {
        self.read(name)?.ok_or_else(|| CheckpointError::MissingFile { folder: self.path(""), file: name })
    }

    /// BLAKE3 over the names and digests of every file read so far.
    pub(crate) fn fingerprint(&self) -> String {
        if let Source::Embedded(bundle) = &self.source {
            return bundle.fingerprint.to_owned();
        }
        let mut hasher = blake3::Hasher::new();
        for (name, digest) in self.digests.borrow().iter() {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(digest);
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn read_bounded(path: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.display().to_string(), source };
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    if metadata.len() > MAX_FILE_BYTES {
        let path = path.display().to_string();
        return Err(CheckpointError::TooLarge { path, found: metadata.len(), limit: MAX_FILE_BYTES });
    }
    fs::read(path).map(Some).map_err(failed)
}
