//! Which names stay in their rooms?

use super::arrows::{dependencies, manifest_of};
use super::source::{Source, names, place, sources};
use super::{committed, demand, folders};

/// A library and who may name it.
struct Library {
    /// As code writes it; `candle` is `candle_core` too.
    name: &'static str,
    /// Rooms whose manifest may name it.
    rooms: &'static [&'static str],
    /// Where files may name it, comments included.
    places: &'static [&'static str],
}

const LIBRARIES: [Library; 11] = [
    library("tantivy", &["index"], &["crates/index/src/local/lexical/"]),
    library("hnsw_rs", &["index"], &["crates/index/src/local/"]),
    library(
        "candle",
        &["encoder", "reader", "labels", "train"],
        &["crates/encoder/", "crates/reader/", "crates/labels/", "crates/train/"],
    ),
    library("axum", &["server"], &["crates/server/"]),
    library("ratatui", &["tui"], &["crates/tui/"]),
    library("clap", &["cli"], &["crates/cli/"]),
    // Strings for errors end at the command line; below it every case is a variant.
    library("anyhow", &["cli"], &["crates/cli/"]),
    library("hf_hub", &["fetch"], &["crates/fetch/"]),
    library("ureq", &["fetch"], &["crates/fetch/"]),
    library("reqwest", &["fetch", "index"], &["crates/fetch/", "crates/index/src/remote/"]),
    library("tokio", &["server", "index"], &["crates/server/", "crates/index/src/remote/"]),
];

/// An address is no socket: the command line may read one.
const SOCKETS: [&str; 7] =
    ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener", "UnixDatagram", "ToSocketAddrs"];

const FILES: [&str; 6] = ["std::fs", "fs::", "File::open", "File::create", "OpenOptions", "read_dir"];

const OUTSIDE: [&str; 10] = [
    "env::var",
    "env::vars",
    "env::args",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "process::exit",
    "process::abort",
    "dbg!",
];

const ASYNC: [&str; 4] = ["async fn", "async move", "async {", ".await"];

/// Names that answer no question.
const VAGUE: [&str; 7] = ["utils", "util", "common", "helpers", "helper", "misc", "types"];

const fn library(name: &'static str, rooms: &'static [&'static str], places: &'static [&'static str]) -> Library {
    Library { name, rooms, places }
}

fn rooms() -> impl Iterator<Item = &'static Source> {
    sources().iter().filter(|source| source.path.starts_with("crates/"))
}

/// Production lines outside `places` that name one of `words`.
fn strays(words: &[&str], places: &[&str]) -> Vec<String> {
    let outside = |source: &&Source| !places.iter().any(|place| source.path.starts_with(place));
    let named = |line: &str| words.iter().any(|word| names(line, word));
    rooms().filter(outside).flat_map(|source| source.in_production(named)).collect()
}

#[test]
fn a_library_is_named_only_in_its_place() {
    let mut broken = Vec::new();
    for source in rooms() {
        for library in LIBRARIES {
            if !library.places.iter().any(|place| source.path.starts_with(place)) {
                broken.extend(source.anywhere(|line| names(line, library.name)));
            }
        }
    }
    demand("tantivy has one folder, candle four rooms, axum, ratatui, clap, anyhow and the socket one each", &broken);
}

#[test]
fn a_library_is_a_dependency_only_of_its_rooms() {
    let mut broken = Vec::new();
    for room in folders("crates") {
        let manifest = manifest_of(&room);
        for package in dependencies(&manifest) {
            let package = package.replace('-', "_");
            for library in LIBRARIES.iter().filter(|library| names(&package, library.name)) {
                if !library.rooms.contains(&room.as_str()) {
                    broken.push(format!("{manifest}: `{package}`; only for {}", library.rooms.join(", ")));
                }
            }
        }
    }
    demand("a manifest names no library of another room", &broken);
}

#[test]
fn the_graph_library_is_named_in_one_file() {
    let named = |source: &&Source| source.text.lines().any(|line| names(line, "hnsw_rs"));
    let files: Vec<String> = rooms().filter(named).map(|source| source.path.clone()).collect();
    assert!(files.len() <= 1, "hnsw_rs ends in the file that exports its graph, and is named in {files:?}");
}

#[test]
fn the_index_stores_vectors_and_never_makes_them() {
    let makes = |source: &&Source| source.path.starts_with("crates/index/");
    let named = |line: &str| names(line, "clinqa_encoder");
    let broken: Vec<String> = rooms().filter(makes).flat_map(|source| source.anywhere(named)).collect();
    demand("index never knows encoder", &broken);
}

#[test]
fn only_fetch_opens_a_socket() {
    // The load of the bench is sent to a server of ours.
    let places = ["crates/fetch/", "crates/index/src/remote/", "crates/server/", "crates/bench/src/load.rs"];
    let broken = strays(&SOCKETS, &places);
    demand("outbound sockets are opened in fetch and in the file of a remote index, and the server listens", &broken);
}

#[test]
fn files_are_opened_where_the_house_says() {
    let places = [
        "crates/corpus/",
        "crates/index/",
        "crates/cli/",
        "crates/encoder/src/checkpoint/",
        "crates/train/src/data",
        "crates/train/src/save",
        // Verified files have to be put somewhere.
        "crates/fetch/",
        // What is timed has to come from somewhere and to be kept somewhere.
        "crates/bench/",
        // Runs when safety is built, and is no part of it.
        "crates/safety/build.rs",
    ];
    let broken = strays(&FILES, &places);
    demand("schema, eval, safety and all that decides open no file: they are handed what they read", &broken);
}

#[test]
fn nothing_below_the_command_line_touches_the_world_outside() {
    // The worker of side-by-side runs is a program of its own.
    // So are the maker of deliveries to measure with, the learner to time, and what sorts the points of the safety rules
    // when they are built, which no build of the product contains.
    let programs = [
        "crates/cli/",
        "crates/bench/src/main.rs",
        "crates/corpus/examples/synthetic_pubmed/main.rs",
        "crates/train/examples/speed.rs",
        "crates/safety/build.rs",
    ];
    let broken = strays(&OUTSIDE, &programs);
    demand("only programs read the environment, print or exit", &broken);
}

#[test]
fn below_the_server_everything_is_synchronous() {
    let broken = strays(&ASYNC, &["crates/server/", "crates/index/src/remote/"]);
    demand("a runtime lives in server, and in the file of a remote index", &broken);
}

#[test]
fn no_room_or_file_is_named_for_nothing() {
    let crates = committed().into_iter().filter(|path| path.starts_with("crates/"));
    let vague = |path: &String| path.split(['/', '.']).any(|part| VAGUE.contains(&part));
    let broken: Vec<String> = crates.filter(vague).collect();
    demand("a name says what the thing answers", &broken);
}

#[test]
fn things_are_called_what_the_house_calls_them() {
    let words = ["Chunk", "Chunker", "chunker", "Embedder", "embedder"];
    let mut broken = Vec::new();
    for source in rooms() {
        let lines = source.code.lines().enumerate();
        let wrong = lines.filter(|(_, line)| words.iter().any(|word| names(line, word)));
        broken.extend(wrong.map(|(at, line)| place(&source.path, at, line)));
    }
    demand("a passage is no chunk, and an encoder no embedder", &broken);
}
