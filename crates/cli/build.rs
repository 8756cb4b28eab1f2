//! Packs the starter corpus into the binary, so that a binary alone can answer; notes the commit for model cards.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use flate2::{Compression, GzBuilder};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let starter = root.join("corpora/starter");
    println!("cargo::rerun-if-changed={}", starter.display());
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        note_commit();
    }
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("starter.tar.gz");
    pack(&starter, &out)
}

/// Tells the binary its commit, where there is git and the tree is one. Only a release is built anew for each commit.
fn note_commit() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    if let (Some(commit), Some(log)) =
        (git(&["rev-parse", "--short=12", "HEAD"]), git(&["rev-parse", "--git-path", "logs/HEAD"]))
    {
        println!("cargo::rerun-if-changed={log}");
        println!("cargo::rustc-env=CLINQA_COMMIT={commit}");
    }
}

/// The same files give the same archive: names sorted, no times, no owners.
fn pack(folder: &Path, out: &Path) -> io::Result<()> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    names.retain(|path| path.is_file());
    names.sort();
    let gzip = GzBuilder::new().mtime(0).write(File::create(out)?, Compression::best());
    let mut archive = tar::Builder::new(gzip);
    archive.mode(tar::HeaderMode::Deterministic);
    for path in names {
        let name = path.file_name().ok_or_else(|| io::Error::other("a file without a name"))?;
        archive.append_path_with_name(&path, name)?;
    }
    archive.into_inner()?.finish()?;
    Ok(())
}
