//! Which hub do the tests ask? One of a few lines on a loopback port of its own, which can be told to misbehave.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use clinqa_fetch::PullRequest;
use sha2::{Digest, Sha256};

/// The model that every hub here has.
pub(crate) const MODEL: &str = "clinic/tiny-bert";

/// What the model's publisher says of it.
pub(crate) const CARD: &[u8] = b"# A tiny BERT\n";

/// What the hub holds and how it behaves.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a misbehaviour of its own, and any may meet any")]
pub(crate) struct Site {
    /// Hash of the only commit.
    pub(crate) commit: String,
    /// Files by path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Whether there is a list of files.
    pub(crate) lists: bool,
    /// Whether the list tells lengths, and digests of weights.
    pub(crate) tells: bool,
    /// Answers everything with this status.
    pub(crate) status: Option<u16>,
    /// Sends so many bytes of a file's body and closes the connection.
    pub(crate) cut: Option<(&'static str, usize)>,
    /// Adds so many bytes to the announced length of a file.
    pub(crate) overstate: Option<(&'static str, usize)>,
    /// Ignores ranges.
    pub(crate) whole_only: bool,
    /// Says no length.
    pub(crate) no_length: bool,
    /// Sends readers of weights on to this address.
    pub(crate) redirect: Option<String>,
    /// Sets this header on every answer, quotes and all.
    pub(crate) etag: Option<String>,
}

/// A running hub; it stops when dropped.
pub(crate) struct Hub {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    site: Arc<Mutex<Site>>,
    log: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    /// Starts a hub that has the whole model and behaves well.
    pub(crate) fn start() -> Self {
        let files = [
            ("README.md", CARD.to_vec()),
            ("tf_model.h5", b"never fetched".to_vec()),
            ("config.json", br#"{"model_type":"bert"}"#.to_vec()),
            ("1_Pooling/config.json", br#"{"pooling_mode_mean_tokens":true}"#.to_vec()),
            ("tokenizer_config.json", b"{}".to_vec()),
            ("vocab.txt", b"[PAD]\n[UNK]\nheart\n".to_vec()),
            ("pytorch_model.bin", b"a pickle".to_vec()),
            ("model.safetensors", weights(1)),
        ];
        Self::serve(Site {
            commit: "0123456789abcdef0123456789abcdef01234567".into(),
            files: files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect(),
            lists: true,
            tells: true,
            ..Site::default()
        })
    }

    /// Starts a hub.
    pub(crate) fn serve(site: Site) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (site, log) = (Arc::new(Mutex::new(site)), Arc::new(Mutex::new(Vec::new())));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (site, log, stop) = (site.clone(), log.clone(), stop.clone());
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    if let Ok(stream) = stream {
                        // A client that goes away early is its own affair.
                        let _ = answer(stream, &site, &log);
                    }
                }
            }
        });
        Self { endpoint, site, log, stop, thread: Some(thread) }
    }

    /// The site, to change it between two pulls.
    pub(crate) fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().expect("no panic in the hub")
    }

    /// The requests since the last call: path, a space, the range if there was one; then all headers in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().expect("no panic in the hub"))
    }

    /// A request for [`MODEL`] at this hub.
    pub(crate) fn ask(&self) -> PullRequest {
        PullRequest { name: MODEL.into(), endpoint: Some(self.endpoint.clone()), ..PullRequest::default() }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let address = self.endpoint.trim_start_matches("http://");
        if TcpStream::connect(address).is_ok() {
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

/// Weights of a third of a megabyte, different for each seed.
pub(crate) fn weights(seed: u32) -> Vec<u8> {
    (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Every file under a folder, by path.
pub(crate) fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).expect("inside").to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

fn answer(mut stream: TcpStream, site: &Mutex<Site>, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let headers: Vec<String> = head.iter().skip(1).map(|line| line.to_ascii_lowercase()).collect();
    let range = headers.iter().find_map(|line| line.strip_prefix("range: bytes="));
    let from: usize = range.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0);
    let mut entry = path.clone();
    let _ = write!(entry, " {}\n{}", range.unwrap_or("whole"), headers.join("\n"));
    log.lock().expect("no panic").push(entry);

    let site = site.lock().expect("no panic in the test");
    let etag = site.etag.as_ref().map(|etag| format!("etag: {etag}\r\n")).unwrap_or_default();
    let common = format!("x-repo-commit: {}\r\n{etag}connection: close\r\n", site.commit);
    if let Some(status) = site.status {
        return write!(stream, "HTTP/1.1 {status} No\r\n{common}content-length: 0\r\n\r\n");
    }
    if path.starts_with(&format!("/api/models/{MODEL}/revision/")) && site.lists {
        let body = list(&site);
        return write!(stream, "HTTP/1.1 200 OK\r\n{common}content-length: {}\r\n\r\n{body}", body.len());
    }
    let file =
        path.strip_prefix(&format!("/{MODEL}/resolve/")).and_then(|rest| rest.split_once('/')).map(|rest| rest.1);
    let Some((file, bytes)) = file.and_then(|file| Some((file, site.files.get(file)?))) else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\n{common}content-length: 0\r\n\r\n");
    };
    if let Some(address) = site.redirect.as_ref().filter(|_| file == "model.safetensors") {
        return write!(stream, "HTTP/1.1 302 Found\r\n{common}location: {address}{path}\r\ncontent-length: 0\r\n\r\n");
    }
    if from > 0 && from >= bytes.len() && !site.whole_only {
        return write!(stream, "HTTP/1.1 416 Range\r\n{common}content-length: 0\r\n\r\n");
    }
    let from = if site.whole_only { 0 } else { from };
    let more = site.overstate.filter(|(name, _)| *name == file).map_or(0, |(_, more)| more);
    let rest = &bytes[from..];
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    let total = bytes.len() + more;
    let span = format!("content-range: bytes {from}-{}/{total}\r\n", total - 1);
    let span = if from > 0 { span } else { String::new() };
    let length = format!("content-length: {}\r\n", rest.len() + more);
    let length = if site.no_length { String::new() } else { length };
    write!(stream, "HTTP/1.1 {status}\r\n{common}{span}{length}\r\n")?;
    let sent = site.cut.filter(|(name, _)| *name == file).map_or(rest.len(), |(_, cut)| cut.min(rest.len()));
    stream.write_all(&rest[..sent])
}

fn list(site: &Site) -> String {
    let siblings: Vec<String> = site
        .files
        .iter()
        .map(|(name, bytes)| {
            let length = if site.tells { format!(r#","size":{}"#, bytes.len()) } else { String::new() };
            let is_large = site.tells && name == "model.safetensors";
            let lfs = format!(r#","lfs":{{"sha256":"{}","size":{}}}"#, sha256(bytes), bytes.len());
            format!(r#"{{"rfilename":"{name}"{length}{}}}"#, if is_large { lfs } else { String::new() })
        })
        .collect();
    format!(r#"{{"id":"{MODEL}","sha":"{}","siblings":[{}]}}"#, site.commit, siblings.join(","))
}
