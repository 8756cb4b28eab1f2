//! Keys in what stands in front of a screen.

use clinqa_schema::Skips;

use crate::export::{self, Form};
use crate::key::Key;
use crate::keymap::Action;
use crate::message::{Complaint, Effect, Paper, PaperKind};
use crate::state::choosing::{Condition, FAULTS, FilterList, Menu, MenuKind, conditions, toggled};
use crate::state::layout::{BOX, boxed, inside};
use crate::state::librarian::Build;
use crate::state::{Overlay, Pane, State};
use crate::update::{moved, question};

/// A key in `open`, which stays open unless it is closed here.
pub(super) fn pressed(state: &mut State, open: Overlay, key: Key, action: Option<Action>) -> Vec<Effect> {
    let page = inside(boxed(state, BOX, u16::MAX));
    if action == Some(Action::Back) {
        if matches!(open, Overlay::Filters(_)) {
            to_list(state);
        }
        return Vec::new();
    }
    match open {
        Overlay::Help(top) | Overlay::Why(top) => {
            let top = action.and_then(|action| moved(top, action, page)).unwrap_or(top);
            let closed = matches!(action, Some(Action::Help | Action::Explain | Action::Accept | Action::Quit));
            if !closed {
                let is_help = matches!(open, Overlay::Help(_));
                state.overlay = Some(if is_help { Overlay::Help(top) } else { Overlay::Why(top) });
            }
            Vec::new()
        }
        Overlay::Filters(list) => filters(state, list, key, action),
        Overlay::Menu(menu) => menu_pressed(state, menu, action),
    }
}

fn filters(state: &mut State, mut filters: FilterList, key: Key, action: Option<Action>) -> Vec<Effect> {
    let lines = conditions(state);
    let here = lines.get(filters.list.chosen).cloned();
    let dated = matches!(here, Some(Condition::Since | Condition::Until));
    let typed = match key {
        Key::Char(c) if dated && (c.is_ascii_digit() || c == '-') && filters.typed.len() < 10 => {
            filters.typed.push(c);
            true
        }
        Key::Backspace if dated => filters.typed.pop().is_some(),
        _ => false,
    };
    if typed {
        state.overlay = Some(Overlay::Filters(filters));
        return Vec::new();
    }
    let page = inside(boxed(state, BOX, u16::MAX));
    let toggles = matches!(action, Some(Action::Accept | Action::Pin));
    let moves = action.and_then(|action| moved(filters.list.chosen, action, page));
    // A date that was typed is taken when the line is left, as in any form.
    let leaves = moves.is_some() || matches!(action, Some(Action::NextPane | Action::PreviousPane | Action::Filters));
    let mut effects = Vec::new();
    let takes = toggles || (leaves && dated && !filters.typed.is_empty());
    if let Some(condition) = here.filter(|_| takes) {
        match toggled(&state.filters, &condition, &filters.typed) {
            Ok(changed) => effects = put(state, changed),
            Err(error) => {
                state.warn(error);
                state.overlay = Some(Overlay::Filters(filters));
                return effects;
            }
        }
        filters.typed.clear();
        // A line more or less above, where everything can be lifted: the same condition stays chosen.
        let place = conditions(state).iter().position(|line| same(line, &condition)).unwrap_or(filters.list.chosen);
        filters.list.chosen = place;
        if toggles && dated {
            filters.list.chosen += 1;
        }
    }
    let lines = conditions(state);
    match action {
        Some(Action::Filters | Action::Quit) => {
            to_list(state);
            return effects;
        }
        Some(Action::NextPane) => filters.list.chosen = group(&lines, filters.list.chosen, Direction::On),
        Some(Action::PreviousPane) => filters.list.chosen = group(&lines, filters.list.chosen, Direction::Back),
        Some(action) => {
            if let Some(place) = moved(filters.list.chosen, action, page).filter(|_| !toggles) {
                filters.list.chosen = place.min(lines.len().saturating_sub(1));
            }
        }
        None => {}
    }
    state.overlay = Some(Overlay::Filters(filters));
    effects
}

/// Whoever has filtered looks at the list next.
fn to_list(state: &mut State) {
    state.pane = Pane::List;
}

/// Puts other filters in force: the list is looked up anew, and counts change.
fn put(state: &mut State, filters: clinqa_schema::Filters) -> Vec<Effect> {
    if filters == state.filters {
        return Vec::new();
    }
    state.filters = filters;
    let mut effects = question::changed(state);
    effects.push(Effect::Count(Box::new(state.filters.clone())));
    effects
}

fn same(a: &Condition, b: &Condition) -> bool {
    match (a, b) {
        (Condition::Value { facet, value, .. }, Condition::Value { facet: other, value: another, .. }) => {
            facet == other && value == another
        }
        (a, b) => a == b,
    }
}

#[derive(Clone, Copy)]
enum Direction {
    On,
    Back,
}

/// The first line of the next group, or of the one before.
fn group(lines: &[Condition], here: usize, direction: Direction) -> usize {
    let name = |line: &Condition| match line {
        Condition::Value { facet, .. } => facet.name(),
        _ => "dates",
    };
    let starts: Vec<usize> =
        (0..lines.len()).filter(|at| *at == 0 || name(&lines[*at]) != name(&lines[at - 1])).collect();
    match direction {
        Direction::On => starts.iter().copied().find(|start| *start > here).unwrap_or(0),
        Direction::Back => {
            starts.iter().rev().copied().find(|start| *start < here).or(starts.last().copied()).unwrap_or(0)
        }
    }
}

fn menu_pressed(state: &mut State, mut menu: Menu, action: Option<Action>) -> Vec<Effect> {
    let count = menu.items().len();
    match action {
        Some(Action::Accept | Action::Pin) => return chosen(state, &menu),
        Some(Action::Quit) => return Vec::new(),
        Some(action) => {
            if let Some(place) = moved(menu.chosen, action, count) {
                menu.chosen = place.min(count - 1);
            }
        }
        None => {}
    }
    state.overlay = Some(Overlay::Menu(menu));
    Vec::new()
}

fn chosen(state: &mut State, menu: &Menu) -> Vec<Effect> {
    match &menu.kind {
        MenuKind::Export => {
            let form = Form::ALL[menu.chosen];
            let text = export::write(form, &state.pins);
            vec![Effect::Write(Paper { kind: PaperKind::Pins, ending: form.ending(), text })]
        }
        MenuKind::Report => match &state.answer.reply {
            Some(reply) => {
                let (question, reply, fault) = (state.answer.question.clone(), reply.clone(), FAULTS[menu.chosen]);
                vec![Effect::Report(Complaint { question, reply, fault })]
            }
            None => Vec::new(),
        },
        MenuKind::Rebuild if menu.chosen == 1 => {
            (state.librarian.build, state.librarian.skips) = (Build::Running(None), Skips::default());
            vec![Effect::Rebuild]
        }
        MenuKind::Activate(id) if menu.chosen == 1 => vec![Effect::Activate(id.clone())],
        _ => Vec::new(),
    }
}

/// Asks in which form pins are written.
pub(super) fn export(state: &mut State) {
    if state.pins.is_empty() {
        let key = state.keymap.shown(Action::Pin);
        state.warn(format!("nothing is pinned; pin passages with {key}"));
    } else {
        state.overlay = Some(Overlay::Menu(Menu::new(MenuKind::Export)));
    }
}
