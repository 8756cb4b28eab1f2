//! Does the tree keep the rules of the house that a program can check?
//!
//! The rules are the ones of `crates/README.md`. A rule that is broken is reported with file and line; mend the file, or
//! change the rule in both places and say why.

mod arrows;
mod facts;
mod files;
mod medical;
mod names;
mod source;
mod style;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that nobody commits, for a tree without git.
const NEVER_COMMITTED: [&str; 3] = ["target", ".git", "__pycache__"];

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that is or could be committed, relative to the root with `/` between names, sorted.
fn committed() -> Vec<String> {
    let mut files = listed_by_git().unwrap_or_else(walked);
    files.retain(|file| root().join(file).is_file());
    files.sort();
    assert!(
        files.len() > 100,
        "only {} files were found under {}; the rules would pass unseen",
        files.len(),
        root().display()
    );
    files
}

/// The text of a file by its path from the root; bytes that are no UTF-8 are replaced.
fn read(file: &str) -> String {
    let bytes = fs::read(root().join(file)).unwrap_or_else(|error| panic!("cannot read {file}: {error}"));
    String::from_utf8(bytes).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

/// A TOML file.
fn toml(file: &str) -> toml::Table {
    read(file).parse().unwrap_or_else(|error| panic!("cannot parse {file}: {error}"))
}

/// The names of the folders in a folder, sorted.
fn folders(folder: &str) -> Vec<String> {
    names_in(folder, Path::is_dir)
}

/// The names of the files in a folder that end in `ending`, without it, sorted.
fn stems(folder: &str, ending: &str) -> Vec<String> {
    let names = names_in(folder, Path::is_file);
    names.iter().filter_map(|name| name.strip_suffix(ending)).map(str::to_owned).collect()
}

/// Fails with every place where `rule` is broken.
fn demand(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n{} broken:\n  {}\n", broken.len(), broken.join("\n  "));
}

fn names_in(folder: &str, wanted: impl Fn(&Path) -> bool) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("cannot list {folder}: {error}"));
    let paths = entries.map(|entry| entry.expect("a readable folder").path()).filter(|path| wanted(path));
    let mut names: Vec<String> = paths.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    names.sort();
    names
}

/// Committed files and new ones that are not ignored; none where there is no git or it does not trust the folder.
fn listed_by_git() -> Option<Vec<String>> {
    if !root().join(".git").exists() {
        return None;
    }
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
    let listed = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(listed.split_terminator('\0').map(str::to_owned).collect())
}

/// What git would list, near enough: `index/` ignores all but two files.
fn walked() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a readable folder") {
            let entry = entry.expect("a readable entry");
            let path = folder.join(entry.file_name());
            let name = path.to_str().expect("a name in UTF-8").replace('\\', "/");
            if entry.file_type().expect("a readable entry").is_dir() {
                // What lies below `index/` may come and go under a test that runs beside this one.
                let wanted =
                    !name.starts_with("index/") && !NEVER_COMMITTED.iter().any(|never| entry.file_name() == *never);
                folders.extend(wanted.then_some(path));
            } else if !name.starts_with("index/") || files::INDEX.contains(&name.as_str()) {
                files.push(name);
            }
        }
    }
    files
}

#[test]
fn a_walk_finds_what_git_lists() {
    let Some(listed) = listed_by_git() else { return };
    let walked = walked();
    let missed = listed.iter().filter(|file| root().join(file).is_file() && !walked.contains(file));
    let broken: Vec<String> = missed.cloned().collect();
    demand("a tree without git is held to the same rules", &broken);
}
