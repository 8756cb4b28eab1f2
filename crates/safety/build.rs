//! Sorts the points of `data/evidence.tsv` by the hash of their terms, so that no program reads them when it starts.

use std::path::Path;
use std::{env, fs};

#[path = "src/evidence/hash.rs"]
mod hash;

fn main() {
    const POINTS: &str = "data/evidence.tsv";
    println!("cargo::rerun-if-changed={POINTS}");
    let text = fs::read_to_string(POINTS).expect("data/evidence.tsv is read");
    let mut points: Vec<(hash::Term, i16)> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (term, points) =
                line.split_once('\t').unwrap_or_else(|| panic!("no tab in the line {line:?} of {POINTS}"));
            let points =
                points.parse().unwrap_or_else(|_| panic!("no whole number ends the line {line:?} of {POINTS}"));
            (hash::hash(term.bytes()), points)
        })
        .collect();
    points.sort_unstable();
    assert!(points.windows(2).all(|pair| pair[0].0 != pair[1].0), "two terms of {POINTS} share a hash or are one");
    let folder = env::var_os("OUT_DIR").expect("cargo names OUT_DIR");
    let folder = Path::new(&folder);
    let terms: Vec<u8> = points.iter().flat_map(|(term, _)| term.to_be_bytes()).collect();
    fs::write(folder.join("terms.bin"), terms).expect("terms.bin is written");
    let points: Vec<u8> = points.iter().flat_map(|(_, points)| points.to_le_bytes()).collect();
    fs::write(folder.join("points.bin"), points).expect("points.bin is written");
}
