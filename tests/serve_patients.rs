//! Does a patient get a patient's text and a clinician a clinician's, and is what is long or heavy still a question?

use serde_json::{Value, json};

use crate::support::http::{Response, Server};
use crate::support::{Project, check_reply, five, list};

const QUIET: [&str; 6] = ["--rate-address", "0", "--timeout", "60", "--region", "GB"];

const QUESTION: &str = "How is zorblax fever treated?";

/// Three documents on one invented illness: for patients, for clinicians, and for whoever reads it.
fn project() -> Project {
    let project = Project::new();
    // So different that none is taken for another.
    for (id, audience, advice) in [
        (
            "plain",
            "audience: patient\n",
            "with rest and plenty of water. Most people feel well again after nine days at home, and need no other care",
        ),
        (
            "hard",
            "audience: clinician\n",
            "with zorblaxin 5 mg per kg every eight hours, by vein, while potassium and renal function are monitored",
        ),
        (
            "any",
            "",
            "in a cool room. Its name comes from the valley where a miller first told of it, long before the mite was found",
        ),
    ] {
        let head = format!(
            "---\nid: {id}\ntitle: Zorblax fever {id}\nkind: guideline\ndate: 2024-05-10\npublisher: house tests\n{audience}---\n"
        );
        let text = format!("\n## Treatment\n\nZorblax fever is treated {advice}.\n");
        project.write(&format!("corpora/own/{id}.md"), head + &text);
    }
    project.run(&["rebuild"]).expect(0);
    project
}

/// The documents that a reply shows, in its answer and for further reading.
fn shown(reply: &Value) -> Vec<String> {
    check_reply(reply);
    let citations = reply["answer"]["citations"].as_array().into_iter().flatten();
    let differing = reply["answer"]["differing"].as_array().into_iter().flatten();
    let ids = citations.chain(differing).chain(list(&reply["reading"])).map(|shown| shown["document_id"].as_str());
    let mut ids: Vec<String> = ids.map(|id| id.expect("an id").to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn the_audience_of_a_request_decides_which_texts_may_answer() {
    let project = project();
    let server = Server::start(&project, &QUIET);
    let ask = |filters: Value| {
        let body = json!({"question": QUESTION, "filters": filters, "top_k": 10});
        server.post("/v1/ask", &body).expect(200).json()
    };
    let chat = |filters: Value| {
        let options = json!({"filters": filters, "top_k": 10});
        let body = json!({"messages": [{"role": "user", "content": QUESTION}], "clinqa": options});
        server.post("/v1/chat/completions", &body).expect(200).json()
    };
    assert_eq!(shown(&ask(json!({}))), ["any", "hard", "plain"]);
    for (audience, expected, others) in
        [("patient", ["any", "plain"], "zorblaxin"), ("Clinician", ["any", "hard"], "plenty of water")]
    {
        let filters = json!({"audience": audience});
        let reply = ask(filters.clone());
        assert_eq!(shown(&reply), expected, "{audience}");
        assert!(!reply.to_string().contains(others), "{audience}: {reply}");
        let completion = chat(filters.clone());
        assert_eq!(shown(&completion["clinqa"]), expected, "{audience}");
        assert!(!completion.to_string().contains(others), "{audience}: {completion}");
        let found = server.post("/v1/search", &json!({"question": QUESTION, "filters": filters})).expect(200).json();
        assert!(
            list(&found["results"]).iter().all(|hit| expected.contains(&hit["document_id"].as_str().expect("an id")))
        );
        let typed = project.ask(&["--audience", audience, "--top-k", "10", QUESTION]);
        assert_eq!(shown(&typed), expected, "the command line says the same of {audience}");
    }
    // What nobody wrote for is answered from what names no audience.
    assert_eq!(shown(&ask(json!({"audience": "carer"}))), ["any"]);
}

/// Tokens of a question, as the server counts them.
fn tokens(completion: &Value) -> u64 {
    completion["usage"]["prompt_tokens"].as_u64().expect("a count")
}

#[test]
fn a_question_of_as_many_tokens_as_a_model_has_places_and_one_more_is_answered() {
    let server = Server::start(five(), &QUIET);
    let ask = |words: usize| {
        let question = format!("What are the symptoms of asthma? {}", "a ".repeat(words));
        let body = json!({"messages": [{"role": "user", "content": question}]});
        let completion = server.post("/v1/chat/completions", &body).expect(200).json();
        check_reply(&completion["clinqa"]);
        let reply = server.post("/v1/ask", &json!({"question": question})).expect(200).json();
        assert_eq!(reply["answer"], completion["clinqa"]["answer"]);
        server.post("/v1/search", &json!({"question": question})).expect(200);
        tokens(&completion)
    };
    let most = 512 - ask(0) as usize;
    // The count is without the marks that a model puts around a question: those come on top.
    let counted: Vec<u64> = [most - 3, most - 2, most - 1, most, most + 1, most + 2].map(ask).into();
    assert_eq!(counted, [509, 510, 511, 512, 513, 514]);
}

#[test]
fn a_word_of_sixty_kilobytes_is_refused_as_a_question_and_harmless_beside_one() {
    let server = Server::start(five(), &QUIET);
    let word = "zebra".repeat(12_000);
    let refused = |reply: Response, status: u16| {
        let reply = reply.expect(status);
        assert!(!reply.body.contains("zebra") && reply.body.contains("call 999"), "{reply:?}");
    };
    refused(server.post("/v1/ask", &json!({"question": word})), 422);
    refused(server.post("/v1/chat/completions", &json!({"messages": [{"role": "user", "content": word}]})), 422);
    let question = "What are the symptoms of asthma?";
    let history = json!([{"question": word, "answer": ""}]);
    check_reply(&server.post("/v1/ask", &json!({"question": question, "history": history})).expect(200).json());
    let said = json!([{"question": "What is asthma?", "answer": word}]);
    check_reply(&server.post("/v1/ask", &json!({"question": question, "history": said})).expect(200).json());
    let filters = json!({"publisher": word});
    let reply = server.post("/v1/ask", &json!({"question": question, "filters": filters})).expect(200).json();
    assert_eq!((&reply["outcome"], &reply["reading"]), (&json!("abstained"), &json!([])));
    let urgent = json!({"question": "I have crushing chest pain", "history": history});
    assert_eq!(server.post("/v1/ask", &urgent).expect(200).json()["outcome"], "redirected");
}

#[test]
fn cookies_are_carried_up_to_the_limit_of_a_head_and_never_answered_with_one() {
    let server = Server::start(five(), &QUIET);
    let body = json!({ "question": "What is asthma?" }).to_string();
    let ask = |cookies: &str| {
        let reply =
            server.post_with("/v1/ask", &format!("content-type: application/json\r\naccept: */*\r\n{cookies}"), &body);
        assert!(reply.header("set-cookie").is_none() && !reply.body.contains("zebra"), "{reply:?}");
        reply.status
    };
    assert_eq!(ask(&format!("cookie: {}\r\n", "zebra=1; ".repeat(1_700))), 200);
    assert_eq!(ask(&format!("cookie: {}\r\n", "zebra".repeat(3_000))), 200);
    assert_eq!(ask(&"cookie: zebra=1\r\n".repeat(80)), 200);
    assert_eq!(ask(&format!("cookie: {}\r\n", "zebra".repeat(3_300))), 431);
    assert_eq!(ask(&"cookie: zebra=1\r\n".repeat(120)), 431);
    assert_eq!(ask("cookie: \u{1}=\u{7f}; __Host-zebra=%00\r\n"), 400);
}
