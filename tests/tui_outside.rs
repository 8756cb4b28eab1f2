//! Does what leaves the screen arrive where it belongs: on the clipboard, in a browser, in the librarian's file?

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::terminal::Terminal;
use crate::support::{Project, arg, files_below, list};

/// Puts a program of that name on the path of the shell, which writes down what it is called with and what it is handed,
/// and then says whether all went well.
fn pretend(terminal: &Terminal, program: &str, code: u8) {
    let folder = terminal.folder.path().join("bin");
    fs::create_dir_all(&folder).expect("a folder");
    let script =
        format!("#!/bin/sh\necho \"$@\" > \"$HOME/{program}.called\"\ncat > \"$HOME/{program}.handed\"\nexit {code}\n");
    let path = folder.join(program);
    fs::write(&path, script).expect("a program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may run");
}

/// What a program was called with, or handed, if it was called at all.
fn noted(terminal: &Terminal, name: &str) -> Option<String> {
    fs::read_to_string(terminal.folder.path().join(name)).ok()
}

/// A shell whose programs are those that pretend, and what it says of where the screen is.
fn with_display(terminal: &Terminal, display: &str) {
    terminal.type_line(&format!("export PATH=\"$HOME/bin:$PATH\" {display}"));
    terminal.clear();
}

/// Asks, copies, and says what the terminal was told to copy.
fn copied(terminal: &Terminal, note: &str) -> String {
    terminal.start("");
    terminal.type_text("symptoms of asthma");
    terminal.wait_for("found by words and meaning");
    terminal.press(&["Enter"]);
    terminal.wait_for("confidence");
    terminal.press(&["y"]);
    terminal.wait("a note of what was copied", |screen| {
        screen.lines().any(|line| line.trim() == format!("copied the quote with its citation{note}"))
    });
    let copied = terminal.tmux(&["show-buffer"]);
    terminal.press(&["q"]);
    terminal.wait_for("ended with 0");
    terminal.clear();
    copied
}

#[test]
fn what_is_copied_goes_to_the_clipboard_of_the_system_too_where_there_is_one() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    pretend(&terminal, "xclip", 0);
    pretend(&terminal, "wl-copy", 0);
    with_display(&terminal, "DISPLAY= WAYLAND_DISPLAY=");
    assert!(copied(&terminal, "").contains("[asthma#"));
    assert_eq!((noted(&terminal, "xclip.called"), noted(&terminal, "wl-copy.called")), (None, None), "nobody to tell");
    with_display(&terminal, "DISPLAY=:77");
    let by_terminal = copied(&terminal, " (system clipboard too)");
    assert_eq!(
        noted(&terminal, "xclip.handed").map(|text| text.trim_end().to_owned()),
        Some(by_terminal.trim_end().to_owned())
    );
    assert_eq!(noted(&terminal, "xclip.called").as_deref(), Some("-selection clipboard\n"));
    assert_eq!(noted(&terminal, "wl-copy.called"), None);
    with_display(&terminal, "WAYLAND_DISPLAY=wayland-7");
    copied(&terminal, " (system clipboard too)");
    assert!(noted(&terminal, "wl-copy.handed").is_some_and(|text| text.contains("[asthma#")));
    // Where one clipboard does not take it, the next one is asked, and where none does, nothing is claimed.
    fs::remove_file(terminal.folder.path().join("xclip.handed")).expect("removed");
    pretend(&terminal, "wl-copy", 1);
    copied(&terminal, " (system clipboard too)");
    assert!(noted(&terminal, "xclip.handed").is_some_and(|text| text.contains("[asthma#")));
    pretend(&terminal, "xclip", 1);
    copied(&terminal, "");
}

#[test]
fn a_source_is_opened_in_a_browser_or_its_address_is_told() {
    let Some(terminal) = Terminal::open(100, 24) else { return };
    let project = Project::new();
    let front = "---\ntitle: Gout\nurl: https://example.org/gout?a=1&b=$(id)\n---\n";
    project.write("corpora/own/gout.md", format!("{front}# Gout\n\nGout is a painful swelling of a joint.\n"));
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    pretend(&terminal, "xdg-open", 0);
    for (display, told) in [("DISPLAY= WAYLAND_DISPLAY=", "there is no browser on this terminal"), ("DISPLAY=:77", "")]
    {
        with_display(&terminal, display);
        terminal.start(&format!("--index {}", arg(&project.path("index"))));
        terminal.type_text("gout");
        terminal.wait_for("1 found by words");
        terminal.press(&["Escape", "o"]);
        terminal.wait_for("t contents");
        terminal.press(&["o"]);
        if told.is_empty() {
            let start = std::time::Instant::now();
            while noted(&terminal, "xdg-open.called").is_none_or(|called| called.is_empty()) {
                assert!(start.elapsed().as_secs() < 60, "no browser was opened");
                std::thread::sleep(std::time::Duration::from_millis(30));
            }
        } else {
            let screen = terminal.wait_for(told);
            assert!(screen.contains("https://example.org/gout?a=1&b=$(id)"), "{screen}");
            assert_eq!(noted(&terminal, "xdg-open.called"), None);
        }
        terminal.press(&["C-c"]);
        terminal.wait_for("ended with 0");
        terminal.clear();
    }
    // One argument, as it stands: no shell has seen it.
    assert_eq!(noted(&terminal, "xdg-open.called").as_deref(), Some("https://example.org/gout?a=1&b=$(id)\n"));
}

#[test]
fn a_wrong_answer_is_reported_to_a_file_for_the_librarian_alone_without_what_names_anybody() {
    const NAMED: [&str; 3] = ["Holloway", "943 476 5919", "agnes@example.org"];
    let Some(terminal) = Terminal::open(100, 30) else { return };
    let project = Project::indexed();
    terminal.start(&format!("--index {}", arg(&project.path("index"))));
    terminal.type_text("what are symptoms of asthma, asks Agnes Holloway, NHS number 943 476 5919, agnes@example.org");
    terminal.wait_for("found by words and meaning");
    terminal.press(&["Enter"]);
    terminal.wait("an answer or none", |screen| screen.contains("confidence") || screen.contains("No answer"));
    for wanted in ["Enter", "j"] {
        terminal.press(&["!"]);
        terminal.wait_for("This answer is");
        terminal.press(if wanted == "j" { &["j", "Enter"] } else { &["Enter"] });
        terminal.wait_for("written to");
        // The next key takes the note away, so that the next one is another.
        terminal.press(&["Tab"]);
        terminal.wait_until_gone("written to");
    }
    terminal.press(&["C-c"]);
    terminal.wait_for("ended with 0");
    let path = project.path("index/reports.jsonl");
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it is for its owner alone");
    let text = fs::read_to_string(&path).expect("reports");
    let reports: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(reports.len(), 2, "{text}");
    assert_ne!(reports[0]["fault"], reports[1]["fault"], "{text}");
    for report in &reports {
        assert!(report["question"].as_str().is_some_and(|asked| asked.contains("symptoms of asthma")), "{report}");
        let kinds = &report["redacted"]["kinds"];
        assert!(["name", "national-id", "email"].iter().all(|kind| kinds[kind] == 1), "{report}");
        assert!(!list(&report["reading"]).is_empty() && report["generation"].is_string(), "{report}");
    }
    for (path, bytes) in files_below(&project.path("")) {
        let text = String::from_utf8_lossy(&bytes);
        let kept: Vec<&&str> = NAMED.iter().filter(|named| text.contains(**named)).collect();
        assert!(kept.is_empty(), "{} holds {kept:?}", path.display());
    }
}
