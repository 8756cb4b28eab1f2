//! How is a state drawn? Views decide nothing: the same state gives the same frame, whatever happened before.

mod document;
mod librarian;
mod overlay;
mod paint;
mod search;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::block::{Laid, lay};
use crate::content;
use crate::keymap::{Action, hint};
use crate::state::choosing::MenuKind;
use crate::state::layout::{SMALLEST, parts, text_height};
use crate::state::librarian::Tab;
use crate::state::reading::{Shown, Typing};
use crate::state::{Note, Overlay, Pane, Screen, State, Tone};
use crate::text::{columns, may_be_drawn};
use crate::theme::Role;

/// Draws everything.
pub(crate) fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = [("This window is too small; make it larger, or quit with Ctrl-c.".to_owned(), Role::Text)];
        paint::put(frame.buffer_mut(), area, &text, state.theme);
        return;
    }
    let parts = parts(state);
    banner(state, parts.banner, frame.buffer_mut());
    match state.screen {
        Screen::Search => search::draw(state, &parts, frame),
        Screen::Worklist => search::draw_worklist(state, &parts, frame),
        Screen::Document => document::draw(state, &parts, frame),
        Screen::Comparison => document::draw_comparison(state, &parts, frame),
        Screen::Librarian => librarian::draw(state, &parts, frame),
    }
    if let Some(note) = &state.note {
        tell(state, note, parts.status, frame.buffer_mut());
    }
    if let Some(open) = &state.overlay {
        overlay::draw(state, open, frame);
    }
    hints(state, parts.hints, frame.buffer_mut());
    scrub(frame.buffer_mut());
}

/// What happened, on all rows of `area`: why something was refused ends with what to do about it.
fn tell(state: &State, note: &Note, area: Rect, buffer: &mut Buffer) {
    paint::clear(buffer, area);
    let area = paint::inset(area);
    let (charset, width) = (state.theme.charset, usize::from(area.width));
    let role = if note.tone == Tone::Good { Role::Good } else { Role::Warning };
    let pieces = crate::text::wrap(&note.text, width, charset);
    for (row, y) in (area.y..area.bottom()).enumerate() {
        let from = pieces.get(row).map_or(note.text.len(), |piece| piece.start);
        // What does not fit is cut off where it can be seen, in the last row.
        let is_last = y + 1 == area.bottom();
        let to = pieces.get(row).filter(|_| !is_last).map_or(note.text.len(), |piece| piece.end);
        let text = crate::text::fit(&note.text[from..to], width, charset);
        paint::put(buffer, Rect::new(area.x, y, area.width, 1), &[(text, role)], state.theme);
    }
}

fn banner(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    buffer.set_style(area, state.theme.style(Role::Emergency));
    let charset = state.theme.charset;
    let mut lines = lay(&content::banner(state), usize::from(area.width.saturating_sub(2)), charset);
    let rows = usize::from(area.height);
    if lines.len() > rows {
        // A sentence that is cut must not read as if it ended there.
        let last: String = lines[rows - 1].iter().map(|(text, _)| text.as_str()).collect();
        let cut = format!("{last} ...");
        lines[rows - 1] =
            vec![(crate::text::fit(&cut, usize::from(area.width.saturating_sub(2)), charset), Role::Emergency)];
    }
    paint::lines(buffer, paint::inset(area), &lines, state.theme);
}

/// The line under the title: what is filtered and found.
fn status(state: &State, text: &str, area: Rect, buffer: &mut Buffer) {
    let area = paint::inset(area);
    let text = crate::text::fit(text, usize::from(area.width), state.theme.charset);
    paint::put(buffer, area, &[(text, Role::Quiet)], state.theme);
}

/// The title line of a screen that has no question.
fn title(state: &State, text: &str, area: Rect, buffer: &mut Buffer) {
    let area = paint::inset(area);
    let text = crate::text::fit(text, usize::from(area.width), state.theme.charset);
    paint::put(buffer, area, &[(text, Role::Title)], state.theme);
}

/// The title of a pane of text, and how many of its `lines` are not seen below: what is cut off must not look whole.
fn titled(state: &State, title: &str, (lines, top): (usize, usize), area: Rect) -> String {
    let charset = state.theme.charset;
    let room = usize::from(area.width).saturating_sub(5);
    let more = lines.saturating_sub(top + text_height(area));
    if more == 0 {
        return title.to_owned();
    }
    let told = [format!(" ({more} more lines)"), format!(" ({more} more)")];
    let fits = columns(title, charset) + told[0].len() <= room;
    let told = &told[usize::from(!fits)];
    crate::text::fit(title, room.saturating_sub(told.len()), charset) + told
}

