//! Is what matters seen: where the keys go, and what was found?

use proptest::prelude::*;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::{SIZES, Session, fuzzing};
use crate::key::Key;
use crate::keymap::Keymap;
use crate::message::Message;
use crate::state::layout::{SMALLEST, document, librarian, panes, parts, sides};
use crate::state::librarian::Tab;
use crate::state::reading::{Shown, Side, Typing};
use crate::state::{Pane, Screen, State};
use crate::theme::{Colours, Role, Theme};

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        6 => proptest::sample::select(Keymap::default_keys()).prop_map(|key| key),
        3 => proptest::sample::select("asepsis 2023-j?/".chars().collect::<Vec<_>>()).prop_map(Key::Char),
        1 => any::<char>().prop_map(Key::Char),
        1 => proptest::sample::select(vec![Key::Left, Key::Right, Key::Backspace, Key::Delete, Key::Ctrl('w'), Key::Ctrl('k')]),
    ]
}

/// The areas of a screen that could have the keys, and whether each has them.
fn areas(state: &State) -> Vec<(Rect, bool)> {
    match state.screen {
        Screen::Search => {
            let all = panes(state);
            [(all.answer, Pane::Answer), (all.list, Pane::List), (all.preview, Pane::Preview)]
                .map(|(area, pane)| (area, state.pane == pane))
                .to_vec()
        }
        Screen::Worklist => vec![(parts(state).body, true)],
        Screen::Document => {
            let (contents, text) = document(state);
            let listed = state.open.as_ref().is_some_and(|open| open.contents.shown == Shown::Focused);
            vec![(contents, listed), (text, !listed)]
        }
        Screen::Comparison => {
            let (left, right) = sides(state);
            let side = state.comparison.as_ref().map(|comparison| comparison.side);
            vec![(left, side == Some(Side::Left)), (right, side == Some(Side::Right))]
        }
        Screen::Librarian => {
            let (list, text) = librarian(state);
            let listed = state.librarian.tab == Tab::Generations;
            vec![(list, listed), (text, !listed)]
        }
    }
}

/// How the lines of an area are drawn: thick, thin, or not at all.
fn rule_of(buffer: &Buffer, area: Rect) -> Option<bool> {
    let symbols: Vec<&str> =
        (area.left()..area.right()).filter_map(|x| Some(buffer.cell((x, area.y))?.symbol())).collect();
    if symbols.contains(&"━") { Some(true) } else { symbols.contains(&"─").then_some(false) }
}

/// Whether it is seen where the keys go, and nowhere else: a thick box in front, else one thick rule among thin ones, or
/// the cursor in a line whose pointer is lit.
fn focus_is_seen(session: &Session) -> Result<(), String> {
    let state = &session.state;
    let mut terminal = session.frame();
    let cursor = terminal.get_cursor_position().map_err(|error| error.to_string())?;
    let buffer = terminal.backend().buffer();
    if state.overlay.is_some() {
        let corners = buffer.content.iter().filter(|cell| cell.symbol() == "┏").count();
        return if corners == 1 { Ok(()) } else { Err(format!("{corners} boxes")) };
    }
    let asks = state.screen == Screen::Search && state.pane == Pane::Question;
    for (area, here) in areas(state).into_iter().filter(|(area, _)| area.width > 0 && area.height > 0) {
        if rule_of(buffer, area) != Some(here) {
            return Err(format!("the rule of {area:?} is {:?} and should be {here}", rule_of(buffer, area)));
        }
    }
    let lit = areas(state).iter().any(|(area, here)| *here && area.width > 0 && area.height > 0);
    if lit == asks {
        return Err("no pane that is shown has the keys".to_owned());
    }
    if state.screen == Screen::Search {
        let pointer = buffer.cell((1, parts(state).line.y)).ok_or("no pointer")?;
        if has_look(pointer, state.theme, Role::Focus) != asks {
            return Err("the pointer of the question is lit wrongly".to_owned());
        }
    }
    let seeks =
        state.screen == Screen::Document && state.open.as_ref().is_some_and(|open| open.find.typing == Typing::Yes);
    let line = if seeks { parts(state).status } else { parts(state).line };
    if (asks || seeks) && !(cursor.y == line.y && cursor.x < state.width) {
        return Err(format!("the cursor stands at {cursor:?}"));
    }
    Ok(())
}

