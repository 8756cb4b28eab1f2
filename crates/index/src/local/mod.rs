//! What does this machine's index answer?

mod admitted;
mod best;
pub(crate) mod changes;
mod codes;
mod dense;
mod faq;
mod files;
pub(crate) mod generations;
mod graph;
mod graph_build;
pub(crate) mod inspect;
pub(crate) mod kept;
mod kernel;
mod lexical;
pub(crate) mod lock;
pub(crate) mod manifest;
pub(crate) mod pointer;
mod pool;
mod refine;
mod spool;
mod store;
mod vectors;
mod walk;
pub(crate) mod withdrawn;
pub(crate) mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use clinqa_schema::{Document, DocumentId, Embedding, Filters, Hit, Metadata, Passage, PassageId, Ranking, WordScore};

use crate::local::admitted::Admitted;
use crate::local::best::Scored;
use crate::local::dense::{Dense, Wanted};
use crate::local::faq::Faq;
use crate::local::graph::{GRAPH, Graph};
use crate::local::lexical::Lexical;
use crate::local::manifest::LEXICON;
use crate::local::store::PassageStore;
use crate::local::vectors::{VECTORS, Vectors};
use crate::{
    ContentKey, EncoderIdentity, FaqEntry, FaqHit, IndexError, LexicalQuery, Lexicon, Manifest, PassageIndex, Withdrawn,
};

/// One immutable build of the index, open. It needs no right to write, and keeps working when its files are unlinked.
///
/// Cheap to clone: what was read is shared, and only which documents are hidden may differ.
#[derive(Clone)]
pub struct Generation {
    parts: Arc<Parts>,
    hidden: Option<Arc<Hidden>>,
}

/// What was read from the files.
struct Parts {
    manifest: Manifest,
    passages: PassageStore,
    lexical: Lexical,
    lexicon: Lexicon,
    dense: Option<Dense>,
    faq: Option<Faq>,
}

/// The withdrawn documents that a generation holds.
struct Hidden {
    documents: BTreeSet<DocumentId>,
    /// All other passages.
    shown: Admitted,
}

