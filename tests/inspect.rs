//! Does the house know what its index holds, and whether every byte is as it was sealed?

use std::fs;

use serde_json::json;

use crate::support::{Project, five, list, replace};

#[test]
fn a_sound_index_is_described_to_programs() {
    let found = five().run(&["inspect", "--json"]).expect(0).json();
    assert_eq!(found["sound"], true);
    let manifest = &found["manifest"];
    assert_eq!(manifest["counts"], json!({"documents": 5, "passages": 12}));
    assert_eq!(
        (&manifest["encoder"]["name"], &manifest["encoder"]["dimension"]),
        (&json!("clinqa-mini-encoder"), &json!(384))
    );
    assert_eq!(manifest["corpora"][0]["name"], "own");
    assert_eq!(list(&manifest["corpora"][0]["files"]).len(), 5);
    let files = list(&found["files"]);
    assert!(files.len() > 5 && files.iter().all(|file| file["damage"].is_null()), "{found}");
    for file in files {
        let path = five().generation().join(file["file"].as_str().expect("a name"));
        assert_eq!(file["bytes"].as_u64(), path.metadata().ok().map(|found| found.len()), "{file}");
    }
}

#[test]
fn the_manifest_vouches_for_every_file_by_its_blake3() {
    let found = five().run(&["inspect", "--json"]).expect(0).json();
    for file in list(&found["manifest"]["files"]) {
        let bytes = fs::read(five().generation().join(file["file"].as_str().expect("a name"))).expect("a file");
        assert_eq!(file["blake3"], blake3::hash(&bytes).to_hex().as_str(), "{file}");
    }
}

#[test]
fn a_sound_index_is_described_to_people() {
    let human = five().run(&["inspect"]).expect(0).stdout;
    for part in ["generation  g000001-", "clinqa-mini-encoder (384 wide", "documents   5", "passages    12", "own"] {
        assert!(human.contains(part), "{part} in {human}");
    }
    assert!(human.ends_with("All checksums are right.\n"), "{human}");
}

#[test]
fn each_damaged_file_is_named_and_the_others_are_not() {
    let project = Project::indexed();
    let generation = project.generation();
    let vectors = generation.join("vectors.f32");
    let mut bytes = fs::read(&vectors).expect("vectors");
    bytes[100] ^= 1;
    replace(&vectors, &bytes);
    fs::remove_file(generation.join("passages.bin")).expect("removed");
    fs::write(generation.join("lexical/extra"), "x").expect("added");
    let found = project.run(&["inspect", "--json"]).expect(3).json();
    assert_eq!(found["sound"], false);
    let damaged: Vec<(&str, &str)> = list(&found["files"])
        .iter()
        .filter_map(|file| Some((file["file"].as_str()?, file["damage"].as_str()?)))
        .collect();
    let names: Vec<&str> = damaged.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["passages.bin", "vectors.f32", "lexical/extra"]);
    for (place, what) in [(0, "missing"), (1, "bytes have changed"), (2, "does not belong")] {
        assert!(damaged[place].1.contains(what), "{damaged:?}");
    }
    let human = project.run(&["inspect"]).expect(3).stdout;
    assert!(human.contains("DAMAGED: the file is missing") && human.contains("run `clinqa rebuild`"), "{human}");
}

#[test]
fn an_index_of_words_says_so_and_older_generations_are_listed() {
    let project = Project::with_five_documents();
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let human = project.run(&["inspect"]).expect(0).stdout;
    assert!(human.contains("encoder     none (words only)"), "{human}");
    assert!(human.contains("generation  g000002-") && human.contains("older       g000001-"), "{human}");
    assert!(project.run(&["inspect", "--json"]).expect(0).json()["manifest"]["encoder"].is_null());
}
