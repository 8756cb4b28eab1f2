//! How is the terminal taken, drawn on, and given back whatever happens?
//!
//! While the screen is ours, standard output and standard error are a pipe: a library that prints cannot soil it, and what
//! it printed is shown to the librarian. The terminal is written through a descriptor of its own.

use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::message::Message;
use crate::run::Pointer;
use crate::state::State;
use crate::text::{Charset, clean};
use crate::view;

/// Bytes of the longest text that is sent to a clipboard; terminals drop longer ones, some of them loudly.
const LONGEST_COPY: usize = 50_000;

/// Bytes of the longest line that is told as one.
const LONGEST_LINE: u64 = 8 << 10;

/// Where frames go.
pub(crate) trait Screen {
    /// Draws a state.
    fn draw(&mut self, state: &State) -> io::Result<()>;
    /// Takes the terminal anew and draws everything with the next frame; says how large it is.
    fn renew(&mut self) -> io::Result<(u16, u16)>;
    /// Gives the terminal back, stops this process until it is continued.
    fn suspend(&mut self) -> io::Result<()>;
    /// Puts text on the clipboard of whoever looks at the terminal.
    fn copy(&mut self, text: &str) -> io::Result<()>;
    /// Fails if nobody is there any more.
    fn probe(&mut self) -> io::Result<()>;
}

/// A descriptor that bytes go to.
pub(crate) struct Door(OwnedFd);

impl Write for Door {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Backend = CrosstermBackend<BufWriter<Door>>;

/// The terminal of this process.
pub(crate) struct Tty {
    terminal: Terminal<Backend>,
    size: (u16, u16),
    pointer: Pointer,
    taken: Arc<Mutex<Option<Streams>>>,
}

/// The streams as they were.
struct Streams {
    stdout: OwnedFd,
    stderr: OwnedFd,
    pointer: Pointer,
}

impl Tty {
    /// Takes the terminal; `out` is told what is printed meanwhile.
    pub(crate) fn take(size: (u16, u16), pointer: Pointer, out: Sender<Message>) -> io::Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        let door = BufWriter::new(Door(stdout.try_clone()?));
        let terminal = Terminal::with_options(CrosstermBackend::new(door), fixed(size))?;
        let (reader, writer) = io::pipe()?;
        let taken = Arc::new(Mutex::new(Some(Streams { stdout, stderr, pointer })));
        restore_on_panic(&taken, std::thread::current().id());
        let mut tty = Self { terminal, size, pointer, taken };
        tty.enter()?;
        rustix::stdio::dup2_stdout(&writer)?;
        rustix::stdio::dup2_stderr(&writer)?;
        std::thread::spawn(move || {
            // Read on even where nobody listens: whoever prints into a full pipe stands still.
            listen(BufReader::new(reader), |line| drop(out.send(Message::Printed(clean(line, Charset::Utf8)))));
        });
        Ok(tty)
    }

    fn enter(&mut self) -> io::Result<()> {
        // A shell may have changed the mode behind our back.
        let _ = disable_raw_mode();
        enable_raw_mode()?;
        let door = self.terminal.backend_mut();
        execute!(door, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        if self.pointer == Pointer::Screen {
            execute!(door, EnableMouseCapture)?;
        }
        // Not `clear`, which asks the terminal where its cursor is and would wait for keys to answer.
        self.terminal.resize(Rect::new(0, 0, self.size.0, self.size.1))
    }

    fn leave(&mut self) -> io::Result<()> {
        if self.pointer == Pointer::Screen {
            execute!(self.terminal.backend_mut(), DisableMouseCapture)?;
        }
        leave(self.terminal.backend_mut())?;
        disable_raw_mode()
    }
}

impl Screen for Tty {
    fn draw(&mut self, state: &State) -> io::Result<()> {
        if self.size != (state.width, state.height) {
            self.size = (state.width, state.height);
            self.terminal.resize(Rect::new(0, 0, state.width, state.height))?;
        }
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| view::draw(state, frame))?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.terminal.backend_mut())
    }

    fn renew(&mut self) -> io::Result<(u16, u16)> {
        self.enter()?;
        crossterm::terminal::size()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.leave()?;
        signal_hook::low_level::raise(signal_hook::consts::SIGSTOP)
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST_COPY).last().unwrap_or(0);
        let text = if text.len() > LONGEST_COPY { &text[..end] } else { text };
        execute!(self.terminal.backend_mut(), CopyToClipboard::to_clipboard_from(text))
    }

    fn probe(&mut self) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), cursor::SavePosition, cursor::RestorePosition)
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        restore(&self.taken);
    }
}

