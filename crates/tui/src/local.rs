//! How does an index of this machine answer the screen?

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use clinqa_qa::{
    AnswerConfig, Changes, Delivered, Engine, Explain, FacetCounts, FileCheck, Generation, GenerationId, Lookup,
    Models, PassageIndex, Search, Store, WithdrawnStamp, activate, answer, facets, names, search, search_words,
    similar,
};
use clinqa_schema::{Document, DocumentId, Filters, Gaps, Metadata, Moment, Observer, PassageId, Reply};

use crate::desk::{Desk, DeskError, LISTED, Making, Opening, Place, Wanted};
use crate::house::Workshop;
use crate::message::{By, Found, Row, Shelved};

/// An index folder, the models, and who makes new generations.
pub struct Local {
    store: Store,
    workshop: Arc<dyn Workshop>,
    answering: AnswerConfig,
    generation: Mutex<Option<Held>>,
    models: OnceLock<Arc<Models>>,
}

/// What is open, and the list of withdrawn documents that it was opened with.
#[derive(Clone)]
struct Held {
    generation: Arc<Generation>,
    withdrawn: WithdrawnStamp,
}

impl Local {
    /// Nothing is opened yet.
    pub fn new(store: Store, workshop: Arc<dyn Workshop>, answering: AnswerConfig) -> Self {
        Self { store, workshop, answering, generation: Mutex::default(), models: OnceLock::new() }
    }

    fn current(&self) -> Option<Held> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn generation(&self) -> Result<Arc<Generation>, DeskError> {
        let held = self.current().ok_or_else(|| DeskError::failed("there is no index yet"))?;
        Ok(held.generation)
    }

    fn engine(&self) -> Result<Engine, DeskError> {
        let models = self.models.get().ok_or_else(|| DeskError::failed("the models are loading"))?;
        Engine::sharing(Arc::clone(models), self.generation()?).map_err(DeskError::failed)
    }

    fn lookup(wanted: &Wanted, search: Search) -> Lookup {
        let (question, filters) = (wanted.question.clone(), wanted.filters.clone());
        Lookup { question, history: Vec::new(), filters, top_k: LISTED, search, explain: Explain::Yes }
    }
}

/// What is known about documents of `index`.
fn known(index: &dyn PassageIndex) -> impl Fn(&DocumentId) -> Metadata {
    |id| index.metadata(id).cloned().unwrap_or_default()
}

impl Desk for Local {
    fn place(&self) -> Place {
        Place::Here
    }

    fn open(&self) -> Result<Opening, DeskError> {
        let Some(pointer) = self.store.current().map_err(DeskError::failed)? else {
            if self.current().is_some() {
                return Ok(Opening::Same);
            }
            let unasked = !self.store.ever_published() && self.workshop.makes_missing_index();
            return Ok(Opening::Missing(if unasked { Making::Unasked } else { Making::Asked }));
        };
        let withdrawn = self.store.withdrawn_stamp();
        let is_same = |held: Held| held.generation.manifest().id == pointer.generation && held.withdrawn == withdrawn;
        if self.current().is_some_and(is_same) {
            return Ok(Opening::Same);
        }
        let generation = Arc::new(self.store.open_current().map_err(DeskError::failed)?);
        let manifest = Box::new(generation.manifest().clone());
        *self.generation.lock().unwrap_or_else(PoisonError::into_inner) = Some(Held { generation, withdrawn });
        Ok(Opening::New(manifest))
    }

    fn names(&self) -> Result<Vec<String>, DeskError> {
        names(self.generation()?.as_ref()).map_err(DeskError::failed)
    }

    fn prepare(&self) -> Result<(), DeskError> {
        let models = self.workshop.models();
        let models = models.map_err(|error| DeskError::failed(format!("cannot open the models: {error}")))?;
        // Whoever was first has opened the same ones.
        let _ = self.models.set(Arc::new(models));
        Ok(())
    }

    fn by_words(&self, wanted: &Wanted) -> Result<Found, DeskError> {
        let (generation, start) = (self.generation()?, Instant::now());
        let lookup = Self::lookup(wanted, Search::LexicalOnly);
        let found = search_words(generation.as_ref(), &lookup, &self.answering).map_err(DeskError::failed)?;
        Ok(Found::of((found.results, found.trace, found.words), By::Words, start, known(generation.as_ref())))
    }

    fn by_meaning(&self, wanted: &Wanted) -> Result<Found, DeskError> {
        let (engine, start) = (self.engine()?, Instant::now());
        let lookup = Self::lookup(wanted, Search::Fused);
        let found = search(&engine, &lookup, &self.answering).map_err(DeskError::failed)?;
        let by = if engine.index().manifest().encoder.is_some() { By::Meaning } else { By::Words };
        Ok(Found::of((found.results, found.trace, found.words), by, start, known(engine.index())))
    }

    fn answer(&self, wanted: &Wanted) -> Result<Reply, DeskError> {
        let refused = |error: clinqa_qa::Error| DeskError::Refused { source: error.into() };
        answer(&self.engine()?, &wanted.ask(), &self.answering).map_err(refused)
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Document>, DeskError> {
        self.generation()?.document(id).map_err(DeskError::failed)
    }

    fn similar(&self, of: &PassageId, filters: &Filters) -> Result<Vec<Row>, DeskError> {
        let generation = self.generation()?;
        let index = generation.as_ref();
        let found = similar(index, of, filters, LISTED).map_err(DeskError::failed)?.unwrap_or_default();
        let known = known(index);
        let row = |reading: clinqa_schema::Reading| {
            let metadata = known(&reading.citation.document_id);
            Row::beside(reading, metadata)
        };
        Ok(found.into_iter().map(row).collect())
    }

    fn counts(&self, filters: &Filters) -> Result<FacetCounts, DeskError> {
        Ok(facets(self.generation()?.as_ref(), filters))
    }

    fn shelf(&self) -> Result<Vec<Shelved>, DeskError> {
        let entries = self.store.generations().map_err(DeskError::failed)?;
        let read = entries.into_iter().filter(|entry| entry.sealed).map(|entry| {
            let (manifest, _) = self.store.manifest(&entry.id).map_err(DeskError::failed)?;
            Ok(Shelved { manifest, current: entry.current, scores: self.workshop.scores(&entry.id) })
        });
        read.collect()
    }

    fn compare(&self, earlier: &GenerationId, later: &GenerationId) -> Result<Changes, DeskError> {
        self.store.diff(earlier, later).map_err(DeskError::failed)
    }

    fn check(&self) -> Result<Vec<FileCheck>, DeskError> {
        Ok(self.store.inspect_current().map_err(DeskError::failed)?.files)
    }

    fn corpora(&self) -> Result<Option<Vec<Delivered>>, DeskError> {
        self.workshop.corpora().map(Some).map_err(DeskError::failed)
    }

    fn activate(&self, id: &GenerationId) -> Result<(), DeskError> {
        let now = Moment::from(SystemTime::now());
        match self.models.get() {
            Some(models) => activate(&self.store, models, id, now),
            // Whose models do not open can still go back to what served before.
            None => self.store.activate(id, now),
        }
        .map_err(DeskError::failed)
    }

    fn rebuild(&self, observer: &mut dyn Observer) -> Result<String, DeskError> {
        self.workshop.rebuild(observer).map_err(DeskError::failed)
    }

    fn gaps(&self) -> Result<Option<Gaps>, DeskError> {
        self.workshop.gaps().map_err(DeskError::failed)
    }
}
