//! How do passages become a lexical index?
//!
//! Indexing words is most of the work of an index without vectors, and one thread of the engine does it one passage after
//! the other. A large index is therefore written in lanes, each with an engine of its own. Which passage goes down which
//! lane is a matter of its place alone, so that the index is the same whatever the cores did.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use clinqa_schema::{Metadata, Passage};
use tantivy::index::SegmentId;
use tantivy::indexer::NoMergePolicy;
use tantivy::{Index, IndexMeta, IndexWriter, TantivyDocument, TantivyError};

use super::{Fields, LEXICAL, PLACE, analyser, failed};
use crate::IndexError;
use crate::error::free_bytes;
use crate::local::files::{list, write_durably};

/// Memory for the postings of a lane before a segment is written out; the first index is made within a small machine's
/// means.
const BUDGET_BYTES: usize = 64 << 20;
/// Up to so many passages go down one lane and become one segment. It takes seconds.
const MOST_IN_ONE_LANE: usize = 65_536;
/// Lanes beyond. Each leaves a segment that every question is asked of.
const LANES: usize = 4;
/// Passages behind one another that go down one lane.
const STRETCH: u32 = 64;
/// Where the engine keeps the list of segments.
const META: &str = "meta.json";
/// Less free space than this after a failure means that the disk was full: a segment that failed to be written leaves
/// part of its space behind when its writer dies.
const NO_SPACE_BYTES: u64 = 1 << 20;

/// A lexical index being written.
pub(crate) struct LexicalBuilder {
    path: PathBuf,
    lanes: Vec<Lane>,
    fields: Fields,
}

/// An index of part of the passages, in a folder of its own until all is written.
struct Lane {
    path: PathBuf,
    writer: IndexWriter,
}

impl LexicalBuilder {
    /// Begins an index of so many passages below `folder`.
    pub(crate) fn create(folder: &Path, passages: usize) -> Result<Self, IndexError> {
        let path = folder.join(LEXICAL);
        fs::create_dir(&path).map_err(|source| IndexError::io("create", &path, source))?;
        let (_, fields) = Fields::schema();
        let lanes = if passages > MOST_IN_ONE_LANE { LANES } else { 1 };
        let lanes =
            (0..lanes).map(|number| Lane::create(path.join(format!("lane{number}")))).collect::<Result<_, _>>()?;
        Ok(Self { path, lanes, fields })
    }

    /// Adds the passage that stands at `place`.
    pub(crate) fn add(&self, place: u32, passage: &Passage, metadata: &Metadata) -> Result<(), IndexError> {
        let mut document = TantivyDocument::default();
        document.add_u64(self.fields.place, u64::from(place));
        document.add_text(self.fields.title, passage.title());
        document.add_text(self.fields.heading, passage.heading());
        document.add_text(self.fields.synonyms, metadata.synonyms.join("; "));
        document.add_text(self.fields.body, [passage.title(), passage.heading(), passage.text()].join("\n"));
        let lane = &self.lanes[(place / STRETCH) as usize % self.lanes.len()];
        lane.writer.add_document(document).map(|_| ()).map_err(|error| blame(&lane.path, error))
    }

