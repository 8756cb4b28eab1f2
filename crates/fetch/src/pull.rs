//! How does a model get from a hub into its folder?
//!
//! List, fetch, compare, install: nothing appears in the models folder before every file has its whole length and the
//! digest that was pinned or named.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use clinqa_schema::{Observer, Progress, Stage};

use crate::error::FetchError;
use crate::hub::{Announced, Hub, Listing, Opened};
use crate::layout::{self, CARD, CONFIG, SMALL_FILES, WEIGHTS};
use crate::pin::{self, NO_FILE, Pin, PinnedFile, PulledFile};
use crate::place::{self, Place};
use crate::request::{PullRequest, Pulled};

/// Bytes between two looks at the progress.
const PIECE: usize = 256 << 10;

/// Fetches `owner/model` into `models/<owner>--<model>`, checks it, and pins it, or compares it with its pin.
///
/// An interrupted pull goes on where it stopped when it is asked for again, as long as the hub names the same commit.
/// A folder that already is that commit, undamaged, is left as it is and nothing is downloaded; a damaged one is
/// fetched again. Reports [`Stage::Fetch`] in bytes.
pub fn pull(request: &PullRequest, models: &Path, observer: &mut dyn Observer) -> Result<Pulled, FetchError> {
    request.check()?;
    let place = Place::enter(models, &request.name)?;
    let before = match pin::read(&place.folder)? {
        None if place.folder.exists() => return Err(FetchError::Unpinned { folder: place.folder.clone() }),
        before => before,
    };
    let mut hub = Hub::new(request, &place.partial)?;
    let listing = hub.listing()?;
    let rules = Rules { request, place: &place, before: before.as_ref() };
    if let Some(pin) = rules.is_already_there(listing.as_ref()) {
        rules.check_weights(&pin.files)?;
        return Ok(rules.pulled(pin.clone()));
    }
    let pulled = collect(&mut hub, listing.as_ref(), &rules, observer);
    if matches!(pulled, Err(FetchError::Sha256 { .. } | FetchError::Changed { .. } | FetchError::Length { .. })) {
        place.discard();
    }
    pulled
}

fn collect(
    hub: &mut Hub,
    listing: Option<&Listing>,
    rules: &Rules<'_>,
    observer: &mut dyn Observer,
) -> Result<Pulled, FetchError> {
    let mut commit = listing.map(|listing| listing.commit.clone());
    if let Some(commit) = &commit {
        hub.fix(commit);
    }
    let wanted = wanted(listing, &rules.request.name)?;
    rules.check_announced(&wanted)?;
    let downloads = rules.place.downloads(commit.as_deref())?;
    let total = wanted.iter().map(|(_, announced)| announced.bytes).sum();
    let mut arrival = Arrival { hub, downloads: &downloads, commit: None, meter: Meter { observer, done: 0, total } };
    let mut files = BTreeMap::new();
    for (file, announced) in &wanted {
        if layout::is_weights(file) && files.keys().any(|name: &String| layout::is_weights(name)) {
            continue;
        }
        let found = match arrival.fetch(file, announced) {
            // The model does without.
            Err(FetchError::TooLarge { .. } | FetchError::NoLength { .. }) if *file == CARD => None,
            found => found?,
        };
        match found {
            Some(found) => {
                rules.check_file(file, announced, &found)?;
                files.insert((*file).to_owned(), found);
            }
            None if listing.is_some() && *file != CARD => {
                return Err(FetchError::Status { file: (*file).to_owned(), status: 404 });
            }
            None if *file == CONFIG => {
                let (name, revision) = (rules.request.name.clone(), rules.request.revision().to_owned());
                return Err(FetchError::NotFound { name, revision });
            }
            None => {}
        }
        if let (None, Some(named)) = (&commit, arrival.commit.take()) {
            arrival.hub.fix(&named);
            commit = Some(named);
        }
    }
    if let Some(missing) = layout::missing(|file| files.contains_key(file)) {
        return Err(FetchError::Incomplete { name: rules.request.name.clone(), missing });
    }
    rules.check_weights(&files)?;
    rules.check_none_gone(|file| files.contains_key(file))?;
    let (name, revision) = (rules.request.name.clone(), rules.request.revision().to_owned());
    let pin = Pin { name, revision, commit, files };
    rules.place.install(&downloads, &pin)?;
    Ok(rules.pulled(pin))
}

