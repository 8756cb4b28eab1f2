//! What does a test need to press keys in a terminal? A shell in tmux, and what its screen shows.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Project, five, skipped};

/// Longest wait for a text on the screen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A shell in a terminal of its own, by tmux.
pub(crate) struct Terminal {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) project: &'static Project,
    /// Every key that was pressed, as tmux calls it.
    pub(crate) pressed: RefCell<BTreeSet<String>>,
}

/// Whether a program is there.
pub(crate) fn is_there(program: &str) -> bool {
    let version =
        Command::new(program).arg("-V").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

impl Terminal {
    /// A terminal of this size with a shell in the project; none where tmux is missing, which is said out loud.
    pub(crate) fn open(width: u16, height: u16) -> Option<Self> {
        if !is_there("tmux") {
            skipped("tmux is not here: the terminal screen is NOT tested in a terminal");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let terminal = Self { folder, project: five(), pressed: RefCell::default() };
        let size = [width.to_string(), height.to_string()];
        terminal.tmux(&["new-session", "-d", "-x", &size[0], "-y", &size[1], "sh"]);
        // What a program copies with OSC 52 becomes a buffer of tmux.
        terminal.tmux(&["set-option", "-g", "set-clipboard", "on"]);
        terminal.type_line("PS1='ready> '; cd \"$PROJECT\"");
        terminal.wait_for_prompt();
        Some(terminal)
    }

    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        let home = self.folder.path();
        let output = Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(home.join("socket"))
            .args(args)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", home)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("PROJECT", self.project.path(""))
            .env("CLINQA", env!("CARGO_BIN_EXE_clinqa"))
            .output()
            .expect("tmux starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Types a line in the shell.
    pub(crate) fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// Presses keys as tmux calls them.
    pub(crate) fn press(&self, keys: &[&str]) {
        for key in keys {
            self.tmux(&["send-keys", key]);
            self.pressed.borrow_mut().insert((*key).to_owned());
            // What follows an escape at once is taken for one key with Alt.
            std::thread::sleep(Duration::from_millis(if *key == "Escape" { 100 } else { 0 }));
        }
    }

    pub(crate) fn type_text(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Waits until the screen shows the text, and returns the screen.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Waits until the screen does not show the text any more.
    #[track_caller]
    pub(crate) fn wait_until_gone(&self, text: &str) -> String {
        self.wait(text, |screen| !screen.contains(text))
    }

    /// Waits until the shell asks for a line, and returns the screen, from which tmux leaves out blanks at ends of lines.
    #[track_caller]
    pub(crate) fn wait_for_prompt(&self) -> String {
        // What was typed before the shell was up has its echo above, and two prompts share a line.
        self.wait(" a prompt at the end", |screen| screen.trim_end().ends_with("ready>"))
    }

    /// Empties the screen. What is typed next waits for it, or its echo would be wiped too.
    #[track_caller]
    pub(crate) fn clear(&self) {
        self.type_line("clear");
        self.wait(" a prompt alone", |screen| screen.trim_end() == "ready>");
    }

    #[track_caller]
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(start.elapsed() < PATIENCE, "waited for `{what}`:\n{screen}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Starts the screen with more to say to it; its process is left in a file.
    pub(crate) fn start(&self, args: &str) {
        self.type_line(&format!("sh -c 'echo $$ > \"$HOME/pid\"; exec \"$CLINQA\" tui {args}'; echo ended with $?"));
        self.wait_for("type a question");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).expect("a process");
        let sent = Command::new("kill").args([signal, pid.trim()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
    }

    /// The terminal is as a shell expects it: keys are shown, lines are edited, and the screen of before is back.
    #[track_caller]
    pub(crate) fn is_itself(&self) {
        let screen = self.wait_for_prompt();
        assert!(!screen.contains("Results come as you type"), "the other screen is still there:\n{screen}");
        self.type_line("stty -a");
        self.wait(" echo", |screen| {
            let words: Vec<&str> = screen.split_whitespace().collect();
            ["echo", "icanon", "isig"].iter().all(|flag| words.contains(flag))
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
