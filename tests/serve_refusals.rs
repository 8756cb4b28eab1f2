//! What does a frightened person read where the server refuses them, and what does a program?

use std::io::{Read as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::five;
use crate::support::http::{Response, Server};

/// A number that dials, on every page of the region.
const CALL: &str = "<a href=\"tel:999\">999</a>";

const BROWSER: &str = "accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
const PROGRAM: &str = "accept: application/json\r\n";

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";
const JSON: &str = "content-type: application/json\r\n";

/// Within which a refusal is to be there (promise S3); what happens once may be the machine's fault.
const AT_ONCE: Duration = Duration::from_millis(50);

const REGION: [&str; 4] = ["--region", "GB", "--timeout", "60"];

fn serve(args: &[&str]) -> Server {
    Server::start(five(), &[&REGION[..], args].concat())
}

/// Insists on a page of this status with the number in sight and a way on.
#[track_caller]
fn is_page(reply: &Response, status: u16) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{reply:?}");
    assert!(reply.body.contains(CALL), "{reply:?}");
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && reply.header("cache-control") == Some("no-store"), "{reply:?}");
    let goes_on = reply.body.contains("do not wait for this site") || reply.body.contains("id=\"problem\"");
    assert!(goes_on, "{reply:?}");
    assert_eq!(reply.header("retry-after").is_some(), matches!(status, 429 | 503), "{reply:?}");
}

/// Insists on `OpenAI`'s shape with a message that names the number.
#[track_caller]
fn is_json(reply: &Response, status: u16, number: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    let error = &reply.json()["error"];
    let message = error["message"].as_str().expect("a message");
    assert!(message.ends_with(&format!("if a life may be at risk, call {number}")), "{message}");
    assert!(error["code"].is_string() && message.len() < 200, "{error}");
    assert_eq!(reply.header("retry-after").is_some(), matches!(status, 429 | 503), "{reply:?}");
}

/// `head` with what is accepted, as it comes over the wire.
fn send(server: &Server, line: &str, accept: &str, more: &str) -> Response {
    server.send(format!("{line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{accept}{more}").as_bytes())
}

#[test]
fn every_status_is_a_page_for_people_and_names_the_number_to_programs_that_ask() {
    let server = serve(&["--rate-address", "0"]);
    let large = "x".repeat(70_000);
    let form = format!("{FORM}content-length: {}\r\n\r\n{large}", large.len());
    let body = format!("{JSON}content-length: {}\r\n\r\n{large}", large.len());
    let cookies = format!("cookie: {}\r\n\r\n", "a=secret; ".repeat(1_800));
    let many = format!("{}\r\n", "cookie: a=secret\r\n".repeat(150));
    let broken = format!("{JSON}content-length: 1\r\n\r\n{{");
    let empty = format!("{JSON}content-length: 15\r\n\r\n{{\"question\":\"\"}}");
    for (line, more, status) in [
        ("POST /", &form, 413),
        ("POST /v1/ask", &body, 413),
        ("POST /v1/chat/completions", &body, 413),
        ("GET /", &cookies, 431),
        ("POST /v1/ask", &cookies, 431),
        ("GET /", &many, 431),
        ("POST /v1/ask", &broken, 400),
        ("POST /v1/chat/completions", &broken, 400),
        ("POST /v1/ask", &empty, 422),
    ] {
        is_page(&send(&server, line, BROWSER, more), status);
        let reply = send(&server, line, PROGRAM, more);
        is_json(&reply, status, "999");
        assert!(!reply.body.contains("secret"), "{reply:?}");
        let soonest = (0..5).map(|_| {
            let start = Instant::now();
            send(&server, line, PROGRAM, more);
            start.elapsed()
        });
        // What was sent on is read away for a while behind a refusal that is there already.
        if status != 413 && status != 431 {
            assert!(soonest.min().is_some_and(|took| took < AT_ONCE), "{line} {status}");
        }
    }
    // The line of the request never ends, so that nothing says who reads: a person must be able to.
    is_page(&server.send(format!("GET /{}", "a".repeat(20_000)).as_bytes()), 431);
    let over_long = server
        .send(format!("GET /?q={} HTTP/1.1\r\nconnection: close\r\n{BROWSER}\r\n", "a".repeat(15_000)).as_bytes());
    assert_eq!(over_long.status, 200, "a long address within the limit is none of these: {over_long:?}");
    let staff = send(&server, "POST /v1/search", PROGRAM, &broken).expect(400).json();
    assert!(!staff.to_string().contains("999"), "{staff}");
}

#[test]
fn the_first_line_of_a_refusal_is_there_within_fifty_milliseconds() {
    let server = serve(&["--rate-address", "0"]);
    let check = |sent: &str, status: &str| {
        let took = |_| {
            let mut stream = server.connect();
            let start = Instant::now();
            stream.write_all(sent.as_bytes()).expect("sent");
            let mut line = [0; 12];
            stream.read_exact(&mut line).expect("a line");
            assert_eq!(String::from_utf8_lossy(&line), format!("HTTP/1.1 {status}"));
            start.elapsed()
        };
        let soonest = (0..5).map(took).min().expect("five");
        assert!(soonest < AT_ONCE, "{status}: {soonest:?}");
    };
    check("POST /v1/ask HTTP/1.1\r\nhost: a\r\ncontent-length: 70000\r\n\r\n", "413");
    check(&format!("GET / HTTP/1.1\r\ncookie: {}\r\n\r\n", "a".repeat(17_000)), "431");
    check("GET / HTTP/1.1\r\nno header\r\n\r\n", "400");
    check("GET /lost HTTP/1.1\r\nhost: a\r\n\r\n", "404");
    check("DELETE / HTTP/1.1\r\nhost: a\r\n\r\n", "405");
    check("POST /v1/ask HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", "415");
    let long = json!({ "question": "secret ".repeat(286) }).to_string();
    check(&format!("POST /v1/ask HTTP/1.1\r\nhost: a\r\n{JSON}content-length: {}\r\n\r\n{long}", long.len()), "422");
}

