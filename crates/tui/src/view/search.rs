//! How are the question, the answer, the list, the preview and the worklist drawn?

use std::ops::Range;

use clinqa_schema::{Date, Outcome};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{self, Focus};
use crate::block::{Laid, lay, pieces};
use crate::content;
use crate::desk::Place;
use crate::message::Row;
use crate::state::answered::Stage;
use crate::state::layout::{Parts, panes, row_height, text_width};
use crate::state::{Pane, Reach, Ready, Scroll, State};
use crate::text::{Charset, columns, fit};
use crate::theme::Role;

/// Columns of the prompt before the question.
const PROMPT: u16 = 3;

/// From this many columns on, a passage of two lines has its kind beside its title.
const KIND_BESIDE: usize = 50;

pub(super) fn draw(state: &State, parts: &Parts, frame: &mut Frame<'_>) {
    question(state, parts.line, frame);
    super::status(state, &content::status(state), parts.status, frame.buffer_mut());
    let panes = panes(state);
    let buffer = frame.buffer_mut();
    answer(state, panes.answer, buffer);
    list(state, panes.list, buffer);
    preview(state, panes.preview, buffer);
}

fn question(state: &State, area: Rect, frame: &mut Frame<'_>) {
    let charset = state.theme.charset;
    let focused = state.pane == Pane::Question && state.overlay.is_none();
    let role = if focused { Role::Focus } else { Role::Quiet };
    paint::put(frame.buffer_mut(), area, &[(format!(" {} ", state.theme.pointer()), role)], state.theme);
    let field = Rect { x: area.x + PROMPT, width: area.width.saturating_sub(PROMPT + 1), ..area };
    let text = state.line.text();
    // What does not fit scrolls out on the left, so that the cursor is always seen.
    let room = usize::from(field.width).saturating_sub(1);
    let cursor = state.line.cursor();
    let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let start =
        starts.take_while(|at| *at <= cursor).find(|at| columns(&text[*at..cursor], charset) <= room).unwrap_or(cursor);
    let mut laid: Laid = pieces(text, start..text.len(), (Role::Text, &[]), charset);
    if text.is_empty() {
        laid.push(("type a question or a few words".to_owned(), Role::Ghost));
    } else if let Some(rest) = state.line.completion(&state.names).filter(|_| focused) {
        laid.push((fit(rest, usize::from(field.width), charset), Role::Ghost));
    }
    paint::put(frame.buffer_mut(), field, &laid, state.theme);
    if focused {
        let x = field.x + (columns(&text[start..cursor], charset) as u16).min(field.width.saturating_sub(1));
        frame.set_cursor_position((x, area.y));
    }
}

fn answer(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let focus = Focus::when(state.pane == Pane::Answer);
    let lines = lay(&content::answer(state), text_width(area.width), state.theme.charset);
    let title = super::titled(state, &answer_title(state), (lines.len(), state.answer.top), area);
    paint::rule(buffer, area, &title, focus, state.theme);
    let shown = lines.get(state.answer.top..).unwrap_or_default();
    paint::lines(buffer, paint::below(paint::inset(area)), shown, state.theme);
}

fn answer_title(state: &State) -> String {
    let Some(reply) = &state.answer.reply else { return "Answer".to_owned() };
    let old = if state.answer.stage == Stage::Old { " (to what stood here before)" } else { "" };
    match (reply.outcome, &reply.answer) {
        (Outcome::Answered, Some(answer)) => {
            let label = answer.confidence_label().as_str();
            format!("Answer: {label} confidence, {:.0}%{old}", answer.confidence() * 100.0)
        }
        (Outcome::Redirected, _) => format!("Emergency{old}"),
        _ => format!("No answer{old}"),
    }
}

fn list(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let rows = state.rows();
    let title = match &state.like {
        Some(like) => format!("{} like: {}", rows.len(), like.of),
        None if state.found.is_none() => "clinqa".to_owned(),
        None => format!("Passages {} of {}", (state.list.chosen + 1).min(rows.len()), rows.len()),
    };
    paint::rule(buffer, area, &title, Focus::when(state.pane == Pane::List), state.theme);
    if rows.is_empty() {
        let lines: Vec<Laid> = empty(state)
            .lines()
            .map(|line| vec![(fit(line, text_width(area.width), state.theme.charset), Role::Quiet)])
            .collect();
        paint::lines(buffer, paint::below(paint::inset(area)), &lines, state.theme);
        return;
    }
    passages(state, &rows, (state.list, Focus::when(state.pane == Pane::List)), area, buffer);
}

