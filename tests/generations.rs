//! Do generations live as they should: listed, compared, gone back to, kept and removed, asked as they were?

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Project, five_markdown, list, replace};

const QUESTION: &str = "What are the symptoms of asthma?";

/// The five documents in two generations of words; the second one has no shingles, a new gout and other words on asthma.
fn two() -> (Project, String, String) {
    let project = Project::with_five_documents();
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    project.write("corpora/own/asthma.md", five_markdown("asthma").replace("wheez", "second-wheez"));
    project.write("corpora/own/gout.md", "# Gout\n\nGout is a painful swelling of a joint.\n");
    fs::remove_file(project.path("corpora/own/shingles.md")).expect("removed");
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let listed = listed(&project);
    let name = |place: usize| listed[place]["id"].as_str().expect("a name").to_owned();
    let (new, old) = (name(0), name(1));
    (project, old, new)
}

fn listed(project: &Project) -> Vec<Value> {
    list(&project.run(&["index", "list", "--json"]).expect(0).json()["generations"]).clone()
}

fn marked(project: &Project, mark: &str) -> String {
    let all = listed(project);
    let found = all.iter().find(|row| row[mark] == true).expect("one");
    found["id"].as_str().expect("a name").to_owned()
}

#[test]
fn generations_are_listed_with_what_they_hold_newest_first() {
    let (project, old, new) = two();
    let all = listed(&project);
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["id"], &all[0]["current"], &all[0]["previous"]), (&json!(new), &json!(true), &json!(false)));
    assert_eq!((&all[1]["id"], &all[1]["current"], &all[1]["previous"]), (&json!(old), &json!(false), &json!(true)));
    assert_eq!((&all[0]["documents"], &all[0]["encoder"]), (&json!(5), &Value::Null));
    assert!(all[0]["bytes"].as_u64().is_some_and(|bytes| bytes > 1_000), "{all:?}");
    assert!(all[0]["created"].as_u64().is_some_and(|seconds| seconds > 1_700_000_000), "{all:?}");
    let human = project.run(&["index", "list"]).expect(0).stdout;
    let lines: Vec<&str> = human.lines().collect();
    assert!(lines[1].starts_with(&new) && lines[1].contains("current") && lines[1].contains(" UTC "), "{human}");
    assert!(lines[2].starts_with(&old) && lines[2].contains("previous") && lines[2].contains("words only"), "{human}");
    let bare = Project::new().run(&["index", "list"]).expect(0).stdout;
    assert!(bare.contains("clinqa rebuild"), "{bare}");
}

#[test]
fn a_generation_says_what_came_of_each_corpus() {
    let project = Project::with_five_documents();
    project.write("corpora/own/broken.md", [0, 1]);
    let gout = "---\ndate: 2031-02-03\n---\n# Gout\n\nGout is a painful swelling of a joint.\n";
    project.write("corpora/ward/gout.md", gout);
    project.write("corpora/ward/copy.md", gout);
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let manifest = project.run(&["inspect", "--json"]).expect(0).json()["manifest"].clone();
    let account = |name: &str| {
        let corpus = list(&manifest["corpora"]).iter().find(|corpus| corpus["name"] == name).expect("a corpus");
        corpus["account"].clone()
    };
    let (own, ward) = (account("own"), account("ward"));
    assert_eq!((&own["documents"], &own["read"], &own["skipped"]), (&json!(5), &json!(6), &json!(1)), "{own}");
    assert!(own["newest"].as_str().is_some_and(|newest| newest < "2031"), "{own}");
    assert_eq!(
        ward,
        json!({
            "documents": 1, "passages": 1, "newest": "2031-02-03", "read": 2, "skipped": 0, "duplicate": 1,
            "superseded": 0, "retracted": 0,
        })
    );
    let passages = [&own, &ward].map(|account| account["passages"].as_u64().expect("a count")).iter().sum::<u64>();
    assert_eq!(manifest["counts"], json!({"documents": 6, "passages": passages}));
}

