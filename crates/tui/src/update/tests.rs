//! Do keys do what the table says, whatever comes in between?

mod helped;

use std::sync::Arc;

use clinqa_schema::{Abstention, Filters};

use super::update;
use crate::key::Key;
use crate::keymap::Keymap;
use crate::message::{By, Effect, Message};
use crate::names::Names;
use crate::sample;
use crate::state::answered::Stage;
use crate::state::librarian::{Build, Tab};
use crate::state::reading::{Shown, Side};
use crate::state::{Overlay, Pane, Screen, Sort, State};
use crate::theme::Theme;

fn fresh(width: u16, height: u16) -> State {
    let state = State::new((width, height), Theme::default(), Keymap::default());
    let state = sent(state, Message::Opened(Box::new(sample::manifest(2)))).0;
    let state = sent(state, Message::ModelsReady).0;
    sent(state, Message::Facets(Box::default(), sample::counts())).0
}

fn sent(state: State, message: Message) -> (State, Vec<Effect>) {
    update(state, message)
}

/// Presses keys written as in settings, with blanks between; a word in quotes is typed.
fn press(mut state: State, keys: &str) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    for word in keys.split(' ').filter(|word| !word.is_empty()) {
        let pressed: Vec<Key> = match word.strip_prefix('"') {
            Some(typed) => typed.trim_end_matches('"').replace('_', " ").chars().map(Key::Char).collect(),
            None => vec![word.parse().expect("a key")],
        };
        for key in pressed {
            let (next, more) = update(state, Message::Key(key));
            state = next;
            effects.extend(more);
        }
    }
    (state, effects)
}

/// A list of twelve passages and an answer from the first, after Enter.
fn asked(width: u16, height: u16) -> State {
    let (state, _) = press(fresh(width, height), "\"sepsis\" enter");
    let seq = state.seq;
    let state = sent(state, Message::Found(seq, sample::found(By::Words, 12))).0;
    let state = sent(state, Message::Found(seq, sample::found(By::Meaning, 12))).0;
    sent(state, Message::Replied(seq, Box::new(sample::reply("Give broad-spectrum antibiotics.")))).0
}

fn looks(effects: &[Effect]) -> Vec<&str> {
    let look = |effect| match effect {
        &Effect::Look(ref lookout) | &Effect::Ask(ref lookout) => Some(lookout.text.as_str()),
        _ => None,
    };
    effects.iter().filter_map(look).collect()
}

#[test]
fn every_letter_looks_up_and_the_late_are_not_heard() {
    let (state, effects) = press(fresh(80, 24), "\"sep\"");
    assert_eq!(looks(&effects), ["s", "se", "sep"]);
    let late = sent(state, Message::Found(2, sample::found(By::Words, 3))).0;
    assert!(late.found.is_none());
    let late = sent(late, Message::Replied(2, Box::new(sample::reply("x")))).0;
    assert!(late.answer.reply.is_none());
    let late = sent(late, Message::Screened(2, vec![sample::emergency()])).0;
    assert!(late.notices.is_empty());
    let now = sent(late, Message::Found(3, sample::found(By::Words, 3))).0;
    assert_eq!(now.rows().len(), 3);
}

#[test]
fn a_list_by_meaning_is_never_replaced_by_one_by_words() {
    let (state, _) = press(fresh(80, 24), "\"s\"");
    let state = sent(state, Message::Found(1, sample::found(By::Meaning, 3))).0;
    let state = sent(state, Message::Found(1, sample::found(By::Words, 9))).0;
    assert_eq!(state.rows().len(), 3);
}

#[test]
fn what_was_chosen_stays_chosen_when_the_better_list_arrives() {
    let (state, _) = press(fresh(80, 24), "\"s\"");
    let state = sent(state, Message::Found(1, sample::found(By::Words, 9))).0;
    let (state, _) = press(state, "down j j");
    let mut better = sample::found(By::Meaning, 9);
    better.rows.reverse();
    let state = sent(state, Message::Found(1, better)).0;
    assert_eq!((state.list.chosen, state.chosen().expect("one").id().to_string().as_str()), (6, "doc-2#2"));
}

