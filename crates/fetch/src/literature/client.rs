//! What does a server say to one request?
//!
//! ureq speaks HTTP and TLS; everything it could decide on its own is switched off: redirects are followed by hand with
//! each hop checked, no environment is read for a proxy, no cookie is kept, and the resolver refuses addresses inside
//! our own walls. The socket connects to what that resolver returned and asks nobody a second time.

use std::collections::HashMap;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body, Proxy};
use url::Url;

use super::address::{is_public, parse, redirect, shown};
use super::{DownloadError, Patience, Private, Reach, Version};

/// All that a server learns about us.
const USER_AGENT: &str = concat!("clinqa/", env!("CARGO_PKG_VERSION"));

/// Redirects followed before we believe in a circle.
const MOST_REDIRECTS: usize = 5;

/// An honest head of an answer is a tenth of this.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// What a request asks beyond the address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    /// First byte wanted; the rest of the file follows.
    pub(crate) from: u64,
    /// The version that lies here whole, or whose part lies here if `from` is not 0.
    pub(crate) version: Option<Version>,
}

/// An answer whose head has arrived.
pub(crate) struct Answer {
    /// Where it came from in the end.
    pub(crate) url: Url,
    /// Its status.
    pub(crate) status: u16,
    /// Length of what `body` brings, where it is told.
    pub(crate) length: Option<u64>,
    /// First byte and length of the whole, if this is a part.
    pub(crate) range: Option<(u64, Option<u64>)>,
    /// Whether an end that is not a cut can be told apart from one.
    pub(crate) ends_clearly: bool,
    /// The server's name for this version.
    pub(crate) version: Version,
    /// Seconds after which the server wants to be asked again.
    pub(crate) retry_after: Option<u64>,
    /// The bytes.
    pub(crate) body: Box<dyn Read>,
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It never will.
    Lasting(DownloadError),
    /// It may, later.
    Passing(io::Error),
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        Self::Lasting(error)
    }
}

/// Asks, one request at a time.
pub(crate) struct Client {
    agent: Agent,
    private: Private,
    patience: Patience,
    last: HashMap<String, Instant>,
}

impl Client {
    /// Prepares to ask; nothing is sent.
    pub(crate) fn new(reach: &Reach) -> Result<Self, DownloadError> {
        let patience = reach.patience;
        let proxy = reach.proxy.as_deref().map(|address| proxy(address, reach.no_proxy.as_deref())).transpose()?;
        let config = Config::builder()
            .proxy(proxy)
            .user_agent(USER_AGENT)
            .accept_encoding("identity")
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEAD_BYTES)
            .max_idle_connections_per_host(1)
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.first_byte))
            .timeout_per_read(Some(patience.idle))
            .timeout_per_write(Some(patience.idle))
            .build();
        let guard = Guard { private: reach.private, inner: DefaultResolver::default() };
        let agent = Agent::with_parts(config, DefaultConnector::default(), guard);
        Ok(Self { agent, private: reach.private, patience, last: HashMap::new() })
    }

    /// Sends a GET and follows where it is sent on to, each hop checked as the first one was.
    pub(crate) fn get(&mut self, address: &str, ask: &Ask) -> Result<Answer, Failure> {
        let mut url = parse(address, self.private)?;
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(&url, ask)?;
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            match (response.status().as_u16(), location) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => url = redirect(&url, location, self.private)?,
                _ => return Ok(answer(url, response)?),
            }
        }
        Err(DownloadError::Redirects { url: address.escape_debug().to_string(), limit: MOST_REDIRECTS }.into())
    }

    fn send(&mut self, url: &Url, ask: &Ask) -> Result<Response<Body>, Failure> {
        self.be_polite(url);
        let mut request = self.agent.get(url.as_str());
        let etag = ask.version.as_ref().and_then(|version| version.etag.as_deref());
        let modified = ask.version.as_ref().and_then(|version| version.modified.as_deref());
        if ask.from > 0 {
            request = request.header("range", format!("bytes={}-", ask.from));
            // A weak tag does not vouch for bytes (RFC 9110, 13.1.5).
            if let Some(condition) = etag.filter(|etag| !etag.starts_with("W/")).or(modified) {
                request = request.header("if-range", condition);
            }
        } else if let Some(etag) = etag {
            request = request.header("if-none-match", etag);
        } else if let Some(modified) = modified {
            request = request.header("if-modified-since", modified);
        }
        request.call().map_err(|error| failure(url, error))
    }

    /// Leaves a pause between two requests to one host.
    fn be_polite(&mut self, url: &Url) {
        let host = url.host_str().unwrap_or_default().to_owned();
        if let Some(last) = self.last.get(&host) {
            std::thread::sleep(self.patience.pause.saturating_sub(last.elapsed()));
        }
        self.last.insert(host, Instant::now());
    }

    /// Waits before the next try: as long as the server asks, else twice as long after every failure.
    pub(crate) fn back_off(&self, failures: u32, asked: Option<u64>) {
        let doubled = self.patience.back_off.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let wait = asked.map_or(doubled, |seconds| Duration::from_secs(seconds).max(self.patience.back_off));
        std::thread::sleep(wait.min(self.patience.longest_wait));
    }

    /// What was agreed about waiting.
    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }
}

