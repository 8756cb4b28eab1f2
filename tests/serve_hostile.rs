//! Hostile requests: does each get a status of its own and one sentence, never a panic, and never its own words back?

use serde_json::{Value, json};

use crate::support::five;
use crate::support::http::{Response, Server};

/// A word of every bad request: it may be found in no error.
const MARK: &str = "zebrafever";

/// A test asks more often than a person, and has more patience where others compute beside it.
const NO_RATES: [&str; 4] = ["--rate-address", "0", "--timeout", "60"];

/// Random changes that are made to valid requests.
const MUTATIONS: usize = 1_000;

const JSON: &str = "content-type: application/json\r\n";

/// Insists that a request was answered or refused, and that a refusal does not repeat it.
#[track_caller]
fn tolerated(response: &Response, allowed: &[u16]) {
    assert!(allowed.contains(&response.status), "{response:?}");
    if response.status >= 400 {
        let error = &response.json()["error"];
        let message = error["message"].as_str().expect("a message");
        assert!(!message.is_empty() && message.len() < 200, "{error}");
        assert!(!response.body.to_lowercase().contains(MARK), "{error}");
        assert!(!response.body.contains("panicked") && !response.body.contains(".rs"), "{error}");
    }
}

fn ask_with(question: &str) -> Value {
    json!({"question": question, "top_k": 1})
}

#[test]
fn a_strange_question_is_a_question_or_is_refused() {
    let server = Server::start(five(), &NO_RATES);
    let check = |question: &str, status: u16| {
        for (path, body) in [
            ("/v1/ask", ask_with(question)),
            ("/v1/search", ask_with(question)),
            ("/v1/chat/completions", json!({"messages": [{"role": "user", "content": question}]})),
        ] {
            tolerated(&server.post(path, &body), &[status]);
        }
    };
    check(&format!("{}asthma{}", "(".repeat(990), ")".repeat(990)), 200);
    check(&"OR ".repeat(10_000), 422);
    check(&format!("asthma {}", "OR ".repeat(600)), 200);
    check(&MARK.repeat(6_000), 422);
    check(&"x".repeat(2_000), 200);
    check(&"asthma ".repeat(280), 200);
    check("\u{202e}amhtsa\u{202c} what is \u{2066}asthma\u{2069}", 200);
    check("asthma\u{0}zebrafever", 422);
    check("glucose: >7 AND title:* [a TO z] NOT -x ~2 ^9 \"", 200);
    check("'; DROP TABLE passages; -- <script>alert(1)</script> {{7*7}} ${jndi:ldap://127.0.0.1/a}", 200);
    check("ask\r\nHTTP/1.1 200 OK\r\n\r\nlevel=error forged", 200);
    check("\u{fdfa}\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} Zalgo a\u{301}\u{302}\u{303}\u{304}\u{305}", 200);
}

#[test]
fn a_body_that_is_not_ours_is_refused_in_one_sentence() {
    let server = Server::start(five(), &NO_RATES);
    let check = |body: &str, status: u16| {
        for path in ["/v1/ask", "/v1/search", "/v1/chat/completions", "/v1/feedback"] {
            tolerated(&server.post_with(path, JSON, body), &[status]);
        }
    };
    check("", 400);
    check("zebrafever", 400);
    check("\"zebrafever\"", 400);
    check("[\"zebrafever\"]", 400);
    check("null", 400);
    check("NaN", 400);
    check("{\"question\": NaN, \"messages\": NaN, \"helpful\": NaN}", 400);
    check("{\"question\": 1e999999, \"messages\": 1e999999, \"helpful\": 1e999999}", 400);
    check(&"[".repeat(60_000), 400);
    check(&"{\"zebrafever\":".repeat(4_000), 400);
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    check(&format!("{{\"question\": {deep}, \"x\": 1}}"), 400);
    check(
        "{\"question\": \"\\ud800 zebrafever\", \"messages\": [{\"role\": \"user\", \"content\": \"\\udc00\"}], \"helpful\": \"\\ud800\"}",
        400,
    );
    check(
        "{\"question\": \"a\", \"question\": \"zebrafever\", \"messages\": [], \"messages\": [], \"helpful\": true, \"helpful\": false}",
        400,
    );
    check("{\"question\": \"a\", \"messages\": [], \"helpful\": true} {\"zebrafever\": 1}", 400);
    check(&format!("{{\"question\": \"{}\"}}", "zebrafever ".repeat(6_000)), 413);
    let not_utf8 = b"POST /v1/ask HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"question\":\"\xff\"}";
    tolerated(&server.send(not_utf8), &[400]);
}

