//! `clinqa corpus fetch`: what the `[fetch]` table of a corpus names comes in, or a public source becomes a corpus.
//!
//! A corpus that is made now stays hidden until its first file has come, so that no rebuild meets an empty one.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clinqa_corpus::legal_id;
use clinqa_fetch::{
    Collection, Downloader, Expected, Listed, Pick, Private, Reach, SOURCES, Source, Wanted, collect, offered,
};
use serde::Deserialize;
use serde_json::json;

use super::add::MANIFEST;
use super::{CorpusUsage, folder_of, sized};
use crate::args::FetchArgs;
use crate::commands::now;
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

/// Larger than any file of the known sources.
const MOST_BYTES: u64 = 8 << 30;

/// The part of `corpus.toml` that matters here.
#[derive(Deserialize)]
struct Manifest {
    fetch: Option<Table>,
}

/// `[fetch]`; a key that is not here is a typo.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Table {
    source: Option<String>,
    mirror: Option<String>,
    ids: Vec<String>,
    urls: Vec<Entry>,
    max_bytes: Option<u64>,
}

/// An address, alone or with what is known about its file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Plain(String),
    Checked { url: String, name: Option<String>, md5: Option<String>, sha256: Option<String> },
}

pub(super) fn run(settings: &Settings, args: &FetchArgs, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::of(settings, &args.name)?;
    let collection = place.collection(args)?;
    let pick = Pick { numbers: args.files.clone(), since: args.since.clone(), all: args.all, after: None };
    let private = if args.allow_private { Private::Allowed } else { Private::Refused };
    let (proxy, no_proxy) = (settings.proxy.clone(), settings.no_proxy.clone());
    let mut downloader = Downloader::new(&Reach { private, proxy, no_proxy, ..Reach::default() })?;
    let wanted = offered(&mut downloader, &place.folder, &collection, &pick)?;
    if args.dry_run {
        return told(&wanted, json);
    }
    place.make()?;
    let taken = collect(&mut downloader, &place.folder, &wanted, now().0, &mut Bars::default())?;
    place.show()?;
    let bytes: u64 = taken.iter().filter(|taken| taken.is_new).map(|taken| taken.bytes).sum();
    let new = taken.iter().filter(|taken| taken.is_new).count();
    if json {
        output::json(
            &json!({ "name": args.name, "folder": place.target, "new": new, "bytes": bytes, "files": taken }),
        )?;
    } else if new == 0 {
        output::line(&format!("{} has everything already.", args.name))?;
    } else {
        output::line(&format!(
            "Fetched {new} files, {}, into {}\nThey answer questions after `clinqa rebuild`.",
            sized(bytes),
            place.target.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(wanted: &[Wanted], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let files: Vec<_> = wanted.iter().map(|wanted| json!({ "file": wanted.name, "url": wanted.url })).collect();
        output::json(&files)?;
    } else if wanted.is_empty() {
        output::line("Nothing would be fetched: everything is here already.")?;
    } else {
        for wanted in wanted {
            output::line(&wanted.url)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a corpus is filled, and where it will be seen.
struct Place {
    folder: PathBuf,
    target: PathBuf,
    /// The source that a corpus is made of now.
    fresh: Option<&'static Source>,
}

impl Place {
    fn of(settings: &Settings, name: &str) -> Result<Self, CorpusUsage> {
        if let Ok(folder) = folder_of(settings, name) {
            return Ok(Self { target: folder.clone(), folder, fresh: None });
        }
        let known = || SOURCES.map(|source| source.name).join(", ");
        let is_legal = legal_id(name).is_some_and(|id| id.as_str() == name);
        let source = Source::named(name).filter(|_| is_legal);
        let source =
            source.ok_or_else(|| CorpusUsage::NoSource { name: name.escape_debug().to_string(), known: known() })?;
        let root = &settings.unpacked;
        Ok(Self { folder: root.join(format!(".fetching-{name}")), target: root.join(name), fresh: Some(source) })
    }

    fn collection(&self, args: &FetchArgs) -> anyhow::Result<Collection> {
        let table = match self.fresh {
            Some(_) => Table::default(),
            None => self.table()?,
        };
        let named = match &table.source {
            Some(name) => Some(Source::named(name).ok_or_else(|| CorpusUsage::NoSource {
                name: name.escape_debug().to_string(),
                known: SOURCES.map(|source| source.name).join(", "),
            })?),
            None => None,
        };
        let mut ids = table.ids;
        ids.extend(args.ids.iter().cloned());
        Ok(Collection {
            source: self.fresh.or(named),
            mirror: args.mirror.clone().or(table.mirror),
            ids,
            urls: table.urls.into_iter().map(Listed::from).collect(),
            limit: table.max_bytes.unwrap_or(MOST_BYTES),
        })
    }

    fn table(&self) -> anyhow::Result<Table> {
        let path = self.folder.join(MANIFEST);
        let nothing = || CorpusUsage::NoFetch { path: path.display().to_string() };
        let text = fs::read_to_string(&path).map_err(|_| nothing())?;
        let manifest: Manifest = toml::from_str(&text)
            .map_err(|source| CorpusUsage::Fetch { path: path.display().to_string(), source: Box::new(source) })?;
        Ok(manifest.fetch.ok_or_else(nothing)?)
    }

    fn make(&self) -> anyhow::Result<()> {
        let Some(source) = self.fresh else { return Ok(()) };
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        let path = self.folder.join(MANIFEST);
        fs::write(&path, manifest(source)?).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Lets a corpus that was made now be seen, if there is something in it; an earlier fetch may have brought it.
    fn show(&self) -> anyhow::Result<()> {
        let is_file = |name: &str| name != MANIFEST && !name.starts_with('.');
        let mut entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        if self.fresh.is_none() || !entries.any(|entry| is_file(&entry.file_name().to_string_lossy())) {
            return Ok(());
        }
        fs::rename(&self.folder, &self.target)
            .with_context(|| format!("cannot rename a folder to {}", self.target.display()))
    }
}

/// `corpus.toml` of a corpus made of a public source.
fn manifest(source: &Source) -> anyhow::Result<String> {
    let mut table = toml::Table::new();
    let mut put = |key: &str, value: &str| table.insert(key.to_owned(), value.into());
    put("name", source.name);
    put("licence", source.licence);
    put("origin", &format!("{}, {}", source.title, source.page));
    let defaults = [("publisher", source.publisher), ("kind", source.kind), ("audience", source.audience)];
    let defaults: toml::Table = defaults.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    let fetch: toml::Table = [("source".to_owned(), source.name.into())].into_iter().collect();
    table.insert("defaults".to_owned(), defaults.into());
    table.insert("fetch".to_owned(), fetch.into());
    toml::to_string(&table).context("cannot write the manifest of a corpus")
}

impl From<Entry> for Listed {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Plain(url) => Self { url, name: None, expected: Expected::Whole },
            Entry::Checked { url, name, md5, sha256 } => {
                let expected = sha256.map(Expected::Sha256).or(md5.map(Expected::Md5)).unwrap_or_default();
                Self { url, name, expected }
            }
        }
    }
}
