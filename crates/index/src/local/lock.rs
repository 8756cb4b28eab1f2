//! Who is writing to the index?
//!
//! One process at a time holds the lock of an index folder. The system gives it back when its holder dies, however that
//! comes; what the file says is for people only, and may be of a holder that was killed.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use clinqa_schema::Moment;

use crate::IndexError;

const LOCK: &str = ".lock";
/// What a holder writes is shorter; what is longer is not read.
const MAX_BYTES: u64 = 64;

/// What is done when another process holds the lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patience {
    /// Say who holds it.
    #[default]
    Refuse,
    /// Wait until it is free, however long that takes.
    Wait,
}

/// The right to write to an index folder, until it is dropped.
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the index in `root`, and writes down who holds it since `now`.
    pub(crate) fn take(root: &Path, now: Moment, patience: Patience) -> Result<Self, IndexError> {
        let path = root.join(LOCK);
        let file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| IndexError::io("create", &path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) if patience == Patience::Wait => {
                file.lock().map_err(|source| IndexError::io("lock", &path, source))?;
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(IndexError::Locked { path: root.to_owned(), holder: holder(file) });
            }
            Err(fs::TryLockError::Error(source)) => return Err(IndexError::io("lock", &path, source)),
        }
        let mut lock = Self { file };
        lock.say(&format!("{} {}\n", std::process::id(), now.0));
        Ok(lock)
    }

    /// On a full disk nothing is said, and the lock holds all the same.
    fn say(&mut self, text: &str) {
        let _ = self.file.set_len(0);
        let _ = self.file.rewind();
        let _ = self.file.write_all(text.as_bytes());
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.say("");
    }
}

/// Who wrote into the lock's file, in words; a holder that is not of ours may have written nothing.
fn holder(file: File) -> String {
    let mut text = String::new();
    let read = file.take(MAX_BYTES).read_to_string(&mut text);
    let parts = text.trim_end().split_once(' ').and_then(|(pid, since)| Some((pid.parse().ok()?, since.parse().ok()?)));
    match (read, parts) {
        (Ok(_), Some((pid, since))) => told(pid, Moment(since)),
        _ => "another rebuild".to_owned(),
    }
}

fn told(pid: u32, since: Moment) -> String {
    format!("another rebuild (process {pid}, since {since})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_the_lock_is_told_by_process_and_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = Lock::take(folder.path(), Moment(1_795_917_905), Patience::Refuse).expect("free");
        let refused = Lock::take(folder.path(), Moment(0), Patience::Refuse).err().expect("held").to_string();
        let process = format!("process {}, since 2026-11-29 02:05:05 UTC", std::process::id());
        assert!(refused.contains(&process) && refused.contains("--wait"), "{refused}");
        drop(lock);
        assert_eq!(fs::read(folder.path().join(LOCK)).expect("a file"), b"", "nobody holds it");
        Lock::take(folder.path(), Moment(0), Patience::Refuse).expect("free again");
    }

    #[test]
    fn whoever_waits_gets_the_lock_when_it_is_free() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = Lock::take(folder.path(), Moment(0), Patience::Refuse).expect("free");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::take(folder.path(), Moment(0), Patience::Wait).is_ok());
            drop(lock);
            assert!(waiting.join().expect("no panic"));
        });
    }

    #[test]
    fn a_file_that_says_nothing_useful_is_no_hindrance() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(LOCK), "garbage ".repeat(100)).expect("written");
        let file = File::open(folder.path().join(LOCK)).expect("open");
        assert_eq!(holder(file), "another rebuild");
    }
}
