//! Which room may know which, and what does each answer?

use super::{demand, folders, read, root, toml};

/// A room of the house.
struct Room {
    name: &'static str,
    /// The first line of its `lib.rs`.
    question: &'static str,
    /// Rooms that its manifest may name, in development too.
    knows: &'static [&'static str],
}

/// Data goes one way: from the first of these to the last.
const ROOMS: [Room; 17] = [
    room("schema", "What are we talking about?", &[]),
    room("fetch", "Where does it come from?", &["schema"]),
    room("corpus", "How does a file become passages?", &["schema"]),
    room("encoder", "Which vector is this text?", &["schema"]),
    room("weights", "Which models come with us?", &[]),
    room("index", "Which passages lie near?", &["schema"]),
    room("retrieval", "Which passages may answer?", &["schema", "encoder", "index"]),
    room("reader", "Where is the answer?", &["schema", "encoder"]),
    room("labels", "What kind of text is this?", &["schema", "encoder"]),
    room("safety", "May we say this?", &["schema"]),
    room("eval", "How good was it?", &["schema"]),
    room(
        "qa",
        "The two verbs: answer, rebuild",
        &["schema", "corpus", "encoder", "index", "retrieval", "reader", "labels", "safety", "eval"],
    ),
    room("train", "How do the models learn?", &["schema", "encoder", "reader", "labels", "eval"]),
    room("server", "The web page and the API", &["schema", "qa"]),
    room("tui", "The terminal screen", &["schema", "qa"]),
    room("bench", "How fast is it?", EVERYTHING),
    room("cli", "The command line", EVERYTHING),
];

/// What the two rooms at the end may know: all the others.
const EVERYTHING: &[&str] = &["*"];

/// The room whose manifest is the root's.
const ROOT: &str = "cli";

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// The manifest of a room.
pub(crate) fn manifest_of(room: &str) -> String {
    if room == ROOT { "Cargo.toml".to_owned() } else { format!("crates/{room}/Cargo.toml") }
}

/// The packages that a manifest names, whatever the kind and the target, under the names that they are published by.
pub(crate) fn dependencies(manifest: &str) -> Vec<String> {
    let manifest = toml(manifest);
    let targets = manifest.get("target").and_then(|value| value.as_table()).into_iter().flatten();
    let targets = targets.filter_map(|(_, target)| target.as_table());
    let mut found = Vec::new();
    for table in std::iter::once(&manifest).chain(targets) {
        for kind in KINDS {
            let named = table.get(kind).and_then(|value| value.as_table()).into_iter().flatten();
            found.extend(named.map(|(name, value)| {
                let renamed = value.get("package").and_then(|package| package.as_str());
                renamed.unwrap_or(name).to_owned()
            }));
        }
    }
    found
}

const fn room(name: &'static str, question: &'static str, knows: &'static [&'static str]) -> Room {
    Room { name, question, knows }
}

fn standing() -> impl Iterator<Item = &'static Room> {
    ROOMS.iter().filter(|room| root().join("crates").join(room.name).is_dir())
}

#[test]
fn every_room_is_in_the_table() {
    let known = |name: &String| ROOMS.iter().any(|room| room.name == name);
    let strangers = folders("crates").into_iter().filter(|name| !known(name));
    let broken: Vec<String> = strangers.map(|name| format!("crates/{name}: no row of tests/tidy/arrows.rs")).collect();
    demand("a room answers one question and has its row in the table of arrows", &broken);
}

#[test]
fn arrows_point_left() {
    let mut broken = Vec::new();
    for room in standing() {
        let manifest = manifest_of(room.name);
        for package in dependencies(&manifest) {
            let Some(known) = package.strip_prefix("clinqa-") else { continue };
            if room.knows != EVERYTHING && !room.knows.contains(&known) {
                let may = room.knows.join(", ");
                broken.push(format!("{manifest}: `{package}`; {} may know {{{may}}}", room.name));
            }
        }
    }
    demand("a room knows only the rooms of its row, in development too", &broken);
}

#[test]
fn every_row_of_the_table_points_left() {
    for (at, room) in ROOMS.iter().enumerate() {
        let right = room.knows.iter().filter(|known| !ROOMS[..at].iter().any(|left| left.name == **known));
        let right: Vec<&&str> = right.filter(|known| **known != "*").collect();
        assert!(right.is_empty(), "{} points right, to {right:?}", room.name);
    }
}

#[test]
fn every_room_opens_with_its_question() {
    let mut broken = Vec::new();
    for room in standing() {
        let file = if room.name == ROOT { "main.rs" } else { "lib.rs" };
        let file = format!("crates/{}/src/{file}", room.name);
        let text = read(&file);
        let first = text.lines().next().unwrap_or_default();
        let rest = first.strip_prefix("//! ").and_then(|line| line.strip_prefix(room.question));
        if !rest.is_some_and(|rest| rest.is_empty() || rest == "." || rest.starts_with(':')) {
            broken.push(format!("{file}:1: `{first}`; expected `//! {}`", room.question));
        }
    }
    demand("the first line of a room is the question that it answers", &broken);
}

#[test]
fn the_map_names_every_room() {
    assert!(root().join("crates/README.md").is_file(), "crates/README.md, the map of the rooms, is missing");
    let map = read("crates/README.md");
    let named =
        |room: &&Room| [format!("`{}`", room.name), format!("{}/", room.name)].iter().any(|name| map.contains(name));
    let lost = standing().filter(|room| !named(room));
    let broken: Vec<String> = lost.map(|room| format!("crates/README.md: no `{}`", room.name)).collect();
    demand("the map names every room", &broken);
}

#[test]
fn every_room_is_a_member_and_takes_the_lints_of_the_house() {
    let workspace = toml("Cargo.toml");
    let members = workspace["workspace"]["members"].as_array().expect("a list of members");
    let mut broken = Vec::new();
    for room in standing().filter(|room| room.name != ROOT) {
        let manifest = manifest_of(room.name);
        let folder = format!("crates/{}", room.name);
        if !members.iter().any(|member| member.as_str() == Some(&folder)) {
            broken.push(format!("Cargo.toml: `{folder}` is no member"));
        }
        if toml(&manifest).get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) != Some(true) {
            broken.push(format!("{manifest}: no `[lints] workspace = true`"));
        }
    }
    demand("every room is built and linted with the house", &broken);
}

#[test]
fn rooms_that_compute_are_optimised_in_tests() {
    let workspace = toml("Cargo.toml");
    let packages = workspace["profile"]["dev"]["package"].as_table().expect("a table of packages");
    let hot = standing().filter(|room| ["encoder", "reader", "index", "labels", "train"].contains(&room.name));
    let named = |room: &&Room| packages.contains_key(&format!("clinqa-{}", room.name));
    let broken: Vec<String> = hot
        .filter(|room| !named(room))
        .map(|room| format!("Cargo.toml: no [profile.dev.package.clinqa-{}]", room.name))
        .collect();
    demand("`package.\"*\"` leaves members out, so that rooms on the hot path are named", &broken);
}