/// Tells each line of what is printed until nobody can print any more. A library may print anything: what is no UTF-8
/// is told as such, what is longer than a line in several.
fn listen(mut printed: impl BufRead, mut tell: impl FnMut(&str)) {
    let mut line = Vec::new();
    while printed.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        tell(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

fn fixed((width, height): (u16, u16)) -> TerminalOptions {
    TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, width, height)) }
}

fn leave(door: &mut impl Write) -> io::Result<()> {
    execute!(door, EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show)
}

/// Gives the terminal and the streams back, once. A terminal that is gone cannot be restored, and need not be.
fn restore(taken: &Mutex<Option<Streams>>) {
    let Some(streams) = taken.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    if let Ok(stdout) = streams.stdout.try_clone() {
        let mut door = Door(stdout);
        if streams.pointer == Pointer::Screen {
            let _ = execute!(door, DisableMouseCapture);
        }
        let _ = leave(&mut door);
    }
    let _ = disable_raw_mode();
    let _ = rustix::stdio::dup2_stdout(&streams.stdout);
    let _ = rustix::stdio::dup2_stderr(&streams.stderr);
}

/// A panic of the thread that draws is told on a terminal that is itself again. One of a worker is told by its crew.
fn restore_on_panic(taken: &Arc<Mutex<Option<Streams>>>, ours: ThreadId) {
    let before = std::panic::take_hook();
    let taken = Arc::clone(taken);
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == ours {
            restore(&taken);
        }
        before(panic);
    }));
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn whatever_is_printed_is_told_to_its_end() {
        let mut told = Vec::new();
        listen(&b"one\r\n\xff\xfe two\n\nlast"[..], |line| told.push(line.to_owned()));
        assert_eq!(told, ["one", "\u{fffd}\u{fffd} two", "", "last"]);
        let long = vec![b'a'; 3 * LONGEST_LINE as usize];
        let mut lengths = Vec::new();
        listen(&long[..], |line| lengths.push(line.len() as u64));
        assert_eq!(lengths, [LONGEST_LINE; 3]);
    }

    #[test]
    #[ignore = "needs a terminal of its own, which the test below gives it"]
    fn a_screen_that_prints_and_panics() {
        let (out, _inbox) = channel();
        let _tty = Tty::take((80, 24), Pointer::Screen, out).expect("a terminal");
        let _ = writeln!(io::stdout(), "printed by a library");
        let _ = writeln!(io::stderr(), "printed by a library");
        panic!("on purpose");
    }

    #[test]
    fn a_panic_is_told_on_a_terminal_that_is_itself_again() {
        let binary = std::env::current_exe().expect("this binary");
        let name = "screen::tests::a_screen_that_prints_and_panics";
        let command = format!("'{}' --ignored --exact {name} --nocapture --test-threads=1; stty -a", binary.display());
        let mut script = Command::new("script");
        let ran = script.args(["-qec", &command, "/dev/null"]).env("SHELL", "sh").stdin(Stdio::null()).output();
        let Ok(ran) = ran else {
            let _ = writeln!(io::stderr(), "skipped: `script` is not here: a panic is NOT tested in a terminal");
            return;
        };
        let text = String::from_utf8_lossy(&ran.stdout);
        let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("no {wanted:?} in {text}"));
        assert!(at("\u{1b}[?1049h") < at("\u{1b}[?1049l") && at("\u{1b}[?1049l") < at("on purpose"), "{text}");
        assert!(at("\u{1b}[?25h") < at("on purpose"), "{text}");
        assert!(!text.contains("printed by a library"), "{text}");
        let flags: Vec<&str> = text.split_whitespace().collect();
        for flag in ["icanon", "echo", "isig", "opost"] {
            assert!(flags.contains(&flag), "no {flag} in {text}");
        }
    }
}
