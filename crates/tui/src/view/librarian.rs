//! How is the librarian's screen drawn?

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{self, Focus};
use crate::block::{Laid, lay};
use crate::content;
use crate::keymap::Action;
use crate::librarian_pages;
use crate::state::State;
use crate::state::layout::{self, Parts, text_height, text_width};
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
    let (list, area) = layout::librarian(state);
    let text = lay(&librarian_pages::text(state), text_width(area.width), state.theme.charset);
    let top = state.librarian.top;
    let (title, focus) = match state.librarian.tab {
        Tab::Generations => {
            generations(state, list, buffer);
            let turned = format!("The chosen one, {} turns it", state.keymap.shown(Action::HalfDown));
            let fits = text.len() <= text_height(area);
            (if fits { "The chosen one".to_owned() } else { turned }, Focus::Elsewhere)
        }
        other => (other.name().to_owned(), Focus::Here),
    };
    paint::rule(buffer, area, &super::titled(state, &title, (text.len(), top), area), focus, state.theme);
    paint::lines(buffer, paint::below(paint::inset(area)), text.get(top..).unwrap_or_default(), state.theme);
}

/// The list of generations.
fn generations(state: &State, list: Rect, buffer: &mut Buffer) {
    let librarian = &state.librarian;
    paint::rule(buffer, list, "Generations, oldest first", Focus::Here, state.theme);
    let inner = paint::below(list);
    let rows = librarian.shelf.iter().enumerate().skip(librarian.list.top);
    for ((place, standing), y) in rows.zip(inner.top()..inner.bottom()) {
        let line = Rect { y, height: 1, ..inner };
        let manifest = &standing.manifest;
        let mark = if standing.current { "current" } else { "" };
        let pointer = if place == librarian.list.chosen { state.theme.pointer() } else { " " };
        let made = day_and_time(manifest.created);
        // The end may be cut off: which one answers stands before how much it holds.
        let said = format!("{pointer} {}  {made}  {mark:<7}  {} documents", manifest.id, manifest.counts.documents);
        let text = fit(&said, usize::from(line.width), state.theme.charset);
        paint::put(buffer, line, &[(text, if standing.current { Role::Good } else { Role::Text })], state.theme);
        if place == librarian.list.chosen {
            paint::choose(buffer, line, Focus::Here, state.theme);
        }
    }
}
