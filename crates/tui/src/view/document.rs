//! How are a document, its contents and two documents side by side drawn?

use std::ops::Range;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{self, Focus};
use crate::block::pieces;
use crate::state::State;
use crate::state::layout::{self, Parts};
use crate::state::reading::{Find, Open, Page, Shown, Side, Typing};
use crate::text::{columns, fit};
use crate::theme::Role;

pub(super) fn draw(state: &State, parts: &Parts, frame: &mut Frame<'_>) {
    let Some(open) = &state.open else { return };
    let (contents, text) = layout::document(state);
    super::title(state, &headline(&open.page), parts.line, frame.buffer_mut());
    super::status(state, &whereabouts(state, open), parts.status, frame.buffer_mut());
    let focused = open.contents.shown == Shown::Focused;
    draw_contents(state, open, (contents, Focus::when(focused)), frame.buffer_mut());
    let title = section_name(&open.page).unwrap_or("Text");
    page(state, (&open.page, &open.find), (text, title, Focus::when(!focused)), frame.buffer_mut());
    if open.find.typing == Typing::Yes {
        find_line(state, &open.find, parts.status, frame);
    }
}

/// The title, after the mark of what does not stand as published.
fn headline(page: &Page) -> String {
    let mark = page.document.metadata.standing.state.mark().map(|mark| format!("{mark}: ")).unwrap_or_default();
    format!("{mark}{}", page.document.title)
}

/// Where in the document the top of the screen is, and what is searched for.
fn whereabouts(state: &State, open: &Open) -> String {
    let dot = state.theme.dot();
    let metadata = &open.page.document.metadata;
    let date = metadata.published.as_ref().map(ToString::to_string).unwrap_or_default();
    let place = format!("line {} of {}", open.page.top + 1, open.page.lines.len());
    let grade = metadata.grade.as_ref().map(|grade| format!("grade {grade}")).unwrap_or_default();
    let mark = metadata.standing.state.mark().unwrap_or_default().to_owned();
    let mut parts = vec![mark, grade, metadata.kind.clone(), date, metadata.publisher.clone(), place];
    if !open.find.matches.is_empty() {
        parts.insert(0, format!("place {} of {}", open.find.current + 1, open.find.matches.len()));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(dot)
}

fn section_name(page: &Page) -> Option<&str> {
    let (bytes, _) = page.headings.get(page.section()?)?;
    page.document.text.get(bytes.clone())
}

fn draw_contents(state: &State, open: &Open, (area, focus): (Rect, Focus), buffer: &mut Buffer) {
    if area.width == 0 {
        return;
    }
    paint::rule(buffer, area, "Contents", focus, state.theme);
    let inner = paint::below(area);
    let here = open.page.section();
    let list = open.contents.list;
    let entries = open.page.headings.iter().enumerate().skip(list.top);
    for ((place, (bytes, _)), y) in entries.zip(inner.top()..inner.bottom()) {
        let line = Rect { y, height: 1, ..inner };
        let marked = if focus == Focus::Here { place == list.chosen } else { Some(place) == here };
        let pointer = if marked { state.theme.pointer() } else { " " };
        let heading = open.page.document.text.get(bytes.clone()).unwrap_or_default();
        let text = fit(heading, usize::from(area.width.saturating_sub(3)), state.theme.charset);
        let role = if marked { Role::Title } else { Role::Text };
        paint::put(buffer, line, &[(format!("{pointer} "), Role::Focus), (text, role)], state.theme);
        if marked {
            paint::choose(buffer, line, focus, state.theme);
        }
    }
}

/// The visible lines of a page: headings, the span it was opened for, what is searched for.
fn page(state: &State, (page, find): (&Page, &Find), (area, title, focus): (Rect, &str, Focus), buffer: &mut Buffer) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    paint::rule(buffer, area, title, focus, state.theme);
    let inner = paint::below(paint::inset(area));
    let marks = marks(page, find);
    let text = &page.document.text;
    for (line, y) in page.lines.iter().skip(page.top).zip(inner.top()..inner.bottom()) {
        let laid = pieces(text, line.clone(), (Role::Text, &marks), state.theme.charset);
        paint::put(buffer, Rect { y, height: 1, ..inner }, &laid, state.theme);
    }
}

