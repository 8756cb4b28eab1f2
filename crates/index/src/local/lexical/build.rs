//! How do passages become a lexical index?

use std::fs;
use std::path::{Path, PathBuf};

use clinqa_schema::{Metadata, Passage};
use tantivy::index::SegmentId;
use tantivy::indexer::NoMergePolicy;
use tantivy::{Index, IndexWriter, TantivyDocument, TantivyError};

use super::{Fields, LEXICAL, PLACE, analyser, failed};
use crate::IndexError;
use crate::error::free_bytes;

/// Memory for postings before a segment is written out; the first index is made within a small machine's means.
const BUDGET_BYTES: usize = 64 << 20;
/// Less free space than this after a failure means that the disk was full: a segment that failed to be written leaves
/// part of its space behind when its writer dies.
const NO_SPACE_BYTES: u64 = 1 << 20;

/// A lexical index being written.
pub(crate) struct LexicalBuilder {
    path: PathBuf,
    writer: IndexWriter,
    fields: Fields,
}

impl LexicalBuilder {
    /// Begins an index below `folder`.
    pub(crate) fn create(folder: &Path) -> Result<Self, IndexError> {
        let path = folder.join(LEXICAL);
        fs::create_dir(&path).map_err(|source| IndexError::io("create", &path, source))?;
        let (schema, fields) = Fields::schema();
        let create = || -> tantivy::Result<IndexWriter> {
            let index = Index::create_in_dir(&path, schema)?;
            index.tokenizers().register(analyser::ANALYSER, analyser::analyser());
            // One thread: passages keep their order, and scores do not depend on who was faster.
            let writer = index.writer_with_num_threads(1, BUDGET_BYTES)?;
            writer.set_merge_policy(Box::new(NoMergePolicy));
            Ok(writer)
        };
        let writer = create().map_err(|error| blame(&path, error))?;
        Ok(Self { path, writer, fields })
    }

    /// Adds the passage that stands at `place`.
    pub(crate) fn add(&self, place: u32, passage: &Passage, metadata: &Metadata) -> Result<(), IndexError> {
        let mut document = TantivyDocument::default();
        document.add_u64(self.fields.place, u64::from(place));
        document.add_text(self.fields.title, passage.title());
        document.add_text(self.fields.heading, passage.heading());
        document.add_text(self.fields.synonyms, metadata.synonyms.join("; "));
        document.add_text(self.fields.body, [passage.title(), passage.heading(), passage.text()].join("\n"));
        self.writer.add_document(document).map(|_| ()).map_err(|error| blame(&self.path, error))
    }

    /// Writes everything out as one segment, so that every passage is scored by the same statistics.
    pub(crate) fn finish(self) -> Result<(), IndexError> {
        let Self { path, mut writer, .. } = self;
        let mut finish = || -> tantivy::Result<()> {
            writer.commit()?;
            let segments = segments_in_order(writer.index())?;
            if segments.len() > 1 {
                writer.merge(&segments).wait()?;
            }
            writer.garbage_collect_files().wait()?;
            Ok(())
        };
        finish().map_err(|error| blame(&path, error))?;
        writer.wait_merging_threads().map_err(|error| blame(&path, error))?;
        remove_locks(&path)
    }
}

/// The segments in the order of the passages they hold: their ids are random, their merger should not be.
fn segments_in_order(index: &Index) -> tantivy::Result<Vec<SegmentId>> {
    let searcher = index.reader()?.searcher();
    let mut segments = Vec::new();
    for segment in searcher.segment_readers() {
        segments.push((segment.fast_fields().u64(PLACE)?.min_value(), segment.segment_id()));
    }
    segments.sort_by_key(|(first, _)| *first);
    Ok(segments.into_iter().map(|(_, id)| id).collect())
}

/// The engine leaves empty lock files behind, which are no part of the index.
fn remove_locks(path: &Path) -> Result<(), IndexError> {
    for name in [".tantivy-writer.lock", ".tantivy-meta.lock"] {
        let lock = path.join(name);
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(IndexError::io("remove", &lock, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Finds out why writing failed: of a full disk the engine only says that a writer was killed.
fn blame(path: &Path, error: TantivyError) -> IndexError {
    match free_bytes(path) {
        Some(free) if free < NO_SPACE_BYTES => {
            IndexError::DiskFull { doing: "write", path: path.to_owned(), free, source: Box::new(error) }
        }
        _ => failed("write", path, error),
    }
}
