//! What can go wrong while literature comes in, and what should the user do about it?

use std::io;
use std::path::{Path, PathBuf};

/// Why a file or a page could not be fetched. Addresses are shown without their queries.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The feature `hub` is off.
    #[error(
        "this build fetches nothing; rebuild with `--features hub`, or put the files into the corpus folder by hand"
    )]
    NoNetwork,
    /// It is no address.
    #[error("cannot fetch {url}: this is no web address; write it as https://HOST/FILE")]
    Address {
        /// What was written.
        url: String,
    },
    /// Neither http nor https.
    #[error("cannot fetch from a {url} address: only http and https are allowed; correct the address")]
    Scheme {
        /// The scheme.
        url: String,
    },
    /// The address holds a user or a password.
    #[error("cannot fetch from {host}: the address holds a user or password, which would be stored; leave it out")]
    Credentials {
        /// The host.
        host: String,
    },
    /// The address lies inside our own walls.
    #[error(
        "refusing to connect to {host}: it is a private, loopback or otherwise special address; pass `--allow-private` \
         if this server is yours"
    )]
    Private {
        /// The host, or the address that its name resolved to.
        host: String,
    },
    /// The proxy's address is not one.
    #[error("cannot use the proxy: its address is none; set it as http://HOST:PORT")]
    Proxy,
    /// The host has no address.
    #[error(
        "cannot find {host}: check the address and the network, or fetch the file elsewhere and `clinqa corpus add` it"
    )]
    NoHost {
        /// The host.
        host: String,
    },
    /// No connection, or none that worked.
    #[error(
        "cannot reach {url}: {source}; check the network, the proxy and the address, and run the same command again"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// What the socket said.
        source: io::Error,
    },
    /// A server sent us around in circles.
    #[error("cannot fetch {url}: it was redirected more than {limit} times; check the address")]
    Redirects {
        /// Where it began.
        url: String,
        /// Most redirects followed.
        limit: usize,
    },
    /// A redirect from https to http.
    #[error("refusing a redirect to {url}: the first address was encrypted and this one is not; use the https address")]
    Downgrade {
        /// Where it led.
        url: String,
    },
    /// Another answer than we can use.
    #[error("cannot fetch {url}: the server answered {status}; {}", cure(*status))]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server wants us to stay away longer than we wait.
    #[error(
        "cannot fetch {url}: the server asks for a pause of {seconds} seconds; run the same command again after it"
    )]
    ComeBack {
        /// The address.
        url: String,
        /// The pause.
        seconds: u64,
    },
    /// The answer is compressed on the way, which nobody asked for.
    #[error("cannot trust {url}: the answer is encoded as {encoding}, which was not asked for; use another server")]
    Encoded {
        /// The address.
        url: String,
        /// The encoding.
        encoding: String,
    },
    /// The head of the answer breaks the rules or is too long.
    #[error("cannot trust {url}: the head of its answer is broken or too long; use another server")]
    Head {
        /// The address.
        url: String,
    },
    /// Its end could not be told from a cut.
    #[error("cannot fetch {url}: the server does not say how long the file is; give its digest in corpus.toml")]
    NoLength {
        /// The address.
        url: String,
    },
    /// What is offered is not what was announced.
    #[error("cannot trust {file}: {expected} bytes were announced and {found} offered; run the same command again")]
    Length {
        /// The file.
        file: String,
        /// Bytes announced.
        expected: u64,
        /// Bytes offered.
        found: u64,
    },
    /// Longer than allowed.
    #[error(
        "cannot fetch {file}: it has more than {limit} bytes; set a higher `max_bytes` in corpus.toml if that is right"
    )]
    TooLarge {
        /// The file.
        file: String,
        /// Most bytes taken.
        limit: u64,
    },
    /// A page of links is no text.
    #[error("cannot read the page {url}: it is not UTF-8 text; check the address")]
    PageText {
        /// The page.
        url: String,
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
    /// Not the bytes that were expected; they were deleted.
    #[error(
        "cannot trust {file}: its {algorithm} should be {expected} and is {found}; run the same command again, and report it to the provider if it stays so"
    )]
    Digest {
        /// The file.
        file: String,
        /// MD5 or SHA-256.
        algorithm: &'static str,
        /// The digest that was promised.
        expected: String,
        /// The digest that came.
        found: String,
    },
    /// A digest is not one.
    #[error("cannot check {file}: {found} is no {algorithm}; correct it")]
    NoDigest {
        /// The file, or the companion that should name it.
        file: String,
        /// MD5 or SHA-256.
        algorithm: &'static str,
        /// What was there instead.
        found: String,
    },
    /// A file's name could lead out of the corpus or be overlooked in it.
    #[error(
        "cannot store {name:?}: a file is named with letters, digits, `.`, `_` and `-`, beginning with a letter or digit; give it a `name` in corpus.toml"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Another fetch into the same corpus is at work.
    #[error("cannot fetch into {folder}: another fetch is running there; wait until it is done")]
    Busy {
        /// The corpus folder.
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
    /// The page of a source offers nothing of what was asked for.
    #[error("{page} offers no file that fits; check `--files` and `--since`, or whether the source has moved")]
    NothingOffered {
        /// The page.
        page: String,
    },
    /// Too much to take without being told so.
    #[error(
        "{source_name} offers {files} files; say which with `--files FIRST-LAST` or `--since DATE`, or take them all with `--all`"
    )]
    WhichFiles {
        /// The source.
        source_name: &'static str,
        /// How many there are.
        files: usize,
    },
    /// No article is named.
    #[error(
        "{source_name} brings single articles; name them as `ids = [\"PMC…\"]` under [fetch] in corpus.toml, or with `--ids`"
    )]
    NoIds {
        /// The source.
        source_name: &'static str,
    },
    /// An article's id is not one.
    #[error("{id:?} is no article of this source; write it as PMC123456 or PMC123456.2 (with its version)")]
    Id {
        /// What was written.
        id: String,
    },
}

impl DownloadError {
    /// Whether the answer would be the same tomorrow: what was asked for is wrong, not the network.
    pub fn is_request(&self) -> bool {
        matches!(
            self,
            Self::Address { .. }
                | Self::Scheme { .. }
                | Self::Credentials { .. }
                | Self::Private { .. }
                | Self::Proxy
                | Self::Name { .. }
                | Self::NoDigest { .. }
                | Self::NothingOffered { .. }
                | Self::WhichFiles { .. }
                | Self::NoIds { .. }
                | Self::Id { .. }
        )
    }

    /// Wraps what the file system said about `path`; a full disk has its own name and its own cure.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }
}

fn cure(status: u16) -> &'static str {
    match status {
        401 | 403 => "it wants to know who is asking; fetch the file elsewhere and `clinqa corpus add` it",
        404 | 410 => "check the address, the file may have moved",
        _ => "try again later",
    }
}
