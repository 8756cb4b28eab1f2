//! Which questions were asked in earlier sessions? Kept only where the settings ask for it, readable by its owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of the longest file that is read; more than the screen remembers.
const LONGEST: u64 = 1 << 20;

/// Lines that are kept when the file has grown too long.
const KEPT: usize = 200;

/// A file of one question a line.
#[derive(Debug, Clone)]
pub(crate) struct History(PathBuf);

impl History {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The questions, oldest first; none if the file is not there.
    pub(crate) fn read(&self) -> io::Result<Vec<String>> {
        let bytes = match fs::metadata(&self.0) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&fs::read(&self.0)?).into_owned();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let kept = lines.len().saturating_sub(KEPT);
        let lines = lines[kept..].to_vec();
        if bytes > LONGEST {
            self.write(&lines)?;
        }
        Ok(lines)
    }

    /// Adds a question.
    pub(crate) fn add(&self, question: &str) -> io::Result<()> {
        if let Some(folder) = self.0.parent() {
            make_private(folder)?;
        }
        let line = question.split(char::is_control).collect::<Vec<_>>().join(" ");
        private(OpenOptions::new().append(true)).open(&self.0)?.write_all(format!("{line}\n").as_bytes())
    }

    /// The whole file anew, beside the old one first, so that a crash loses neither.
    fn write(&self, lines: &[String]) -> io::Result<()> {
        let next = self.0.with_extension("next");
        let mut file = private(OpenOptions::new().write(true).truncate(true)).open(&next)?;
        for line in lines {
            writeln!(file, "{line}")?;
        }
        fs::rename(next, &self.0)
    }
}

/// A file that its owner alone may read.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_come_back_and_nobody_else_may_read_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::at(folder.path().join("state/clinqa/history"));
        assert_eq!(history.read().expect("read"), [""; 0]);
        history.add("first").expect("kept");
        history.add("second\nhalf").expect("kept");
        assert_eq!(history.read().expect("read"), ["first", "second half"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert_eq!(mode(&history.0), 0o600);
            assert_eq!(mode(history.0.parent().expect("a folder")), 0o700);
        }
    }

    #[test]
    fn a_file_that_has_grown_too_long_is_cut_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::at(folder.path().join("history"));
        let line = "x".repeat(10_000);
        fs::write(&history.0, format!("{line}\n").repeat(300)).expect("written");
        assert_eq!(history.read().expect("read").len(), KEPT);
        assert_eq!(fs::metadata(&history.0).expect("there").len(), 200 * 10_001);
    }
}