/// What the keys do here. What does not fit is left out from the end; help and the way out stay.
fn hints(state: &State, area: Rect, buffer: &mut Buffer) {
    let mut hints: Vec<(String, String)> =
        hinted(state).into_iter().map(|(action, word)| (state.keymap.shown(action), word.to_owned())).collect();
    let most = usize::from(area.width.saturating_sub(1));
    let taken = |hints: &[(String, String)]| -> usize {
        hints.iter().map(|(key, word)| columns(key, state.theme.charset) + word.len() + 3).sum()
    };
    while hints.len() > 2 && taken(&hints) > most {
        hints.remove(hints.len() - 3);
    }
    let mut laid: Laid = vec![(" ".to_owned(), Role::Text)];
    for (key, word) in hints {
        laid.push((key, Role::Key));
        laid.push((format!(" {word}  "), Role::Text));
    }
    paint::put(buffer, area, &laid, state.theme);
}

/// The actions that are named here, the most useful first, help and the way out last.
fn hinted(state: &State) -> Vec<(Action, &'static str)> {
    let named = |actions: &[Action]| -> Vec<(Action, &'static str)> {
        actions.iter().map(|action| (*action, hint(*action))).collect()
    };
    let with_end = |mut hints: Vec<(Action, &'static str)>| {
        hints.extend(named(&[Action::Help, Action::Quit]));
        hints
    };
    match &state.overlay {
        Some(Overlay::Filters(_)) => {
            return vec![
                (Action::Accept, "choose"),
                (Action::NextPane, "next group"),
                (Action::Down, "down"),
                (Action::Filters, "done"),
                (Action::Back, "close"),
            ];
        }
        Some(Overlay::Menu(menu)) => {
            let word = if matches!(menu.kind, MenuKind::Export) { "write" } else { "choose" };
            return vec![(Action::Down, "down"), (Action::Accept, word), (Action::Back, "close")];
        }
        Some(_) => return vec![(Action::Down, "down"), (Action::HalfDown, "half a page"), (Action::Back, "close")],
        None => {}
    }
    match state.screen {
        Screen::Search if state.pane == Pane::Question => {
            let completes = state.line.completion(&state.names).is_some();
            let tab = if completes { "complete" } else { "pane" };
            vec![
                (Action::Accept, "ask"),
                (Action::NextPane, tab),
                (Action::Back, "to the list"),
                (Action::Interrupt, "quit"),
            ]
        }
        Screen::Search => with_end(named(&[
            Action::Question,
            Action::NextPane,
            Action::Open,
            Action::Copy,
            Action::Filters,
            Action::Pin,
            Action::Export,
            Action::Sort,
            Action::Explain,
            Action::Similar,
            Action::Compare,
            Action::Worklist,
            Action::Librarian,
        ])),
        Screen::Worklist => with_end(named(&[Action::Back, Action::Export, Action::Pin, Action::Open, Action::Copy])),
        Screen::Document => {
            let open = state.open.as_ref();
            if open.is_some_and(|open| open.find.typing == Typing::Yes) {
                return vec![(Action::Accept, "find"), (Action::Back, "close")];
            }
            if open.is_some_and(|open| open.contents.shown == Shown::Focused) {
                return with_end(vec![(Action::Accept, "go there"), (Action::Back, "back")]);
            }
            let mut hints = named(&[Action::Back, Action::Contents]);
            hints.push((Action::Question, "search"));
            hints.extend(named(&[Action::NextMatch, Action::Copy, Action::HalfDown]));
            with_end(hints)
        }
        Screen::Comparison => with_end(named(&[Action::Back, Action::NextPane, Action::Down, Action::HalfDown])),
        Screen::Librarian => {
            let mut hints = vec![(Action::NextPane, "next page"), (Action::Back, "back")];
            if state.librarian.tab == Tab::Generations {
                hints.push((Action::Accept, "activate"));
            }
            hints.extend(named(&[Action::Rebuild, Action::Check]));
            with_end(hints)
        }
    }
}

/// The last door: whatever came this far, no cell holds a character that may not be drawn.
fn scrub(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().chars().all(may_be_drawn) {
            cell.set_symbol(" ");
        }
    }
}

#[cfg(test)]
mod tests;