#[test]
fn keys_do_on_the_search_screen_what_the_help_says() {
    let check = |keys: &str, holds: fn(&State, &[Effect]) -> bool| {
        let (state, effects) = press(asked(80, 24), keys);
        assert!(holds(&state, &effects), "{keys}: {:?} {effects:?}", state.pane);
    };
    check("", |state, _| state.pane == Pane::Answer && state.answer.stage == Stage::Here);
    check("tab", |state, _| state.pane == Pane::List);
    check("tab tab", |state, _| state.pane == Pane::Preview);
    check("tab tab tab", |state, _| state.pane == Pane::Question);
    check("shift-tab", |state, _| state.pane == Pane::Question);
    check("tab j j k down", |state, _| state.list.chosen == 2);
    check("tab G", |state, _| state.list.chosen == 11);
    check("tab end g", |state, _| state.list.chosen == 0);
    check("tab ctrl-d", |state, _| state.list.chosen > 0);
    check("tab G ctrl-u", |state, _| state.list.chosen < 11);
    check("/", |state, _| state.pane == Pane::Question);
    check("esc esc", |state, _| state.pane == Pane::Question);
    check("y", |_, effects| matches!(effects, [Effect::Copy(text)] if text.contains("[doc-0#0]")));
    check("tab j y", |_, effects| matches!(effects, [Effect::Copy(text)] if text.contains("[doc-1#1]")));
    check("tab p j space", |state, _| state.pins.len() == 2);
    check("tab p p", |state, _| state.pins.is_empty());
    check("p w", |state, _| state.screen == Screen::Worklist && state.pins.len() == 1);
    check("p w w", |state, _| state.screen == Screen::Search);
    check("p w p", |state, _| state.pins.is_empty());
    check("o", |_, effects| matches!(effects, [Effect::Open(id)] if id.as_str() == "doc-0"));
    check("tab j enter", |_, effects| matches!(effects, [Effect::Open(id)] if id.as_str() == "doc-1"));
    check("f", |state, effects| {
        matches!(state.overlay, Some(Overlay::Filters(_))) && matches!(effects, [Effect::Count(_)])
    });
    check("s", |state, _| state.sort == Sort::Newest);
    check("s s", |state, _| state.sort == Sort::Title);
    check("tab x", |state, _| matches!(state.overlay, Some(Overlay::Why(0))));
    check("tab x x", |state, _| state.overlay.is_none());
    check("tab m", |_, effects| matches!(effects, [Effect::Similar(id, _)] if id.ordinal == 0));
    check("tab c", |state, _| state.marked.is_some());
    check("tab c c", |state, _| state.marked.is_none());
    check("tab c j c", |state, effects| state.screen == Screen::Comparison && effects.len() == 2);
    check("!", |state, _| matches!(state.overlay, Some(Overlay::Menu(_))));
    check(
        "! j enter",
        |_, effects| matches!(effects, [Effect::Report(complaint)] if complaint.fault == "dangerous" && complaint.question.contains("sepsis")),
    );
    check("e", |state, _| state.overlay.is_none() && state.note.is_some());
    check("p e enter", |_, effects| matches!(effects, [Effect::Write(paper)] if paper.ending == "md"));
    check("p e G enter", |_, effects| matches!(effects, [Effect::Write(paper)] if paper.ending == "json"));
    check("L", |state, effects| state.screen == Screen::Librarian && matches!(effects, [Effect::Shelf]));
    check("?", |state, _| matches!(state.overlay, Some(Overlay::Help(0))));
    check("? j", |state, _| matches!(state.overlay, Some(Overlay::Help(1))));
    check("? esc", |state, _| state.overlay.is_none());
    check("q", |_, effects| effects == [Effect::Quit]);
    check("/ ctrl-c", |_, effects| effects == [Effect::Quit]);
    check("? ctrl-c", |_, effects| effects == [Effect::Quit]);
    check("ctrl-z", |_, effects| effects == [Effect::Suspend]);
    check("tab tab alt-q", |_, effects| effects == [Effect::Quit]);
    check("? alt-x", |state, _| matches!(state.overlay, Some(Overlay::Why(_))));
    check("ctrl-l", |_, effects| effects == [Effect::Redraw]);
}

