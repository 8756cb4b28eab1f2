//! Can everything be done in the smallest window that is promised, 60 × 16, by keys alone?

use clinqa_schema::{Skips, Stage};

use super::{Session, draws_only_text};
use crate::keymap::{Action, BINDINGS};
use crate::message::{Effect, Message, PaperKind};
use crate::update::update;

const SMALL: (u16, u16) = (60, 16);

/// What shows that an action was done.
enum Done {
    /// This is on the screen, and was not before the last key.
    Shows(&'static str),
    /// This is to be done outside.
    Does(fn(&Effect) -> bool),
}

use Done::{Does, Shows};

/// For each action the keys that do it, and what shows that it was done.
const ACTIONS: [(Action, &str, Done); 33] = [
    (Action::Question, "\"sepsis\" enter /", Shows("Enter ask")),
    (Action::Accept, "\"sepsis\" enter", Shows("Answer: high confidence")),
    (Action::Down, "\"sepsis\" esc j", Shows("Passages 2 of 12")),
    (Action::Up, "\"sepsis\" esc j j k", Shows("Passages 2 of 12")),
    (Action::First, "\"sepsis\" esc G g", Shows("Passages 1 of 12")),
    (Action::Last, "\"sepsis\" esc G", Shows("Passages 12 of 12")),
    (Action::HalfDown, "\"sepsis\" esc ctrl-d", Shows("Passages 3 of 12")),
    (Action::HalfUp, "\"sepsis\" esc G ctrl-u", Shows("Passages 10 of 12")),
    (Action::NextPane, "\"sepsis\" enter tab", Shows("Passages 1 of 12")),
    (Action::PreviousPane, "\"sepsis\" enter tab shift-tab", Shows("Answer: high confidence")),
    (Action::Open, "\"sepsis\" esc o", Shows("t contents")),
    (
        Action::Copy,
        "\"sepsis\" enter y",
        Does(|effect| matches!(effect, Effect::Copy(text) if text.contains("doc-0#0"))),
    ),
    (Action::Pin, "\"sepsis\" esc p", Shows("pinned; 1 on the worklist")),
    (Action::Worklist, "\"sepsis\" esc p w", Shows("1 pinned ━")),
    (
        Action::Export,
        "\"sepsis\" esc p e G enter",
        Does(
            |effect| matches!(effect, Effect::Write(paper) if paper.kind == PaperKind::Pins && paper.ending == "json"),
        ),
    ),
    (Action::Report, "\"sepsis\" enter ! G enter", Does(|effect| matches!(effect, Effect::Report(_)))),
    (Action::Filters, "\"sepsis\" esc f", Shows("Filters: documents")),
    (Action::Sort, "\"sepsis\" esc s", Shows("sorted by newest")),
    (Action::Explain, "\"sepsis\" esc x", Shows("Why is this here?")),
    (Action::Similar, "\"sepsis\" esc m", Shows("5 like: Document 0")),
    (Action::Compare, "\"sepsis\" esc c j c", Shows("Side by side")),
    (Action::Contents, "\"sepsis\" esc o t", Shows("━━ Contents")),
    (Action::NextMatch, "\"sepsis\" esc o / \"care\" enter n", Shows("place 2 of")),
    (Action::PreviousMatch, "\"sepsis\" esc o / \"care\" enter n N", Shows("place 1 of")),
    (Action::Librarian, "esc L", Shows("[Generations]")),
    (Action::Check, "esc L v", Does(|effect| *effect == Effect::Check)),
    (Action::Rebuild, "esc L R j enter", Does(|effect| *effect == Effect::Rebuild)),
    (Action::Help, "?", Shows("┏━ Keys")),
    (Action::Back, "\"sepsis\" esc", Shows("━━ Passages")),
    (Action::Redraw, "ctrl-l", Does(|effect| *effect == Effect::Redraw)),
    (Action::Suspend, "ctrl-z", Does(|effect| *effect == Effect::Suspend)),
    (Action::Quit, "esc q", Does(|effect| *effect == Effect::Quit)),
    (Action::Interrupt, "ctrl-c", Does(|effect| *effect == Effect::Quit)),
];

#[test]
fn every_action_is_done_in_the_smallest_window() {
    let listed: Vec<Action> = ACTIONS.iter().map(|(action, ..)| *action).collect();
    assert_eq!(listed, BINDINGS.map(|line| line.action), "an action without its keys here");
    for (action, keys, done) in &ACTIONS {
        let (before, last) = keys.rsplit_once(' ').unwrap_or(("", keys));
        let key = last.parse().expect("a key");
        let before = Session::new(SMALL).press(before);
        match done {
            Shows(text) => {
                let after = Session { state: before.state.clone() }.press(last);
                assert!(after.text().contains(text), "{action:?}: no `{text}` after {keys}:\n{}", after.text());
                assert!(!before.text().contains(text), "{action:?}: `{text}` was there before:\n{}", before.text());
            }
            Does(wanted) => {
                let (_, effects) = update(before.state.clone(), Message::Key(key));
                assert!(effects.iter().any(wanted), "{action:?}: {effects:?} after {keys}");
            }
        }
    }
}

/// All that is seen when half pages are turned to the end.
fn turned(mut session: Session) -> String {
    let mut seen = session.text();
    for _ in 0..60 {
        session = session.press("ctrl-d");
        seen.push_str(&session.text());
    }
    seen
}

#[test]
fn every_line_can_be_read_in_the_smallest_window() {
    let all = |keys: &str, wanted: &[&str]| {
        let seen = turned(Session::new(SMALL).press(keys));
        let lost: Vec<&&str> = wanted.iter().filter(|text| !seen.contains(**text)).collect();
        assert!(lost.is_empty(), "{lost:?} are never seen after {keys}");
    };
    let names: Vec<String> = BINDINGS.iter().map(|line| format!("({})", line.name)).collect();
    all("?", &names.iter().map(String::as_str).collect::<Vec<_>>());
    all("?", &["In the question", "Where something is chosen", "The mouse is left"]);
    all("\"sepsis\" esc x", &["of its score of", "not in it: threshold", "words searched for", "took 4 ms"]);
    all("\"sepsis\" enter", &["[1] Sepsis in adults", "taken."]);
    all("\"sepsis\" esc tab", &["closes.", "https://example.org"]);
    all("\"sepsis\" esc o", &["Section 0", "Section 11", "Sentence 5 of section 11"]);
    all("\"sepsis\" esc o t", &["Section 0", "Section 11"]);
    all(
        "\"sepsis\" esc f",
        &["since", "until", "guideline", "medicine", "clinician", "strong", "NICE", "emergency med"],
    );
    all("esc L", &["encoder    none", "scores ", "added     23", "withdrawn  1"]);
    all("esc L tab", &["licence CC0", "documents in 3002", "Health of the index"]);
    all("esc L tab tab tab", &["No query log", "Not answered, by reason", "No question is kept"]);
    let mut rebuilding = Session::new(SMALL).press("esc L R j enter");
    let progress = clinqa_schema::Progress { stage: Stage::Encode, done: 1_200, total: Some(3_000) };
    rebuilding.send(Message::Rebuilding(progress, std::time::Duration::from_secs(10)));
    let mut skips = Skips::default();
    (0..40).for_each(|record| skips.note(format!("leaflets.jsonl:{record}: no text")));
    rebuilding.send(Message::Skipped(skips));
    let seen = turned(rebuilding);
    for said in ["Stage: encoding", "120 a second, 15 s left", "leaflets.jsonl:39:", "leaflets.jsonl:0:"] {
        assert!(seen.contains(said), "{said} is never seen:\n{seen}");
    }
}

#[test]
fn a_choice_of_every_menu_is_seen_in_the_smallest_window() {
    for (keys, items) in [
        ("\"sepsis\" esc p e", &["Markdown", "BibTeX", "RIS", "CSV", "JSON"][..]),
        ("esc L R", &["No", "Yes"]),
        ("esc L k enter", &["No", "Yes"]),
    ] {
        let text = Session::new(SMALL).press(keys).text();
        assert!(items.iter().all(|item| text.contains(item)), "{items:?} after {keys}:\n{text}");
    }
    let mut reported = Session::new(SMALL).press("\"sepsis\" enter !");
    for fault in crate::state::choosing::FAULTS {
        assert!(reported.text().contains(fault), "{fault}:\n{}", reported.text());
        reported = reported.press("j");
    }
}

#[test]
fn hostile_text_is_only_text_in_the_smallest_window() {
    assert_eq!(draws_only_text("\u{1b}[2J\u{202e}\u{9b}31m\u{7}", SMALL), Ok(()));
}
