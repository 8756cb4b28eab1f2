//! Is what somebody typed ever written down, or does it reach a log line as anything but itself?

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::Server;
use crate::support::{Project, five};

/// Planted in every run; the long form plants more.
const PLANTED: usize = 300;
const PLANTED_LONG: usize = 5_000;

/// A word that stands nowhere else, made from a counter: no two alike, each with a number in it.
fn identifier(number: usize) -> String {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let letters = (0..8).map(|at| char::from(b'a' + (mixed >> (at * 5) & 15) as u8));
    format!("zq{}{:06}", letters.collect::<String>(), mixed >> 40 & 0xf_ffff)
}

/// What an identifier looks like to whoever searches for it: as it is, and as text is wrapped on its way.
fn forms(identifier: &str) -> Vec<Vec<u8>> {
    let swapped: String =
        identifier.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
    let mut forms: Vec<Vec<u8>> = vec![identifier.into(), swapped.into()];
    let spelled = |byte: fn(u8) -> String| identifier.bytes().flat_map(|c| byte(c).into_bytes()).collect::<Vec<u8>>();
    forms.push(spelled(|c| format!("%{c:02X}")));
    forms.push(spelled(|c| format!("%{c:02x}")));
    forms.push(spelled(|c| format!("\\u{c:04x}")));
    forms.push(spelled(|c| format!("{c:02x}")));
    forms.push(identifier.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.push(identifier.encode_utf16().flat_map(u16::to_be_bytes).collect());
    forms.push(identifier.bytes().rev().collect());
    // Base64 of a text depends on where in it the word begins; the middle of each of the three is its own.
    for shift in 0..3 {
        let padded = [&b"   "[..shift], identifier.as_bytes()].concat();
        let encoded = base64(&padded);
        forms.push(encoded[4..encoded.len() - 4].into());
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sign = |value: u32| char::from(SIGNS[(value & 63) as usize]);
    let mut encoded = String::new();
    for three in bytes.chunks(3) {
        let value = three.iter().chain([0, 0].iter()).take(3).fold(0, |value, byte| value << 8 | u32::from(*byte));
        encoded.extend([18, 12, 6, 0].map(|shift| sign(value >> shift)));
    }
    encoded
}

/// Every identifier in every form, by its first four bytes, so that a file is read once.
struct Search {
    forms: Vec<Vec<u8>>,
    by_start: std::collections::HashMap<[u8; 4], Vec<usize>>,
}

impl Search {
    fn of(count: usize) -> Self {
        let forms: Vec<Vec<u8>> = (0..count).flat_map(|number| forms(&identifier(number))).collect();
        let mut by_start: std::collections::HashMap<[u8; 4], Vec<usize>> = std::collections::HashMap::new();
        for (at, form) in forms.iter().enumerate() {
            by_start.entry([form[0], form[1], form[2], form[3]]).or_default().push(at);
        }
        Self { forms, by_start }
    }

    /// Bytes of identifiers in `bytes`.
    fn found(&self, bytes: &[u8]) -> usize {
        let mut found = 0;
        for (at, start) in bytes.windows(4).enumerate() {
            let Some(candidates) = self.by_start.get(start) else { continue };
            let here = candidates.iter().filter(|form| bytes[at..].starts_with(&self.forms[**form]));
            found += here.map(|form| self.forms[*form].len()).sum::<usize>();
        }
        found
    }

    /// The same for every file below a folder; what is found is named by its path.
    fn below(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let named = self.found(path.as_os_str().as_encoded_bytes());
            let held = if path.is_dir() {
                found.extend(self.below(&path));
                0
            } else {
                fs::read(&path).map_or(0, |bytes| self.found(&bytes))
            };
            if named + held > 0 {
                found.push(format!("{}: {} bytes", path.display(), named + held));
            }
        }
        found
    }
}

#[test]
fn what_is_searched_for_would_be_found() {
    let search = Search::of(3);
    for form in forms(&identifier(2)) {
        assert!(search.found(&[b"before ", form.as_slice(), b" after"].concat()) > 0, "{form:?}");
    }
    assert_eq!(search.found(identifier(4).as_bytes()), 0);
    let words: std::collections::HashSet<String> = (0..PLANTED_LONG).map(identifier).collect();
    assert_eq!(words.len(), PLANTED_LONG, "no two alike");
}

/// A question that holds an identifier.
fn question(number: usize) -> String {
    let word = identifier(number);
    match number % 5 {
        0 => format!("my name is {word}, what are the symptoms of asthma?"),
        1 => format!("crushing chest pain, I am {word}"),
        2 => format!("is {word} a treatment for migraine"),
        3 => format!("how much {word} should I take for shingles"),
        _ => word,
    }
}

/// A reply in pieces; it must come to its end.
#[track_caller]
fn streamed(server: &Server, body: &Value) {
    let reply = server.post("/v1/chat/completions", body).expect(200);
    assert!(
        reply.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")),
        "{:?}",
        reply.status
    );
    assert!(reply.body.ends_with("data: [DONE]\n\n"), "{}", reply.body.len());
}

/// Sends every identifier through a way that takes text, in turn.
fn plant(project: &Project, server: &Server, count: usize) {
    for number in 0..count {
        let (word, asked) = (identifier(number), question(number));
        let header = "content-type: application/json\r\n";
        let turn = json!([{ "question": asked, "answer": word }]);
        match number % 15 {
            0 => drop(server.post("/v1/ask", &json!({ "question": asked }))),
            1 => drop(server.post("/v1/ask", &json!({ "question": "and in children?", "history": turn }))),
            2 => drop(server.post("/v1/search", &json!({ "question": asked }))),
            3 => {
                let messages = json!([{ "role": "user", "content": asked }]);
                drop(server.post("/v1/chat/completions", &json!({ "model": "clinqa", "messages": messages })));
            }
            4 => drop(server.post_with("/", "content-type: application/x-www-form-urlencoded\r\n", &format!("question={word}"))),
            5 => drop(server.post_with("/v1/ask", header, &format!("{{\"question\": \"{word}"))),
            6 => drop(server.post_with("/v1/ask", &format!("content-type: text/{word}\r\n"), &word)),
            7 => drop(server.post("/v1/ask", &json!({ "question": format!("{word} ").repeat(200) }))),
            8 => drop(server.post("/v1/ask", &json!({ "question": asked, "filters": { "kind": word }, "region": word }))),
            9 => drop(server.send(format!("POST /v1/ask HTTP/1.1\r\nhost: {word}\r\n{word}: {word}\r\ncookie: {word}\r\nconnection: close\r\ncontent-length: 3\r\n\r\n\u{0}{word}").as_bytes())),
            10 => {
                let messages = json!([{ "role": "user", "content": asked }]);
                streamed(server, &json!({ "messages": messages, "stream": true, "stream_options": { "include_usage": true } }));
            }
            11 => {
                let said = json!([
                    { "role": "system", "content": word }, { "role": "user", "content": asked },
                    { "role": "assistant", "content": word }, { "role": "user", "content": "and in children?" },
                ]);
                streamed(server, &json!({ "model": word, "user": word, "messages": said, "stream": true }));
            }
            // Whoever hangs up in the middle of a stream.
            12 => {
                let messages = json!([{ "role": "user", "content": asked }]);
                let body = json!({ "messages": messages, "stream": true }).to_string();
                let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
                let mut stream = server.connect();
                stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).expect("sent");
                let _ = stream.read(&mut [0; 64]);
            }
            13 => drop(server.send(format!("{word} /v1/ask HTTP/1.1\r\nconnection: close\r\n\r\n").as_bytes())),
            _ => drop(server.send(format!("GET /{word}?question={word} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {word}\r\nx-request-id: {word}\r\nconnection: close\r\n\r\n").as_bytes())),
        }
    }
    let lines: String = (0..count)
        .map(|number| json!({ "id": "q", "question": question(number) }).to_string() + "\n")
        .take(60)
        .collect();
    let typed = [question(0), question(1), question(3)];
    let batch = project
        .run_with_input(&["ask", "--batch", "-"], format!("{lines}{{\"question\": \"{}\n", identifier(5)).as_bytes());
    let search = Search::of(count);
    assert_eq!(search.found(batch.stderr.as_bytes()), 0, "standard error of a batch");
    for asked in typed {
        for verb in ["ask", "search"] {
            let ran = project.run(&[verb, &asked]);
            assert_eq!(search.found(ran.stderr.as_bytes()), 0, "standard error of {verb}");
        }
    }
    let refused = project.run(&["ask", &identifier(9).repeat(300)]);
    assert_eq!(search.found(refused.stderr.as_bytes()), 0, "{}", refused.stderr.len());
}

