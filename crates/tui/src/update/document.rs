//! Keys in a document and in a comparison of two.

use crate::key::Key;
use crate::keymap::Action;
use crate::line::Edit;
use crate::message::Effect;
use crate::state::layout::{document, sides, text_height};
use crate::state::reading::{Shown, Side, Step, Typing};
use crate::state::{Screen, State};
use crate::update::moved;

/// An action in a document.
pub(super) fn acted(state: &mut State, action: Action) -> Vec<Effect> {
    let (contents, text) = document(state);
    let Some(open) = &mut state.open else {
        state.screen = Screen::Search;
        return Vec::new();
    };
    if open.contents.shown == Shown::Focused {
        if let Some(chosen) = moved(open.contents.list.chosen, action, text_height(contents)) {
            open.contents.list.chosen = chosen;
            return Vec::new();
        }
        if matches!(action, Action::Accept | Action::Open) {
            if let Some((bytes, _)) = open.page.headings.get(open.contents.list.chosen) {
                let start = bytes.start;
                open.page.go_to(start);
            }
            open.contents.shown = Shown::Aside;
            return Vec::new();
        }
    } else if let Some(top) = moved(open.page.top, action, text_height(text)) {
        open.page.top = top;
        return Vec::new();
    }
    match action {
        Action::Contents | Action::NextPane | Action::PreviousPane => {
            if open.contents.shown == Shown::Focused {
                open.contents.shown = Shown::Aside;
            } else if open.page.headings.is_empty() {
                state.warn("this document has no sections");
            } else {
                open.contents.shown = Shown::Focused;
                open.contents.list.chosen = open.page.section().unwrap_or(0);
            }
        }
        Action::Question => {
            open.find.typing = Typing::Yes;
            open.find.line.set("");
        }
        Action::NextMatch => open.step(Step::On),
        Action::PreviousMatch => open.step(Step::Back),
        Action::Open => return browse(state),
        Action::Copy => return copy(state),
        Action::Back => {
            if open.contents.shown == Shown::Focused {
                open.contents.shown = Shown::Aside;
            } else if open.find.matches.is_empty() {
                state.screen = open.from;
                state.open = None;
            } else {
                open.find = crate::state::reading::Find::default();
            }
        }
        _ => {}
    }
    Vec::new()
}

fn browse(state: &mut State) -> Vec<Effect> {
    let url = state.open.as_ref().and_then(|open| open.page.document.metadata.url.clone());
    // Only what a browser shows is handed to one.
    let Some(url) = url.filter(|url| url.starts_with("https://") || url.starts_with("http://")) else {
        state.warn("this document names no web address");
        return Vec::new();
    };
    vec![Effect::Browse(url)]
}

/// The marked span with where it stands; without one, the title.
fn copy(state: &mut State) -> Vec<Effect> {
    let Some(open) = &state.open else { return Vec::new() };
    let document = &open.page.document;
    let quote = open.page.span.clone().and_then(|span| document.text.get(span)).unwrap_or(&document.title);
    let quote = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    let quote = crate::text::clean(&quote, crate::text::Charset::Utf8);
    let parts = [document.title.as_str(), document.metadata.publisher.as_str()];
    let mut source: Vec<String> =
        parts.iter().map(|part| crate::text::clean(part, crate::text::Charset::Utf8)).collect();
    source.extend(document.metadata.published.as_ref().map(ToString::to_string));
    source.extend(document.metadata.grade.as_ref().map(|grade| {
        let grade = crate::text::clean(grade, crate::text::Charset::Utf8);
        format!("grade {grade}")
    }));
    source.extend(document.metadata.url.as_ref().map(|url| crate::text::clean(url, crate::text::Charset::Utf8)));
    let standing = crate::export::standing(&document.metadata.standing).map(|said| format!("{said}. "));
    let standing = standing.unwrap_or_default();
    let text = format!("\"{quote}\"\n{standing}{} [{}]\n", source.join(", "), document.id);
    state.say("copied the marked passage with its source");
    vec![Effect::Copy(text)]
}

/// A key in the line of a search in a document.
pub(super) fn typed(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(open) = &mut state.open else { return Vec::new() };
    match key {
        Key::Enter | Key::Esc => {
            open.find.typing = Typing::No;
            if key == Key::Esc {
                open.find = crate::state::reading::Find::default();
            } else if open.find.matches.is_empty() {
                state.warn("not in this document");
            }
        }
        other => {
            if open.find.line.edit(other) == Edit::Changed {
                open.look();
            }
        }
    }
    Vec::new()
}

/// An action in a comparison.
pub(super) fn acted_on_comparison(state: &mut State, action: Action) -> Vec<Effect> {
    let (left, _) = sides(state);
    let Some(comparison) = &mut state.comparison else {
        state.screen = Screen::Search;
        return Vec::new();
    };
    if let Some(page) = comparison.focused()
        && let Some(top) = moved(page.top, action, text_height(left))
    {
        page.top = top;
        return Vec::new();
    }
    match action {
        Action::NextPane | Action::PreviousPane => {
            comparison.side = if comparison.side == Side::Left { Side::Right } else { Side::Left };
        }
        Action::Back => {
            state.comparison = None;
            state.screen = Screen::Search;
        }
        _ => {}
    }
    Vec::new()
}
