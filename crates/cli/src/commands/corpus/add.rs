//! `clinqa corpus add`: a file or folder becomes a corpus, whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clinqa_corpus::{Corpus, legal_id};
use clinqa_qa::Error;
use serde::Serialize;
use serde_json::json;

use super::{CorpusUsage, bytes_of, files_of, sized};
use crate::args::AddArgs;
use crate::commands::UsageError;
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

pub(super) const MANIFEST: &str = "corpus.toml";
/// Begins the name of a folder that is being filled; hidden, so that no rebuild takes it for a corpus.
const FILLING: &str = ".adding-";
const DEFAULTS: [&str; 8] =
    ["kind", "publisher", "specialty", "audience", "language", "jurisdiction", "licence", "published"];

/// `corpus.toml` as it is written here.
#[derive(Serialize)]
struct Manifest<'a> {
    name: &'a str,
    licence: &'a str,
    origin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    defaults: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    digests: BTreeMap<String, String>,
}

/// A folder that vanishes unless it is kept. Nobody else fills it: it is locked, and the system gives the lock back when
/// whoever holds it dies, so that what a crash left is known.
pub(super) struct Filling {
    pub(super) folder: PathBuf,
    _held: File,
}

impl Filling {
    /// An empty place for the corpus `name` below `root`; what crashes left there goes.
    pub(super) fn begin(root: &Path, name: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
        remove_left(root);
        let mut number = 0;
        loop {
            let folder = root.join(format!("{FILLING}{name}.{number}"));
            number += 1;
            match fs::create_dir(&folder) {
                // Another run may have taken it for one that a crash left before it was locked.
                Ok(()) => match File::open(&folder).and_then(|held| held.lock().map(|()| held)) {
                    Ok(held) if folder.exists() => return Ok(Self { folder, _held: held }),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => {
                        let _ = fs::remove_dir(&folder);
                        return Err(error).with_context(|| format!("cannot lock {}", folder.display()));
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("cannot make {}", folder.display())),
            }
        }
    }
}

/// Removes the folders below `root` that nobody fills any more.
fn remove_left(root: &Path) {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(FILLING)) {
        let left = File::open(entry.path()).ok().filter(|folder| folder.try_lock().is_ok());
        if left.is_some() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        // After it was renamed there is nothing of this name.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn run(settings: &Settings, args: &AddArgs, json: bool) -> anyhow::Result<ExitCode> {
    let root = &settings.unpacked;
    let name = name(args)?;
    let target = root.join(&name);
    if target.exists() || super::folder_of(settings, &name).is_ok() {
        let folder = target.display().to_string();
        return Err(CorpusUsage::Taken { name, folder }.into());
    }
    if let Err(source) = fs::metadata(&args.path) {
        return Err(UsageError::Open { path: args.path.display().to_string(), source }.into());
    }
    let filling = Filling::begin(root, &name)?;
    if !args.link {
        copy(&args.path, &filling.folder, Bytes::Own)?;
    }
    let corpus = describe(args, &name, &filling.folder)?;
    let report = corpus.read(&mut Bars::default(), &mut |_| ControlFlow::Continue(())).map_err(Error::from)?;
    sync(&filling.folder)?;
    match fs::rename(&filling.folder, &target) {
        // Another run was faster with the same name.
        Err(_) if target.exists() => {
            return Err(CorpusUsage::Taken { name, folder: target.display().to_string() }.into());
        }
        renamed => renamed.with_context(|| format!("cannot rename a folder to {}", target.display()))?,
    }
    File::open(root).and_then(|folder| folder.sync_all()).with_context(|| format!("cannot sync {}", root.display()))?;
    let files = files_of(&corpus);
    if json {
        let bytes = bytes_of(&corpus);
        output::json(&json!({ "name": name, "folder": target, "files": files, "bytes": bytes, "records": report }))?;
    } else {
        output::line(&format!(
            "{} {name}: {files} files, {}, in {}\n{report}\nIt answers questions after `clinqa rebuild`.",
            if args.link { "Linked" } else { "Added" },
            sized(bytes_of(&corpus)),
            corpus.manifest.path.as_deref().unwrap_or(&target).display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the corpus will be called: as asked, or as the manifest that it brings says, or like the file.
fn name(args: &AddArgs) -> Result<String, CorpusUsage> {
    let stem = || {
        let name = args.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if args.path.is_dir() { name } else { name.split('.').next().unwrap_or_default().to_owned() }
    };
    let own = args.path.join(MANIFEST);
    let brought = fs::read_to_string(own).ok().and_then(|text| {
        let table: toml::Table = text.parse().ok()?;
        table.get("name")?.as_str().map(str::to_owned)
    });
    let found = args.name.clone().or(brought).unwrap_or_else(stem);
    match legal_id(&found) {
        Some(id) if !id.as_str().starts_with('.') => Ok(id.to_string()),
        _ => Err(CorpusUsage::Name { found: found.escape_debug().to_string() }),
    }
}

/// Writes `corpus.toml` with the digest of every file, unless the folder brought one, and opens the corpus.
fn describe(args: &AddArgs, name: &str, folder: &Path) -> anyhow::Result<Corpus> {
    let path = folder.join(MANIFEST);
    if path.exists() {
        let given = [(args.name.is_some(), "--name"), (args.format.is_some(), "--format")];
        let given = given.into_iter().chain([(!args.default.is_empty(), "--default")]);
        if let Some((_, flag)) = given.into_iter().find(|(is_given, _)| *is_given) {
            return Err(CorpusUsage::OwnManifest { path: args.path.display().to_string(), flag }.into());
        }
        return Ok(clinqa_corpus::open(folder).map_err(Error::from)?);
    }
    let link = if args.link { Some(link(args, folder)?) } else { None };
    let mut manifest = Manifest {
        name,
        path: link.as_deref(),
        licence: &args.licence,
        origin: &args.origin,
        format: args.format.as_deref(),
        defaults: defaults(&args.default)?,
        digests: BTreeMap::new(),
    };
    write(&path, &manifest)?;
    let corpus = clinqa_corpus::open(folder).map_err(Error::from)?;
    // Files that are used where they lie are their keeper's to change.
    let delivered = corpus.files().iter().filter(|_| link.is_none()).filter(|file| file.file != MANIFEST);
    manifest.digests = delivered.map(|file| (file.file.clone(), file.blake3.clone())).collect();
    write(&path, &manifest)?;
    Ok(clinqa_corpus::open(folder).map_err(Error::from)?)
}

/// Where the files lie, whatever the working folder will be.
fn link(args: &AddArgs, folder: &Path) -> anyhow::Result<String> {
    let shown = args.path.display().to_string();
    let path = args.path.canonicalize().with_context(|| format!("cannot link {shown}"))?;
    let own = folder.canonicalize().with_context(|| format!("cannot link {shown}"))?;
    if path.join(MANIFEST).exists() || own.starts_with(&path) {
        return Err(CorpusUsage::Link { path: shown }.into());
    }
    path.into_os_string().into_string().map_err(|_| CorpusUsage::LinkName { path: shown }.into())
}

fn defaults(typed: &[String]) -> Result<BTreeMap<&str, &str>, CorpusUsage> {
    typed
        .iter()
        .map(|typed| {
            let unknown =
                || CorpusUsage::Default { found: typed.escape_debug().to_string(), known: DEFAULTS.join(", ") };
            let (key, value) = typed.split_once('=').ok_or_else(unknown)?;
            if DEFAULTS.contains(&key.trim()) { Ok((key.trim(), value.trim())) } else { Err(unknown()) }
        })
        .collect()
}

fn write(path: &Path, manifest: &Manifest<'_>) -> anyhow::Result<()> {
    let text = toml::to_string(manifest).context("cannot write the manifest of a corpus")?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether a copied file has bytes of its own or shares those it was copied from, where the disk can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    Own,
    Shared,
}

/// Copies a file into `target`, or everything below a folder; links are left out, since they may lead anywhere, and so
/// is what is hidden.
pub(super) fn copy(from: &Path, target: &Path, bytes: Bytes) -> anyhow::Result<()> {
    let failed = |path: &Path| format!("cannot copy {}", path.display());
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    let put = |from: &Path, to: &Path| match bytes {
        Bytes::Shared if fs::hard_link(from, to).is_ok() => Ok(()),
        _ => fs::copy(from, to).map(|_| ()),
    };
    let found = fs::metadata(from).with_context(|| failed(from))?;
    if found.is_file() {
        let name = from.file_name().ok_or(io::ErrorKind::InvalidInput).map_err(io::Error::from)?;
        put(from, &target.join(name)).with_context(|| failed(from))?;
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(|| failed(from))? {
        let entry = entry.with_context(|| failed(from))?;
        let kind = entry.file_type().with_context(|| failed(&entry.path()))?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_symlink() || is_hidden {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &target.join(entry.file_name()), bytes)?;
        } else if kind.is_file() {
            put(&entry.path(), &target.join(entry.file_name())).with_context(|| failed(&entry.path()))?;
        }
    }
    Ok(())
}

/// Makes everything below `folder` durable.
fn sync(folder: &Path) -> anyhow::Result<()> {
    let failed = |path: &Path| format!("cannot sync {}", path.display());
    for entry in fs::read_dir(folder).with_context(|| failed(folder))? {
        let path = entry.with_context(|| failed(folder))?.path();
        if path.is_dir() {
            sync(&path)?;
        } else {
            File::open(&path).and_then(|file| file.sync_all()).with_context(|| failed(&path))?;
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| failed(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_who_fill_at_once_have_places_of_their_own_and_what_a_crash_left_goes() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().join("corpora");
        fs::create_dir_all(root.join(".adding-left.0/half")).expect("made");
        fs::create_dir_all(root.join("other")).expect("made");
        let first = Filling::begin(&root, "ward").expect("a place");
        fs::write(first.folder.join("half.md"), "half").expect("written");
        let second = Filling::begin(&root, "ward").expect("a place");
        assert_ne!(first.folder, second.folder);
        assert!(first.folder.join("half.md").exists(), "the first goes on");
        assert_eq!(fs::read_dir(&second.folder).expect("a folder").count(), 0);
        let gone = first.folder.clone();
        drop((first, second));
        assert!(!gone.exists() && !root.join(".adding-left.0").exists() && root.join("other").exists());
    }
}