#[test]
fn letters_are_typed_in_the_question_whatever_they_do_elsewhere() {
    let (state, effects) = press(fresh(80, 24), "\"quick?/\" ctrl-w \"q\"");
    assert_eq!(state.line.text(), "q");
    assert!(!effects.contains(&Effect::Quit));
    let (state, _) = press(fresh(80, 24), "?");
    assert!(matches!(state.overlay, Some(Overlay::Help(_))), "an empty question begins with no question mark");
}

#[test]
fn a_name_is_completed_and_looked_up() {
    let names = Names::new(["Sepsis in adults".to_owned()]);
    let state = sent(fresh(80, 24), Message::Names(Arc::new(names))).0;
    let (state, effects) = press(state, "\"seps\" tab");
    assert_eq!(state.line.text(), "sepsis in adults");
    assert_eq!(looks(&effects).last(), Some(&"sepsis in adults"));
    assert!(matches!(&effects[3], Effect::Look(lookout) if lookout.rest == "is in adults"));
    assert_eq!(press(state, "tab").0.pane, Pane::List);
}

#[test]
fn an_emergency_leads_while_it_is_typed_and_goes_when_it_is_gone() {
    let (state, _) = press(fresh(80, 24), "\"x\"");
    let state = sent(state, Message::Screened(1, vec![sample::emergency()])).0;
    assert_eq!(state.notices.len(), 1);
    let (state, _) = press(state, "backspace");
    assert!(state.notices.is_empty());
}

#[test]
fn a_question_without_an_answer_is_counted_without_its_words() {
    let (state, _) = press(fresh(80, 24), "\"secret\" enter");
    let state = sent(state, Message::Replied(6, Box::new(sample::abstained(Abstention::Personal)))).0;
    assert_eq!(state.answer.tally.abstained["personal"], 1);
    let (state, _) = press(state, "/ enter");
    assert_eq!(state.answer.tally.abstained["personal"], 1, "asked again, counted once");
    assert!(!format!("{:?}", state.answer.tally).contains("secret"));
}

#[test]
fn filters_are_chosen_with_few_keys_and_lifted_again() {
    let filtered = |keys: &str| -> Filters { press(asked(80, 24), keys).0.filters };
    let since = |year: &str| clinqa_schema::Date::new(year).ok();
    assert_eq!(filtered("f \"2023\" enter").since, since("2023"));
    assert_eq!(filtered("f \"2023\" tab").since, since("2023"), "taken when the line is left");
    assert_eq!(filtered("f \"20x3\" enter").since, None);
    assert_eq!(filtered("f j \"2024-05\" enter").until, since("2024-05"));
    assert_eq!(filtered("f tab enter").kind.as_deref(), Some("guideline"));
    let both = filtered("f \"2023\" tab space");
    assert_eq!((both.kind.as_deref(), both.since), (Some("guideline"), since("2023")));
    assert_eq!(filtered("f tab enter enter"), Filters::default(), "a second time lifts it");
    assert_eq!(filtered("f tab enter g enter"), Filters::default(), "the first line lifts all");
    let (state, effects) = press(asked(80, 24), "f tab enter");
    assert!(matches!(effects[1], Effect::Look(_)) && matches!(effects[2], Effect::Count(_)), "{effects:?}");
    assert!(state.overlay.is_some(), "the list stays open for more");
    assert!(press(state, "f").0.overlay.is_none());
}

