//! Does every route of the API do what its own description says, and never more?

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::{Response, Server};
use crate::support::openapi::{Document, Operation};
use crate::support::{Project, bounds, check_citation, check_reply, data, five, list};

const SYMPTOMS: &str = "What are the symptoms of asthma?";
const CHEST_PAIN: &str = "I have crushing chest pain and my left arm hurts";
const OWN_RESULT: &str = "My HbA1c is 8.2, what does it mean?";
const NOT_HELD: &str = "How is leprosy treated?";
const TABLETS: &str = "How soon should antiviral tablets be started for shingles?";

/// A test asks more often than a person, and has more patience where others compute beside it.
const NO_RATES: [&str; 4] = ["--rate-address", "0", "--timeout", "60"];

fn timeless(mut reply: Value) -> Value {
    reply["took_ms"] = json!(0);
    reply
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn chat(messages: &[Value]) -> Value {
    json!({"model": "clinqa", "messages": messages})
}

/// What is said in a completion.
#[track_caller]
fn content(completion: &Value) -> &str {
    completion["choices"][0]["message"]["content"].as_str().expect("a text")
}

/// The events of a stream; the last must be `[DONE]`.
#[track_caller]
fn events(response: &Response) -> Vec<Value> {
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")), "{response:?}");
    let mut events: Vec<&str> = response.body.split("\n\n").filter(|event| !event.is_empty()).collect();
    assert_eq!(events.pop(), Some("data: [DONE]"), "{}", response.body);
    let parse = |event: &str| serde_json::from_str(event.strip_prefix("data: ").expect("data")).expect("JSON");
    events.into_iter().map(parse).collect()
}

/// Insists on an error in `OpenAI`'s shape that says what is wrong in one sentence, and gives its code and field.
#[track_caller]
fn refused(response: Response, status: u16) -> (String, Value) {
    let response = response.expect(status);
    let error = response.json()["error"].clone();
    let message = error["message"].as_str().expect("a message");
    assert!(!message.is_empty() && message.len() < 200 && !message.contains('\n'), "{error}");
    let kind = if status < 500 { "invalid_request_error" } else { "server_error" };
    assert_eq!(error["type"], kind, "{error}");
    assert!(error["param"].is_null() || error["param"].is_string(), "{error}");
    (error["code"].as_str().expect("a code").to_owned(), error["param"].clone())
}

#[test]
fn the_description_is_whole_and_names_every_route_of_the_router() {
    let server = Server::start(five(), &NO_RATES);
    let document = Document(server.get("/openapi.json").expect(200).json());
    assert!(
        document.0["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "{}",
        document.0["openapi"]
    );
    let faults = document.faults();
    assert!(faults.is_empty(), "{faults:#?}");
    let router = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/crates/server/src/routes/mod.rs"));
    let router = router.expect("the router");
    let mut listed = BTreeSet::new();
    for line in router.lines().filter(|line| line.contains("\"/")) {
        let path = line.split('"').nth(1).expect("a path").to_owned();
        for method in ["get", "post"].into_iter().filter(|method| line.contains(&format!("{method}("))) {
            listed.insert(Operation { path: path.clone(), method: method.to_owned() });
        }
    }
    assert!(listed.len() > 10, "{listed:?}");
    assert_eq!(document.operations().into_iter().collect::<BTreeSet<_>>(), listed);
    let pretty = serde_json::to_string_pretty(&document.0).expect("JSON");
    insta::assert_snapshot!("openapi", pretty);
}

#[test]
fn every_route_answers_as_it_is_described() {
    let server = Server::start(five(), &NO_RATES);
    let document = Document(server.get("/openapi.json").expect(200).json());
    let json = "application/json";
    let post = |path: &str, body: &Value, status: u16| {
        let reply = server.post(path, body).expect(status).json();
        document.check(path, "post", status, json, &reply);
        let request = &document.operation(path, "post")["requestBody"]["content"][json]["schema"];
        if status == 200 {
            let broken = document.differences(request, body, "");
            assert!(broken.is_empty(), "what {path} takes is not described: {broken:#?}");
        }
        reply
    };
    for question in [SYMPTOMS, CHEST_PAIN, OWN_RESULT, NOT_HELD, TABLETS] {
        let body = json!({"question": question, "explain": true, "region": "GB", "top_k": 5});
        check_reply(&post("/v1/ask", &body, 200));
        let completion = post("/v1/chat/completions", &chat(&[user(question)]), 200);
        check_reply(&completion["clinqa"]);
    }
    let filters = json!({"kind": "leaflet", "since": "2020", "audience": "patient"});
    let history = json!([{"question": "What is asthma?", "answer": "A disease."}]);
    let body = json!({"question": "and in children?", "history": history, "filters": filters});
    post("/v1/ask", &body, 200);
    post("/v1/ask", &json!({"question": SYMPTOMS, "history": null, "filters": null, "top_k": null}), 200);
    let body = json!({"question": "inhaler", "filters": filters, "top_k": 2, "explain": true});
    let found = post("/v1/search", &body, 200);
    server.post("/v1/search", &json!({"question": "inhaler", "lexical_only": true, "top_k": 3.0})).expect(200);
    assert_eq!(list(&found["results"]).len(), 2, "{found}");
    for path in ["/v1/ask", "/v1/search", "/v1/chat/completions", "/v1/feedback"] {
        post(path, &json!({}), 400);
        let reply = server.post_with(path, "content-type: text/plain\r\n", "{}").expect(415).json();
        document.check(path, "post", 415, json, &reply);
        let reply = server.post(path, &json!({"question": "x".repeat(70_000)})).expect(413).json();
        document.check(path, "post", 413, json, &reply);
    }
    for (path, body) in [("/v1/ask", json!({"question": ""})), ("/v1/chat/completions", chat(&[user("?!")]))] {
        post(path, &body, 422);
    }
    for (pattern, path, status) in [
        ("/v1/models", "/v1/models", 200),
        ("/v1/models/{id}", "/v1/models/clinqa", 200),
        ("/v1/models/{id}", "/v1/models/secret", 404),
        ("/v1/documents/{id}", "/v1/documents/asthma", 200),
        ("/v1/documents/{id}", "/v1/documents/secret", 404),
        ("/v1/documents/{id}", "/v1/documents/..%2F..%2Fsecret", 404),
        ("/v1/documents/{id}", "/v1/documents/%ff", 404),
        ("/v1/passages/{id}", "/v1/passages/asthma%230", 200),
        ("/v1/passages/{id}", "/v1/passages/asthma%2399", 404),
        ("/v1/passages/{id}", "/v1/passages/asthma%23-1", 404),
        ("/v1/passages/{id}", "/v1/passages/asthma", 404),
    ] {
        let reply = server.get(path).expect(status).json();
        document.check(pattern, "get", status, json, &reply);
        assert!(!reply.to_string().contains("secret"), "{reply}");
    }
    server.post("/v1/feedback", &json!({"helpful": true})).expect(204);
    let generation = server.post("/v1/ask", &json!({"question": SYMPTOMS})).json()["generation"].clone();
    server.post("/v1/feedback", &json!({"helpful": false, "generation": generation})).expect(204);
    let (code, param) = refused(server.post("/v1/feedback", &json!({"helpful": true, "generation": "secret"})), 400);
    assert_eq!((code.as_str(), param), ("malformed", json!("generation")));
    let counted = server.get("/metrics").expect(200).body;
    for line in ["clinqa_feedback_total{helpful=\"yes\"} 1", "clinqa_feedback_total{helpful=\"no\"} 1"] {
        assert!(counted.contains(line), "{counted}");
    }
}

#[test]
fn how_a_reply_came_about_is_for_staff() {
    let project = Project::indexed();
    let key = |role: &str| {
        let made = project.run(&["key", "new", "--role", role, "--name", role]).expect(0).stdout;
        let (secret, entry) = made.split_once('\n').expect("a secret and its entry");
        (secret.to_owned(), entry.to_owned())
    };
    let ((patient, first), (staff, second)) = (key("patient"), key("staff"));
    project.write("keys.toml", format!("{first}\n{second}"));
    let server = Server::start(&project, &[&NO_RATES[..], &["--keys", "keys.toml"]].concat());
    let ask = |secret: &str, path: &str, explain: bool| {
        let headers = format!("content-type: application/json\r\nauthorization: Bearer {secret}\r\n");
        server.post_with(path, &headers, &json!({"question": SYMPTOMS, "explain": explain}).to_string())
    };
    assert!(ask(&staff, "/v1/ask", true).expect(200).json()["trace"].is_object());
    assert!(ask(&patient, "/v1/ask", false).expect(200).json().get("trace").is_none());
    assert_eq!(refused(ask(&patient, "/v1/ask", true), 403).0, "forbidden");
    assert_eq!(refused(ask(&patient, "/v1/search", false), 403).0, "forbidden");
    assert_eq!(refused(ask("secret", "/v1/ask", false), 401).0, "unauthorised");
    ask(&staff, "/v1/search", true).expect(200);
}

#[test]
fn the_page_that_shows_the_description_loads_nothing_from_elsewhere() {
    let server = Server::start(five(), &NO_RATES);
    assert_eq!(server.get("/docs").expect(308).header("location"), Some("/docs/"));
    let page = server.get("/docs/").expect(200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"), "{policy}");
    let linked: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|key| page.body.split(key).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(linked.len() >= 4, "{linked:?}");
    for name in linked {
        assert!(!name.contains("//"), "{name} is elsewhere");
        server.get(&format!("/docs/{}", name.trim_start_matches("./"))).expect(200);
    }
    let script = server.get("/docs/swagger-initializer.js").expect(200);
    assert!(script.body.contains("/openapi.json") && !script.body.contains("petstore"), "{}", script.body);
    refused(server.get("/docs/secret"), 404);
}

#[test]
fn the_command_line_a_batch_and_the_server_agree() {
    let server = Server::start(five(), &NO_RATES);
    let history = json!([{"question": "What is asthma?", "answer": "A disease of the airways."}]);
    let asked = [
        json!({"question": SYMPTOMS}),
        json!({"question": CHEST_PAIN}),
        json!({"question": OWN_RESULT}),
        json!({"question": NOT_HELD}),
        json!({"question": TABLETS}),
        json!({"question": "and in children?", "history": history}),
        json!({"question": SYMPTOMS, "filters": {"kind": "guideline"}}),
    ];
    let lines: Vec<String> = asked.iter().map(Value::to_string).collect();
    let batch = five().run_with_input(&["ask", "--batch", "-"], lines.join("\n").as_bytes()).expect(0).json_lines();
    for (request, typed) in asked.iter().zip(batch) {
        let reply = server.post("/v1/ask", request).expect(200).json();
        check_reply(&reply);
        assert_eq!(timeless(reply.clone()), timeless(typed), "{request}");
        if request.get("history").is_none() && request.get("filters").is_none() {
            let question = request["question"].as_str().expect("a question");
            assert_eq!(timeless(reply), timeless(five().ask(&[question])), "{request}");
        }
    }
}

#[test]
fn offsets_count_characters_of_the_document_that_is_served() {
    let server = Server::start(five(), &NO_RATES);
    let mut checked = 0;
    for question in [TABLETS, "Where does the shingles rash appear?", SYMPTOMS] {
        let reply = server.post("/v1/ask", &json!({"question": question, "top_k": 5})).expect(200).json();
        let citations = reply["answer"]["citations"].as_array().into_iter().flatten().chain(list(&reply["reading"]));
        for citation in citations {
            check_citation(citation);
            let id = citation["document_id"].as_str().expect("an id");
            let document = server.get(&format!("/v1/documents/{id}")).expect(200).json();
            let text: Vec<char> = document["text"].as_str().expect("a text").chars().collect();
            let [start, end, ..] = bounds(citation);
            assert_eq!(json!(text[start..end].iter().collect::<String>()), citation["quote"]);
            let passage_id = citation["passage_id"].as_str().expect("an id").replace('#', "%23");
            let passage = server.get(&format!("/v1/passages/{passage_id}")).expect(200).json();
            let of = |key: &str| passage[key].as_u64().expect("an offset") as usize;
            assert_eq!(json!(text[of("start")..of("end")].iter().collect::<String>()), passage["text"]);
            assert!(of("start") <= start && end <= of("end"), "{passage} does not hold {citation}");
            for section in list(&document["sections"]) {
                let of = |key: &str| section[key].as_u64().expect("an offset") as usize;
                assert!(of("start") <= of("end") && of("end") <= text.len(), "{section}");
            }
            checked += usize::from(text.iter().take(start).any(|c| c.len_utf8() > 1));
        }
    }
    assert!(checked > 0, "no citation stood behind a character of more than one byte");
}

#[test]
fn a_chat_gives_the_answer_with_its_source_whole_or_streamed() {
    let server = Server::start(five(), &NO_RATES);
    let document = Document(server.get("/openapi.json").expect(200).json());
    let completion = server.post("/v1/chat/completions", &chat(&[user(SYMPTOMS)])).expect(200).json();
    let reply = completion["clinqa"].clone();
    assert_eq!(timeless(reply.clone()), timeless(server.post("/v1/ask", &json!({"question": SYMPTOMS})).json()));
    let said = content(&completion);
    let citation = &reply["answer"]["citations"][0];
    let quoted = format!(
        "“{}”\n\nSource: Asthma > Symptoms, house tests, 2024-05-10",
        citation["quote"].as_str().expect("a quote")
    );
    assert!(said.starts_with(&quoted), "{said}");
    assert_eq!(completion["choices"][0]["finish_reason"], "stop");
    let usage = &completion["usage"];
    let tokens = |key: &str| usage[key].as_u64().expect("a count");
    assert!(tokens("prompt_tokens") >= 7 && tokens("completion_tokens") > 20, "{usage}");
    assert_eq!(tokens("total_tokens"), tokens("prompt_tokens") + tokens("completion_tokens"));

    let mut body = chat(&[user(SYMPTOMS)]);
    body["stream"] = json!(true);
    let streamed = server.post("/v1/chat/completions", &body).expect(200);
    let chunks = events(&streamed);
    for chunk in &chunks {
        let schema = &document.operation("/v1/chat/completions", "post")["responses"]["200"]["content"];
        let broken = document.differences(&schema["text/event-stream"]["schema"], chunk, "");
        assert!(broken.is_empty(), "{broken:?}");
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], chunks[0]["id"]);
    }
    let pieces: Vec<&str> =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(pieces.concat(), said);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let (last, before) = chunks.split_last().expect("chunks");
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(timeless(last["clinqa"].clone()), timeless(reply));
    assert!(before.iter().all(|chunk| chunk["choices"][0]["finish_reason"].is_null() && chunk.get("clinqa").is_none()));

    body["stream_options"] = json!({"include_usage": true});
    let chunks = events(&server.post("/v1/chat/completions", &body).expect(200));
    let counted = chunks.last().expect("chunks");
    assert_eq!((&counted["choices"], &counted["usage"]), (&json!([]), usage));
}

#[test]
fn a_stream_begins_with_the_notice_and_every_outcome_is_said_in_words() {
    let server = Server::start(five(), &NO_RATES);
    let pieces = |question: &str| {
        let mut body = chat(&[user(question)]);
        body["stream"] = json!(true);
        body["clinqa"] = json!({"region": "GB"});
        let chunks = events(&server.post("/v1/chat/completions", &body).expect(200));
        let reply = chunks.last().expect("chunks")["clinqa"].clone();
        let texts = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
        let texts: Vec<String> = texts.filter(|text| !text.is_empty()).map(str::to_owned).collect();
        (texts, reply)
    };
    let (said, reply) = pieces(CHEST_PAIN);
    assert_eq!(reply["outcome"], "redirected");
    assert!(said[0].starts_with(reply["notices"][0]["title"].as_str().expect("a title")), "{said:?}");
    assert!(said[0].contains("999"), "{said:?}");
    let (said, reply) = pieces(OWN_RESULT);
    assert_eq!(reply["reason"], "personal");
    assert!(said[0].starts_with(reply["notices"][0]["title"].as_str().expect("a title")), "{said:?}");
    assert!(said.iter().any(|text| text.contains("your own case")), "{said:?}");
    let (said, reply) = pieces(NOT_HELD);
    assert_eq!(reply["outcome"], "abstained");
    assert!(said.iter().any(|text| text.contains("I do not know")), "{said:?}");
    let reading = said.last().expect("a part");
    assert!(
        reply["reading"].as_array().is_some_and(Vec::is_empty) || reading.contains("You can read more here"),
        "{said:?}"
    );
}

#[test]
fn a_follow_up_is_understood_from_the_messages_alone() {
    let server = Server::start(five(), &NO_RATES);
    let first = server.post("/v1/chat/completions", &chat(&[user("How is asthma treated?")])).expect(200).json();
    let said = content(&first).to_owned();
    for (follow_up, about) in
        [("and in children?", "asthma"), ("how long does it last?", "asthma"), ("what about the symptoms?", "asthma")]
    {
        let messages = [user("How is asthma treated?"), json!({"role": "assistant", "content": said}), user(follow_up)];
        let reply = server.post("/v1/chat/completions", &chat(&messages)).expect(200).json()["clinqa"].clone();
        let history = json!([{"question": "How is asthma treated?", "answer": first["clinqa"]["answer"]["citations"][0]["quote"]}]);
        let asked = server.post("/v1/ask", &json!({"question": follow_up, "history": history})).expect(200).json();
        assert_eq!(timeless(reply.clone()), timeless(asked), "{follow_up}");
        let first = reply["answer"]["citations"].get(0).or(reply["reading"].get(0)).expect("a source");
        assert_eq!(first["document_id"], about, "{follow_up}: {reply}");
    }
    let alone = server.post("/v1/chat/completions", &chat(&[user("how long does it last?")])).expect(200).json();
    let asked = server.post("/v1/ask", &json!({"question": "how long does it last?"})).expect(200).json();
    assert_eq!(timeless(alone["clinqa"].clone()), timeless(asked.clone()));
    let history = json!([{"question": "How is asthma treated?", "answer": said}]);
    let with = server.post("/v1/ask", &json!({"question": "how long does it last?", "history": history}));
    assert_ne!(timeless(with.expect(200).json()), timeless(asked), "nothing is remembered between requests");
}

#[test]
fn what_a_client_asks_in_vain_is_refused_and_what_changes_nothing_is_not() {
    let server = Server::start(five(), &NO_RATES);
    let with = |key: &str, value: Value| {
        let mut body = chat(&[user(SYMPTOMS)]);
        body[key] = value;
        server.post("/v1/chat/completions", &body)
    };
    let tool = json!([{"type": "function", "function": {"name": "secret", "parameters": {}}}]);
    for (key, value) in [
        ("tools", tool.clone()),
        ("functions", json!([{"name": "secret"}])),
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("response_format", json!({"type": "json_object"})),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "secret"})),
    ] {
        let (code, param) = refused(with(key, value), 400);
        assert_eq!((code.as_str(), param), ("unsupported", json!(key)));
    }
    let picture = json!([{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/secret"}}]);
    let (code, param) =
        refused(server.post("/v1/chat/completions", &chat(&[json!({"role": "user", "content": picture})])), 400);
    assert_eq!((code.as_str(), param), ("unsupported", json!("messages[0].content[0].type")));
    for (key, value) in [
        ("messages", json!([])),
        ("messages", json!("secret")),
        ("stream", json!("secret")),
        ("n", json!(-1)),
        ("clinqa", json!([1])),
    ] {
        let (code, param) = refused(with(key, value), 400);
        assert_eq!((code.as_str(), param), ("malformed", json!(key)));
    }
    for (key, value) in [
        ("temperature", json!(0.3)),
        ("top_p", json!(1)),
        ("max_tokens", json!(16)),
        ("max_completion_tokens", json!(16)),
        ("seed", json!(7)),
        ("user", json!("somebody")),
        ("n", json!(1)),
        ("stop", json!(["\n"])),
        ("tools", json!([])),
        ("tools", Value::Null),
        ("response_format", json!({"type": "text"})),
        ("presence_penalty", json!(0)),
        ("model", json!("gpt-4o")),
    ] {
        let completion = with(key, value).expect(200).json();
        assert_eq!(completion["model"], "clinqa", "{key}: who answered is told as it is");
    }
}

#[test]
fn an_emergency_is_told_while_the_queue_is_full() {
    let server = Server::start(five(), &NO_RATES);
    let address = &server;
    let deadline = Instant::now() + Duration::from_mins(1);
    let full = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for place in 0..48 {
            let full = &full;
            scope.spawn(move || {
                while !full.load(std::sync::atomic::Ordering::Relaxed) && Instant::now() < deadline {
                    let question =
                        format!("{SYMPTOMS} {place} {}", "and what helps against wheezing at night ".repeat(20));
                    let response = address.post("/v1/ask", &json!({"question": question}));
                    if response.status == 503 {
                        assert!(response.header("retry-after").is_some(), "{response:?}");
                        let told = address.post("/v1/ask", &json!({"question": CHEST_PAIN})).expect(200).json();
                        assert_eq!(told["outcome"], "redirected");
                        assert!(!list(&told["notices"]).is_empty());
                        full.store(true, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(full.into_inner(), "48 clients at once never filled the queue");
}

#[test]
fn an_openai_client_from_the_shelf_chats_with_it() {
    let Some(python) = std::env::var_os("CLINQA_TEST_OPENAI") else {
        crate::support::skipped(
            "CLINQA_TEST_OPENAI names no Python with the openai package: NO OFF-THE-SHELF CLIENT IS TESTED",
        );
        return;
    };
    let server = Server::start(five(), &NO_RATES);
    let mut command = std::process::Command::new(python);
    let script = data("../openai/check_client.py");
    command.arg(script).arg(format!("http://{}", server.address)).env_clear();
    let ran = crate::support::run(&mut command).expect(0);
    assert!(ran.stdout.trim_end().ends_with("all is well"), "{ran:?}");
}

#[test]
fn questions_about_documents_that_no_one_holds_are_not_errors() {
    let project = Project::indexed();
    let server = Server::start(&project, &NO_RATES);
    let filters = json!({"kind": "http://169.254.169.254/latest/meta-data", "publisher": "file:///etc/passwd"});
    let reply = server.post("/v1/ask", &json!({"question": SYMPTOMS, "filters": filters})).expect(200).json();
    check_reply(&reply);
    assert_eq!((&reply["outcome"], &reply["reading"]), (&json!("abstained"), &json!([])));
}
