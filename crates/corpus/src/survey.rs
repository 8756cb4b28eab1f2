//! What does a first pass over all files tell?
//!
//! Files are independent of one another, so that each core reads its own; what they told is put together in the order of
//! files, and the order in which they finished leaves no trace.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use clinqa_schema::{Document, Observer, Progress, Skips, SourceLocator, Stage, Standing, StandingState};

use crate::corpus::Corpus;
use crate::error::CorpusError;
use crate::gathered::{Gathered, Gatherer, Log};
use crate::record::{Delivered, Record, Version};
use crate::report::SkipReason;

/// Records between two reports of a core.
const TOLD_AT_ONCE: u64 = 256;
/// More cores than these read no faster from one disk.
const MOST_CORES: usize = 8;

/// 96 bits of BLAKE3: a hundred million documents collide with probability 10⁻¹³.
pub(crate) type Key = [u32; 3];

/// A file or a member of one, in the corpus of this number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) corpus: u32,
    pub(crate) corpus_name: String,
    pub(crate) path: String,
    pub(crate) member: Option<String>,
}

/// An index into the files and the record there, from 1; 0 where the file is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: u32,
    pub(crate) record: u32,
}

/// What is noted of a document.
pub(crate) struct Claim {
    pub(crate) id: Key,
    pub(crate) content: Key,
    /// Over all that the document holds: what decides between equal versions.
    pub(crate) whole: u32,
    pub(crate) version: Version,
    pub(crate) place: Place,
    pub(crate) weight: u16,
    /// Characters of its id; it has 200 at most.
    pub(crate) id_chars: u8,
    /// What it says became of itself.
    pub(crate) state: StandingState,
}

/// What one file told.
pub(crate) struct Part {
    /// The number of its corpus.
    pub(crate) corpus: u32,
    pub(crate) records: u64,
    pub(crate) files: Vec<File>,
    pub(crate) claims: Vec<Claim>,
    /// Names of its n-th claim, where they are not its id as it stands: what notices may call it.
    pub(crate) names: Vec<(u32, Key)>,
    pub(crate) deletions: Vec<(Key, Version, Place)>,
    pub(crate) notices: Vec<(Key, Standing)>,
    /// Where its records wait, if they are kept.
    pub(crate) log: Option<Log>,
}

enum Told {
    /// So many more records, and which of them cannot be used.
    Records(u64, Skips),
    /// A file to its end, with its number.
    Part(usize, Result<Part, CorpusError>),
}

/// What is to be known of documents besides what decides between them.
#[derive(Clone, Copy)]
pub(crate) struct Notes<'a> {
    /// How much work one will be.
    pub(crate) weigh: &'a (dyn Fn(&Document) -> usize + Sync),
    /// Where all are kept, if they are.
    pub(crate) keep: Option<&'a Gathered>,
}

