//! Does a file come in whole, checked and from where it may, whatever the server does?
#![cfg(feature = "hub")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use clinqa_fetch::{
    Arrival, Arrived, Collection, DownloadError, Downloader, Expected, Listed, Patience, Pick, Private, Reach, Source,
    Version, Wanted, collect, offered,
};
use clinqa_schema::Silent;
use sha2::{Digest, Sha256};

/// What a server does with a request (head in lower case, and which request it is, from 0).
type Behaviour = dyn Fn(&str, usize, &mut TcpStream) + Send + Sync;

/// A server on this machine that behaves as a test wants.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(behaviour: impl Fn(&str, usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, behaviour): (_, Arc<Behaviour>) = (Arc::clone(&heads), Arc::new(behaviour));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, seen, behaviour) =
                    (stream.expect("a stream"), Arc::clone(&seen), Arc::clone(&behaviour));
                thread::spawn(move || {
                    let mut head = String::new();
                    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                    while !head.ends_with("\r\n\r\n") {
                        if reader.read_line(&mut head).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let mut heads = seen.lock().expect("no test panicked");
                    let number = heads.len();
                    heads.push(head.to_ascii_lowercase());
                    drop(heads);
                    behaviour(&head.to_ascii_lowercase(), number, &mut stream);
                });
            }
        });
        Self { url, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no test panicked").clone()
    }

    fn wanted(&self) -> Wanted {
        wanted(&format!("{}/a.xml", self.url))
    }
}

fn wanted(url: &str) -> Wanted {
    Wanted { url: url.into(), name: "a.xml".into(), limit: 1 << 20, expected: Expected::Whole, known: None }
}

/// Writes, whether or not anybody listens any more.
fn say(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let text = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(body)).and_then(|()| stream.flush());
}

fn whole(stream: &mut TcpStream, more: &str, body: &[u8]) {
    say(stream, &format!("200 OK\r\ncontent-length: {}{more}", body.len()), body);
}

/// The first byte that a request asks for.
fn from(head: &str) -> Option<usize> {
    let (_, range) = head.split_once("range: bytes=")?;
    range.split('-').next()?.parse().ok()
}

fn body() -> Vec<u8> {
    (0..300_000_u32).flat_map(|n| [(n % 251) as u8]).collect()
}

fn patience() -> Patience {
    let short = Duration::from_millis(1);
    Patience {
        connect: Duration::from_secs(2),
        first_byte: Duration::from_millis(700),
        idle: Duration::from_millis(700),
        pause: short,
        back_off: short,
        longest_wait: Duration::from_secs(2),
        attempts: 3,
    }
}

fn reach(private: Private) -> Reach {
    Reach { private, patience: patience(), ..Reach::default() }
}

fn take(wanted: &Wanted, folder: &Path) -> Result<Arrival, DownloadError> {
    Downloader::new(&reach(Private::Allowed)).expect("a downloader").fetch(wanted, folder, &mut |_| {})
}

#[track_caller]
fn arrived(wanted: &Wanted, folder: &Path) -> Arrived {
    match take(wanted, folder).expect("it arrives") {
        Arrival::Arrived(arrived) => arrived,
        Arrival::Unchanged => panic!("it was not here before"),
    }
}

/// Insists on a refusal that says `expected`, after which nothing lies in the corpus.
#[track_caller]
fn refused(wanted: &Wanted, expected: &str) -> DownloadError {
    let folder = tempfile::tempdir().expect("a folder");
    let error = take(wanted, folder.path()).expect_err("a refusal");
    assert!(error.to_string().contains(expected), "{error} does not say {expected:?}");
    assert!(!folder.path().join("a.xml").exists());
    error
}

#[test]
fn a_file_arrives_whole_with_its_digest_and_the_server_learns_nothing_but_the_version_of_clinqa() {
    let server = Server::start(|_, _, stream| whole(stream, "\r\netag: \"v1\"", &body()));
    let folder = tempfile::tempdir().expect("a folder");
    let came = arrived(&server.wanted(), folder.path());
    assert_eq!(fs::read(folder.path().join("a.xml")).expect("the file"), body());
    let sha256 = format!("{:x}", Sha256::digest(body()));
    assert_eq!((came.bytes, came.resumed, came.sha256), (300_000, 0, sha256));
    assert_eq!(came.version.etag.as_deref(), Some("\"v1\""));
    let head = &server.heads()[0];
    let mut names: Vec<&str> = head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
    assert!(head.contains(concat!("user-agent: clinqa/", env!("CARGO_PKG_VERSION"))), "{head}");
    assert!(head.contains("accept-encoding: identity"), "{head}");
}

