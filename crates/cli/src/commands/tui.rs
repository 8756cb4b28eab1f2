//! `clinqa tui`: the terminal screen.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use clinqa_index::Store;
use clinqa_qa::{AnswerConfig, Models, Search};
use clinqa_safety::Rules;
use clinqa_schema::Observer;
use clinqa_tui::{Borders, Charset, Colours, Ending, House, Keymap, Paper, PaperKind, Refusal, Theme, TuiConfig};

use super::{UsageError, rebuild};
use crate::args::TuiArgs;
use crate::models;
use crate::settings::Settings;

/// Exit code where a signal or a lost terminal ended the session: 128 and the number of SIGTERM.
const ENDED: u8 = 143;

/// Reports of wrong answers, one JSON object a line, in the index folder.
const REPORTS: &str = "reports.jsonl";

/// Files of one name before it is given up.
const MOST_FILES: u32 = 10_000;

pub(crate) fn run(settings: &Settings, args: &TuiArgs) -> anyhow::Result<ExitCode> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(UsageError::NoTerminal.into());
    }
    let config = TuiConfig {
        store: Store::at(&settings.index),
        theme: theme(),
        keymap: Keymap::with(&settings.keys).map_err(UsageError::from)?,
        region: args.region,
        answering: AnswerConfig::default(),
    };
    let ending = clinqa_tui::run(config, Arc::new(Outside { settings: settings.clone() }))?;
    Ok(if ending == Ending::Quit { ExitCode::SUCCESS } else { ExitCode::from(ENDED) })
}

/// What the terminal can do, as far as the environment says.
fn theme() -> Theme {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    // The first of these that is set decides, as in POSIX.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
    theme_of(&Surroundings {
        utf8: locale.contains("utf-8") || locale.contains("utf8"),
        terminal: &set("TERM").unwrap_or_default(),
        colours: &set("COLORTERM").unwrap_or_default(),
        no_colour: set("NO_COLOR").is_some(),
    })
}

/// What the environment says about the terminal.
#[derive(Debug, Clone, Copy)]
struct Surroundings<'a> {
    utf8: bool,
    terminal: &'a str,
    colours: &'a str,
    no_colour: bool,
}

fn theme_of(around: &Surroundings<'_>) -> Theme {
    let Surroundings { utf8, terminal, colours, no_colour } = *around;
    let plain = matches!(terminal, "dumb" | "");
    let exact = matches!(colours, "truecolor" | "24bit");
    Theme {
        colours: match (no_colour || plain, exact) {
            (true, _) => Colours::None,
            (false, true) => Colours::True,
            (false, false) => Colours::Sixteen,
        },
        borders: if plain || terminal == "linux" || !utf8 { Borders::Ascii } else { Borders::Lines },
        charset: if utf8 { Charset::Utf8 } else { Charset::Ascii },
    }
}

/// The world outside of the screen.
struct Outside {
    settings: Settings,
}

impl House for Outside {
    fn models(&self) -> Result<Models, Refusal> {
        Ok(models::open(&self.settings, Search::Fused, Rules::embedded()?)?)
    }

    fn makes_missing_index(&self) -> bool {
        !self.settings.index_named
    }

    fn rebuild(&self, observer: &mut dyn Observer) -> Result<String, Refusal> {
        let store = Store::at(&self.settings.index);
        let vectors = rebuild::Vectors::With;
        let first = !store.ever_published();
        let demand = if first { rebuild::Demand::Publish(vectors) } else { rebuild::Demand::Checks(vectors) };
        let report =
            rebuild::make_telling(&self.settings, &store, rebuild::Order::of(&self.settings, demand), observer)?;
        Ok(rebuild::summary(&report))
    }

    fn write(&self, paper: &Paper) -> Result<String, Refusal> {
        let path = match paper.kind {
            PaperKind::Pins => write_new(Path::new("."), "clinqa-pins", paper)?,
            PaperKind::Report => append(&self.settings.index, paper)?,
        };
        Ok(path.display().to_string())
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
fn append(index: &Path, paper: &Paper) -> io::Result<PathBuf> {
    fs::create_dir_all(index)?;
    let path = index.join(REPORTS);
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
    fn the_environment_decides_what_the_terminal_can_show() {
        let check = |utf8, terminal: &str, colours: &str, no_colour, expected: (Colours, Borders, Charset)| {
            let theme = theme_of(&Surroundings { utf8, terminal, colours, no_colour });
            assert_eq!((theme.colours, theme.borders, theme.charset), expected, "{terminal} {colours}");
        };
        check(true, "xterm-256color", "truecolor", false, (Colours::True, Borders::Lines, Charset::Utf8));
        check(true, "xterm", "", false, (Colours::Sixteen, Borders::Lines, Charset::Utf8));
        check(true, "xterm", "24bit", true, (Colours::None, Borders::Lines, Charset::Utf8));
        check(true, "linux", "", false, (Colours::Sixteen, Borders::Ascii, Charset::Utf8));
        check(false, "xterm", "", false, (Colours::Sixteen, Borders::Ascii, Charset::Ascii));
        check(true, "dumb", "", false, (Colours::None, Borders::Ascii, Charset::Utf8));
    }

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
