//! What does a message change, and what is to be done outside (pure)?
//!
//! [`update`] takes a state and a message and gives the next state with its effects. It touches nothing else: a session is
//! a fold over its messages, and tests replay it without a terminal.

mod arrived;
mod document;
mod librarian;
mod overlay;
mod pointed;
mod question;
mod search;

use crate::key::Key;
use crate::keymap::Action;
use crate::message::{Effect, Message};
use crate::state::reading::Typing;
use crate::state::{Overlay, Pane, Screen, State, layout};

/// The next state, and what is to be done.
pub(crate) fn update(mut state: State, message: Message) -> (State, Vec<Effect>) {
    let mut effects = match message {
        Message::Key(key) => pressed(&mut state, key),
        Message::Mouse(mouse) => pointed::pointed(&mut state, mouse),
        Message::Paste(text) => pasted(&mut state, &text),
        Message::Resized(width, height) => {
            (state.width, state.height) = (width, height);
            Vec::new()
        }
        Message::Stopped => vec![Effect::Suspend],
        Message::Resumed => vec![Effect::Redraw],
        Message::Ended => vec![Effect::Quit],
        other => arrived::arrived(&mut state, other),
    };
    layout::settle(&mut state);
    if state.screen == Screen::Librarian {
        effects.extend(state.librarian.compare_next().map(Effect::Compare));
    }
    (state, effects)
}

fn pressed(state: &mut State, key: Key) -> Vec<Effect> {
    state.note = None;
    let action = state.keymap.action(key);
    // Whatever has the keys: these always mean the same.
    match action {
        Some(Action::Interrupt) => return vec![Effect::Quit],
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::Redraw) => return vec![Effect::Redraw],
        _ => {}
    }
    if action.is_none() && state.overlay.is_some() && matches!(key, Key::Alt(_)) {
        return apart(state, key);
    }
    if let Some(open) = state.overlay.take() {
        return overlay::pressed(state, open, key, action);
    }
    if state.screen == Screen::Search && state.pane == Pane::Question {
        return question::pressed(state, key, action);
    }
    if state.screen == Screen::Document && state.open.as_ref().is_some_and(|open| open.find.typing == Typing::Yes) {
        return document::typed(state, key);
    }
    let Some(action) = action else { return apart(state, key) };
    act(state, action)
}

/// An action outside the question, on the screen that is shown.
fn act(state: &mut State, action: Action) -> Vec<Effect> {
    if let Some(effects) = everywhere(state, action) {
        return effects;
    }
    match state.screen {
        Screen::Search => search::acted(state, action),
        Screen::Worklist => search::acted_on_worklist(state, action),
        Screen::Document => document::acted(state, action),
        Screen::Comparison => document::acted_on_comparison(state, action),
        Screen::Librarian => librarian::acted(state, action),
    }
}

/// `Esc` and a letter that came in one packet look like one key with Alt. Where that key means nothing, they are two.
fn apart(state: &mut State, key: Key) -> Vec<Effect> {
    let Key::Alt(c) = key else { return Vec::new() };
    let mut effects = pressed(state, Key::Esc);
    effects.extend(pressed(state, Key::Char(c)));
    effects
}

/// What means the same on every screen.
fn everywhere(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    match action {
        Action::Quit => Some(vec![Effect::Quit]),
        Action::Help => {
            state.overlay = Some(Overlay::Help(0));
            Some(Vec::new())
        }
        Action::Librarian => {
            state.screen = Screen::Librarian;
            Some(vec![Effect::Shelf])
        }
        Action::Worklist => {
            state.screen = if state.screen == Screen::Worklist { Screen::Search } else { Screen::Worklist };
            Some(Vec::new())
        }
        Action::Export => {
            overlay::export(state);
            Some(Vec::new())
        }
        _ => None,
    }
}

fn pasted(state: &mut State, text: &str) -> Vec<Effect> {
    if state.overlay.is_some() {
        return Vec::new();
    }
    match (state.screen, &mut state.open) {
        (Screen::Search, _) => {
            state.pane = Pane::Question;
            state.line.insert(text);
            question::changed(state)
        }
        (Screen::Document, Some(open)) if open.find.typing == Typing::Yes => {
            open.find.line.insert(text);
            open.look();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// How far a key moves.
pub(crate) fn moved(place: usize, action: Action, page: usize) -> Option<usize> {
    let half = (page / 2).max(1);
    match action {
        Action::Down => Some(place.saturating_add(1)),
        Action::Up => Some(place.saturating_sub(1)),
        Action::First => Some(0),
        Action::Last => Some(usize::MAX),
        Action::HalfDown => Some(place.saturating_add(half)),
        Action::HalfUp => Some(place.saturating_sub(half)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
