//! How is the server to behave? Complete, checked by whoever fills it in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clinqa_qa::{AnswerConfig, Region};

use crate::Role;
use crate::making::Maker;
use crate::questions::{QueryLog, Records};

/// Everything that decides how the server behaves.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens; port 0 takes one that is free.
    pub listen: SocketAddr,
    /// Whose emergency number is named where a request names no region.
    pub region: Option<Region>,
    /// Questions that are worked on at once; each may use all cores for a while.
    pub workers: usize,
    /// Questions that may wait for a worker, however short the wait; one more is refused.
    pub queue: usize,
    /// Longest wait that a question is let in for; where more is to be expected, it is refused at once.
    pub queue_wait: Duration,
    /// Longest time of one request, from the last byte of its head to the first byte of its reply.
    pub request_timeout: Duration,
    /// How questions are answered.
    pub answering: AnswerConfig,
    /// What may be done without a key.
    pub strangers: Role,
    /// Whose word counts for where a request comes from.
    pub proxy: Proxy,
    /// Sizes, numbers and times that a connection is held to.
    pub limits: Limits,
    /// How much one key or address may ask for.
    pub rates: Rates,
    /// What is logged.
    pub log: LogLevel,
    /// Who keeps what was asked; nobody unless told.
    pub query_log: Option<Arc<dyn QueryLog>>,
    /// Who knows what was measured of the generations; nobody unless told.
    pub records: Option<Arc<dyn Records>>,
    /// Who makes new generations; nobody unless told.
    pub maker: Option<Arc<dyn Maker>>,
}

impl ServerConfig {
    /// The defaults, listening on `listen`.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            region: None,
            workers: 2,
            queue: 64,
            queue_wait: Duration::from_millis(300),
            request_timeout: Duration::from_secs(5),
            answering: AnswerConfig::default(),
            strangers: Role::Admin,
            proxy: Proxy::Direct,
            limits: Limits::default(),
            rates: Rates::default(),
            log: LogLevel::Info,
            query_log: None,
            records: None,
            maker: None,
        }
    }
}

/// Whose word counts for where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// Only the connection's own address; no header is believed.
    Direct,
    /// The last entry of `X-Forwarded-For`, which the proxy in front wrote.
    Trusted,
}

/// Sizes, numbers and times that a connection is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; one more is told to come back.
    pub connections: usize,
    /// Connections at once from one address (of IPv6, from one /64); not counted behind a trusted proxy.
    pub connections_per_address: usize,
    /// Bytes of a request's line and headers.
    pub head_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Until a TLS handshake is done.
    pub handshake: Duration,
    /// Until the first byte of a new connection.
    pub first_byte: Duration,
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// From the head to the last byte of its body.
    pub body: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// How long a reader may take nothing; one that takes little has a while more, at 32 KiB a second.
    pub write: Duration,
    /// From the order to stop until connections are cut.
    pub drain: Duration,
}

impl Default for Limits {
    /// A hostile client is gone within ten seconds, an honest one on a slow line is not hurt.
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 128,
            head_bytes: 16 << 10,
            body_bytes: 64 << 10,
            handshake: Duration::from_secs(5),
            first_byte: Duration::from_secs(6),
            head: Duration::from_secs(5),
            body: Duration::from_secs(5),
            idle: Duration::from_secs(9),
            write: Duration::from_secs(6),
            drain: Duration::from_secs(8),
        }
    }
}

/// How much one key or address may ask for; `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Requests without a key, by address (of IPv6, by /64).
    pub per_address: Option<Rate>,
    /// Requests with a key, by key.
    pub per_key: Option<Rate>,
}

impl Default for Rates {
    /// Nobody reads an answer a second; a ward behind one address, or a program with a key, may ask more.
    fn default() -> Self {
        Self {
            per_address: Some(Rate { questions_per_minute: 60, burst: 20 }),
            per_key: Some(Rate { questions_per_minute: 600, burst: 100 }),
        }
    }
}

/// So many questions; a lighter request counts as a tenth of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub questions_per_minute: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// What is logged, as JSON Lines on standard error. No level shows what somebody asked or was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What an operator must mend.
    Error,
    /// Every request, and every change of the server's own state.
    Info,
    /// Connections that were refused or cut, too.
    Debug,
    /// All there is.
    Trace,
}