/// What is marked on the visible lines, in order and without overlap: places found, then the span, then headings.
fn marks(page: &Page, find: &Find) -> Vec<(Range<usize>, Role)> {
    let first = page.lines.get(page.top).map_or(0, |line| line.start);
    let last = page.lines.get(page.top + 300).map_or(page.document.text.len(), |line| line.end);
    let visible = |bytes: &Range<usize>| bytes.end > first && bytes.start < last;
    let mut marks: Vec<(Range<usize>, Role)> = Vec::new();
    let found = find
        .matches
        .iter()
        .enumerate()
        .map(|(place, bytes)| (bytes.clone(), if place == find.current { Role::Chosen } else { Role::Match }));
    let span = page.span.iter().map(|span| (span.clone(), Role::Span));
    let headings = page.headings.iter().map(|(bytes, _)| (bytes.clone(), Role::Title));
    for (bytes, role) in found.chain(span).chain(headings).filter(|(bytes, _)| visible(bytes)) {
        if role == Role::Span {
            marks.extend(without(&bytes, &marks).into_iter().map(|rest| (rest, role)));
        } else if marks.iter().all(|(other, _)| other.end <= bytes.start || bytes.end <= other.start) {
            marks.push((bytes, role));
        }
    }
    marks.sort_by_key(|(bytes, _)| bytes.start);
    marks
}

/// What is left of a range beside marks.
fn without(range: &Range<usize>, marks: &[(Range<usize>, Role)]) -> Vec<Range<usize>> {
    let mut taken: Vec<&Range<usize>> = marks.iter().map(|(bytes, _)| bytes).collect();
    taken.sort_by_key(|bytes| bytes.start);
    let (mut at, mut rest) = (range.start, Vec::new());
    for bytes in taken.into_iter().filter(|bytes| bytes.start < range.end && range.start < bytes.end) {
        if at < bytes.start {
            rest.push(at..bytes.start);
        }
        at = at.max(bytes.end);
    }
    if at < range.end {
        rest.push(at..range.end);
    }
    rest
}

fn find_line(state: &State, find: &Find, area: Rect, frame: &mut Frame<'_>) {
    paint::clear(frame.buffer_mut(), area);
    let count = if find.line.text().is_empty() { String::new() } else { format!("   {} places", find.matches.len()) };
    let typed = fit(find.line.text(), usize::from(area.width / 2), state.theme.charset);
    let laid = [(" search: ".to_owned(), Role::Focus), (typed, Role::Text), (count, Role::Quiet)];
    paint::put(frame.buffer_mut(), area, &laid, state.theme);
    let before = columns(&find.line.text()[..find.line.cursor()], state.theme.charset) as u16;
    frame.set_cursor_position((area.x + 9 + before.min(area.width / 2), area.y));
}

pub(super) fn draw_comparison(state: &State, parts: &Parts, frame: &mut Frame<'_>) {
    let buffer = frame.buffer_mut();
    super::title(state, "Side by side", parts.line, buffer);
    let Some(comparison) = &state.comparison else { return };
    let (left, right) = layout::sides(state);
    let sides = [(&comparison.left, left, Side::Left), (&comparison.right, right, Side::Right)];
    for (side, area, which) in sides {
        let focus = Focus::when(comparison.side == which);
        match side {
            Some(open) => page(state, (open, &Find::default()), (area, &headline(open), focus), buffer),
            None => paint::rule(buffer, area, "opening ...", focus, state.theme),
        }
    }
    let described = |page: &Option<Page>| {
        let metadata = page.as_ref().map(|page| &page.document.metadata);
        let date = metadata.and_then(|metadata| metadata.published.clone());
        let grade = metadata.and_then(|metadata| metadata.grade.as_ref());
        let grade = grade.map(|grade| format!("grade {grade}, ")).unwrap_or_default();
        format!("{grade}{}", date.map_or("no date".to_owned(), |date| date.to_string()))
    };
    let text = format!("left {}, right {}", described(&comparison.left), described(&comparison.right));
    super::status(state, &text, parts.status, buffer);
}