impl Generation {
    /// Opens the generation in `folder` if its manifest has this BLAKE3 and every file is as the manifest says; no
    /// file is interpreted before all have been compared.
    pub(crate) fn open(folder: &Path, manifest_blake3: &str) -> Result<Self, IndexError> {
        let manifest = inspect::read_manifest(folder, manifest_blake3)?;
        inspect::compare_all(folder, &manifest)?;
        // What people ask is read beside the rest: every start waits for both.
        let (faq, rest) = std::thread::scope(|scope| {
            let faq = scope.spawn(|| Faq::open(folder, &manifest));
            let rest = open_passages(folder, &manifest);
            (faq.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), rest)
        });
        let (passages, lexical, lexicon, dense) = rest?;
        let faq = faq?;
        Ok(Self { parts: Arc::new(Parts { manifest, passages, lexical, lexicon, dense, faq }), hidden: None })
    }

    /// The same generation without the documents of `withdrawn`, which it shows neither in rankings nor by name.
    pub(crate) fn hiding(&self, withdrawn: &Withdrawn) -> Self {
        let passages = &self.parts.passages;
        let ids = withdrawn.entries().map(|entry| &entry.id);
        let documents: BTreeSet<DocumentId> = ids.filter(|id| passages.metadata(id).is_some()).cloned().collect();
        let hidden = (!documents.is_empty()).then(|| {
            let shown = passages.admitted(|id, _| !documents.contains(id));
            Arc::new(Hidden { documents, shown })
        });
        Self { parts: Arc::clone(&self.parts), hidden }
    }

    fn hides(&self, id: &DocumentId) -> bool {
        self.hidden.as_ref().is_some_and(|hidden| hidden.documents.contains(id))
    }

    /// Refuses an encoder that is not the one that made the vectors.
    pub fn require_encoder(&self, loaded: &EncoderIdentity) -> Result<(), IndexError> {
        self.parts.manifest.require_encoder(loaded)
    }

    /// As [`PassageIndex::dense`], but every vector is compared: what the graph search is measured against.
    pub fn dense_exact(&self, query: &Embedding, depth: usize, filters: &Filters) -> Result<Ranking, IndexError> {
        let dense = self.vectors_for(query)?;
        let admitted = self.admitted(filters);
        let wanted = Wanted { query: query.as_slice(), depth, admitted: admitted.as_ref() };
        Ok(self.ranking(dense.scan(wanted)?))
    }

    /// As [`PassageIndex::dense`] without a filter, but holding at least `ef_search` candidates instead of as many as the
    /// manifest says: what the curve of recall against time is measured with.
    pub fn dense_holding(&self, query: &Embedding, depth: usize, ef_search: usize) -> Result<Ranking, IndexError> {
        let dense = self.vectors_for(query)?;
        let wanted = Wanted { query: query.as_slice(), depth, admitted: None };
        Ok(self.ranking(dense.search_with(wanted, ef_search)?))
    }

    /// Hands on what the files of this generation hold packed, as it was before: words of the dictionaries, which share
    /// their beginnings and endings there, and compressed blocks. Whoever wants to know that a text is gone has to search
    /// this beside the files.
    pub fn unpacked(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), IndexError> {
        self.parts.lexical.unpacked(take)
    }

    /// The vectors, if there are some and the query is of their dimension.
    fn vectors_for(&self, query: &Embedding) -> Result<&Dense, IndexError> {
        let Some(dense) = &self.parts.dense else {
            return Err(IndexError::LexicalOnly { generation: self.parts.manifest.id.clone() });
        };
        let expected = dense.vectors().dimension();
        if query.dimension() != expected {
            return Err(IndexError::Dimension { expected, found: query.dimension() });
        }
        Ok(dense)
    }

    /// `None` if everything is admitted.
    fn admitted(&self, filters: &Filters) -> Option<Admitted> {
        match (filters.is_empty(), &self.hidden) {
            (true, None) => None,
            (true, Some(hidden)) => Some(hidden.shown.clone()),
            (false, _) => {
                let admits = |id: &DocumentId, metadata: &Metadata| filters.admits(metadata) && !self.hides(id);
                Some(self.parts.passages.admitted(admits))
            }
        }
    }

    fn ranking(&self, scored: Vec<Scored>) -> Ranking {
        let hit = |scored: Scored| {
            let passage_id = self.parts.passages.passage_id(scored.place)?;
            Some(Hit { passage_id, score: scored.score })
        };
        Ranking::new(scored.into_iter().filter_map(hit).collect())
    }
}

/// Passages and all that finds them.
fn open_passages(
    folder: &Path,
    manifest: &Manifest,
) -> Result<(PassageStore, Lexical, Lexicon, Option<Dense>), IndexError> {
    let passages = PassageStore::open(folder, manifest.counts)?;
    let lexical = Lexical::open(folder, passages.len())?;
    let lexicon = open_lexicon(folder, manifest)?;
    let dense = manifest.encoder.as_ref().map(|encoder| open_dense(folder, manifest, encoder)).transpose()?;
    Ok((passages, lexical, lexicon, dense))
}

/// The first format had no lexicon; its questions are understood without.
fn open_lexicon(folder: &Path, manifest: &Manifest) -> Result<Lexicon, IndexError> {
    if !manifest.files.iter().any(|entry| entry.file == LEXICON) {
        return Ok(Lexicon::default());
    }
    let path = folder.join(LEXICON);
    let text = std::fs::read_to_string(&path).map_err(|source| IndexError::io("read", &path, source))?;
    Lexicon::decode(&text).ok_or_else(|| IndexError::content(&path, "lexicon"))
}

