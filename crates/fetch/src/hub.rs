//! What does the hub say?
//!
//! hf-hub knows the addresses, holds the TLS agent and puts the token where it belongs; this file, the only one that
//! opens a socket, sends its requests and reads the answers. Its own `download` is not used: it takes the name of a
//! file on our disk from the server's `etag` and commit headers unchecked, sends the token on to whatever host the hub
//! redirects to, appends a whole answer to a partial file if the server ignores the range, never compares lengths, and
//! waits for ever on a silent server (read in the source of 0.5.0).

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;

use crate::error::FetchError;
use crate::request::{PullRequest, is_sha256};

/// All that a hub learns about us.
const USER_AGENT: &str = concat!("clinqa/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(20);

/// How long a hub may stay silent in the middle of an answer.
const SILENCE: Duration = Duration::from_mins(1);

/// A list of files longer than this is not one of a model that we could use.
const MAX_LIST_BYTES: u64 = 8 << 20;

/// A hub, asked about one model.
pub(crate) struct Hub {
    api: Api,
    name: String,
    revision: String,
    endpoint: String,
}

/// What the hub says a model consists of.
pub(crate) struct Listing {
    /// The commit that the revision stands for.
    pub(crate) commit: String,
    /// By path, everything, wanted or not.
    pub(crate) files: BTreeMap<String, Announced>,
}

/// What the hub says about one file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Announced {
    /// Its length.
    pub(crate) bytes: Option<u64>,
    /// Its SHA-256 in lower case; hubs tell it for large files only.
    pub(crate) sha256: Option<String>,
}

/// A file that has begun to arrive.
pub(crate) struct Opened {
    /// First byte of the file that `body` brings; 0 if the hub would not go on from where it was asked to.
    pub(crate) start: u64,
    /// Length of the whole file, where the hub told.
    pub(crate) total: Option<u64>,
    /// The commit it belongs to, where the hub told.
    pub(crate) commit: Option<String>,
    /// The bytes.
    pub(crate) body: Box<dyn Read>,
}

impl Hub {
    /// Prepares to ask. `cache` keeps hf-hub from looking for its usual folder in the user's home; the token and the
    /// address are set in any case, so that nothing is picked up from files or the environment.
    pub(crate) fn new(request: &PullRequest, cache: &Path) -> Result<Self, FetchError> {
        let mut builder = ApiBuilder::from_cache(Cache::new(cache.to_path_buf()))
            .with_token(request.token.clone())
            .with_progress(false);
        if let Some(endpoint) = &request.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        let api = builder.build().map_err(|source| FetchError::Client { source: Box::new(source) })?;
        let mut hub =
            Self { api, name: request.name.clone(), revision: request.revision().to_owned(), endpoint: String::new() };
        // hf-hub keeps its default address to itself; every file's address begins with it.
        let url = hub.api.repo(hub.repo()).url("");
        let endpoint = url.split(&format!("/{}/resolve/", hub.name)).next().unwrap_or_default();
        endpoint.clone_into(&mut hub.endpoint);
        Ok(hub)
    }

    /// From now on asks for this commit, so that a push in the meantime cannot mix two versions.
    pub(crate) fn fix(&mut self, commit: &str) {
        commit.clone_into(&mut self.revision);
    }

    /// Asks for the list of files; none if this hub keeps no list, or one that says no commit.
    pub(crate) fn listing(&self) -> Result<Option<Listing>, FetchError> {
        let url = format!("{}/api/{}?blobs=true", self.endpoint, self.repo().api_url());
        let answer = self.get(&url, 0)?;
        match answer.status {
            200 => Ok(parse_listing(answer.body.take(MAX_LIST_BYTES))),
            401 | 403 => Err(FetchError::Refused { name: self.name.clone(), status: answer.status }),
            429 | 500.. => Err(FetchError::Status { file: self.name.clone(), status: answer.status }),
            _ => Ok(None),
        }
    }

    /// Asks for a file from byte `from` on; none if the model has no such file.
    pub(crate) fn open(&self, file: &str, from: u64) -> Result<Option<Opened>, FetchError> {
        let answer = self.get(&self.api.repo(self.repo()).url(file), from)?;
        let range = answer.range.as_deref().and_then(parse_range);
        let (start, total) = match (answer.status, range) {
            (200, _) => (0, answer.length),
            (206, Some((start, total))) if start == from => (start, total.or(answer.length.map(|rest| start + rest))),
            // What lies here is longer than the file, or the hub brings another part of it: from the beginning.
            (206 | 416, _) if from > 0 => return self.open(file, 0),
            (404, _) => return Ok(None),
            (401 | 403, _) => return Err(FetchError::Refused { name: self.name.clone(), status: answer.status }),
            (status, _) => return Err(FetchError::Status { file: file.to_owned(), status }),
        };
        if let (Some(expected), Some(rest)) = (total, answer.length) {
            let found = start.saturating_add(rest);
            if found != expected {
                return Err(FetchError::Length { file: file.to_owned(), expected, found });
            }
        }
        Ok(Some(Opened { start, total, commit: answer.commit.filter(|commit| is_commit(commit)), body: answer.body }))
    }

