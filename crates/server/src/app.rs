//! What does every request share?

use std::sync::Arc;

use arc_swap::ArcSwap;
use clinqa_qa::{Ask, Engine, Library, answer, emergency};
use clinqa_schema::Reply;

use crate::config::ServerConfig;
use crate::error::ApiError;
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

    /// Answers one question with one engine. An emergency waits neither for a model nor in the queue.
    pub(crate) async fn answer(&self, ask: Ask) -> Result<Reply, ApiError> {
        let (engine, ask, config) = (self.engine(), Arc::new(ask), self.config.answering);
        let screened = {
            let (engine, ask) = (Arc::clone(&engine), Arc::clone(&ask));
            tokio::task::spawn_blocking(move || emergency(&engine.models().rules, Some(engine.index()), &ask, &config))
        };
        match screened.await.map_err(|_| ApiError::Internal)? {
            Some(reply) => Ok(reply),
            None => Ok(self.work.run(move || answer(&engine, &ask, &config)).await??),
        }
    }

    /// Looks something up off the runtime's threads, in the index that serves now.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let engine = self.engine();
        tokio::task::spawn_blocking(move || job(&engine)).await.map_err(|_| ApiError::Internal)
    }

    /// Computes something with the models, as soon as it is its turn.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let engine = self.engine();
        self.work.run(move || job(&engine)).await
    }
}
