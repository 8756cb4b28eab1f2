//! Does whoever is refused read it in a form that they can, with the number to call?

use super::*;

const BROWSER: &str = "accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
const PROGRAM: &str = "accept: application/json\r\n";

/// Insists on a page of this status that stands by itself, with a number that dials.
#[track_caller]
fn is_page(reply: &str, status: &str) {
    is(reply, status);
    let (head, body) = parts(reply);
    assert!(head.contains("content-type: text/html"), "{head}");
    assert!(body.starts_with("<!DOCTYPE html>") && body.ends_with("</html>"), "{body}");
    assert!(body.contains(&format!("<a href=\"tel:{NUMBER}\">{NUMBER}</a>")), "{body}");
    let told = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
    assert!(told.is_none_or(|told| told == body.len().to_string()), "{head}");
}

/// Insists on JSON of this status; it names the number if a patient may have asked.
#[track_caller]
fn is_json(reply: &str, status: &str, with_number: bool) {
    is(reply, status);
    let value: serde_json::Value = serde_json::from_str(parts(reply).1).expect("JSON");
    let message = value["error"]["message"].as_str().expect("a message");
    let told = message.ends_with(&format!("if a life may be at risk, call {NUMBER}"));
    assert_eq!(told, with_number, "{message}");
}

#[test]
fn what_no_route_sees_is_a_page_for_people_and_json_for_programs() {
    let server = Running::start(&quick());
    let check = |before: &str, after: &str, status: &str| {
        let sent = |accept: &str| server.send(format!("{before}{accept}{after}").as_bytes());
        is_page(&sent(BROWSER), status);
        is_json(&sent(PROGRAM), status, true);
    };
    let line = "GET /fine HTTP/1.1\r\nhost: a\r\n";
    check(line, "no header\r\n\r\n", "400");
    check(line, &format!("cookie: {}\r\n\r\n", "a".repeat(17 << 10)), "431");
    check(line, &format!("{}\r\n", "a: b\r\n".repeat(200)), "431");
    check(line, "x: ", "408");
    // Where the head broke off before it said who reads, a person must be able to.
    is_page(&server.send(format!("GET /{}", "a".repeat(20_000)).as_bytes()), "431");
    is_page(&server.send(b"GET /fi"), "408");
    is_page(&server.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "400");
    // A head that is whole and names nothing is a program's.
    is_json(&server.send(b"NONSENSE\r\n\r\n"), "400", true);
}

#[test]
fn an_address_that_is_too_long_is_refused_where_heads_may_be_long() {
    let mut config = quick();
    config.limits.head_bytes = 128 << 10;
    let server = Running::start(&config);
    let sent = |accept: &str| {
        server.send(format!("GET /{} HTTP/1.1\r\nhost: a\r\n{accept}\r\n", "a".repeat(66_000)).as_bytes())
    };
    is_page(&sent(BROWSER), "414");
    is_json(&sent(PROGRAM), "414", true);
}

#[test]
fn whoever_finds_no_place_is_told_so_in_a_form_they_read() {
    let mut config = quick();
    config.limits.idle = PATIENCE;
    config.limits.first_byte = PATIENCE;
    config.limits.connections = 1;
    let server = Running::start(&config);
    let inside = server.connect();
    std::thread::sleep(Duration::from_millis(50));
    let check = |accept: &str| {
        let start = Instant::now();
        let mut stream = server.connect();
        let sent = format!("GET / HTTP/1.1\r\nhost: a\r\n{accept}\r\n");
        stream.write_all(&sent.as_bytes()[..if accept.is_empty() { 0 } else { sent.len() }]).expect("sent");
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).expect("told");
        assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
        let reply = String::from_utf8_lossy(&begun).into_owned() + &rest(&mut stream);
        assert!(parts(&reply).0.contains("\r\nretry-after: 1"), "{reply}");
        reply
    };
    is_page(&check(BROWSER), "503");
    is_json(&check(PROGRAM), "503", true);
    is_page(&check(""), "503");
    drop(inside);
}

#[test]
fn over_tls_those_who_find_no_place_are_told_so_as_long_as_they_are_few() {
    let mut config = quick();
    config.limits.idle = PATIENCE;
    config.limits.handshake = PATIENCE;
    config.limits.connections = 1;
    let certificate = Arc::new(Certificate::new(&pem("one")).expect("usable"));
    let server = Running::start_with(&config, Some(certificate));
    let inside = server.connect();
    std::thread::sleep(Duration::from_millis(50));
    let told = |accept: &str| send_over_tls(&server, "one", &format!("GET / HTTP/1.1\r\nhost: a\r\n{accept}\r\n"));
    is_page(&told(BROWSER).expect("told"), "503");
    is_json(&told(PROGRAM).expect("told"), "503", true);
    // Whoever takes the places of those who are told and says nothing keeps nobody else waiting.
    let silent: Vec<_> = (0..16).map(|_| server.connect()).collect();
    std::thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    assert!(told(BROWSER).is_err());
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    drop((inside, silent));
}

#[test]
fn what_a_guard_refuses_is_a_page_for_people_and_names_the_number_where_patients_ask() {
    let server = Running::start(&quick());
    let check = |method: &str, path: &str, more: &str, status: &str, asks: bool| {
        let sent = |accept: &str| {
            let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{accept}");
            server.send(format!("{head}{more}").as_bytes())
        };
        is_page(&sent(BROWSER), status);
        is_json(&sent(PROGRAM), status, asks);
    };
    check("POST", "/echo", "content-length: 65537\r\n\r\n", "413", true);
    check("POST", "/echo", "content-length: 9\r\n\r\nslow", "408", true);
    check("POST", "/asked/panics", "content-length: 0\r\n\r\n", "500", true);
    check("POST", "/asked/never", "content-length: 0\r\n\r\n", "503", true);
    check("GET", "/panics", "\r\n", "500", false);
    check("GET", "/never", "\r\n", "503", false);
    // What no guard caught is the door's.
    check("GET", "/unguarded", "\r\n", "500", true);
    check("GET", "/fine?last-layer", "\r\n", "500", true);
}

#[test]
fn too_many_are_told_when_to_come_back_and_whom_to_call() {
    let rate = Some(crate::Rate { questions_per_minute: 6, burst: 1 });
    let server = Running::start(&ServerConfig { rates: Rates { per_address: rate, per_key: None }, ..quick() });
    let ask = |accept: &str| {
        let head = format!("POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{accept}content-length: 1\r\n\r\na");
        server.send(head.as_bytes())
    };
    is(&ask(BROWSER), "200");
    for (accept, check) in [(BROWSER, true), (PROGRAM, false)] {
        let reply = ask(accept);
        if check {
            is_page(&reply, "429");
        } else {
            is_json(&reply, "429", true);
        }
        assert!(parts(&reply).0.contains("\r\nretry-after: "), "{reply}");
    }
}
