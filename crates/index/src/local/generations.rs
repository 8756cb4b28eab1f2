//! Which generations are there, and which one is current?
//!
//! ```text
//! index/CURRENT                     the current generation and the BLAKE3 of its manifest, one line
//! index/PREVIOUS                    the same of the one that was current before, to fall back on
//! index/generations/g000001-…/      one generation, written once, never touched
//! index/generations/.tmp-…/         one being written; left over after a crash, pruned by the next writer
//! index/withdrawn                   documents that may not be shown, whichever generation holds them
//! index/.encoded                    vectors of a rebuild that did not come to its end, for the next one
//! index/.gathered                   documents that a rebuild has read and not yet written, without a name where possible
//! index/.lock                       held while one is being written, by whom and since when
//! index/.published                  there as soon as CURRENT ever was
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clinqa_schema::{DocumentId, Moment};

use crate::local::files::{list, sync_folder};
use crate::local::inspect::{check_each, compare_all, digest_of_manifest, read_manifest};
use crate::local::kept::{self, KeptVectors};
use crate::local::lock::{Lock, Patience};
use crate::local::manifest::MANIFEST;
use crate::local::pointer::{CurrentPointer, remove_if_there};
use crate::local::withdrawn::{self, Amendment, Verb, Withdrawn, WithdrawnStamp};
use crate::local::{changes, store};
use crate::{
    Changes, EncoderIdentity, Generation, GenerationId, GenerationWriter, IndexError, Inspection, Manifest,
    SealedGeneration, WriterConfig,
};

const CURRENT: &str = "CURRENT";
const CURRENT_NEXT: &str = ".CURRENT.next";
const PREVIOUS: &str = "PREVIOUS";
const PREVIOUS_NEXT: &str = ".PREVIOUS.next";
const GENERATIONS: &str = "generations";
const PUBLISHED: &str = ".published";
const SCRATCH: &str = ".gathered";
pub(crate) const TEMPORARY_PREFIX: &str = ".tmp-";
/// Generations kept unless somebody wants more: the current one, and the one before to fall back on.
pub const KEPT_GENERATIONS: usize = 2;

