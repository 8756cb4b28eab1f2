//! Keys on the librarian's screen.

use crate::keymap::Action;
use crate::message::Effect;
use crate::state::choosing::{Menu, MenuKind};
use crate::state::layout::{self, text_height};
use crate::state::librarian::{Checking, Corpora, Tab};
use crate::state::{Overlay, Screen, State};
use crate::update::moved;

/// An action on the librarian's screen.
pub(super) fn acted(state: &mut State, action: Action) -> Vec<Effect> {
    let page = text_height(layout::librarian(state).1);
    let librarian = &mut state.librarian;
    // Where there is a list, single steps choose in it, and half pages turn the text below it.
    let in_list = librarian.tab == Tab::Generations && !matches!(action, Action::HalfDown | Action::HalfUp);
    let place = if in_list { librarian.list.chosen } else { librarian.top };
    if let Some(place) = moved(place, action, page) {
        if in_list {
            (librarian.list.chosen, librarian.top) = (place, 0);
        } else {
            librarian.top = place;
        }
        return Vec::new();
    }
    match action {
        Action::NextPane => (librarian.tab, librarian.top) = (librarian.tab.next(), 0),
        Action::PreviousPane => (librarian.tab, librarian.top) = (librarian.tab.before(), 0),
        Action::Check if librarian.checking == Checking::No => {
            (librarian.tab, librarian.checking, librarian.corpora) = (Tab::Corpora, Checking::Yes, Corpora::Asked);
            return vec![Effect::Check];
        }
        Action::Rebuild if librarian.is_building() => state.warn("a rebuild is running"),
        Action::Rebuild => {
            librarian.tab = Tab::Rebuild;
            state.overlay = Some(Overlay::Menu(Menu::new(MenuKind::Rebuild)));
        }
        Action::Accept if librarian.tab == Tab::Generations => match librarian.shelf.get(librarian.list.chosen) {
            Some(standing) if !standing.current => {
                let id = standing.manifest.id.clone();
                state.overlay = Some(Overlay::Menu(Menu::new(MenuKind::Activate(id))));
            }
            _ => state.say("this generation is the current one"),
        },
        Action::Back => state.screen = Screen::Search,
        Action::Question => {
            state.screen = Screen::Search;
            state.pane = crate::state::Pane::Question;
        }
        _ => {}
    }
    Vec::new()
}
