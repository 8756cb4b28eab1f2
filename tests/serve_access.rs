//! Does each route need what it says, and does the server refuse to be open by accident?

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::support::http::Server;
use crate::support::{Project, arg, five};

/// Every route with the least role that opens it, once more and by hand: the table of the server is held to it.
const ROUTES: [(&str, &str, &str); 31] = [
    ("GET", "/", "none"),
    ("POST", "/", "patient"),
    ("GET", "/source/{id}", "patient"),
    ("GET", "/assets/{name}", "none"),
    ("GET", "/docs", "none"),
    ("GET", "/docs/", "none"),
    ("GET", "/docs/{file}", "none"),
    ("GET", "/openapi.json", "none"),
    ("POST", "/v1/ask", "patient"),
    ("POST", "/v1/chat/completions", "patient"),
    ("GET", "/v1/models", "patient"),
    ("GET", "/v1/models/{id}", "patient"),
    ("POST", "/v1/search", "staff"),
    ("POST", "/v1/similar", "staff"),
    ("GET", "/v1/names", "staff"),
    ("POST", "/v1/facets", "staff"),
    ("GET", "/v1/index", "staff"),
    ("GET", "/v1/index/generations", "admin"),
    ("GET", "/v1/index/changes/{earlier}/{later}", "admin"),
    ("POST", "/v1/index/current", "admin"),
    ("POST", "/v1/index/check", "admin"),
    ("GET", "/v1/index/corpora", "admin"),
    ("GET", "/v1/index/rebuild", "admin"),
    ("POST", "/v1/index/rebuild", "admin"),
    ("GET", "/v1/gaps", "admin"),
    ("GET", "/v1/documents/{id}", "patient"),
    ("GET", "/v1/passages/{id}", "patient"),
    ("POST", "/v1/feedback", "patient"),
    ("GET", "/healthz", "none"),
    ("GET", "/readyz", "none"),
    ("GET", "/metrics", "admin"),
];

const ROLES: [&str; 4] = ["none", "patient", "staff", "admin"];

/// A project with a file of keys, and a secret for each role but none.
fn keyed() -> (Project, Vec<String>) {
    let project = Project::indexed();
    let mut file = String::new();
    let secrets = ROLES[1..]
        .iter()
        .map(|role| {
            let made = project.run(&["key", "new", "--role", role, "--name", "a \"ward\""]).expect(0);
            let (secret, lines) = made.stdout.split_once('\n').expect("a secret and its lines");
            file.push_str(lines);
            secret.to_owned()
        })
        .collect();
    project.write("keys.toml", file);
    (project, secrets)
}

fn rank(role: &str) -> usize {
    ROLES.iter().position(|known| *known == role).expect("a role")
}

/// The status that `method path` gets with this key.
fn status(server: &Server, method: &str, path: &str, key: Option<&str>) -> u16 {
    let authorization = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let body = json!({ "question": "What is asthma?" }).to_string();
    let length = if method == "POST" { body.len() } else { 0 };
    let body = &body[..length];
    let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n");
    let reply = server.send(format!("{head}content-type: application/json\r\n{authorization}\r\n{body}").as_bytes());
    assert_eq!(reply.status == 401, reply.header("www-authenticate").is_some(), "{reply:?}");
    reply.status
}

#[test]
fn every_route_opens_for_its_role_and_those_above_and_for_nobody_else() {
    let (project, secrets) = keyed();
    let server = Server::start(&project, &["--keys", "keys.toml", "--require-key"]);
    for (method, pattern, needed) in ROUTES {
        // Whatever stands in the place of a name, it is looked for only after the key was.
        let names = [("{id}", "asthma"), ("{name}", "none"), ("{file}", "none"), ("{earlier}", "a"), ("{later}", "b")];
        let path = &names.iter().fold(pattern.to_owned(), |path, (of, name)| path.replace(of, name));
        for (rank_shown, role) in ROLES.iter().enumerate() {
            let key = rank_shown.checked_sub(1).map(|at| secrets[at].as_str());
            let found = status(&server, method, path, key);
            let opens = rank_shown >= rank(needed);
            let expected = match (opens, key) {
                (true, _) => found != 401 && found != 403 && found < 500,
                (false, None) => found == 401,
                (false, Some(_)) => found == 403,
            };
            assert!(expected, "{method} {path} with {role}: {found}");
        }
        let wrong = status(&server, method, path, Some("clinqa-0000"));
        assert_eq!(wrong == 401, needed != "none", "{method} {path} with a wrong key: {wrong}");
    }
}

