//! How is a corpus opened, and how do its documents stream out?

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clinqa_schema::{Document, Observer, Progress, Stage};

use crate::clean::clean_line;
use crate::error::CorpusError;
use crate::folder::{Content, Entry, list};
use crate::format::{Context, Format, Record, known_formats};
use crate::manifest::{FileDigest, Manifest};
use crate::report::{Report, SkipReason};
use crate::seen::Seen;

const BUFFER_BYTES: usize = 1 << 16;

/// A corpus folder whose files were listed, hashed and found to be what `corpus.toml` vouches for.
pub struct Corpus {
    /// Its name.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// What it says about itself.
    pub manifest: Manifest,
    entries: Vec<Entry>,
    files: Vec<FileDigest>,
}

/// Opens the corpus in `folder`: reads `corpus.toml` (without one, the folder's name is the corpus's), lists and hashes
/// every file, and refuses a file that differs from its digest. No document is read yet.
pub fn open(folder: &Path) -> Result<Corpus, CorpusError> {
    match folder.metadata() {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(CorpusError::NotAFolder { folder: folder.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CorpusError::Missing { folder: folder.to_owned() });
        }
        Err(reason) => return Err(CorpusError::Io { path: folder.to_owned(), reason }),
    }
    let manifest = Manifest::read(folder)?;
    let (entries, files) = list(folder, manifest.format.as_deref())?;
    manifest.verify(&files)?;
    if !entries.iter().any(|entry| matches!(entry.content, Content::Records { .. })) {
        let known = manifest.format.clone().unwrap_or_else(known_formats);
        return Err(CorpusError::Nothing { folder: folder.to_owned(), known });
    }
    Ok(Corpus {
        name: manifest.name.clone(),
        licence: manifest.licence.clone(),
        folder: folder.to_owned(),
        manifest,
        entries,
        files,
    })
}

impl Corpus {
    /// Every regular file that was delivered, hidden ones apart, sorted by name.
    pub fn files(&self) -> &[FileDigest] {
        &self.files
    }

    /// About how many records there are: what a progress bar needs to know.
    pub fn about(&self) -> u64 {
        self.entries
            .iter()
            .map(|entry| match &entry.content {
                Content::Records { about, .. } => *about,
                Content::Unusable(_) => 1,
                Content::PassedOver => 0,
            })
            .sum()
    }

    /// Streams the documents into `sink`, in the order of file names and records, one at a time.
    ///
    /// A record that cannot be used and a document that was there before are in the report instead. `sink` takes each
    /// document it is given; if it breaks, reading stops behind that document and the report covers what was read.
    pub fn read(
        &self,
        observer: &mut dyn Observer,
        sink: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Result<Report, CorpusError> {
        self.read_unseen(&mut Seen::default(), observer, sink)
    }

    /// Like [`Corpus::read`], where documents that `seen` knows from other corpora are duplicates too; a test collection
    /// whose every document is judged is read with [`Seen::keeping_copies`].
    pub fn read_unseen(
        &self,
        seen: &mut Seen,
        observer: &mut dyn Observer,
        sink: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Result<Report, CorpusError> {
        let mut reading = Reading { report: Report::default(), seen, observer, total: self.about(), sink };
        for entry in &self.entries {
            let context = Context { corpus: &self.name, file: &entry.file, defaults: &self.manifest.defaults };
            let flow = match &entry.content {
                Content::PassedOver => continue,
                Content::Unusable(reason) => {
                    let skip = reason.clone().at(context.locator(None), None);
                    reading.take("none", Err(skip))
                }
                Content::Records { format, blake3, .. } => {
                    self.read_file(entry, *format, blake3, &context, &mut |record| reading.take(format.name(), record))?
                }
            };
            if flow.is_break() {
                break;
            }
        }
        let Reading { report, observer, .. } = reading;
        observer.observe(&Progress { stage: Stage::Read, done: report.read, total: Some(report.read) });
        Ok(report)
    }

    /// Reads one file, and makes sure that it is still the one that was hashed.
    fn read_file(
        &self,
        entry: &Entry,
        format: &dyn Format,
        blake3: &str,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, CorpusError> {
        let failed = |reason| CorpusError::Io { path: entry.path.clone(), reason };
        let file = File::open(&entry.path).map_err(failed)?;
        let mut input = BufReader::with_capacity(BUFFER_BYTES, Hashed { file, hasher: blake3::Hasher::new() });
        if format.read(&mut input, context, sink).map_err(failed)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        io::copy(&mut input, &mut io::sink()).map_err(failed)?;
        if input.into_inner().hasher.finalize().to_hex().as_str() != blake3 {
            return Err(CorpusError::Changed { corpus: self.name.clone(), file: clean_line(&entry.file) });
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What a reading carries from record to record.
struct Reading<'a> {
    report: Report,
    seen: &'a mut Seen,
    observer: &'a mut dyn Observer,
    total: u64,
    sink: &'a mut dyn FnMut(Document) -> ControlFlow<()>,
}

impl Reading<'_> {
    fn take(&mut self, format: &'static str, record: Record) -> ControlFlow<()> {
        self.report.note_read();
        let total = Some(self.total.max(self.report.read));
        self.observer.observe(&Progress { stage: Stage::Read, done: self.report.read, total });
        let document = match record {
            Ok(document) => document,
            Err(skip) => {
                self.report.note_skip(skip);
                return ControlFlow::Continue(());
            }
        };
        let checked = document.validate().map_err(|error| SkipReason::broken(format, &error));
        if let Err(reason) = checked.and_then(|()| self.seen.admit(&document)) {
            self.report.note_skip(reason.at(document.source, Some(&document.id)));
            return ControlFlow::Continue(());
        }
        self.report.note_indexed();
        (self.sink)(document)
    }
}

/// A file that is hashed as it is read.
struct Hashed {
    file: File,
    hasher: blake3::Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}
