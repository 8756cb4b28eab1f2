//! How many questions a second does a server answer, and what becomes of those beyond?
//!
//! Open loop: questions leave at a constant rate whatever comes back, and each is timed from the moment it was due, so
//! that a server that stalls cannot hide it by being asked less.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::BenchError;

/// Longest wait for one reply.
const PATIENCE: Duration = Duration::from_secs(20);

/// A load and where it is sent.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// Questions a second.
    pub rate: f64,
    /// For so long.
    pub duration: Duration,
    /// Threads that ask; as many as questions may be under way.
    pub askers: usize,
}

/// What became of the questions; times in milliseconds from when each was due.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    /// Questions a second that were sent.
    pub rate: f64,
    /// Questions sent.
    pub sent: usize,
    /// Answers a second.
    pub goodput: f64,
    /// Replies with 200.
    pub accepted: Times,
    /// Replies with 429 or 503.
    pub shed: Times,
    /// Of the shed, those without `Retry-After`.
    pub shed_without_retry_after: usize,
    /// Other replies, and connections that broke.
    pub failed: usize,
}

/// How long replies of one kind took.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Times {
    /// How many there were.
    pub count: usize,
    /// The median.
    pub p50_ms: f64,
    /// 95 of 100 took no longer.
    pub p95_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// One line of a file of questions; the rest of it does not matter here.
#[derive(Deserialize)]
struct Line {
    question: String,
}

/// The questions of a file in JSON Lines.
pub fn questions(lines: &str) -> Result<Vec<String>, BenchError> {
    let parse = |line: &str| Ok(serde_json::from_str::<Line>(line)?.question);
    let questions: Vec<String> =
        lines.lines().filter(|line| !line.trim().is_empty()).map(parse).collect::<Result<_, BenchError>>()?;
    if questions.is_empty() { Err(BenchError::NoQuestions) } else { Ok(questions) }
}

/// What one question came to.
struct Seen {
    status: u16,
    retry_after: bool,
    ms: f64,
}

/// Sends the load and waits for the last reply.
pub fn load(load: &Load, questions: &[String]) -> LoadReport {
    let total = (load.rate * load.duration.as_secs_f64()).round() as usize;
    let requests: Vec<Vec<u8>> = questions.iter().map(|question| request(question)).collect();
    let next = AtomicUsize::new(0);
    let start = Instant::now() + Duration::from_millis(50);
    let ask = || {
        let mut seen = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= total {
                return seen;
            }
            let due = start + Duration::from_secs_f64(at as f64 / load.rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let reply = exchange(load.address, &requests[at % requests.len()]).unwrap_or_default();
            seen.push(judge(&reply, due.elapsed()));
        }
    };
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..load.askers.clamp(1, total.max(1))).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().flat_map(|asker| asker.join().unwrap_or_default()).collect()
    });
    let took = start.elapsed().max(load.duration).as_secs_f64();
    let of = |wanted: &[u16]| times(seen.iter().filter(|seen| wanted.contains(&seen.status)).map(|seen| seen.ms));
    let (accepted, shed) = (of(&[200]), of(&[429, 503]));
    LoadReport {
        rate: load.rate,
        sent: seen.len(),
        goodput: accepted.count as f64 / took,
        shed_without_retry_after: seen
            .iter()
            .filter(|seen| [429, 503].contains(&seen.status) && !seen.retry_after)
            .count(),
        failed: seen.len() - accepted.count - shed.count,
        accepted,
        shed,
    }
}

fn request(question: &str) -> Vec<u8> {
    let body = json!({ "question": question }).to_string();
    let length = body.len();
    let head = "POST /v1/ask HTTP/1.1\r\nhost: load\r\nconnection: close\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
}

fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    stream.write_all(request)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(reply)
}

fn judge(reply: &[u8], took: Duration) -> Seen {
    let head = reply.windows(4).position(|four| four == b"\r\n\r\n").map_or(reply, |end| &reply[..end]);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Seen { status, retry_after: head.contains("\r\nretry-after:"), ms: took.as_secs_f64() * 1e3 }
}

/// The quantiles of so many milliseconds.
pub(crate) fn times(ms: impl Iterator<Item = f64>) -> Times {
    let mut sorted: Vec<f64> = ms.collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return Times::default() };
    let at = |share: f64| sorted[((last as f64) * share).ceil() as usize];
    Times { count: sorted.len(), p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: sorted[last] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_judged_by_its_head() {
        let check = |reply: &[u8], status: u16, retry_after: bool| {
            let seen = judge(reply, Duration::from_millis(3));
            assert_eq!((seen.status, seen.retry_after), (status, retry_after));
        };
        check(b"HTTP/1.1 200 OK\r\n\r\n\r\nretry-after: in a body", 200, false);
        check(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n", 503, true);
        check(b"", 0, false);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let times = times((1..=100).rev().map(f64::from));
        assert_eq!((times.count, times.p50_ms, times.p99_ms, times.max_ms), (100, 51.0, 100.0, 100.0));
        assert_eq!(super::times(std::iter::empty()), Times::default());
    }

    #[test]
    fn a_file_without_questions_is_refused() {
        assert_eq!(questions("{\"question\":\"a\",\"id\":1}\n\n").expect("one"), ["a"]);
        assert!(questions("\n").is_err());
        assert!(questions("{}").is_err());
    }
}
