//! How does a corpus get what its manifest asks for, and only what it has not got?
//!
//! What came is noted in `<corpus>/.fetch/record.json`: address, digest and version of each file. A numbered file that
//! lies here is never asked for again, since its source never changes one; any other is asked for by its version.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use clinqa_schema::{Observer, Progress, Stage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Arrival, DownloadError, Downloader, Expected, Offer, Pick, Planned, Source, Version, Wanted, links, numbered, plan,
    plan_ids,
};

const RECORD: &str = ".fetch/record.json";

/// What a corpus wants from outside.
#[derive(Debug, Clone, Default)]
pub struct Collection {
    /// A public source.
    pub source: Option<&'static Source>,
    /// A page to ask instead of the source's own: a mirror.
    pub mirror: Option<String>,
    /// Articles of the source.
    pub ids: Vec<String>,
    /// Files by their addresses.
    pub urls: Vec<Listed>,
    /// Most bytes of one file.
    pub limit: u64,
}

/// A file that a manifest names by its address.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The address.
    pub url: String,
    /// What it is called here; the last part of the address unless given.
    pub name: Option<String>,
    /// What it must be.
    pub expected: Expected,
}

/// A file after a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Its name in the corpus.
    pub file: String,
    /// Where it came from.
    pub url: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// When it came, in seconds since 1970.
    pub fetched: u64,
    /// The server's name for this version.
    pub version: Version,
    /// Whether it came now; false where the one that lay here is the newest.
    #[serde(skip_deserializing)]
    pub is_new: bool,
}

/// Which files would be fetched into `folder`: asks for the source's page, and for no file.
pub fn offered(
    downloader: &mut Downloader,
    folder: &Path,
    collection: &Collection,
    pick: &Pick,
) -> Result<Vec<Wanted>, DownloadError> {
    let record = record(folder);
    let mut wanted = Vec::new();
    if let Some(source) = collection.source {
        let page = collection.mirror.as_deref().unwrap_or(source.page);
        for Planned { address, name, md5 } in from_source(downloader, source, page, collection, pick, &record)? {
            let expected = md5.map_or(Expected::Whole, Expected::Companion);
            wanted.push(Wanted { url: address, name, limit: collection.limit, expected, known: None });
        }
    }
    for Listed { url, name, expected } in &collection.urls {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let name = name.clone().unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned());
        let expected = expected.clone();
        wanted.push(Wanted { url: url.clone(), name, limit: collection.limit, expected, known: None });
    }
    let never_changes = |name: &str| {
        collection.source.is_some_and(|source| matches!(source.offer, Offer::Numbered { .. }))
            && numbered(name).is_some()
    };
    wanted.retain_mut(|wanted| {
        let known = record.get(&wanted.name).filter(|taken| {
            taken.url == wanted.url
                && fs::metadata(folder.join(&taken.file))
                    .is_ok_and(|found| found.is_file() && found.len() == taken.bytes)
        });
        wanted.known = known.map(|taken| taken.version.clone());
        known.is_none() || !never_changes(&wanted.name)
    });
    Ok(wanted)
}

/// Fetches every one of `wanted` into `folder`, in order, and notes each as it comes. Reports [`Stage::Fetch`] in bytes.
pub fn collect(
    downloader: &mut Downloader,
    folder: &Path,
    wanted: &[Wanted],
    now: u64,
    observer: &mut dyn Observer,
) -> Result<Vec<Taken>, DownloadError> {
    let mut record = record(folder);
    let (mut all, mut before) = (Vec::new(), 0);
    for wanted in wanted {
        let arrival = downloader.fetch(wanted, folder, &mut |here| {
            observer.observe(&Progress { stage: Stage::Fetch, done: before + here, total: None });
        })?;
        match arrival {
            Arrival::Unchanged => all.extend(record.get(&wanted.name).cloned()),
            Arrival::Arrived(arrived) => {
                before += arrived.bytes;
                let taken = Taken {
                    file: wanted.name.clone(),
                    url: wanted.url.clone(),
                    bytes: arrived.bytes,
                    sha256: arrived.sha256,
                    fetched: now,
                    version: arrived.version,
                    is_new: true,
                };
                record.insert(taken.file.clone(), Taken { is_new: false, ..taken.clone() });
                write(folder, &record)?;
                all.push(taken);
            }
        }
    }
    Ok(all)
}

fn from_source(
    downloader: &mut Downloader,
    source: &Source,
    page: &str,
    collection: &Collection,
    pick: &Pick,
    record: &BTreeMap<String, Taken>,
) -> Result<Vec<Planned>, DownloadError> {
    if source.offer == Offer::Articles {
        return plan_ids(source, page, &collection.ids);
    }
    let after = record.keys().filter_map(|name| numbered(name)).max();
    let listing = downloader.page(page)?;
    let mut planned = plan(source, &links(&listing.text), &Pick { after, ..pick.clone() })?;
    for file in &mut planned {
        file.address = downloader.join(&listing.url, &file.address)?;
        file.md5 = file.md5.take().map(|md5| downloader.join(&listing.url, &md5)).transpose()?;
    }
    Ok(planned)
}

/// What was fetched into a corpus, by file.
pub fn fetched(folder: &Path) -> BTreeMap<String, Taken> {
    record(folder)
}

/// The files of a corpus that are no longer what was fetched, by their SHA-256; those that are gone among them.
pub fn changed(folder: &Path) -> Result<Vec<String>, DownloadError> {
    let mut changed = Vec::new();
    for (file, taken) in record(folder) {
        let path = folder.join(&file);
        let same = match File::open(&path) {
            Ok(mut found) => {
                let mut hasher = Sha256::new();
                io::copy(&mut found, &mut hasher).map_err(DownloadError::io(&path))?;
                format!("{:x}", hasher.finalize()).eq_ignore_ascii_case(&taken.sha256)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(DownloadError::io(&path)(error)),
        };
        changed.extend((!same).then_some(file));
    }
    Ok(changed)
}

/// What came earlier; a record that cannot be read is one of nothing, and everything is asked for again.
fn record(folder: &Path) -> BTreeMap<String, Taken> {
    fs::read(folder.join(RECORD)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn write(folder: &Path, record: &BTreeMap<String, Taken>) -> Result<(), DownloadError> {
    let (path, fresh) = (folder.join(RECORD), folder.join(".fetch/record.json.part"));
    let text = serde_json::to_vec(record).map_err(|error| DownloadError::io(&path)(error.into()))?;
    fs::write(&fresh, text).map_err(DownloadError::io(&fresh))?;
    fs::rename(&fresh, &path).map_err(DownloadError::io(&path))
}
