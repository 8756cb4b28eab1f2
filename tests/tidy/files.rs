//! What lies in the repository, how large is it, and does it speak only of itself?

use std::fs;

use super::source::place;
use super::{committed, demand, folders, read, root};

/// All that `index/` commits.
pub(crate) const INDEX: [&str; 2] = ["index/.gitignore", "index/README.md"];

/// What the top level holds, names that begin with a dot or `LICENSE` aside.
const TOP: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "clippy.toml",
    "corpora",
    "crates",
    "deny.toml",
    "index",
    "rustfmt.toml",
    "tests",
];

const MEGABYTE: u64 = 1_000_000;

/// The largest file that is committed.
const LARGEST: u64 = 24 * MEGABYTE;

/// All weights together; each binary that links them carries them.
const WEIGHTS: u64 = 50 * MEGABYTE;

/// Larger files are weights, whose bytes say nothing.
const LARGEST_TEXT: u64 = 4 * MEGABYTE;

/// Where package registries serve from, spelt so that this file does not hold them. Each machine is told by its own
/// settings which registry or mirror to use; a file that names one works on some and breaks on the others.
const REGISTRIES: [&str; 9] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("npm", "js.com"),
    concat!("deb.", "debian.org"),
    concat!("archive.", "ubuntu.com"),
    concat!("proxy.", "golang.org"),
    concat!("ruby", "gems.org"),
];

/// Where cargo says which registry a lock belongs to: a name that it always writes and that is no address to fetch from,
/// since a replaced source leaves it as it is. The one exception.
const LOCKED: &str = concat!("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");

/// Folders of the machine that this was written on.
const MACHINE: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "pyvenv")];

fn size(file: &str) -> u64 {
    fs::metadata(root().join(file)).map_or(0, |found| found.len())
}

/// Lines of committed files that hold one of `words`, in any case.
fn lines_with(words: &[&str], exempt: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for file in committed().into_iter().filter(|file| size(file) <= LARGEST_TEXT) {
        let text = read(&file);
        let lines = text.lines().enumerate().filter(|(_, line)| {
            let lower = line.to_lowercase();
            words.iter().any(|word| lower.contains(word))
        });
        let wrong = lines.filter(|(_, line)| !exempt(&file, line));
        broken.extend(wrong.map(|(at, line)| place(&file, at, &line.chars().take(160).collect::<String>())));
    }
    broken
}

#[test]
fn no_file_names_the_host_of_a_package_registry() {
    let locked = |file: &str, line: &str| file == "Cargo.lock" && line == LOCKED;
    demand(
        "each machine knows its own registries; a file that names one breaks elsewhere",
        &lines_with(&REGISTRIES, locked),
    );
}

#[test]
fn every_locked_package_comes_from_the_registry_or_the_house() {
    let lock = read("Cargo.lock");
    let sources = lock.lines().enumerate().filter(|(_, line)| line.starts_with("source = ") && *line != LOCKED);
    let broken: Vec<String> = sources.map(|(at, line)| place("Cargo.lock", at, line)).collect();
    demand("no package comes from git or from a registry of its own", &broken);
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    demand("a path of one machine means nothing on another", &lines_with(&MACHINE, |_, _| false));
}

#[test]
fn the_top_level_holds_what_the_house_allows() {
    let mut top: Vec<String> = committed().iter().filter_map(|file| Some(file.split('/').next()?.to_owned())).collect();
    top.dedup();
    let allowed = |name: &String| TOP.contains(&name.as_str()) || name.starts_with('.') || name.starts_with("LICENSE");
    let broken: Vec<String> = top.into_iter().filter(|name| !allowed(name)).collect();
    demand(
        "corpora is what came in, index what we made of it, crates is how, tests is the proof; nothing else",
        &broken,
    );
}

#[test]
fn the_house_has_its_papers() {
    let papers =
        ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "deny.toml", ".ci/run", ".gitignore", "index/README.md"];
    let broken: Vec<String> = papers.iter().filter(|paper| size(paper) == 0).map(|&paper| paper.to_owned()).collect();
    demand("readme, licences and the script of the checks are there", &broken);
}

#[test]
fn nothing_that_was_made_is_committed() {
    let made = |file: &String| {
        let of_index = file.starts_with("index/") && !INDEX.contains(&file.as_str());
        of_index || file.starts_with("target/") || file.contains("__pycache__/") || file.ends_with(".snap.new")
    };
    let broken: Vec<String> = committed().into_iter().filter(made).collect();
    demand("index/ commits its README and .gitignore; what is built stays out", &broken);
}

#[test]
fn no_committed_file_is_over_24_megabytes() {
    let large = committed().into_iter().filter(|file| size(file) > LARGEST);
    let broken: Vec<String> = large.map(|file| format!("{file}: {} bytes", size(&file))).collect();
    demand("a clone stays small", &broken);
}

#[test]
fn the_weights_fit_into_50_megabytes() {
    let sizes = committed().into_iter().filter(|file| file.starts_with("crates/weights/")).map(|file| size(&file));
    let total: u64 = sizes.sum();
    assert!(total <= WEIGHTS, "crates/weights holds {total} bytes, at most {WEIGHTS} may ride in the binary");
}

#[test]
fn every_model_has_its_card_and_every_file_of_it_is_embedded() {
    let embedded = read("crates/weights/src/lib.rs");
    let mut broken = Vec::new();
    for bundle in folders("crates/weights").into_iter().filter(|name| !["src", "tests"].contains(&name.as_str())) {
        let folder = format!("crates/weights/{bundle}/");
        let card = format!("{folder}README.md");
        let text = if root().join(&card).is_file() { read(&card) } else { String::new() };
        let digest = |word: &str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
        if !text.lines().any(|line| line.to_lowercase().starts_with("| licence |")) {
            broken.push(format!("{card}: no row `licence`"));
        }
        if !text.contains("SHA-256") || !text.split(|c: char| !c.is_ascii_alphanumeric()).any(digest) {
            broken.push(format!("{card}: no SHA-256 of the checkpoint that it came from"));
        }
        let (_, listed) =
            embedded.split_once(&format!("\"{bundle}\",")).unwrap_or_else(|| panic!("no bundle embeds {folder}"));
        let listed = listed.split(");").next().unwrap_or_default();
        let files = committed().into_iter().filter_map(|file| file.strip_prefix(&folder).map(str::to_owned));
        // The macro takes the card and the fingerprint of every bundle by itself; how it was made need not ride along.
        let apart = ["README.md", "fingerprint", "train.py"];
        let files = files.filter(|file| !apart.contains(&file.as_str()));
        let lost = files.filter(|file| !listed.contains(&format!("\"{file}\"")));
        broken.extend(lost.map(|file| format!("{folder}{file}: not in its bundle in crates/weights/src/lib.rs")));
    }
    demand("a model says where it comes from and under which licence, and all of it rides in the binary", &broken);
}