/// The files to ask for, small ones first: those on the list, or without a list every name that might be there.
fn wanted(listing: Option<&Listing>, name: &str) -> Result<Vec<(&'static str, Announced)>, FetchError> {
    let Some(listing) = listing else {
        return Ok(SMALL_FILES.iter().chain(&WEIGHTS).map(|file| (*file, Announced::default())).collect());
    };
    if let Some(missing) = layout::missing(|file| listing.files.contains_key(file)) {
        return Err(FetchError::Incomplete { name: name.to_owned(), missing });
    }
    let weights = WEIGHTS.iter().find(|file| listing.files.contains_key(**file));
    let listed = |file: &&'static str| listing.files.get(*file).map(|announced| (*file, announced.clone()));
    let is_card = |announced: &Announced| announced.bytes.is_none_or(|bytes| bytes <= layout::limit(CARD));
    let all = SMALL_FILES.iter().chain(weights).filter_map(listed);
    Ok(all.filter(|(file, announced)| *file != CARD || is_card(announced)).collect())
}

/// What the arriving files are compared with.
struct Rules<'a> {
    request: &'a PullRequest,
    place: &'a Place,
    before: Option<&'a Pin>,
}

impl Rules<'_> {
    /// The pin, if the folder already is the commit that the hub names.
    fn is_already_there(&self, listing: Option<&Listing>) -> Option<&Pin> {
        let pin = self.before?;
        let same = pin.commit.as_ref() == Some(&listing?.commit);
        (same && pin::verify(&self.place.folder).is_ok()).then_some(pin)
    }

    /// Refuses by the hub's own list before a large download is begun.
    fn check_announced(&self, wanted: &[(&'static str, Announced)]) -> Result<(), FetchError> {
        for (file, announced) in wanted {
            let limit = layout::limit(file);
            if announced.bytes.is_some_and(|bytes| bytes > limit) {
                return Err(FetchError::TooLarge { file: (*file).to_owned(), limit });
            }
            let Some(sha256) = &announced.sha256 else { continue };
            self.check_pinned(file, sha256)?;
            self.check_named(file, sha256)?;
        }
        self.check_none_gone(|file| wanted.iter().any(|(name, _)| *name == file))
    }

    fn check_file(&self, file: &str, announced: &Announced, found: &PinnedFile) -> Result<(), FetchError> {
        if let Some(expected) = announced.sha256.as_ref().filter(|expected| **expected != found.sha256) {
            let (expected, found) = (expected.clone(), found.sha256.clone());
            return Err(FetchError::Sha256 { file: file.to_owned(), expected, found });
        }
        self.check_named(file, &found.sha256)?;
        self.check_pinned(file, &found.sha256)
    }

    fn check_weights(&self, files: &BTreeMap<String, PinnedFile>) -> Result<(), FetchError> {
        files.iter().try_for_each(|(file, found)| self.check_named(file, &found.sha256))
    }

    /// The weights must be the ones that the user named.
    fn check_named(&self, file: &str, found: &str) -> Result<(), FetchError> {
        let Some(named) = self.request.sha256.as_ref().filter(|_| layout::is_weights(file)) else { return Ok(()) };
        if named.eq_ignore_ascii_case(found) {
            return Ok(());
        }
        let expected = named.to_ascii_lowercase();
        Err(FetchError::Sha256 { file: file.to_owned(), expected, found: found.to_owned() })
    }

    /// A file must be the one that was pinned, unless the user named the weights and so accepts a new model.
    fn check_pinned(&self, file: &str, found: &str) -> Result<(), FetchError> {
        let Some(pin) = self.before.filter(|_| self.request.sha256.is_none() && file != CARD) else { return Ok(()) };
        match pin.files.get(file) {
            Some(pinned) if pinned.sha256 == found => Ok(()),
            pinned => Err(self.changed(file, pinned.map(|pinned| pinned.sha256.as_str()), Some(found))),
        }
    }

    fn check_none_gone(&self, has: impl Fn(&str) -> bool) -> Result<(), FetchError> {
        let Some(pin) = self.before.filter(|_| self.request.sha256.is_none()) else { return Ok(()) };
        match pin.files.iter().find(|(file, _)| *file != CARD && !has(file)) {
            Some((file, pinned)) => Err(self.changed(file, Some(&pinned.sha256), None)),
            None => Ok(()),
        }
    }

    fn changed(&self, file: &str, expected: Option<&str>, found: Option<&str>) -> FetchError {
        let named = |digest: Option<&str>| digest.unwrap_or(NO_FILE).to_owned();
        let (expected, found) = (named(expected), named(found));
        FetchError::Changed { folder: self.place.folder.clone(), file: file.to_owned(), expected, found }
    }

    fn pulled(&self, pin: Pin) -> Pulled {
        let weights = pin.files.iter().find(|(file, _)| layout::is_weights(file));
        Pulled {
            folder: self.place.folder.clone(),
            weights_sha256: weights.map(|(_, weights)| weights.sha256.clone()).unwrap_or_default(),
            files: pin
                .files
                .into_iter()
                .map(|(name, file)| PulledFile { name, bytes: file.bytes, sha256: file.sha256 })
                .collect(),
            pinned_before: self.before.is_some(),
        }
    }
}

/// Files on their way from a hub into a folder.
struct Arrival<'a> {
    hub: &'a mut Hub,
    downloads: &'a Path,
    commit: Option<String>,
    meter: Meter<'a>,
}

