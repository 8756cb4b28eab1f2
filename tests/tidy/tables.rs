//! Is every file in its table?

use super::source::{Source, sources};
use super::{demand, read, stems};

/// A forward pass that is not ours, which ours is checked against; no `model_type` reaches it.
const REFERENCE: &str = "candle";

/// The text of a table: from `begin` to the first line that begins with `end`.
fn table(file: &str, begin: &str, end: &str) -> String {
    let text = read(file);
    let from = text.find(begin).unwrap_or_else(|| panic!("{file}: no `{begin}`"));
    let lines = text[from..].lines();
    lines.take_while(|line| line.starts_with(begin) || !line.starts_with(end)).collect::<Vec<_>>().join("\n")
}

/// Every stem for which `table` does not hold one of `needles(stem)`.
fn absent(folder: &str, ending: &str, table: &str, needle: impl Fn(&str) -> String) -> Vec<String> {
    let files = stems(folder, ending).into_iter().filter(|stem| stem != "mod");
    let lost = files.map(|stem| (needle(&stem), stem)).filter(|(needle, _)| !table.contains(needle));
    lost.map(|(needle, stem)| format!("{folder}/{stem}{ending}: no `{needle}` in its table")).collect()
}

#[test]
fn every_format_is_in_formats() {
    let folder = "crates/corpus/src/format";
    let text = read(&format!("{folder}/mod.rs"));
    let line = text.lines().find(|line| line.starts_with("pub const FORMATS")).expect("the table of formats");
    let from = text.find(line).expect("the line that was found");
    let until = text[from..].find("];").expect("the end of the table");
    demand(
        "one file a format, one line in FORMATS",
        &absent(folder, ".rs", &text[from..from + until], |stem| format!("&{stem}::")),
    );
}

#[test]
fn every_architecture_is_in_architectures() {
    let folder = "crates/encoder/src/arch";
    let text = read(&format!("{folder}/mod.rs"));
    let from = text.find("pub const ARCHITECTURES").expect("the table of architectures");
    let until = text[from..].find("];").expect("the end of the table");
    let table = &text[from..from + until];
    // What computes hidden states is an architecture; what has no `impl Transformer` helps one.
    let computes = |stem: &String| read(&format!("{folder}/{stem}.rs")).contains("impl Transformer for");
    let found: Vec<String> =
        stems(folder, ".rs").into_iter().filter(computes).filter(|stem| stem != REFERENCE).collect();
    assert!(
        !found.is_empty(),
        "no file of {folder} has an `impl Transformer for`; this test looks for the wrong thing"
    );
    let lost = found.iter().filter(|stem| !table.contains(&format!("{stem}::build")));
    let broken: Vec<String> = lost.map(|stem| format!("{folder}/{stem}.rs: no `{stem}::build` in its table")).collect();
    demand("one file an architecture, one line in ARCHITECTURES", &broken);
}

#[test]
fn every_rule_is_in_rules() {
    let rules = table("crates/safety/src/rules.rs", "pub(crate) const RULES", "];");
    let broken = absent("crates/safety/rules", ".toml", &rules, |stem| format!("\"{stem}.toml\""));
    demand("one file a rule, one line in RULES", &broken);
}

#[test]
fn every_verb_is_in_commands() {
    let folder = "crates/cli/src/commands";
    let text = read(&format!("{folder}/mod.rs"));
    let dispatch = text.find("pub(crate) fn run(").map(|from| &text[from..]).expect("the function that runs a verb");
    let mut broken = absent(folder, ".rs", &text, |stem| format!("\nmod {stem};"));
    broken.extend(absent(folder, ".rs", dispatch, |stem| format!("{stem}::")));
    demand("one file a verb, its line in commands/mod.rs and its arm in `run`", &broken);
}

#[test]
fn every_source_file_belongs_to_its_parent() {
    let roots = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        matches!(name, "lib.rs" | "main.rs" | "build.rs")
            || (matches!(folder, "tests" | "benches" | "bin" | "examples") && path.starts_with("crates/"))
    };
    let orphan = |source: &&Source| !roots(&source.path) && !declared(&source.path);
    let broken: Vec<String> = sources().iter().filter(orphan).map(|source| source.path.clone()).collect();
    demand("a file that no parent declares is compiled by nobody", &broken);
}

/// Whether a parent of the file has `mod name;`.
fn declared(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (folder, stem) = match name {
        "mod.rs" => folder.rsplit_once('/').unwrap_or(("", folder)),
        _ => (folder, name.trim_end_matches(".rs")),
    };
    // Every file of a room's folder of tests may be a parent; elsewhere the three by name, and the folder's own file.
    let tests = folder.starts_with("crates/") && folder.ends_with("/tests");
    let named = |parent: &str| tests || ["lib.rs", "main.rs", "mod.rs"].contains(&parent);
    let parent = |source: &&Source| match source.path.strip_prefix(folder) {
        Some(".rs") => true,
        Some(rest) => rest.strip_prefix('/').is_some_and(|file| !file.contains('/') && named(file)),
        None => false,
    };
    let line = format!("mod {stem};");
    let declares =
        |text: &str| text.lines().map(str::trim).any(|found| found == line || found.ends_with(&format!(" {line}")));
    sources().iter().filter(parent).any(|source| declares(&source.text))
}
