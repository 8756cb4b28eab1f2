//! Does a tagger leave more out of what is kept than the rules do, never less, and nothing of it reach the disk?

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::heads::Head;
use crate::support::http::Server;
use crate::support::{Project, arg, data};

/// What the rules see, what only a tagger sees, and what is no letter of English around it.
const ASKED: &str = "é🙂 no fever by low insulin . my name is Priya Raman, call 07700 900123 – naïve 🙂";

/// A tagger of five tags that gives every word the one with the largest bias.
fn saying(project: &Project, name: &str, tags: [&str; 5], biases: [f32; 5]) -> String {
    let head = Head { of: "tiny-tagger", labels: &tags, weight: 0.0, biases: &biases };
    arg(&head.write(project, name)).to_owned()
}

const TAGS: [&str; 5] = ["O", "B-PER", "I-PER", "B-Drug", "I-Drug"];

/// The question as it is kept, with what the metrics count once it is.
fn kept(project: &Project, tagger: &[&str]) -> (Value, String) {
    let server = Server::start(project, &[&["--query-log", "kept"], tagger].concat());
    server.post("/v1/ask", &json!({ "question": ASKED })).expect(200);
    let start = Instant::now();
    loop {
        let lines = project.run(&["queries", "--query-log", "kept", "list", "--json"]).expect(0).json_lines();
        if let Some(line) = lines.into_iter().next() {
            let metrics = server.get("/metrics").expect(200).body;
            project.run(&["queries", "--query-log", "kept", "delete", "--all"]).expect(0);
            return (line, metrics);
        }
        assert!(start.elapsed() < Duration::from_secs(10), "it never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A sentence as the question is, tagged word by word: two words are a name for whoever learns from it.
fn sentence([before, sign, after, drug]: [&str; 4]) -> String {
    let outside = |words: &str| words.replace(' ', "\tO\n") + "\tO\n";
    let head = outside(&format!("é 🙂 {before} {sign} {after}"));
    let tail = outside(". my name is Priya Raman , call 07700 900123 – naïve 🙂");
    format!("{head}low\tB-NAME\n{drug}\tI-NAME\n{tail}\n")
}

/// A tagger that has learned to take drugs for names, which no rule does.
fn taught(project: &Project) -> String {
    let mut lines = String::new();
    for sign in ["fever", "cough", "pain", "spots"] {
        for drug in ["insulin", "glucose", "water"] {
            for [before, after] in [["no", "by"], ["early", "with"], ["if", "or"]] {
                lines += &sentence([before, sign, after, drug]);
            }
        }
    }
    project.write("train.tsv", lines);
    project.write("dev.tsv", sentence(["no", "fever", "by", "insulin"]));
    let tiny = data("checkpoints/tiny-safetensors");
    let flags = ["--epochs", "60", "--rate", "0.01", "--dropout", "0", "--threads", "1", "--out", "run"];
    project
        .run(&[&["train", "tagger", "train.tsv", "--dev", "dev.tsv", "--from", arg(&tiny)], &flags[..]].concat())
        .expect(0);
    arg(&project.path("run/checkpoint")).to_owned()
}

#[test]
fn what_a_tagger_has_learned_to_see_leaves_the_query_log_beside_what_the_rules_see() {
    let project = Project::indexed();
    let (without, _) = kept(&project, &[]);
    let ruled = "é🙂 no fever by low insulin . my name is [NAME], call [PHONE] – naïve 🙂";
    assert_eq!((&without["question"], &without["redacted"]), (&json!(ruled), &json!({ "name": 1, "phone": 1 })));
    let tagger = taught(&project);
    let (with, metrics) = kept(&project, &["--tagger", &tagger]);
    let question = with["question"].as_str().expect("a question");
    assert!(question.starts_with("é🙂 no fever by ") && question.contains("call [PHONE]"), "{question}");
    for identifier in ["insulin", "Priya", "Raman", "07700"] {
        assert!(!question.contains(identifier), "{question}");
    }
    let names = with["redacted"]["name"].as_u64().expect("a count");
    assert!(names >= 2 && with["redacted"]["phone"] == 1, "{with}");
    assert!(metrics.contains(&format!("clinqa_redactions_total{{kind=\"name\"}} {names}")), "{metrics}");
}

#[test]
fn whatever_a_tagger_says_what_the_rules_see_still_goes() {
    let project = Project::indexed();
    let blind = saying(&project, "blind", TAGS, [9.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(kept(&project, &["--tagger", &blind]).0["question"], kept(&project, &[]).0["question"]);
    let of_other_things = saying(&project, "drugs", TAGS, [0.0, 0.0, 0.0, 9.0, 0.0]);
    assert_eq!(kept(&project, &["--tagger", &of_other_things]).0["question"], kept(&project, &[]).0["question"]);
    let greedy = saying(&project, "greedy", TAGS, [0.0, 9.0, 0.0, 0.0, 0.0]);
    let question = kept(&project, &["--tagger", &greedy]).0["question"].clone();
    let left: String = question.as_str().expect("a text").replace("[NAME]", "").replace("[PHONE]", "");
    assert!(!left.chars().any(char::is_alphanumeric), "{question}");
}

#[test]
fn a_question_that_the_tagger_cannot_read_is_not_kept_and_counted_as_lost() {
    let project = Project::indexed();
    let head = Head { of: "tiny-tagger", labels: &TAGS, weight: f32::MAX, biases: &[0.0; 5] };
    let model = arg(&head.write(&project, "overflowing")).to_owned();
    let server = Server::start(&project, &["--query-log", "kept", "--tagger", &model]);
    server.post("/v1/ask", &json!({ "question": ASKED })).expect(200);
    let start = Instant::now();
    while !server.get("/metrics").expect(200).body.contains("clinqa_query_log_lost_total 1") {
        assert!(start.elapsed() < Duration::from_secs(10), "it is counted");
        std::thread::sleep(Duration::from_millis(20));
    }
    let written: Vec<u8> = fs::read_dir(project.path("kept"))
        .expect("the folder")
        .flat_map(|entry| fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect();
    assert!(written.is_empty(), "{}", String::from_utf8_lossy(&written));
}

#[test]
fn a_tagger_that_marks_no_identifier_or_is_none_is_refused() {
    let project = Project::indexed();
    let serve =
        |model: &str| project.run(&["serve", "--listen", "127.0.0.1:0", "--query-log", "kept", "--tagger", model]);
    serve(arg(&data("checkpoints/tiny-tagger"))).refused(2, &["tiny-tagger", "Disease, Drug", "NAME"]);
    serve(arg(&data("checkpoints/tiny-classifier"))).refused(2, &["id2label"]);
    serve("nowhere").refused(2, &["no such folder"]);
}