#[test]
fn a_field_that_does_not_fit_is_named_and_not_repeated() {
    let server = Server::start(five(), &NO_RATES);
    let check = |path: &str, body: Value, status: u16, param: Value| {
        let response = server.post(path, &body);
        tolerated(&response, &[status]);
        assert_eq!(response.json()["error"]["param"], param, "{body}");
    };
    let ask = |key: &str, value: Value| {
        let mut body = ask_with("What is asthma?");
        body[key] = value;
        body
    };
    check("/v1/ask", ask("top_k", json!(101)), 400, json!("top_k"));
    check("/v1/ask", ask("top_k", json!(-1)), 400, json!("top_k"));
    check("/v1/ask", ask("top_k", json!(1.5)), 400, json!("top_k"));
    check("/v1/ask", ask("top_k", json!(u64::MAX)), 400, json!("top_k"));
    check("/v1/ask", ask("region", json!("zebrafever")), 400, json!("region"));
    check("/v1/ask", ask("filters", json!({"since": MARK})), 400, json!("filters.since"));
    check("/v1/ask", ask("filters", json!({"kind": {"$ne": MARK}})), 400, json!("filters.kind"));
    check("/v1/ask", ask("history", json!([{"question": "a"}, {"question": 7}])), 400, json!("history[1].question"));
    check("/v1/ask", ask("history", json!([{"zebrafever": "a"}])), 400, json!("history[0]"));
    check("/v1/search", ask("lexical_only", json!(MARK)), 400, json!("lexical_only"));
    check("/v1/ask", ask("question", json!("")), 422, json!("question"));
    let chat = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    check("/v1/chat/completions", chat(json!(7)), 400, json!("messages[0].content"));
    check("/v1/chat/completions", chat(json!([{"type": "zebrafever"}])), 400, json!("messages[0].content[0].type"));
    check(
        "/v1/chat/completions",
        json!({"messages": [{"role": MARK, "content": "a"}]}),
        400,
        json!("messages[0].role"),
    );
}

#[test]
fn keys_like_those_of_a_prototype_and_long_histories_change_nothing() {
    let server = Server::start(five(), &NO_RATES);
    let question = "What are the symptoms of asthma?";
    let plain = server.post("/v1/ask", &ask_with(question)).expect(200).json();
    let mut odd = ask_with(question);
    odd["__proto__"] = json!({"top_k": 9});
    odd["constructor"] = json!({"prototype": {"admin": true}});
    odd["zebrafever"] = json!([[[]]]);
    let odd = server.post("/v1/ask", &odd).expect(200).json();
    assert_eq!(plain["answer"], odd["answer"]);
    let turn = json!({"question": "x ".repeat(15_000), "answer": "y".repeat(15_000)});
    let mut long = ask_with("and in children?");
    long["history"] = json!([turn]);
    tolerated(&server.post("/v1/ask", &long), &[200]);
    long["history"] = json!(vec![json!({"question": "it", "answer": "it"}); 1_500]);
    tolerated(&server.post("/v1/ask", &long), &[200]);
    let messages: Vec<Value> = (0..1_401).map(|_| json!({"role": "user", "content": "and it?"})).collect();
    tolerated(&server.post("/v1/chat/completions", &json!({"messages": messages})), &[200]);
}

#[test]
fn any_change_to_a_valid_request_is_answered_or_refused() {
    let server = Server::start(five(), &NO_RATES);
    let valid = [
        (
            "/v1/ask",
            json!({"question": "What zebrafever?", "history": [{"question": "What is asthma?", "answer": "A disease."}], "filters": {"kind": "leaflet", "since": "2020-01"}, "top_k": 2, "region": "GB"}),
        ),
        (
            "/v1/search",
            json!({"question": "zebrafever", "filters": {"language": "en"}, "top_k": 3, "lexical_only": true}),
        ),
        (
            "/v1/chat/completions",
            json!({"model": "clinqa", "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": [{"type": "text", "text": "zebrafever?"}]}], "stream": false, "n": 1}),
        ),
        ("/v1/feedback", json!({"helpful": true, "generation": "g000001-0123abcd"})),
    ];
    let mut random = Random(0x5eed);
    let mut statuses = std::collections::BTreeMap::new();
    for round in 0..MUTATIONS {
        let (path, body) = &valid[round % valid.len()];
        let mut bytes = body.to_string().into_bytes();
        for _ in 0..=random.below(3) {
            random.mutate(&mut bytes);
        }
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{JSON}content-length: {}\r\n\r\n",
            bytes.len()
        )
        .into_bytes();
        request.extend(&bytes);
        let response = server.send(&request);
        tolerated(&response, &[200, 204, 400, 413, 422]);
        *statuses.entry(response.status).or_insert(0) += 1;
    }
    assert!(statuses.contains_key(&200) && statuses.contains_key(&400), "{statuses:?}");
}

/// A small generator with a seed, so that every run asks the same (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// One change: a byte, a cut, a doubling, or something that parsers stumble over.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const PIECES: [&[u8]; 14] = [
            b"\\ud800",
            b"\"",
            b"\\",
            b"\0",
            b"\xff\xfe",
            b"[[[[",
            b"}",
            b"NaN",
            b"1e999",
            b"-0",
            b"null",
            b"\xe2\x80\xae",
            b",\"question\":\"zebrafever\"",
            b"99999999999999999999",
        ];
        let at = self.below(bytes.len());
        match self.below(5) {
            0 if !bytes.is_empty() => bytes[at] = self.next() as u8,
            1 if !bytes.is_empty() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            3 => {
                let end = (at + self.below(40)).min(bytes.len());
                let copy = bytes[at.min(end)..end].to_vec();
                bytes.splice(at.min(end)..at.min(end), copy);
            }
            _ => {
                let piece = PIECES[self.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
}
