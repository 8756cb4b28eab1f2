//! Does the server answer as the command line does, and tell plainly what it cannot take?

use serde_json::json;

use crate::support::http::Server;
use crate::support::{check_reply, five};

#[test]
fn a_question_gets_the_reply_of_the_command_line() {
    let server = Server::start(five(), &[]);
    let question = "What are the symptoms of asthma?";
    let mut reply = server.post("/v1/ask", &json!({ "question": question })).expect(200).json();
    check_reply(&reply);
    let mut typed = five().ask(&[question]);
    for timed in [&mut reply, &mut typed] {
        timed["took_ms"] = json!(0);
    }
    assert_eq!(reply, typed);
}

#[test]
fn what_cannot_be_asked_is_refused_without_being_repeated() {
    let server = Server::start(five(), &[]);
    let refused = |body: serde_json::Value, status: u16| {
        let error = server.post("/v1/ask", &body).expect(status).json()["error"].clone();
        assert!(error["message"].as_str().is_some_and(|text| !text.contains("secret")), "{error}");
    };
    refused(json!({ "question": "" }), 422);
    refused(json!({ "question": "secret ".repeat(400) }), 422);
    refused(json!({ "secret": "what is asthma" }), 400);
    refused(json!({ "question": ["secret"] }), 400);
}
