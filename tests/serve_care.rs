//! Does an administrator care for the index of a running server, and nobody else, and does it answer all the while?

use std::fs::{self, File};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::{Response, Server};
use crate::support::openapi::Document;
use crate::support::{Project, five_markdown, list, replace};

const QUIET: [&str; 4] = ["--log", "off", "--timeout", "60"];

const JSON: &str = "application/json";

const CURRENT: &str = "/v1/index/current";
const CHECK: &str = "/v1/index/check";
const CORPORA: &str = "/v1/index/corpora";
const REBUILD: &str = "/v1/index/rebuild";

/// A server with what it says of itself.
struct Cared {
    server: Server,
    document: Document,
}

impl Cared {
    #[track_caller]
    fn start(project: &Project) -> Self {
        let server = Server::start(project, &QUIET);
        let document = Document(server.get("/openapi.json").expect(200).json());
        Self { server, document }
    }

    /// Sends `body`; the reply must have this status and be as it is described.
    #[track_caller]
    fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        let reply = self.server.post(path, body).expect(status).json();
        self.document.check(path, "post", status, JSON, &reply);
        reply
    }

    /// The error of a request that is refused: one word for a program.
    #[track_caller]
    fn refused(&self, path: &str, body: &Value, status: u16) -> String {
        let error = self.post(path, body, status)["error"].clone();
        let message = error["message"].as_str().expect("a sentence");
        let leaks = ["secret", "corpora/", "index/"].iter().any(|part| message.contains(part));
        assert!(!message.is_empty() && !leaks, "{error}");
        error["code"].as_str().expect("a code").to_owned()
    }

    #[track_caller]
    fn rebuild(&self) -> Value {
        let reply = self.server.get(REBUILD).expect(200).json();
        self.document.check(REBUILD, "get", 200, JSON, &reply);
        reply
    }

    /// Waits until the rebuild has ended, and gives all that was told of it.
    #[track_caller]
    fn rebuilt(&self) -> Vec<Value> {
        let start = Instant::now();
        let mut told = vec![self.rebuild()];
        while told.last().is_some_and(|reply| reply["state"] == "running") {
            assert!(start.elapsed() < Duration::from_mins(3), "{told:?}");
            std::thread::sleep(Duration::from_millis(20));
            told.push(self.rebuild());
        }
        told
    }

    /// The generation that a question is answered from.
    #[track_caller]
    fn answering(&self) -> String {
        let asked = json!({"question": "What are the symptoms of asthma?"});
        let reply = self.server.post("/v1/ask", &asked).expect(200).json();
        let generation = reply["generation"].as_str().expect("a name").to_owned();
        let second = generation.starts_with("g000002");
        assert_eq!(reply.to_string().contains("second-wheez"), second, "{reply}");
        generation
    }
}

/// Other words about asthma.
fn change(project: &Project) {
    project.write("corpora/own/asthma.md", five_markdown("asthma").replace("wheez", "second-wheez"));
}

#[test]
fn a_new_generation_is_made_serves_at_once_and_is_rolled_back() {
    let project = Project::indexed();
    let cared = Cared::start(&project);
    assert_eq!(cared.rebuild()["state"], "idle");
    let first = cared.answering();
    change(&project);
    project.write("corpora/own/broken.md", [0, 1]);
    assert_eq!(cared.post(REBUILD, &json!({}), 202)["state"], "running");
    let told = cared.rebuilt();
    let done = told.last().expect("an end");
    assert_eq!(done["state"], "done", "{done}");
    assert!(done["summary"].as_str().is_some_and(|text| text.starts_with("Published g000002-")), "{done}");
    assert_eq!((&done["skipped"]["count"], list(&done["skipped"]["latest"]).len()), (&json!(1), 1), "{done}");
    assert!(done["skipped"]["latest"][0].as_str().is_some_and(|text| text.contains("broken.md")), "{done}");
    let second = cared.answering();
    assert!(second.starts_with("g000002"), "the new one answers as soon as it is told of: {second}");

    let back = cared.post(CURRENT, &json!({"generation": first}), 200);
    assert_eq!((&back["status"], &back["manifest"]["id"]), (&json!("ready"), &json!(first)));
    assert_eq!(cared.answering(), first);
    assert_eq!(cared.post(CURRENT, &json!({"generation": first}), 200)["manifest"]["id"], json!(first), "it is");
    assert_eq!(cared.post(CURRENT, &json!({"generation": second}), 200)["manifest"]["id"], json!(second));
    assert_eq!(cared.answering(), second);

    replace(&project.path("index/generations").join(&first).join("vectors.f32"), b"spoilt");
    for (body, status, code) in [
        (json!({"generation": "g000009-01234567"}), 404, "not_found"),
        (json!({"generation": "../../secret"}), 400, "malformed"),
        (json!({"generation": 1}), 400, "malformed"),
        (json!({}), 400, "malformed"),
        (json!({"generation": first}), 409, "damaged"),
    ] {
        assert_eq!(cared.refused(CURRENT, &body, status), code, "{body}");
    }
    assert_eq!(cared.answering(), second, "what was refused changed nothing");
    assert_eq!(cared.server.get("/readyz").expect(200).json()["status"], "ready");
}

