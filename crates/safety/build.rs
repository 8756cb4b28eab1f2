//! Sorts the points of `data/evidence.tsv` and `data/own.tsv` by the hash of their terms, so that no program reads them when it
//! starts.

use std::path::Path;
use std::{env, fs};

#[path = "src/points/hash.rs"]
mod hash;

fn main() {
    let folder = env::var_os("OUT_DIR").expect("cargo names OUT_DIR");
    sort::<2>("data/evidence.tsv", Path::new(&folder), "evidence");
    sort::<4>("data/own.tsv", Path::new(&folder), "own");
}

/// Writes the terms of `file` in order, and the `N` points of each, to files that begin with `name`.
fn sort<const N: usize>(file: &str, folder: &Path, name: &str) {
    println!("cargo::rerun-if-changed={file}");
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut lines: Vec<(hash::Term, [i16; N])> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (term, points) =
                line.split_once('\t').unwrap_or_else(|| panic!("no tab in the line {line:?} of {file}"));
            let points: Option<Vec<i16>> = points.split('\t').map(|points| points.parse().ok()).collect();
            let points = points.and_then(|points| points.try_into().ok());
            let points = points.unwrap_or_else(|| panic!("no {N} whole numbers end the line {line:?} of {file}"));
            (hash::hash(term.bytes()), points)
        })
        .collect();
    lines.sort_unstable();
    assert!(lines.windows(2).all(|pair| pair[0].0 != pair[1].0), "two terms of {file} share a hash or are one");
    let hashes: Vec<u8> = lines.iter().flat_map(|(term, _)| term.to_be_bytes()).collect();
    let all: Vec<u8> = lines.iter().flat_map(|(_, points)| points.iter().flat_map(|one| one.to_le_bytes())).collect();
    for (part, bytes) in [("terms", hashes), ("points", all)] {
        let path = folder.join(format!("{name}_{part}.bin"));
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
