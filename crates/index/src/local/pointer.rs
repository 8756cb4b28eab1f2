//! What do `CURRENT` and `PREVIOUS` say?

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::local::files::write_durably;
use crate::local::manifest::is_lower_hex;
use crate::{GenerationId, IndexError};

/// A pointer is one short line; what is longer is not read.
const MAX_POINTER_BYTES: u64 = 256;

/// What `CURRENT` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentPointer {
    /// The current generation.
    pub generation: GenerationId,
    /// BLAKE3 of its manifest, in hex.
    pub manifest_blake3: String,
}

impl CurrentPointer {
    /// What the pointer at `path` says; `None` if there is none.
    pub(crate) fn read(path: PathBuf) -> Result<Option<Self>, IndexError> {
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_POINTER_BYTES).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::IsADirectory => return Err(IndexError::Pointer { path }),
            Err(source) => return Err(IndexError::io("read", &path, source)),
        }
        Self::decode(&bytes).map(Some).ok_or(IndexError::Pointer { path })
    }

    /// Lets `path` say this, all at once; `next` is the name under which it is written first.
    pub(crate) fn write(&self, path: &Path, next: &Path) -> Result<(), IndexError> {
        remove_if_there(next)?;
        write_durably(next, self.encode().as_bytes())?;
        fs::rename(next, path).map_err(|source| IndexError::io("publish", path, source))
    }

    fn encode(&self) -> String {
        format!("{} {}\n", self.generation, self.manifest_blake3)
    }

    /// Reads exactly what [`CurrentPointer::encode`] writes, and nothing that is merely like it.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (generation, manifest_blake3) = line.split_once(' ')?;
        let is_digest = manifest_blake3.len() == 64 && is_lower_hex(manifest_blake3);
        let generation = generation.parse().ok()?;
        is_digest.then(|| Self { generation, manifest_blake3: manifest_blake3.to_owned() })
    }
}

/// Removes a file; one that is not there is removed already.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), IndexError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(IndexError::io("remove", path, error)),
        _ => Ok(()),
    }
}
