//! How does a test get a disk that is full, or one that nobody may write to?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk in memory over a folder, gone at the end. Only root can have one.
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Puts a disk of `kilobytes` over `folder`; `None` where that is not allowed.
    pub(crate) fn over(folder: &Path, kilobytes: u32) -> Option<Self> {
        let options = format!("size={kilobytes}k");
        let mounted = succeeds(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder));
        mounted.then(|| Self { folder: folder.to_owned() })
    }

    /// Lets nobody write to it from now on.
    pub(crate) fn make_read_only(&self) -> bool {
        succeeds(Command::new("mount").args(["-o", "remount,ro"]).arg(&self.folder))
    }

    /// Fills it but for `bytes`.
    pub(crate) fn fill_but(&self, bytes: usize) {
        let filler = self.folder.join("filler");
        let mut contents = Vec::new();
        while fs::write(&filler, &contents).is_ok() {
            contents.resize(contents.len() + 4096, 1);
        }
        contents.truncate(contents.len().saturating_sub(4096 + bytes));
        fs::write(&filler, &contents).expect("less than fitted before");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        succeeds(Command::new("umount").arg(&self.folder));
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
