//! Packs the starter corpus into the binary, so that a binary alone can answer.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::{Compression, GzBuilder};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let starter = root.join("corpora/starter");
    println!("cargo::rerun-if-changed={}", starter.display());
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("starter.tar.gz");
    pack(&starter, &out)
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
