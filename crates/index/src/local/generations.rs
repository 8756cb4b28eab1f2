//! Which generations are there, and which one is current?
//!
//! ```text
//! index/CURRENT                     the current generation and the BLAKE3 of its manifest, one line
//! index/PREVIOUS                    the same of the one that was current before, to fall back on
//! index/generations/g000001-…/      one generation, written once, never touched
//! index/generations/.tmp-…/         one being written; left over after a crash, pruned by the next writer
//! index/.lock                       held while one is being written
//! index/.published                  there as soon as CURRENT ever was
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::local::files::{list, sync_folder, write_durably};
use crate::local::inspect::{check_each, compare_all, digest_of_manifest, read_manifest};
use crate::local::manifest::{MANIFEST, is_lower_hex};
use crate::{
    Generation, GenerationId, GenerationWriter, IndexError, Inspection, Manifest, SealedGeneration, WriterConfig,
};

const CURRENT: &str = "CURRENT";
const CURRENT_NEXT: &str = ".CURRENT.next";
const PREVIOUS: &str = "PREVIOUS";
const PREVIOUS_NEXT: &str = ".PREVIOUS.next";
const GENERATIONS: &str = "generations";
const LOCK: &str = ".lock";
const PUBLISHED: &str = ".published";
pub(crate) const TEMPORARY_PREFIX: &str = ".tmp-";
/// Generations kept: the current one, and the one before to fall back on.
const KEPT: usize = 2;
/// `CURRENT` is one short line; what is longer is not read.
const MAX_POINTER_BYTES: u64 = 256;

/// An index folder. It need not exist until something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

/// What `CURRENT` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentPointer {
    /// The current generation.
    pub generation: GenerationId,
    /// BLAKE3 of its manifest, in hex.
    pub manifest_blake3: String,
}

/// One generation in an index folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationEntry {
    /// Its name.
    pub id: GenerationId,
    /// Whether it has a manifest; without one it is what a crash left.
    pub sealed: bool,
    /// Whether `CURRENT` names it.
    pub current: bool,
}

impl Store {
    /// The index in the folder `root`; nothing is opened or made yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What `CURRENT` says; `None` if there is none. A damaged one is an error.
    pub fn current(&self) -> Result<Option<CurrentPointer>, IndexError> {
        read_pointer(self.root.join(CURRENT))
    }

    /// Opens the current generation after comparing every byte with its manifest.
    pub fn open_current(&self) -> Result<Generation, IndexError> {
        let pointer = self.pointer()?;
        Generation::open(&self.folder_of(&pointer.generation), &pointer.manifest_blake3)
    }

    /// Opens the generation that was current before, checked as closely; for whoever would rather answer from an older
    /// index than not at all, and says so.
    pub fn open_previous(&self) -> Result<Generation, IndexError> {
        let path = self.root.join(PREVIOUS);
        let pointer = read_pointer(path.clone())?.ok_or(IndexError::NotPublished { path })?;
        Generation::open(&self.folder_of(&pointer.generation), &pointer.manifest_blake3)
    }

    /// Compares every file of the current generation with its manifest and reports each, damaged or not.
    pub fn inspect_current(&self) -> Result<Inspection, IndexError> {
        let pointer = self.pointer()?;
        let folder = self.folder_of(&pointer.generation);
        let manifest = read_manifest(&folder, &pointer.manifest_blake3)?;
        let files = check_each(&folder, &manifest)?;
        Ok(Inspection { pointer, manifest, files })
    }

    /// Whether there ever was a current generation. If not, nothing is lost by making one unasked.
    pub fn ever_published(&self) -> bool {
        // A link that leads nowhere counts: somebody meant something by it.
        [CURRENT, PUBLISHED].iter().any(|name| fs::symlink_metadata(self.root.join(name)).is_ok())
    }

    /// The generations in the folder, oldest first.
    pub fn generations(&self) -> Result<Vec<GenerationEntry>, IndexError> {
        let current = self.current().ok().flatten().map(|pointer| pointer.generation);
        let mut entries = Vec::new();
        for (name, is_folder) in self.names()? {
            let Ok(id) = name.parse::<GenerationId>() else { continue };
            if is_folder {
                let sealed = self.folder_of(&id).join(MANIFEST).exists();
                entries.push(GenerationEntry { sealed, current: Some(&id) == current.as_ref(), id });
            }
        }
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(entries)
    }

    /// The manifest of a sealed generation and its BLAKE3, for people to read: only that of the current one is vouched
    /// for by `CURRENT`.
    pub fn manifest(&self, id: &GenerationId) -> Result<(Manifest, String), IndexError> {
        let folder = self.folder_of(id);
        let digest = digest_of_manifest(&folder)?;
        Ok((read_manifest(&folder, &digest)?, digest))
    }

    /// Makes a sealed generation that is still in the folder the current one again, if every file of it is as its own
    /// manifest says.
    pub fn activate(&self, id: &GenerationId) -> Result<(), IndexError> {
        let _lock = self.lock()?;
        let (manifest, manifest_blake3) = self.manifest(id)?;
        compare_all(&self.folder_of(id), &manifest)?;
        self.point_to(&CurrentPointer { generation: id.clone(), manifest_blake3 })
    }