#[test]
fn a_document_opens_at_its_span_and_is_searched() {
    let (state, _) = press(asked(80, 24), "tab j o");
    let mut state = sent(state, Message::Document(Box::new(sample::document("doc-1")))).0;
    assert_eq!(state.screen, Screen::Document);
    let places = |state: &State| state.open.as_ref().map_or(0, |open| open.find.current);
    let top = |state: &State| state.open.as_ref().map_or(0, |open| open.page.top);
    (state, _) = press(state, "/ \"section_7\" enter");
    assert!(top(&state) > 0);
    (state, _) = press(state, "n n");
    assert_eq!(places(&state), 2);
    (state, _) = press(state, "N");
    assert_eq!(places(&state), 1);
    (state, _) = press(state, "esc");
    assert_eq!(state.screen, Screen::Document, "the first Esc ends the search");
    (state, _) = press(state, "t G enter");
    assert!(state.open.as_ref().is_some_and(|open| open.contents.shown == Shown::Aside));
    let at_end = top(&state);
    (state, _) = press(state, "g");
    assert!(top(&state) < at_end);
    let (copied, effects) = press(state, "y");
    assert!(matches!(&effects[..], [Effect::Copy(text)] if text.contains("Document doc-1")), "{effects:?}");
    assert_eq!(press(copied, "esc").0.screen, Screen::Search);
}

#[test]
fn two_documents_are_read_side_by_side() {
    let (state, _) = press(asked(80, 24), "tab c j c");
    let state = sent(state, Message::Document(Box::new(sample::document("doc-1")))).0;
    let state = sent(state, Message::Document(Box::new(sample::document("doc-0")))).0;
    let (state, _) = press(state, "tab G");
    let comparison = state.comparison.as_ref().expect("two documents");
    let title = |page: &Option<crate::state::reading::Page>| page.as_ref().map(|page| page.document.title.clone());
    assert_eq!(title(&comparison.left).as_deref(), Some("Document doc-0"));
    assert_eq!(title(&comparison.right).as_deref(), Some("Document doc-1"));
    assert_eq!(comparison.side, Side::Right);
    assert!(comparison.right.as_ref().is_some_and(|page| page.top > 0));
    assert!(comparison.left.as_ref().is_some_and(|page| page.top == 0));
    assert_eq!(press(state, "esc").0.screen, Screen::Search);
}

#[test]
fn passages_like_one_are_listed_until_they_are_left() {
    let (state, _) = press(asked(80, 24), "tab j j m");
    let of = state.chosen().expect("one").id().clone();
    let rows = sample::found(By::Meaning, 4).rows;
    let state = sent(state, Message::Similar(of, rows)).0;
    assert_eq!((state.rows().len(), state.list.chosen), (4, 0));
    let (state, _) = press(state, "esc");
    assert_eq!((state.rows().len(), state.list.chosen), (12, 2));
}

#[test]
fn a_librarian_confirms_what_cannot_be_taken_back() {
    let shelf = [1, 2].map(|number| crate::message::Shelved {
        manifest: sample::manifest(number),
        current: number == 2,
        scores: Some(sample::scores(number)),
    });
    let (state, _) = press(fresh(80, 24), "esc L");
    let state = sent(state, Message::Shelf(shelf.to_vec())).0;
    assert_eq!(state.librarian.list.chosen, 1, "the newest is chosen");
    let (state, effects) = press(state, "enter");
    assert!(effects.is_empty() && state.overlay.is_none(), "the current one is current");
    let (state, effects) = press(state, "k enter enter");
    assert!(effects.is_empty(), "No comes first");
    let (state, effects) = press(state, "enter j enter");
    assert!(matches!(&effects[..], [Effect::Activate(id)] if id.number() == 1));
    let (state, effects) = press(state, "R j enter");
    assert_eq!(effects, [Effect::Rebuild]);
    assert_eq!((state.librarian.tab, state.librarian.is_building()), (Tab::Rebuild, true));
    let (state, effects) = press(state, "R");
    assert!(effects.is_empty() && state.overlay.is_none(), "one at a time");
    let state = sent(state, Message::Rebuilt(Err("no corpus".into()))).0;
    assert!(matches!(state.librarian.build, Build::Ended(Err(_))));
    let (state, effects) = press(state, "v");
    assert_eq!((state.librarian.tab, &effects[..]), (Tab::Corpora, &[Effect::Check][..]));
    let (state, _) = press(state, "tab tab");
    assert_eq!(state.librarian.tab, Tab::Gaps);
    assert_eq!(press(state, "esc").0.screen, Screen::Search);
}