#[test]
fn the_checksums_of_the_current_generation_are_compared_and_every_damage_is_named() {
    let project = Project::indexed();
    let cared = Cared::start(&project);
    let checked = cared.post(CHECK, &json!({}), 200);
    assert_eq!(checked["sound"], true, "{checked}");
    let names: Vec<&str> = list(&checked["files"]).iter().filter_map(|file| file["file"].as_str()).collect();
    assert!(names.contains(&"documents.jsonl") && names.contains(&"vectors.f32"), "{names:?}");
    assert!(!checked.to_string().contains(project.path("").to_str().expect("a path")), "{checked}");
    let generation = project.generation();
    let whole = fs::read(generation.join("lexicon.txt")).expect("a file");
    replace(&generation.join("lexicon.txt"), &vec![b'x'; whole.len()]);
    replace(&generation.join("vectors.f32"), b"spoilt");
    fs::remove_file(generation.join("passages.bin")).expect("removed");
    fs::write(generation.join("more.txt"), "more").expect("written");
    let checked = cared.post(CHECK, &json!({}), 200);
    let found = |name: &str| {
        let file = list(&checked["files"]).iter().find(|file| file["file"] == name);
        file.map(|file| file["damage"]["kind"].as_str().unwrap_or("none").to_owned()).expect("it is listed")
    };
    let kinds = ["lexicon.txt", "vectors.f32", "passages.bin", "more.txt", "documents.jsonl"].map(found);
    assert_eq!(kinds, ["digest", "length", "missing", "extra", "none"]);
    assert_eq!(checked["sound"], false);
    replace(&generation.join("manifest.json"), b"{}");
    assert_eq!(cared.refused(CHECK, &json!({}), 409), "damaged");
    assert_eq!(cared.answering().get(..7), Some("g000001"), "what is open answers on");
}

#[test]
fn the_files_of_every_corpus_are_told_as_they_are_now() {
    let project = Project::indexed();
    let cared = Cared::start(&project);
    let own = || {
        let reply = cared.server.get(CORPORA).expect(200).json();
        cared.document.check(CORPORA, "get", 200, JSON, &reply);
        let found = list(&reply["corpora"]).iter().find(|corpus| corpus["name"] == "own").cloned();
        found.unwrap_or_else(|| panic!("no corpus `own`: {reply}"))
    };
    let indexed = cared.server.get("/v1/index").expect(200).json()["manifest"]["corpora"][0]["files"].clone();
    assert_eq!(own()["found"]["files"], indexed, "nothing has changed");
    change(&project);
    let digest = |files: &Value| {
        let file = list(files).iter().find(|file| file["file"] == "asthma.md").cloned();
        file.expect("it is listed")["blake3"].clone()
    };
    assert_ne!(digest(&own()["found"]["files"]), digest(&indexed), "another text has another checksum");
    project.write("corpora/own/corpus.toml", "this is no TOML");
    let own = own();
    assert!(own["unusable"].as_str().is_some_and(|why| why.contains("corpus.toml")), "{own}");
    assert_eq!(own.get("found"), None, "{own}");
}

/// So many documents that a rebuild takes a while.
const WARDS: usize = 120;

fn many(project: &Project) {
    for number in 0..WARDS {
        let others = ["river", "valley", "harbour", "meadow"].map(|word| format!("{word} {number} {}", number * 37));
        let sections: Vec<String> =
            others.iter().map(|words| format!("## About {words}\n\nThe {words} ward keeps {words} beds.\n")).collect();
        project.write(&format!("corpora/own/ward-{number}.md"), format!("# Ward {number}\n\n{}", sections.join("\n")));
    }
}

