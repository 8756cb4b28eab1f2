//! Is a withdrawn document gone: from answers at once, from the disk after the next rebuild?

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clinqa_index::{ContentKey, PassageIndex, Store};
use clinqa_schema::PassageId;
use serde_json::json;

use crate::support::http::Server;
use crate::support::{Project, files_below, list};

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

/// Files of the index that show the canary as they lie.
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

/// How much of a canary is looked for: a stem may lack its last letters.
const STEM: usize = 10;
/// How much of a vector is looked for.
const COMPONENTS: usize = 4;

/// Words of 14 letters that stand nowhere else and share no beginning.
fn canaries(count: usize, mut seed: u64) -> Vec<String> {
    let mut letter = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (seed >> 33) as u8 % 26)
    };
    (0..count).map(|_| (0..14).map(|_| letter()).collect()).collect()
}

/// Which of `needles`, all of `length` bytes, stand anywhere in `bytes`.
fn standing(needles: &HashSet<Vec<u8>>, length: usize, bytes: &[u8]) -> HashSet<Vec<u8>> {
    bytes.windows(length).filter(|window| needles.contains(*window)).map(<[u8]>::to_vec).collect()
}

/// Every place of the index that holds one of `needles`: files as they lie, and what generations hold in dictionaries and
/// compressed blocks; and how many of the needles were met.
fn places(index: &Path, needles: &HashSet<Vec<u8>>, length: usize) -> (Vec<String>, usize) {
    let (mut places, mut met) = (Vec::new(), HashSet::new());
    let mut search = |place: String, found: HashSet<Vec<u8>>| {
        places.extend((!found.is_empty()).then_some(place));
        met.extend(found);
    };
    for (path, bytes) in files_below(index) {
        search(path.display().to_string(), standing(needles, length, &bytes));
    }
    let store = Store::at(index);
    for entry in store.generations().expect("generations") {
        let mut packed = HashSet::new();
        let generation = store.open(&entry.id).expect("a sound generation");
        generation.unpacked(&mut |bytes| packed.extend(standing(needles, length, bytes))).expect("unpacked");
        search(format!("{} packed", entry.id), packed);
    }
    (places, met.len())
}

/// `count` passages, each with a word of its own, are withdrawn: gone from answers within a second, and after the next
/// rebuild and prune from every file, with their vectors if they had some.
fn deleted_for_good(count: usize, vectors: bool) {
    let project = Project::new();
    let words = canaries(count, 9);
    let line = |id: String, text: String| json!({"_id": id, "title": "Leaflet", "text": text}).to_string();
    let marked = words
        .iter()
        .enumerate()
        .map(|(n, word)| line(format!("marked-{n}"), format!("A dose of {word} is too high, as number {n} says.")));
    let plain = (0..count / 4 + 40).map(|n| line(format!("plain-{n}"), format!("Dose {n} of water is safe.")));
    project.write("corpora/own/corpus.jsonl", marked.chain(plain).collect::<Vec<_>>().join("\n"));
    let kind: &[&str] = if vectors { &[] } else { &["--lexical-only"] };
    project.run(&[&["rebuild"], kind].concat()).expect(0);
    let index = project.path("index");
    let stems: HashSet<Vec<u8>> = words.iter().map(|word| word.as_bytes()[..STEM].to_vec()).collect();
    let (before, met) = places(&index, &stems, STEM);
    assert!(
        met == count && before.iter().any(|place| place.ends_with("packed")),
        "the test would see them: {before:?}"
    );
    let vectors: HashSet<Vec<u8>> = if vectors { first_components(&index, count) } else { HashSet::new() };
    assert_eq!(places(&index, &vectors, COMPONENTS * 4).1, vectors.len(), "the test would see their vectors");

    let server = Server::start(&project, &[]);
    let shown = |n: usize| {
        let question = json!({"question": format!("Is a dose of {} too high?", words[n])});
        server.post("/v1/ask", &question).expect(200).json().to_string().contains("\"marked-")
    };
    assert!(shown(0) && shown(count - 1));
    let ids: Vec<String> = (0..count).map(|n| format!("marked-{n}")).collect();
    let withdraw: Vec<&str> =
        ["index", "withdraw", "--reason", "wrong dose"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    project.run(&withdraw).expect(0);
    let withdrawn = Instant::now();
    std::thread::sleep(Duration::from_secs(1).saturating_sub(withdrawn.elapsed()));
    for n in (0..count).step_by((count / 8).max(1)) {
        assert!(!shown(n), "{n}");
        server.get(&format!("/v1/documents/marked-{n}")).expect(404);
    }
    drop(server);

    let report = project.run(&[&["rebuild", "--json"], kind].concat()).expect(0).json();
    assert_eq!(report["withdrawn"], count);
    project.run(&["index", "prune", "--keep", "1"]).expect(0);
    assert_eq!(places(&index, &stems, STEM), (Vec::new(), 0));
    assert_eq!(places(&index, &vectors, COMPONENTS * 4), (Vec::new(), 0));
}

/// How the vectors of the marked passages begin on disk.
fn first_components(index: &Path, count: usize) -> HashSet<Vec<u8>> {
    let generation = Store::at(index).open_current().expect("a generation");
    let vector = |n: usize| {
        let id: PassageId = format!("marked-{n}#0").parse().expect("a name");
        let passage = generation.passage(&id).expect("read").expect("a passage");
        let vector = generation.embedding_of(&ContentKey::of(&passage)).expect("a vector");
        vector.as_slice()[..COMPONENTS].iter().flat_map(|component| component.to_le_bytes()).collect()
    };
    (0..count).map(vector).collect()
}

#[test]
fn sixty_four_deleted_passages_are_in_no_answer_and_no_file_packed_or_not() {
    deleted_for_good(64, false);
}

#[test]
#[ignore = "long: a thousand passages are encoded"]
fn a_thousand_deleted_passages_are_in_no_answer_and_no_file_packed_or_not_nor_their_vectors() {
    deleted_for_good(1_000, true);
}
