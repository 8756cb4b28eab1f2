//! Where does everything stand (pure)? Moving and drawing ask the same, so that what is chosen is always seen.

use ratatui::layout::Rect;

use crate::block::lay;
use crate::content;
use crate::librarian_pages;
use crate::state::answered::Stage;
use crate::state::choosing::Menu;
use crate::state::librarian::Tab;
use crate::state::reading::Shown;
use crate::state::{Overlay, Pane, Screen, State};
use crate::text::wrap;

/// Below this many lines between question and hints, one pane at a time is shown.
const ROOM_FOR_TWO: u16 = 14;

/// From this many columns on, list and passage stand side by side.
const SIDE_BY_SIDE: u16 = 100;

/// From this many columns on, the table of contents stands beside the document.
const CONTENTS_BESIDE: u16 = 90;

/// Columns of the table of contents.
const CONTENTS_WIDTH: u16 = 30;

/// The smallest window in which something can be shown.
pub(crate) const SMALLEST: (u16, u16) = (20, 6);
/// A note of more rows would leave too little of what it is about.
const MOST_NOTE_ROWS: usize = 5;

/// The parts that every screen has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    /// What must be said first.
    pub(crate) banner: Rect,
    /// The question line, or the title of another screen.
    pub(crate) line: Rect,
    /// Filters and counts, or a note.
    pub(crate) status: Rect,
    pub(crate) body: Rect,
    pub(crate) hints: Rect,
}

/// The panes of the search screen; what is not shown is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Panes {
    pub(crate) answer: Rect,
    pub(crate) list: Rect,
    pub(crate) preview: Rect,
}

/// The parts of the window.
pub(crate) fn parts(state: &State) -> Parts {
    let (width, height) = (state.width, state.height);
    // What may save a life is read to its end before there is room for anything else.
    let most = (height / 2).max(5).min(height.saturating_sub(4));
    let banner = (lay(&content::banner(state), usize::from(width.saturating_sub(2)), state.theme.charset).len() as u16)
        .min(most);
    let note = state.note.as_ref().map_or(1, |note| {
        wrap(&note.text, usize::from(width.saturating_sub(2)), state.theme.charset).len().clamp(1, MOST_NOTE_ROWS)
    });
    // The note gives way before the body does.
    let note = (note as u16).min((height / 2).saturating_sub(banner)).max(1);
    let row = |y: u16, rows: u16| Rect::new(0, y.min(height), width, rows.min(height.saturating_sub(y)));
    let hints = height.saturating_sub(1);
    let above = banner + 1 + note;
    Parts {
        banner: row(0, banner),
        line: row(banner, 1),
        status: row(banner + 1, note),
        body: row(above, hints.saturating_sub(above)),
        hints: row(hints, 1),
    }
}

/// The panes of the search screen. Each has one line of title.
pub(crate) fn panes(state: &State) -> Panes {
    let body = parts(state).body;
    let has_list = state.has_list();
    let answer = state.answer.is_shown();
    let mut panes = Panes::default();
    if body.height < ROOM_FOR_TWO {
        match state.pane {
            Pane::Answer => panes.answer = body,
            Pane::Preview => panes.preview = body,
            Pane::Question | Pane::List => panes.list = body,
        }
        return panes;
    }
    if !has_list && !answer {
        panes.list = body;
        return panes;
    }
    if body.width < SIDE_BY_SIDE {
        let previewed = state.pane == Pane::Preview || !answer;
        let lines = if previewed { body.height / 2 } else { answer_lines(state, body.width) + 1 };
        let (top, bottom) = split_rows(body, lines.clamp(4, body.height / 2));
        *(if previewed { &mut panes.preview } else { &mut panes.answer }) = top;
        panes.list = bottom;
        return panes;
    }
    let mut rest = body;
    if answer {
        let lines = answer_lines(state, body.width) + 1;
        (panes.answer, rest) = split_rows(body, lines.clamp(4, body.height * 2 / 5));
    }
    let half = rest.width / 2;
    panes.list = Rect { width: half, ..rest };
    panes.preview = Rect { x: rest.x + half + 1, width: rest.width - half - 1, ..rest };
    panes
}

fn split_rows(area: Rect, above: u16) -> (Rect, Rect) {
    let above = above.min(area.height);
    (Rect { height: above, ..area }, Rect { y: area.y + above, height: area.height - above, ..area })
}

fn answer_lines(state: &State, width: u16) -> u16 {
    lay(&content::answer(state), text_width(width), state.theme.charset).len() as u16
}

/// Columns for the text of a pane: one stays free on each side.
pub(crate) fn text_width(width: u16) -> usize {
    usize::from(width.saturating_sub(2)).max(1)
}

/// Lines below the title of a pane.
pub(crate) fn text_height(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(1))
}

/// Lines that one passage takes in a list of this area.
pub(crate) fn row_height(area: Rect) -> usize {
    if area.height > 9 { 3 } else { 2 }
}