#[test]
fn one_rebuild_at_a_time_delays_no_question_and_stopping_the_server_leaves_the_index_whole() {
    let project = Project::indexed();
    many(&project);
    let mut cared = Cared::start(&project);
    let first = cared.answering();
    cared.post(REBUILD, &json!({}), 202);
    assert_eq!(cared.refused(REBUILD, &json!({}), 409), "rebuilding");
    let start = Instant::now();
    while cared.rebuild()["progress"]["stage"] != "encode" {
        assert!(start.elapsed() < Duration::from_secs(30), "{}", cared.rebuild());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(cared.answering(), first);
    assert_eq!(cared.refused(CURRENT, &json!({"generation": first}), 409), "locked");
    project.run(&["rebuild"]).refused(3, &["is writing to"]);
    let running = cared.rebuild();
    assert_eq!(running["state"], "running", "it takes longer than all that: {running}");
    assert!(running["progress"]["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{running}");
    cared.server.signal("TERM");
    assert_eq!(cared.server.ended_within(Duration::from_secs(10)), 0);
    let verdict = project.run(&["index", "verify", "--json"]).expect(0).json();
    assert_eq!((&verdict["sound"], list(&verdict["generations"]).len()), (&json!(true), 1), "{verdict}");

    for number in 1..WARDS {
        fs::remove_file(project.path(&format!("corpora/own/ward-{number}.md"))).expect("removed");
    }
    let cared = Cared::start(&project);
    assert_eq!((cared.rebuild()["state"].clone(), cared.answering()), (json!("idle"), first));
    cared.post(REBUILD, &json!({}), 202);
    let told = cared.rebuilt();
    assert_eq!(told.last().expect("an end")["state"], "done", "{told:?}");
    assert_eq!(cared.server.get("/v1/index").expect(200).json()["manifest"]["counts"]["documents"], 6);
}

#[test]
fn what_hinders_a_rebuild_is_told_and_the_index_before_it_answers_on() {
    let project = Project::indexed();
    let cared = Cared::start(&project);
    let held = File::options().write(true).open(project.path("index/.lock")).expect("a lock");
    held.lock().expect("free");
    assert_eq!(cared.refused(REBUILD, &json!({}), 409), "locked");
    assert_eq!(cared.rebuild()["state"], "idle", "nothing was begun");
    drop(held);
    for name in ["migraine", "shingles"] {
        fs::remove_file(project.path(&format!("corpora/own/{name}.md"))).expect("removed");
    }
    cared.post(REBUILD, &json!({}), 202);
    let told = cared.rebuilt();
    let failed = told.last().expect("an end");
    assert_eq!((&failed["state"], failed.get("summary")), (&json!("failed"), None), "{failed}");
    assert!(failed["error"].as_str().is_some_and(|text| text.contains("3 documents")), "{failed}");
    assert!(cared.answering().starts_with("g000001"));
}

#[test]
fn no_page_of_another_site_changes_an_index_that_needs_no_key() {
    let project = Project::indexed();
    let server = Server::start(&project, &[&QUIET[..], &["--rate-address", "1"]].concat());
    let before = project.index_files();
    let address = server.address;
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let send = |method: &str, path: &str, head: &str| -> Response {
        let length = if method == "POST" { 2 } else { 0 };
        let body = &"{}"[..length];
        let line = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n");
        server.send(format!("{line}{head}\r\n{body}").as_bytes())
    };
    let here = format!("host: {address}\r\n");
    let json = format!("{here}content-type: application/json\r\n");
    for (head, status) in [
        (format!("{here}{form}"), 415),
        (format!("{here}content-type: text/plain\r\n"), 415),
        (here.clone(), 415),
        (format!("{json}origin: http://evil.example\r\n"), 403),
        (format!("{json}origin: null\r\n"), 403),
        (format!("{json}sec-fetch-site: cross-site\r\n"), 403),
        ("host: evil.example\r\norigin: http://evil.example\r\ncontent-type: application/json\r\n".to_owned(), 403),
        (format!("{json}x-forwarded-for: 127.0.0.1\r\n"), 403),
    ] {
        for path in [REBUILD, CHECK, CURRENT] {
            let refused = send("POST", path, &head).expect(status).json();
            assert!(refused["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{refused}");
        }
        if status == 403 {
            send("GET", REBUILD, &head).expect(403);
            send("GET", CORPORA, &head).expect(403);
        }
    }
    assert!(project.index_files() == before, "nothing was written");
    // Whoever is here in person is let in, however often: it is counted against no rate.
    for _ in 0..30 {
        send("GET", REBUILD, &here).expect(200);
    }
    send("POST", CHECK, &json).expect(200);
}
