//! Does anything but text reach a terminal from documents, whoever sends them?

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::captured::{Captured, only_allowed, words};
use crate::support::terminal::is_there;
use crate::support::{Project, skipped};

/// Documents that a search of the stranger's index finds.
const FOUND: usize = 25;

/// What a document is made of: all that a terminal obeys, all that hides or turns text, and what is hard to measure.
const PIECES: [&str; 40] = [
    "fever",
    " and ",
    "\n",
    "\t",
    "\r",
    "\u{0}",
    "\u{7}",
    "\u{8}",
    "\u{b}",
    "\u{7f}",
    "\u{1b}",
    "\u{1b}[2J",
    "\u{1b}[31m",
    "\u{1b}[?1049l",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]52;c;aGk=\u{7}",
    "\u{1b}P1$r\u{1b}\\",
    "\u{1b}_x\u{9c}",
    "\u{1b}c",
    "\u{1b}[6n",
    "\u{84}",
    "\u{90}",
    "\u{9b}31m",
    "\u{9d}52;c;aGk=\u{9c}",
    "\u{200b}",
    "\u{200d}",
    "\u{202e}",
    "\u{2066}",
    "\u{feff}",
    "\u{ad}",
    "\u{e0041}",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}",
    "👩\u{200d}⚕\u{fe0f}",
    "漢字",
    "ﷺ",
    "\u{1100}\u{1161}",
    "\u{fff9}x\u{fffb}",
    "\u{e000}",
    "aLongWordWithoutAnyBlankInItThatIsWiderThanAPane",
    ". ",
];

/// A text of up to `most` pieces and characters of all of Unicode, the same for the same name.
fn fuzzed(name: &str, most: usize) -> String {
    let mut reader = blake3::Hasher::new().update(name.as_bytes()).finalize_xof();
    let mut number = || {
        let mut bytes = [0; 4];
        reader.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    };
    let count = number() as usize % (most + 1);
    let mut text = String::new();
    for _ in 0..count {
        match number() % 4 {
            0 => text.push(char::from_u32(number() % 0x11_0000).unwrap_or('\u{fffd}')),
            1 => text.push(char::from_u32(number() % 0x300).unwrap_or('x')),
            _ => text.push_str(PIECES[number() as usize % PIECES.len()]),
        }
    }
    text
}

/// What the list says of a document that everything else could not say by chance.
fn listed(number: usize) -> String {
    format!("mk{number:05}q")
}

/// The same of its own page.
fn opened(number: usize) -> String {
    format!("dm{number:05}q")
}

/// A passage of a document as an API tells it.
fn passage(number: usize) -> Value {
    let text = |field: &str, most| fuzzed(&format!("{number} {field}"), most);
    let quote = format!("{}{}", listed(number), text("quote", 60));
    let end = quote.chars().count();
    json!({
        "document_id": format!("d{number}"), "passage_id": format!("d{number}#0"),
        "title": format!("{}{}", listed(number), text("title", 8)),
        "section": text("section", 6), "publisher": text("publisher", 6), "kind": text("kind", 4),
        "url": text("url", 6), "grade": text("grade", 4), "quote": quote,
        "start": 0, "end": end, "answer_start": end.min(1), "answer_end": end, "score": 0.5,
    })
}