#[test]
fn a_version_that_is_here_already_is_not_sent_again() {
    let server = Server::start(|head, _, stream| {
        if head.contains("if-none-match: \"v1\"") {
            say(stream, "304 Not Modified", b"");
        } else {
            whole(stream, "", b"new");
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.xml"), "old").expect("a file");
    let known = Some(Version { etag: Some("\"v1\"".into()), modified: None });
    let wanted = Wanted { known, ..server.wanted() };
    assert_eq!(take(&wanted, folder.path()).expect("nothing new"), Arrival::Unchanged);
    fs::remove_file(folder.path().join("a.xml")).expect("removed");
    assert_eq!(arrived(&wanted, folder.path()).bytes, 3, "what was lost is fetched again");
}

#[test]
fn a_cut_is_gone_on_from_where_it_was() {
    let server = Server::start(|head, number, stream| match (number, from(head)) {
        (0, None) => say(stream, "200 OK\r\netag: \"v1\"\r\ncontent-length: 300000", &body()[..100_000]),
        (1, Some(start)) if head.contains("if-range: \"v1\"") => {
            let rest = format!(
                "206 Partial Content\r\netag: \"v1\"\r\ncontent-range: bytes {start}-299999/300000\r\ncontent-length: {}",
                300_000 - start
            );
            say(stream, &rest, &body()[start..]);
        }
        _ => say(stream, "400 Bad Request\r\ncontent-length: 0", b""),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let came = arrived(&server.wanted(), folder.path());
    assert_eq!((came.bytes, server.heads().len()), (300_000, 2));
    assert_eq!(fs::read(came.path).expect("the file"), body());
}

#[test]
fn what_one_call_left_the_next_one_goes_on_with() {
    let server = Server::start(|head, _, stream| match from(head) {
        None => say(stream, "200 OK\r\nlast-modified: then\r\ncontent-length: 300000", &body()[..90_000]),
        Some(90_000) => say(
            stream,
            "206 Partial Content\r\nlast-modified: then\r\ncontent-range: bytes 90000-299999/300000\r\ncontent-length: 210000",
            &body()[90_000..],
        ),
        Some(_) => say(stream, "500 Oh\r\ncontent-length: 0", b""),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let once = Reach { patience: Patience { attempts: 1, ..patience() }, ..reach(Private::Allowed) };
    let error =
        Downloader::new(&once).expect("one").fetch(&server.wanted(), folder.path(), &mut |_| {}).expect_err("a cut");
    assert!(matches!(error, DownloadError::Interrupted { received: 90_000, .. }), "{error}");
    let came = arrived(&server.wanted(), folder.path());
    assert_eq!((came.bytes, came.resumed), (300_000, 90_000));
    assert_eq!(fs::read(came.path).expect("the file"), body());
    assert!(server.heads()[1].contains("if-range: then"));
}

#[test]
fn a_server_that_cannot_go_on_is_taken_from_the_beginning_and_nothing_is_mixed() {
    let check = |second: &'static str, skip: usize| {
        let server = Server::start(move |_, number, stream| match number {
            0 => say(stream, "200 OK\r\netag: \"v1\"\r\ncontent-length: 300000", &vec![b'x'; 100_000]),
            1 => say(stream, second, &body()[skip..]),
            _ => whole(stream, "\r\netag: \"v2\"", &body()),
        });
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(fs::read(arrived(&server.wanted(), folder.path()).path).expect("the file"), body(), "{second}");
    };
    check("200 OK\r\netag: \"v2\"\r\ncontent-length: 300000", 0);
    check(
        "206 Partial Content\r\netag: \"v2\"\r\ncontent-range: bytes 100000-299999/300000\r\ncontent-length: 200000",
        100_000,
    );
    check("206 Partial Content\r\netag: \"v1\"\r\ncontent-range: bytes 5-299999/300000\r\ncontent-length: 299995", 5);
    check("206 Partial Content\r\netag: \"v1\"\r\ncontent-length: 200000", 100_000);
    check("416 Range Not Satisfiable\r\ncontent-length: 0", 300_000);
}

#[test]
fn a_lie_about_the_length_is_no_file() {
    let long = Server::start(|_, _, stream| say(stream, "200 OK\r\ncontent-length: 300007", &body()));
    assert!(matches!(refused(&long.wanted(), "stopped after 300000 bytes"), DownloadError::Interrupted { .. }));
    let parts = Server::start(|head, _, stream| match from(head) {
        None => say(stream, "200 OK\r\netag: \"v1\"\r\ncontent-length: 300000", &body()[..100_000]),
        Some(_) => say(
            stream,
            "206 Partial Content\r\netag: \"v1\"\r\ncontent-range: bytes 100000-299999/300000\r\ncontent-length: 7",
            b"1234567",
        ),
    });
    refused(&parts.wanted(), "300000 bytes were announced and 100007 offered");
    let none = Server::start(|_, _, stream| say(stream, "200 OK", &body()));
    refused(&none.wanted(), "does not say how long the file is");
}

#[test]
fn silence_and_dripping_are_not_waited_for() {
    let mute = Server::start(|_, _, _| thread::sleep(Duration::from_secs(5)));
    refused(&mute.wanted(), "cannot reach http://127.0.0.1:");
    let stalled = Server::start(|_, _, stream| {
        say(stream, "200 OK\r\ncontent-length: 300000", &body()[..10]);
        thread::sleep(Duration::from_secs(5));
    });
    refused(&stalled.wanted(), "stopped after 10 bytes");
    let drip = Server::start(|_, _, stream| {
        say(stream, "200 OK\r\ncontent-length: 300000", b"");
        for _ in 0..100 {
            thread::sleep(Duration::from_millis(50));
            if stream.write_all(b"x").is_err() {
                return;
            }
        }
    });
    refused(&drip.wanted(), "stopped after");
}

#[test]
fn a_redirect_is_followed_and_a_circle_is_not() {
    let end = Server::start(|_, _, stream| whole(stream, "", b"text"));
    let to = format!("{}/b.xml", end.url);
    let begin = Server::start(move |_, _, stream| {
        say(stream, &format!("302 Found\r\nlocation: {to}\r\ncontent-length: 0"), b"");
    });
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(arrived(&begin.wanted(), folder.path()).bytes, 4);
    let circle = Server::start(|_, _, stream| say(stream, "301 Moved\r\nlocation: /again\r\ncontent-length: 0", b""));
    refused(&circle.wanted(), "redirected more than 5 times");
    assert_eq!(circle.heads().len(), 6);
}

#[test]
fn addresses_inside_our_walls_are_refused_before_a_socket_opens() {
    let server = Server::start(|_, _, stream| whole(stream, "", b"secret"));
    let port = server.url.rsplit(':').next().expect("a port").to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let mut strict = Downloader::new(&reach(Private::Refused)).expect("a downloader");
    let hosts = [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
    ];
    for host in hosts {
        let error = strict
            .fetch(&wanted(&format!("http://{host}:{port}/a.xml")), folder.path(), &mut |_| {})
            .expect_err("refused");
        assert!(error.to_string().contains("--allow-private"), "{host}: {error}");
        assert!(strict.page(&format!("http://{host}:{port}/")).is_err());
    }
    for url in ["http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://metadata.google.internal/"] {
        assert!(matches!(strict.page(url), Err(DownloadError::Private { .. })), "{url}");
    }
    assert!(server.heads().is_empty());
}

#[test]
fn a_redirect_to_another_scheme_leads_nowhere() {
    for target in
        ["file:///etc/passwd", "ftp://example.org/a", "gopher://example.org/", "http://user:secret@example.org/"]
    {
        let server = Server::start(move |_, _, stream| {
            say(stream, &format!("302 Found\r\nlocation: {target}\r\ncontent-length: 0"), b"");
        });
        let error = refused(&server.wanted(), "cannot fetch from");
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn a_body_without_end_and_one_that_unpacks_to_much_are_stopped_at_the_limit() {
    let endless = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while stream
            .write_all(b"1000\r\n")
            .and_then(|()| stream.write_all(&[b'x'; 0x1000]))
            .and_then(|()| stream.write_all(b"\r\n"))
            .is_ok()
        {}
    });
    refused(&endless.wanted(), "more than 1048576 bytes");
    let announced = Server::start(|_, _, stream| say(stream, "200 OK\r\ncontent-length: 99999999999", b""));
    refused(&announced.wanted(), "more than 1048576 bytes");
    // 20 bytes of a gzip member: nobody asked for one, and it has no length of its own.
    let member = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let packed = Server::start(move |_, _, stream| whole(stream, "\r\ncontent-encoding: gzip", &member));
    let folder = tempfile::tempdir().expect("a folder");
    take(&packed.wanted(), folder.path()).expect_err("refused");
    let other = Server::start(|_, _, stream| whole(stream, "\r\ncontent-encoding: zstd", b"text"));
    refused(&other.wanted(), "encoded as zstd, which was not asked for");
}

#[test]
fn a_digest_decides_and_what_is_wrong_is_forgotten() {
    let server = Server::start(|head, _, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path {
            "/good.md5" => whole(stream, "", b"MD5(a.xml)= 5d41402abc4b2a76b9719d911017c592\n"),
            "/bad.md5" => whole(stream, "", b"MD5(a.xml)= 00000000000000000000000000000000\n"),
            "/none.md5" => whole(stream, "", b"<html>moved</html>"),
            _ => whole(stream, "\r\netag: \"v1\"", b"hello"),
        }
    });
    let with = |expected| Wanted { expected, ..server.wanted() };
    let companion = |name: &str| Expected::Companion(format!("{}/{name}", server.url));
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(arrived(&with(companion("good.md5")), folder.path()).bytes, 5);
    let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    arrived(&with(Expected::Sha256(hex.to_ascii_uppercase())), folder.path());
    refused(
        &with(companion("bad.md5")),
        "its MD5 should be 00000000000000000000000000000000 and is 5d41402abc4b2a76b9719d911017c592",
    );
    refused(&with(companion("none.md5")), "is no MD5");
    refused(&with(Expected::Sha256("12".into())), "is no SHA-256");
    refused(&with(Expected::Md5("0".repeat(32))), "its MD5 should be");
    let left: Vec<_> = fs::read_dir(folder.path().join(".fetch"))
        .expect("the waiting room")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left, ["lock"]);
}

#[test]
fn a_busy_server_is_given_time_and_a_refusing_one_is_believed() {
    let busy = Server::start(|_, number, stream| match number {
        0 => say(stream, "503 Busy\r\nretry-after: 1\r\ncontent-length: 0", b""),
        1 => say(stream, "500 Oh\r\ncontent-length: 0", b""),
        _ => whole(stream, "", b"text"),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let begun = std::time::Instant::now();
    assert_eq!(arrived(&busy.wanted(), folder.path()).bytes, 4);
    assert!(begun.elapsed() >= Duration::from_secs(1), "Retry-After is obeyed");
    let check = |status: &'static str, requests: usize, expected: &str| {
        let server = Server::start(move |_, _, stream| say(stream, &format!("{status}\r\ncontent-length: 0"), b""));
        refused(&server.wanted(), expected);
        assert_eq!(server.heads().len(), requests, "{status}");
    };
    check("404 Not Found", 1, "answered 404; check the address");
    check("403 Forbidden", 1, "answered 403; it wants to know who is asking");
    check("500 Oh", 3, "answered 500; try again later");
    check("429 Slow down\r\nretry-after: 3600", 1, "asks for a pause of 3600 seconds");
    check("206 Partial Content\r\ncontent-range: bytes 0-0/1", 1, "answered 206");
}

#[test]
fn a_flood_of_headers_is_refused() {
    let flood = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        for n in 0..1_000_000 {
            if stream.write_all(format!("x-{n}: {}\r\n", "y".repeat(100)).as_bytes()).is_err() {
                return;
            }
        }
    });
    refused(&flood.wanted(), "the head of its answer is broken or too long");
    let garbage =
        Server::start(|_, _, stream| drop(stream.write_all(b"I am no web server at all, good day to you\r\n\r\n")));
    refused(&garbage.wanted(), "");
}

#[test]
fn a_page_is_text_of_a_bounded_length() {
    let server = Server::start(|_, _, stream| whole(stream, "", b"<a href=\"x.xml\">x</a>"));
    let mut downloader = Downloader::new(&reach(Private::Allowed)).expect("a downloader");
    assert_eq!(downloader.page(&server.url).expect("a page").text, "<a href=\"x.xml\">x</a>");
    let binary = Server::start(|_, _, stream| whole(stream, "", &[0xff, 0xfe]));
    assert!(matches!(downloader.page(&binary.url), Err(DownloadError::PageText { .. })));
}

/// A folder of PubMed's update files as its server lists it.
fn updates() -> Server {
    Server::start(|head, _, stream| match head.split(' ').nth(1).unwrap_or_default() {
        "/updatefiles/" => {
            let rows: String = (1_274..=1_277)
                .flat_map(|n| {
                    ["", ".md5"].map(|more| {
                        format!("<a href=\"pubmed26n{n}.xml.gz{more}\">x</a> 2026-01-{} 14:05\n", n - 1_260)
                    })
                })
                .collect();
            whole(stream, "", rows.as_bytes());
        }
        path if path.contains(".gz.md5") => whole(stream, "", b"MD5(x)= 5d41402abc4b2a76b9719d911017c592"),
        _ => whole(stream, "\r\netag: \"v1\"", b"hello"),
    })
}

#[test]
fn update_files_come_by_number_with_their_md5_and_afterwards_only_what_is_new() {
    let (server, folder) = (updates(), tempfile::tempdir().expect("a folder"));
    let mut downloader = Downloader::new(&reach(Private::Allowed)).expect("a downloader");
    let collection = Collection {
        source: Source::named("pubmed-updates"),
        mirror: Some(format!("{}/updatefiles/", server.url)),
        limit: 1 << 20,
        ..Collection::default()
    };
    let pick = Pick { numbers: Some(1_274..=1_275), ..Pick::default() };
    let wanted = offered(&mut downloader, folder.path(), &collection, &pick).expect("two");
    assert_eq!(server.heads().len(), 1, "a dry run asks for the page only");
    let taken = collect(&mut downloader, folder.path(), &wanted, 7, &mut Silent).expect("two files");
    let names: Vec<&str> = taken.iter().map(|taken| taken.file.as_str()).collect();
    assert_eq!(names, ["pubmed26n1274.xml.gz", "pubmed26n1275.xml.gz"]);
    assert_eq!(server.heads().len(), 5, "each with its MD5");
    assert_eq!(fs::read(folder.path().join(names[1])).expect("a file"), b"hello");
    assert_eq!(offered(&mut downloader, folder.path(), &collection, &pick).expect("none"), []);
    let next = offered(&mut downloader, folder.path(), &collection, &Pick::default()).expect("the next two");
    assert_eq!((next.len(), next[0].name.as_str()), (2, "pubmed26n1276.xml.gz"));
    fs::remove_file(folder.path().join(names[0])).expect("removed");
    let lost = offered(&mut downloader, folder.path(), &collection, &pick).expect("the lost one");
    assert_eq!((lost.len(), lost[0].name.as_str()), (1, names[0]));
}

#[test]
fn files_of_a_list_are_asked_for_by_their_version() {
    let server = Server::start(|head, _, stream| {
        if head.contains("if-none-match: \"v1\"") {
            say(stream, "304 Not Modified", b"");
        } else {
            whole(stream, "\r\netag: \"v1\"", b"hello");
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let mut downloader = Downloader::new(&reach(Private::Allowed)).expect("a downloader");
    let listed = Listed { url: format!("{}/g/a.md?key=1", server.url), name: None, expected: Expected::Whole };
    let collection = Collection { urls: vec![listed], limit: 1 << 20, ..Collection::default() };
    for is_new in [true, false] {
        let wanted = offered(&mut downloader, folder.path(), &collection, &Pick::default()).expect("one");
        let taken = collect(&mut downloader, folder.path(), &wanted, 7, &mut Silent).expect("one file");
        assert_eq!((taken[0].file.as_str(), taken[0].is_new, taken[0].bytes), ("a.md", is_new, 5));
    }
}
