//! Keys on the panes of the search screen and on the worklist.

use clinqa_schema::{Citation, Reading};

use crate::block::{first_with, lay};
use crate::content;
use crate::export;
use crate::keymap::Action;
use crate::message::{Effect, Ranks, Row};
use crate::state::choosing::{FilterList, Menu, MenuKind};
use crate::state::layout::{panes, parts, row_height, text_height, text_width};
use crate::state::reading::{Comparison, Side};
use crate::state::{Awaited, Overlay, Pane, Screen, Second, State};
use crate::theme::Role;
use crate::update::moved;

/// An action on the search screen, outside the question.
pub(super) fn acted(state: &mut State, action: Action) -> Vec<Effect> {
    match action {
        Action::Question => {
            state.pane = Pane::Question;
            Vec::new()
        }
        Action::NextPane | Action::PreviousPane | Action::Back => {
            step_pane(state, action);
            Vec::new()
        }
        Action::Filters => {
            state.overlay = Some(Overlay::Filters(FilterList::default()));
            vec![Effect::Count(Box::new(state.filters.clone()))]
        }
        Action::Sort => {
            state.sort = state.sort.next();
            state.arrange();
            state.list = crate::state::Scroll::default();
            show_mark(state);
            state.say(format!("sorted by {}", state.sort.name()));
            Vec::new()
        }
        Action::Report => {
            if state.answer.reply.is_some() {
                state.overlay = Some(Overlay::Menu(Menu::new(MenuKind::Report)));
            } else {
                state.warn("nothing was answered yet");
            }
            Vec::new()
        }
        _ => match state.pane {
            Pane::Answer => acted_on_answer(state, action),
            Pane::Preview => acted_on_preview(state, action),
            Pane::Question | Pane::List => acted_on_list(state, action),
        },
    }
}

/// The pane after or before; `Esc` goes from what is special to the list, and from the list to the question.
pub(super) fn step_pane(state: &mut State, action: Action) {
    let mut order = vec![Pane::Question, Pane::List];
    if state.has_list() {
        order.push(Pane::Preview);
    }
    if state.answer.is_shown() {
        order.insert(1, Pane::Answer);
    }
    if action == Action::Back {
        if let Some(like) = state.like.take() {
            state.list = like.before;
            show_mark(state);
            return;
        }
        state.pane = if state.pane == Pane::List { Pane::Question } else { Pane::List };
        return;
    }
    let here = order.iter().position(|pane| *pane == state.pane).unwrap_or(0);
    let step = if action == Action::NextPane { 1 } else { order.len() - 1 };
    state.pane = order[(here + step) % order.len()];
}

fn acted_on_answer(state: &mut State, action: Action) -> Vec<Effect> {
    let page = text_height(panes(state).answer);
    if let Some(top) = moved(state.answer.top, action, page) {
        state.answer.top = top;
        return Vec::new();
    }
    let cited = state.answer.reply.as_ref().and_then(|reply| Some(reply.answer.as_ref()?.citations()[0].clone()));
    let Some(citation) = cited else { return acted_on_chosen(state, action) };
    match action {
        Action::Copy => copied(state, &citation),
        Action::Open | Action::Accept => {
            opened(state, &citation.document_id.clone(), citation.answer_start..citation.answer_end)
        }
        Action::Pin => {
            let row = row_of(state, citation);
            pin(state, row);
            Vec::new()
        }
        _ => acted_on_chosen(state, action),
    }
}

/// The listed passage that a citation stands in, or the citation as a row of its own.
fn row_of(state: &State, citation: Citation) -> Row {
    let listed = state.rows().into_iter().find(|row| *row.id() == citation.passage_id).cloned();
    listed.unwrap_or_else(|| {
        let matched = 0..citation.quote.len();
        let metadata = clinqa_schema::Metadata::default();
        let reading = Reading { citation, score: 0.0 };
        Row { reading, metadata, matched, ranks: Ranks::default(), words: Vec::new() }
    })
}

fn acted_on_preview(state: &mut State, action: Action) -> Vec<Effect> {
    let page = text_height(panes(state).preview);
    if let Some(top) = moved(state.preview, action, page) {
        state.preview = top;
        return Vec::new();
    }
    acted_on_chosen(state, action)
}

/// An action on the list.
pub(super) fn acted_on_list(state: &mut State, action: Action) -> Vec<Effect> {
    let area = panes(state).list;
    let page = text_height(area) / row_height(area);
    if let Some(chosen) = moved(state.list.chosen, action, page) {
        state.list.chosen = chosen.min(state.rows().len().saturating_sub(1));
        show_mark(state);
        return Vec::new();
    }
    acted_on_chosen(state, action)
}

