//! What does a clinqa server say? JSON out, JSON in, over one address, with one key.
//!
//! A question is health data and travels in bodies only; it never leaves for another host than the one that was named: no
//! redirect is followed, no proxy of the environment is used, and plain HTTP is spoken with this machine alone.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, http};

/// All that a server learns about us besides the key.
const USER_AGENT: &str = concat!("clinqa/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(4);

/// How long a reply may take, from the first byte that is sent to the last that comes, unless more is expected.
const WHOLE: Duration = Duration::from_secs(20);

/// A connection that rested longer is not used again: the server closes it after nine seconds.
const REST: Duration = Duration::from_secs(5);

/// No reply of ours is longer.
const MAX_BYTES: u64 = 64 << 20;

/// Bytes of the longest sentence of a server that is repeated.
const MAX_SENTENCE: usize = 300;

/// Which server, and how it is to know us.
#[derive(Clone)]
pub struct ClientConfig {
    /// Its address, such as `https://clinqa.example.org`.
    pub address: String,
    /// The secret that opens it.
    pub key: Option<String>,
    /// Certificates, PEM, of the authorities that may vouch for it, instead of the public ones.
    pub authorities: Option<Vec<u8>>,
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("address", &self.address).finish_non_exhaustive()
    }
}

/// One server, asked by several threads.
pub struct Client {
    agent: Agent,
    base: String,
    host: String,
    authorization: Option<String>,
}

/// Why there is no reply. None of these repeats what was sent.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be used.
    #[error("`{found}` is no address of a server; write it as https://HOST or https://HOST:PORT")]
    Address {
        /// The address, escaped.
        found: String,
    },
    /// Questions would cross the network in the clear.
    #[error("refusing to send questions to {host} in the clear; write the address with https://")]
    Clear {
        /// The host.
        host: String,
    },
    /// The file holds no certificate.
    #[error("the file of authorities holds no certificate in PEM")]
    Authorities,
    /// The key is none.
    #[error("the file of the key holds no key; it is one line, as `clinqa key new` prints it first")]
    Key,
    /// Nobody answers.
    #[error("cannot reach {host}: {source}")]
    Lost {
        /// The host.
        host: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The server has too much to do.
    #[error("{host} is busy")]
    Busy {
        /// The host.
        host: String,
        /// When to come back.
        after: Duration,
    },
    /// The server refuses.
    #[error("{host}: {sentence}")]
    Refused {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        sentence: String,
    },
    /// What came back is nothing that was asked for.
    #[error("{host} does not answer as a clinqa server of this version does")]
    Form {
        /// The host.
        host: String,
    },
}

impl Client {
    /// Nothing is sent yet.
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address { found: config.address.escape_default().to_string() };
        let base = config.address.trim().trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?.to_owned();
        let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !plain || uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err(wrong());
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_this_machine(&host) => {}
            Some("http") => return Err(ClientError::Clear { host }),
            _ => return Err(wrong()),
        }
        let key = config.key.as_deref().map(str::trim);
        if key.is_some_and(|key| key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ClientError::Key);
        }
        let roots = config.authorities.as_deref().map_or(Ok(RootCerts::WebPki), authorities)?;
        let agent = Agent::config_builder()
            .user_agent(USER_AGENT)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .max_idle_age(REST)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let authorization = key.map(|key| format!("Bearer {key}"));
        Ok(Self { agent: agent.into(), base, host, authorization })
    }

    /// The name of the machine that answers.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What `GET path` gives.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.get_within(path, WHOLE)
    }

    /// The same of what takes the server longer.
    pub fn get_within<T: DeserializeOwned>(&self, path: &str, patience: Duration) -> Result<T, ClientError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let mut request = request.config().timeout_global(Some(patience)).build();
        if let Some(authorization) = &self.authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        self.read(request.call())
    }

    /// What `POST path` gives for `body`.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.post_within(path, body, WHOLE)
    }

    /// The same of what takes the server longer.
    pub fn post_within<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|_| self.misfit())?;
        let request = self.agent.post(format!("{}{path}", self.base));
        let mut request = request.config().timeout_global(Some(patience)).build();
        request = request.header(http::header::CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        self.read(request.send(&body))
    }

    fn read<T: DeserializeOwned>(&self, response: Result<http::Response<Body>, ureq::Error>) -> Result<T, ClientError> {
        let lost = |source| ClientError::Lost { host: self.host.clone(), source: Box::new(source) };
        let mut response = response.map_err(lost)?;
        let status = response.status();
        let after = response.headers().get(http::header::RETRY_AFTER);
        let after = after.and_then(|value| value.to_str().ok()?.parse().ok()).map_or(CONNECT, Duration::from_secs);
        let bytes = match response.body_mut().with_config().limit(MAX_BYTES).read_to_vec() {
            Ok(bytes) => bytes,
            Err(ureq::Error::BodyExceedsLimit(_)) => return Err(self.misfit()),
            Err(error) => return Err(lost(error)),
        };
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|_| self.misfit());
        }
        // A broken index does not mend itself while somebody waits: whoever cares for it must read why.
        let is_broken = told(&bytes)["code"] == "index";
        if matches!(status.as_u16(), 429 | 503) && !is_broken {
            return Err(ClientError::Busy { host: self.host.clone(), after });
        }
        let (host, status) = (self.host.clone(), status.as_u16());
        Err(ClientError::Refused { host, status, sentence: sentence(&bytes, status) })
    }

    fn misfit(&self) -> ClientError {
        ClientError::Form { host: self.host.clone() }
    }
}