fn nothing_is_written(count: usize, query_log: bool) {
    let project = Project::indexed();
    let folder = project.path("log").display().to_string();
    let kept = ["--query-log", &folder];
    let limits = ["--log", "trace", "--rate-address", "0", "--timeout", "30"];
    let args = if query_log { [&limits[..], &kept[..]].concat() } else { limits.to_vec() };
    let mut server = Server::start(&project, &args);
    plant(&project, &server, count);
    let search = Search::of(count);
    let metrics = server.get("/metrics");
    assert_eq!(search.found(metrics.body.as_bytes()), 0, "metrics");
    server.signal("TERM");
    server.ended_within(Duration::from_secs(20));
    let log = server.log();
    assert!(log.len() > count / 2, "{} lines of log for {count} requests", log.len());
    assert_eq!(search.found(log.join("\n").as_bytes()), 0, "the log");
    assert_eq!(search.below(&project.path("")), Vec::<String>::new());
}

#[test]
fn no_identifier_of_300_reaches_a_file_a_log_or_a_metric() {
    nothing_is_written(PLANTED, false);
}

#[test]
fn no_identifier_of_300_reaches_the_query_log_either() {
    nothing_is_written(PLANTED, true);
}

#[test]
#[ignore = "takes minutes; the short form runs always"]
fn no_identifier_of_5000_reaches_a_file_a_log_or_a_metric() {
    nothing_is_written(PLANTED_LONG, false);
}