/// An index folder. It need not exist until something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
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
    /// Whether `PREVIOUS` names it.
    pub previous: bool,
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

    /// An empty file for whoever holds the lock, on the disk of the index. It has no name, so that nothing is left of it
    /// whatever ends the process; where the system does not allow that, the next one overwrites it.
    pub fn scratch(&self) -> Result<File, IndexError> {
        let path = self.root.join(SCRATCH);
        let file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(true)
            .open(&path)
            .map_err(|source| IndexError::io("create", &path, source))?;
        // No matter if it keeps its name.
        fs::remove_file(&path).ok();
        Ok(file)
    }

    /// Why writing to [`Store::scratch`] failed, in the words of the index.
    pub fn scratch_failed(&self, source: std::io::Error) -> IndexError {
        IndexError::io("use", &self.root.join(SCRATCH), source)
    }

    /// What `CURRENT` says; `None` if there is none. A damaged one is an error.
    pub fn current(&self) -> Result<Option<CurrentPointer>, IndexError> {
        CurrentPointer::read(self.root.join(CURRENT))
    }

    /// What `PREVIOUS` says: which generation was current before; `None` if none was.
    pub fn previous(&self) -> Result<Option<CurrentPointer>, IndexError> {
        CurrentPointer::read(self.root.join(PREVIOUS))
    }

    /// Opens the current generation after comparing every byte with its manifest; withdrawn documents are not shown.
    pub fn open_current(&self) -> Result<Generation, IndexError> {
        self.open_at(&self.pointer()?)
    }

    /// Opens the generation that was current before, checked as closely; for whoever would rather answer from an older
    /// index than not at all, and says so.
    pub fn open_previous(&self) -> Result<Generation, IndexError> {
        let path = self.root.join(PREVIOUS);
        let pointer = CurrentPointer::read(path.clone())?.ok_or(IndexError::NotPublished { path })?;
        self.open_at(&pointer)
    }

    /// Opens any generation of the folder, checked as closely as `Store::vouched` allows.
    pub fn open(&self, id: &GenerationId) -> Result<Generation, IndexError> {
        self.open_at(&self.vouched(id)?)
    }

    fn open_at(&self, pointer: &CurrentPointer) -> Result<Generation, IndexError> {
        let generation = Generation::open(&self.folder_of(&pointer.generation), &pointer.manifest_blake3)?;
        Ok(generation.hiding(&self.withdrawn()?))
    }

    /// Compares every file of the current generation with its manifest and reports each, damaged or not.
    pub fn inspect_current(&self) -> Result<Inspection, IndexError> {
        self.inspect_at(self.pointer()?)
    }

    /// The same for any generation of the folder.
    pub fn inspect(&self, id: &GenerationId) -> Result<Inspection, IndexError> {
        self.inspect_at(self.vouched(id)?)
    }

    fn inspect_at(&self, pointer: CurrentPointer) -> Result<Inspection, IndexError> {
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
        let named =
            |pointer: Result<Option<CurrentPointer>, _>| pointer.ok().flatten().map(|pointer| pointer.generation);
        let (current, previous) = (named(self.current()), named(self.previous()));
        let mut entries = Vec::new();
        for (name, is_folder) in self.names()? {
            let Ok(id) = name.parse::<GenerationId>() else { continue };
            if is_folder {
                let sealed = self.folder_of(&id).join(MANIFEST).exists();
                let (current, previous) = (Some(&id) == current.as_ref(), Some(&id) == previous.as_ref());
                entries.push(GenerationEntry { id, sealed, current, previous });
            }
        }
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(entries)
    }

    /// The manifest of a sealed generation and its BLAKE3, for people to read; see `Store::vouched`.
    pub fn manifest(&self, id: &GenerationId) -> Result<(Manifest, String), IndexError> {
        let CurrentPointer { manifest_blake3, .. } = self.vouched(id)?;
        Ok((read_manifest(&self.folder_of(id), &manifest_blake3)?, manifest_blake3))
    }

    /// By what the manifest of a generation is recognised: `CURRENT` and `PREVIOUS` vouch for theirs, any other one has
    /// nothing but itself to vouch for it, which finds damage to every file but the manifest.
    fn vouched(&self, id: &GenerationId) -> Result<CurrentPointer, IndexError> {
        for pointer in [self.current(), self.previous()] {
            if let Ok(Some(pointer)) = pointer
                && pointer.generation == *id
            {
                return Ok(pointer);
            }
        }
        let manifest_blake3 = digest_of_manifest(&self.folder_of(id))?;
        Ok(CurrentPointer { generation: id.clone(), manifest_blake3 })
    }

    /// Makes a sealed generation that is still in the folder the current one again, if every file of it is as its own
    /// manifest says.
    pub fn activate(&self, id: &GenerationId, now: Moment) -> Result<(), IndexError> {
        let _lock = self.lock(now, Patience::Refuse)?;
        let pointer = self.vouched(id)?;
        let folder = self.folder_of(id);
        compare_all(&folder, &read_manifest(&folder, &pointer.manifest_blake3)?)?;
        if self.current().ok().flatten().as_ref() == Some(&pointer) {
            return Ok(());
        }
        self.point_to(&pointer)
    }

    /// Makes the generation that was current before the current one again; a second one undoes the first.
    pub fn rollback(&self, now: Moment) -> Result<GenerationId, IndexError> {
        let path = self.root.join(PREVIOUS);
        let pointer = CurrentPointer::read(path.clone())?.ok_or(IndexError::NoPrevious { path })?;
        self.activate(&pointer.generation, now)?;
        Ok(pointer.generation)
    }

    /// Which documents differ between two generations, whose documents are compared with their manifests first.
    pub fn diff(&self, earlier: &GenerationId, later: &GenerationId) -> Result<Changes, IndexError> {
        for id in [earlier, later] {
            let (manifest, _) = self.manifest(id)?;
            changes::check(&self.folder_of(id), &manifest)?;
        }
        changes::changes(&self.folder_of(earlier), &self.folder_of(later), &self.withdrawn()?)
    }

    /// Which documents differ between the current generation and one that is to follow it; `None` if none is current
    /// or its documents cannot be trusted.
    pub fn changes_to(&self, sealed: &SealedGeneration) -> Result<Option<Changes>, IndexError> {
        let Ok(pointer) = self.pointer() else { return Ok(None) };
        let folder = self.folder_of(&pointer.generation);
        let sound =
            read_manifest(&folder, &pointer.manifest_blake3).and_then(|manifest| changes::check(&folder, &manifest));
        match sound {
            Ok(()) => changes::changes(&folder, sealed.folder(), &self.withdrawn()?).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// The documents that may not be shown.
    pub fn withdrawn(&self) -> Result<Withdrawn, IndexError> {
        Withdrawn::read(&self.root)
    }

    /// By what a change of that list is noticed; it costs one look at a file.
    pub fn withdrawn_stamp(&self) -> WithdrawnStamp {
        withdrawn::stamp(&self.root)
    }

    /// Lets documents be shown by no generation from now on; tells which of them were shown until now. A rebuild under
    /// way is not waited for.
    pub fn withdraw(&self, ids: &[DocumentId], reason: &str, now: Moment) -> Result<Vec<DocumentId>, IndexError> {
        withdrawn::amend(&self.root, &Amendment { verb: Verb::Withdraw, ids, reason, now })
    }

    /// Lets documents be shown again; tells which of them were withdrawn until now. One that a rebuild has folded in
    /// comes back with the next rebuild.
    pub fn restore(&self, ids: &[DocumentId], now: Moment) -> Result<Vec<DocumentId>, IndexError> {
        withdrawn::amend(&self.root, &Amendment { verb: Verb::Restore, ids, reason: "", now })
    }

    /// The ids of the documents that the current generation holds, withdrawn ones among them. No other file is looked at.
    pub fn documents_of_current(&self) -> Result<BTreeSet<DocumentId>, IndexError> {
        store::ids(&self.folder_of(&self.pointer()?.generation))
    }

    /// The vectors that a rebuild with `encoder` left when it did not come to its end.
    pub fn kept_vectors(&self, encoder: &EncoderIdentity) -> KeptVectors {
        KeptVectors::open(&self.root, encoder)
    }

    /// Takes the lock, which one process at a time can hold, and makes the folder if there is none.
    pub fn lock(&self, now: Moment, patience: Patience) -> Result<Lock, IndexError> {
        let generations = self.root.join(GENERATIONS);
        fs::create_dir_all(&generations).map_err(|source| IndexError::io("create", &generations, source))?;
        Lock::take(&self.root, now, patience)
    }

    /// Begins a new generation. Takes the lock, which only one rebuild can hold, and clears away what crashes left.
    pub fn writer(&self, config: WriterConfig) -> Result<GenerationWriter, IndexError> {
        config.graph.validate()?;
        let lock = self.lock(Moment(config.created), Patience::Refuse)?;
        self.writer_under(lock, config)
    }

    /// The same under a lock that was taken before, because something was to be done under it first.
    pub fn writer_under(&self, lock: Lock, config: WriterConfig) -> Result<GenerationWriter, IndexError> {
        config.graph.validate()?;
        self.clear_leftovers()?;
        let last = self.generations()?.last().map_or(0, |entry| entry.id.number());
        let pointed = self.current().ok().flatten().map_or(0, |pointer| pointer.generation.number());
        let number = last.max(pointed) + 1;
        let folder = self.root.join(GENERATIONS).join(format!("{TEMPORARY_PREFIX}g{number:06}"));
        let kept = config.encoder.as_ref().map(|encoder| self.kept_vectors(encoder));
        GenerationWriter::begin(folder, number, lock, kept, config)
    }

    /// Makes `sealed` the current generation, all at once, and then unlinks all but the last two.
    ///
    /// Whoever has an older one open keeps it; a crash at any point leaves the old `CURRENT` or the new one.
    pub fn publish(&self, sealed: &SealedGeneration) -> Result<(), IndexError> {
        self.publish_keeping(sealed, KEPT_GENERATIONS)
    }

    /// The same, where as many as `keep` generations stay; the current one and the one before always do.
    pub fn publish_keeping(&self, sealed: &SealedGeneration, keep: usize) -> Result<(), IndexError> {
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
        kept::forget(&self.root);
        let _ = self.collect_garbage(keep);
        Ok(())
    }

    /// Removes what crashes left, generations beyond the newest `keep`, and any but the current one that still holds a
    /// withdrawn document; tells which generations are gone. The current one and the one before stay otherwise.
    pub fn prune(&self, keep: usize, now: Moment) -> Result<Vec<GenerationId>, IndexError> {
        let _lock = self.lock(now, Patience::Refuse)?;
        self.clear_leftovers()?;
        let mut removed = self.collect_garbage(keep)?;
        let withdrawn = self.withdrawn()?;
        for entry in self.generations()?.into_iter().filter(|entry| !entry.current && !withdrawn.is_empty()) {
            // One that cannot be read may hold anything.
            if store::ids(&self.folder_of(&entry.id)).map_or(true, |ids| ids.iter().any(|id| withdrawn.holds(id))) {
                if entry.previous {
                    remove_if_there(&self.root.join(PREVIOUS))?;
                }
                self.remove(&entry.id)?;
                removed.push(entry.id);
            }
        }
        Ok(removed)
    }

    /// Swaps `CURRENT`, all at once; what it said before stands in `PREVIOUS` from then on.
    fn point_to(&self, pointer: &CurrentPointer) -> Result<(), IndexError> {
        // A crash between the two leaves both naming the old one. A pointer that cannot be read is not kept.
        if let Ok(Some(old)) = self.current() {
            old.write(&self.root.join(PREVIOUS), &self.root.join(PREVIOUS_NEXT))?;
        }
        pointer.write(&self.root.join(CURRENT), &self.root.join(CURRENT_NEXT))?;
        sync_folder(&self.root)
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

    /// Removes what crashes left: folders that were being written, and folders without a manifest.
    fn clear_leftovers(&self) -> Result<(), IndexError> {
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

    /// Removes the oldest until `keep` are left, and never the current one or the one before.
    fn collect_garbage(&self, keep: usize) -> Result<Vec<GenerationId>, IndexError> {
        let entries = self.generations()?;
        let surplus = entries.len().saturating_sub(keep);
        let mut removed = Vec::new();
        for entry in entries.into_iter().filter(|entry| !entry.current && !entry.previous).take(surplus) {
            self.remove(&entry.id)?;
            removed.push(entry.id);
        }
        Ok(removed)
    }

    /// Unlinks, never truncates: a reader may have the files mapped. The manifest goes first, so that a crash half-way
    /// leaves something that is known to be no generation.
    fn remove(&self, id: &GenerationId) -> Result<(), IndexError> {
        let folder = self.folder_of(id);
        remove_if_there(&folder.join(MANIFEST))?;
        fs::remove_dir_all(&folder).map_err(|source| IndexError::io("remove", &folder, source))
    }
}