/// What is sent in the clear to these stays on this machine.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn authorities(pem: &[u8]) -> Result<RootCerts, ClientError> {
    let items = parse_pem(pem).filter_map(Result::ok);
    let certificates: Vec<Certificate<'static>> = items
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(ClientError::Authorities);
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// An error of ours as JSON; null if it is none.
fn told(bytes: &[u8]) -> serde_json::Value {
    let mut body: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    body.get_mut("error").map(serde_json::Value::take).unwrap_or_default()
}

/// The sentence of an error of ours; of anything else only the status.
fn sentence(bytes: &[u8], status: u16) -> String {
    let error = told(bytes);
    let said = error["message"].as_str().filter(|said| said.len() <= MAX_SENTENCE && !said.contains(char::is_control));
    said.map_or_else(|| format!("the request was refused with status {status}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    use serde_json::{Value, json};

    use super::*;

    fn client(address: &str, key: Option<&str>) -> Result<Client, ClientError> {
        Client::new(&ClientConfig { address: address.into(), key: key.map(str::to_owned), authorities: None })
    }

    /// A server that says `reply` to one request; its head and body come back.
    fn saying(reply: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let served = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let (mut reader, mut head, mut length) = (BufReader::new(&stream), String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                head.push_str(&line);
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            (&stream).write_all(reply.as_bytes()).expect("written");
            head + &String::from_utf8_lossy(&body)
        });
        (address, served)
    }

    #[test]
    fn an_address_is_one_of_a_server_and_questions_do_not_cross_a_network_in_the_clear() {
        let check = |address: &str, expected: &str| match client(address, None) {
            Ok(client) => assert_eq!(client.host(), expected, "{address}"),
            Err(error) => assert!(error.to_string().contains(expected), "{address}: {error}"),
        };
        check("https://clinqa.example.org", "clinqa.example.org");
        check("https://clinqa.example.org:8443/", "clinqa.example.org");
        check("http://127.0.0.1:8787", "127.0.0.1");
        check("http://[::1]:8787", "[::1]");
        check("http://localhost", "localhost");
        check("http://clinqa.example.org", "in the clear");
        check("http://127.0.0.1.example.org", "in the clear");
        for wrong in ["", "clinqa.example.org", "ftp://a", "https://", "https://a/b", "https://a?b", "https://a:b@c"] {
            check(wrong, "no address");
        }
        assert!(matches!(client("https://a", Some("\n")), Err(ClientError::Key)));
        assert!(matches!(client("https://a", Some("a\nb")), Err(ClientError::Key)));
        let authorities = Some(b"no certificate".to_vec());
        let config = ClientConfig { address: "https://a".into(), key: Some("s3cret".into()), authorities };
        assert!(!format!("{config:?}").contains("s3cret"));
        assert!(matches!(Client::new(&config), Err(ClientError::Authorities)));
    }

    #[test]
    fn what_is_sent_stands_in_the_body_beside_the_key() {
        let (address, served) = saying("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\": 12}");
        let reply: Value =
            client(&address, Some("k3y\n")).expect("a client").post("/v1/ask", &json!({"q": 1})).expect("a reply");
        assert_eq!(reply["a"], 12);
        let sent = served.join().expect("served");
        assert!(sent.starts_with("POST /v1/ask HTTP/1.1\r\n") && sent.ends_with("{\"q\":1}"), "{sent}");
        assert!(sent.contains("authorization: Bearer k3y\r\n") && sent.contains("user-agent: clinqa/"), "{sent}");
    }

    #[test]
    fn what_a_server_refuses_is_told_in_its_words_and_what_it_says_of_waiting_is_kept() {
        let told = |reply: &'static str| {
            let (address, served) = saying(reply);
            let told = client(&address, None).expect("a client").get::<Value>("/x").expect_err("an error");
            served.join().expect("served");
            told
        };
        let refused =
            told("HTTP/1.1 403 Forbidden\r\ncontent-length: 39\r\n\r\n{\"error\": {\"message\": \"not with this\"}}");
        assert_eq!(refused.to_string(), "127.0.0.1: not with this");
        let busy = told("HTTP/1.1 429 Too Many\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n");
        assert!(matches!(busy, ClientError::Busy { after, .. } if after.as_secs() == 3), "{busy}");
        let broken = told(
            "HTTP/1.1 503 Unavailable\r\ncontent-length: 54\r\n\r\n{\"error\": {\"code\": \"index\", \"message\": \"run rebuild\"}}",
        );
        assert_eq!(broken.to_string(), "127.0.0.1: run rebuild");
        let moved = told("HTTP/1.1 302 Found\r\nlocation: http://elsewhere.example/\r\ncontent-length: 0\r\n\r\n");
        assert!(matches!(moved, ClientError::Refused { status: 302, .. }), "{moved}");
        let other = told("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>");
        assert!(matches!(other, ClientError::Form { .. }), "{other}");
        let cut = told("HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{}");
        assert!(matches!(cut, ClientError::Lost { .. }), "{cut}");
    }

    #[test]
    fn nobody_there_is_told_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let error = client(&address, None).expect("a client").get::<Value>("/x").expect_err("an error");
        assert!(matches!(error, ClientError::Lost { .. }), "{error}");
    }
}