fn empty(state: &State) -> String {
    let kept = match &state.place {
        Place::Here => "nothing that you type leaves this machine\nor is kept after you quit.".to_owned(),
        Place::There(name) => format!("what you type goes to {name}\nand nowhere else."),
    };
    match (state.index.ready, state.line.text().trim().is_empty()) {
        (Ready::Missing, _) => "There is no index yet.\nPress L and R to make one from the corpora.".to_owned(),
        (Ready::Opening, _) => "Opening the index; you can type already.".to_owned(),
        (_, true) => format!(
            "Results come as you type. Enter asks for an answer.\n\nEvery answer names its source; {kept}\n\n? shows every key."
        ),
        (_, false) if state.found.is_some() => "Nothing was found. Try other words, or lift filters (f).".to_owned(),
        (_, false) if state.reach == Reach::Lost => {
            "No connection. What you typed is looked up\nas soon as there is one again.".to_owned()
        }
        (_, false) => "Looking ...".to_owned(),
    }
}

/// Passages of a list, two or three lines each.
fn passages(state: &State, rows: &[&Row], (scroll, focus): (Scroll, Focus), area: Rect, buffer: &mut Buffer) {
    let height = row_height(area) as u16;
    let inner = paint::below(area);
    let mut y = inner.y;
    for (place, row) in rows.iter().enumerate().skip(scroll.top) {
        if y + height > inner.bottom() {
            break;
        }
        let at = Rect { y, height, ..inner };
        passage(state, row, place, at, buffer);
        if place == scroll.chosen {
            paint::put(buffer, at, &[(state.theme.pointer().to_owned(), Role::Focus)], state.theme);
            paint::choose(buffer, Rect { height: 1, ..at }, focus, state.theme);
        }
        y += height;
    }
}

fn passage(state: &State, row: &Row, place: usize, area: Rect, buffer: &mut Buffer) {
    let theme = state.theme;
    let citation = &row.reading.citation;
    let pin = if state.is_pinned(row.id()) { theme.pin() } else { " " };
    let number = format!(" {pin}{:>2} ", place + 1);
    let inner = Rect { x: area.x + 6, width: area.width.saturating_sub(7), ..area };
    let section = citation.section.as_ref().map(|section| format!("{}{section}", theme.within())).unwrap_or_default();
    // What must not be relied on says so before its own name, in letters.
    let mark = citation.standing.state.mark().map(|mark| format!("{mark} ")).unwrap_or_default();
    // Passages of one document differ by their sections: a long title gives way to them, to a half of the line.
    let titled = |room: usize| {
        let room = room.saturating_sub(mark.len());
        let taken = columns(&section, theme.charset).min(room / 2);
        let title = fit(&citation.title, room - taken, theme.charset);
        let section = fit(&section, room - columns(&title, theme.charset), theme.charset);
        [(mark.clone(), Role::Warning), (title + &section, Role::Title)]
    };
    paint::put(buffer, Rect { x: area.x + 1, ..area }, &[(number, Role::Quiet)], theme);
    let line = |at: u16| Rect { y: area.y + at, height: 1, ..inner };
    let width = usize::from(inner.width);
    if area.height >= 3 {
        paint::put(buffer, line(0), &titled(width), theme);
        let provenance = content::provenance(state, citation);
        paint::put(buffer, line(1), &[(fit(&provenance, width, theme.charset), Role::Quiet)], theme);
        paint::put(buffer, line(2), &sentence(state, row, width), theme);
        return;
    }
    let date = citation.published.as_ref().map(Date::as_str).unwrap_or_default();
    let grade = citation.grade.as_ref().map(|grade| format!("grade {grade} ")).unwrap_or_default();
    let kind = if width < KIND_BESIDE { String::new() } else { format!("{} ", citation.kind) };
    let aside = fit(&format!("{grade}{kind}{date}"), width / 2, theme.charset);
    let room = width.saturating_sub(columns(&aside, theme.charset) + 1);
    paint::put(buffer, line(0), &titled(room), theme);
    let right = Rect { x: inner.x + (room + 1) as u16, width: (width - room.min(width)) as u16, ..line(0) };
    paint::put(buffer, right, &[(aside, Role::Quiet)], theme);
    paint::put(buffer, line(1), &sentence(state, row, width), theme);
}

