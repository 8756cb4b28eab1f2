//! Does the screen work in a terminal: typing, reading, copying, resizing, leaving, and the terminal after it?

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::terminal::{PATIENCE, Terminal, is_there};
use crate::support::{Project, arg, data, five, skipped};

#[test]
fn a_question_is_typed_answered_copied_and_left() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    terminal.start("");
    terminal.type_text("symptoms of asthma");
    terminal.wait_for("found by words");
    terminal.press(&["Enter"]);
    let answered = terminal.wait_for("confidence");
    assert!(answered.contains("Asthma"), "{answered}");
    terminal.press(&["y"]);
    terminal.wait_for("copied");
    let copied = terminal.tmux(&["show-buffer"]);
    assert!(copied.contains("[asthma#"), "{copied}");
    terminal.tmux(&["resize-window", "-x", "60", "-y", "16"]);
    terminal
        .wait(" at 60 columns", |screen| screen.lines().all(|line| line.chars().count() <= 60) && screen.contains('?'));
    terminal.press(&["Tab", "o"]);
    terminal.wait_for("t contents");
    terminal.tmux(&["resize-window", "-x", "120", "-y", "40"]);
    terminal.wait_for("Contents");
    terminal.press(&["q"]);
    terminal.wait_for("ended with 0");
    terminal.is_itself();
}

/// The keys that the help lists, as tmux calls them. The help is read from the screen, so that a key that is added to
/// it and not pressed below fails the test.
fn keys_of_the_help(screen: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for line in screen.lines() {
        let Some(inner) = line.split('┃').nth(1).filter(|inner| inner.starts_with(' ')) else { continue };
        let column: String = inner.chars().skip(1).take(14).collect();
        let named: Option<Vec<String>> = column.split_whitespace().map(as_tmux_calls_it).collect();
        keys.extend(named.into_iter().flatten());
    }
    keys
}

