//! The starter corpus that rides in the binary, unpacked where there is no other.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::read::GzDecoder;

const ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/starter.tar.gz"));

/// Unpacks the starter corpus into `corpora`, unless it is there, and returns its folder. It appears whole or not at all.
pub(crate) fn unpack(corpora: &Path) -> anyhow::Result<PathBuf> {
    let folder = corpora.join("starter");
    if folder.is_dir() {
        return Ok(folder);
    }
    unpack_whole(corpora, &folder).with_context(|| {
        format!(
            "cannot unpack the starter corpus into {}; make the folder writable or pass `--corpus FOLDER`",
            folder.display()
        )
    })?;
    Ok(folder)
}

fn unpack_whole(corpora: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(corpora)?;
    let temporary = corpora.join(format!(".starter-{}", std::process::id()));
    tar::Archive::new(GzDecoder::new(ARCHIVE)).unpack(&temporary)?;
    match fs::rename(&temporary, folder) {
        // Somebody else unpacked it meanwhile: the same files.
        Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
            fs::remove_dir_all(&temporary)
        }
        other => other,
    }
}
