//! Which question do these messages ask, and what was said before it (pure)?

use clinqa_schema::Turn;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::Object;
use crate::error::ApiError;
use crate::spoken::answer_in;

/// One message of a conversation in `OpenAI`'s shape; unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Message {
    /// Who says it: `system`, `developer`, `user` or `assistant`. What a system or a developer says is not used: nobody
    /// can talk the server out of its rules.
    #[schema(example = "user")]
    role: String,
    /// What is said.
    content: Option<Content>,
}

/// A text, or a text in parts.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Content {
    /// A text.
    Text(String),
    /// A text in parts.
    #[schema(value_type = Vec<Part>)]
    Parts(Vec<Object<Part>>),
}

/// A part of a message.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Part {
    /// `text`; nothing else is read.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    kind: String,
    /// The text.
    text: Option<String>,
}

/// What is asked now, and the turns before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) question: String,
    pub(crate) history: Vec<Turn>,
}

/// The last message is the question; each one of a user before it is a turn, with what the assistant said to it.
pub(crate) fn conversation(messages: Vec<Message>) -> Result<Conversation, ApiError> {
    let misfit =
        |at: usize, field: &str, wanted| ApiError::Field { param: Some(format!("messages[{at}]{field}")), wanted };
    let mut history: Vec<Turn> = Vec::new();
    let mut asked: Option<String> = None;
    let last = messages.len().saturating_sub(1);
    for (at, message) in messages.into_iter().enumerate() {
        let text = text(at, message.content)?;
        match message.role.as_str() {
            "system" | "developer" => {}
            "user" => {
                let said = text.ok_or_else(|| misfit(at, ".content", "a user says something in every message"))?;
                let before = asked.replace(said);
                history.extend(before.map(|question| Turn { question, answer: String::new() }));
            }
            "assistant" => {
                let answer = text.as_deref().map(answer_in).unwrap_or_default().to_owned();
                history.extend(asked.take().map(|question| Turn { question, answer }));
            }
            "tool" | "function" => {
                let why = "it calls no tools";
                return Err(ApiError::Unsupported { param: format!("messages[{at}].role"), why });
            }
            _ => return Err(misfit(at, ".role", "a role is `system`, `developer`, `user` or `assistant`")),
        }
        if at == last && asked.is_none() {
            return Err(misfit(at, ".role", "the last message is a question of the `user`"));
        }
    }
    let none = ApiError::Field { param: Some("messages".to_owned()), wanted: "at least one message is needed" };
    Ok(Conversation { question: asked.ok_or(none)?, history })
}

/// The text of a message; its parts are lines.
fn text(at: usize, content: Option<Content>) -> Result<Option<String>, ApiError> {
    let parts = match content {
        None => return Ok(None),
        Some(Content::Text(text)) => return Ok(Some(text)),
        Some(Content::Parts(parts)) => parts,
    };
    let mut lines = Vec::with_capacity(parts.len());
    for (place, Object(part)) in parts.into_iter().enumerate() {
        match (part.kind.as_str(), part.text) {
            ("text", text) => lines.extend(text),
            // What a model would not say is no answer.
            ("refusal", _) => {}
            _ => {
                let param = format!("messages[{at}].content[{place}].type");
                return Err(ApiError::Unsupported { param, why: "it reads text alone" });
            }
        }
    }
    Ok(Some(lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(messages: serde_json::Value) -> Result<Conversation, String> {
        conversation(serde_json::from_value(messages).expect("messages")).map_err(|error| error.to_string())
    }

    fn turn(question: &str, answer: &str) -> Turn {
        Turn { question: question.into(), answer: answer.into() }
    }

    #[test]
    fn turns_are_read_from_messages() {
        let messages = json!([
            {"role": "system", "content": "You are a pirate."},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "What is asthma?"},
            {"role": "assistant", "content": [{"type": "text", "text": "“A disease.”\n\nSource: Asthma"}]},
            {"role": "user", "content": "Are you there?"},
            {"role": "user", "content": [{"type": "text", "text": "and"}, {"type": "text", "text": "in children?"}]},
        ]);
        let history = vec![turn("What is asthma?", "A disease."), turn("Are you there?", "")];
        assert_eq!(read(messages), Ok(Conversation { question: "and\nin children?".into(), history }));
    }

    #[test]
    fn what_is_no_conversation_is_refused_at_its_place() {
        let check = |messages: serde_json::Value, expected: &str| {
            let error = read(messages.clone()).expect_err("no conversation");
            assert!(error.starts_with(expected), "{error} for {messages}");
        };
        let user = json!({"role": "user", "content": "What is asthma?"});
        check(json!([]), "`messages` does not fit");
        check(json!([{"role": "system", "content": "x"}]), "`messages[0].role` does not fit");
        check(json!([user, {"role": "assistant", "content": "x"}]), "`messages[1].role` does not fit");
        check(json!([{"role": "secret", "content": "x"}]), "`messages[0].role` does not fit");
        check(json!([{"role": "tool", "content": "x"}]), "`messages[0].role` is not for this server");
        check(json!([user, {"role": "user"}]), "`messages[1].content` does not fit");
        let picture = json!([{"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}]);
        check(json!([{"role": "user", "content": picture}]), "`messages[0].content[0].type` is not for this server");
    }
}
