//! What does every request share?

use std::sync::Arc;

use arc_swap::ArcSwap;
use clinqa_qa::{Engine, Library};

use crate::config::ServerConfig;
use crate::routes::feedback::Feedback;
use crate::work::Work;

/// The state that all requests share; requests in flight keep the engine they began with.
pub(crate) struct App {
    pub(crate) config: ServerConfig,
    pub(crate) library: Library,
    engine: ArcSwap<Engine>,
    pub(crate) work: Work,
    pub(crate) feedback: Feedback,
}

impl App {
    pub(crate) fn new(config: ServerConfig, library: Library, engine: Engine) -> Self {
        let work = Work::new(config.workers, config.queue);
        Self { config, library, engine: ArcSwap::from_pointee(engine), work, feedback: Feedback::default() }
    }

    /// The engine of the generation that serves now.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.engine.load_full()
    }
}