    /// The only request there is: a GET, no cookies, no proxy, no compression (lengths must be those of the file),
    /// bounded silence, and once encrypted never in the clear again.
    fn get(&self, url: &str, from: u64) -> Result<Answer, FetchError> {
        let unreachable = |source| FetchError::Unreachable { endpoint: self.endpoint.clone(), source };
        let mut request = self.api.repo(self.repo()).info_request().uri(url);
        if let (Some(headers), Ok(agent)) = (request.headers_mut(), USER_AGENT.parse()) {
            headers.insert("user-agent", agent);
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let response = request
            .config()
            .proxy(None)
            .accept_encoding("identity")
            .http_status_as_error(false)
            .https_only(self.endpoint.starts_with("https://"))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .build()
            .call()
            .map_err(|error| unreachable(error.into_io()))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer {
            status: response.status().as_u16(),
            length: header("content-length").and_then(|length| length.parse().ok()),
            range: header("content-range"),
            commit: header("x-repo-commit"),
            body: Box::new(response.into_body().into_reader()),
        })
    }

    fn repo(&self) -> Repo {
        Repo::with_revision(self.name.clone(), RepoType::Model, self.revision.clone())
    }
}

struct Answer {
    status: u16,
    length: Option<u64>,
    range: Option<String>,
    commit: Option<String>,
    body: Box<dyn Read>,
}

#[derive(Deserialize)]
struct RawListing {
    sha: String,
    siblings: Vec<RawFile>,
}

#[derive(Deserialize)]
struct RawFile {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<RawLarge>,
}

#[derive(Deserialize)]
struct RawLarge {
    sha256: Option<String>,
    size: Option<u64>,
}

fn parse_listing(body: impl Read) -> Option<Listing> {
    let raw: RawListing = serde_json::from_reader(io::BufReader::new(body)).ok()?;
    let announced = |size: Option<u64>, lfs: Option<RawLarge>| {
        let (sha256, large) = lfs.map_or((None, None), |lfs| (lfs.sha256, lfs.size));
        let sha256 = sha256.filter(|sha256| is_sha256(sha256)).map(|sha256| sha256.to_ascii_lowercase());
        Announced { bytes: large.or(size), sha256 }
    };
    let files = raw.siblings.into_iter().map(|file| (file.rfilename, announced(file.size, file.lfs))).collect();
    is_commit(&raw.sha).then_some(Listing { commit: raw.sha, files })
}

/// A commit becomes the name of a folder and part of an address, so it is a hash and nothing else.
fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// First byte and whole length of `bytes 5-9/10`; the length may be `*`.
fn parse_range(header: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    let start = span.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_hub_is_encrypted_and_a_given_one_is_taken_as_it_is() {
        let check = |endpoint: Option<&str>, expected: &str| {
            let endpoint = endpoint.map(str::to_owned);
            let request = PullRequest { name: "a/b".into(), endpoint, ..PullRequest::default() };
            let hub = Hub::new(&request, Path::new("no/such/folder")).expect("a client");
            assert!(hub.endpoint.starts_with(expected), "{}", hub.endpoint);
            assert!(!hub.endpoint.ends_with('/'));
        };
        check(None, "https://h");
        check(Some("http://127.0.0.1:9/mirror/"), "http://127.0.0.1:9/mirror");
    }

    #[test]
    fn a_content_range_names_its_start_and_the_whole_length() {
        let check = |header: &str, expected| assert_eq!(parse_range(header), expected, "{header:?}");
        check("bytes 5-9/10", Some((5, Some(10))));
        check("bytes 0-0/*", Some((0, None)));
        check("bytes */10", None);
        check("bytes 18446744073709551616-1/2", None);
        check("5-9/10", None);
        check("", None);
    }

    #[test]
    fn a_list_that_names_no_honest_commit_is_no_list() {
        let check =
            |json: &str, expected: bool| assert_eq!(parse_listing(json.as_bytes()).is_some(), expected, "{json}");
        check(r#"{"sha":"0123456789abcdef","siblings":[{"rfilename":"config.json","size":3}]}"#, true);
        check(r#"{"sha":"../../../../etc","siblings":[]}"#, false);
        check(r#"{"sha":"","siblings":[]}"#, false);
        check(r#"{"siblings":[]}"#, false);
        check("<html>", false);
        check("", false);
    }

    #[test]
    fn the_digest_of_a_large_file_is_taken_from_the_list_if_it_is_one() {
        let digest = "AB".repeat(32);
        let json = format!(
            r#"{{"sha":"0123456789abcdef","siblings":[{{"rfilename":"a","size":9,"lfs":{{"sha256":"{digest}","size":7}}}},
            {{"rfilename":"b","size":9,"lfs":{{"sha256":"x"}}}}]}}"#
        );
        let files = parse_listing(json.as_bytes()).expect("a list").files;
        assert_eq!(files["a"].sha256.as_deref(), Some("ab".repeat(32).as_str()));
        assert_eq!(files["a"].bytes, Some(7));
        assert_eq!(files["b"].sha256, None);
        assert_eq!(files["b"].bytes, Some(9));
    }
}