/// What the stranger's server says.
fn reply(generation: &str, (method, path): (&str, &str), body: &Value) -> Value {
    let question = body["question"].as_str().unwrap_or_default();
    let batch: usize = question.strip_prefix("batch").and_then(|number| number.parse().ok()).unwrap_or(0);
    let results = || (batch * FOUND..(batch + 1) * FOUND).map(passage).collect::<Vec<_>>();
    let name = |of: &str| fuzzed(of, 6);
    match (method, path) {
        ("GET", "/readyz") => json!({"generation": generation}),
        ("GET", "/v1/index") => json!({"manifest": {
            "format_version": 2, "id": generation, "created": 0, "content_hash": name("hash"),
            "encoder": {"name": name("encoder"), "fingerprint": "f", "dimension": 2},
            "counts": {"documents": 10_000, "passages": 10_000},
            "graph": {"m": 16, "ef_construction": 150, "ef_search": 1_000, "exact_below": 50_000},
            "corpora": [{"name": name("corpus"), "licence": name("licence"), "files": []}], "files": [],
        }}),
        ("GET", "/v1/names") => json!({"names": [name("one"), format!("batchful{}", name("two"))]}),
        ("POST", "/v1/facets") => json!({"facets": {"kind": {name("kind"): 3, "leaflet": 2}}}),
        ("POST", "/v1/search") => json!({"results": results()}),
        ("POST", "/v1/ask") => {
            // A document that no list holds: the marks of a list are its own.
            let results = vec![passage(99_000 + batch % FOUND)];
            let notice = json!({"kind": "age", "rule": name("rule"), "title": name("notice"), "text": name("told"), "source": ""});
            json!({
                "outcome": "answered", "notices": [notice], "reading": results, "generation": generation,
                "encoder": "e", "reader": "r", "took_ms": 1.0,
                "answer": {"text": fuzzed(question, 60), "confidence": 0.8, "confidence_label": "high", "citations": [results[0]]},
            })
        }
        ("GET", path) if path.starts_with("/v1/documents/") => {
            let number = path.rsplit('d').next().and_then(|number| number.parse().ok()).unwrap_or(0);
            let text = |field: &str, most| fuzzed(&format!("{number} {field}"), most);
            let (heading, body) = (text("heading", 6), text("text", 200));
            let start = heading.chars().count() + 1;
            let whole = format!("{heading}\n{body}.");
            json!({
                "document_id": format!("d{number}"), "title": format!("{}{}", opened(number), text("title", 8)),
                "sections": [
                    {"heading": "", "start": 0, "end": start - 1},
                    {"heading": heading, "start": start, "end": whole.chars().count()},
                ],
                "text": whole, "metadata": {"kind": text("kind", 4), "publisher": text("publisher", 4), "grade": text("grade", 4)},
            })
        }
        _ => json!({}),
    }
}

/// Answers one request, and closes.
fn answer(stream: TcpStream, generation: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    reader.read_line(&mut head)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = head.split(' ');
    let asked = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let said = reply(generation, asked, &serde_json::from_slice(&body).unwrap_or_default()).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
    reader.get_mut().write_all(format!("{head} {}\r\n\r\n{said}", said.len()).as_bytes())
}

/// A server that sends whatever it likes; says where it listens.
fn stranger() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, "g000001-0123abcd"));
        }
    });
    address
}

/// Draws so many fuzzed documents of a stranger's index in a pty of each size: each in the list, and each whole. Says how
/// many bytes were looked at.
fn draw(each: usize, sizes: &[(u16, u16)]) -> usize {
    let looked_at = AtomicUsize::new(0);
    let check = |what: &str, bytes: &[u8]| {
        looked_at.fetch_add(bytes.len(), Ordering::Relaxed);
        assert_eq!(only_allowed(bytes), Ok(()), "{what}");
        assert!(!words(bytes).contains("apartofclinqahasfailed"), "a panic at {what}");
    };
    let address = stranger();
    let project = Project::new();
    std::thread::scope(|scope| {
        for (turn, size) in sizes.iter().enumerate() {
            let (address, project, check) = (&address, &project, &check);
            scope.spawn(move || {
                let mut terminal = Captured::start(project, *size, &format!("--server {address}"));
                check("start", &terminal.take_until("10000 documents"));
                for batch in turn * each / FOUND..(turn + 1) * each / FOUND {
                    draw_batch(&mut terminal, batch, check);
                }
                terminal.press("\u{3}");
                let (status, left) = terminal.ended();
                check("the end", &left);
                assert!(status.success(), "it ended with {status} at {size:?}");
            });
        }
    });
    looked_at.into_inner()
}