/// One line of the sentence that matters: what the reader found, else what holds the words.
fn sentence(state: &State, row: &Row, width: usize) -> Laid {
    let citation = &row.reading.citation;
    let byte = |at: usize| row.text().char_indices().nth(at).map_or(row.text().len(), |(byte, _)| byte);
    let span = content::span_of(state, row).filter(|span| span.start >= citation.start);
    let span = span.map(|span| byte(span.start - citation.start)..byte(span.end - citation.start));
    let text = row.text();
    let (start, cut) = span.as_ref().map_or((row.matched.start, Cut::No), |span| lead_in(text, span, width, state));
    let end = if span.is_some() { text.len() } else { row.matched.end };
    let marks: Vec<(Range<usize>, Role)> = span.into_iter().map(|span| (span, Role::Span)).collect();
    let mark = if state.theme.charset == Charset::Utf8 { "…" } else { "~" };
    let room = if cut == Cut::Yes { width.saturating_sub(1) } else { width };
    let ends = start + wide(text.get(start..end).unwrap_or_default(), room, state);
    let mut laid = pieces(text, start..ends, (Role::Text, &marks), state.theme.charset);
    if cut == Cut::Yes {
        laid.insert(0, (mark.to_owned(), Role::Quiet));
    }
    if ends < end {
        laid.push((mark.to_owned(), Role::Quiet));
    }
    laid
}

/// Whether a sentence is shown from its middle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Yes,
    No,
}

/// Where to begin so that a span is seen: with its sentence, or with a few words before it where that is too long.
fn lead_in(text: &str, span: &Range<usize>, width: usize, state: &State) -> (usize, Cut) {
    let before = text.get(..span.start).unwrap_or_default();
    let sentence = before.rfind('\n').map_or(0, |at| at + 1).max(before.rfind(". ").map_or(0, |at| at + 2));
    let room = |start: usize, columns_before: usize| {
        columns(text.get(start..span.start).unwrap_or_default(), state.theme.charset) <= columns_before
    };
    if room(sentence, width / 2) {
        return (sentence, Cut::No);
    }
    let words = before.char_indices().filter(|(at, c)| *at > sentence && c.is_whitespace()).map(|(at, _)| at + 1);
    let start = words.into_iter().find(|start| before.is_char_boundary(*start) && room(*start, width / 3));
    (start.unwrap_or(span.start), Cut::Yes)
}

/// Bytes of `text` that fit into the width, with room for the mark of what is left out.
fn wide(text: &str, width: usize, state: &State) -> usize {
    let charset = state.theme.charset;
    if columns(text, charset) <= width {
        return text.len();
    }
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += columns(c.encode_utf8(&mut [0; 4]), charset);
        if used >= width {
            return at;
        }
    }
    text.len()
}

fn preview(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let title = state.chosen().map_or("Passage".to_owned(), |row| row.reading.citation.title.clone());
    let lines = lay(&content::preview(state), text_width(area.width), state.theme.charset);
    let title = super::titled(state, &title, (lines.len(), state.preview), area);
    paint::rule(buffer, area, &title, Focus::when(state.pane == Pane::Preview), state.theme);
    let shown = lines.get(state.preview..).unwrap_or_default();
    paint::lines(buffer, paint::below(paint::inset(area)), shown, state.theme);
}

pub(super) fn draw_worklist(state: &State, parts: &Parts, frame: &mut Frame<'_>) {
    let buffer = frame.buffer_mut();
    super::title(state, "Worklist", parts.line, buffer);
    super::status(state, &content::status(state), parts.status, buffer);
    let area = parts.body;
    let title = format!("{} pinned", state.pins.len());
    paint::rule(buffer, area, &title, Focus::Here, state.theme);
    let rows: Vec<&Row> = state.pins.iter().collect();
    if rows.is_empty() {
        let text =
            format!("Nothing is pinned. In a list, {} pins a passage.", state.keymap.shown(crate::keymap::Action::Pin));
        let line = (fit(&text, text_width(area.width), state.theme.charset), Role::Quiet);
        paint::put(buffer, paint::below(paint::inset(area)), &[line], state.theme);
    }
    passages(state, &rows, (state.pin_list, Focus::Here), area, buffer);
}
