//! How does a session run, from the first frame to the last?

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use clinqa_qa::Region;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

use crate::desk::Desk;
use crate::house::House;
use crate::key::Key;
use crate::keymap::Keymap;
use crate::message::{Effect, Message, Mouse};
use crate::screen::{Screen, Tty};
use crate::state::State;
use crate::theme::Theme;
use crate::update::update;
use crate::worker::{Crew, Shared};

/// How often it is asked whether the terminal is still there.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// Messages that are taken in before a frame is drawn.
const MOST_AT_ONCE: usize = 256;

/// How the screen is to be.
#[derive(Debug, Clone)]
pub struct TuiConfig {
    /// What the terminal can do.
    pub theme: Theme,
    /// Which key does what.
    pub keymap: Keymap,
    /// Whose emergency number is named.
    pub region: Option<Region>,
    /// Whether the mouse is ours.
    pub pointer: Pointer,
}

/// Whose the mouse is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointer {
    /// The terminal's own: text is selected and scrolled as everywhere else.
    Terminal,
    /// Ours: a click chooses, the wheel scrolls.
    Screen,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Somebody quit.
    Quit,
    /// A signal, or the terminal is gone.
    Ended,
}

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal could not be taken.
    #[error("cannot use the terminal: {source}; `clinqa ask` and `clinqa search` need none")]
    Terminal {
        /// Why.
        source: io::Error,
    },
}

/// Shows the screen until somebody quits or the terminal is gone; the terminal is itself again when this returns.
pub fn run(config: TuiConfig, desk: Arc<dyn Desk>, house: Arc<dyn House>) -> Result<Ending, TuiError> {
    let failed = |source| TuiError::Terminal { source };
    let (out, inbox) = channel();
    let size = crossterm::terminal::size().map_err(failed)?;
    listen_to_signals(out.clone()).map_err(failed)?;
    let mut screen = Tty::take(size, config.pointer, out.clone()).map_err(failed)?;
    let state = State { place: desk.place(), pointer: config.pointer, ..State::new(size, config.theme, config.keymap) };
    // The first frame stands before anything is opened.
    screen.draw(&state).map_err(failed)?;
    listen_to_keys(out.clone());
    let shared = Shared::new((desk, house), config.region, out);
    let crew = Crew::start(&Arc::new(shared));
    // A terminal that fails half-way is a terminal that is gone.
    Ok(session(&mut screen, &inbox, &crew, state).unwrap_or(Ending::Ended))
}

/// Takes in what happens, draws what follows from it.
fn session(screen: &mut impl Screen, inbox: &Receiver<Message>, crew: &Crew, mut state: State) -> io::Result<Ending> {
    loop {
        let first = match inbox.recv_timeout(PROBE_EVERY) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => {
                screen.probe()?;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(Ending::Ended),
        };
        let batch: Vec<Message> = std::iter::once(first).chain(inbox.try_iter().take(MOST_AT_ONCE)).collect();
        for message in batch {
            let ended = matches!(message, Message::Ended);
            let (next, effects) = update(state, message);
            state = next;
            for effect in effects {
                match effect {
                    Effect::Quit => return Ok(if ended { Ending::Ended } else { Ending::Quit }),
                    Effect::Suspend => {
                        screen.suspend()?;
                        state = resumed(screen, state)?;
                    }
                    Effect::Redraw => state = resumed(screen, state)?,
                    Effect::Copy(text) => {
                        screen.copy(&text)?;
                        crew.take(Effect::Copy(text));
                    }
                    other => crew.take(other),
                }
            }
        }
        screen.draw(&state)?;
    }
}

fn resumed(screen: &mut impl Screen, state: State) -> io::Result<State> {
    let (width, height) = screen.renew()?;
    Ok(update(state, Message::Resized(width, height)).0)
}

fn listen_to_keys(out: Sender<Message>) {
    std::thread::spawn(move || {
        loop {
            let message = match crossterm::event::read() {
                Ok(Event::Key(event)) => key(event).map(Message::Key),
                Ok(Event::Mouse(event)) => mouse(event).map(Message::Mouse),
                Ok(Event::Paste(text)) => Some(Message::Paste(text)),
                Ok(Event::Resize(width, height)) => Some(Message::Resized(width, height)),
                Ok(_) => None,
                Err(_) => Some(Message::Ended),
            };
            let ended = matches!(message, Some(Message::Ended));
            let unheard = message.is_some_and(|message| out.send(message).is_err());
            if ended || unheard {
                return;
            }
        }
    });
}

fn listen_to_signals(out: Sender<Message>) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT])?;
    std::thread::spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            let message = match signal {
                SIGTSTP => Message::Stopped,
                SIGCONT => Message::Resumed,
                // Whoever asks twice is not waited for.
                _ if asked => {
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                    return;
                }
                _ => {
                    asked = true;
                    Message::Ended
                }
            };
            if out.send(message).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// What was done with the mouse, if it means something here.
fn mouse(event: MouseEvent) -> Option<Mouse> {
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Mouse::Click(event.column, event.row)),
        MouseEventKind::ScrollDown => Some(Mouse::WheelDown),
        MouseEventKind::ScrollUp => Some(Mouse::WheelUp),
        _ => None,
    }
}

/// The key of an event; none if it was only let go, or is no key of ours.
fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let alt = event.modifiers.contains(KeyModifiers::ALT);
    Some(match event.code {
        KeyCode::Char(c) if ctrl => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) if alt => Key::Alt(c),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace if alt => Key::AltBackspace,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    })
}
