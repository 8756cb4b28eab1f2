//! How does literature come in: which files does a source offer, and how do they arrive whole?
//!
//! [`Source`] is the table of public sources, [`links`] and [`plan`] turn a page of theirs into a list of files (both
//! pure), and [`Downloader`] brings a file: politely, resumably, checked, and never from an address inside our own walls.

#[cfg(feature = "hub")]
mod address;
#[cfg(feature = "hub")]
mod client;
#[cfg(not(feature = "hub"))]
mod closed;
mod collect;
#[cfg(feature = "hub")]
mod download;
mod error;
mod listing;
#[cfg(feature = "hub")]
mod part;
mod plan;
mod source;

use std::path::PathBuf;
use std::time::Duration;

#[cfg(not(feature = "hub"))]
pub use closed::Downloader;
pub use collect::{Collection, Listed, Taken, changed, collect, fetched, offered};
#[cfg(feature = "hub")]
pub use download::Downloader;
pub use error::DownloadError;
pub use listing::{Link, links};
pub use plan::{Pick, Planned, numbered, plan, plan_ids};
pub use source::{Checksum, Offer, SOURCES, Source};

/// How the outside is reached.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Whether addresses inside our own walls may be asked.
    pub private: Private,
    /// The proxy, as `http://HOST:PORT`.
    pub proxy: Option<String>,
    /// Hosts that are asked without it, separated by commas.
    pub no_proxy: Option<String>,
    /// How long to wait for what.
    pub patience: Patience,
}

/// Whether a loopback, private, link-local or otherwise special address may be connected to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Private {
    /// It is refused: a list of addresses that somebody else wrote must not reach our own machines.
    #[default]
    Refused,
    /// It may, because the user said so.
    Allowed,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the head of an answer.
    pub first_byte: Duration,
    /// For the next bytes of a body.
    pub idle: Duration,
    /// Between two requests to one host.
    pub pause: Duration,
    /// After the first failure; doubled after each that follows.
    pub back_off: Duration,
    /// At most, whatever a host asks for; one that asks for more is not asked again.
    pub longest_wait: Duration,
    /// Failures in a row after which a file is given up.
    pub attempts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            first_byte: Duration::from_mins(1),
            idle: Duration::from_mins(1),
            // NCBI asks for at most three requests a second.
            pause: Duration::from_millis(400),
            back_off: Duration::from_secs(2),
            longest_wait: Duration::from_mins(2),
            attempts: 5,
        }
    }
}

/// A file that should come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its address.
    pub url: String,
    /// What it is called here.
    pub name: String,
    /// Most bytes taken.
    pub limit: u64,
    /// What it must be.
    pub expected: Expected,
    /// The version that lies here already, if one does.
    pub known: Option<Version>,
}

/// What a file must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Anything of its announced length.
    #[default]
    Whole,
    /// Bytes with this MD5, in hexadecimal: a guard against damage, not against malice.
    Md5(String),
    /// Bytes with this SHA-256, in hexadecimal.
    Sha256(String),
    /// Bytes with the MD5 that the small file at this address names.
    Companion(String),
}

/// How a server tells one version of a file from another.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Version {
    /// `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
}

/// What became of a wanted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The server still has the known version.
    Unchanged,
    /// It lies here now.
    Arrived(Arrived),
}

/// A file that came in whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Where it lies.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Bytes that an earlier attempt had left here.
    pub resumed: u64,
    /// The server's name for this version.
    pub version: Version,
}

/// A page of links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it came from in the end.
    pub url: String,
    /// Its text.
    pub text: String,
}
