//! Do the seeds of the fuzz targets, and all that once failed one, keep the promises of a parser?

#[path = "../fuzz/src/lib.rs"]
pub mod fuzz;

use std::fs;
use std::path::{Path, PathBuf};

/// What the target of this name does with its bytes.
fn run(target: &str, bytes: &[u8]) -> usize {
    match target {
        "docx" => fuzz::docx(bytes),
        "epub" => fuzz::epub(bytes),
        "packed" => fuzz::deliver(tempfile::tempdir().expect("a folder").path(), bytes),
        _ => {
            let program = fs::read_to_string(folder("bin").join(format!("{target}.rs"))).expect("a target");
            let call = program.split_once("read_as(\"").expect("a call").1;
            let mut words = call.split('"').step_by(2);
            fuzz::read_as(words.next().expect("a format"), words.next().expect("a file"), bytes)
        }
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn every_parser_has_a_target_and_every_target_its_seeds() {
    let targets = names(&folder("bin"));
    let programs: Vec<String> =
        targets.iter().map(|name| fs::read_to_string(folder("bin").join(name)).expect("a program")).collect();
    for format in clinqa_corpus::FORMATS {
        let calls = [format!("read_as(\"{}\"", format.name()), format!("_fuzz::{}(", format.name())];
        let called = programs.iter().any(|program| calls.iter().any(|call| program.contains(call)));
        assert!(called, "no target in crates/corpus/fuzz/bin reads {}", format.name());
    }
    let seeded: Vec<String> = names(&folder("seeds")).into_iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(targets, seeded);
    let manifest = fs::read_to_string(folder("Cargo.toml")).expect("a manifest");
    assert!(targets.iter().all(|target| manifest.contains(&format!("path = \"bin/{target}\""))), "{manifest}");
}

#[test]
fn every_seed_keeps_the_promises_and_most_become_documents() {
    for target in names(&folder("seeds")) {
        let seeds = folder("seeds").join(&target);
        let documents: usize =
            names(&seeds).iter().map(|seed| run(&target, &fs::read(seeds.join(seed)).expect("a seed"))).sum();
        assert!(documents > 0, "no seed of {target} is read");
    }
}

#[test]
fn nothing_that_once_failed_fails_again() {
    for name in names(&folder("found")).into_iter().filter(|name| name != "README.md") {
        let target = name.split_once('-').expect("the target, a dash, what was wrong").0;
        run(target, &fs::read(folder("found").join(&name)).expect("an input"));
    }
}
