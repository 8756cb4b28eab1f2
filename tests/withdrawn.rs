//! Is a withdrawn document gone: from answers at once, from the disk after the next rebuild?

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::support::http::Server;
use crate::support::{Project, list};

/// A word that stands nowhere else.
const CANARY: &str = "zqxcanary";
const DOCUMENTS: usize = 8;
const ORDINARY: usize = 40;

/// Documents with the canary and others without, as words only; the ids do not hold it.
fn with_canaries() -> Project {
    let project = Project::new();
    let line = |id: String, text: String| json!({"_id": id, "title": "Leaflet", "text": text}).to_string();
    let marked = (0..DOCUMENTS).map(|n| line(format!("marked-{n}"), format!("Dose {n} of {CANARY}{n} is too high.")));
    let plain = (0..ORDINARY).map(|n| line(format!("plain-{n}"), format!("Dose {n} of water is safe, number {n}.")));
    project.write("corpora/own/corpus.jsonl", marked.chain(plain).collect::<Vec<_>>().join("\n"));
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    project
}

fn found(project: &Project, generation: Option<&str>) -> usize {
    let mut args = vec!["search", "--lexical-only", "--json", "--top-k", "50", "dose too high zqxcanary0 zqxcanary1"];
    args.extend(generation.iter().flat_map(|id| ["--generation", *id]));
    let found = project.run(&args).expect(0).json();
    let ids = list(&found["results"]).iter().filter_map(|row| row["document_id"].as_str());
    ids.filter(|id| id.starts_with("marked-")).count()
}

fn withdraw(project: &Project) {
    let ids: Vec<String> = (0..DOCUMENTS).map(|n| format!("marked-{n}")).collect();
    let mut args = vec!["index", "withdraw", "--reason", "wrong dose"];
    args.extend(ids.iter().map(String::as_str));
    project.run(&args).expect(0);
}

/// Files of the index that hold the canary in any place.
fn files_with_canary(project: &Project) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    let files = project.index_files().into_iter().filter(|(_, bytes)| holds(bytes));
    files.map(|(path, _)| path.display().to_string()).collect()
}

#[test]
fn withdrawn_documents_are_in_no_answer_and_after_the_next_rebuild_in_no_file() {
    let project = with_canaries();
    let first = project.generation().file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    assert_eq!(found(&project, None), DOCUMENTS);
    withdraw(&project);
    assert_eq!((found(&project, None), found(&project, Some(&first))), (0, 0), "at once, in any generation");
    assert!(!files_with_canary(&project).is_empty(), "the test would see it");
    let listed = project.run(&["index", "withdrawn", "--json"]).expect(0).json();
    assert_eq!(list(&listed["withdrawn"]).len(), DOCUMENTS);
    assert_eq!(listed["withdrawn"][0]["reason"], "wrong dose");
    let report = project.run(&["rebuild", "--lexical-only", "--json"]).expect(0).json();
    let differ = &report["changes"];
    assert_eq!((&report["withdrawn"], &differ["withdrawn"]["count"]), (&json!(DOCUMENTS), &json!(DOCUMENTS)));
    let named = list(&differ["withdrawn"]["first"]).len();
    assert_eq!(
        (&differ["removed"]["count"], named),
        (&json!(0), DOCUMENTS),
        "whoever withdrew them knows where they went"
    );
    let pruned = project.run(&["index", "prune", "--json"]).expect(0).json();
    assert_eq!(pruned["removed"], json!([first]), "the one before still held them");
    assert_eq!(files_with_canary(&project), Vec::<String>::new());
    assert_eq!(found(&project, None), 0);
}

#[test]
fn a_restored_document_is_there_again_and_after_a_rebuild_that_left_it_out_with_the_next() {
    let project = with_canaries();
    withdraw(&project);
    project.run(&["index", "restore", "marked-0", "nobody"]).expect(0);
    assert_eq!(found(&project, None), 1);
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    project.run(&["index", "restore", "marked-1"]).expect(0);
    assert_eq!(found(&project, None), 1);
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    assert_eq!(found(&project, None), 2);
    let told = project.run(&["index", "withdraw", "marked-1", "unheard-of", "--json"]).expect(0).json();
    assert_eq!(told, json!({"withdrawn": ["marked-1", "unheard-of"], "not_in_the_index": ["unheard-of"]}));
    project.run(&["index", "withdraw", "no id"]).expect(2);
}

#[test]
fn a_list_that_was_changed_is_not_trusted_and_nothing_is_shown() {
    let project = with_canaries();
    withdraw(&project);
    let path = project.path("index/withdrawn");
    let list = fs::read_to_string(&path).expect("a list");
    fs::write(&path, list.replace("marked-3", "marked-4")).expect("written");
    for args in [&["search", "--lexical-only", "dose"][..], &["rebuild", "--lexical-only"], &["index", "withdraw", "x"]]
    {
        project.run(args).refused(3, &["index/withdrawn from line 5", "clinqa index withdraw"]);
    }
}

#[test]
fn vectors_of_withdrawn_documents_are_not_found_either() {
    let project = Project::indexed();
    let question = "What is a migraine aura?";
    let cited = || project.ask(&[question]).to_string().contains("\"migraine\"");
    assert!(cited());
    project.run(&["index", "withdraw", "migraine"]).expect(0);
    assert!(!cited());
    let explained = project.ask(&["--explain", question]);
    for ranking in ["lexical", "dense", "fused"] {
        let hits = list(&explained["trace"][ranking]);
        assert!(!hits.iter().any(|hit| hit["passage_id"].as_str().is_some_and(|id| id.starts_with("migraine#"))));
    }
    assert!(!list(&explained["trace"]["dense"]).is_empty(), "the others are found by vector");
}

#[test]
fn a_running_server_shows_a_withdrawn_document_no_more_within_a_second() {
    let project = Project::indexed();
    let server = Server::start(&project, &[]);
    let ask = || server.post("/v1/ask", &json!({"question": "What is a migraine aura?"})).expect(200).json();
    assert!(ask().to_string().contains("\"migraine\""));
    server.get("/v1/documents/migraine").expect(200);
    project.run(&["index", "withdraw", "migraine"]).expect(0);
    std::thread::sleep(Duration::from_secs(1));
    assert!(!ask().to_string().contains("\"migraine\""));
    server.get("/v1/documents/migraine").expect(404);
    assert_eq!(server.get("/readyz").json()["status"], "ready");
    let list = fs::read_to_string(project.path("index/withdrawn")).expect("a list");
    fs::write(project.path("index/withdrawn"), list.replace("migraine", "asthma")).expect("spoilt");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.get("/readyz").json()["status"], "degraded", "a list that was changed is told");
    server.get("/v1/documents/migraine").expect(404);
    fs::remove_file(project.path("index/withdrawn")).expect("removed");
    project.run(&["index", "withdraw", "migraine"]).expect(0);
    project.run(&["index", "restore", "migraine"]).expect(0);
    std::thread::sleep(Duration::from_secs(1));
    server.get("/v1/documents/migraine").expect(200);
    assert_eq!(server.get("/readyz").json()["status"], "ready");
}
