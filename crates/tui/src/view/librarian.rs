//! How is the librarian's screen drawn?

use ratatui::Frame;
use ratatui::layout::Rect;

use super::paint::{self, Focus};
use crate::block::{Laid, lay};
use crate::content;
use crate::state::State;
use crate::state::layout::{Parts, text_width};
use crate::state::librarian::{Tab, day_and_time};
use crate::text::fit;
use crate::theme::Role;

pub(super) fn draw(state: &State, parts: &Parts, frame: &mut Frame<'_>) {
    let buffer = frame.buffer_mut();
    let mut tabs: Laid = vec![(" ".to_owned(), Role::Text)];
    for tab in Tab::ALL {
        let here = tab == state.librarian.tab;
        // Told without colour too: the page that is shown stands in brackets.
        let name = if here { format!("[{}]", tab.name()) } else { format!(" {} ", tab.name()) };
        tabs.push((name, if here { Role::Focus } else { Role::Text }));
    }
    paint::put(buffer, parts.line, &tabs, state.theme);
    super::status(state, &content::status(state), parts.status, buffer);
    let text = lay(&content::librarian(state), text_width(parts.body.width), state.theme.charset);
    if state.librarian.tab == Tab::Generations {
        generations(state, &text, parts.body, frame);
        return;
    }
    paint::rule(buffer, parts.body, state.librarian.tab.name(), Focus::Here, state.theme);
    let shown = text.get(state.librarian.top..).unwrap_or_default();
    paint::lines(buffer, paint::below(paint::inset(parts.body)), shown, state.theme);
}

/// The list of generations, and what is known about the chosen one below it.
fn generations(state: &State, text: &[Laid], area: Rect, frame: &mut Frame<'_>) {
    let buffer = frame.buffer_mut();
    let librarian = &state.librarian;
    let rows = (librarian.shelf.len() as u16 + 1).min((area.height / 2).max(2)).min(area.height);
    let list = Rect { height: rows, ..area };
    paint::rule(buffer, list, "Generations, oldest first", Focus::Here, state.theme);
    let inner = paint::below(list);
    let top = librarian.list.top.max((librarian.list.chosen + 1).saturating_sub(usize::from(inner.height)));
    for ((place, standing), y) in librarian.shelf.iter().enumerate().skip(top).zip(inner.top()..inner.bottom()) {
        let line = Rect { y, height: 1, ..inner };
        let manifest = &standing.manifest;
        let mark = if standing.current { "current" } else { "" };
        let pointer = if place == librarian.list.chosen { state.theme.pointer() } else { " " };
        let counts = manifest.counts;
        let said = format!(
            "{pointer} {}  {}  {:>7} documents  {mark}",
            manifest.id,
            day_and_time(manifest.created),
            counts.documents,
        );
        let text = fit(&said, usize::from(line.width), state.theme.charset);
        paint::put(buffer, line, &[(text, if standing.current { Role::Good } else { Role::Text })], state.theme);
        if place == librarian.list.chosen {
            paint::choose(buffer, line, Focus::Here, state.theme);
        }
    }
    let rest = Rect { y: area.y + rows, height: area.height - rows, ..area };
    paint::rule(buffer, rest, "The chosen one", Focus::Elsewhere, state.theme);
    paint::lines(buffer, paint::below(paint::inset(rest)), text, state.theme);
}
