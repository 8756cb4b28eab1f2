//! How is what stands in front of a screen drawn: help, reasons, filters, menus?

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{self, Focus};
use crate::block::{Block, Laid, lay};
use crate::content;
use crate::state::choosing::{Condition, FilterList, Menu, On, conditions};
use crate::state::layout::{self, BOX, boxed, inside, text_width};
use crate::state::{Overlay, State};
use crate::text::{columns, fit};
use crate::theme::Role;

pub(super) fn draw(state: &State, open: &Overlay, frame: &mut Frame<'_>) {
    let buffer = frame.buffer_mut();
    match open {
        Overlay::Help(top) => text(state, ("Keys", &crate::help::text(state)), *top, buffer),
        Overlay::Why(top) => text(state, ("Why is this here?", &content::why(state)), *top, buffer),
        Overlay::Filters(list) => filters(state, list, buffer),
        Overlay::Menu(menu) => draw_menu(state, menu, buffer),
    }
}

fn text(state: &State, (title, blocks): (&str, &[Block]), top: usize, buffer: &mut Buffer) {
    let whole = boxed(state, BOX, u16::MAX);
    let lines = lay(blocks, text_width(whole.width.saturating_sub(2)), state.theme.charset);
    let area = boxed(state, BOX, lines.len() as u16 + 2);
    let more = lines.len().saturating_sub(top + inside(area));
    let title = if more > 0 { format!("{title} ({more} more lines)") } else { title.to_owned() };
    let inner = paint::boxed(buffer, area, &title, state.theme);
    let shown: &[Laid] = lines.get(top.min(lines.len())..).unwrap_or_default();
    paint::lines(buffer, paint::inset(inner), shown, state.theme);
}

fn filters(state: &State, open: &FilterList, buffer: &mut Buffer) {
    let lines = conditions(state);
    let area = boxed(state, BOX, lines.len() as u16 + 2);
    let title = if state.found.is_some() { "Filters: documents listed / in all" } else { "Filters: documents" };
    let inner = paint::boxed(buffer, area, title, state.theme);
    for ((place, line), y) in lines.iter().enumerate().skip(open.list.top).zip(inner.top()..inner.bottom()) {
        let at = Rect { y, height: 1, ..inner };
        let is_chosen = place == open.list.chosen;
        let typed = if is_chosen { open.typed.as_str() } else { "" };
        let pointer = if is_chosen { state.theme.pointer() } else { " " };
        let mut laid: Laid = vec![(format!("{pointer} "), Role::Focus)];
        laid.extend(condition(state, line, typed, usize::from(inner.width.saturating_sub(3))));
        paint::put(buffer, at, &laid, state.theme);
        if is_chosen {
            paint::choose(buffer, at, Focus::Here, state.theme);
        }
    }
}

fn condition(state: &State, line: &Condition, typed: &str, width: usize) -> Laid {
    let charset = state.theme.charset;
    let dated = |name: &str, set: Option<&clinqa_schema::Date>| {
        let shown = match (typed.is_empty(), set) {
            (false, _) => format!("{typed}_"),
            (true, Some(date)) => date.to_string(),
            (true, None) => "any date (type a year: 2023)".to_owned(),
        };
        vec![(format!("{name:<10} "), Role::Quiet), (shown, if set.is_some() { Role::Focus } else { Role::Text })]
    };
    match line {
        Condition::Clear => vec![("Lift all filters".to_owned(), Role::Warning)],
        Condition::Since => dated("since", state.filters.since.as_ref()),
        Condition::Until => dated("until", state.filters.until.as_ref()),
        Condition::Value { facet, value, listed, documents, on } => {
            let mark = if *on == On::Yes { "[x]" } else { "[ ]" };
            let listed =
                listed.filter(|_| state.found.is_some()).map(|count| format!("{count} / ")).unwrap_or_default();
            let counts = format!("{listed}{documents}");
            let room = width.saturating_sub(11 + 4 + counts.len() + 1);
            let value = fit(value, room, charset);
            let gap = " ".repeat(room.saturating_sub(columns(&value, charset)) + 1);
            let role = if *on == On::Yes { Role::Focus } else { Role::Text };
            vec![
                (format!("{:<10} ", facet.name()), Role::Quiet),
                (format!("{mark} "), role),
                (value, role),
                (format!("{gap}{counts}"), Role::Quiet),
            ]
        }
    }
}

fn draw_menu(state: &State, menu: &Menu, buffer: &mut Buffer) {
    let items = menu.items();
    let title = menu.title();
    let inner = paint::boxed(buffer, layout::menu(state, menu), &title, state.theme);
    for ((place, item), y) in items.iter().enumerate().zip(inner.top()..inner.bottom()) {
        let at = Rect { y, height: 1, ..inner };
        let pointer = if place == menu.chosen { state.theme.pointer() } else { " " };
        paint::put(buffer, at, &[(format!(" {pointer} {item}"), Role::Text)], state.theme);
        if place == menu.chosen {
            paint::choose(buffer, at, Focus::Here, state.theme);
        }
    }
}
