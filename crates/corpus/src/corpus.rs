//! How is a corpus opened, and how do its documents stream out?

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clinqa_schema::{Document, Observer, Progress, Silent, SourceLocator, Stage};

use crate::clean::clean_line;
use crate::error::CorpusError;
use crate::faq::{self, Faq};
use crate::folder::{Content, Entry, Shape, list};
use crate::format::known_formats;
use crate::gathered::{Aside, Told};
use crate::manifest::{FileDigest, MANIFEST_FILE, Manifest};
use crate::packing::Meter;
use crate::record::Record;
use crate::report::{Report, SkipReason};
use crate::seen::{Copies, Seen};
use crate::unpack::Delivery;

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
    let place = manifest.elsewhere(folder)?.unwrap_or_else(|| folder.to_owned());
    let (entries, files) = list(&place, manifest.format.as_deref())?;
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

/// Where the files of the corpus in `folder` lie if not there: what `path` in its `corpus.toml` says.
pub fn linked(folder: &Path) -> Option<PathBuf> {
    Manifest::read(folder).and_then(|manifest| manifest.elsewhere(folder)).ok().flatten()
}

impl Corpus {
    /// Every regular file that was delivered, hidden ones apart, sorted by name.
    pub fn files(&self) -> &[FileDigest] {
        &self.files
    }

