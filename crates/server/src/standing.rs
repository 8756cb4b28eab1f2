//! Should questions be sent here?

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use utoipa::ToSchema;

/// Whether questions should be sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    /// The current index answers.
    Ready,
    /// An older index answers, because the current one cannot be used.
    Degraded,
    /// No new connection is taken.
    Stopping,
}

/// What is known about it, for all threads.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    degraded: AtomicBool,
    stopping: AtomicBool,
}

impl Standing {
    pub(crate) fn health(&self) -> Health {
        match (self.stopping.load(Ordering::Relaxed), self.degraded.load(Ordering::Relaxed)) {
            (true, _) => Health::Stopping,
            (false, true) => Health::Degraded,
            (false, false) => Health::Ready,
        }
    }

    /// Notes whether the current index of the folder can be used.
    pub(crate) fn set_degraded(&self, degraded: bool) {
        self.degraded.store(degraded, Ordering::Relaxed);
    }

    /// Notes that the server is to stop.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