/// Reads every file of `corpora` and hands what each told to `take`, in the order of corpora and files.
pub(crate) fn each_part(
    corpora: &[Corpus],
    notes: Notes<'_>,
    observer: &mut dyn Observer,
    take: &mut dyn FnMut(Part),
) -> Result<(), CorpusError> {
    let numbered = (0..).zip(corpora);
    let files: Vec<(u32, &Corpus, usize)> =
        numbered.flat_map(|(number, corpus)| (0..corpus.entries()).map(move |entry| (number, corpus, entry))).collect();
    let expected: u64 = corpora.iter().map(Corpus::about).sum();
    let cores = thread::available_parallelism().map_or(1, usize::from).min(MOST_CORES).min(files.len());
    let next = AtomicUsize::new(0);
    let (tell, told) = channel();
    thread::scope(|scope| {
        for _ in 0..cores {
            let (tell, next, files) = (tell.clone(), &next, &files);
            scope.spawn(move || {
                while let Some((at, (number, corpus, entry))) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, files.get(at)?)))
                {
                    let part = Part::read((*number, corpus), *entry, notes, &tell);
                    let failed = part.is_err();
                    // Whoever listens stops at the first failure.
                    if tell.send(Told::Part(at, part)).is_err() || failed {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let (mut done, mut due) = (0, 0);
        let mut early = BTreeMap::new();
        for told in told {
            match told {
                Told::Records(more, skips) => {
                    done += more;
                    observer.observe(&Progress { stage: Stage::Read, done, total: Some(expected.max(done)) });
                    if !skips.is_empty() {
                        observer.skipped(skips);
                    }
                }
                Told::Part(at, part) => {
                    early.insert(at, part);
                    while let Some(part) = early.remove(&due) {
                        take(part?);
                        due += 1;
                    }
                }
            }
        }
        // A failure may wait behind a file that was never begun because of it.
        early.into_values().find_map(Result::err).map_or(Ok(()), Err)
    })
}

impl Part {
    fn read(
        (corpus_number, corpus): (u32, &Corpus),
        entry: usize,
        notes: Notes<'_>,
        tell: &Sender<Told>,
    ) -> Result<Self, CorpusError> {
        let mut part = Self {
            corpus: corpus_number,
            records: 0,
            files: Vec::new(),
            claims: Vec::new(),
            names: Vec::new(),
            deletions: Vec::new(),
            notices: Vec::new(),
            log: None,
        };
        let mut gatherer = notes.keep.map(Gatherer::new);
        let mut kept = Ok(());
        let (mut untold, mut skips) = (0, Skips::default());
        let _ = corpus.walk_entry(entry, &mut |format, record| {
            let counts = !matches!(record, Record::Notice(_));
            part.records += u64::from(counts);
            untold += u64::from(counts);
            match record {
                Record::Document(delivered) => match delivered.document.validate() {
                    Ok(()) => {
                        let place = part.place(&delivered.document.source);
                        let number = part.claims.len() as u32;
                        part.names.extend(names_of(&delivered).map(|name| (number, name)));
                        part.claims.push(Claim::of(&delivered, place, (notes.weigh)(&delivered.document)));
                        kept = gatherer.as_mut().map_or(Ok(()), |it| it.document(&delivered.document));
                        if kept.is_err() {
                            return ControlFlow::Break(());
                        }
                    }
                    Err(error) => {
                        let Document { id, source, .. } = delivered.document;
                        let skipped = SkipReason::broken(format, &error).at(source, Some(&id));
                        skips.note(skipped.to_string());
                        if let Some(gatherer) = &mut gatherer {
                            gatherer.skipped(Box::new(skipped));
                        }
                    }
                },
                Record::Deletion(deletion) => {
                    let place = part.place(&deletion.locator);
                    part.deletions.push((key(&[deletion.id.as_str()]), deletion.up_to, place));
                    gatherer.iter_mut().for_each(Gatherer::deletion);
                }
                Record::Notice(notice) => part.notices.push((name_key(&notice.about), notice.standing)),
                Record::Skipped(skipped) => {
                    skips.note(skipped.to_string());
                    if let Some(gatherer) = &mut gatherer {
                        gatherer.skipped(skipped);
                    }
                }
            }
            if untold == TOLD_AT_ONCE {
                untold = 0;
                if tell.send(Told::Records(TOLD_AT_ONCE, std::mem::take(&mut skips))).is_err() {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        let aside = |reason| CorpusError::Aside { reason };
        kept.map_err(aside)?;
        part.log = gatherer.map(Gatherer::finish).transpose().map_err(aside)?;
        // No matter if nobody listens any more.
        tell.send(Told::Records(untold, skips)).ok();
        Ok(part)
    }

    fn place(&mut self, source: &SourceLocator) -> Place {
        let known = self.files.last().is_some_and(|last| last.path == source.file && last.member == source.member);
        if !known {
            let (corpus_name, path, member) = (source.corpus.clone(), source.file.clone(), source.member.clone());
            self.files.push(File { corpus: self.corpus, corpus_name, path, member });
        }
        Place { file: self.files.len() as u32 - 1, record: source.record.unwrap_or_default() as u32 }
    }
}

impl Claim {
    fn of(delivered: &Delivered, place: Place, weight: usize) -> Self {
        let Document { id, title, text, metadata, sections, .. } = &delivered.document;
        let content = key(&[title, text]);
        let headings = sections.iter().flat_map(|section| [section.heading.as_str(), "\u{1f}"]).collect::<String>();
        let rest = format!("{metadata:?}{:?}", sections.iter().map(|section| &section.bytes).collect::<Vec<_>>());
        let whole = key(&[&headings, &rest])[0];
        Self {
            id: key(&[id.as_str()]),
            content,
            whole,
            version: delivered.version,
            place,
            weight: u16::try_from(weight).unwrap_or(u16::MAX),
            id_chars: u8::try_from(id.as_str().len()).unwrap_or(u8::MAX),
            state: metadata.standing.state,
        }
    }
}

/// What notices may call the document, its id apart where that has no capitals.
fn names_of(delivered: &Delivered) -> impl Iterator<Item = Key> {
    let id = delivered.document.id.as_str();
    let own = id.contains(|c: char| c.is_ascii_uppercase()).then_some(id);
    delivered.names.iter().map(String::as_str).chain(own).map(name_key)
}

/// The hash of a name that a notice uses: in any case, as PMC ids and DOIs are written.
pub(crate) fn name_key(name: &str) -> Key {
    key(&[&name.to_ascii_lowercase()])
}

/// The hash of `parts`, each behind its length, so that moving a bound between them changes it.
pub(crate) fn key(parts: &[&str]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 12];
    hasher.finalize_xof().fill(&mut bytes);
    [0, 4, 8].map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}
