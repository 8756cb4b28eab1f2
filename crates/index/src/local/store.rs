//! What stands at this place: the passage, its document, its metadata?
//!
//! Documents are JSON Lines in the order of their ids; passages are fixed records in the order of theirs, so that the
//! place of a passage orders passages as its id does. Records and metadata are held in memory, documents stay on disk.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clinqa_schema::{Document, DocumentId, Metadata, Passage, PassageId};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::local::admitted::Admitted;
use crate::local::manifest::Counts;
use crate::{ContentKey, IndexError};

pub(crate) const DOCUMENTS: &str = "documents.jsonl";
pub(crate) const METADATA: &str = "documents.metadata.jsonl";
pub(crate) const PASSAGES: &str = "passages.bin";
pub(crate) const HEADINGS: &str = "passages.headings.json";

const MAGIC: &[u8; 8] = b"CLQPASS\0";
const VERSION: u32 = 1;
/// Magic, version, number of records.
const HEADER_BYTES: usize = 8 + 4 + 8;
/// Document, ordinal, heading, start, end, content key.
const RECORD_BYTES: usize = 5 * 4 + 32;

/// One line of the metadata file: where a document stands, and what filters need.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DocumentEntry {
    pub(crate) id: DocumentId,
    /// Place of its line in the documents file, in bytes.
    pub(crate) offset: u64,
    /// Length of the line without its end.
    pub(crate) bytes: u64,
    /// Place of its first passage.
    pub(crate) first_passage: u32,
    /// How many passages it has.
    pub(crate) passages: u32,
    pub(crate) metadata: Metadata,
}

impl DocumentEntry {
    fn places(&self) -> Range<usize> {
        let first = self.first_passage as usize;
        first..first + self.passages as usize
    }
}

/// One passage as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PassageRecord {
    /// Place of the document among the documents.
    pub(crate) document: u32,
    /// The passage's number in its document.
    pub(crate) ordinal: u32,
    /// Place of its heading among the headings.
    pub(crate) heading: u32,
    /// First byte in the document's text.
    pub(crate) start: u32,
    /// End byte.
    pub(crate) end: u32,
    /// What its vector was made from.
    pub(crate) content: ContentKey,
}

/// The file that holds `records`.
pub(crate) fn encode_header(records: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((records as u64).to_le_bytes());
    bytes
}

impl PassageRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let numbers = [self.document, self.ordinal, self.heading, self.start, self.end];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        bytes.extend(self.content.0);
        bytes
    }

    fn decode(bytes: &[u8; RECORD_BYTES]) -> Self {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut content = [0; 32];
        content.copy_from_slice(&bytes[20..]);
        Self {
            document: number(0),
            ordinal: number(4),
            heading: number(8),
            start: number(12),
            end: number(16),
            content: ContentKey(content),
        }
    }
}

/// Passages and documents of one generation, open for reading.
pub(crate) struct PassageStore {
    path: PathBuf,
    documents: File,
    entries: Vec<DocumentEntry>,
    records: Vec<PassageRecord>,
    headings: Vec<String>,
    /// Places by content, made when the first vector is asked for: only a rebuild asks.
    by_content: OnceLock<Vec<u32>>,
}

impl PassageStore {
    /// Reads what lies in `folder`, whose files were compared with the manifest before.
    pub(crate) fn open(folder: &Path, counts: Counts) -> Result<Self, IndexError> {
        let entries = read_entries(&folder.join(METADATA))?;
        let records = read_records(&folder.join(PASSAGES))?;
        let headings = read_headings(&folder.join(HEADINGS))?;
        let path = folder.join(DOCUMENTS);
        let documents = File::open(&path).map_err(|source| IndexError::io("open", &path, source))?;
        if (entries.len() as u64, records.len() as u64) != (counts.documents, counts.passages) {
            return Err(IndexError::content(&folder.join(METADATA), "number of documents or passages"));
        }
        let mut next = 0;
        for (place, entry) in entries.iter().enumerate() {
            let follows = place == 0 || entries[place - 1].id < entry.id;
            let places = entry.places();
            if !follows || places.start != next || places.end > records.len() {
                return Err(IndexError::content(&folder.join(METADATA), "order of documents"));
            }
            next = places.end;
            let own = &records[places];
            let in_order = own.windows(2).all(|pair| pair[0].ordinal < pair[1].ordinal);
            let at_home = own.iter().all(|record| record.document as usize == place);
            let named = own.iter().all(|record| (record.heading as usize) < headings.len());
            if !(in_order && at_home && named) {
                return Err(IndexError::content(&folder.join(PASSAGES), "order of passages"));
            }
        }
        if next != records.len() {
            return Err(IndexError::content(&folder.join(PASSAGES), "number of passages"));
        }
        Ok(Self { path, documents, entries, records, headings, by_content: OnceLock::new() })
    }

