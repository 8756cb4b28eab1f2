//! Does the screen work in a terminal: typing, reading, copying, resizing, leaving, and the terminal after it?

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::support::terminal::{Terminal, is_there};
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
        (&[], "of its score of"),
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
    terminal.wait_for("No connection. What you typed is looked up");
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
        (&["BTab"], "6 documents in "),
        (&[], "of 7 records 1 cannot be used"),
        (&["v"], "ok       documents.jsonl"),
        (&[], "every file is as it was indexed"),
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
fn a_librarian_sees_what_came_of_a_corpus_and_what_happened_to_its_files() {
    let Some(terminal) = Terminal::open(120, 40) else { return };
    let project = Project::with_five_documents();
    project.write("corpora/own/broken.md", [0, 1]);
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let paths = ["index", "corpora/own"].map(|path| project.path(path));
    terminal.start(&format!("--index {} --corpus {}", arg(&paths[0]), arg(&paths[1])));
    terminal.wait_for("5 documents");
    let wait = |keys: &[&str], shown: &[&str]| {
        terminal.press(keys);
        for text in shown {
            terminal.wait_for(text);
        }
    };
    let counted = ["5 documents in ", "the newest of 2024", "of 6 records 1 cannot be used"];
    wait(&["Escape", "L", "Tab"], &counted);
    wait(&["v"], &["every file is as it was indexed"]);
    project.write("corpora/own/asthma.md", "# Asthma\n\nSomething else.\n");
    project.write("corpora/own/new.md", "# Gout\n\nA joint hurts.\n");
    fs::remove_file(project.path("corpora/own/migraine.md")).expect("removed");
    wait(&["v"], &["since it was indexed: MISSING migraine.md; CHANGED asthma.md; NEW new.md"]);
    wait(&[], &counted);
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with");
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
