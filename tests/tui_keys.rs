//! Does every key of the help work in a terminal? The help is read from the screen, so that a key that is added to it and
//! not pressed here, where the help says that it works, fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::terminal::Terminal;

/// The parts of the help, by how their titles begin.
const PARTS: [&str; 4] = ["Keys (", "In a line", "In the question", "Where something is chosen"];

/// Where the text of the question begins.
const FIELD: usize = 3;

/// What the line of the question says before anything is typed.
const EMPTY: &str = "type a question or a few words";

/// The keys that each part of the help lists, as tmux calls them.
fn keys_of_the_help(screen: &str) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut keys: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut part = None;
    for line in screen.lines() {
        let Some(inner) = line.split('┃').nth(1).and_then(|inner| inner.strip_prefix(' ')) else { continue };
        if let Some(title) = PARTS.iter().find(|title| inner.starts_with(**title)) {
            part = Some(*title);
            continue;
        }
        // What the help says of keys stands two blanks behind them; lines that only go on have no such gap.
        let Some((left, help)) = inner.split_once("  ").filter(|(_, help)| !help.trim().is_empty()) else { continue };
        let named: Option<Vec<String>> = left.split(' ').map(as_tmux_calls_it).collect();
        let named = named.unwrap_or_else(|| panic!("no keys before {help:?} in {line:?}"));
        keys.entry(part.expect("a title first")).or_default().extend(named);
    }
    assert_eq!(keys.len(), PARTS.len(), "a part of the help is not seen:\n{screen}");
    keys
}

fn as_tmux_calls_it(key: &str) -> Option<String> {
    const NAMES: [(&str, &str); 16] = [
        ("Enter", "Enter"),
        ("Esc", "Escape"),
        ("Tab", "Tab"),
        ("Shift-Tab", "BTab"),
        ("Left", "Left"),
        ("Right", "Right"),
        ("Up", "Up"),
        ("Down", "Down"),
        ("Home", "Home"),
        ("End", "End"),
        ("PgUp", "PageUp"),
        ("PgDn", "PageDown"),
        ("Space", "Space"),
        ("Backspace", "BSpace"),
        ("Alt-Backspace", "M-BSpace"),
        ("Del", "DC"),
    ];
    if let Some((_, name)) = NAMES.iter().find(|(shown, _)| *shown == key) {
        return Some((*name).to_owned());
    }
    let one = |rest: &str| rest.chars().count() == 1;
    match (key.strip_prefix("Ctrl-"), key.strip_prefix("Alt-")) {
        (Some(rest), _) if one(rest) => Some(format!("C-{rest}")),
        (_, Some(rest)) if one(rest) => Some(format!("M-{rest}")),
        _ => one(key).then(|| key.to_owned()),
    }
}

