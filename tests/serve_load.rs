//! Is overload shed instead of suffered?

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::five;
use crate::support::http::Server;

const OPEN: [&str; 4] = ["--rate-address", "0", "--connections-per-address", "2000"];

/// Status, whether it says when to come back, and the time from when it was due.
type Seen = (u16, bool, Duration);

/// Asks at a constant rate, whatever comes back.
fn at_rate(server: &Server, rate: f64, duration: Duration) -> Vec<Seen> {
    let body = json!({ "question": "What are the symptoms of asthma?" }).to_string();
    let head = "POST /v1/ask HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let seen = Mutex::new(Vec::new());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for at in 0..(rate * duration.as_secs_f64()) as usize {
            let due = start + Duration::from_secs_f64(at as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (request, seen, address) = (&request, &seen, server.address);
            scope.spawn(move || {
                let mut reply = String::new();
                let asked = TcpStream::connect(address).and_then(|mut stream| {
                    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                    stream.write_all(request.as_bytes())?;
                    stream.read_to_string(&mut reply)
                });
                let status = asked.ok().and_then(|_| reply.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
                let told = reply.contains("\r\nretry-after: ");
                seen.lock().expect("no panic").push((status, told, due.elapsed()));
            });
        }
    });
    seen.into_inner().expect("no panic")
}

#[test]
fn ten_times_too_many_questions_are_answered_in_part_and_refused_for_the_rest() {
    let server = Server::start(five(), &[&OPEN[..], &["--log", "off"]].concat());
    at_rate(&server, 2.0, Duration::from_secs(1));
    let start = Instant::now();
    let one_by_one = (0..6).filter(|_| at_rate(&server, 1000.0, Duration::from_millis(1)).first().is_some()).count();
    let capacity = one_by_one as f64 / start.elapsed().as_secs_f64();
    let seen = at_rate(&server, capacity * 10.0, Duration::from_secs(4));
    let of = |wanted: u16| seen.iter().filter(move |(status, ..)| *status == wanted);
    assert!(seen.iter().all(|(status, ..)| [200, 503].contains(status)), "{seen:?}");
    assert!(of(200).count() >= 4, "{} of {} answered", of(200).count(), seen.len());
    assert!(of(503).count() > seen.len() / 3, "{} of {} refused", of(503).count(), seen.len());
    assert!(of(503).all(|(_, told, _)| *told), "each refusal says when to come back");
    // The questions that were let in did not wait behind all the others; how long one takes is the machine's matter.
    let slowest = of(200).map(|(.., took)| *took).max().unwrap_or_default();
    assert!(slowest < Duration::from_secs(6), "{slowest:?}");
    server.post("/v1/ask", &json!({ "question": "What is asthma?" })).expect(200);
}
