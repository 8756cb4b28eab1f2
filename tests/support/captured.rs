//! What does a program send to a terminal, byte by byte, and was it allowed to?

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Project;
use super::terminal::PATIENCE;

/// The end of a frame.
const FRAME: &str = "\u{1b}[?2026l";

/// Letters that a message shows.
const SHOWN: usize = 2_000;

/// The binary in a pty of its own, whose bytes are kept until they are looked at.
pub(crate) struct Captured {
    child: Child,
    keys: ChildStdin,
    sent: Arc<Sent>,
}

#[derive(Default)]
struct Sent {
    bytes: Mutex<Vec<u8>>,
    more: Condvar,
}

impl Captured {
    /// `clinqa tui` with more arguments in a pty of this size, made by `script` of util-linux.
    pub(crate) fn start(project: &Project, (columns, rows): (u16, u16), args: &str) -> Self {
        let line = format!("stty rows {rows} cols {columns}; '{}' tui {args}", env!("CARGO_BIN_EXE_clinqa"));
        let mut script = Command::new("script");
        script.args(["-qefc", &line, "/dev/null"]).current_dir(project.path("")).env_clear();
        script.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        script.env("HOME", project.path("")).env("LANG", "C.UTF-8").env("TERM", "xterm-256color").env("SHELL", "sh");
        let script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = script.spawn().expect("script starts");
        let keys = child.stdin.take().expect("a pipe");
        let mut out = child.stdout.take().expect("a pipe");
        let sent = Arc::new(Sent::default());
        let kept = Arc::clone(&sent);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = out.read(&mut buffer) {
                kept.bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..read]);
                kept.more.notify_all();
            }
        });
        Self { child, keys, sent }
    }

    /// Presses keys, as a terminal sends them.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("pressed");
    }

    /// Waits for a text, blanks aside, and takes all until then.
    #[track_caller]
    pub(crate) fn take_until(&mut self, text: &str) -> Vec<u8> {
        let wanted = text.replace(' ', "");
        let taken = self.take(PATIENCE, |bytes| words(bytes).contains(&wanted));
        taken.unwrap_or_else(|| panic!("waited for {text}:\n{}", self.so_far()))
    }

    /// Takes whole frames that hold `mark`, if they come within a while.
    pub(crate) fn take_within(&mut self, patience: Duration, mark: &[u8]) -> Option<Vec<u8>> {
        self.take(patience, |bytes| bytes.windows(mark.len()).any(|window| window == mark))
    }

    /// The end of what was sent and not taken.
    pub(crate) fn so_far(&self) -> String {
        let text = words(&self.sent.bytes.lock().unwrap_or_else(PoisonError::into_inner));
        let surplus = text.chars().count().saturating_sub(SHOWN);
        text.chars().skip(surplus).collect()
    }

    fn take(&mut self, patience: Duration, holds: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let start = Instant::now();
        let mut bytes = self.sent.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let end = bytes.windows(FRAME.len()).rposition(|window| window == FRAME.as_bytes());
            let whole = end.map_or(0, |end| end + FRAME.len());
            if holds(&bytes[..whole]) {
                return Some(bytes.drain(..whole).collect());
            }
            let left = patience.saturating_sub(start.elapsed());
            if left.is_zero() {
                return None;
            }
            bytes = self.sent.more.wait_timeout(bytes, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until it has ended; says how, and takes what is left.
    pub(crate) fn ended(self) -> (ExitStatus, Vec<u8>) {
        let Self { mut child, keys, sent } = self;
        let status = child.wait().expect("it ends");
        drop(keys);
        let left = sent.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (status, left)
    }
}

/// What was written, without escapes and blanks: a frame draws only what changed, and a blank seldom does.
pub(crate) fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut rest: &str = &text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        let body = &rest[at + 1..];
        rest = body.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &body[end + 1..]);
    }
    (out + rest).replace(' ', "")
}

/// Whether a terminal was sent text that can be seen, and no escape but those that we mean.
pub(crate) fn only_allowed(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut rest = text;
    while let Some(at) = rest.find(steers) {
        rest = &rest[at..];
        let Some(body) = rest.strip_prefix('\u{1b}') else {
            if rest.starts_with(['\r', '\n']) {
                rest = &rest[1..];
                continue;
            }
            return Err(format!("{:?}", rest.chars().next()));
        };
        let fixed =
            ["[?1049h", "[?1049l", "[?2004h", "[?2004l", "[?2026h", "[?2026l", "[?25h", "[?25l", "[J", "7", "8"];
        if let Some(known) = fixed.iter().find(|known| body.starts_with(**known)) {
            rest = &body[known.len()..];
            continue;
        }
        let end = body.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        let plain = body
            .strip_prefix('[')
            .is_some_and(|body| body[..end.saturating_sub(1)].chars().all(|c| c.is_ascii_digit() || c == ';'));
        if !(plain && ["H", "m", "J"].contains(&&body[end..=end])) {
            return Err(body.chars().take(12).collect());
        }
        rest = &body[end + 1..];
    }
    Ok(())
}

/// What a terminal obeys, and what hides text from its reader or turns it around.
fn steers(c: char) -> bool {
    let turns = ('\u{200b}'..='\u{200f}').contains(&c) || ('\u{202a}'..='\u{202e}').contains(&c);
    let hides = ('\u{2060}'..='\u{206f}').contains(&c) || ('\u{e0000}'..='\u{e007f}').contains(&c) || c == '\u{feff}';
    c.is_control() || turns || hides
}