#[test]
fn a_browser_that_is_refused_a_page_asks_for_the_key_itself_and_a_program_does_not() {
    let (project, secrets) = keyed();
    let server = Server::start(&project, &["--keys", "keys.toml", "--require-key"]);
    let send = |method: &str, path: &str, more: &str, body: &str| {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n");
        server.send(format!("{head}content-type: application/x-www-form-urlencoded\r\n{more}\r\n{body}").as_bytes())
    };
    let asks = |path: &str, accept: &str| {
        let reply = send("GET", path, &format!("accept: {accept}\r\n"), "");
        assert_eq!(reply.status, 401, "{path}");
        reply.header("www-authenticate").unwrap_or_default().to_owned()
    };
    assert_eq!(asks("/source/asthma", "text/html"), "Basic realm=\"clinqa\", charset=\"UTF-8\"");
    assert_eq!(asks("/v1/documents/asthma", "application/json"), "Bearer realm=\"clinqa\"");
    let refused = send("POST", "/", "accept: text/html\r\n", "question=What+is+asthma%3F");
    assert_eq!(refused.status, 401);
    assert!(refused.body.contains("112"), "the number to call stands on the page that refuses");
    let shown = BASE64_STANDARD.encode(format!("ward:{}", secrets[0]));
    let credentials = format!("accept: text/html\r\nauthorization: Basic {shown}\r\n");
    let answered = send("POST", "/", &credentials, "question=What+is+asthma%3F");
    assert_eq!(answered.status, 200);
    assert_eq!(send("GET", "/source/asthma", &credentials, "").status, 200);
}

#[test]
fn the_list_of_routes_here_is_that_of_the_server() {
    let table = include_str!("../crates/server/src/routes/mod.rs");
    let rows = table.split("fn table()").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("the table");
    let patterns = rows.split('"').skip(1).step_by(2).filter(|text| text.starts_with('/'));
    let mut patterns: Vec<&str> = patterns.collect();
    let mut listed: Vec<&str> = ROUTES.iter().map(|(_, path, _)| *path).collect();
    patterns.sort_unstable();
    listed.sort_unstable();
    assert_eq!(patterns, listed, "a route that is not listed is not tested");
}

#[test]
fn without_require_key_a_patient_needs_none_and_the_rest_stays_shut() {
    let (project, secrets) = keyed();
    let server = Server::start(&project, &["--keys", "keys.toml"]);
    assert_eq!(status(&server, "POST", "/v1/ask", None), 200);
    assert_eq!(status(&server, "GET", "/metrics", None), 401);
    assert_eq!(status(&server, "GET", "/metrics", Some(&secrets[2])), 200);
    assert_eq!(status(&server, "POST", "/v1/ask", Some("clinqa-mistyped")), 401, "a wrong key is told");
}

#[test]
fn keys_are_read_again_on_sighup_and_a_spoilt_file_changes_nothing() {
    let (project, secrets) = keyed();
    let server = Server::start(&project, &["--keys", "keys.toml"]);
    let metrics = |key: &str| status(&server, "GET", "/metrics", Some(key));
    let becomes = |key: &str, expected: u16| {
        (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            metrics(key) == expected
        })
    };
    project.write("keys.toml", "[[key]]\nname = \"half a fi");
    server.signal("HUP");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(metrics(&secrets[2]), 200, "the old keys stay");
    let made = project.run(&["key", "new", "--role", "admin", "--name", "new"]).expect(0);
    let (secret, lines) = made.stdout.split_once('\n').expect("a secret and its lines");
    project.write("keys.toml", lines);
    server.signal("HUP");
    assert!(becomes(secret, 200), "the new key opens");
    assert!(becomes(&secrets[2], 401), "the old one does not");
    assert!(server.log().iter().all(|line| !line.contains("half a fi")), "{:?}", server.log());
}

#[test]
fn an_address_beyond_this_machine_needs_keys_or_tls_or_an_explicit_word() {
    let project = five();
    let beyond = ["serve", "--listen", "0.0.0.0:0"];
    project.run(&beyond).refused(2, &["0.0.0.0", "--keys", "--tls-cert", "--insecure"]);
    project.run(&["serve", "--require-key"]).refused(2, &["clinqa key new"]);
    project.run(&["serve", "--keys", "nowhere.toml"]).refused(2, &["nowhere.toml"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    project.run(&["serve", "--log", "off", "--listen", &address]).refused(2, &[&address, "--listen"]);
}

#[test]
fn a_file_of_keys_that_cannot_be_used_is_refused_without_being_repeated() {
    let project = Project::indexed();
    let check = |text: &str, part: &str| {
        let file = project.write("keys.toml", text);
        let ran = project.run(&["serve", "--log", "off", "--keys", arg(&file)]);
        ran.refused(2, &["keys.toml", part]);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    };
    check("s3cret", "[[key]]");
    check("key = []", "no key");
    check("[[key]]\nname = \"a\"\nrole = \"s3cret\"\nsha256 = \"\"", "role");
    check("[[key]]\nname = \"a\"\nrole = \"staff\"\nsha256 = \"s3cret\"", "SHA-256");
    check("[[key]]\nname = \"a\"\nrole = \"staff\"\nsecret = \"s3cret\"", "[[key]]");
}

#[test]
fn what_the_settings_say_counts_where_nothing_was_typed() {
    let project = Project::indexed();
    project.write("clinqa.toml", "[serve]\nlisten = \"0.0.0.0:0\"\nlog = \"off\"\n");
    project.run(&["serve"]).refused(2, &["0.0.0.0", "--insecure"]);
    project.write("clinqa.toml", "[serve]\nkeys = \"missing.toml\"\nlog = \"off\"\n");
    project.run(&["serve", "--listen", "127.0.0.1:0"]).refused(2, &["missing.toml"]);
    project.write("clinqa.toml", "[serve]\nlissten = \"127.0.0.1:0\"\n");
    project.run(&["serve"]).refused(2, &["clinqa.toml"]);
}