#[test]
fn whoever_asks_too_often_or_too_slowly_reads_whom_to_call() {
    let server = serve(&["--rate-address", "3"]);
    let ask = |line: &str, accept: &str, kind: &str, body: &str| {
        send(&server, line, accept, &format!("{kind}content-length: {}\r\n\r\n{body}", body.len()))
    };
    let question = json!({ "question": "What is asthma?" }).to_string();
    ask("POST /v1/ask", PROGRAM, JSON, &question).expect(200);
    let page = ask("POST /", BROWSER, FORM, "question=What+is+asthma");
    is_page(&page, 429);
    assert!(page.body.contains("Go back to find the words that you typed."), "{page:?}");
    is_json(&ask("POST /v1/ask", PROGRAM, JSON, &question), 429, "999");
    is_json(&ask("POST /v1/chat/completions", PROGRAM, JSON, "{}"), 429, "999");

    // Each of the server's clocks runs by itself, so all of them may be waited for together.
    let server = &serve(&["--rate-address", "0"]);
    let slow = |line: &'static str, accept: &'static str, more: &'static str| {
        move || {
            let mut stream = server.connect();
            stream.write_all(format!("{line} HTTP/1.1\r\nhost: a\r\n{accept}{more}").as_bytes()).expect("sent");
            let mut reply = Vec::new();
            let _ = stream.read_to_end(&mut reply);
            Response::parse(&reply)
        }
    };
    let body = "content-type: application/json\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{";
    let cases = [
        ("POST /v1/ask", BROWSER, body),
        ("POST /", BROWSER, body),
        ("GET /", BROWSER, "x: "),
        ("POST /v1/ask", PROGRAM, body),
        ("POST /v1/chat/completions", PROGRAM, "x: "),
        ("GET /", "", "x: "),
    ];
    let replies: Vec<Response> = std::thread::scope(|scope| {
        let waiting: Vec<_> = cases.map(|(line, accept, more)| scope.spawn(slow(line, accept, more))).into();
        waiting.into_iter().map(|waiting| waiting.join().expect("no panic")).collect()
    });
    for ((_, accept, _), reply) in cases.iter().zip(&replies) {
        if *accept == PROGRAM { is_json(reply, 408, "999") } else { is_page(reply, 408) }
    }
}

#[test]
fn whoever_finds_no_place_or_no_worker_reads_whom_to_call() {
    let server = serve(&["--rate-address", "0", "--connections", "1"]);
    let inside = server.connect();
    std::thread::sleep(Duration::from_millis(100));
    is_page(&send(&server, "GET /", BROWSER, "\r\n"), 503);
    is_json(&send(&server, "POST /v1/ask", PROGRAM, "content-length: 0\r\n\r\n"), 503, "999");
    is_page(&server.send(b""), 503);
    drop(inside);

    let server = Server::start(five(), &["--rate-address", "0", "--workers", "1", "--timeout", "60"]);
    let nowhere = "the emergency line where you live (112, 911, 999 …)";
    let question = |place: usize| format!("What are the symptoms of asthma? {place} {}", "at night ".repeat(90));
    let (shed, deadline) = (Mutex::new((None, None, None)), Instant::now() + Duration::from_mins(1));
    std::thread::scope(|scope| {
        for place in 0..24 {
            let (server, shed) = (&server, &shed);
            scope.spawn(move || {
                let done = || matches!(*shed.lock().expect("no panic"), (Some(_), Some(_), Some(_)));
                while !done() && Instant::now() < deadline {
                    let (accept, path) = [(BROWSER, "/v1/ask"), (PROGRAM, "/v1/ask"), (BROWSER, "/")][place % 3];
                    let text = question(place);
                    let reply = if path == "/" {
                        let sent = format!("question={}", text.replace(' ', "+").replace('?', "%3F"));
                        server.post_with(path, &format!("{FORM}{accept}"), &sent)
                    } else {
                        server.post_with(path, &format!("{JSON}{accept}"), &json!({ "question": text }).to_string())
                    };
                    if reply.status == 503 {
                        let mut held = shed.lock().expect("no panic");
                        let (page, program, form) = &mut *held;
                        *[page, program, form].into_iter().nth(place % 3).expect("one of three") = Some(reply);
                    }
                }
            });
        }
    });
    let (Some(page), Some(program), Some(form)) = shed.into_inner().expect("no panic") else {
        panic!("24 clients at once never filled the queue")
    };
    is_json(&program, 503, nowhere);
    for page in [&page, &form] {
        assert!(page.header("retry-after").is_some() && page.body.contains("112, 911, 999 …"), "{page:?}");
        assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page:?}");
        assert!(page.body.contains("A lot of people ask us just now."), "{page:?}");
    }
    // What was typed into the form is there again, and said to be.
    assert!(form.body.contains("at night at night") && form.body.contains("Your words are still in the box."));
}