fn as_tmux_calls_it(key: &str) -> Option<String> {
    const NAMES: [(&str, &str); 13] = [
        ("Enter", "Enter"),
        ("Esc", "Escape"),
        ("Tab", "Tab"),
        ("Shift-Tab", "BTab"),
        ("Up", "Up"),
        ("Down", "Down"),
        ("Home", "Home"),
        ("End", "End"),
        ("PgUp", "PageUp"),
        ("PgDn", "PageDown"),
        ("Space", "Space"),
        ("Backspace", "BSpace"),
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

/// In the question words are cut and put back, the cursor walks, letters are swapped.
fn edit_a_question(terminal: &Terminal) {
    terminal.type_text("blood pressur");
    terminal.press(&["C-w", "C-y", "C-a", "C-e"]);
    terminal.wait_for("▸ blood pressur");
    terminal.press(&["C-a", "M-d"]);
    terminal.wait_until_gone("▸ blood");
    terminal.press(&["C-y", "C-e"]);
    terminal.wait_for("▸ blood pressur");
    terminal.press(&["C-t"]);
    terminal.wait_for("blood pressru");
    terminal.press(&["C-t", "C-b", "C-f"]);
    terminal.wait_for("▸ blood pressur");
    terminal.wait_for("found by words and meaning");
}

#[test]
fn every_key_of_the_help_works_in_a_terminal() {
    let Some(terminal) = Terminal::open(100, 64) else { return };
    terminal.start("");
    terminal.press(&["?"]);
    let listed = keys_of_the_help(&terminal.wait_for("The mouse is left to your terminal"));
    assert!(listed.len() > 40, "the help is read: {listed:?}");
    terminal.press(&["Escape"]);
    terminal.wait_until_gone("In the question, as in readline");
    terminal.tmux(&["resize-window", "-x", "100", "-y", "40"]);
    edit_a_question(&terminal);
    terminal.press(&["Enter"]);
    terminal.wait(" an answer or none", |screen| screen.contains("confidence") || screen.contains("No answer"));
    terminal.press(&["/", "C-u"]);
    terminal.wait_for("type a question");
    terminal.press(&["Up"]);
    terminal.wait_for("▸ blood pressur");
    terminal.press(&["Enter"]);
    terminal.wait_for("confidence");
    terminal.press(&["Tab", "j", "Down"]);
    terminal.wait_for("Passages 3 of");
    for (keys, shown) in [
        (&["k"][..], "Passages 2 of"),
        (&["Up"], "Passages 1 of"),
        (&["j"], "Passages 2 of"),
        (&["g"], "Passages 1 of"),
        (&["j"], "Passages 2 of"),
        (&["Home"], "Passages 1 of"),
    ] {
        terminal.press(keys);
        terminal.wait_for(shown);
    }
    for (away, back) in [("G", "g"), ("End", "Home"), ("C-d", "C-u"), ("PageDown", "PageUp")] {
        terminal.press(&[away]);
        terminal.wait_until_gone("Passages 1 of");
        terminal.press(&[back]);
        terminal.wait_for("Passages 1 of");
    }
    for (keys, shown) in [
        (&["p"][..], "1 on the worklist"),
        (&["j", "Space"], "2 on the worklist"),
        (&["w"], "2 pinned"),
        (&["Escape", "x"], "Why is this here?"),
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
    ] {
        terminal.press(keys);
        terminal.wait_for(shown);
    }
    terminal.type_text("the");
    terminal.press(&["Enter"]);
    terminal.wait_for("place ");
    terminal.press(&["n"]);
    terminal.wait_for("place 2 of");
    terminal.press(&["N"]);
    terminal.wait_for("place 1 of");
    terminal.press(&["Escape", "Escape"]);
    terminal.wait_for("Passages");
    for (keys, shown) in [
        (&["L"][..], "[Generations]"),
        (&["Tab"], "[Corpora]"),
        (&["v"], "ok "),
        (&["BTab"], "[Generations]"),
        (&["R"], "Rebuild the index from its corpora?"),
        (&["Enter"], "[Rebuild]"),
        (&["Tab"], "No query log is kept"),
        (&["Escape"], "Passages"),
    ] {
        terminal.press(keys);
        terminal.wait_for(shown);
    }
    terminal.press(&["C-l"]);
    terminal.wait_for("Passages");
    terminal.press(&["C-z"]);
    terminal.wait_for_prompt();
    terminal.type_line("fg");
    terminal.wait_for("Passages");
    terminal.press(&["q"]);
    terminal.wait_for("ended with");
    let pins = fs::read_to_string(terminal.project.path("clinqa-pins-1.md")).expect("what was exported");
    assert!(pins.starts_with("> "), "{pins}");
    fs::remove_file(terminal.project.path("clinqa-pins-1.md")).expect("removed");
    terminal.is_itself();
    terminal.clear();
    terminal.start("");
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with");
    terminal.is_itself();
    let forgotten: Vec<&String> = listed.iter().filter(|key| !terminal.pressed.borrow().contains(*key)).collect();
    assert!(forgotten.is_empty(), "the help lists keys that no test presses: {forgotten:?}");
}

#[test]
fn the_mouse_and_a_history_are_there_for_whoever_asks_for_them() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    let settings = terminal.folder.path().join("tui.toml");
    fs::write(&settings, "[tui]\nmouse = true\nhistory = true\n").expect("a file");
    terminal.start("--config \"$HOME/tui.toml\"");
    terminal.type_text("symptoms of asthma");
    terminal.wait_for("found by words and meaning");
    terminal.press(&["Enter"]);
    terminal.wait_for("confidence");
    let screen = terminal.screen();
    let line = screen.lines().position(|line| line.contains("Passages 1 of")).expect("a list");
    // The second passage begins three lines below the first; a click as terminals send it counts from 1.
    let clicks = format!("\u{1b}[<0;20;{}M", line + 1 + 4);
    terminal.tmux(&["send-keys", "-l", &clicks]);
    terminal.wait_for("Passages 2 of");
    terminal.tmux(&["send-keys", "-l", "\u{1b}[<65;20;20M"]);
    terminal.wait_until_gone("Passages 2 of");
    terminal.press(&["q"]);
    terminal.wait_for("ended with 0");
    terminal.is_itself();
    let history = terminal.folder.path().join(".local/state/clinqa/history");
    assert_eq!(fs::read_to_string(history).expect("a history"), "symptoms of asthma\n");
    terminal.clear();
    terminal.start("--config \"$HOME/tui.toml\"");
    terminal.press(&["Up"]);
    terminal.wait_for("▸ symptoms of asthma");
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with");
}

#[test]
fn another_machines_index_is_searched_with_the_same_screens() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    let made = five().run(&["key", "new", "--role", "staff", "--name", "ward"]).expect(0).stdout;
    let (secret, entry) = made.split_once('\n').expect("a secret and its entry");
    let keys = terminal.folder.path().join("keys.toml");
    fs::write(&keys, entry).expect("a file");
    fs::write(terminal.folder.path().join("key"), format!("{secret}\n")).expect("a file");
    let (mut server, address) = served(five(), &keys, "127.0.0.1:0");
    terminal.start(&format!("--server http://{address} --key-file \"$HOME/key\""));
    terminal.wait_for("what you type goes to 127.0.0.1");
    terminal.type_text("symptoms of asthma");
    terminal.wait_for("found by words and meaning · 5 documents at 127.0.0.1");
    terminal.press(&["Enter"]);
    let answered = terminal.wait_for("confidence");
    assert!(answered.contains("Asthma"), "{answered}");
    for (keys, shown) in [
        (&["Tab", "x"][..], "By words (BM25)"),
        (&["Escape", "f"], "kind       [ ] leaflet"),
        (&["Escape", "m"], " like: "),
        (&["Escape", "o"], "t contents"),
        (&["Escape", "L"], "current"),
        (&["R", "j", "Enter"], "only for a key of role admin"),
        (&["Tab"], "keeps no query log"),
        (&["Escape"], "Passages"),
    ] {
        terminal.press(keys);
        terminal.wait_for(shown);
    }
    server.kill().and_then(|()| server.wait()).expect("ended");
    terminal.press(&["/", "C-u"]);
    terminal.type_text("flu vaccine");
    terminal.wait_for("cannot reach 127.0.0.1");
    terminal.press(&["Left"]);
    let lost = terminal.wait_for("NO CONNECTION, trying again");
    assert!(lost.contains("▸ flu vaccine"), "keys go on: {lost}");
    let (mut server, _) = served(five(), &keys, &address);
    terminal.wait_for("connected again");
    terminal.press(&["End"]);
    terminal.wait_for("found by words and meaning");
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with");
    terminal.is_itself();
    // Without its key nothing is shown, and it says why.
    terminal.clear();
    terminal.start(&format!("--server http://{address}"));
    terminal.wait_for("this needs a key");
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with");
    server.kill().and_then(|()| server.wait()).expect("ended");
}