impl Arrival<'_> {
    /// Brings one file, or what is still missing of it; none if the hub has no such file.
    fn fetch(&mut self, file: &str, announced: &Announced) -> Result<Option<PinnedFile>, FetchError> {
        let path = self.downloads.join(file);
        if !path.is_file() {
            let part = self.downloads.join(format!("{file}.part"));
            place::make_parent(&part)?;
            if !self.complete(file, announced, &part)? {
                return Ok(None);
            }
            fs::rename(&part, &path).map_err(FetchError::io(&path))?;
        }
        let found = pin::hash(&path)?;
        self.meter.finish(found.bytes);
        Ok(Some(found))
    }

    fn complete(&mut self, file: &str, announced: &Announced, part: &Path) -> Result<bool, FetchError> {
        let have = fs::metadata(part).map_or(0, |part| part.len());
        if have > 0 && announced.bytes == Some(have) {
            return Ok(true);
        }
        let Some(opened) = self.hub.open(file, have)? else { return Ok(false) };
        let total = whole_length(file, announced, &opened)?;
        self.commit.clone_from(&opened.commit);
        self.copy(file, opened, total, part)?;
        Ok(true)
    }

    fn copy(&mut self, file: &str, mut opened: Opened, total: u64, part: &Path) -> Result<(), FetchError> {
        // Not truncated: what is there is gone on with, as far as the hub agreed.
        let mut out =
            OpenOptions::new().write(true).create(true).truncate(false).open(part).map_err(FetchError::io(part))?;
        out.set_len(opened.start).map_err(FetchError::io(part))?;
        let mut received = out.seek(SeekFrom::Start(opened.start)).map_err(FetchError::io(part))?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = match opened.body.read(&mut piece) {
                Ok(read) => read,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(FetchError::Interrupted { file: file.to_owned(), received, source }),
            };
            let found = received + read as u64;
            if found > total {
                return Err(FetchError::Length { file: file.to_owned(), expected: total, found });
            }
            if read == 0 {
                break;
            }
            out.write_all(&piece[..read]).map_err(FetchError::io(part))?;
            received = found;
            self.meter.report(received);
        }
        if received < total {
            let source = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(FetchError::Interrupted { file: file.to_owned(), received, source });
        }
        out.sync_all().map_err(FetchError::io(part))
    }
}

/// The length that a file must reach. The list and the answer have to agree, and one of them has to tell.
fn whole_length(file: &str, announced: &Announced, opened: &Opened) -> Result<u64, FetchError> {
    if let (Some(expected), Some(found)) = (announced.bytes, opened.total)
        && expected != found
    {
        return Err(FetchError::Length { file: file.to_owned(), expected, found });
    }
    let total = announced.bytes.or(opened.total).ok_or_else(|| FetchError::NoLength { file: file.to_owned() })?;
    let limit = layout::limit(file);
    if total > limit {
        return Err(FetchError::TooLarge { file: file.to_owned(), limit });
    }
    Ok(total)
}

/// Counts the bytes of all files together.
struct Meter<'a> {
    observer: &'a mut dyn Observer,
    done: u64,
    total: Option<u64>,
}

impl Meter<'_> {
    fn report(&mut self, of_this_file: u64) {
        let done = self.done + of_this_file;
        self.observer.observe(&Progress { stage: Stage::Fetch, done, total: self.total });
    }

    fn finish(&mut self, bytes: u64) {
        self.report(bytes);
        self.done += bytes;
    }
}
