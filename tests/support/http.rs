//! What does a test need to talk to a running server: the process, an address, and requests as plain bytes?

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Project;

/// Longest wait for a reply before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `clinqa serve`; it is ended when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Server {
    /// Starts the binary in `project` on a free port and waits until it listens.
    #[track_caller]
    pub(crate) fn start(project: &Project, args: &[&str]) -> Self {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        let mut child =
            project.command(&args).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let kept = Arc::clone(&log);
        // Whoever writes into a pipe that nobody reads stops one day.
        let reading = std::thread::spawn(move || {
            for line in errors.split(b'\n').map_while(Result::ok) {
                kept.lock().expect("no panic").push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let mut said = String::new();
        let _ = BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut said);
        let Some(address) = said.split("://").nth(1).and_then(|rest| rest.trim().parse().ok()) else {
            let _ = reading.join();
            panic!("the server ended before it listened:\n{}", log.lock().expect("no panic").join("\n"))
        };
        Self { child, address, log }
    }

    /// What it wrote to standard error so far, line by line.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().expect("kill");
        assert!(sent.success(), "cannot send {name}");
    }

    /// Waits for its end and gives its exit code.
    #[track_caller]
    pub(crate) fn ended_within(&mut self, patience: Duration) -> i32 {
        let start = Instant::now();
        while start.elapsed() < patience {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code().expect("no signal ended it");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("still there after {patience:?}")
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A connection of one's own.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Sends `bytes` as they are and reads until the server closes.
    pub(crate) fn send(&self, bytes: &[u8]) -> Response {
        let mut stream = self.connect();
        // A server that refuses early closes: what it says is judged, not whether it read on.
        let _ = stream.write_all(bytes);
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply);
        Response::parse(&reply)
    }

    /// `GET path`.
    pub(crate) fn get(&self, path: &str) -> Response {
        let address = self.address;
        self.send(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())
    }

    /// `POST path` with a JSON body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.post_with(path, "content-type: application/json\r\n", &body.to_string())
    }

    /// `POST path` with these header lines and this body.
    pub(crate) fn post_with(&self, path: &str, headers: &str, body: &str) -> Response {
        let (address, length) = (self.address, body.len());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        self.send(format!("{head}content-length: {length}\r\n{headers}\r\n{body}").as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Response {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    /// Insists on a status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// A whole reply as it came over the wire.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        let header =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        let headers: Vec<_> = lines.filter_map(header).collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        Self { status, headers, body: if chunked { unchunk(body) } else { body.to_owned() } }
    }
}

/// The pieces of a chunked body, joined.
fn unchunk(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else { break };
        let Some(piece) = after.get(..size).filter(|_| size > 0) else { break };
        whole.push_str(piece);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    whole
}
