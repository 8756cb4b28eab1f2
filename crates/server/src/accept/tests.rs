//! Clients that are slow, silent, too many or out of luck, against a router of a few routes and clocks that run fast.

mod panics;
mod refusals;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use futures_util::StreamExt;
use tokio::net::TcpListener;

use super::*;
use crate::guard::{Gate, Guard, guard};
use crate::metrics::Metrics;
use crate::routes::{Kind, Rule};
use crate::standing::{Health, Standing};
use crate::{Pem, Rates, Role};

/// What a test waits for before it fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of the region that the server is started for.
const NUMBER: &str = "999";

const LENIENT: Rates = Rates { per_address: None, per_key: None };

fn quick() -> ServerConfig {
    let short = Duration::from_millis(150);
    ServerConfig {
        limits: Limits {
            handshake: short,
            first_byte: short,
            head: short,
            body: short,
            idle: short,
            write: short,
            drain: Duration::from_secs(2),
            ..Limits::default()
        },
        request_timeout: Duration::from_millis(400),
        rates: LENIENT,
        region: "GB".parse().ok(),
        ..ServerConfig::at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

/// A server of its own, which stops when this is dropped.
struct Running {
    address: SocketAddr,
    order: watch::Sender<bool>,
    standing: Arc<Standing>,
    metrics: Arc<Metrics>,
    runtime: Option<tokio::runtime::Runtime>,
    ended: Option<tokio::task::JoinHandle<()>>,
}

impl Running {
    fn start(config: &ServerConfig) -> Self {
        Self::start_with(config, None)
    }

    fn start_with(config: &ServerConfig, certificate: Option<Arc<Certificate>>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let (metrics, standing) = (Arc::new(Metrics::new()), Arc::<Standing>::default());
        let (order, stop) = watch::channel(false);
        let door = Door {
            router: router(config),
            metrics: Arc::clone(&metrics),
            standing: Arc::clone(&standing),
            patience: config.request_timeout,
            region: config.region,
        };
        let (address, ended) = runtime.block_on(async {
            let listener = TcpListener::bind(config.listen).await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let hall = Hall::new(door, config, Entry { certificate, stop }).await;
            (address, tokio::spawn(hall.receive(listener)))
        });
        Self { address, order, standing, metrics, runtime: Some(runtime), ended: Some(ended) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Sends `bytes` and reads until the server closes.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        rest(&mut stream)
    }

    fn get(&self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes())
    }

    /// Gives the order to stop and waits for the end.
    fn stop(&mut self) -> Duration {
        let start = Instant::now();
        self.standing.stop();
        self.order.send(true).expect("it listens");
        let (runtime, ended) = (self.runtime.as_ref().expect("running"), self.ended.take().expect("running"));
        runtime.block_on(ended).expect("no panic");
        start.elapsed()
    }

    fn counted(&self, line: &str) -> bool {
        self.metrics.text(0).lines().any(|found| found == line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A reply of `bytes`, its head apart from its body.
fn parts(reply: &str) -> (&str, &str) {
    reply.split_once("\r\n\r\n").unwrap_or((reply, ""))
}

fn router(config: &ServerConfig) -> Router {
    let gate = Arc::new(Gate::new(config, Vec::new()));
    let guarded = |kind, pattern| {
        let rule = Rule { kind, role: Role::None, pattern };
        axum::middleware::from_fn_with_state(Guard { gate: Arc::clone(&gate), rule }, guard)
    };
    let torn = || async {
        let pieces = futures_util::stream::iter([1, 2]).map(|piece| {
            assert!(piece == 1, "planted");
            Ok::<_, std::io::Error>("half")
        });
        Body::from_stream(pieces)
    };
    Router::new()
        .route("/fine", get(|| async { "fine" }).route_layer(guarded(Kind::Look, "/fine")))
        .route("/large", get(|| async { "x".repeat(1 << 20) }).route_layer(guarded(Kind::Look, "/large")))
        .route("/echo", post(|body: String| async { body }).route_layer(guarded(Kind::Question, "/echo")))
        .route("/panics", get(panics).route_layer(guarded(Kind::Look, "/panics")))
        .route("/torn", get(torn).route_layer(guarded(Kind::Look, "/torn")))
        .route("/slow", get(|| sleep(Duration::from_millis(200))).route_layer(guarded(Kind::Look, "/slow")))
        .route("/never", get(pending::<()>).route_layer(guarded(Kind::Look, "/never")))
        .route("/asked/never", post(pending::<()>).route_layer(guarded(Kind::Question, "/asked/never")))
        .route("/asked/panics", post(panics).route_layer(guarded(Kind::Question, "/asked/panics")))
        .merge(panics::stages(&|path, methods| methods.route_layer(guarded(Kind::Question, path))))
        .route("/unguarded", get(panics))
        .layer(axum::middleware::from_fn_with_state(config.region, crate::pages::error::for_browsers))
        // Beyond all that catches anything but the door.
        .layer(axum::middleware::from_fn(panics::at_the_last_layer))
}

async fn panics() -> &'static str {
    let nothing: Vec<&str> = Vec::new();
    nothing[0]
}

/// All that comes until the end, or what came before it broke.
fn rest(stream: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    String::from_utf8_lossy(&reply).into_owned()
}

#[track_caller]
fn is(reply: &str, status: &str) {
    assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{status} expected: {reply:?}");
}

#[test]
fn one_panic_is_one_500_wherever_it_happens_and_the_next_request_is_fine() {
    // Where a panic prints its backtrace, the first takes longer than the quick clocks allow.
    let server = Running::start(&ServerConfig { limits: Limits::default(), request_timeout: PATIENCE, ..quick() });
    let mut stream = server.connect();
    for _ in 0..2 {
        stream.write_all(b"GET /panics HTTP/1.1\r\nhost: a\r\n\r\n").expect("sent");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("a reply on the same connection");
        assert_eq!(&head, b"HTTP/1.1 500");
        let mut sink = [0; 4096];
        let _ = stream.read(&mut sink).expect("the rest");
    }
    let torn = server.get("/torn");
    assert!(!torn.ends_with("0\r\n\r\n"), "half is not taken for the whole: {torn:?}");
    is(&server.get("/fine"), "200");
    assert!(server.counted("clinqa_request_duration_seconds_count{route=\"/panics\",status=\"500\"} 2"));
}

#[test]
fn what_is_too_slow_is_closed_and_told_where_it_can_be() {
    let server = Running::start(&quick());
    let check = |sent: &[u8], dribble: &[u8], status: Option<&str>| {
        let start = Instant::now();
        let mut stream = server.connect();
        let mut writer = stream.try_clone().expect("the same socket");
        let (sent, dribble) = (sent.to_vec(), dribble.to_vec());
        let dribbling = std::thread::spawn(move || {
            let _ = writer.write_all(&sent);
            for byte in dribble {
                std::thread::sleep(Duration::from_millis(40));
                if writer.write_all(&[byte]).is_err() {
                    break;
                }
            }
        });
        let reply = rest(&mut stream);
        match status {
            Some(status) => is(&reply, status),
            None => assert_eq!(reply, ""),
        }
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        drop(stream);
        dribbling.join().expect("no panic");
    };
    check(b"", b"", None);
    check(b"GET /fine HT", b"", Some("408"));
    check(b"GET /fine HTTP/1.1\r\n", &b"x-header: 0123456789".repeat(5), Some("408"));
    check(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n", &b"a".repeat(40), Some("408"));
    check(b"GET /fine HTTP/1.1\r\nhost: a\r\n\r\n", b"", Some("200"));
    check(b"GET /never HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", b"", Some("503"));
}

#[test]
fn a_reader_who_takes_nothing_is_cut_off() {
    let server = Running::start(&quick());
    let mut stream = server.connect();
    stream.write_all(&b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(40)).expect("sent");
    std::thread::sleep(Duration::from_millis(900));
    assert!(rest(&mut stream).len() < 30 << 20, "the rest was never written");
    let refused = server.metrics.text(0);
    assert!(server.counted("clinqa_refused_connections_total{reason=\"reader\"} 1"), "{refused}");
    is(&server.get("/large"), "200");
}

#[test]
fn what_no_route_sees_is_refused_in_our_words() {
    let server = Running::start(&quick());
    let check = |sent: &[u8], status: &str, code: &str| {
        let start = Instant::now();
        let reply = server.send(sent);
        is(&reply, status);
        assert!(reply.contains(&format!("\"code\":\"{code}\"")), "{reply}");
        assert!(reply.contains("connection: close\r\n"), "{reply}");
        let length = reply.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let body = reply.split_once("\r\n\r\n").expect("a body").1;
        assert_eq!(length, Some(body.len().to_string().as_str()), "{reply}");
        // What was sent on is read away for a while; the reply itself was there at once.
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    };
    check(b"NONSENSE\r\n\r\n", "400", "bad_request");
    let head = format!("GET /fine HTTP/1.1\r\nhost: a\r\naccept: */*\r\nx: {}\r\n\r\n", "a".repeat(17 << 10));
    check(head.as_bytes(), "431", "head_too_large");
    let many = format!("GET /fine HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(200));
    check(many.as_bytes(), "431", "head_too_large");
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let server = Running::start(&quick());
    let start = Instant::now();
    let mut stream = server.connect();
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 65537\r\n\r\n").expect("sent");
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("a reply");
    assert_eq!(&head, b"HTTP/1.1 413");
    assert!(start.elapsed() < Duration::from_millis(150), "{:?}", start.elapsed());
    let whole = "POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 65536\r\n\r\n";
    is(&server.send(format!("{whole}{}", "a".repeat(65536)).as_bytes()), "200");
    let pieces = format!("{:x}\r\n{}\r\n", 40_000, "a".repeat(40_000)).repeat(2);
    let chunked = format!("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n");
    is(&server.send(chunked.as_bytes()), "413");
}

#[test]
fn one_more_than_there_is_room_for_is_told_to_come_back() {
    let mut config = quick();
    config.limits.idle = PATIENCE;
    config.limits.first_byte = PATIENCE;
    let check = |config: &ServerConfig, reason: &str| {
        let server = Running::start(config);
        let inside: Vec<TcpStream> = (0..3).map(|_| server.connect()).collect();
        std::thread::sleep(Duration::from_millis(50));
        let start = Instant::now();
        let mut stream = server.connect();
        let mut reply = [0; 12];
        stream.read_exact(&mut reply).expect("told without asking");
        assert_eq!(&reply, b"HTTP/1.1 503");
        assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
        assert!(rest(&mut stream).contains("retry-after: 1\r\n"));
        assert!(server.counted(&format!("clinqa_refused_connections_total{{reason=\"{reason}\"}} 1")));
        drop(inside);
        std::thread::sleep(Duration::from_millis(50));
        is(&server.get("/fine"), "200");
    };
    let limits = Limits { connections: 3, ..config.limits };
    check(&ServerConfig { limits, ..config.clone() }, "full");
    let limits = Limits { connections_per_address: 3, ..config.limits };
    check(&ServerConfig { limits, ..config.clone() }, "address");
}

#[test]
fn whoever_asked_before_the_order_to_stop_is_answered_and_nobody_after() {
    let mut config = quick();
    config.limits.first_byte = PATIENCE;
    let mut server = Running::start(&config);
    let asked: Vec<TcpStream> = (0..20)
        .map(|at| {
            let mut stream = server.connect();
            if at % 2 == 0 {
                stream.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").expect("sent");
            }
            stream
        })
        .collect();
    let (took, replies) = std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            // Connected before the order, asks after it.
            std::thread::sleep(Duration::from_millis(5));
            for mut stream in asked.iter().skip(1).step_by(2) {
                stream.write_all(b"GET /fine HTTP/1.1\r\nhost: a\r\n\r\n").expect("sent");
            }
            asked.into_iter().map(|mut stream| rest(&mut stream)).collect::<Vec<_>>()
        });
        (server.stop(), reading.join().expect("no panic"))
    });
    for reply in replies {
        is(&reply, "200");
    }
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(server.standing.health(), Health::Stopping);
    assert!(TcpStream::connect(server.address).is_err(), "nobody listens any more");
}

#[test]
fn who_never_goes_is_cut_off_at_the_end_of_the_drain() {
    let mut config = quick();
    config.limits.drain = Duration::from_millis(700);
    config.limits.write = PATIENCE;
    let mut server = Running::start(&config);
    let mut stream = server.connect();
    stream.write_all(&b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(40)).expect("sent");
    std::thread::sleep(Duration::from_millis(100));
    let took = server.stop();
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[test]
fn every_reply_of_a_route_has_an_id_of_its_own() {
    let server = Running::start(&quick());
    let id = |path: &str| {
        let reply = server.get(path);
        let (_, rest) = reply.split_once("x-request-id: ").expect("an id");
        rest[..36].to_owned()
    };
    let ids: std::collections::BTreeSet<String> = ["/fine", "/fine", "/nowhere", "/panics"].map(id).into();
    assert_eq!(ids.len(), 4);
}

/// A certificate for `localhost` with its key.
fn pem(name: &str) -> Pem {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/tls");
    let read = |kind: &str| std::fs::read(format!("{folder}/{name}.{kind}.pem")).expect("a file");
    Pem { certificate: read("cert"), key: read("key") }
}

/// What the server says to a client who trusts the certificate `name` alone.
fn fine_over_tls(server: &Running, name: &str) -> Result<String, std::io::Error> {
    send_over_tls(server, name, "GET /fine HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
}

fn send_over_tls(server: &Running, name: &str, sent: &str) -> Result<String, std::io::Error> {
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem(name).certificate).expect("PEM")).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    server.runtime.as_ref().expect("running").block_on(async {
        let stream = tokio::net::TcpStream::connect(server.address).await?;
        let host = ServerName::try_from("localhost").expect("a name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(host, stream).await?;
        stream.write_all(sent.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        Ok(reply)
    })
}

#[test]
fn tls_is_spoken_with_the_newest_certificate_and_whoever_does_not_shake_hands_is_closed() {
    let certificate = Arc::new(Certificate::new(&pem("one")).expect("usable"));
    let server = Running::start_with(&quick(), Some(Arc::clone(&certificate)));
    is(&fine_over_tls(&server, "one").expect("trusted"), "200");
    assert!(fine_over_tls(&server, "two").is_err());
    certificate.replace(&pem("two")).expect("usable");
    is(&fine_over_tls(&server, "two").expect("trusted"), "200");
    assert!(fine_over_tls(&server, "one").is_err());
    let mismatched = Pem { key: pem("one").key, ..pem("two") };
    assert!(certificate.replace(&mismatched).is_err());
    is(&fine_over_tls(&server, "two").expect("the old one stays"), "200");
    assert_eq!(server.send(b""), "", "silence");
    assert_eq!(server.get("/fine").find("200"), None, "no plain text");
}