fn proxy(address: &str, none_for: Option<&str>) -> Result<Proxy, DownloadError> {
    let known = Proxy::new(address).map_err(|_| DownloadError::Proxy)?;
    let mut built = Proxy::builder(known.protocol()).host(known.host()).port(known.port());
    if let Some(user) = known.username() {
        built = built.username(user);
    }
    if let Some(password) = known.password() {
        built = built.password(password);
    }
    for host in none_for.unwrap_or_default().split(',').map(str::trim).filter(|host| !host.is_empty()) {
        built = built.no_proxy(host);
    }
    built.build().map_err(|_| DownloadError::Proxy)
}

fn answer(url: Url, response: Response<Body>) -> Result<Answer, DownloadError> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if let Some(encoding) = header("content-encoding").filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(DownloadError::Encoded { url: shown(&url), encoding: encoding.escape_debug().to_string() });
    }
    let length = header("content-length").and_then(|length| length.trim().parse().ok());
    // ureq unpacks gzip by itself and then hides both the encoding and the length; what is left of such an answer looks
    // like one that ends whenever the connection does, unless it came in chunks.
    let is_chunked =
        header("transfer-encoding").is_some_and(|encoding| encoding.to_ascii_lowercase().contains("chunked"));
    let version = Version { etag: header("etag"), modified: header("last-modified") };
    Ok(Answer {
        status: response.status().as_u16(),
        length,
        range: header("content-range").as_deref().and_then(parse_range),
        ends_clearly: length.is_some() || is_chunked,
        version,
        retry_after: header("retry-after").and_then(|seconds| seconds.trim().parse().ok()),
        url,
        body: Box::new(response.into_body().into_reader()),
    })
}

/// `bytes 5-9/10` and `bytes 5-9/*`.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (span, whole) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    let whole = if whole == "*" { None } else { Some(whole.parse().ok()?) };
    Some((start.trim().parse().ok()?, whole))
}

fn failure(url: &Url, error: ureq::Error) -> Failure {
    use ureq::Error::{BadUri, HostNotFound, Http, InvalidProxyUrl, LargeResponseHeader, Other, Protocol};
    let host = || url.host_str().unwrap_or_default().to_owned();
    match error {
        HostNotFound => DownloadError::NoHost { host: host() }.into(),
        LargeResponseHeader(..) | Protocol(_) => DownloadError::Head { url: shown(url) }.into(),
        BadUri(_) | Http(_) => DownloadError::Address { url: shown(url) }.into(),
        InvalidProxyUrl => DownloadError::Proxy.into(),
        Other(inner) if inner.is::<Inside>() => DownloadError::Private { host: inner.to_string() }.into(),
        other => Failure::Passing(other.into_io()),
    }
}

/// Resolves names, and refuses those that lead inside.
#[derive(Debug)]
struct Guard {
    private: Private,
    inner: DefaultResolver,
}

/// The refusal of [`Guard`], on its way through ureq.
#[derive(Debug, thiserror::Error)]
#[error("{host} ({address})")]
struct Inside {
    host: String,
    address: std::net::IpAddr,
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        // The proxy is the user's own choice and usually stands inside.
        let is_proxy = config.proxy().is_some_and(|proxy| {
            uri.host() == Some(proxy.host()) && uri.port_u16().is_none_or(|port| port == proxy.port())
        });
        if self.private == Private::Refused
            && !is_proxy
            && let Some(inside) = found.iter().find(|found| !is_public(found.ip()))
        {
            let host = uri.host().unwrap_or_default().to_owned();
            return Err(ureq::Error::Other(Box::new(Inside { host, address: inside.ip() })));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_resolves_inside_is_refused_by_the_resolver_itself() {
        let guard = |private| Guard { private, inner: DefaultResolver::default() };
        let uri: Uri = "http://localhost:1/".parse().expect("an address");
        let config = Config::builder().build();
        let timeout = || NextTimeout {
            after: ureq::unversioned::transport::time::Duration::NotHappening,
            reason: ureq::Timeout::Resolve,
            per_read: None,
            per_write: None,
        };
        let error = guard(Private::Refused).resolve(&uri, &config, timeout()).expect_err("refused");
        assert!(matches!(&error, ureq::Error::Other(inner) if inner.is::<Inside>()), "{error}");
        guard(Private::Allowed).resolve(&uri, &config, timeout()).expect("allowed");
    }

    #[test]
    fn a_range_is_understood_or_not_there() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5, None)));
        for wrong in ["", "bytes", "bytes */10", "items 5-9/10", "bytes 5-9/x", "bytes -9/10"] {
            assert_eq!(parse_range(wrong), None, "{wrong}");
        }
    }
}
