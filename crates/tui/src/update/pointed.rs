//! What the mouse does: a click chooses what is under it, a click on what is chosen opens it, the wheel moves.

use ratatui::layout::{Position, Rect};

use crate::key::Key;
use crate::keymap::Action;
use crate::message::{Effect, Mouse};
use crate::state::choosing::conditions;
use crate::state::layout::{self, BOX, boxed, panes, parts, row_height};
use crate::state::librarian::Tab;
use crate::state::reading::{Shown, Side};
use crate::state::{Overlay, Pane, Screen, State};
use crate::update::{act, overlay};

/// Steps of one turn of the wheel.
const STEPS: usize = 3;

/// Takes what was done with the mouse.
pub(super) fn pointed(state: &mut State, mouse: Mouse) -> Vec<Effect> {
    match mouse {
        Mouse::WheelDown => wheel(state, Action::Down),
        Mouse::WheelUp => wheel(state, Action::Up),
        Mouse::Click(x, y) => {
            state.note = None;
            clicked(state, Position { x, y })
        }
    }
}

fn wheel(state: &mut State, action: Action) -> Vec<Effect> {
    // In the question the arrows have another meaning: the wheel moves the list below it.
    if state.overlay.is_none() && state.screen == Screen::Search && state.pane == Pane::Question {
        state.pane = Pane::List;
    }
    let mut effects = Vec::new();
    for _ in 0..STEPS {
        effects.extend(done(state, action));
        layout::settle(state);
    }
    effects
}

/// An action, wherever keys would go.
fn done(state: &mut State, action: Action) -> Vec<Effect> {
    match state.overlay.take() {
        Some(open) => overlay::pressed(state, open, Key::Down, Some(action)),
        None => act(state, action),
    }
}

fn clicked(state: &mut State, at: Position) -> Vec<Effect> {
    if let Some(open) = state.overlay.clone() {
        return clicked_in_front(state, &open, at);
    }
    match state.screen {
        Screen::Search => clicked_search(state, at),
        Screen::Worklist => {
            let body = parts(state).body;
            let Some(place) = row_at(body, row_height(body), state.pin_list.top, at) else { return Vec::new() };
            let again = place == state.pin_list.chosen;
            state.pin_list.chosen = place;
            if again { act(state, Action::Accept) } else { Vec::new() }
        }
        Screen::Document => {
            let (contents, _) = layout::document(state);
            let Some(open) = state.open.as_mut().filter(|_| contents.contains(at)) else { return Vec::new() };
            let Some(place) = row_at(contents, 1, open.contents.list.top, at) else { return Vec::new() };
            open.contents.shown = Shown::Focused;
            open.contents.list.chosen = place.min(open.page.headings.len().saturating_sub(1));
            act(state, Action::Accept)
        }
        Screen::Comparison => {
            let (left, _) = layout::sides(state);
            if let Some(comparison) = &mut state.comparison {
                comparison.side = if left.contains(at) { Side::Left } else { Side::Right };
            }
            Vec::new()
        }
        Screen::Librarian => clicked_librarian(state, at),
    }
}

fn clicked_search(state: &mut State, at: Position) -> Vec<Effect> {
    let panes = panes(state);
    if parts(state).line.contains(at) {
        state.pane = Pane::Question;
    } else if panes.answer.contains(at) {
        state.pane = Pane::Answer;
    } else if panes.preview.contains(at) {
        state.pane = Pane::Preview;
    } else if panes.list.contains(at) {
        let before = (state.pane, state.list.chosen);
        state.pane = Pane::List;
        let Some(place) = row_at(panes.list, row_height(panes.list), state.list.top, at) else { return Vec::new() };
        if place >= state.rows().len() {
            return Vec::new();
        }
        state.list.chosen = place;
        super::search::show_mark(state);
        if before == (Pane::List, place) {
            return act(state, Action::Accept);
        }
    }
    Vec::new()
}

fn clicked_librarian(state: &mut State, at: Position) -> Vec<Effect> {
    let line = parts(state).line;
    if line.contains(at) {
        // One column before the tabs, and brackets or blanks around each name.
        let mut left = line.x + 1;
        for tab in Tab::ALL {
            let right = left + tab.name().len() as u16 + 2;
            if (left..right).contains(&at.x) {
                (state.librarian.tab, state.librarian.top) = (tab, 0);
            }
            left = right;
        }
    } else if state.librarian.tab == Tab::Generations
        && let Some(place) = row_at(layout::librarian(state).0, 1, state.librarian.list.top, at)
        && place < state.librarian.shelf.len()
    {
        (state.librarian.list.chosen, state.librarian.top) = (place, 0);
    }
    Vec::new()
}

fn clicked_in_front(state: &mut State, open: &Overlay, at: Position) -> Vec<Effect> {
    let area = match open {
        Overlay::Menu(menu) => layout::menu(state, menu),
        Overlay::Filters(_) => boxed(state, BOX, conditions(state).len() as u16 + 2),
        Overlay::Help(_) | Overlay::Why(_) => boxed(state, BOX, u16::MAX),
    };
    if !area.contains(at) {
        state.overlay = None;
        return Vec::new();
    }
    let Some(place) = row_at(Rect { height: area.height.saturating_sub(1), ..area }, 1, 0, at) else {
        return Vec::new();
    };
    match open.clone() {
        Overlay::Menu(mut menu) => {
            menu.chosen = place.min(menu.items().len() - 1);
            overlay::pressed(state, Overlay::Menu(menu), Key::Enter, Some(Action::Accept))
        }
        Overlay::Filters(mut filters) => {
            let place = place + filters.list.top;
            let again = place == filters.list.chosen;
            filters.list.chosen = place.min(conditions(state).len().saturating_sub(1));
            let open = Overlay::Filters(filters);
            if again {
                return overlay::pressed(state, open, Key::Enter, Some(Action::Accept));
            }
            state.overlay = Some(open);
            Vec::new()
        }
        Overlay::Help(_) | Overlay::Why(_) => Vec::new(),
    }
}

/// Which row of a list is under the mouse; the first line of its area is its title.
fn row_at(area: Rect, height: usize, top: usize, at: Position) -> Option<usize> {
    let line = at.y.checked_sub(area.y + 1)?;
    (area.contains(at) && area.height > 1).then_some(top + usize::from(line) / height.max(1))
}
