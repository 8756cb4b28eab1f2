//! `clinqa corpus`: literature comes in, is listed, checked, compared and removed. Nothing is answered from it before
//! `clinqa rebuild`.

mod add;
mod diff;
mod fetch;
mod list;
mod remove;
mod verify;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clinqa_corpus::Corpus;
use clinqa_qa::{Delivered, Error, entry};

use crate::args::{CorpusArgs, CorpusCommand};
use crate::settings::Settings;

/// What was asked of a corpus cannot be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CorpusUsage {
    #[error("no corpus is called `{name}`; `clinqa corpus list` shows those at hand")]
    Unknown { name: String },
    #[error("there is a corpus `{name}` already, in {folder}; choose another `--name`, or remove it first")]
    Taken { name: String, folder: String },
    #[error("`{found}` is not a name for a corpus; pass `--name` with letters, digits, `.`, `_`, `:` or `-`")]
    Name { found: String },
    #[error("cannot understand the default `{found}`; write key=value with a key of {known}")]
    Default { found: String, known: String },
    #[error("{path} brings a corpus.toml of its own; change that one instead of passing {flag}")]
    OwnManifest { path: String, flag: &'static str },
    #[error(
        "cannot link {path}: it brings a corpus.toml of its own, or holds the corpora; name it with `--corpus` instead of adding it, or link a folder below it"
    )]
    Link { path: String },
    #[error("cannot link {path}: its name is not UTF-8; rename it, or add it without `--link`")]
    LinkName { path: String },
    #[error(
        "`{name}` is neither a corpus nor a public source; sources are {known}, corpora are in `clinqa corpus list`"
    )]
    NoSource { name: String, known: String },
    #[error("{path} does not say where new files come from; add a table [fetch] with `source` or `urls`")]
    NoFetch { path: String },
    #[error("cannot understand [fetch] in {path}: {source}; correct it")]
    Fetch { path: String, source: Box<toml::de::Error> },
    #[error(
        "{count} files of `{name}` are no longer what was fetched: {files}; delete them and run `clinqa corpus fetch {name}`"
    )]
    Changed { name: String, count: usize, files: String },
    #[error("removing a corpus deletes its files; pass `--yes` if that is meant")]
    Unasked,
    #[error(
        "{folder} is named in the settings and lies outside {root}; remove it by hand and take it out of the settings"
    )]
    Elsewhere { folder: String, root: String },
}

pub(crate) fn run(settings: &Settings, args: &CorpusArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        CorpusCommand::Add(add) => add::run(settings, add, args.json),
        CorpusCommand::Fetch(fetch) => fetch::run(settings, fetch, args.json),
        CorpusCommand::Watch(watch) => watch::run(settings, watch, args.json),
        CorpusCommand::List => list::run(settings, args.json),
        CorpusCommand::Verify { names } => verify::run(settings, names, args.json),
        CorpusCommand::Diff { name, path } => diff::run(settings, name, path, args.json),
        CorpusCommand::Remove { name, yes } => remove::run(settings, name, *yes, args.json),
    }
}

/// Every corpus that a rebuild would read, as its files are now.
pub(crate) fn delivered(settings: &Settings) -> anyhow::Result<Vec<Delivered>> {
    let named = |folder: &Path| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let look = |folder: PathBuf| {
        let fetched = list::last_fetch(&folder);
        match verify::check(&folder) {
            Ok((corpus, _)) => Delivered { name: corpus.name.clone(), fetched, files: Ok(entry(&corpus)) },
            Err(error) => Delivered { name: named(&folder), fetched, files: Err(format!("{error:#}")) },
        }
    };
    Ok(super::rebuild::sources(settings)?.into_iter().map(look).collect())
}

/// The folder of the corpus called `name`; one that cannot be opened is known by its folder's name.
fn folder_of(settings: &Settings, name: &str) -> Result<PathBuf, CorpusUsage> {
    let called = |folder: &&PathBuf| match clinqa_corpus::open(folder) {
        Ok(corpus) => corpus.name == name,
        Err(_) => folder.file_name().is_some_and(|found| found == name),
    };
    settings.corpora.iter().find(called).cloned().ok_or_else(|| CorpusUsage::Unknown { name: name.to_owned() })
}

fn open(settings: &Settings, name: &str) -> anyhow::Result<Corpus> {
    Ok(clinqa_corpus::open(&folder_of(settings, name)?).map_err(Error::from)?)
}

/// The files that were delivered; what describes them is none of them.
fn files_of(corpus: &Corpus) -> usize {
    corpus.files().iter().filter(|file| file.file != add::MANIFEST).count()
}

fn bytes_of(corpus: &Corpus) -> u64 {
    corpus.files().iter().map(|file| file.bytes).sum()
}

/// A number of bytes as people say it.
fn sized(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
