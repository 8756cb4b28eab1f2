//! Where does a model wait while it arrives, and how does it appear all at once?
//!
//! ```text
//! models/<owner>--<model>/                  installed: files and pin.json, only ever renamed into place
//! models/.partial/<owner>--<model>/<commit>/  finished files, and <file>.part for the one under way
//! models/.partial/<owner>--<model>/replaced/  the earlier folder between the two renames of a replacement
//! models/.partial/<owner>--<model>.lock       held by the pull at work
//! ```

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::FetchError;
use crate::pin::{self, Pin};

/// Stands for the commit that a hub does not name; nothing in it outlives the pull, for it could be of another version.
const UNNAMED: &str = "unnamed";

/// The folders of one model. While it lives no other pull touches them.
pub(crate) struct Place {
    /// The installed folder.
    pub(crate) folder: PathBuf,
    /// `.partial` of all models.
    pub(crate) partial: PathBuf,
    work: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl Place {
    /// Takes the lock of a model whose name has been checked, and puts back what a crash left between two renames.
    pub(crate) fn enter(models: &Path, name: &str) -> Result<Self, FetchError> {
        let slug = name.replace('/', "--");
        let partial = models.join(".partial");
        fs::create_dir_all(&partial).map_err(FetchError::io(&partial))?;
        let work = partial.join(&slug);
        let lock = partial.join(format!("{slug}.lock"));
        let held = File::create(&lock).map_err(FetchError::io(&lock))?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FetchError::Busy { folder: work }),
            Err(TryLockError::Error(source)) => return Err(FetchError::io(&lock)(source)),
        }
        let place = Self { folder: models.join(&slug), partial, work, lock, _held: held };
        let replaced = place.work.join("replaced");
        if replaced.exists() && !place.folder.exists() {
            fs::rename(&replaced, &place.folder).map_err(FetchError::io(&place.folder))?;
        }
        Ok(place)
    }

    /// The folder for files of a commit, with what an earlier attempt at the same commit left there; what belongs to
    /// other commits is deleted.
    pub(crate) fn downloads(&self, commit: Option<&str>) -> Result<PathBuf, FetchError> {
        fs::create_dir_all(&self.work).map_err(FetchError::io(&self.work))?;
        for entry in fs::read_dir(&self.work).map_err(FetchError::io(&self.work))? {
            let path = entry.map_err(FetchError::io(&self.work))?.path();
            if commit.is_none_or(|commit| path.file_name() != Some(commit.as_ref())) {
                remove(&path)?;
            }
        }
        let downloads = self.work.join(commit.unwrap_or(UNNAMED));
        fs::create_dir_all(&downloads).map_err(FetchError::io(&downloads))?;
        Ok(downloads)
    }

    /// Forgets what has arrived: it was refused.
    pub(crate) fn discard(&self) {
        // The refusal is what the user must hear of, not that its leftovers could not be deleted.
        let _ = remove(&self.work);
    }

    /// Moves the pinned files from `downloads` into the installed folder, replacing an earlier one as a whole.
    pub(crate) fn install(&self, downloads: &Path, pin: &Pin) -> Result<(), FetchError> {
        let fresh = self.work.join("install");
        for file in pin.files.keys() {
            let to = fresh.join(file);
            make_parent(&to)?;
            fs::rename(downloads.join(file), &to).map_err(FetchError::io(&to))?;
        }
        pin::write(&fresh, pin)?;
        let replaced = self.work.join("replaced");
        let is_update = self.folder.exists();
        if is_update {
            fs::rename(&self.folder, &replaced).map_err(FetchError::io(&self.folder))?;
        }
        if let Err(source) = fs::rename(&fresh, &self.folder) {
            if is_update {
                fs::rename(&replaced, &self.folder).map_err(FetchError::io(&self.folder))?;
            }
            return Err(FetchError::io(&self.folder)(source));
        }
        self.discard();
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Best effort: a lock file left behind is taken again, a folder that is not empty holds another pull's files.
        let _ = fs::remove_file(&self.lock);
        let _ = fs::remove_dir(&self.partial);
    }
}

/// Makes the folder that a file is to lie in.
pub(crate) fn make_parent(path: &Path) -> Result<(), FetchError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(FetchError::io(parent))
}

fn remove(path: &Path) -> Result<(), FetchError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(FetchError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_between_the_two_renames_gives_the_earlier_folder_back() {
        let models = tempfile::tempdir().expect("a folder");
        let replaced = models.path().join(".partial/a--b/replaced");
        fs::create_dir_all(&replaced).expect("a folder");
        fs::write(replaced.join("config.json"), "{}").expect("a file");
        let place = Place::enter(models.path(), "a/b").expect("a lock");
        assert!(place.folder.join("config.json").is_file());
    }

    #[test]
    fn two_pulls_of_one_model_do_not_meet() {
        let models = tempfile::tempdir().expect("a folder");
        let first = Place::enter(models.path(), "a/b").expect("a lock");
        assert!(matches!(Place::enter(models.path(), "a/b"), Err(FetchError::Busy { .. })));
        assert!(Place::enter(models.path(), "a/c").is_ok());
        drop(first);
        assert!(Place::enter(models.path(), "a/b").is_ok());
    }

    #[test]
    fn files_of_another_commit_are_not_gone_on_with() {
        let models = tempfile::tempdir().expect("a folder");
        let place = Place::enter(models.path(), "a/b").expect("a lock");
        let old = place.downloads(Some("aaaaaaa")).expect("a folder").join("config.json.part");
        fs::write(&old, "{").expect("a file");
        place.downloads(Some("aaaaaaa")).expect("a folder");
        assert!(old.exists());
        place.downloads(Some("bbbbbbb")).expect("a folder");
        assert!(!old.exists());
        let unnamed = place.downloads(None).expect("a folder").join("config.json.part");
        fs::write(&unnamed, "{").expect("a file");
        place.downloads(None).expect("a folder");
        assert!(!unnamed.exists());
    }
}
