//! Which file was learned from, so that somebody else can tell whether theirs is the same?

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::labelled::file_name;
use super::licence;
use crate::TrainError;
use crate::card::DataSource;

/// Describes a file, or a folder as the sum of its files, for a model card: size, BLAKE3, and the licence that lies
/// beside it.
pub fn describe(path: &Path, [trained, scored]: [usize; 2]) -> Result<DataSource, TrainError> {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = 0;
    for file in files(path)? {
        let failed = |source| TrainError::Read { path: file.display().to_string(), source };
        bytes += fs::metadata(&file).map_err(failed)?.len();
        hasher.update_reader(File::open(&file).map_err(failed)?).map_err(failed)?;
    }
    Ok(DataSource {
        file: file_name(path),
        bytes,
        blake3: hasher.finalize().to_hex().to_string(),
        licence: licence::beside(path),
        weight: if trained > 0 { 1.0 } else { 0.0 },
        trained,
        scored,
    })
}

/// The file itself, or every file of the folder, by path.
fn files(path: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let mut found = Vec::new();
    let mut pending = vec![path.to_owned()];
    while let Some(here) = pending.pop() {
        if !here.is_dir() {
            found.push(here);
            continue;
        }
        let failed = |source| TrainError::Read { path: here.display().to_string(), source };
        for entry in fs::read_dir(&here).map_err(failed)? {
            pending.push(entry.map_err(failed)?.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_sum_of_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("b")).expect("a folder");
        fs::write(folder.path().join("b/two"), "second").expect("written");
        fs::write(folder.path().join("a"), "first").expect("written");
        let whole = describe(folder.path(), [3, 1]).expect("described");
        assert_eq!((whole.bytes, whole.trained, whole.scored), (11, 3, 1));
        assert_eq!(whole.blake3, blake3::hash(b"firstsecond").to_hex().as_str());
        let one = describe(&folder.path().join("a"), [0, 5]).expect("described");
        assert_eq!((one.file.as_str(), one.blake3.as_str()), ("a", blake3::hash(b"first").to_hex().as_str()));
        assert!(one.weight.abs() < f64::EPSILON, "it was only scored on");
    }
}