#[test]
fn another_machines_index_is_rebuilt_checked_and_rolled_back_from_the_screen() {
    let Some(terminal) = Terminal::open(100, 24) else { return };
    let project = Project::indexed();
    let made = project.run(&["key", "new", "--role", "admin", "--name", "librarian"]).expect(0).stdout;
    let (secret, entry) = made.split_once('\n').expect("a secret and its entry");
    let keys = project.write("keys.toml", entry);
    fs::write(terminal.folder.path().join("key"), format!("{secret}\n")).expect("a file");
    project.write("corpora/own/gout.md", "# Gout\n\nGout is a painful swelling of a joint.\n");
    project.write("corpora/own/broken.md", [0, 1]);
    let (mut server, address) = served(&project, &keys, "127.0.0.1:0");
    terminal.start(&format!("--server http://{address} --key-file \"$HOME/key\""));
    terminal.wait_for("5 documents at 127.0.0.1");
    for (keys, shown) in [
        (&["Escape", "L"][..], "g000001-"),
        (&["R", "j", "Enter"], "The rebuild is done."),
        (&[], "1 record cannot be used"),
        (&["BTab"], "Health of the index"),
        (&["v"], "ok       documents.jsonl"),
        (&["BTab", "G"], "g000002-"),
    ] {
        terminal.press(keys);
        terminal.wait_for(shown);
    }
    terminal.wait("the new one is current", |screen| current(screen).is_some_and(|id| id.starts_with("g000002")));
    terminal.press(&["k", "Enter"]);
    terminal.wait_for("the current generation?");
    terminal.press(&["j", "Enter"]);
    terminal.wait("the old one is current", |screen| current(screen).is_some_and(|id| id.starts_with("g000001")));
    terminal.press(&["Escape"]);
    terminal.wait_for("5 documents at 127.0.0.1");
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with");
    server.kill().and_then(|()| server.wait()).expect("ended");
}

