//! Which job runs now, which waits, and which is refused?

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::error::ApiError;

/// A bounded number of workers with a bounded queue before them.
pub(crate) struct Work {
    workers: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Work {
    pub(crate) fn new(workers: usize, queue: usize) -> Self {
        Self { workers: Arc::new(Semaphore::new(workers)), places: Arc::new(Semaphore::new(workers + queue)) }
    }

    /// Runs `job` off the runtime's threads as soon as a worker is free, or refuses it at once.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| ApiError::Busy)?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| ApiError::Busy)?;
        let ran = tokio::task::spawn_blocking(move || {
            let done = job();
            drop((worker, place));
            done
        });
        ran.await.map_err(|_| ApiError::Internal)
    }
}
