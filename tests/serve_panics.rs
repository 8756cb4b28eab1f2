//! Is a panic of a model one 500, whatever panics, and does it tell nobody what was asked?
//!
//! The panics are real: a tokenizer whose table of characters points beyond its own end panics in the library that reads it,
//! at the first Cyrillic letter from Р to я. The encoder meets it while passages are retrieved, the reader while they are
//! read, and counting tokens while a reply is written. `crates/server` plants one in every stage.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::support::http::{Response, Server};
use crate::support::{Project, arg, check_reply, copy, data};

/// What nobody may be told.
const SECRET: &str = "zqsecret 943 476 5919";

/// A letter at which the tokenizer panics.
const LETTER: char = 'я';

const QUESTION: &str = "What are the symptoms of asthma?";

const BROWSER: &str = "accept: text/html\r\n";

/// Units of a trie of characters (`spm_precompiled`): every byte leads nowhere but 0xD1, which leads beyond the end.
fn beyond_its_end() -> String {
    let mut units = [0_u32; 256];
    units[0xD1] = 0xD1 | 0x1000 << 10;
    let size = (units.len() * 4) as u32;
    let bytes: Vec<u8> = [size].iter().chain(&units).flat_map(|unit| unit.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

/// A checkpoint of the tests with a tokenizer that panics, in the project.
fn faulty(project: &Project, checkpoint: &str) {
    let folder = project.path(checkpoint);
    copy(&data("checkpoints").join(checkpoint), &folder);
    let words = fs::read_to_string(folder.join("vocab.txt")).expect("a vocabulary");
    let vocabulary: Map<String, Value> =
        words.lines().enumerate().map(|(number, word)| (word.to_owned(), json!(number))).collect();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(|token| {
        json!({"id": vocabulary[token], "content": token, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    });
    let usual = json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true});
    let table = json!({"type": "Precompiled", "precompiled_charsmap": beyond_its_end()});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [table, usual]},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary},
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("written");
}

/// Panics that were counted so far.
fn panics(server: &Server) -> usize {
    let metrics = server.get("/metrics").expect(200).body;
    let counted = metrics.lines().find_map(|line| line.strip_prefix("clinqa_panics_total ")).expect("a count");
    counted.parse().expect("a number")
}

/// Insists on a 500 that says whom to call and nothing of what was asked.
#[track_caller]
fn failed(reply: Response, number: &str) {
    let reply = reply.expect(500);
    assert!(reply.body.contains(number), "{reply:?}");
    for part in ["zqsecret", "476 5919", "asthma", "index out of bounds", ".rs", "panicked"] {
        assert!(!reply.body.contains(part), "{part}: {reply:?}");
    }
}

/// Asks in every way with a letter at which a model panics; the same without it must be answered in between.
fn outlives(server: &mut Server) {
    let evil = format!("{QUESTION} {SECRET} {LETTER}");
    let json = "content-type: application/json\r\n";
    let ask = |question: &str| server.post("/v1/ask", &json!({ "question": question }));
    let chat = |question: &str, stream: bool| {
        let messages = json!([{"role": "user", "content": question}]);
        server.post("/v1/chat/completions", &json!({"messages": messages, "stream": stream}))
    };
    check_reply(&ask(QUESTION).expect(200).json());
    let before = panics(server);
    failed(ask(&evil), "call 999");
    check_reply(&ask(QUESTION).expect(200).json());
    failed(chat(&evil, false), "call 999");
    failed(chat(&evil, true), "call 999");
    let streamed = chat(QUESTION, true).expect(200).body;
    assert!(streamed.ends_with("data: [DONE]\n\n"), "{streamed}");
    let page = server.post_with("/v1/ask", &format!("{json}{BROWSER}"), &json!({ "question": evil }).to_string());
    failed(page, "<a href=\"tel:999\">999</a>");
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let page = server.post_with("/", &format!("{form}{BROWSER}"), "question=symptoms+of+migraine+%D1%8F");
    let page = page.expect(500);
    assert!(page.body.contains("tel:999") && page.body.contains("broke on our side"), "{page:?}");
    // An emergency waits for no model, so that none can keep it from being told.
    let told = ask(&format!("I have crushing chest pain {LETTER}")).expect(200).json();
    assert_eq!(told["outcome"], "redirected", "{told}");
    // One question may panic on several threads.
    assert!(panics(server) >= before + 5, "each is counted");
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("clinqa_request_duration_seconds_count{route=\"/v1/ask\",status=\"500\"} 2"), "{metrics}");
    server.signal("TERM");
    assert_eq!(server.ended_within(Duration::from_secs(10)), 0);
    let log = server.log().join("\n");
    assert!(log.contains("\"message\":\"panic\"") && log.contains("spm_precompiled"), "{log}");
    for part in ["zqsecret", "476 5919", "asthma", "symptoms", "chest"] {
        assert!(!log.contains(part), "{part}: {log}");
    }
}

const ARGS: [&str; 8] = ["--region", "GB", "--rate-address", "0", "--timeout", "60", "--log", "trace"];

#[test]
fn a_reader_that_panics_fails_one_question_and_no_other() {
    let project = Project::indexed();
    faulty(&project, "tiny-qa");
    let reader = project.path("tiny-qa");
    outlives(&mut Server::start(&project, &[&ARGS[..], &["--reader", arg(&reader)]].concat()));
}

#[test]
fn an_encoder_that_panics_fails_one_question_and_no_other() {
    let project = Project::with_five_documents();
    faulty(&project, "tiny-safetensors");
    let encoder = project.path("tiny-safetensors");
    project.run(&["rebuild", "--encoder", arg(&encoder)]).expect(0);
    outlives(&mut Server::start(&project, &[&ARGS[..], &["--encoder", arg(&encoder)]].concat()));
}