#[test]
fn a_generation_of_another_encoder_is_refused_and_the_current_one_stays() {
    let Some(terminal) = Terminal::open(100, 24) else { return };
    let project = Project::with_five_documents();
    project.run(&["rebuild", "--encoder", arg(&data("checkpoints/tiny-safetensors"))]).expect(0);
    project.run(&["rebuild"]).expect(0);
    terminal.start(&format!("--index {}", arg(&project.path("index"))));
    terminal.type_text("asthma");
    terminal.wait_for("found by words and meaning");
    for (keys, shown) in [
        (&["Escape", "L"][..], "g000001-"),
        (&["k", "Enter"], "the current generation?"),
        (&["j", "Enter"], "the index was made with encoder tiny-safetensors"),
        (&[], "--encoder tiny-safetensors`"),
    ] {
        terminal.press(keys);
        terminal.wait_for(shown);
    }
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with");
    let current = project.generation();
    assert!(current.file_name().is_some_and(|id| id.to_string_lossy().starts_with("g000002")), "{current:?}");
}

/// The generation that the list on the screen marks as the current one.
fn current(screen: &str) -> Option<&str> {
    let line = screen.lines().find(|line| line.contains("  current  "))?;
    line.split_whitespace().find(|word| word.starts_with("g0"))
}

/// `clinqa serve` with its keys, and where it listens.
fn served(project: &Project, keys: &Path, listen: &str) -> (std::process::Child, String) {
    let args = ["serve", "--listen", listen, "--keys", arg(keys), "--require-key", "--log", "off"];
    let mut child = project.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut said = String::new();
    let _ = BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut said);
    let address = said.split("://").nth(1).unwrap_or_else(|| panic!("it does not listen: {said}"));
    (child, address.trim().to_owned())
}

#[test]
fn a_server_that_cannot_be_asked_is_told_before_the_screen() {
    let Some(terminal) = Terminal::open(100, 24) else { return };
    let cases = [
        ("--server http://clinqa.example.org", "in the clear"),
        ("--server clinqa.example.org", "no address of a server"),
        ("--server https://clinqa.example.org --key-file nowhere", "cannot read nowhere"),
    ];
    for (number, (args, told)) in cases.into_iter().enumerate() {
        // What the one before wrote is not taken for this one's.
        terminal.type_line(&format!("clear; \"$CLINQA\" tui {args}; echo case {number} ended with $?"));
        let screen = terminal.wait_for(&format!("case {number} ended with 2"));
        assert!(screen.replace('\n', "").contains(told), "{screen}");
    }
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    for signal in ["-TERM", "-HUP"] {
        terminal.start("");
        terminal.signal(signal);
        terminal.wait_for("ended with 143");
        terminal.is_itself();
        terminal.clear();
        terminal.wait_until_gone("ended with");
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    five().run(&["tui"]).expect(2).refused(2, &["needs a terminal", "clinqa ask"]);
}

#[test]
fn keys_that_mean_nothing_are_refused_before_the_screen() {
    if !is_there("tmux") {
        skipped("tmux is not here: keys in the settings are NOT tested in a terminal");
        return;
    }
    let Some(terminal) = Terminal::open(80, 24) else { return };
    fs::write(terminal.folder.path().join("keys.toml"), "[keys]\nfly = [\"x\"]\n").expect("a file");
    terminal.type_line("\"$CLINQA\" --config \"$HOME/keys.toml\" tui; echo ended with $?");
    let screen = terminal.wait_for("ended with 2");
    assert!(screen.contains("nothing that a key can do"), "{screen}");
}

/// Whether a terminal was sent text, and no escape but those that we mean.
fn only_allowed(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let mut rest: &str = &text;
    while let Some(at) = rest.find(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)) {
        rest = &rest[at..];
        let Some(body) = rest.strip_prefix('\u{1b}') else {
            if rest.starts_with(['\r', '\n']) {
                rest = &rest[1..];
                continue;
            }
            return Err(format!("{:?}", rest.chars().next()));
        };
        let fixed =
            ["[?1049h", "[?1049l", "[?2004h", "[?2004l", "[?2026h", "[?2026l", "[?25h", "[?25l", "[J", "7", "8"];
        if let Some(known) = fixed.iter().find(|known| body.starts_with(**known)) {
            rest = &body[known.len()..];
            continue;
        }
        let end = body.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        let plain = body
            .strip_prefix('[')
            .is_some_and(|body| body[..end.saturating_sub(1)].chars().all(|c| c.is_ascii_digit() || c == ';'));
        if !(plain && ["H", "m", "J"].contains(&&body[end..=end])) {
            return Err(body.chars().take(12).collect());
        }
        rest = &body[end + 1..];
    }
    Ok(())
}