/// A terminal of which is asked, part by part, whether all was pressed.
struct Presser {
    terminal: Terminal,
    listed: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Presser {
    /// Presses each row of keys and waits for what it must bring.
    #[track_caller]
    fn press_each(&self, rows: &[(&[&str], &str)]) {
        for (keys, shown) in rows {
            self.terminal.press(keys);
            self.terminal.wait_for(shown);
        }
    }

    /// All that the help lists in this part was pressed since this was asked last.
    #[track_caller]
    fn was_pressed(&self, part: &str) {
        let pressed = self.terminal.pressed.take();
        let forgotten: Vec<&String> = self.listed[part].iter().filter(|key| !pressed.contains(*key)).collect();
        assert!(forgotten.is_empty(), "the help lists keys under `{part}` that no test presses there: {forgotten:?}");
    }

    /// The line of the question holds this, and the cursor stands behind so many letters.
    #[track_caller]
    fn line_is(&self, text: &str, cursor: usize, after: &[&str]) {
        let wanted = if text.is_empty() { EMPTY } else { text.trim_end() };
        let found = || self.terminal.tmux(&["display-message", "-p", "#{cursor_x}"]).trim().to_owned();
        self.terminal.wait(&format!("{wanted:?} with the cursor at {cursor} after {after:?}"), |screen| {
            let line = screen.lines().next().unwrap_or_default().trim_end();
            line.strip_prefix(" ▸ ") == Some(wanted) && found() == (FIELD + cursor).to_string()
        });
    }
}

/// Every key that edits, from a line of two words, with what the line is after it and where the cursor is.
const EDITS: [(&[&str], &str, usize); 23] = [
    (&["Left"], "one two", 6),
    (&["C-b"], "one two", 6),
    (&["Home"], "one two", 0),
    (&["C-a"], "one two", 0),
    (&["Home", "Right"], "one two", 1),
    (&["Home", "C-f"], "one two", 1),
    (&["Home", "End"], "one two", 7),
    (&["Home", "C-e"], "one two", 7),
    (&["M-b"], "one two", 4),
    (&["Home", "M-f"], "one two", 3),
    (&["BSpace"], "one tw", 6),
    (&["C-h"], "one tw", 6),
    (&["Home", "DC"], "ne two", 0),
    (&["Home", "C-d"], "ne two", 0),
    (&["C-w"], "one ", 4),
    (&["M-BSpace"], "one ", 4),
    (&["Home", "M-d"], " two", 0),
    (&["Left", "C-u"], "o", 0),
    (&["Left", "C-k"], "one tw", 6),
    (&["Home", "M-d", "End", "C-y"], " twoone", 7),
    (&["C-t"], "one tow", 7),
    (&["C-u"], "", 0),
    (&["C-u", "C-y", "C-y"], "one twoone two", 14),
];

fn edit_lines(presser: &Presser) {
    let terminal = &presser.terminal;
    for (keys, text, cursor) in EDITS {
        terminal.press(&["C-e", "C-u"]);
        presser.line_is("", 0, &["C-e", "C-u"]);
        terminal.type_text("one two");
        presser.line_is("one two", 7, &[]);
        terminal.press(keys);
        presser.line_is(text, cursor, keys);
    }
    terminal.press(&["C-e", "C-u"]);
    for asked in ["gout", "fever"] {
        terminal.type_text(asked);
        presser.line_is(asked, asked.len(), &[]);
        terminal.press(&["Enter", "/", "C-u"]);
        presser.line_is("", 0, &["Enter", "/", "C-u"]);
    }
    for (key, text) in [("Up", "fever"), ("C-p", "gout"), ("C-n", "fever"), ("C-p", "gout"), ("Down", "fever")] {
        terminal.press(&[key]);
        presser.line_is(text, text.len(), &[key]);
    }
    terminal.press(&["Down"]);
    presser.line_is("", 0, &["Down"]);
}

fn ask_questions(presser: &Presser) {
    let terminal = &presser.terminal;
    terminal.type_text("symptoms of asth");
    terminal.wait_for("Tab complete");
    terminal.press(&["Tab"]);
    presser.line_is("symptoms of asthma", 18, &["Tab"]);
    terminal.wait_for("found by words and meaning");
    // Half a page in the list, while the cursor stays in the question.
    terminal.press(&["PageDown"]);
    terminal.wait_until_gone("Passages 1 of");
    terminal.press(&["PageUp"]);
    terminal.wait_for("Passages 1 of");
    presser.line_is("symptoms of asthma", 18, &["PageUp"]);
    for (key, shown) in [("Escape", "━ Passages"), ("Tab", "━ Passages"), ("Down", "━ Passages"), ("Enter", "━ Answer")]
    {
        terminal.press(&["/"]);
        terminal.wait_for("Enter ask");
        terminal.press(&[key]);
        // Where there is an answer already, the next pane is that one.
        terminal.wait(shown, |screen| screen.contains(shown) || (key == "Tab" && screen.contains("━ Answer")));
    }
    terminal.wait_for("confidence");
    terminal.press(&["/", "BTab"]);
    terminal.wait("the pane before", |screen| {
        ["Passages", "Answer", "Enter ask"].iter().all(|other| !screen.contains(&format!("━ {other}")))
            && screen.contains("━━ ")
    });
}

fn choose(presser: &Presser) {
    let terminal = &presser.terminal;
    presser.press_each(&[(&["f"], "▸ since"), (&["Tab"], "▸ kind"), (&["BTab"], "▸ since")]);
    terminal.type_text("2023");
    terminal.wait_for("2023_");
    presser.press_each(&[
        (&["BSpace"], "202_"),
        (&["BSpace", "BSpace", "BSpace"], "any date (type a year"),
        (&["Tab", "Enter"], "[x]"),
    ]);
    terminal.press(&["Space"]);
    terminal.wait_until_gone("[x]");
    presser.press_each(&[(&["p"], "[x]")]);
    terminal.press(&["p"]);
    terminal.wait_until_gone("[x]");
    for close in ["q", "Escape"] {
        terminal.press(&[close]);
        terminal.wait_until_gone("Filters: documents");
        presser.press_each(&[(&["f"], "Filters: documents")]);
    }
    terminal.press(&["q"]);
    terminal.wait_until_gone("Filters: documents");
}

fn move_about(presser: &Presser) {
    let terminal = &presser.terminal;
    terminal.press(&["/", "Escape", "g"]);
    presser.press_each(&[
        (&["j", "Down"], "Passages 3 of"),
        (&["k"], "Passages 2 of"),
        (&["Up"], "Passages 1 of"),
        (&["j"], "Passages 2 of"),
        (&["g"], "Passages 1 of"),
        (&["j"], "Passages 2 of"),
        (&["Home"], "Passages 1 of"),
    ]);
    for (away, back) in [("G", "g"), ("End", "Home"), ("C-d", "C-u"), ("PageDown", "PageUp")] {
        terminal.press(&[away]);
        terminal.wait_until_gone("Passages 1 of");
        terminal.press(&[back]);
        terminal.wait_for("Passages 1 of");
    }
}

fn act(presser: &Presser) {
    let terminal = &presser.terminal;
    presser.press_each(&[
        (&["p"], "1 on the worklist"),
        (&["j", "Space"], "2 on the worklist"),
        (&["w"], "2 pinned"),
        (&["Escape", "x"], "Why is this here?"),
        (&[], "of its score of"),
        (&["Escape", "s"], "sorted by newest"),
        (&["f"], "Filters: documents listed"),
        (&["Escape", "m"], " like: "),
        (&["Escape", "y"], "copied"),
        (&["c"], "marked"),
        (&["j", "c"], "Side by side"),
        (&["Escape", "!"], "This answer is"),
        (&["Escape", "e"], "Write pinned passages as"),
        (&["Enter"], "written to"),
        (&["o"], "t contents"),
        (&["t"], "go there"),
        (&["Escape", "/"], "search:"),
    ]);
    terminal.type_text("the");
    presser.press_each(&[
        (&["Enter"], "place "),
        (&["n"], "place 2 of"),
        (&["N"], "place 1 of"),
        (&["Escape", "Escape"], "Passages"),
        (&["L"], "[Generations]"),
        (&["Tab"], "[Corpora]"),
        (&["v"], "ok "),
        (&[], "every file is as it was indexed"),
        (&["BTab"], "[Generations]"),
        (&["R"], "Rebuild the index from its corpora?"),
        (&["Enter"], "[Rebuild]"),
        (&["Tab"], "No query log is kept"),
        (&["Escape"], "Passages"),
        (&["?"], "┏━ Keys ("),
        (&["Escape", "C-l"], "Passages"),
    ]);
    terminal.press(&["C-z"]);
    terminal.wait_for_prompt();
    terminal.type_line("fg");
    terminal.wait_for("Passages");
    terminal.press(&["q"]);
    terminal.wait_for("ended with");
}

#[test]
fn every_key_of_the_help_works_in_a_terminal() {
    let Some(terminal) = Terminal::open(100, 100) else { return };
    terminal.start("");
    terminal.press(&["?"]);
    let listed = keys_of_the_help(&terminal.wait_for("The mouse is left to your terminal"));
    assert!(listed["Keys ("].len() > 35 && listed["In a line"].len() > 20, "the help is read: {listed:?}");
    terminal.press(&["Escape"]);
    terminal.wait_until_gone("In the question");
    terminal.tmux(&["resize-window", "-x", "100", "-y", "40"]);
    let presser = Presser { terminal, listed };
    presser.terminal.pressed.take();
    edit_lines(&presser);
    presser.was_pressed("In a line");
    ask_questions(&presser);
    presser.was_pressed("In the question");
    choose(&presser);
    presser.was_pressed("Where something is chosen");
    move_about(&presser);
    act(&presser);
    let terminal = &presser.terminal;
    let pins = fs::read_to_string(terminal.project.path("clinqa-pins-1.md")).expect("what was exported");
    assert!(pins.starts_with("> "), "{pins}");
    fs::remove_file(terminal.project.path("clinqa-pins-1.md")).expect("removed");
    terminal.is_itself();
    terminal.clear();
    terminal.start("");
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with");
    terminal.is_itself();
    presser.was_pressed("Keys (");
}
