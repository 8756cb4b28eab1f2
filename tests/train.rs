//! Does a model learn through the binary, whatever happens to the process, the disk and the data?

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clinqa_encoder::{Encoder, Source};
use serde_json::Value;

use crate::support::disk::Disk;
use crate::support::{Project, Ran, arg, data, skipped};

/// A folder of text in the words of the tiny model, enough for some dozen blocks.
fn with_text() -> Project {
    let project = Project::with_five_documents();
    for (index, name) in ["asthma", "migraine", "shingles"].iter().enumerate() {
        let text = fs::read_to_string(data(&format!("five/{name}.md"))).expect("a document");
        project.write(&format!("text/{index}.txt"), text.repeat(3));
    }
    project
        .write("text/more.jsonl", "{\"text\": \"The heart beats. The lung breathes. A cough may last for weeks.\"}\n");
    project
}

/// The flags of a run of the tiny model into `out`, on one thread.
fn flags<'a>(out: &'a str, model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let flags = [
        "train",
        "pretrain",
        "text",
        "--from",
        model,
        "--out",
        out,
        "--threads",
        "1",
        "--block",
        "32",
        "--batch",
        "4",
        "--rate",
        "1e-3",
        "--dev-share",
        "0.3",
        "--json",
    ];
    [&flags, more].concat()
}

fn tiny() -> String {
    arg(&data("checkpoints/tiny-safetensors")).to_owned()
}

/// A run that says what it read and then why it cannot go on.
#[track_caller]
fn refused(ran: Ran, code: i32, parts: &[&str]) {
    let ran = ran.expect(code);
    let error = ran.stderr.lines().last().unwrap_or_default();
    assert!(error.starts_with("error: ") && parts.iter().all(|part| error.contains(part)), "{}", ran.stderr);
}

/// The weights that a run left, and its log without the times.
fn left(project: &Project, out: &str) -> (Vec<u8>, String) {
    let weights = fs::read(project.path(out).join("checkpoint/model.safetensors")).expect("weights");
    let log = fs::read_to_string(project.path(out).join("log.jsonl")).expect("a log");
    let timeless = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("a line of JSON");
        line.as_object_mut().expect("an object").remove("seconds");
        format!("{line}\n")
    };
    (weights, log.lines().map(timeless).collect())
}

#[test]
fn a_model_learns_a_language_and_opens_again() {
    let (project, model) = (with_text(), tiny());
    let record = project.run(&flags("run", &model, &["--epochs", "6"])).expect(0).json();
    let perplexity = |score: &Value| -score["value"].as_f64().expect("a number");
    assert!(perplexity(&record["best"]["score"]) < 0.9 * perplexity(&record["before"]), "{record}");
    let folder = project.path("run/checkpoint");
    let encoder = Encoder::open(&Source::Folder(folder.clone())).expect("it opens");
    encoder.encode_one("the heart").expect("it encodes");
    let config: Value = serde_json::from_slice(&fs::read(folder.join("config.json")).expect("a file")).expect("JSON");
    assert_eq!(config["architectures"][0], "BertForMaskedLM");
    // The head that was learned is the one that the next run begins with.
    let next = project.run(&flags("next", arg(&folder), &["--steps", "1"])).expect(0);
    assert!(!next.stderr.contains("new one begins"), "{}", next.stderr);
    let before = perplexity(&next.json()["before"]);
    assert!((before - perplexity(&record["best"]["score"])).abs() < 1e-2 * before, "{before}");
}

#[test]
fn a_process_that_is_killed_loses_nothing() {
    let (project, model) = (with_text(), tiny());
    let more = ["--epochs", "40", "--checkpoint-every", "0"];
    project.run(&flags("whole", &model, &more)).expect(0);
    let mut child = project.command(&flags("killed", &model, &more));
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let begun = Instant::now();
    let lines = || fs::read_to_string(project.path("killed/log.jsonl")).map_or(0, |log| log.lines().count());
    while lines() < 20 && begun.elapsed() < Duration::from_mins(2) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    project.run(&flags("killed", &model, &[&more[..], &["--resume"]].concat())).expect(0);
    assert!(left(&project, "killed") == left(&project, "whole"), "the resumed run is another one");
}

#[test]
fn a_full_disk_is_an_error_and_what_was_saved_stays_whole() {
    let (project, model) = (with_text(), tiny());
    fs::create_dir(project.path("run")).expect("a folder");
    let Some(disk) = Disk::over(&project.path("run"), 2048) else {
        return skipped("no disk of its own");
    };
    let flags = flags("run", &model, &["--epochs", "3", "--checkpoint-every", "0"]);
    let more = [&flags[..], &["--steps", "2"]].concat();
    project.run(&more).expect(0);
    let before = fs::read(project.path("run/last/state.bin")).expect("a state");
    disk.fill_but(10_000);
    let resume = [&flags[..], &["--resume"]].concat();
    refused(project.run(&resume), 1, &["cannot write", "--resume"]);
    assert!(fs::read(project.path("run/last/state.bin")).expect("a state") == before);
    Encoder::open(&Source::Folder(project.path("run/checkpoint"))).map(drop).expect("the model is whole");
    fs::remove_file(project.path("run/filler")).expect("room again");
    project.run(&resume).expect(0);
}

#[test]
fn what_cannot_be_learned_from_is_refused_with_its_cure() {
    let (project, model) = (with_text(), tiny());
    let bad = |more: &[&str], part: &str| refused(project.run(&flags("bad", &model, more)), 2, &[part]);
    bad(&["--resume"], "no run to resume");
    bad(&["--dropout", "1.5"], "--dropout");
    bad(&["--accumulate", "0"], "--accumulate");
    fs::create_dir(project.path("empty")).expect("a folder");
    let flags = flags("bad", &model, &[]);
    let of = |folder: &str| -> Vec<String> {
        flags.iter().map(|flag| if *flag == "text" { folder.to_owned() } else { (*flag).to_owned() }).collect()
    };
    for (folder, part) in [("empty", "at least 1"), ("nowhere", "cannot read")] {
        let typed = of(folder);
        refused(project.run(&typed.iter().map(String::as_str).collect::<Vec<_>>()), 2, &[part]);
    }
}
