//! Does every screen look as it should, at every size, whatever was pressed and whatever stands in the documents?

mod corpora;
mod looks;
mod small;

use std::io::Write;
use std::time::Duration;

use clinqa_schema::{Abstention, Notice, Progress, Skips, Stage};
use proptest::prelude::*;
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::draw;
use crate::key::Key;
use crate::keymap::Keymap;
use crate::message::{By, Effect, Message, Shelved};
use crate::sample;
use crate::state::State;
use crate::text::{Charset, may_be_drawn};
use crate::theme::{Borders, Colours, Theme};
use crate::update::update;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (60, 16)];

/// A session of this size with an index and a list; each effect that asks for a document gets one.
struct Session {
    state: State,
}

impl Session {
    fn new((width, height): (u16, u16)) -> Self {
        let state = State::new((width, height), Theme::default(), Keymap::default());
        let mut session = Self { state };
        session.send(Message::Opened(Box::new(sample::manifest(2))));
        session.send(Message::ModelsReady);
        session.send(Message::Facets(Box::default(), sample::counts()));
        session
    }

    fn send(&mut self, message: Message) {
        let (state, effects) = update(self.state.clone(), message);
        self.state = state;
        for effect in effects {
            match effect {
                Effect::Open(id) => self.send(Message::Document(Box::new(sample::document(id.as_str())))),
                Effect::Look(lookout) => self.send(Message::Found(lookout.seq, sample::found(By::Meaning, 12))),
                Effect::Ask(lookout) => {
                    self.send(Message::Found(lookout.seq, sample::found(By::Meaning, 12)));
                    let text = "Give broad-spectrum antibiotics within one hour where the risk is high, after cultures are taken.";
                    self.send(Message::Replied(lookout.seq, Box::new(sample::reply(text))));
                }
                Effect::Similar(of, _) => self.send(Message::Similar(of, sample::found(By::Meaning, 5).rows)),
                Effect::Shelf => {
                    let standing = [1, 2].map(|number| Shelved {
                        manifest: sample::manifest(number),
                        current: number == 2,
                        scores: Some(sample::scores(number)),
                    });
                    self.send(Message::Shelf(standing.to_vec()));
                }
                Effect::Compare(pair) => self.send(Message::Compared(pair, Ok(sample::changes()))),
                _ => {}
            }
        }
    }

    fn press(mut self, keys: &str) -> Self {
        for word in keys.split(' ').filter(|word| !word.is_empty()) {
            match word.strip_prefix('"') {
                Some(typed) => {
                    for c in typed.trim_end_matches('"').replace('_', " ").chars() {
                        self.send(Message::Key(Key::Char(c)));
                    }
                }
                None => self.send(Message::Key(word.parse().expect("a key"))),
            }
        }
        self
    }

    fn frame(&self) -> Terminal<TestBackend> {
        let backend = TestBackend::new(self.state.width, self.state.height);
        let mut terminal = Terminal::new(backend).expect("a terminal");
        terminal.draw(|frame| draw(&self.state, frame)).expect("drawn");
        terminal
    }

