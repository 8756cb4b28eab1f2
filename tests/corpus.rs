//! Does literature come in whole, stay what it was, and say what a new delivery would change?

use std::fs;

use crate::support::{Project, data, list};

fn leaflet(title: &str, text: &str) -> String {
    format!("---\ntitle: {title}\n---\n\n## What it is\n\n{text}\n")
}

/// A project with the corpus `ward`, added from a folder of two leaflets.
fn added() -> Project {
    let project = Project::new();
    project.write("incoming/ward/asthma.md", leaflet("Asthma", "Asthma narrows the airways of the lungs."));
    project.write("incoming/ward/gout.md", leaflet("Gout", "Gout is a painful swelling of joints."));
    project.write("incoming/ward/.hidden.md", leaflet("Hidden", "Nobody asked for this."));
    let told = project.run(&[
        "corpus",
        "add",
        "incoming/ward",
        "--licence",
        "CC-BY-4.0",
        "--default",
        "kind=leaflet",
        "--default",
        "audience=patient",
    ]);
    let told = told.expect(0).stdout;
    assert!(told.contains("Added ward: 3 files") && told.contains("2 read = 2 indexed"), "{told}");
    project
}

#[test]
fn a_folder_becomes_a_corpus_that_answers_after_a_rebuild() {
    let project = added();
    let manifest = fs::read_to_string(project.path("corpora/ward/corpus.toml")).expect("a manifest");
    for part in ["name = \"ward\"", "licence = \"CC-BY-4.0\"", "kind = \"leaflet\"", "\"asthma.md\" = \""] {
        assert!(manifest.contains(part), "{part} in {manifest}");
    }
    assert!(!project.path("corpora/ward/.hidden.md").exists());
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let found = project.run(&["search", "--lexical-only", "--json", "gout joints"]).expect(0).json();
    assert_eq!((&found["results"][0]["title"], &found["results"][0]["kind"]), (&"Gout".into(), &"leaflet".into()));
    let listed = project.run(&["corpus", "list", "--json"]).expect(0).json();
    assert_eq!((&listed[0]["name"], &listed[0]["licence"]), (&"ward".into(), &"CC-BY-4.0".into()));
    project.run(&["corpus", "add", "incoming/ward"]).refused(2, &["ward", "--name"]);
    project.run(&["corpus", "add", "incoming/ward", "--name", "two", "--default", "colour=red"]).refused(2, &["kind"]);
    project.run(&["corpus", "add", "incoming/none"]).expect(1);
    let left: Vec<_> =
        fs::read_dir(project.path("corpora")).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["ward"], "what failed leaves nothing behind");
}

#[test]
fn one_file_or_archive_is_a_corpus_too() {
    let project = Project::new();
    let line = "{\"_id\": \"one\", \"title\": \"Asthma\", \"text\": \"Asthma narrows the airways.\"}\n";
    project.write("corpus.jsonl", line);
    let told = project.run(&["corpus", "add", "corpus.jsonl", "--name", "beir", "--json"]).expect(0).json();
    assert_eq!((&told["name"], &told["records"]["indexed"]), (&"beir".into(), &1.into()), "{told}");
    project
        .run(&["corpus", "add", data("five").to_str().expect("a path"), "--name", "../five"])
        .refused(2, &["--name"]);
}

#[test]
fn a_file_that_is_no_longer_what_was_delivered_is_told() {
    let project = added();
    let sound = project.run(&["corpus", "verify"]).expect(0).stdout;
    assert!(sound.contains("ward: ok, 2 of"), "{sound}");
    project.write("corpora/ward/gout.md", leaflet("Gout", "Gout is a gift of fairies."));
    let told = project.run(&["corpus", "verify", "ward", "--json"]).expect(3).json();
    assert_eq!(told[0]["sound"], false);
    assert!(told[0]["error"].as_str().is_some_and(|error| error.contains("gout.md")), "{told}");
    project.run(&["corpus", "verify", "nobody"]).refused(2, &["nobody", "clinqa corpus list"]);
}

#[test]
fn a_new_delivery_says_what_it_would_change_before_it_does() {
    let project = added();
    project.write("incoming/next/asthma.md", leaflet("Asthma", "Asthma narrows the airways of the lungs."));
    project
        .write("incoming/next/gout.md", leaflet("Gout", "Gout is a painful swelling of joints, most often of a toe."));
    project.write("incoming/next/shingles.md", leaflet("Shingles", "Shingles is a painful rash."));
    let told = project.run(&["corpus", "diff", "ward", "incoming/next", "--json"]).expect(0).json();
    assert_eq!(
        (list(&told["added"]).len(), list(&told["changed"]).len(), list(&told["gone"]).len()),
        (1, 1, 0),
        "{told}"
    );
    assert_eq!(
        (&told["added"][0], &told["changed"][0], &told["unchanged"]),
        (&"shingles".into(), &"gout".into(), &1.into())
    );
    fs::remove_file(project.path("incoming/next/asthma.md")).expect("it was there");
    let told = project.run(&["corpus", "diff", "ward", "incoming/next"]).expect(0).stdout;
    assert!(told.contains("1 not in the new delivery: asthma"), "{told}");
    let left: Vec<_> =
        fs::read_dir(project.path("corpora")).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["ward"]);
}

#[test]
fn a_corpus_is_removed_only_if_that_is_meant() {
    let project = added();
    project.run(&["corpus", "remove", "ward"]).refused(2, &["--yes"]);
    assert!(project.path("corpora/ward").exists());
    project.run(&["corpus", "remove", "ward", "--yes"]).expect(0);
    assert!(!project.path("corpora/ward").exists());
    project.run(&["corpus", "remove", "ward", "--yes"]).refused(2, &["ward"]);
    let nothing = project.run(&["corpus", "list"]).expect(0).stdout;
    assert!(nothing.contains("starter corpus"), "{nothing}");
}
