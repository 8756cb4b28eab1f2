//! What can go wrong while a model comes in, and what the user should do about it?

use std::io;
use std::path::{Path, PathBuf};

/// Why a model could not be pulled or verified. None of these carries a token.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The feature `hub` is off.
    #[error(
        "this build cannot pull models; rebuild with `--features hub`, or copy the folder and pass `--encoder FOLDER`"
    )]
    NoHub,
    /// The name is not `owner/model`.
    #[error("cannot pull {name:?}: a model is named OWNER/MODEL, of letters, digits, `.`, `_` and `-`; check the name")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// The revision is not a branch, tag or commit.
    #[error("cannot pull revision {revision:?}: it is no branch, tag or commit; leave it out to take `main`")]
    Revision {
        /// What was asked for.
        revision: String,
    },
    /// The hub's address is not one.
    #[error("cannot use the hub {endpoint:?}: give `https://HOST`, without user, query or fragment")]
    Endpoint {
        /// What was given.
        endpoint: String,
    },
    /// A token would travel readable by anyone on the way.
    #[error("cannot send a token to {endpoint}: the address is not encrypted; use https, or pull without a token")]
    OpenToken {
        /// The address.
        endpoint: String,
    },
    /// The token has characters that no header may carry.
    #[error("cannot use the token: it has spaces or control characters; copy it again from the hub's settings")]
    Token,
    /// The expected digest is not a SHA-256.
    #[error("cannot check against {given:?}: a SHA-256 is 64 hexadecimal digits; copy the one of the weights file")]
    Digest {
        /// What was given.
        given: String,
    },
    /// No connection, or none that worked.
    #[error(
        "cannot reach the hub {endpoint}: {source}; clinqa works offline: copy the folder by hand and pass \
         `--encoder FOLDER`, or try again later"
    )]
    Unreachable {
        /// The hub.
        endpoint: String,
        /// What the socket said.
        source: io::Error,
    },
    /// The connection ended in the middle of a file; what came is kept.
    #[error("{file} stopped after {received} bytes: {source}; run the same command again to go on from there")]
    Interrupted {
        /// The file.
        file: String,
        /// Bytes kept on disk.
        received: u64,
        /// What the socket said.
        source: io::Error,
    },
    /// The hub knows no such model, or no such revision.
    #[error(
        "cannot pull {name} at {revision}: the hub has no such model or revision; check both, they are case-sensitive"
    )]
    NotFound {
        /// The model.
        name: String,
        /// The revision.
        revision: String,
    },
    /// The hub wants to know who is asking (it says so for models that do not exist, too).
    #[error(
        "cannot pull {name}: the hub answered {status}; check the name, and if the model is private or gated, accept \
         its terms on the hub and pass a token"
    )]
    Refused {
        /// The model.
        name: String,
        /// 401 or 403.
        status: u16,
    },
    /// Another answer than we can use.
    #[error("cannot pull {file}: the hub answered {status}; try again later")]
    Status {
        /// The file or list asked for.
        file: String,
        /// The HTTP status.
        status: u16,
    },
    /// The model has no file that every checkpoint needs.
    #[error("cannot use {name}: it has no {missing}; choose a model that is published in the Hugging Face layout")]
    Incomplete {
        /// The model.
        name: String,
        /// What is missing, in words.
        missing: &'static str,
    },
    /// A file is larger than any model that clinqa can run.
    #[error("cannot pull {file}: it has more than {limit} bytes; choose a smaller model")]
    TooLarge {
        /// The file.
        file: String,
        /// Most bytes taken.
        limit: u64,
    },
    /// The hub does not say how long a file is, so a cut could not be told from its end.
    #[error("cannot pull {file}: the hub does not say how long it is; use another hub, or copy the folder by hand")]
    NoLength {
        /// The file.
        file: String,
    },
    /// The length of a file is not what the hub announced.
    #[error("cannot trust {file}: {expected} bytes were announced and {found} offered; pull again, or use another hub")]
    Length {
        /// The file.
        file: String,
        /// Bytes in the hub's list.
        expected: u64,
        /// Bytes in the answer.
        found: u64,
    },
    /// The weights are not the ones the user named; nothing was installed.
    #[error("cannot install {file}: its SHA-256 should be {expected} and is {found}; nothing was installed")]
    Sha256 {
        /// The weights file.
        file: String,
        /// The digest given.
        expected: String,
        /// The digest that came.
        found: String,
    },
    /// The hub now has other bytes than were pinned; the old ones stay.
    #[error(
        "cannot replace {file} in {folder}: its SHA-256 was pinned as {expected} and is now {found}; to accept the new \
         model deliberately pass `--sha256` with the digest of its weights, or delete the folder and pull again"
    )]
    Changed {
        /// The installed folder.
        folder: PathBuf,
        /// The file.
        file: String,
        /// The pinned digest, or `no file`.
        expected: String,
        /// The digest that came, or `no file`.
        found: String,
    },
    /// A file in the folder is not the one that was pinned.
    #[error(
        "cannot trust {path}: its SHA-256 was pinned as {expected} and is {found}; delete the folder and pull again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The pinned digest, or `no file`.
        expected: String,
        /// The digest found, or `no file`.
        found: String,
    },
    /// The folder was not made by a pull.
    #[error(
        "cannot check {folder}: it holds no pin.json, so no pull made it; use it with `--encoder FOLDER`, or move it \
         away and pull again"
    )]
    Unpinned {
        /// The folder.
        folder: PathBuf,
    },
    /// The pin file cannot be understood.
    #[error("cannot read {path}: it is damaged; delete the folder and pull again")]
    Pin {
        /// The pin file.
        path: PathBuf,
    },
    /// Another pull of the same model is at work.
    #[error("cannot pull into {folder}: another pull of this model is running; wait until it is done")]
    Busy {
        /// The folder where it collects its files.
        folder: PathBuf,
    },
    /// No room left.
    #[error("cannot write {path}: the disk is full; make room and run the same command again to go on from there")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("cannot use {path}: {source}; check that the folder can be read and written")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The hub's library would not start.
    #[cfg(feature = "hub")]
    #[error("cannot prepare a connection: {source}; copy the folder by hand and pass `--encoder FOLDER`")]
    Client {
        /// What it said.
        source: Box<hf_hub::api::sync::ApiError>,
    },
}

impl FetchError {
    /// Wraps what the file system said about `path`; a full disk has its own name and its own cure.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }
}