#[test]
fn rolling_back_twice_is_where_one_was_and_activating_names_any() {
    let (project, old, new) = two();
    let start = Instant::now();
    assert_eq!(project.run(&["index", "rollback", "--json"]).expect(0).json(), json!({ "current": old }));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!((marked(&project, "current"), marked(&project, "previous")), (old.clone(), new.clone()));
    let found = project.run(&["search", "--lexical-only", "--json", "shingles"]).expect(0).json();
    assert_eq!(found["generation"], json!(old));
    project.run(&["index", "rollback"]).expect(0);
    assert_eq!((marked(&project, "current"), marked(&project, "previous")), (new.clone(), old.clone()));
    project.run(&["index", "activate", &old]).expect(0);
    assert_eq!(marked(&project, "current"), old);
    project.run(&["index", "activate", "g000099-01234567"]).refused(3, &["g000099", "clinqa index list"]);
    let first = Project::with_five_documents();
    first.run(&["rebuild", "--lexical-only"]).expect(0);
    first.run(&["index", "rollback"]).refused(3, &["PREVIOUS", "clinqa index list"]);
}

#[test]
fn a_damaged_generation_is_found_by_name_and_not_made_current() {
    let (project, old, new) = two();
    assert_eq!(project.run(&["index", "verify", "--json"]).expect(0).json()["sound"], true);
    let damaged = project.path("index/generations").join(&old).join("documents.jsonl");
    let mut bytes = fs::read(&damaged).expect("bytes");
    bytes[9] ^= 1;
    replace(&damaged, &bytes);
    project.run(&["index", "rollback"]).refused(3, &["documents.jsonl"]);
    assert_eq!(marked(&project, "current"), new);
    let human = project.run(&["index", "verify"]).expect(3).stdout;
    assert!(
        human.contains(&format!("{old}  DAMAGED")) && human.contains("documents.jsonl: the file's bytes"),
        "{human}"
    );
    assert!(human.contains(&format!("{new}  all ")), "{human}");
    project.run(&["index", "verify", &new]).expect(0);
    let verdict = project.run(&["index", "verify", &old, "--json"]).expect(3).json();
    assert_eq!((&verdict["sound"], &verdict["generations"][0]["id"]), (&json!(false), &json!(old)));
    project.run(&["index", "diff", &old, &new]).refused(3, &["documents.jsonl"]);
}

#[test]
fn two_generations_are_compared_document_by_document() {
    let (project, old, new) = two();
    let changes = project.run(&["index", "diff", &old, &new, "--json"]).expect(0).json();
    let one = |id: &str| json!({"count": 1, "first": [id]});
    assert_eq!(
        changes,
        json!({
            "added": one("gout"), "removed": one("shingles"), "changed": one("asthma"),
            "withdrawn": {"count": 0, "first": []}, "unchanged": 3
        })
    );
    let human = project.run(&["index", "diff", &new, &old]).expect(0).stdout;
    assert!(
        human.contains("1 added, 1 removed, 1 changed, 0 withdrawn, 3 the same")
            && human.contains("added     shingles"),
        "{human}"
    );
    let same = project.run(&["index", "diff", &new, &new]).expect(0).stdout;
    assert!(same.contains("0 added, 0 removed, 0 changed, 0 withdrawn, 5 the same"), "{same}");
}

#[test]
fn a_document_that_only_moved_to_another_file_is_the_same() {
    let project = Project::with_five_documents();
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    fs::create_dir(project.path("corpora/own/leaflets")).expect("a folder");
    fs::rename(project.path("corpora/own/asthma.md"), project.path("corpora/own/leaflets/a.md")).expect("moved");
    let report = project.run(&["rebuild", "--lexical-only", "--json"]).expect(0).json();
    assert_eq!((&report["changes"]["unchanged"], &report["changes"]["changed"]["count"]), (&json!(5), &json!(0)));
}

