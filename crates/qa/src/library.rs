//! Where do engines come from, now and after the next publication?

use std::sync::Arc;

use clinqa_index::{GenerationId, IndexError, Store, Withdrawn, WithdrawnStamp};
use clinqa_schema::Moment;

use crate::{Engine, Error, Models, identity};

/// Makes a sealed generation of `store` the current one, if every file of it is as it was sealed and its vectors are of
/// the encoder at hand: what could not be opened afterwards is refused before.
pub fn activate(store: &Store, models: &Models, id: &GenerationId, now: Moment) -> Result<(), IndexError> {
    let (manifest, _) = store.manifest(id)?;
    if let (Some(encoder), Some(_)) = (&models.encoder, &manifest.encoder) {
        manifest.require_encoder(&identity(encoder))?;
    }
    store.activate(id, now)
}

/// An index folder beside the models that ask it; each publication in the folder makes a new engine.
#[derive(Clone)]
pub struct Library {
    store: Store,
    models: Arc<Models>,
}

impl Library {
    /// Joins an index folder and models; nothing is opened yet.
    pub fn new(store: Store, models: Models) -> Self {
        Self { store, models: Arc::new(models) }
    }

    /// The models.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The index folder.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The generation that is current in the folder; `None` if none was published. Reads one short line.
    pub fn current(&self) -> Result<Option<GenerationId>, Error> {
        Ok(self.store.current()?.map(|pointer| pointer.generation))
    }

    /// Makes a sealed generation of the folder the current one, as [`activate`] does.
    pub fn activate(&self, id: &GenerationId, now: Moment) -> Result<(), IndexError> {
        activate(&self.store, &self.models, id, now)
    }

    /// By what a change of the list of withdrawn documents is noticed; costs one look at a file.
    pub fn withdrawn_stamp(&self) -> WithdrawnStamp {
        self.store.withdrawn_stamp()
    }

    /// The documents that may not be shown.
    pub fn withdrawn(&self) -> Result<Withdrawn, Error> {
        Ok(self.store.withdrawn()?)
    }

    /// Opens the current generation, every byte of it checked, without the documents that were withdrawn.
    pub fn open(&self) -> Result<Engine, Error> {
        Ok(Engine::new(Arc::clone(&self.models), self.store.open_current()?)?)
    }

    /// Opens the current generation, or, where that cannot be used, the one before it, with what is wrong with the
    /// current one. An error is about the current one: it is what has to be mended.
    pub fn open_or_previous(&self) -> Result<(Engine, Option<Error>), Error> {
        let damage = match self.open() {
            Ok(engine) => return Ok((engine, None)),
            Err(damage) => damage,
        };
        let previous = self.store.open_previous().and_then(|previous| Engine::new(Arc::clone(&self.models), previous));
        match previous {
            Ok(engine) => Ok((engine, Some(damage))),
            Err(_) => Err(damage),
        }
    }
}
