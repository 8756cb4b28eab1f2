//! Is every file of a generation the one that was sealed?

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;

use crate::local::files::{compare, names_below};
use crate::local::manifest::MANIFEST;
use crate::{CurrentPointer, Damage, FORMAT_VERSION, IndexError, Manifest};

/// What `clinqa inspect` tells about a generation, sound or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// What `CURRENT` says.
    pub pointer: CurrentPointer,
    /// The manifest, whose own digest was right.
    pub manifest: Manifest,
    /// Every file of the manifest, then every file that does not belong.
    pub files: Vec<FileCheck>,
}

impl Inspection {
    /// Whether every file is as it was sealed and none was added.
    pub fn is_sound(&self) -> bool {
        self.files.iter().all(|check| check.damage.is_none())
    }
}

/// One file, compared with the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCheck {
    /// Its path in the generation.
    pub file: String,
    /// Bytes it should have; 0 if it should not be there.
    pub bytes: u64,
    /// What is wrong with it, if anything.
    pub damage: Option<Damage>,
}

/// Reads the manifest in `folder` if its bytes have this BLAKE3 and its format is known.
pub(crate) fn read_manifest(folder: &Path, blake3: &str) -> Result<Manifest, IndexError> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u64,
    }
    let path = folder.join(MANIFEST);
    let damaged = |damage| IndexError::Damaged { path: path.clone(), damage };
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if !folder.exists() => IndexError::MissingGeneration { path: folder.to_owned() },
        std::io::ErrorKind::NotFound => damaged(Damage::Missing),
        std::io::ErrorKind::NotADirectory => IndexError::MissingGeneration { path: folder.to_owned() },
        std::io::ErrorKind::IsADirectory => damaged(Damage::NotAFile),
        _ => IndexError::io("read", &path, error),
    })?;
    let found = blake3::hash(&bytes).to_hex().to_string();
    if found != blake3 {
        return Err(damaged(Damage::Digest { expected: blake3.to_owned(), found }));
    }
    let no_sense = |_| damaged(Damage::Content { what: "JSON" });
    let version: Version = serde_json::from_slice(&bytes).map_err(no_sense)?;
    if version.format_version > u64::from(FORMAT_VERSION) {
        return Err(IndexError::NewerFormat { path, found: version.format_version, supported: FORMAT_VERSION });
    }
    serde_json::from_slice(&bytes).map_err(no_sense)
}

/// BLAKE3 of the manifest in `folder`, in hex.
pub(crate) fn digest_of_manifest(folder: &Path) -> Result<String, IndexError> {
    let path = folder.join(MANIFEST);
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => IndexError::MissingGeneration { path: folder.to_owned() },
        _ => IndexError::io("read", &path, error),
    })?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// Compares every file with the manifest, several at a time.
pub(crate) fn check_each(folder: &Path, manifest: &Manifest) -> Result<Vec<FileCheck>, IndexError> {
    let checks: Result<Vec<FileCheck>, IndexError> = manifest
        .files
        .par_iter()
        .map(|entry| {
            let damage = compare(folder, entry)?;
            Ok(FileCheck { file: entry.file.clone(), bytes: entry.bytes, damage })
        })
        .collect();
    let mut checks = checks?;
    let known: BTreeSet<&str> = manifest.files.iter().map(|entry| entry.file.as_str()).collect();
    for name in names_below(folder)? {
        if name != MANIFEST && !known.contains(name.as_str()) {
            checks.push(FileCheck { file: name, bytes: 0, damage: Some(Damage::Extra) });
        }
    }
    Ok(checks)
}

/// Refuses a generation with its first damaged file.
pub(crate) fn compare_all(folder: &Path, manifest: &Manifest) -> Result<(), IndexError> {
    for check in check_each(folder, manifest)? {
        if let Some(damage) = check.damage {
            return Err(IndexError::Damaged { path: folder.join(check.file), damage });
        }
    }
    Ok(())
}