/// The table of contents and the text of the document screen; one of them is empty on a narrow window.
pub(crate) fn document(state: &State) -> (Rect, Rect) {
    let body = parts(state).body;
    let Some(open) = &state.open else { return (Rect::default(), body) };
    let focused = open.contents.shown == Shown::Focused;
    if open.page.headings.is_empty() {
        return (Rect::default(), body);
    }
    if body.width < CONTENTS_BESIDE {
        return if focused { (body, Rect::default()) } else { (Rect::default(), body) };
    }
    let contents = Rect { width: CONTENTS_WIDTH, ..body };
    (contents, Rect { x: body.x + CONTENTS_WIDTH + 1, width: body.width - CONTENTS_WIDTH - 1, ..body })
}

/// The two sides of a comparison.
pub(crate) fn sides(state: &State) -> (Rect, Rect) {
    let body = parts(state).body;
    let half = body.width / 2;
    (Rect { width: half, ..body }, Rect { x: body.x + half + 1, width: body.width.saturating_sub(half + 1), ..body })
}

/// The list of generations and the text below it, or the text of another of the librarian's pages alone.
pub(crate) fn librarian(state: &State) -> (Rect, Rect) {
    let body = parts(state).body;
    if state.librarian.tab != Tab::Generations {
        return (Rect::default(), body);
    }
    let rows = (state.librarian.shelf.len() as u16 + 1).min((body.height / 2).max(2));
    split_rows(body, rows)
}

/// A box in the middle of the body for `lines` lines of `columns` columns, borders included.
pub(crate) fn boxed(state: &State, columns: u16, lines: u16) -> Rect {
    let Parts { line, body, .. } = parts(state);
    let room = Rect { y: line.y, height: body.bottom().saturating_sub(line.y), ..body };
    let (width, height) = (columns.min(room.width), lines.min(room.height));
    Rect { x: room.x + (room.width - width) / 2, y: room.y + (room.height - height) / 2, width, height }
}

/// The box of a menu.
pub(crate) fn menu(state: &State, menu: &Menu) -> Rect {
    let items = menu.items();
    let widest = items.iter().map(|item| item.len()).chain([menu.title().len() + 4]).max().unwrap_or(0);
    boxed(state, widest as u16 + 8, items.len() as u16 + 2)
}

/// Columns of the boxes that hold text.
pub(crate) const BOX: u16 = 76;

/// Lines in a box without its borders.
pub(crate) fn inside(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(2))
}

/// Brings every place back to where it can be seen.
pub(crate) fn settle(state: &mut State) {
    let charset = state.theme.charset;
    if !state.answer.is_shown() && state.pane == Pane::Answer {
        state.pane = Pane::List;
    }
    // Nothing is previewed where nothing is listed.
    if !state.has_list() && state.pane == Pane::Preview {
        state.pane = Pane::List;
    }
    let panes = panes(state);
    let shown = text_height(panes.list) / row_height(panes.list);
    let count = state.rows().len();
    state.list.settle(count, shown);
    let lines = lay(&content::answer(state), text_width(panes.answer.width), charset).len();
    state.answer.top = state.answer.top.min(lines.saturating_sub(text_height(panes.answer)));
    let lines = lay(&content::preview(state), text_width(panes.preview.width), charset).len();
    state.preview = state.preview.min(lines.saturating_sub(text_height(panes.preview)));
    let body = parts(state).body;
    let pins = state.pins.len();
    state.pin_list.settle(pins, text_height(body) / row_height(body));
    if state.answer.stage == Stage::Nothing {
        state.answer.top = 0;
    }
    settle_documents(state);
    settle_librarian(state);
    settle_overlay(state);
}

fn settle_documents(state: &mut State) {
    let charset = state.theme.charset;
    let (contents, text) = document(state);
    if let Some(open) = &mut state.open {
        if text.width > 0 {
            open.page.lay(text_width(text.width), text_height(text), charset);
        }
        let count = open.page.headings.len();
        open.contents.list.settle(count, text_height(contents));
    }
    let (left, right) = sides(state);
    if let Some(comparison) = &mut state.comparison {
        for (page, area) in [(&mut comparison.left, left), (&mut comparison.right, right)] {
            if let Some(page) = page {
                page.lay(text_width(area.width), text_height(area), charset);
            }
        }
    }
}

fn settle_librarian(state: &mut State) {
    if state.screen != Screen::Librarian {
        return;
    }
    let (list, text) = librarian(state);
    let count = state.librarian.shelf.len();
    state.librarian.list.settle(count, text_height(list));
    let lines = lay(&librarian_pages::text(state), text_width(text.width), state.theme.charset).len();
    state.librarian.top = state.librarian.top.min(lines.saturating_sub(text_height(text)));
}

fn settle_overlay(state: &mut State) {
    let charset = state.theme.charset;
    let area = boxed(state, BOX, u16::MAX);
    let columns = text_width(area.width.saturating_sub(2));
    let last = |lines: usize| lines.saturating_sub(inside(area));
    match state.overlay.clone() {
        Some(Overlay::Help(top)) => {
            let lines = lay(&crate::help::text(state), columns, charset).len();
            state.overlay = Some(Overlay::Help(top.min(last(lines))));
        }
        Some(Overlay::Why(top)) => {
            let lines = lay(&content::why(state), columns, charset).len();
            state.overlay = Some(Overlay::Why(top.min(last(lines))));
        }
        Some(Overlay::Filters(mut filters)) => {
            let lines = crate::state::choosing::conditions(state).len();
            filters.list.settle(lines, inside(area));
            state.overlay = Some(Overlay::Filters(filters));
        }
        _ => {}
    }
}
