//! How is the server to behave? Complete, checked by whoever fills it in.

use std::net::SocketAddr;
use std::time::Duration;

use clinqa_qa::{AnswerConfig, Region};

/// Everything that decides how the server behaves.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens; port 0 takes one that is free.
    pub listen: SocketAddr,
    /// Whose emergency number is named where a request names no region.
    pub region: Option<Region>,
    /// Jobs that run at once; each may use all cores for a while.
    pub workers: usize,
    /// Jobs that may wait for a worker; one more is refused.
    pub queue: usize,
    /// Longest time of one request, from its first byte to the last of its reply.
    pub request_timeout: Duration,
    /// How questions are answered.
    pub answering: AnswerConfig,
}

impl ServerConfig {
    /// The defaults, listening on `listen`.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            region: None,
            workers: 2,
            queue: 16,
            request_timeout: Duration::from_secs(5),
            answering: AnswerConfig::default(),
        }
    }
}