    /// Writes everything out, one segment a lane, as one index.
    pub(crate) fn finish(self) -> Result<(), IndexError> {
        let Self { path, lanes, .. } = self;
        let written: Vec<Result<(PathBuf, IndexMeta), IndexError>> = thread::scope(|scope| {
            let lanes: Vec<_> = lanes.into_iter().map(|lane| scope.spawn(|| lane.finish())).collect();
            lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        let mut whole: Option<IndexMeta> = None;
        for lane in written {
            let (folder, meta) = lane?;
            move_segments(&folder, &path)?;
            match &mut whole {
                None => whole = Some(meta),
                Some(whole) => whole.segments.extend(meta.segments),
            }
        }
        let path = path.join(META);
        let meta =
            serde_json::to_vec_pretty(&whole).map_err(|source| IndexError::Json { path: path.clone(), source })?;
        write_durably(&path, &meta)
    }
}

impl Lane {
    fn create(path: PathBuf) -> Result<Self, IndexError> {
        fs::create_dir(&path).map_err(|source| IndexError::io("create", &path, source))?;
        let create = || -> tantivy::Result<IndexWriter> {
            let (schema, _) = Fields::schema();
            let index = Index::create_in_dir(&path, schema)?;
            index.tokenizers().register(analyser::ANALYSER, analyser::analyser());
            // One thread: passages keep their order, and scores do not depend on who was faster.
            let writer = index.writer_with_num_threads(1, BUDGET_BYTES)?;
            writer.set_merge_policy(Box::new(NoMergePolicy));
            Ok(writer)
        };
        match create() {
            Ok(writer) => Ok(Self { path, writer }),
            Err(error) => Err(blame(&path, error)),
        }
    }

    /// Writes everything out as one segment; tells where it lies and what the engine says of it.
    fn finish(self) -> Result<(PathBuf, IndexMeta), IndexError> {
        let Self { path, mut writer } = self;
        let mut finish = || -> tantivy::Result<IndexMeta> {
            writer.commit()?;
            let segments = segments_in_order(writer.index())?;
            if segments.len() > 1 {
                writer.merge(&segments).wait()?;
            }
            writer.garbage_collect_files().wait()?;
            writer.index().load_metas()
        };
        let meta = finish().map_err(|error| blame(&path, error))?;
        writer.wait_merging_threads().map_err(|error| blame(&path, error))?;
        Ok((path, meta))
    }
}

/// Moves the segments of a lane to where all are, and removes its folder with the engine's lists and locks, which are no
/// part of the index.
fn move_segments(lane: &Path, to: &Path) -> Result<(), IndexError> {
    for (name, _) in list(lane)? {
        if name != META && !name.starts_with('.') {
            let path = lane.join(&name);
            fs::rename(&path, to.join(&name)).map_err(|source| IndexError::io("move", &path, source))?;
        }
    }
    fs::remove_dir_all(lane).map_err(|source| IndexError::io("remove", lane, source))
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

/// Finds out why writing failed: of a full disk the engine only says that a writer was killed.
fn blame(path: &Path, error: TantivyError) -> IndexError {
    match free_bytes(path) {
        Some(free) if free < NO_SPACE_BYTES => {
            IndexError::DiskFull { doing: "write", path: path.to_owned(), free, source: Box::new(error) }
        }
        _ => failed("write", path, error),
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Document, SourceLocator};

    use super::*;
    use crate::local::lexical::Lexical;
    use crate::{Clause, FieldWeights, LexicalQuery};

    /// 700 passages in an index for which `passages` were announced, and where it lies.
    fn index(passages: usize) -> (tempfile::TempDir, Lexical) {
        let folder = tempfile::tempdir().expect("a folder");
        let builder = LexicalBuilder::create(folder.path(), passages).expect("an index");
        for place in 0..700_u32 {
            let text = format!("Salt{} and pressure.", " salt".repeat(place as usize * 7 % 23));
            let document = Document {
                id: format!("d{place:03}").parse().expect("an id"),
                title: format!("Title {}", place % 3),
                sections: Vec::new(),
                metadata: Metadata::default(),
                source: SourceLocator::default(),
                text,
            };
            let passage = Passage::cut(&document, 0, "", 0..document.text.len()).expect("a passage");
            builder.add(place, &passage, &document.metadata).expect("added");
        }
        builder.finish().expect("written");
        let names = list(&folder.path().join(LEXICAL)).expect("names");
        assert!(names.iter().all(|(name, is_folder)| !is_folder && !name.starts_with('.')), "{names:?}");
        let index = Lexical::open(folder.path(), 700).expect("an index");
        (folder, index)
    }

    fn query() -> LexicalQuery {
        let clauses = ["salt", "pressures", "titles", "Zinc"].map(|text| Clause { text: text.into(), weight: 1.0 });
        LexicalQuery { clauses: clauses.into(), weights: FieldWeights::default() }
    }

    /// What each of them scores.
    fn scores(passages: usize) -> Vec<(u32, f32)> {
        let (_folder, index) = index(passages);
        let found = index.search(&query(), 700, None).expect("found");
        let mut found: Vec<(u32, f32)> = found.into_iter().map(|it| (it.place, it.score)).collect();
        found.sort_unstable_by_key(|(place, _)| *place);
        found
    }

    #[test]
    fn passages_in_lanes_score_as_if_they_stood_in_one_whatever_the_threads_do() {
        let one = scores(700);
        assert_eq!(one.len(), 700);
        let lanes = scores(MOST_IN_ONE_LANE + 1);
        assert_eq!(scores(MOST_IN_ONE_LANE + 1), lanes);
        for ((place, score), (other, other_score)) in one.into_iter().zip(lanes) {
            // Sums are the same but for the order of their terms.
            assert!(place == other && (score - other_score).abs() <= 4.0 * f32::EPSILON * score, "{place} and {other}");
        }
    }

    #[test]
    fn what_the_words_of_a_question_add_to_a_passage_is_all_that_it_scores() {
        for passages in [700, MOST_IN_ONE_LANE + 1] {
            let (_folder, index) = index(passages);
            let found = index.search(&query(), 700, None).expect("found");
            let places: Vec<Option<u32>> = found.iter().map(|it| Some(it.place)).chain([None, Some(700)]).collect();
            let words = index.word_scores(&query(), &places).expect("words");
            for (it, words) in found.iter().zip(&words) {
                let sum: f32 = words.iter().map(|word| word.score).sum();
                assert!((sum - it.score).abs() <= 1e-4 * it.score, "{words:?} for {}", it.score);
                let named: Vec<&str> = words.iter().map(|word| word.word.as_str()).collect();
                assert_eq!(named, ["salt", "pressures", "titles", "zinc"]);
                assert!(words[3].score == 0.0 && words[..3].iter().all(|word| word.score > 0.0), "{words:?}");
            }
            assert!(words[700].is_empty() && words[701].iter().all(|word| word.score == 0.0), "{:?}", &words[700..]);
        }
    }
}
