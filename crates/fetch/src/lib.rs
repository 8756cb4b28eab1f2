//! Where does it come from?
//!
//! The only room with an outbound socket. A checkpoint comes in from a hub of models ([`pull`]), is hashed, and lands
//! whole in a folder of its own beside a `pin.json` with the SHA-256 of every file; [`verify`] compares the two again.
//! What was pinned on the first pull is what every later pull must bring. Literature comes in from public sources
//! ([`Downloader`], [`SOURCES`]), checked and resumable.
//!
//! Nothing about a question ever goes out: the requests name a model, a revision and a file, and the user agent is
//! `clinqa/<version>`. Without the feature `hub` no socket is compiled in; [`verify`] works all the same.

#[cfg(feature = "hub")]
mod client;
mod error;
#[cfg(feature = "hub")]
mod hub;
mod layout;
mod literature;
mod pin;
#[cfg(feature = "hub")]
mod place;
#[cfg(feature = "hub")]
mod pull;
mod request;

#[cfg(feature = "hub")]
pub use client::{Client, ClientConfig, ClientError};
pub use error::FetchError;
pub use literature::{
    Arrival, Arrived, Checksum, Collection, DownloadError, Downloader, Expected, Link, Listed, Offer, Page, Patience,
    Pick, Planned, Private, Reach, SOURCES, Source, Taken, Version, Wanted, changed, collect, fetched, links, numbered,
    offered, plan, plan_ids,
};
pub use pin::{PIN_FILE, PulledFile, verify};
pub use request::{PullRequest, Pulled};

#[cfg(feature = "hub")]
pub use pull::pull;

/// Refuses: this build has no socket.
#[cfg(not(feature = "hub"))]
pub fn pull(
    request: &PullRequest,
    _models: &std::path::Path,
    _observer: &mut dyn clinqa_schema::Observer,
) -> Result<Pulled, FetchError> {
    request.check()?;
    Err(FetchError::NoHub)
}