    /// How many passages there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The name of the passage at `place`.
    pub(crate) fn passage_id(&self, place: u32) -> Option<PassageId> {
        let record = self.records.get(place as usize)?;
        let entry = self.entries.get(record.document as usize)?;
        Some(PassageId::new(entry.id.clone(), record.ordinal))
    }

    pub(crate) fn metadata(&self, id: &DocumentId) -> Option<&Metadata> {
        self.entry(id).map(|entry| &entry.metadata)
    }

    pub(crate) fn each_document(&self, visit: &mut dyn FnMut(&DocumentId, &Metadata)) {
        for entry in &self.entries {
            visit(&entry.id, &entry.metadata);
        }
    }

    pub(crate) fn document(&self, id: &DocumentId) -> Result<Option<Document>, IndexError> {
        let Some(entry) = self.entry(id) else { return Ok(None) };
        let mut line = vec![0; entry.bytes as usize];
        read_at(&self.documents, &mut line, entry.offset)
            .map_err(|source| IndexError::io("read", &self.path, source))?;
        let document: Document =
            serde_json::from_slice(&line).map_err(|_| IndexError::content(&self.path, "line of a document"))?;
        if document.id != *id {
            return Err(IndexError::content(&self.path, "table of documents"));
        }
        Ok(Some(document))
    }

    pub(crate) fn passage(&self, id: &PassageId) -> Result<Option<Passage>, IndexError> {
        let Some(place) = self.place(id) else { return Ok(None) };
        let record = self.records[place as usize];
        let Some(document) = self.document(&id.document)? else { return Ok(None) };
        let heading = &self.headings[record.heading as usize];
        Passage::cut(&document, id.ordinal, heading, record.start as usize..record.end as usize)
            .map(Some)
            .map_err(|_| IndexError::content(&self.path, "range of a passage"))
    }

    /// Where the passage stands.
    pub(crate) fn place(&self, id: &PassageId) -> Option<u32> {
        let places = self.entry(&id.document)?.places();
        let own = &self.records[places.clone()];
        let found = own.binary_search_by_key(&id.ordinal, |record| record.ordinal).ok()?;
        Some((places.start + found) as u32)
    }

    /// Where the passages of the document stand.
    pub(crate) fn places_of(&self, id: &DocumentId) -> Option<Range<u32>> {
        self.entry(id).map(DocumentEntry::places).map(|places| places.start as u32..places.end as u32)
    }

    /// A place whose passage has this content.
    pub(crate) fn place_of(&self, content: &ContentKey) -> Option<u32> {
        let key = |place: &u32| self.records[*place as usize].content;
        let by_content = self.by_content.get_or_init(|| {
            let mut places: Vec<u32> = (0..self.records.len() as u32).collect();
            places.sort_by_key(|place| (key(place), *place));
            places
        });
        by_content.binary_search_by_key(content, key).ok().map(|found| by_content[found])
    }

    /// The passages of all documents that `admits` lets through.
    pub(crate) fn admitted(&self, admits: impl Fn(&DocumentId, &Metadata) -> bool) -> Admitted {
        let mut admitted = Admitted::none(self.records.len());
        for entry in self.entries.iter().filter(|entry| admits(&entry.id, &entry.metadata)) {
            admitted.add(entry.places());
        }
        admitted
    }

    fn entry(&self, id: &DocumentId) -> Option<&DocumentEntry> {
        self.entries.binary_search_by(|entry| entry.id.cmp(id)).ok().map(|place| &self.entries[place])
    }
}

/// The ids of the documents in `folder`.
pub(crate) fn ids(folder: &Path) -> Result<BTreeSet<DocumentId>, IndexError> {
    Ok(read_entries(&folder.join(METADATA))?.into_iter().map(|entry| entry.id).collect())
}

/// Fills `bytes` from `offset`, without moving a position that other threads share.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Fills `bytes` from `offset`. One reader at a time: the position of the file is shared.
#[cfg(not(unix))]
pub(crate) fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

fn read(path: &Path) -> Result<Vec<u8>, IndexError> {
    fs::read(path).map_err(|source| IndexError::io("read", path, source))
}

fn read_entries(path: &Path) -> Result<Vec<DocumentEntry>, IndexError> {
    let bytes = read(path)?;
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let entries: Result<_, serde_json::Error> = lines.into_par_iter().map(serde_json::from_slice).collect();
    entries.map_err(|_| IndexError::content(path, "line of metadata"))
}

fn read_records(path: &Path) -> Result<Vec<PassageRecord>, IndexError> {
    let bytes = read(path)?;
    let (records, rest) = bytes.get(HEADER_BYTES..).unwrap_or_default().as_chunks::<RECORD_BYTES>();
    if !rest.is_empty() || bytes.get(..HEADER_BYTES) != Some(encode_header(records.len()).as_slice()) {
        return Err(IndexError::content(path, "header"));
    }
    Ok(records.iter().map(PassageRecord::decode).collect())
}

fn read_headings(path: &Path) -> Result<Vec<String>, IndexError> {
    serde_json::from_slice(&read(path)?).map_err(|_| IndexError::content(path, "list of headings"))
}
