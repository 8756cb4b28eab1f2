//! How is a file written so that it is there after a crash, and known again afterwards?

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::{Damage, FileEntry, IndexError};

/// A file being written through a buffer, with errors that name it.
pub(crate) struct Output {
    path: PathBuf,
    file: BufWriter<File>,
    written: u64,
}

impl Output {
    /// Makes a new file; one that exists is an error.
    pub(crate) fn create(path: PathBuf) -> Result<Self, IndexError> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| IndexError::io("create", &path, source))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 18, file), written: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        self.file.write_all(bytes).map_err(|source| IndexError::io("write", &self.path, source))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Where it is written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Hands everything to the system and gives the file back, open for reading too.
    pub(crate) fn finish(self) -> Result<File, IndexError> {
        let path = self.path;
        self.file.into_inner().map_err(|error| IndexError::io("write", &path, error.into_error()))
    }
}

/// Makes `path` with `bytes` and waits until they are on the disk.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
    let mut output = Output::create(path.to_owned())?;
    output.write(bytes)?;
    output.finish()?.sync_all().map_err(|source| IndexError::io("make durable", path, source))
}

/// Waits until the names in `folder` are on the disk. Only Unix lets a folder be synced.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), IndexError> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(|source| IndexError::io("make durable", folder, source))
}

/// Waits until `name` in `folder` is on the disk, takes its digest and lets nobody write to it again.
pub(crate) fn seal(folder: &Path, name: &str) -> Result<FileEntry, IndexError> {
    let path = folder.join(name);
    let file = File::open(&path).map_err(|source| IndexError::io("open", &path, source))?;
    file.sync_all().map_err(|source| IndexError::io("make durable", &path, source))?;
    let (bytes, blake3) = digest(&path)?;
    protect(&path)?;
    Ok(FileEntry { file: name.to_owned(), bytes, blake3 })
}

/// Takes away the right to write to `path`.
pub(crate) fn protect(path: &Path) -> Result<(), IndexError> {
    let set = |path: &Path| {
        let mut permissions = fs::metadata(path)?.permissions();
        #[cfg(unix)]
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o444);
        #[cfg(not(unix))]
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions)
    };
    set(path).map_err(|source| IndexError::io("protect", path, source))
}

/// Length and BLAKE3, in hex, of a file.
pub(crate) fn digest(path: &Path) -> Result<(u64, String), IndexError> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(|_| ()))
        .map_err(|source| IndexError::io("read", path, source))?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}

/// Compares a file with its entry in the manifest, length first; an error is a failure to read it at all.
pub(crate) fn compare(folder: &Path, entry: &FileEntry) -> Result<Option<Damage>, IndexError> {
    let path = folder.join(&entry.file);
    let found = match fs::symlink_metadata(&path) {
        Ok(metadata) if !metadata.is_file() => return Ok(Some(Damage::NotAFile)),
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some(Damage::Missing)),
        Err(source) => return Err(IndexError::io("look at", &path, source)),
    };
    if found != entry.bytes {
        return Ok(Some(Damage::Length { expected: entry.bytes, found }));
    }
    let (_, found) = digest(&path)?;
    if found != entry.blake3 {
        return Ok(Some(Damage::Digest { expected: entry.blake3.clone(), found }));
    }
    Ok(None)
}

/// Names of everything below `folder` that is not a folder, with `/` between names, sorted.
pub(crate) fn names_below(folder: &Path) -> Result<Vec<String>, IndexError> {
    let mut names = Vec::new();
    let mut pending = vec![String::new()];
    while let Some(prefix) = pending.pop() {
        let here = folder.join(&prefix);
        for entry in list(&here)? {
            let (name, is_folder) = entry;
            let name = format!("{prefix}{name}");
            if is_folder { pending.push(format!("{name}/")) } else { names.push(name) }
        }
    }
    names.sort();
    Ok(names)
}

/// Names in `folder`, sorted, each with whether it is a folder itself.
pub(crate) fn list(folder: &Path) -> Result<Vec<(String, bool)>, IndexError> {
    let read = || {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            entries.push((entry.file_name().to_string_lossy().into_owned(), entry.file_type()?.is_dir()));
        }
        entries.sort();
        Ok(entries)
    };
    read().map_err(|source| IndexError::io("list", folder, source))
}