    /// The frame as text, without the blanks at the ends of lines.
    fn text(&self) -> String {
        let terminal = self.frame();
        let buffer = terminal.backend().buffer();
        let width = usize::from(self.state.width);
        let lines = buffer.content.chunks(width).map(|cells| {
            let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn snapshot(name: &str, keys: &str) {
    for size in SIZES {
        let session = Session::new(size).press(keys);
        insta::assert_snapshot!(format!("{name}-{}x{}", size.0, size.1), session.text());
    }
}

#[test]
fn the_first_screen_says_what_to_do() {
    snapshot("start", "");
}

#[test]
fn an_answer_stands_above_its_passages() {
    snapshot("answered", "\"sepsis_antibiotics\" enter");
}

#[test]
fn a_passage_is_previewed_beside_or_above_the_list() {
    snapshot("preview", "\"sepsis_antibiotics\" esc j j tab");
}

#[test]
fn what_does_not_stand_says_so_in_letters_on_every_screen() {
    for size in SIZES {
        let mut session = Session::new(size).press("\"sepsis\" esc");
        session.send(Message::Found(session.state.seq, sample::marked(12)));
        session.send(Message::Replied(session.state.seq, Box::new(sample::marked_reply())));
        let list = session.text();
        assert!(list.contains("WITHDRAWN Document 0") && list.contains("grade strong"), "{list}");
        insta::assert_snapshot!(format!("marks-{}x{}", size.0, size.1), list);
        let answered = session.press("/ enter");
        let text = answered.text();
        assert!(text.contains("WITHDRAWN: it was taken back"), "{text}");
        let previewed = answered.press("tab tab").text();
        assert!(previewed.contains("WITHDRAWN"), "{previewed}");
    }
}

#[test]
fn a_document_is_read_with_its_contents() {
    snapshot("document", "\"sepsis\" enter o / \"section_3\" enter");
}

#[test]
fn filters_show_their_counts() {
    snapshot("filters", "\"sepsis\" enter f \"2023\" tab enter");
}

#[test]
fn reasons_are_explained() {
    snapshot("why", "\"sepsis\" esc x");
}

#[test]
fn the_help_holds_every_key() {
    snapshot("help", "?");
}

#[test]
fn two_documents_stand_side_by_side() {
    snapshot("comparison", "\"sepsis\" esc c j c");
}

#[test]
fn the_worklist_shows_what_is_pinned() {
    snapshot("worklist", "\"sepsis\" esc p j j p w");
}

#[test]
fn generations_are_listed_with_their_differences() {
    snapshot("generations", "esc L");
}

#[test]
fn half_pages_turn_the_text_below_the_list_of_generations() {
    let session = Session::new((60, 16)).press("esc L");
    assert!(!session.text().contains("withdrawn  1: old-advice"), "{}", session.text());
    assert!(session.text().contains("Ctrl-d turns it ("), "{}", session.text());
    let turned = session.press("ctrl-d ctrl-d ctrl-d");
    assert!(turned.text().contains("withdrawn  1: old-advice"), "{}", turned.text());
    assert!(turned.press("k").text().contains("not measured: no corpus names"), "another one begins at its top");
}

#[test]
fn a_rebuild_shows_what_it_skips_as_it_meets_it() {
    let skips = |records: std::ops::Range<u32>| {
        let mut skips = Skips::default();
        records.for_each(|record| skips.note(format!("leaflets.jsonl:{record}: no text; give it a body")));
        skips
    };
    for size in SIZES {
        let mut session = Session::new(size).press("esc L R j enter");
        let progress = Progress { stage: Stage::Encode, done: 1_200, total: Some(3_000) };
        session.send(Message::Rebuilding(progress, Duration::from_secs(10)));
        session.send(Message::Skipped(skips(0..2)));
        session.send(Message::Skipped(skips(2..130)));
        let text = session.text();
        assert!(text.contains("130 records cannot be used") && text.contains("leaflets.jsonl:129: no text"), "{text}");
        insta::assert_snapshot!(format!("rebuild-{}x{}", size.0, size.1), text);
        session.send(Message::Rebuilt(Err("130 of 1020 records cannot be used".to_owned())));
        assert!(
            session.text().contains("leaflets.jsonl:129: no text"),
            "they stay when it has failed: {}",
            session.text()
        );
        let again = session.press("R j enter");
        assert!(!again.text().contains("leaflets.jsonl"), "a new rebuild begins without them: {}", again.text());
    }
}

#[test]
fn an_emergency_stands_in_front_of_everything() {
    for (keys, name) in [("\"x\"", "emergency"), ("\"x\" esc ?", "emergency-and-help")] {
        for size in SIZES {
            let mut session = Session::new(size).press(keys);
            let seq = session.state.seq;
            session.send(Message::Screened(seq, vec![sample::emergency()]));
            let text = session.text();
            assert!(text.starts_with(" EMERGENCY: This may be a heart attack"), "{text}");
            assert!(text.contains("Call 999 now."), "{text}");
            insta::assert_snapshot!(format!("{name}-{}x{}", size.0, size.1), text);
        }
    }
}

#[test]
fn an_emergency_is_read_to_its_end_in_a_small_window_and_says_so_where_it_is_cut() {
    let shown = |sentences: usize| {
        let mut session = Session::new((50, 16)).press("\"x\"");
        let text = "Sit down and rest while you wait. ".repeat(sentences) + "Do not drive yourself.";
        let notices = vec![Notice { text, ..sample::emergency() }];
        session.send(Message::Screened(session.state.seq, notices));
        session.text()
    };
    let whole = shown(6);
    assert!(whole.contains("drive yourself.") && whole.contains("Passages 1 of 12"), "{whole}");
    let cut = shown(40);
    let last = cut.lines().take_while(|line| !line.contains("▸ x")).last().expect("a banner");
    assert!(last.ends_with('…') || last.ends_with("..."), "{cut}");
}

#[test]
fn what_is_cut_off_below_says_how_much_there_is() {
    let text = "Adults and children over 12 years: 500 micrograms. ".repeat(12);
    let mut session = Session::new((50, 20)).press("\"x\" enter");
    session.send(Message::Replied(session.state.seq, Box::new(sample::reply(&text))));
    let answered = session.text();
    assert!(answered.contains("Answer: high confidence, 86% (") && answered.contains(" more lines)"), "{answered}");
    let read = session.press("G").text();
    assert!(read.contains("Answer: high confidence, 86% ━"), "at its end nothing more is told: {read}");
}

#[test]
fn passages_of_one_document_differ_by_their_sections_in_a_narrow_list() {
    let list = Session::new((50, 20)).press("\"sepsis\" esc").text();
    assert!(list.contains("› Treatment 2024-05"), "section and date are whole: {list}");
}

#[test]
fn what_is_not_answered_says_why() {
    let mut session = Session::new((80, 24)).press("\"my_rash\" enter");
    let seq = session.state.seq;
    session.send(Message::Replied(seq, Box::new(sample::abstained(Abstention::Personal))));
    insta::assert_snapshot!("personal-80x24", session.text());
}

#[test]
fn a_terminal_of_ascii_is_drawn_in_ascii() {
    let mut session = Session::new((80, 24));
    session.state.theme = Theme { colours: Colours::None, borders: Borders::Ascii, charset: Charset::Ascii };
    let session = session.press("\"sepsis\" enter tab c m f");
    let text = session.text();
    assert!(text.is_ascii(), "{text}");
    insta::assert_snapshot!("ascii-80x24", text);
}

/// What comes from outside, with all that may not be drawn in it.
fn hostile(text: &str, size: (u16, u16)) -> Session {
    let mut session = Session::new(size).press("\"x\"");
    let seq = session.state.seq;
    let mut found = sample::found(By::Meaning, 3);
    for row in &mut found.rows {
        let citation = &mut row.reading.citation;
        citation.title = text.to_owned();
        citation.section = Some(text.to_owned());
        citation.publisher = text.to_owned();
        citation.kind = text.to_owned();
        citation.url = Some(text.to_owned());
        citation.quote = format!("{text} a {text}");
        citation.end = citation.quote.chars().count();
        (citation.answer_start, citation.answer_end) = (1, 4.min(citation.end));
        row.matched = 0..citation.quote.len();
    }
    let mut reply = sample::reply(text);
    reply.reading = found.rows.iter().map(|row| row.reading.clone()).collect();
    reply.notices.push(Notice { title: text.to_owned(), text: text.to_owned(), ..sample::emergency() });
    session.send(Message::Found(seq, found));
    session.send(Message::Replied(seq, Box::new(reply)));
    session.send(Message::Printed(text.to_owned()));
    session.send(Message::Paste(text.to_owned()));
    session
}

fn hostile_document(text: &str, size: (u16, u16)) -> Session {
    let mut session = hostile(text, size).press("esc o");
    let mut document = sample::document("doc-0");
    document.title = text.to_owned();
    document.text = format!("{text}\n{text}\n{}", document.text);
    document.sections.clear();
    let id = document.id.clone();
    let awaited = crate::state::Awaited::Reading { id, span: Some(0..9), from: crate::state::Screen::Search };
    session.state.awaited.push(awaited);
    session.send(Message::Document(Box::new(document)));
    session
}

/// The bytes that a terminal would get for this state.
fn bytes(state: &State) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, state.width, state.height)) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(&mut bytes), options).expect("a terminal");
    terminal.draw(|frame| draw(state, frame)).expect("drawn");
    terminal.backend_mut().flush().expect("written");
    drop(terminal);
    bytes
}