/// Draws what one search finds.
fn draw_batch(terminal: &mut Captured, batch: usize, check: &impl Fn(&str, &[u8])) {
    terminal.press(&format!("\u{15}batch{batch}\r"));
    check("an answer", &terminal.take_until("confidence"));
    terminal.press("\tg");
    for number in batch * FOUND..(batch + 1) * FOUND {
        check("a list", &seen(terminal, &listed(number)));
        terminal.press("o");
        check("a document", &seen(terminal, &opened(number)));
        terminal.press("\u{1b}j");
    }
    // Reasons, filters, the worklist and the corpora hold what came from the stranger too.
    for keys in ["x", "\u{1b}", "f", "\u{1b}", "p", "w", "\u{1b}", "L", "\t", "\u{1b}", "c", "k", "c"] {
        terminal.press(keys);
        std::thread::sleep(Duration::from_millis(20));
    }
    terminal.press("\u{1b}");
    std::thread::sleep(Duration::from_millis(50));
    terminal.press("/");
}

/// Has all drawn anew until a mark stands on the screen, which then comes in one piece.
fn seen(terminal: &mut Captured, mark: &str) -> Vec<u8> {
    for _ in 0..400 {
        terminal.press("\u{c}");
        if let Some(bytes) = terminal.take_within(Duration::from_millis(20), mark.as_bytes()) {
            return bytes;
        }
    }
    panic!("waited for {mark}: {}", terminal.so_far())
}

fn is_captured() -> bool {
    let there = is_there("script");
    if !there {
        skipped("script of util-linux is not here: what a terminal is sent is NOT captured");
    }
    there
}

#[test]
fn fuzzed_documents_of_a_stranger_reach_a_pty_as_text() {
    if is_captured() {
        draw(50, &[(120, 40), (60, 16)]);
    }
}

#[test]
#[ignore = "takes minutes: ten thousand documents, each drawn in the list and whole"]
fn ten_thousand_fuzzed_documents_of_a_stranger_reach_a_pty_as_text() {
    if is_captured() {
        let bytes = draw(2_500, &[(120, 40), (80, 24), (60, 16), (100, 30)]);
        let _ =
            writeln!(std::io::stderr(), "10,000 documents brought {bytes} bytes to a terminal, all of them allowed");
    }
}

#[test]
fn hostile_documents_of_our_own_index_reach_a_pty_as_text() {
    if !is_captured() {
        return;
    }
    let project = Project::new();
    let hostile = "# Red\u{1b}[31m\u{202e}flag\u{9b}2J\n\n## Care\u{7}\n\nA flag is \u{1b}]52;c;aGk=\u{7}red \u{1b}[2Jand \u{200b}high\u{feff}. A flag\u{301}\u{302}\u{303}\u{304} waves.\n";
    for at in 0..20 {
        project.write(&format!("corpora/own/flag-{at}.md"), hostile.replace("A flag", &format!("Flag {at}")));
    }
    project.run(&["rebuild"]).expect(0);
    let mut terminal = Captured::start(&project, (90, 30), "");
    let mut bytes = terminal.take_until("type a question");
    terminal.press("flag is red\r");
    bytes.extend(terminal.take_until("meaning"));
    for keys in ["\t", "j", "o", "G", "g", "\u{1b}", "x", "\u{1b}", "f", "\u{1b}", "w", "L", "\t"] {
        terminal.press(keys);
        std::thread::sleep(Duration::from_millis(150));
    }
    terminal.press("\u{3}");
    let (status, left) = terminal.ended();
    bytes.extend(left);
    assert!(status.success() && words(&bytes).contains("flag"), "documents were drawn");
    assert_eq!(only_allowed(&bytes), Ok(()));
}

#[test]
fn what_may_not_reach_a_terminal_is_told_from_what_may() {
    for allowed in ["fever\r\n", "\u{1b}[2;3Hx\u{1b}[0;1m", "\u{1b}[?25l\u{1b}[?2026h", "漢字 é"] {
        assert_eq!(only_allowed(allowed.as_bytes()), Ok(()), "{allowed:?}");
    }
    for refused in
        ["\u{7}", "\u{1b}]52;c;aGk=\u{7}", "\u{9b}31m", "\u{202e}", "\u{1b}[6n", "\u{1b}c", "\u{200b}", "\u{1b}[?47h"]
    {
        assert!(only_allowed(refused.as_bytes()).is_err(), "{refused:?}");
    }
    assert!(only_allowed(&[0xff]).is_err());
}
