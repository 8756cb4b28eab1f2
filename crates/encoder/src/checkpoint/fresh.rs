//! How does a new checkpoint come into its folder? Never over another, and whole once its weights are there.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::files::Source;
use crate::CheckpointError;

const WEIGHTS: &str = "model.safetensors";

/// Either file makes a folder a model's.
const EITHER_WEIGHTS: [&str; 2] = [WEIGHTS, "pytorch_model.bin"];

/// Refuses a folder that holds a model, and one that is read from.
pub(super) fn require_free(target: &Path, sources: &[&Source]) -> Result<(), CheckpointError> {
    let own = target.canonicalize().ok();
    let is_target = |source: &&Source| match *source {
        Source::Folder(folder) => own.is_some() && folder.canonicalize().ok() == own,
        Source::Embedded(_) => false,
    };
    let holds = |name: &&str| fs::symlink_metadata(target.join(name)).is_ok();
    if sources.iter().any(is_target) || EITHER_WEIGHTS.iter().any(holds) {
        return Err(CheckpointError::Occupied { folder: target.display().to_string() });
    }
    Ok(())
}

/// Writes `companions` and then the weights into `target`, each under another name until all of it is on the disk.
pub(super) fn write_all(
    target: &Path,
    companions: &[(String, Vec<u8>)],
    weights: &[u8],
) -> Result<(), CheckpointError> {
    for (name, bytes) in companions {
        write(&target.join(name), bytes)?;
    }
    write(&target.join(WEIGHTS), weights)
}

/// Writes `path`, whole or not at all, and durable once this returns.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let failed = |source| CheckpointError::Write { path: path.display().to_string(), source };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let work = || {
        let folder = path.parent().unwrap_or(Path::new(""));
        let made: Vec<&Path> = folder.ancestors().take_while(|above| !above.exists()).collect();
        fs::create_dir_all(folder)?;
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        sync(folder)?;
        // The name of a new folder stands in the one above it.
        made.into_iter().filter_map(Path::parent).try_for_each(sync)
    };
    work().map_err(failed)
}

fn sync(folder: &Path) -> std::io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Only Unix lets a folder be synced.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_free_until_it_holds_weights_or_is_read_from() {
        let root = tempfile::tempdir().expect("a folder");
        let target = root.path().join("a/b");
        let source = |path: &Path| Source::Folder(path.to_owned());
        let check = |sources: &[&Source], expected: bool| {
            assert_eq!(require_free(&target, sources).is_ok(), expected, "{sources:?}");
        };
        check(&[&source(&target)], true);
        write(&target.join("1_Pooling/config.json"), b"{}").expect("written");
        check(&[&source(root.path())], true);
        check(&[&source(root.path()), &source(&target.join("../b"))], false);
        write_all(&target, &[("config.json".to_owned(), b"{}".to_vec())], b"weights").expect("written");
        check(&[], false);
        assert_eq!(fs::read(target.join(WEIGHTS)).expect("there"), b"weights");
        assert_eq!(fs::read_dir(&target).expect("there").count(), 3, "nothing is left under another name");
    }
}