fn open_dense(folder: &Path, manifest: &Manifest, encoder: &EncoderIdentity) -> Result<Dense, IndexError> {
    let passages = manifest.counts.passages as usize;
    let vectors = Vectors::open(&folder.join(VECTORS), encoder.dimension, passages)?;
    let has_graph = manifest.files.iter().any(|entry| entry.file == GRAPH);
    let graph = if has_graph { Some(Graph::open(&folder.join(GRAPH), passages)?) } else { None };
    Dense::new(vectors, graph, manifest.graph)
}

impl PassageIndex for Generation {
    fn manifest(&self) -> &Manifest {
        &self.parts.manifest
    }

    fn lexical(&self, query: &LexicalQuery, depth: usize, filters: &Filters) -> Result<Ranking, IndexError> {
        let admitted = self.admitted(filters).map(Arc::new);
        Ok(self.ranking(self.parts.lexical.search(query, depth, admitted)?))
    }

    fn word_scores(&self, query: &LexicalQuery, passages: &[PassageId]) -> Result<Vec<Vec<WordScore>>, IndexError> {
        let place = |id: &PassageId| self.parts.passages.place(id).filter(|_| !self.hides(&id.document));
        let places: Vec<Option<u32>> = passages.iter().map(place).collect();
        self.parts.lexical.word_scores(query, &places)
    }

    fn dense(&self, query: &Embedding, depth: usize, filters: &Filters) -> Result<Ranking, IndexError> {
        let dense = self.vectors_for(query)?;
        let admitted = self.admitted(filters);
        let wanted = Wanted { query: query.as_slice(), depth, admitted: admitted.as_ref() };
        Ok(self.ranking(dense.search(wanted)?))
    }

    fn passage(&self, id: &PassageId) -> Result<Option<Passage>, IndexError> {
        if self.hides(&id.document) { Ok(None) } else { self.parts.passages.passage(id) }
    }

    fn metadata(&self, id: &DocumentId) -> Option<&Metadata> {
        if self.hides(id) { None } else { self.parts.passages.metadata(id) }
    }

    fn each_document(&self, visit: &mut dyn FnMut(&DocumentId, &Metadata)) {
        self.parts.passages.each_document(&mut |id, metadata| {
            if !self.hides(id) {
                visit(id, metadata);
            }
        });
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Document>, IndexError> {
        if self.hides(id) { Ok(None) } else { self.parts.passages.document(id) }
    }

    fn without(&self, withdrawn: &Withdrawn) -> Arc<dyn PassageIndex> {
        Arc::new(self.hiding(withdrawn))
    }

    fn lexicon(&self) -> &Lexicon {
        &self.parts.lexicon
    }

    fn faq(&self, query: &Embedding, depth: usize, filters: &Filters) -> Result<Vec<FaqHit>, IndexError> {
        let Some(faq) = &self.parts.faq else { return Ok(Vec::new()) };
        let admitted = self.admitted(filters);
        let answer = |&(place, start, end): &faq::Answer| {
            Some((self.parts.passages.passage_id(place)?, start as usize..end as usize))
        };
        let hit = |((question, title, answers), score): (faq::Stored, f32)| FaqHit {
            entry: FaqEntry { question, title, answers: answers.iter().filter_map(answer).collect() },
            score,
        };
        Ok(faq.nearest(query, depth, admitted.as_ref())?.into_iter().map(hit).collect())
    }

    fn has_faq(&self, document: &DocumentId) -> bool {
        let places = self.parts.passages.places_of(document).filter(|_| !self.hides(document));
        self.parts.faq.as_ref().zip(places).is_some_and(|(faq, places)| faq.is_answered_in(places))
    }

    fn embedding_of(&self, content: &ContentKey) -> Option<Embedding> {
        let vectors = self.parts.dense.as_ref()?.vectors();
        let Some(place) = self.parts.passages.place_of(content) else {
            return self.parts.faq.as_ref()?.embedding_of(content);
        };
        let mut bytes = Vec::new();
        let components = vectors.read(place as usize, 1, &mut bytes).ok()?;
        Embedding::checked(components.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()).ok()
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation").field("id", &self.parts.manifest.id).finish_non_exhaustive()
    }
}