#[test]
fn the_path_of_a_newcomer_takes_twenty_keys_at_most() {
    let typed = "\"lactate_threshold_sepsis\" enter y f \"2023\" tab enter f p j p j p e enter";
    let keys = typed.split(' ').filter(|word| !word.starts_with('"')).count();
    assert!(keys <= 20, "{keys} keys");
    let (state, _) = press(fresh(80, 24), "\"lactate_threshold_sepsis\" enter");
    let seq = state.seq;
    let state = sent(state, Message::Found(seq, sample::found(By::Meaning, 12))).0;
    let state = sent(state, Message::Replied(seq, Box::new(sample::reply("Give broad-spectrum antibiotics.")))).0;
    let (state, copied) = press(state, "y");
    assert!(matches!(copied[..], [Effect::Copy(_)]));
    let (state, _) = press(state, "f \"2023\" tab enter f");
    let seq = state.seq;
    let state = sent(state, Message::Found(seq, sample::found(By::Meaning, 12))).0;
    let (state, effects) = press(state, "p j p j p e enter");
    assert_eq!((state.pins.len(), state.filters.kind.as_deref()), (3, Some("guideline")));
    assert!(matches!(&effects[..], [Effect::Write(paper)] if paper.text.matches("doc-").count() == 3), "{effects:?}");
}

#[test]
fn a_lost_connection_is_told_once_and_what_stands_in_the_line_is_asked_again() {
    let (state, _) = press(fresh(80, 24), "\"sepsis\"");
    let (state, effects) = sent(state, Message::Lost("cannot reach ward-server".into()));
    assert!(effects.is_empty() && crate::content::status(&state).starts_with("NO CONNECTION"));
    assert!(state.note.as_ref().is_some_and(|note| note.text.contains("ward-server")));
    let (state, effects) = press(state, "\"x\"");
    assert_eq!(looks(&effects), ["sepsisx"], "keys go on as ever");
    let (state, _) = sent(state, Message::Lost("cannot reach ward-server".into()));
    assert!(state.note.is_none(), "said once");
    let (state, effects) = sent(state, Message::Back);
    assert_eq!(looks(&effects), ["sepsisx"]);
    assert!(!crate::content::status(&state).contains("NO CONNECTION"));
}

#[test]
fn what_was_refused_for_a_while_is_asked_once_more_if_it_is_still_wanted() {
    let (state, _) = press(fresh(80, 24), "\"sepsis\" enter");
    let seq = state.seq;
    let (asked, effects) = sent(state.clone(), Message::Again(seq));
    assert!(matches!(&effects[..], [Effect::Ask(lookout)] if lookout.seq == seq + 1), "{effects:?}");
    assert_eq!(asked.answer.stage, Stage::Asked);
    let (_, effects) = sent(state, Message::Again(seq - 1));
    assert!(effects.is_empty());
}