#[test]
fn hostile_documents_reach_a_terminal_as_text() {
    if !is_there("script") {
        skipped("script of util-linux is not here: what a terminal is sent is NOT captured");
        return;
    }
    let project = Project::new();
    let hostile = "# Red\u{1b}[31m\u{202e}flag\u{9b}2J\n\n## Care\u{7}\n\nA flag is \u{1b}]52;c;aGk=\u{7}red \u{1b}[2Jand \u{200b}high\u{feff}. A flag\u{301}\u{302}\u{303}\u{304} waves.\n";
    for at in 0..20 {
        project.write(&format!("corpora/own/flag-{at}.md"), hostile.replace("A flag", &format!("Flag {at}")));
    }
    project.run(&["rebuild"]).expect(0);
    let sent = project.path("sent");
    let line = format!("stty rows 30 cols 90; '{}' tui", env!("CARGO_BIN_EXE_clinqa"));
    let mut script = Command::new("script");
    script.args(["-qfec", &line]).arg(&sent).current_dir(project.path("")).env_clear();
    script.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    script.env("HOME", project.path("")).env("LANG", "C.UTF-8").env("TERM", "xterm-256color").env("SHELL", "sh");
    let mut child =
        script.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("script starts");
    let mut keys = child.stdin.take().expect("a pipe");
    let until = |text: &str| wait_for(&sent, text);
    until("type a question");
    keys.write_all(b"flag is red\r").expect("typed");
    until("meaning");
    for pressed in ["\t", "j", "o", "G", "g", "\u{1b}", "x", "\u{1b}", "f", "\u{1b}", "w", "L", "\t"] {
        keys.write_all(pressed.as_bytes()).expect("pressed");
        std::thread::sleep(Duration::from_millis(150));
    }
    keys.write_all(b"\x03").expect("left");
    drop(keys);
    child.wait().expect("it ends");
    let bytes = fs::read(&sent).expect("what was sent");
    let bytes = without_frame_of_script(&bytes);
    assert!(String::from_utf8_lossy(bytes).contains("flag"), "documents were drawn");
    assert_eq!(only_allowed(bytes), Ok(()));
}

/// `script` says on lines of its own when it began and when it ended.
fn without_frame_of_script(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let end = bytes.windows(7).rposition(|window| window == b"\nScript").unwrap_or(bytes.len());
    &bytes[start..end.max(start)]
}

#[track_caller]
fn wait_for(file: &PathBuf, text: &str) {
    let start = Instant::now();
    let text = text.replace(' ', "");
    while !fs::read(file).is_ok_and(|bytes| words(&bytes).contains(&text)) {
        assert!(start.elapsed() < PATIENCE, "waited for `{text}`");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// What was written, without escapes and blanks: a frame draws only what changed, and a blank seldom does.
fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut rest: &str = &text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        let body = &rest[at + 1..];
        rest = body.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &body[end + 1..]);
    }
    (out + rest).replace(' ', "")
}