/// An action on the worklist.
pub(super) fn acted_on_worklist(state: &mut State, action: Action) -> Vec<Effect> {
    let area = parts(state).body;
    let page = text_height(area) / row_height(area);
    if let Some(chosen) = moved(state.pin_list.chosen, action, page) {
        state.pin_list.chosen = chosen;
        return Vec::new();
    }
    match action {
        Action::Back => {
            state.screen = Screen::Search;
            Vec::new()
        }
        Action::Question => {
            (state.screen, state.pane) = (Screen::Search, Pane::Question);
            Vec::new()
        }
        _ => acted_on_chosen(state, action),
    }
}

/// What can be done with a passage wherever it is chosen.
fn acted_on_chosen(state: &mut State, action: Action) -> Vec<Effect> {
    let Some(row) = state.chosen().cloned() else { return Vec::new() };
    match action {
        Action::Open | Action::Accept => {
            let span = content::opened_at(state, &row);
            opened(state, &row.reading.citation.document_id, span)
        }
        Action::Copy => {
            let quote = row.text().get(content::quoted_of(state, &row)).unwrap_or(row.text());
            state.say("copied the quote with its citation");
            vec![Effect::Copy(export::quoted(quote, &row.reading.citation))]
        }
        Action::Pin => {
            pin(state, row);
            Vec::new()
        }
        Action::Explain => {
            state.overlay = Some(Overlay::Why(0));
            Vec::new()
        }
        Action::Similar => vec![Effect::Similar(row.id().clone(), Box::new(state.filters.clone()))],
        Action::Compare => compare(state, row),
        _ => Vec::new(),
    }
}

fn copied(state: &mut State, citation: &Citation) -> Vec<Effect> {
    state.say("copied the quote with its citation");
    vec![Effect::Copy(export::quoted(&citation.quote, citation))]
}

fn opened(state: &mut State, id: &clinqa_schema::DocumentId, span: std::ops::Range<usize>) -> Vec<Effect> {
    state.awaited.retain(|awaited| !matches!(awaited, Awaited::Reading { .. }));
    state.awaited.push(Awaited::Reading { id: id.clone(), span: Some(span), from: state.screen });
    vec![Effect::Open(id.clone())]
}

fn pin(state: &mut State, mut row: Row) {
    // What the reader found goes when the question goes; the worklist keeps it.
    row.matched = content::quoted_of(state, &row);
    let before = state.pins.len();
    state.pins.retain(|pin| pin.id() != row.id());
    if state.pins.len() == before {
        state.pins.push(row);
        state.say(format!("pinned; {} on the worklist", state.pins.len()));
    } else {
        state.say("taken off the worklist");
    }
}

/// Marks the first document; opens both with the second.
fn compare(state: &mut State, row: Row) -> Vec<Effect> {
    let Some(first) = state.marked.take() else {
        state.say("marked; choose another passage and compare again");
        state.marked = Some(row);
        return Vec::new();
    };
    if first.id() == row.id() {
        state.say("no longer marked");
        return Vec::new();
    }
    let mut effects = Vec::new();
    state.awaited.retain(|awaited| !matches!(awaited, Awaited::Side { .. }));
    for (row, second) in [(first, Second::No), (row, Second::Yes)] {
        let id = row.reading.citation.document_id.clone();
        let span = Some(content::opened_at(state, &row));
        state.awaited.push(Awaited::Side { id: id.clone(), span, second });
        effects.push(Effect::Open(id));
    }
    state.comparison = Some(Comparison { left: None, right: None, side: Side::Left });
    state.screen = Screen::Comparison;
    effects
}

/// Scrolls the preview to what is marked in it.
pub(super) fn show_mark(state: &mut State) {
    let width = text_width(panes(state).preview.width);
    let lines = lay(&content::preview(state), width, state.theme.charset);
    let marked = first_with(&lines, Role::Span).max(first_with(&lines, Role::Match));
    state.preview = marked.saturating_sub(1);
}

/// Counts the reply that is shown, once.
pub(super) fn count_reply(state: &mut State) {
    if let Some(reply) = state.answer.reply.as_ref().filter(|_| state.answer.counted != state.seq) {
        state.answer.tally.count(reply);
        state.answer.counted = state.seq;
    }
}