#[test]
fn a_librarian_does_on_another_machine_what_is_done_here() {
    let (mut state, _) = press(fresh(80, 24), "esc L");
    state.place = crate::desk::Place::There("ward-server".into());
    let shelf = [1, 2].map(|number| crate::message::Shelved {
        manifest: sample::manifest(number),
        current: number == 2,
        scores: Some(sample::scores(number)),
    });
    let state = sent(state, Message::Shelf(shelf.to_vec())).0;
    let older = shelf[0].manifest.id.clone();
    for (keys, expected) in
        [("R j enter", Effect::Rebuild), ("v", Effect::Check), ("k enter j enter", Effect::Activate(older))]
    {
        let (state, effects) = press(state.clone(), keys);
        assert_eq!((&effects[..], state.note), (&[expected][..], None), "{keys}");
    }
}

#[test]
fn questions_of_earlier_sessions_come_before_those_of_this_one_and_new_ones_are_kept() {
    let state = sent(fresh(80, 24), Message::History(vec!["old \u{1b}[2J".into(), " ".into(), "older".into()])).0;
    let (state, effects) = press(state, "\"new\" enter / enter");
    let kept = effects.iter().filter(|effect| matches!(effect, Effect::Remember(asked) if asked == "new")).count();
    assert_eq!(kept, 1, "asked twice, kept once: {effects:?}");
    let (state, _) = press(state, "/ up up");
    assert_eq!(state.line.text(), "older");
    assert_eq!(press(state, "up up").0.line.text(), "old [2J");
}

#[test]
fn a_click_chooses_and_a_second_one_opens_and_the_wheel_moves() {
    use crate::message::Mouse;
    use crate::state::layout::panes;
    let state = asked(80, 24);
    let list = panes(&state).list;
    let second = Mouse::Click(list.x + 8, list.y + 1 + crate::state::layout::row_height(list) as u16);
    let (state, effects) = sent(state, Message::Mouse(second));
    assert_eq!((state.pane, state.list.chosen), (Pane::List, 1));
    assert!(effects.is_empty());
    let (state, effects) = sent(state, Message::Mouse(second));
    assert!(matches!(&effects[..], [Effect::Open(id)] if id.as_str() == "doc-1"), "{effects:?}");
    let state = sent(state, Message::Mouse(Mouse::WheelDown)).0;
    assert_eq!(state.list.chosen, 4);
    let state = sent(state, Message::Mouse(Mouse::WheelUp)).0;
    assert_eq!(state.list.chosen, 1);
    let answer = panes(&state).answer;
    let state = sent(state, Message::Mouse(Mouse::Click(answer.x + 2, answer.y + 1))).0;
    assert_eq!(state.pane, Pane::Answer);
    let (state, _) = press(state, "p e");
    let Some(Overlay::Menu(menu)) = &state.overlay else { panic!("a menu") };
    let area = crate::state::layout::menu(&state, menu);
    let (state, effects) = sent(state.clone(), Message::Mouse(Mouse::Click(area.x + 3, area.y + 3)));
    assert!(matches!(&effects[..], [Effect::Write(paper)] if paper.ending == "ris"), "{effects:?}");
    let state = press(state, "f").0;
    let state = sent(state, Message::Mouse(Mouse::Click(0, 0))).0;
    assert!(state.overlay.is_none(), "a click beside it closes it");
}

proptest::proptest! {
    #[test]
    fn no_click_anywhere_breaks_anything(
        clicks in proptest::collection::vec((0u16..90, 0u16..30, 0u8..6), 0..40),
    ) {
        let mut state = asked(80, 24);
        for (x, y, which) in clicks {
            let message = match which {
                0 => Message::Mouse(crate::message::Mouse::WheelDown),
                1 => Message::Mouse(crate::message::Mouse::WheelUp),
                2 => Message::Key(['L', 'w', 'f', '?', 'e', 'p'][usize::from(x) % 6].to_string().parse().expect("a key")),
                _ => Message::Mouse(crate::message::Mouse::Click(x, y)),
            };
            state = update(state, message).0;
            proptest::prop_assert!(state.list.chosen <= state.rows().len());
        }
    }
}
