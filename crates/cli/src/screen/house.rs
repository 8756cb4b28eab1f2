//! The world outside of the screen: files, the clipboard, a browser.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clinqa_safety::Redaction;
use clinqa_tui::{House, Paper, PaperKind, Refusal};

use super::history::History;
use crate::identifiers::Identifiers;

/// Reports of wrong answers, one JSON object a line.
const REPORTS: &str = "reports.jsonl";

/// Files of one name before it is given up.
const MOST_FILES: u32 = 10_000;

/// The world outside of the screen.
pub(crate) struct Outside {
    /// Where reports of wrong answers go.
    pub(crate) reports: PathBuf,
    /// Where questions are kept, if somebody wants that.
    pub(crate) history: Option<History>,
    /// Who finds more of what could tell who asked, if anybody does.
    pub(crate) identifiers: Option<Identifiers>,
}

impl Outside {
    /// Keeps questions in `history`, if that is wanted.
    pub(crate) fn new(reports: PathBuf, history: Option<PathBuf>, identifiers: Option<Identifiers>) -> Self {
        Self { reports, history: history.map(History::at), identifiers }
    }
}

impl House for Outside {
    fn write(&self, paper: &Paper) -> Result<String, Refusal> {
        let path = match paper.kind {
            PaperKind::Pins => write_new(Path::new("."), "clinqa-pins", paper)?,
            PaperKind::Report => append(&self.reports, paper)?,
        };
        Ok(path.display().to_string())
    }

    fn identifiers(&self, text: &str) -> Result<Vec<Redaction>, Refusal> {
        let told = |error| format!("nothing is written, since it cannot be told who asked: {error}");
        Ok(self.identifiers.as_ref().map_or(Ok(Vec::new()), |tagger| tagger.find(text)).map_err(told)?)
    }

    fn copy(&self, text: &str) -> bool {
        clipboard_programs().into_iter().any(|(program, args)| feed(program, args, text))
    }

    fn browse(&self, url: &str) -> Result<(), Refusal> {
        let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let seen = cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
        if !seen {
            return Err(format!("there is no browser on this terminal; the address is {url}").into());
        }
        Command::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(())
    }

    fn history(&self) -> Result<Vec<String>, Refusal> {
        let told = |error| format!("cannot read the history of questions: {error}");
        Ok(self.history.as_ref().map_or(Ok(Vec::new()), History::read).map_err(told)?)
    }

    fn remember(&self, question: &str) -> Result<(), Refusal> {
        let told = |error| format!("cannot keep the question in the history: {error}");
        Ok(self.history.as_ref().map_or(Ok(()), |history| history.add(question)).map_err(told)?)
    }
}

/// Writes a file that was not there; none is ever written over.
fn write_new(folder: &Path, stem: &str, paper: &Paper) -> io::Result<PathBuf> {
    for number in 1..=MOST_FILES {
        let path = folder.join(format!("{stem}-{number}.{}", paper.ending));
        match File::create_new(&path) {
            Ok(mut file) => {
                file.write_all(paper.text.as_bytes())?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())));
            }
        }
    }
    Err(io::Error::other("there are ten thousand of these files here; move some away"))
}

/// Adds to the librarian's reports, which nobody else may read.
fn append(folder: &Path, paper: &Paper) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(REPORTS);
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path)?.write_all(paper.text.as_bytes())?;
    Ok(path)
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| value != OsStr::new(""))
}

/// Programs that may reach the clipboard here, the likeliest first.
fn clipboard_programs() -> Vec<(&'static str, &'static [&'static str])> {
    let mut programs: Vec<(&'static str, &'static [&'static str])> = Vec::new();
    if is_set("WAYLAND_DISPLAY") {
        programs.push(("wl-copy", &[]));
    }
    if is_set("DISPLAY") {
        programs.push(("xclip", &["-selection", "clipboard"]));
    }
    if cfg!(target_os = "macos") {
        programs.push(("pbcopy", &[]));
    }
    programs
}

/// Hands text to a program on its standard input; whether it took it.
fn feed(program: &str, args: &[&str], text: &str) -> bool {
    let started =
        Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = started else { return false };
    let written = child.stdin.take().is_some_and(|mut stdin| stdin.write_all(text.as_bytes()).is_ok());
    written && child.wait().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let paper = |text: &str| Paper { kind: PaperKind::Pins, ending: "md", text: text.to_owned() };
        let first = write_new(folder.path(), "pins", &paper("one")).expect("written");
        let second = write_new(folder.path(), "pins", &paper("two")).expect("written");
        assert_ne!(first, second);
        assert_eq!(fs::read_to_string(first).expect("there"), "one");
    }
}
