//! Are these still the bytes that came in first?
//!
//! `pin.json` lies beside the files and names the SHA-256 of each. It is ordinary JSON, so that `sha256sum` and a reader
//! can check it, and it is written last but for the rename that makes the folder appear.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::FetchError;
use crate::layout::{self, CARD, SMALL_FILES, WEIGHTS};

/// Name of the pin file in a pulled folder.
pub const PIN_FILE: &str = "pin.json";

/// How an absent file is called where a digest would stand.
pub(crate) const NO_FILE: &str = "no file";

/// A pin names a dozen files; anything longer was not written by us.
const MAX_PIN_BYTES: u64 = 1 << 20;

/// One file of a pulled model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledFile {
    /// Path inside the folder, with `/`.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// What was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pin {
    /// `owner/model`.
    pub(crate) name: String,
    /// The revision that was asked for.
    pub(crate) revision: String,
    /// The commit that it stood for, where the hub said.
    pub(crate) commit: Option<String>,
    /// By path inside the folder.
    pub(crate) files: BTreeMap<String, PinnedFile>,
}

/// Length and digest of one pinned file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PinnedFile {
    /// Length in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// Hashes every file of a pulled folder again and compares it with the pin; returns the files by name.
///
/// A checkpoint file that was slipped in beside the pinned ones is refused too, because a loader would prefer it.
pub fn verify(folder: &Path) -> Result<Vec<PulledFile>, FetchError> {
    let pin = read(folder)?.ok_or_else(|| FetchError::Unpinned { folder: folder.to_path_buf() })?;
    let is_strange = |file: &&&str| **file != CARD && !pin.files.contains_key(**file);
    for file in SMALL_FILES.iter().chain(&WEIGHTS).filter(is_strange) {
        let path = folder.join(file);
        if path.exists() {
            return Err(FetchError::Damaged { found: hash(&path)?.sha256, path, expected: NO_FILE.to_owned() });
        }
    }
    let mut files = Vec::with_capacity(pin.files.len());
    for (name, expected) in pin.files {
        let path = folder.join(&name);
        let found = if path.is_file() { Some(hash(&path)?) } else { None };
        if found.as_ref() != Some(&expected) {
            let found = found.map_or_else(|| NO_FILE.to_owned(), |found| found.sha256);
            return Err(FetchError::Damaged { path, expected: expected.sha256, found });
        }
        files.push(PulledFile { name, bytes: expected.bytes, sha256: expected.sha256 });
    }
    Ok(files)
}

/// Reads the pin of a folder; none if the folder has no pin. A name outside the known layout makes a pin damaged: it
/// would send us reading elsewhere.
pub(crate) fn read(folder: &Path) -> Result<Option<Pin>, FetchError> {
    let path = folder.join(PIN_FILE);
    let mut text = String::new();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FetchError::io(&path)(source)),
    };
    let damaged = || FetchError::Pin { path: path.clone() };
    file.take(MAX_PIN_BYTES).read_to_string(&mut text).map_err(|_| damaged())?;
    let pin: Pin = serde_json::from_str(&text).map_err(|_| damaged())?;
    let is_known = |file: &String| SMALL_FILES.contains(&file.as_str()) || layout::is_weights(file);
    if !pin.files.keys().all(is_known) || !pin.files.keys().any(|file| layout::is_weights(file)) {
        return Err(damaged());
    }
    Ok(Some(pin))
}

/// Writes a pin and makes it durable.
#[cfg(feature = "hub")]
pub(crate) fn write(folder: &Path, pin: &Pin) -> Result<(), FetchError> {
    use std::io::Write as _;

    let path = folder.join(PIN_FILE);
    let mut text = serde_json::to_vec_pretty(pin).map_err(|_| FetchError::Pin { path: path.clone() })?;
    text.push(b'\n');
    let mut file = File::create(&path).map_err(FetchError::io(&path))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(FetchError::io(&path))
}

/// Length and SHA-256 of a file, read in pieces.
pub(crate) fn hash(path: &Path) -> Result<PinnedFile, FetchError> {
    let mut file = File::open(path).map_err(FetchError::io(path))?;
    let mut hasher = Sha256::new();
    let bytes = io::copy(&mut file, &mut hasher).map_err(FetchError::io(path))?;
    Ok(PinnedFile { bytes, sha256: format!("{:x}", hasher.finalize()) })
}