/// Whether a cell looks as `role` does, and not only alike.
fn has_look(cell: &Cell, theme: Theme, role: Role) -> bool {
    let style = theme.style(role);
    let same = |found: Color, wanted: Option<Color>| found == wanted.unwrap_or(Color::Reset);
    same(cell.fg, style.fg) && same(cell.bg, style.bg) && cell.modifier == style.add_modifier
}

proptest! {
    #![proptest_config(fuzzing())]

    #[test]
    fn whatever_is_pressed_at_whatever_size_it_is_seen_where_the_keys_go(
        keys in proptest::collection::vec(any_key(), 0..40),
        sizes in proptest::collection::vec((1u16..140, 1u16..50), 1..4),
        first in "[ -~]{0,12}",
    ) {
        let mut session = Session::new((80, 24));
        first.chars().for_each(|c| session.send(Message::Key(Key::Char(c))));
        for (at, key) in keys.iter().enumerate() {
            session.send(Message::Key(*key));
            if at % 10 == 9 {
                let (width, height) = sizes[at / 10 % sizes.len()];
                session.send(Message::Resized(width, height));
            }
            let (width, height) = (session.state.width, session.state.height);
            if width < SMALLEST.0 || height < SMALLEST.1 {
                continue;
            }
            let seen = focus_is_seen(&session);
            prop_assert!(seen.is_ok(), "{seen:?} at {width}x{height} after {key}:\n{}", session.text());
        }
    }
}

/// The letters that look as `role` does, in the order they are read, without blanks.
fn letters(session: &Session, role: Role) -> String {
    let terminal = session.frame();
    let cells = terminal.backend().buffer().content.iter();
    let lit = cells.filter(|cell| has_look(cell, session.state.theme, role)).map(Cell::symbol);
    lit.collect::<String>().split_whitespace().collect()
}

#[test]
fn the_span_that_answers_is_lit_wherever_it_is_shown_and_nothing_else_is() {
    for colours in [Colours::None, Colours::Sixteen, Colours::True] {
        for size in SIZES {
            let start = || {
                let mut session = Session::new(size);
                session.state.theme = Theme { colours, ..Theme::default() };
                session.press("\"sepsis_antibiotics\"")
            };
            let list = start().press("enter tab");
            // The reply of the sample answers with the first twelve letters of its passage.
            let row = list.state.chosen().expect("a passage").text().chars().take(12).collect::<String>();
            let row: String = row.split_whitespace().collect();
            let listed = letters(&list, Role::Span);
            assert!(
                !listed.is_empty() && (listed.ends_with(&row) || row.starts_with(&listed)),
                "{listed} for {row} in a list"
            );
            let preview = letters(&start().press("enter tab tab"), Role::Span);
            assert!(preview.contains(&row), "{preview} for {row} in a preview of {size:?}");
            let quote = letters(&start().press("enter G"), Role::Span);
            assert!(quote.contains("Givebroad-s"), "{quote} in an answer of {size:?}");
            let opened = start().press("enter o");
            let page = &opened.state.open.as_ref().expect("a document").page;
            let span = page.span.clone().expect("a span");
            let text = &page.document.text;
            let answer: String = text[span].split_whitespace().collect();
            assert_eq!(letters(&opened, Role::Span), answer, "in a document of {size:?}");
            assert!(letters(&Session::new(size).press("\"sepsis\" esc"), Role::Span).is_empty(), "nothing answers yet");
        }
    }
}

#[test]
fn what_is_searched_for_in_a_document_is_lit_and_the_place_of_now_is_told_apart() {
    let session = Session::new((80, 24)).press("\"sepsis\" enter o / \"its_care\" enter");
    let (here, others) = (letters(&session, Role::Chosen), letters(&session, Role::Match));
    assert_eq!(here, "itscare");
    assert!(others.contains("itscareitscare"), "{others}");
    let next = session.press("n");
    assert_eq!(letters(&next, Role::Chosen), "itscare");
}
