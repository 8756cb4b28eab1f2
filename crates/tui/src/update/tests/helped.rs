//! Does the help name every key that works, wherever it works, and none that does not?

use super::{asked, fresh, press, sent};
use crate::help;
use crate::key::Key;
use crate::line::EDITS;
use crate::message::{By, Effect, Message, Shelved};
use crate::sample;
use crate::state::{Overlay, Pane, Screen, State};
use crate::update::update;

/// Every place that keys go to, by its name.
fn places() -> Vec<(&'static str, State)> {
    let at = |keys: &str| press(asked(80, 24), keys).0;
    let document = || sent(at("tab j o"), Message::Document(Box::new(sample::document("doc-1")))).0;
    let compared = sent(at("tab c j c"), Message::Document(Box::new(sample::document("doc-1")))).0;
    let compared = sent(compared, Message::Document(Box::new(sample::document("doc-0")))).0;
    let shelf = [1, 2].map(|number| Shelved { manifest: sample::manifest(number), current: number == 2, scores: None });
    let librarian = sent(at("L"), Message::Shelf(shelf.to_vec())).0;
    let of = at("tab j j").chosen().expect("one").id().clone();
    let alike = sent(at("tab j j m"), Message::Similar(of, sample::found(By::Meaning, 4).rows)).0;
    vec![
        ("an empty question", fresh(80, 24)),
        ("a question", at("/ left left")),
        ("a question with a line cut", at("/ ctrl-w \"sep\" left")),
        ("an older question", at("/ ctrl-u \"x\" enter / up")),
        ("the answer", at("")),
        ("the list", at("tab j")),
        ("a list with pins", at("tab p j j p")),
        ("a list with a mark", at("tab c j")),
        ("the preview", at("tab tab")),
        ("what is alike", alike),
        ("the worklist", at("tab p j p w j")),
        ("a document", press(document(), "j j").0),
        ("its contents", press(document(), "t j").0),
        ("a search in it", press(document(), "/ \"care\" left").0),
        ("places found in it", press(document(), "/ \"care\" enter n").0),
        ("two documents", press(compared, "j").0),
        ("generations", press(librarian.clone(), "k").0),
        ("corpora", press(librarian.clone(), "tab").0),
        ("gaps", press(librarian.clone(), "shift-tab").0),
        ("an activation", press(librarian, "k enter j").0),
        ("the help", at("? j")),
        ("reasons", at("tab x")),
        ("a date", at("f \"20\"")),
        ("filters", at("f tab")),
        ("an export", at("p e j")),
    ]
}

/// Whether what is pressed is written there.
fn is_typed(state: &State, key: Key) -> bool {
    let Key::Char(c) = key else { return false };
    match &state.overlay {
        Some(Overlay::Filters(_)) => c.is_ascii_digit() || c == '-',
        Some(_) => false,
        None => {
            let asks = state.screen == Screen::Search && state.pane == Pane::Question;
            let seeks = state.screen == Screen::Document
                && state.open.as_ref().is_some_and(|open| open.find.typing == crate::state::reading::Typing::Yes);
            asks || seeks
        }
    }
}

/// Whether the key changes anything or has anything done, a note aside.
fn works(state: &State, key: Key) -> bool {
    let settled = |state: State| State { note: None, ..update(state, Message::Resized(80, 24)).0 };
    let before = settled(settled(state.clone()));
    let (after, effects) = update(before.clone(), Message::Key(key));
    let effects: Vec<Effect> = effects.into_iter().filter(|effect| !matches!(effect, Effect::Compare(_))).collect();
    !effects.is_empty() || format!("{:?}", settled(after)) != format!("{before:?}")
}

#[test]
fn the_help_names_every_key_that_works_anywhere() {
    let listed: Vec<Key> =
        help::sections(&fresh(80, 24)).into_iter().flat_map(|(_, rows)| rows).flat_map(|it| it.0).collect();
    for (place, state) in places() {
        for key in Key::all() {
            // `Esc` and a letter in one packet, which are told apart where the key means nothing.
            let apart = matches!(key, Key::Alt(_)) && !EDITS.iter().any(|(keys, _)| keys.contains(&key));
            if apart || is_typed(&state, key) || listed.contains(&key) {
                continue;
            }
            assert!(!works(&state, key), "{key} works in {place}, and the help does not say so");
        }
    }
}

#[test]
fn every_key_of_the_help_works_somewhere() {
    let places = places();
    for (section, rows) in help::sections(&fresh(80, 24)) {
        for (keys, help) in rows {
            assert!(!keys.is_empty(), "{help} has no key");
            for key in keys {
                let found = places.iter().any(|(_, state)| !is_typed(state, key) && works(state, key));
                assert!(found, "{section}: {key} does nothing anywhere, and the help says: {help}");
            }
        }
    }
}
