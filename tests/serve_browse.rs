//! Does the server give staff what a screen needs: names, counts, what is like a passage, generations, gaps?

use serde_json::{Value, json};

use crate::support::http::Server;
use crate::support::openapi::Document;
use crate::support::{Project, arg, five, list};

const NO_RATES: [&str; 6] = ["--log", "off", "--rate-address", "0", "--rate-key", "0"];

#[test]
fn what_a_screen_needs_is_answered_as_it_is_described() {
    let server = Server::start(five(), &NO_RATES);
    let document = Document(server.get("/openapi.json").expect(200).json());
    let json_type = "application/json";
    let get = |path: &str| {
        let reply = server.get(path).expect(200).json();
        document.check(path, "get", 200, json_type, &reply);
        reply
    };
    let post = |path: &str, body: &Value| {
        let reply = server.post(path, body).expect(200).json();
        document.check(path, "post", 200, json_type, &reply);
        let request = &document.operation(path, "post")["requestBody"]["content"][json_type]["schema"];
        assert!(document.differences(request, body, "").is_empty(), "what {path} takes is not described");
        reply
    };
    let names = get("/v1/names");
    assert!(list(&names["names"]).contains(&json!("Asthma")), "{names}");
    let index = get("/v1/index");
    assert_eq!((&index["status"], &index["manifest"]["counts"]["documents"]), (&json!("ready"), &json!(5)));
    let generations = get("/v1/index/generations");
    let current = list(&generations["generations"]).iter().filter(|generation| generation["current"] == true).count();
    assert_eq!(current, 1, "{generations}");
    let id = generations["generations"][0]["manifest"]["id"].as_str().expect("an id");
    let same = server.get(&format!("/v1/index/changes/{id}/{id}")).expect(200).json();
    document.check("/v1/index/changes/{earlier}/{later}", "get", 200, json_type, &same);
    assert_eq!((&same["changes"]["unchanged"], &same["changes"]["added"]["count"]), (&json!(5), &json!(0)), "{same}");
    for stranger in ["g000009-01234567", "nonsense"] {
        let none = server.get(&format!("/v1/index/changes/{id}/{stranger}")).expect(404).json();
        document.check("/v1/index/changes/{earlier}/{later}", "get", 404, json_type, &none);
    }
    let all = post("/v1/facets", &json!({}));
    let count = |counts: &Value, facet: &str| -> u64 {
        let values = counts["facets"][facet].as_object().expect("a facet").values();
        values.filter_map(Value::as_u64).sum()
    };
    for facet in ["kind", "audience", "specialty", "grade", "place", "publisher", "year"] {
        assert_eq!(count(&all, facet), 5, "{facet}: every document is counted once");
    }
    let filtered = post("/v1/facets", &json!({"filters": {"kind": "nothing"}}));
    assert_eq!((count(&filtered, "kind"), count(&filtered, "publisher")), (5, 0));
    let like = post("/v1/similar", &json!({"passage_id": "asthma#0", "top_k": 3}));
    assert_eq!(list(&like["results"]).len(), 3, "{like}");
    assert!(list(&like["results"]).iter().all(|reading| reading["passage_id"] != "asthma#0"), "{like}");
    assert!(like["documents"].as_object().is_some_and(|documents| !documents.is_empty()), "{like}");
    let nothing = server.post("/v1/similar", &json!({"passage_id": "nobody#0"})).expect(404);
    assert_eq!(nothing.json()["error"]["code"], "not_found", "a passage that is not there is no passage without likes");
    let found = post("/v1/search", &json!({"question": "inhaler", "metadata": true, "top_k": 2}));
    assert_eq!(found["documents"]["asthma"]["kind"], "leaflet", "{found}");
    assert!(found.get("words").is_none(), "told only where it is asked for: {found}");
    let explained = post("/v1/search", &json!({"question": "inhaler zolfendrine", "explain": true, "top_k": 2}));
    let lexical = list(&explained["trace"]["lexical"]);
    for reading in list(&explained["results"]) {
        let id = reading["passage_id"].as_str().expect("an id");
        let words = list(&explained["words"][id]);
        let sum: f64 = words.iter().map(|word| word["score"].as_f64().expect("a score")).sum();
        let hit = lexical.iter().find(|hit| hit["passage_id"] == id);
        let whole = hit.map_or(0.0, |hit| hit["score"].as_f64().expect("a score"));
        assert!((sum - whole).abs() < 1e-3, "{words:?} are not {whole}");
        let scores = |wanted: &str| {
            words.iter().filter(|word| word["word"] == wanted).map(|word| &word["score"]).collect::<Vec<_>>()
        };
        assert_eq!(scores("zolfendrine"), [&json!(0.0)], "{words:?}");
        assert!(whole == 0.0 || words.iter().any(|word| word["score"].as_f64() > Some(0.0)), "{words:?}");
    }
    assert!(lexical.iter().any(|hit| hit["score"].as_f64() > Some(0.0)), "{explained}");
    for body in [json!({}), json!({"passage_id": "secret"}), json!({"passage_id": 7})] {
        let refused = server.post("/v1/similar", &body).expect(400);
        assert!(!refused.body.contains("secret"), "{}", refused.body);
    }
    let none = server.get("/v1/gaps").expect(404).json();
    document.check("/v1/gaps", "get", 404, json_type, &none);
}

#[test]
fn gaps_are_counted_from_the_query_log_and_hold_no_word_of_a_question() {
    let project = Project::indexed();
    let log = project.path("queries");
    let server = Server::start(&project, &[&NO_RATES[..], &["--query-log", arg(&log)]].concat());
    let document = Document(server.get("/openapi.json").expect(200).json());
    for question in ["What are the symptoms of asthma?", "Is my rash serious, Agnes Holloway asks?", "zolfendrine dose"]
    {
        server.post("/v1/ask", &json!({"question": question})).expect(200);
    }
    // The log is written by a thread of its own.
    let start = std::time::Instant::now();
    let gaps = loop {
        let gaps = server.get("/v1/gaps").expect(200).json();
        if gaps["asked"] == 3 || start.elapsed().as_secs() > 20 {
            break gaps;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    document.check("/v1/gaps", "get", 200, "application/json", &gaps);
    assert_eq!((&gaps["asked"], &gaps["answered"]), (&json!(3), &json!(1)), "{gaps}");
    let unanswered: u64 = gaps["unanswered"].as_object().expect("reasons").values().filter_map(Value::as_u64).sum();
    assert_eq!(unanswered, 2, "{gaps}");
    for word in ["Holloway", "rash", "zolfendrine"] {
        assert!(!gaps.to_string().contains(word), "{gaps}");
    }
}
