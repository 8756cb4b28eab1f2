//! Keys in the question line.

use crate::key::Key;
use crate::keymap::Action;
use crate::line::Edit;
use crate::message::Effect;
use crate::state::answered::Stage;
use crate::state::{Overlay, Pane, State};
use crate::update::search;

/// Letters are typed, whatever they do elsewhere; other keys edit, and what does not edit acts.
pub(super) fn pressed(state: &mut State, key: Key, action: Option<Action>) -> Vec<Effect> {
    let is_text = matches!(key, Key::Char(_));
    if state.line.text().is_empty() && action == Some(Action::Help) {
        state.overlay = Some(Overlay::Help(0));
        return Vec::new();
    }
    match action.filter(|_| !is_text) {
        Some(Action::Accept) => return ask(state),
        Some(Action::NextPane) => return complete(state),
        Some(Action::PreviousPane | Action::Back) => {
            search::step_pane(state, action.unwrap_or(Action::Back));
            return Vec::new();
        }
        _ => {}
    }
    if key == Key::Down && !state.line.is_browsing() {
        state.pane = Pane::List;
        return Vec::new();
    }
    match state.line.edit(key) {
        Edit::Changed => changed(state),
        Edit::Moved => Vec::new(),
        Edit::Unknown => match action {
            Some(action @ (Action::HalfDown | Action::HalfUp)) => search::acted_on_list(state, action),
            _ => Vec::new(),
        },
    }
}

/// The text or a condition is another one: everything that answers the one before is old.
pub(super) fn changed(state: &mut State) -> Vec<Effect> {
    state.seq += 1;
    state.like = None;
    if state.line.text().trim().is_empty() {
        state.found = None;
        state.arrange();
        state.answer.clear();
        state.notices.clear();
        return Vec::new();
    }
    state.answer.stage = if state.answer.reply.is_some() { Stage::Old } else { Stage::Nothing };
    vec![Effect::Look(state.lookout())]
}

fn ask(state: &mut State) -> Vec<Effect> {
    if state.line.text().trim().is_empty() {
        return Vec::new();
    }
    let new = state.line.remember();
    state.pane = Pane::Answer;
    state.answer.asked = state.seq;
    if state.answer.stage == Stage::Here {
        search::count_reply(state);
        return remembered(new);
    }
    state.answer.reply = None;
    state.answer.stage = Stage::Asked;
    let mut effects = vec![Effect::Ask(state.lookout())];
    effects.extend(remembered(new));
    effects
}

/// A line that the history did not end with is offered to whoever keeps it.
fn remembered(new: Option<String>) -> Vec<Effect> {
    new.map(Effect::Remember).into_iter().collect()
}

fn complete(state: &mut State) -> Vec<Effect> {
    let names = std::sync::Arc::clone(&state.names);
    let Some(rest) = state.line.completion(&names) else {
        search::step_pane(state, Action::NextPane);
        return Vec::new();
    };
    state.line.insert(rest);
    changed(state)
}