/// Whether bytes hold no escape but those that place the cursor, choose a look, or show and hide the cursor.
fn only_allowed(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\u{1b}' {
            if may_be_drawn(c) {
                continue;
            }
            return Err(format!("{c:?} was drawn"));
        }
        let body = rest.strip_prefix('[').ok_or("an escape that is no CSI")?;
        let ends = body.find(|c: char| c.is_ascii_alphabetic()).ok_or("a CSI without an end")?;
        let (parameters, end) = (&body[..ends], &body[ends..=ends]);
        let plain = parameters.chars().all(|c| c.is_ascii_digit() || c == ';');
        let allowed = match end {
            "H" | "m" => plain,
            "h" | "l" => parameters == "?25",
            _ => false,
        };
        if !allowed {
            return Err(format!("CSI {parameters}{end} was drawn"));
        }
        rest = &body[ends + 1..];
    }
    Ok(())
}

/// A few for every run; `PROPTEST_CASES` asks for more.
fn fuzzing() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// Text with all that may not be drawn.
const HOSTILE: &str = "(\\PC|\\p{C}|\u{1b}\\[[0-9;?]{0,4}[a-zA-Z]|\u{1b}[\\]PX^_]|[\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200b}-\u{200f}\n]){0,60}";

/// Draws two documents with this text, one in the list and one that is open, and looks at every byte.
fn draws_only_text(text: &str, size: (u16, u16)) -> Result<(), String> {
    for session in [hostile(text, size), hostile_document(text, size)] {
        let drawn = bytes(&session.state);
        only_allowed(&drawn).map_err(|error| format!("{error} in {:?}", String::from_utf8_lossy(&drawn)))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(fuzzing())]

    #[test]
    fn no_document_reaches_the_terminal_with_more_than_text(text in HOSTILE, width in 20u16..130, height in 6u16..45) {
        let drawn = draws_only_text(&text, (width, height));
        prop_assert!(drawn.is_ok(), "{drawn:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..fuzzing() })]

    #[test]
    #[ignore = "takes a minute: ten thousand documents, two a case"]
    fn ten_thousand_documents_reach_the_terminal_as_text(text in HOSTILE, width in 20u16..130, height in 6u16..45) {
        let drawn = draws_only_text(&text, (width, height));
        prop_assert!(drawn.is_ok(), "{drawn:?}");
    }
}
