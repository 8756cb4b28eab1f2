//! Which documents differ between two generations?

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use clinqa_schema::{Document, DocumentId, Metadata, SourceLocator};
use serde::{Deserialize, Serialize};

use crate::local::files::compare;
use crate::local::store::{DOCUMENTS, METADATA};
use crate::{IndexError, Manifest, Withdrawn};

/// How many documents of each sort are named; the rest are counted.
const NAMED: usize = 20;

/// What happened to documents between two generations. Where they stood in their files does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Those that only the later one holds.
    pub added: Listed,
    /// Those that only the earlier one holds, and that nobody withdrew.
    pub removed: Listed,
    /// Those whose text, sections or metadata differ.
    pub changed: Listed,
    /// Those that somebody took back since: left out by the list of withdrawn documents, or marked as withdrawn now.
    pub withdrawn: Listed,
    /// Those that are the same.
    pub unchanged: u64,
}

/// Documents of one sort: all counted, the first named, in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<DocumentId>,
}

impl Listed {
    /// Counts one more.
    pub fn note(&mut self, id: &DocumentId) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(id.clone());
        }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.first.iter().map(DocumentId::as_str).collect();
        write!(f, "{}", names.join(", "))?;
        match self.count.saturating_sub(names.len() as u64) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Changes {
    /// Each sort of difference by its name.
    pub fn sorts(&self) -> [(&'static str, &Listed); 4] {
        [("added", &self.added), ("removed", &self.removed), ("changed", &self.changed), ("withdrawn", &self.withdrawn)]
    }

    /// Whether no document differs.
    pub fn is_empty(&self) -> bool {
        self.sorts().iter().all(|(_, listed)| listed.count == 0)
    }
}

/// What became of a document that two generations hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is the same.
    Same,
    /// It says something else.
    Changed,
    /// It was marked as withdrawn.
    Withdrawn,
}

impl Fate {
    /// What became of `old`, which is `new` now.
    pub fn of(old: &Document, new: &Document) -> Self {
        let is_withdrawn = |document: &Document| document.metadata.standing.is_withdrawn();
        if same_document(old, new) {
            return Self::Same;
        }
        if is_withdrawn(new) && !is_withdrawn(old) { Self::Withdrawn } else { Self::Changed }
    }
}

/// Whether two documents say the same, wherever they stood in their files and whatever else says nearly the same.
fn same_document(a: &Document, b: &Document) -> bool {
    let key = |document: &Document| {
        let Document { id, title, text, sections, metadata, source: _ } = document.clone();
        let metadata = Metadata { siblings: Vec::new(), ..metadata };
        Document { id, title, text, sections, metadata, source: SourceLocator::default() }
    };
    key(a) == key(b)
}

/// Compares the documents of two generations in one pass over both, with nothing held in memory.
pub(crate) fn changes(earlier: &Path, later: &Path, withdrawn: &Withdrawn) -> Result<Changes, IndexError> {
    let (mut earlier, mut later) = (Documents::open(earlier)?, Documents::open(later)?);
    let mut changes = Changes::default();
    let (mut old, mut new) = (earlier.next()?, later.next()?);
    loop {
        match (&old, &new) {
            (None, None) => return Ok(changes),
            (Some(gone), next) if next.as_ref().is_none_or(|next| gone.id < next.id) => {
                let sort = if withdrawn.holds(&gone.id) { &mut changes.withdrawn } else { &mut changes.removed };
                sort.note(&gone.id);
                old = earlier.next()?;
            }
            (Some(one), Some(other)) if one.id == other.id => {
                let is_same = one.text == other.text;
                let fate = if is_same { Fate::Same } else { Fate::of(&earlier.parse(one)?, &later.parse(other)?) };
                match fate {
                    Fate::Same => changes.unchanged += 1,
                    Fate::Changed => changes.changed.note(&other.id),
                    Fate::Withdrawn => changes.withdrawn.note(&other.id),
                }
                (old, new) = (earlier.next()?, later.next()?);
            }
            (_, come) => {
                come.iter().map(|come| &come.id).for_each(|id| changes.added.note(id));
                new = later.next()?;
            }
        }
    }
}

/// Makes sure that the files which [`changes`] reads are those that were sealed.
pub(crate) fn check(folder: &Path, manifest: &Manifest) -> Result<(), IndexError> {
    for entry in manifest.files.iter().filter(|entry| [DOCUMENTS, METADATA].contains(&entry.file.as_str())) {
        if let Some(damage) = compare(folder, entry)? {
            return Err(IndexError::Damaged { path: folder.join(&entry.file), damage });
        }
    }
    Ok(())
}

/// The documents of a generation, one after the other, in the order of their ids.
struct Documents {
    names: BufReader<File>,
    lines: BufReader<File>,
    path: PathBuf,
}

/// One document as it is stored.
struct Line {
    id: DocumentId,
    text: Vec<u8>,
}

impl Documents {
    fn open(folder: &Path) -> Result<Self, IndexError> {
        let open = |name: &str| {
            let path = folder.join(name);
            let file = File::open(&path).map_err(|source| IndexError::io("open", &path, source))?;
            Ok::<_, IndexError>(BufReader::with_capacity(1 << 18, file))
        };
        Ok(Self { names: open(METADATA)?, lines: open(DOCUMENTS)?, path: folder.join(DOCUMENTS) })
    }

    fn next(&mut self) -> Result<Option<Line>, IndexError> {
        #[derive(Deserialize)]
        struct Named {
            id: DocumentId,
        }
        let (mut name, mut text) = (Vec::new(), Vec::new());
        let mut read = || Ok((self.names.read_until(b'\n', &mut name)?, self.lines.read_until(b'\n', &mut text)?));
        let read: Result<(usize, usize), std::io::Error> = read();
        let read = read.map_err(|source| IndexError::io("read", &self.path, source))?;
        if read == (0, 0) {
            return Ok(None);
        }
        let Named { id } = serde_json::from_slice(&name).map_err(|_| self.nonsense())?;
        Ok(Some(Line { id, text }))
    }

    fn parse(&self, line: &Line) -> Result<Document, IndexError> {
        serde_json::from_slice(&line.text).map_err(|_| self.nonsense())
    }

    fn nonsense(&self) -> IndexError {
        IndexError::content(&self.path, "line of a document")
    }
}