    /// What people ask of its documents, as `faq.jsonl` beside `corpus.toml` says.
    pub fn faq(&self) -> Result<Vec<Faq>, CorpusError> {
        faq::read(&self.folder)
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

    /// Reads this corpus alone: [`Seen::survey`], then [`Corpus::read_unseen`].
    pub fn read(
        &self,
        observer: &mut dyn Observer,
        sink: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Result<Report, CorpusError> {
        let seen = Seen::survey(std::slice::from_ref(self), Copies::Drop, &mut Silent, &|_| 1)?;
        self.read_unseen(&seen, observer, sink)
    }

    /// Streams into `sink` the documents that `seen` settled to hand on, in the order of file names and records, one at
    /// a time, each with its standing.
    ///
    /// Every other record is in the report. `sink` takes each document it is given; if it breaks, reading stops behind
    /// that document and the report covers what was read.
    pub fn read_unseen(
        &self,
        seen: &Seen,
        observer: &mut dyn Observer,
        sink: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Result<Report, CorpusError> {
        let changed = || CorpusError::Changed { corpus: self.name.clone(), file: MANIFEST_FILE.to_owned() };
        let (total, first) = seen.start(&self.folder).ok_or_else(changed)?;
        let mut reading = Reading { report: Report::default(), seen, observer, total, next: first, sink };
        match seen.replay(&self.folder, &mut |told| reading.take_again(told)) {
            Some(replayed) => replayed?,
            None => self.walk(&mut |format, record| reading.take(format, record))?,
        }
        let Reading { report, observer, .. } = reading;
        observer.observe(&Progress { stage: Stage::Read, done: report.read, total: Some(report.read) });
        Ok(report)
    }

    /// Hands every record to `sink`, with the name of its format, until it breaks.
    fn walk(&self, sink: &mut dyn FnMut(&'static str, Record) -> ControlFlow<()>) -> Result<(), CorpusError> {
        for entry in 0..self.entries() {
            if self.walk_entry(entry, sink)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// How many files there are, those that are passed over among them.
    pub(crate) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The same for one file.
    pub(crate) fn walk_entry(
        &self,
        entry: usize,
        sink: &mut dyn FnMut(&'static str, Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, CorpusError> {
        let entry = &self.entries[entry];
        match &entry.content {
            Content::PassedOver => Ok(ControlFlow::Continue(())),
            Content::Unusable(reason) => {
                let (corpus, file) = (self.name.clone(), entry.file.clone());
                let locator = SourceLocator { corpus, file, ..SourceLocator::default() };
                Ok(sink("none", reason.clone().at(locator, None).into()))
            }
            Content::Records { bytes, blake3, shape, .. } => {
                let delivery = Delivery {
                    corpus: &self.name,
                    file: &entry.file,
                    defaults: &self.manifest.defaults,
                    fields: &self.manifest.fields,
                    only: self.manifest.format.as_deref(),
                    meter: Meter::new(*bytes),
                };
                self.read_file(entry, *shape, blake3, &delivery, sink)
            }
        }
    }

    /// Reads one file, and makes sure that it is still the one that was hashed.
    fn read_file(
        &self,
        entry: &Entry,
        shape: Shape,
        blake3: &str,
        delivery: &Delivery<'_>,
        sink: &mut dyn FnMut(&'static str, Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, CorpusError> {
        let failed = |reason| CorpusError::Io { path: entry.path.clone(), reason };
        let mut file = File::open(&entry.path).map_err(failed)?;
        let mut hashed = Hashed { hasher: blake3::Hasher::new(), file: &mut file, meter: &delivery.meter };
        let flow = match shape {
            Shape::Stream => delivery.read(&mut hashed, sink),
            Shape::Zip => {
                let sought = Sought { file: hashed.file, meter: &delivery.meter };
                let flow = delivery.read_zip(BufReader::with_capacity(BUFFER_BYTES, sought), sink);
                hashed.file.rewind().map_err(failed)?;
                flow
            }
        };
        if let Some(reason) = delivery.meter.failed() {
            return Err(failed(reason));
        }
        if flow.is_break() {
            return Ok(flow);
        }
        io::copy(&mut hashed, &mut io::sink()).map_err(failed)?;
        if hashed.hasher.finalize().to_hex().as_str() != blake3 {
            return Err(CorpusError::Changed { corpus: self.name.clone(), file: clean_line(&entry.file) });
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What a reading carries from record to record.
struct Reading<'a> {
    report: Report,
    seen: &'a Seen,
    observer: &'a mut dyn Observer,
    total: u64,
    /// The number of the next document in the survey.
    next: usize,
    sink: &'a mut dyn FnMut(Document) -> ControlFlow<()>,
}

impl Reading<'_> {
    fn take(&mut self, format: &'static str, record: Record) -> ControlFlow<()> {
        if matches!(record, Record::Notice(_)) {
            return ControlFlow::Continue(());
        }
        self.note_read();
        match record {
            Record::Document(delivered) => {
                if let Err(error) = delivered.document.validate() {
                    let Document { id, source, .. } = delivered.document;
                    self.report.note_skip(SkipReason::broken(format, &error).at(source, Some(&id)));
                    return ControlFlow::Continue(());
                }
                return self.judge(delivered.document);
            }
            Record::Skipped(skip) => self.report.note_skip(*skip),
            Record::Deletion(_) => self.report.note_deletion(),
            Record::Notice(_) => {}
        }
        ControlFlow::Continue(())
    }

    /// Takes a record that was kept by the survey.
    fn take_again(&mut self, told: Told) -> ControlFlow<()> {
        self.note_read();
        match told {
            Told::Document(document) => return self.judge(*document),
            Told::Aside(Aside::Skipped(Some(skip))) => self.report.note_skip(*skip),
            Told::Aside(Aside::Skipped(None)) => self.report.note_unnamed_skip(),
            Told::Aside(Aside::Deletion) => self.report.note_deletion(),
        }
        ControlFlow::Continue(())
    }

    fn note_read(&mut self) {
        self.report.note_read();
        let total = Some(self.total.max(self.report.read));
        self.observer.observe(&Progress { stage: Stage::Read, done: self.report.read, total });
    }

    /// Hands a sound document on, or says what is kept instead.
    fn judge(&mut self, document: Document) -> ControlFlow<()> {
        let Some(number) = self.seen.find(self.next, &document.source) else {
            // Its file is the one that was surveyed, or its hash tells: it was too slow the first time, and no longer is.
            self.report.note_skip(SkipReason::Unsurveyed.at(document.source, Some(&document.id)));
            return ControlFlow::Continue(());
        };
        self.next = number + 1;
        match self.seen.judge(number, document) {
            (document, None) => {
                self.report.note_indexed(&document);
                (self.sink)(document)
            }
            (document, Some(reason)) => {
                self.report.note_skip(reason.at(document.source, Some(&document.id)));
                ControlFlow::Continue(())
            }
        }
    }
}

/// A file that is hashed as it is read.
struct Hashed<'a> {
    file: &'a mut File,
    hasher: blake3::Hasher,
    meter: &'a Meter,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.meter.took(self.file.read(buffer))?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// A file that is sought in; it is hashed afterwards.
struct Sought<'a> {
    file: &'a mut File,
    meter: &'a Meter,
}

impl Read for Sought<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.meter.took(self.file.read(buffer))
    }
}

impl Seek for Sought<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
