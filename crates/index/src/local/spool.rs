//! Where do documents wait until all have come?
//!
//! A generation is written in the order of ids, so that it depends on what came in and not on the order in which it
//! came. Until the last document is there, texts and vectors wait in two files of the temporary folder.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clinqa_schema::{Document, DocumentId, Embedding, Passage};

use crate::local::files::Output;
use crate::local::store::read_at;
use crate::{ContentKey, IndexError};

const DOCUMENTS: &str = ".spool-documents";
const VECTORS: &str = ".spool-vectors";

/// Takes documents in any order.
pub(crate) struct Spool {
    folder: PathBuf,
    documents: Output,
    vectors: Output,
    waiting: Vec<Waiting>,
    passages: Vec<WaitingPassage>,
    headings: Vec<String>,
    heading_places: HashMap<String, u32>,
    seen: HashSet<DocumentId>,
}

/// A document in the spool.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) id: DocumentId,
    offset: u64,
    bytes: usize,
    /// Its passages, in the order in which they came; vectors stand in the same order.
    pub(crate) passages: Range<usize>,
}

/// A passage in the spool, without its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitingPassage {
    pub(crate) ordinal: u32,
    /// Place of its heading among the spool's headings.
    pub(crate) heading: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) content: ContentKey,
}

impl Spool {
    pub(crate) fn create(folder: &Path) -> Result<Self, IndexError> {
        Ok(Self {
            folder: folder.to_owned(),
            documents: Output::create(folder.join(DOCUMENTS))?,
            vectors: Output::create(folder.join(VECTORS))?,
            waiting: Vec::new(),
            passages: Vec::new(),
            headings: Vec::new(),
            heading_places: HashMap::new(),
            seen: HashSet::new(),
        })
    }

    /// Takes a document that has been checked, its passages, and their vectors if there are any.
    pub(crate) fn add(
        &mut self,
        document: &Document,
        passages: &[Passage],
        embeddings: &[Embedding],
    ) -> Result<(), IndexError> {
        if !self.seen.insert(document.id.clone()) {
            return Err(IndexError::Duplicate { id: document.id.clone() });
        }
        let line = serde_json::to_vec(document)
            .map_err(|source| IndexError::Json { path: self.folder.join(DOCUMENTS), source })?;
        let offset = self.documents.written();
        self.documents.write(&line)?;
        for embedding in embeddings {
            let bytes: Vec<u8> = embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
            self.vectors.write(&bytes)?;
        }
        let first = self.passages.len();
        for passage in passages {
            let heading = self.heading_place(passage.heading());
            self.passages.push(WaitingPassage {
                ordinal: passage.id().ordinal,
                heading,
                start: passage.bytes().start as u32,
                end: passage.bytes().end as u32,
                content: ContentKey::of(passage),
            });
        }
        self.waiting.push(Waiting {
            id: document.id.clone(),
            offset,
            bytes: line.len(),
            passages: first..self.passages.len(),
        });
        Ok(())
    }

    /// How many passages wait.
    pub(crate) fn passages(&self) -> usize {
        self.passages.len()
    }

    /// Ends the taking; documents now come out in the order of their ids.
    pub(crate) fn close(self) -> Result<ClosedSpool, IndexError> {
        let mut waiting = self.waiting;
        waiting.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(ClosedSpool {
            folder: self.folder,
            documents: self.documents.finish()?,
            vectors: self.vectors.finish()?,
            waiting,
            passages: self.passages,
            headings: self.headings,
        })
    }

    fn heading_place(&mut self, heading: &str) -> u32 {
        if let Some(place) = self.heading_places.get(heading) {
            return *place;
        }
        let place = self.headings.len() as u32;
        self.headings.push(heading.to_owned());
        self.heading_places.insert(heading.to_owned(), place);
        place
    }
}

/// Gives documents in the order of their ids.
pub(crate) struct ClosedSpool {
    folder: PathBuf,
    documents: File,
    vectors: File,
    /// Sorted by id.
    pub(crate) waiting: Vec<Waiting>,
    passages: Vec<WaitingPassage>,
    headings: Vec<String>,
}

impl ClosedSpool {
    /// The line of a document, as it was written, and the document.
    pub(crate) fn document(&self, waiting: &Waiting) -> Result<(Vec<u8>, Document), IndexError> {
        let path = self.folder.join(DOCUMENTS);
        let mut line = vec![0; waiting.bytes];
        read_at(&self.documents, &mut line, waiting.offset)
            .map_err(|source| IndexError::io("read back", &path, source))?;
        let document = serde_json::from_slice(&line).map_err(|source| IndexError::Json { path, source })?;
        Ok((line, document))
    }

    /// The passages of a document.
    pub(crate) fn passages(&self, waiting: &Waiting) -> &[WaitingPassage] {
        &self.passages[waiting.passages.clone()]
    }

    /// The heading of a passage.
    pub(crate) fn heading(&self, passage: &WaitingPassage) -> &str {
        &self.headings[passage.heading as usize]
    }

    /// The vectors of a document's passages, as bytes, each of `dimension` components.
    pub(crate) fn vectors(&self, waiting: &Waiting, dimension: usize) -> Result<Vec<u8>, IndexError> {
        let size = dimension * size_of::<f32>();
        let mut bytes = vec![0; waiting.passages.len() * size];
        read_at(&self.vectors, &mut bytes, (waiting.passages.start * size) as u64)
            .map_err(|source| IndexError::io("read back", &self.folder.join(VECTORS), source))?;
        Ok(bytes)
    }

    /// Removes the two files.
    pub(crate) fn remove(self) -> Result<(), IndexError> {
        for name in [DOCUMENTS, VECTORS] {
            let path = self.folder.join(name);
            fs::remove_file(&path).map_err(|source| IndexError::io("remove", &path, source))?;
        }
        Ok(())
    }
}