#[test]
fn replies_are_not_kept_by_caches_and_no_address_takes_a_question() {
    let server = Server::start(five(), &[]);
    let asked = server.post("/v1/ask", &json!({ "question": "What is asthma?" })).expect(200);
    assert!(asked.header("cache-control").is_some_and(|value| value.contains("no-store")), "{:?}", asked.headers);
    for path in ["/v1/ask?question=asthma", "/v1/search?query=asthma", "/v1/chat/completions?q=asthma"] {
        let got = server.get(path);
        assert!([404, 405].contains(&got.status), "{path}: {}", got.status);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_the_server_is_not_dumped() {
    let server = Server::start(five(), &[]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("limits");
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert_eq!(cores.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{cores}");
    // What may not be dumped belongs to root, whoever runs it; a process of root's shows it by its memory map alone.
    let owner = fs::metadata(format!("/proc/{}/mem", server.id())).expect("the process");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), 0);
}

/// Lines that are one JSON object each, without a control byte.
#[track_caller]
fn check_log(lines: &[String]) {
    assert!(!lines.is_empty());
    for line in lines {
        assert!(!line.chars().any(char::is_control), "a control byte in {line:?}");
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        assert!(value.is_object(), "{line}");
    }
}

#[test]
fn whatever_is_sent_every_line_of_the_log_is_one_json_object() {
    let server = Server::start(five(), &["--log", "trace", "--rate-address", "0"]);
    let hostile = [
        "\r\nforged: yes",
        "\n{\"level\":\"ERROR\"}",
        "\u{1b}[31mred\u{1b}[0m",
        "\"}{\"a\":\"",
        "\\",
        "\u{0}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}bidi",
        "\u{7f}",
        "%0d%0aforged",
        "\t",
        "'; --",
        "\u{fffd}",
        "\u{9b}31m",
    ];
    for text in hostile {
        let body = json!({ "question": text, "region": text, "filters": { "kind": text }, "history": [{ "question": text, "answer": text }] });
        let requests = [
            format!("GET /{text} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            format!("{text} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            format!("GET / {text}\r\nhost: x\r\nconnection: close\r\n\r\n"),
            format!(
                "GET / HTTP/1.1\r\nhost: {text}\r\nuser-agent: {text}\r\nx-request-id: {text}\r\ncookie: {text}\r\nauthorization: Bearer {text}\r\nx-forwarded-for: {text}\r\norigin: {text}\r\nreferer: {text}\r\nconnection: close\r\n\r\n"
            ),
            format!(
                "POST /v1/ask HTTP/1.1\r\nhost: x\r\ncontent-type: {text}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            ),
            format!("GET /v1/documents/{text} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        ];
        for request in requests {
            server.send(request.as_bytes());
        }
        server.post("/v1/ask", &body);
        server.post_with("/v1/ask", "content-type: application/json\r\n", &format!("{{\"question\": \"{text}"));
    }
    server.send(&[0xff, 0xfe, 0x0d, 0x0a, 0x80, 0x0d, 0x0a, 0x0d, 0x0a]);
    let mut stream = server.connect();
    let _ = stream.write_all(b"GET /\xc0\xaf HTTP/1.1\r\nx: \xff\x1b[0m\r\n\r\n");
    let _ = stream.read(&mut [0; 512]);
    // One that is well formed comes last, so that the log of the others is there.
    server.get("/healthz").expect(200);
    std::thread::sleep(Duration::from_millis(200));
    let log = server.log();
    assert!(log.len() > hostile.len(), "{} lines", log.len());
    check_log(&log);
}

/// Waits until `ready` gives something.
#[track_caller]
fn wait<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "it never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_query_log_keeps_questions_without_their_askers_and_deletes_for_good() {
    let project = Project::indexed();
    let folder = project.path("kept");
    // Of a day long past: it goes when the server starts.
    let old = project.write("kept/queries-2020-01-01.jsonl", "{}\n");
    project.write("kept/notes.txt", "not ours");
    let args = ["--query-log", "kept", "--query-log-days", "7"];
    let server = Server::start(&project, &args);
    assert!(!old.exists(), "retention");
    let asked = "my name is Priya Raman, call 07700 900123, what are the symptoms of asthma?";
    let reply = server.post("/v1/ask", &json!({ "question": asked })).expect(200).json();
    server.post("/v1/ask", &json!({ "question": "crushing chest pain, I live at 12 Maple Street" })).expect(200);
    let listed = |args: &[&str]| project.run(&[&["queries", "--query-log", "kept"], args].concat()).expect(0);
    let lines = wait(|| Some(listed(&["list", "--json"]).json_lines()).filter(|lines| lines.len() == 2));
    let first = &lines[0];
    assert_eq!(first["question"], "my name is [NAME], call [PHONE], what are the symptoms of asthma?");
    assert_eq!(first["outcome"], reply["outcome"]);
    assert_eq!(first["redacted"], json!({ "name": 1, "phone": 1 }));
    assert_eq!(first["topics"][0], "asthma");
    assert!(first["time"].as_str().is_some_and(|time| time.ends_with(":00:00Z")), "{first}");
    assert_eq!(lines[1]["outcome"], "redirected");
    let fields: Vec<&String> = first.as_object().expect("an object").keys().collect();
    let known = ["time", "question", "outcome", "reason", "kind", "topics", "generation", "redacted"];
    assert!(fields.iter().all(|field| known.contains(&field.as_str())), "{fields:?}");
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("clinqa_redactions_total{kind=\"phone\"} 1"), "{metrics}");
    let stats = listed(&["stats", "--json"]).json();
    assert_eq!((&stats["questions"], &stats["redacted"]["name"]), (&json!(2), &json!(1)));
    #[cfg(unix)]
    for entry in fs::read_dir(&folder).expect("the folder").flatten().filter(|entry| entry.file_name() != "notes.txt") {
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
    }
    listed(&["delete", "--before", "2020-01-02"]);
    assert_eq!(listed(&["list", "--json"]).json_lines().len(), 2);
    listed(&["delete", "--all"]);
    assert_eq!(listed(&["list"]).stdout, "");
    // The server that has the file open goes on in a new one.
    server.post("/v1/ask", &json!({ "question": "What helps with migraine?" })).expect(200);
    wait(|| Some(listed(&["list", "--json"]).json_lines()).filter(|lines| lines.len() == 1));
    assert!(folder.join("notes.txt").exists(), "files that are not ours stay");
    project.run(&["queries", "--query-log", "kept", "delete"]).expect(2);
}

#[test]
fn a_query_log_that_the_settings_name_lies_beside_them_wherever_it_is_asked_for() {
    let project = Project::new();
    project.write("clinqa.toml", "[serve]\nquery_log = \"kept\"\n");
    let line = json!({
        "time": "2026-01-01T10:00:00Z", "question": "what is gout", "outcome": "answered", "topics": [],
        "generation": "first", "redacted": {},
    });
    project.write("kept/queries-2026-01-01.jsonl", format!("{line}\n"));
    for folder in ["", "corpora"] {
        let mut command = project.command(&["queries", "list", "--json"]);
        let listed = crate::support::run(command.current_dir(project.path(folder))).expect(0);
        assert_eq!(listed.json_lines()[0]["question"], "what is gout", "in `{folder}`");
    }
}

#[test]
fn what_the_query_log_cannot_keep_is_counted_and_fails_no_request() {
    let project = Project::indexed();
    let server = Server::start(&project, &["--query-log", "kept"]);
    // A file where the folder was: nothing can be opened in it any more.
    fs::remove_dir_all(project.path("kept")).expect("it goes");
    project.write("kept", "in the way");
    for _ in 0..2 {
        server.post("/v1/ask", &json!({ "question": "What is asthma?" })).expect(200);
        std::thread::sleep(Duration::from_millis(200));
    }
    server.post("/v1/ask", &json!({ "question": "What is shingles?" })).expect(200);
    let metrics = server.get("/metrics").body;
    let lost = metrics.lines().find_map(|line| line.strip_prefix("clinqa_query_log_lost_total ")).expect("a count");
    assert!(lost.parse::<u32>().is_ok_and(|lost| lost >= 2), "{lost}");
    assert_eq!(fs::read_to_string(project.path("kept")).expect("the file"), "in the way");
}
