//! What does a build without a socket say to whoever wants literature?

use std::convert::Infallible;
use std::path::Path;

use super::{Arrival, DownloadError, Page, Reach, Wanted};

/// Brings nothing: this build has no socket.
pub struct Downloader(Infallible);

impl Downloader {
    /// Refuses.
    pub fn new(_: &Reach) -> Result<Self, DownloadError> {
        Err(DownloadError::NoNetwork)
    }

    /// Never reached.
    pub fn page(&mut self, _: &str) -> Result<Page, DownloadError> {
        match self.0 {}
    }

    /// Never reached.
    pub fn join(&self, _: &str, _: &str) -> Result<String, DownloadError> {
        match self.0 {}
    }

    /// Never reached.
    pub fn fetch(&mut self, _: &Wanted, _: &Path, _: &mut dyn FnMut(u64)) -> Result<Arrival, DownloadError> {
        match self.0 {}
    }
}