#[test]
fn questions_are_answered_as_of_an_older_generation() {
    let (project, old, new) = two();
    let ids = |generation: &str| -> Vec<String> {
        let args = ["search", "--lexical-only", "--json", "--generation", generation, "shingles rash"];
        let found = project.run(&args).expect(0).json();
        assert_eq!(found["generation"], json!(generation));
        list(&found["results"]).iter().map(|row| row["document_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert!(ids(&old).contains(&"shingles".to_owned()));
    assert!(!ids(&new).contains(&"shingles".to_owned()));
    assert_eq!(project.ask(&["--generation", &old, "--lexical-only", QUESTION])["generation"], json!(old));
    let inspected = project.run(&["inspect", "--json", "--generation", &old]).expect(0).json();
    assert_eq!(inspected["manifest"]["id"], json!(old));
    project.run(&["ask", "--generation", "g000099-01234567", QUESTION]).refused(3, &["g000099", "clinqa index list"]);
    project.run(&["ask", "--generation", "yesterday", QUESTION]).expect(2);
}

#[test]
fn as_many_generations_are_kept_as_was_said_and_never_fewer_than_current_and_previous() {
    let project = Project::with_five_documents();
    let numbers = || -> Vec<String> {
        let name = |row: &Value| row["id"].as_str().expect("a name")[..7].to_owned();
        listed(&project).iter().map(name).collect()
    };
    for _ in 0..4 {
        project.run(&["rebuild", "--lexical-only", "--keep", "3"]).expect(0);
    }
    assert_eq!(numbers(), ["g000004", "g000003", "g000002"]);
    let second = listed(&project)[2]["id"].as_str().expect("a name").to_owned();
    project.run(&["index", "activate", &second]).expect(0);
    let removed = project.run(&["index", "prune", "--keep", "1", "--json"]).expect(0).json();
    assert_eq!(list(&removed["removed"]).len(), 1);
    assert_eq!(numbers(), ["g000004", "g000002"], "the current one and the one before");
    project.write("clinqa.toml", "keep = 3\n");
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    assert_eq!(numbers(), ["g000005", "g000004", "g000002"]);
    fs::remove_file(project.path("clinqa.toml")).expect("removed");
    project.run(&["index", "prune"]).expect(0);
    assert_eq!(numbers(), ["g000005", "g000002"], "the newest that was not current goes, the one before stays");
    assert_eq!(project.run(&["index", "prune"]).expect(0).stdout, "Nothing to remove.\n");
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_writes_nothing() {
    let project = Project::indexed();
    project.write("corpora/own/migraine.md", five_markdown("migraine").replace("zigzag lines", "jagged lines"));
    fs::remove_file(project.path("corpora/own/shingles.md")).expect("removed");
    let before = project.index_files();
    let told = project.run(&["rebuild", "--dry-run", "--json"]).expect(0).json();
    assert_eq!((&told["passages"], &told["encoded"], &told["reused"]), (&json!(10), &json!(1), &json!(9)));
    assert_eq!(told["changes"]["removed"], json!({"count": 1, "first": ["shingles"]}));
    assert_eq!(told["changes"]["changed"], json!({"count": 1, "first": ["migraine"]}));
    assert!(told["refused"].as_str().is_some_and(|why| why.contains("20.0% fewer")), "{told}");
    let human = project.run(&["rebuild", "--dry-run"]).expect(0).stdout;
    assert!(
        human.contains("1 to encode with clinqa-mini-encoder, 9 kept") && human.contains("It would be refused"),
        "{human}"
    );
    assert_eq!(project.index_files(), before, "nothing was written");
    let report = project.run(&["rebuild", "--json", "--force"]).expect(0).json();
    for key in ["passages", "encoded", "reused", "changes", "records"] {
        assert_eq!(report[key], told[key], "what was told is what was done: {key}");
    }
    let full = project.run(&["rebuild", "--dry-run", "--full", "--json"]).expect(0).json();
    assert_eq!((&full["encoded"], &full["reused"]), (&json!(10), &json!(0)));
    let first = Project::with_five_documents();
    let told = first.run(&["rebuild", "--dry-run", "--lexical-only", "--json"]).expect(0).json();
    assert_eq!((&told["changes"], &told["refused"], &told["passages"]), (&Value::Null, &Value::Null, &json!(12)));
    assert!(first.index_files().is_empty(), "nothing was made");
}

#[test]
fn a_full_rebuild_encodes_everything_and_comes_to_the_same() {
    let project = Project::indexed();
    let before = listed(&project)[0]["content_hash"].clone();
    let report = project.run(&["rebuild", "--full", "--json"]).expect(0).json();
    assert_eq!((&report["encoded"], &report["reused"]), (&json!(12), &json!(0)));
    assert_eq!(report["content_hash"], before);
}

#[test]
fn whoever_is_told_to_wait_waits_and_whoever_is_not_hears_who_writes() {
    let project = Project::with_five_documents();
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let lock = fs::File::options().write(true).open(project.path("index/.lock")).expect("the lock's file");
    lock.lock().expect("the lock");
    fs::write(project.path("index/.lock"), "4711 1795917905\n").expect("written");
    let parts = ["process 4711, since 2026-11-29 02:05:05 UTC", "--wait"];
    project.run(&["rebuild", "--lexical-only"]).refused(3, &parts);
    project.run(&["index", "rollback"]).refused(3, &["PREVIOUS"]);
    let mut waiting = project.command(&["rebuild", "--lexical-only", "--wait"]);
    let mut waiting = waiting.stdout(std::process::Stdio::null()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_millis(500));
    assert!(waiting.try_wait().expect("asked").is_none(), "it waits");
    assert_eq!(listed(&project).len(), 1);
    drop(lock);
    assert!(waiting.wait().expect("it ends").success());
    assert_eq!(listed(&project).len(), 2);
    assert_eq!(fs::read(project.path("index/.lock")).expect("a file"), b"", "nobody writes");
}

#[test]
fn a_rebuild_that_looks_wrong_is_refused_with_figures_and_cure() {
    let project = Project::with_five_documents();
    project.write("more/gout.md", "# Gout\n\nGout is a painful swelling of a joint.\n");
    let both = ["--corpus", "corpora/own", "--corpus", "more"];
    let rebuild = |args: &[&str]| project.run(&[&["rebuild", "--lexical-only"], args].concat());
    rebuild(&both).expect(0);
    let before = project.index_files();
    let refused = |args: &[&str], parts: &[&str]| {
        rebuild(args).refused(1, &[parts, &["the old index stays", "--force"]].concat());
        assert_eq!(project.index_files(), before, "{parts:?}");
    };
    refused(&["--corpus", "corpora/own"], &["`more`", "not there now"]);
    project.write("more/gout.md", [0_u8; 40]);
    refused(&both, &["`more`", "no usable document"]);
    project.write("more/gout.md", "# Gout\n\nGout is a painful swelling of a joint.\n");
    for name in ["a", "b", "c"] {
        project.write(&format!("more/{name}.md"), [0_u8; 40]);
    }
    refused(&both, &["3 of 9 records", "33.3%", "1.0% are allowed"]);
    for name in ["a", "b", "c"] {
        fs::remove_file(project.path(&format!("more/{name}.md"))).expect("removed");
    }
    fs::remove_file(project.path("corpora/own/asthma.md")).expect("removed");
    refused(&both, &["5 documents where the index was made from 6", "16.7% fewer", "2.0% are allowed"]);
    rebuild(&[&both[..], &["--force"]].concat()).expect(0);
}

#[test]
fn the_order_in_which_records_come_does_not_matter() {
    let record = |n: usize| {
        json!({"_id": format!("d{n}"), "title": format!("Title {n}"), "text": format!("Text number {n}.")}).to_string()
    };
    let hash = |order: &[usize]| {
        let project = Project::new();
        let lines: Vec<String> = order.iter().map(|n| record(*n)).collect();
        project.write("corpora/own/corpus.jsonl", lines.join("\n"));
        project.run(&["rebuild", "--lexical-only", "--json"]).expect(0).json()["content_hash"].clone()
    };
    let straight: Vec<usize> = (0..200).collect();
    // 7 and 200 share no divisor: every record comes once.
    let shuffled: Vec<usize> = (0..200).map(|n| n * 7 % 200).collect();
    assert_eq!(hash(&straight), hash(&straight));
    assert_eq!(hash(&straight), hash(&shuffled));
}
