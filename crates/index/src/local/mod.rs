//! What does this machine's index answer?

mod admitted;
mod best;
mod codes;
mod dense;
mod files;
pub(crate) mod generations;
mod graph;
mod graph_build;
pub(crate) mod inspect;
mod kernel;
mod lexical;
pub(crate) mod manifest;
mod pool;
mod refine;
mod spool;
mod store;
mod vectors;
mod walk;
pub(crate) mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use clinqa_schema::{Document, DocumentId, Embedding, Filters, Hit, Metadata, Passage, PassageId, Ranking};

use crate::local::admitted::Admitted;
use crate::local::best::Scored;
use crate::local::dense::{Dense, Wanted};
use crate::local::graph::{GRAPH, Graph};
use crate::local::lexical::Lexical;
use crate::local::manifest::LEXICON;
use crate::local::store::PassageStore;
use crate::local::vectors::{VECTORS, Vectors};
use crate::{ContentKey, EncoderIdentity, IndexError, LexicalQuery, Lexicon, Manifest, PassageIndex};

/// One immutable build of the index, open. It needs no right to write, and keeps working when its files are unlinked.
pub struct Generation {
    manifest: Manifest,
    passages: PassageStore,
    lexical: Lexical,
    lexicon: Lexicon,
    dense: Option<Dense>,
}

impl Generation {
    /// Opens the generation in `folder` if its manifest has this BLAKE3 and every file is as the manifest says; no
    /// file is interpreted before all have been compared.
    pub(crate) fn open(folder: &Path, manifest_blake3: &str) -> Result<Self, IndexError> {
        let manifest = inspect::read_manifest(folder, manifest_blake3)?;
        inspect::compare_all(folder, &manifest)?;
        let passages = PassageStore::open(folder, manifest.counts)?;
        let lexical = Lexical::open(folder, passages.len())?;
        let lexicon = open_lexicon(folder, &manifest)?;
        let dense = match &manifest.encoder {
            None => None,
            Some(encoder) => Some(open_dense(folder, &manifest, encoder)?),
        };
        Ok(Self { manifest, passages, lexical, lexicon, dense })
    }

    /// Refuses an encoder that is not the one that made the vectors.
    pub fn require_encoder(&self, loaded: &EncoderIdentity) -> Result<(), IndexError> {
        let Some(made_with) = &self.manifest.encoder else {
            return Err(IndexError::LexicalOnly { generation: self.manifest.id.clone() });
        };
        if made_with.fingerprint == loaded.fingerprint && made_with.dimension == loaded.dimension {
            return Ok(());
        }
        Err(IndexError::Encoder { made_with: Box::new(made_with.clone()), loaded: Box::new(loaded.clone()) })
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

    /// The vectors, if there are some and the query is of their dimension.
    fn vectors_for(&self, query: &Embedding) -> Result<&Dense, IndexError> {
        let Some(dense) = &self.dense else {
            return Err(IndexError::LexicalOnly { generation: self.manifest.id.clone() });
        };
        let expected = dense.vectors().dimension();
        if query.dimension() != expected {
            return Err(IndexError::Dimension { expected, found: query.dimension() });
        }
        Ok(dense)
    }

    /// `None` if everything is admitted.
    fn admitted(&self, filters: &Filters) -> Option<Admitted> {
        (!filters.is_empty()).then(|| self.passages.admitted(filters))
    }

    fn ranking(&self, scored: Vec<Scored>) -> Ranking {
        let hit = |scored: Scored| {
            let passage_id = self.passages.passage_id(scored.place)?;
            Some(Hit { passage_id, score: scored.score })
        };
        Ranking::new(scored.into_iter().filter_map(hit).collect())
    }
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
        &self.manifest
    }

    fn lexical(&self, query: &LexicalQuery, depth: usize, filters: &Filters) -> Result<Ranking, IndexError> {
        let admitted = self.admitted(filters).map(Arc::new);
        Ok(self.ranking(self.lexical.search(query, depth, admitted)?))
    }

    fn dense(&self, query: &Embedding, depth: usize, filters: &Filters) -> Result<Ranking, IndexError> {
        let dense = self.vectors_for(query)?;
        let admitted = self.admitted(filters);
        let wanted = Wanted { query: query.as_slice(), depth, admitted: admitted.as_ref() };
        Ok(self.ranking(dense.search(wanted)?))
    }

    fn passage(&self, id: &PassageId) -> Result<Option<Passage>, IndexError> {
        self.passages.passage(id)
    }

    fn metadata(&self, id: &DocumentId) -> Option<&Metadata> {
        self.passages.metadata(id)
    }

    fn each_document(&self, visit: &mut dyn FnMut(&DocumentId, &Metadata)) {
        self.passages.each_document(visit);
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Document>, IndexError> {
        self.passages.document(id)
    }

    fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    fn embedding_of(&self, content: &ContentKey) -> Option<Embedding> {
        let vectors = self.dense.as_ref()?.vectors();
        let place = self.passages.place_of(content)?;
        let mut bytes = Vec::new();
        let components = vectors.read(place as usize, 1, &mut bytes).ok()?;
        Embedding::checked(components.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()).ok()
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation").field("id", &self.manifest.id).finish_non_exhaustive()
    }
}