    /// Begins a new generation. Takes the lock, which only one rebuild can hold, and clears away what crashes left.
    pub fn writer(&self, config: WriterConfig) -> Result<GenerationWriter, IndexError> {
        config.graph.validate()?;
        let generations = self.root.join(GENERATIONS);
        fs::create_dir_all(&generations).map_err(|source| IndexError::io("create", &generations, source))?;
        let lock = self.lock()?;
        self.prune()?;
        let last = self.generations()?.last().map_or(0, |entry| entry.id.number());
        let pointed = self.current().ok().flatten().map_or(0, |pointer| pointer.generation.number());
        let number = last.max(pointed) + 1;
        let folder = generations.join(format!("{TEMPORARY_PREFIX}g{number:06}"));
        GenerationWriter::begin(folder, number, lock, config)
    }

    /// Makes `sealed` the current generation, all at once, and then unlinks all but the last two.
    ///
    /// Whoever has an older one open keeps it; a crash at any point leaves the old `CURRENT` or the new one.
    pub fn publish(&self, sealed: &SealedGeneration) -> Result<(), IndexError> {
        let generations = self.root.join(GENERATIONS);
        let folder = self.folder_of(sealed.id());
        fs::rename(sealed.folder(), &folder).map_err(|source| IndexError::io("publish", &folder, source))?;
        sync_folder(&generations)?;
        let pointer =
            CurrentPointer { generation: sealed.id().clone(), manifest_blake3: sealed.manifest_blake3().to_owned() };
        self.point_to(&pointer)?;
        // Only says what CURRENT says while it is there, so a failure to write it or to collect garbage loses nothing:
        // the next publication tries again.
        let _ = File::create(self.root.join(PUBLISHED));
        let _ = self.collect_garbage();
        Ok(())
    }

    /// Swaps `CURRENT`, all at once; what it said before stands in `PREVIOUS` from then on.
    fn point_to(&self, pointer: &CurrentPointer) -> Result<(), IndexError> {
        // A crash between the two leaves both naming the old one. A pointer that cannot be read is not kept.
        if let Ok(Some(old)) = self.current() {
            self.point(PREVIOUS, PREVIOUS_NEXT, &old)?;
        }
        self.point(CURRENT, CURRENT_NEXT, pointer)?;
        sync_folder(&self.root)
    }

    /// Lets `name` say what `pointer` says, all at once.
    fn point(&self, name: &str, next: &str, pointer: &CurrentPointer) -> Result<(), IndexError> {
        let (path, next) = (self.root.join(name), self.root.join(next));
        remove_if_there(&next)?;
        write_durably(&next, pointer.encode().as_bytes())?;
        fs::rename(&next, &path).map_err(|source| IndexError::io("publish", &path, source))
    }

    fn pointer(&self) -> Result<CurrentPointer, IndexError> {
        self.current()?.ok_or_else(|| IndexError::NotPublished { path: self.root.join(CURRENT) })
    }

    fn folder_of(&self, id: &GenerationId) -> PathBuf {
        self.root.join(GENERATIONS).join(id.to_string())
    }

    fn names(&self) -> Result<Vec<(String, bool)>, IndexError> {
        let generations = self.root.join(GENERATIONS);
        if generations.exists() { list(&generations) } else { Ok(Vec::new()) }
    }

    fn lock(&self) -> Result<File, IndexError> {
        let path = self.root.join(LOCK);
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| IndexError::io("create", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(IndexError::Locked { path: self.root.clone() }),
            Err(fs::TryLockError::Error(source)) => Err(IndexError::io("lock", &path, source)),
        }
    }

    /// Removes what crashes left: folders that were being written, and folders without a manifest.
    fn prune(&self) -> Result<(), IndexError> {
        for (name, is_folder) in self.names()? {
            let is_temporary = name.starts_with(TEMPORARY_PREFIX);
            let is_generation = name.parse::<GenerationId>().is_ok();
            let folder = self.root.join(GENERATIONS).join(name);
            if is_folder && (is_temporary || (is_generation && !folder.join(MANIFEST).exists())) {
                fs::remove_dir_all(&folder).map_err(|source| IndexError::io("remove", &folder, source))?;
            }
        }
        remove_if_there(&self.root.join(PREVIOUS_NEXT))?;
        remove_if_there(&self.root.join(CURRENT_NEXT))
    }

    /// Unlinks, never truncates: a reader may have the files mapped. The manifest goes first, so that a crash half-way
    /// leaves something that is known to be no generation.
    fn collect_garbage(&self) -> Result<(), IndexError> {
        let entries = self.generations()?;
        let surplus = entries.len().saturating_sub(KEPT);
        for entry in entries.iter().take(surplus).filter(|entry| !entry.current) {
            let folder = self.folder_of(&entry.id);
            remove_if_there(&folder.join(MANIFEST))?;
            fs::remove_dir_all(&folder).map_err(|source| IndexError::io("remove", &folder, source))?;
        }
        Ok(())
    }
}

impl CurrentPointer {
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

/// What the pointer at `path` says; `None` if there is none.
fn read_pointer(path: PathBuf) -> Result<Option<CurrentPointer>, IndexError> {
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|file| file.take(MAX_POINTER_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::IsADirectory => return Err(IndexError::Pointer { path }),
        Err(source) => return Err(IndexError::io("read", &path, source)),
    }
    CurrentPointer::decode(&bytes).map(Some).ok_or(IndexError::Pointer { path })
}

fn remove_if_there(path: &Path) -> Result<(), IndexError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(IndexError::io("remove", path, error)),
        _ => Ok(()),
    }
}
