//! `POST /v1/chat/completions` and `GET /v1/models`: the same answers in `OpenAI`'s shape.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use clinqa_schema::{Filters, Moment, Reply};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::asked::Asked;
use crate::body::{Object, Sent, Wanted, object, objects};
use crate::conversation::{Message, conversation};
use crate::error::{Absences, ApiError, Refusals};
use crate::spoken;

/// The one model there is.
const MODEL: &str = "clinqa";

/// A conversation in `OpenAI`'s shape. What tunes a model that makes things up (`temperature`, `max_tokens`, `seed` and the
/// like) is ignored, for nothing is made up here.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChatRequest {
    /// Ignored: there is one model.
    #[schema(example = "clinqa")]
    #[expect(dead_code, reason = "its type is checked, its value is not used")]
    model: Option<String>,
    /// The conversation so far; the server remembers none.
    #[schema(value_type = Vec<Message>, min_items = 1)]
    messages: Vec<Object<Message>>,
    /// Whether the reply comes as server-sent events.
    stream: Option<bool>,
    /// What else is streamed.
    #[schema(value_type = Option<StreamOptions>)]
    stream_options: Option<Object<StreamOptions>>,
    /// Choices; one is made.
    #[schema(minimum = 1, maximum = 1)]
    #[serde(default, deserialize_with = "crate::body::whole")]
    n: Option<usize>,
    /// Not supported.
    tools: Option<Value>,
    /// Not supported.
    functions: Option<Value>,
    /// Not supported, unless text is wanted.
    response_format: Option<Value>,
    /// Not supported, unless text is wanted.
    modalities: Option<Value>,
    /// Not supported.
    audio: Option<Value>,
    /// Not supported.
    logprobs: Option<Value>,
    /// Not supported.
    web_search_options: Option<Value>,
    /// What `OpenAI`'s shape has no field for.
    #[schema(value_type = Option<ChatOptions>)]
    clinqa: Option<Object<ChatOptions>>,
}

/// What else is streamed.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    /// Whether a last chunk counts tokens.
    include_usage: Option<bool>,
}

/// What `POST /v1/ask` takes beside the question.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct ChatOptions {
    /// Which documents may answer.
    #[schema(value_type = Option<Filters>)]
    filters: Option<Object<Filters>>,
    /// Passages for further reading; 3 if left out.
    #[schema(minimum = 0, maximum = 100)]
    #[serde(default, deserialize_with = "crate::body::whole")]
    top_k: Option<usize>,
    /// Whose emergency number to name, as an ISO 3166 code.
    #[schema(pattern = "^[A-Za-z]{2}$", example = "GB")]
    region: Option<String>,
}

impl Wanted for ChatRequest {
    const WANTED: &'static str = "it is an object with `messages` once";
}

/// A reply in `OpenAI`'s shape.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatCompletion {
    /// Its name.
    id: String,
    /// `chat.completion`.
    object: &'static str,
    /// Seconds since 1970.
    created: u64,
    /// Who answered, whatever model was asked for.
    model: &'static str,
    /// The one choice.
    choices: Vec<Choice>,
    /// Tokens, counted by the reader's own tokenizer.
    usage: Usage,
    /// The generation of the index that was asked.
    system_fingerprint: String,
    /// The reply itself, as `POST /v1/ask` gives it.
    clinqa: Reply,
}

/// What is said.
#[derive(Serialize, ToSchema)]
struct Choice {
    /// 0.
    index: u32,
    /// The message.
    message: Said,
    /// Nothing is known of single tokens.
    logprobs: Option<Value>,
    /// `stop`: nothing is cut.
    finish_reason: &'static str,
}

/// A message of the server.
#[derive(Serialize, ToSchema)]
struct Said {
    /// `assistant`.
    role: &'static str,
    /// Notices first, then the answer word for word with its source, or an honest word that there is none.
    content: String,
    /// Always null: where there is no answer, the content says why.
    refusal: Option<String>,
}

/// How much was read and said, in tokens.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are those of the shape that clients know")]
struct Usage {
    /// Tokens of the question and the turns before it.
    prompt_tokens: usize,
    /// Tokens of the message.
    completion_tokens: usize,
    /// Both.
    total_tokens: usize,
}

/// A piece of a streamed reply.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatChunk {
    /// The same in every piece.
    id: String,
    /// `chat.completion.chunk`.
    object: &'static str,
    /// Seconds since 1970, the same in every piece.
    created: u64,
    /// Who answers.
    model: &'static str,
    /// The next piece of the one choice; none where tokens are counted.
    choices: Vec<ChunkChoice>,
    /// Tokens, in the last piece, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    /// The generation of the index that was asked.
    system_fingerprint: String,
    /// The reply itself, with the piece that says `stop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    clinqa: Option<Reply>,
}

/// The next piece of the one choice.
#[derive(Serialize, ToSchema)]
struct ChunkChoice {
    /// 0.
    index: u32,
    /// What is new.
    delta: Delta,
    /// `stop` in the last piece.
    finish_reason: Option<&'static str>,
}

/// What is new.
#[derive(Default, Serialize, ToSchema)]
struct Delta {
    /// `assistant`, in the first piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// The next words.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// The models there are.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// `list`.
    object: &'static str,
    /// One.
    data: Vec<Model>,
}

/// A model in `OpenAI`'s shape.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    /// Its name.
    id: &'static str,
    /// `model`.
    object: &'static str,
    /// When the index was made, in seconds since 1970.
    created: u64,
    /// Who runs it.
    owned_by: &'static str,
}

/// Answers the last message of a conversation
///
/// The message holds the notices, then the answer as a quotation with its source, or says that there is none; `clinqa`
/// holds the reply of `POST /v1/ask`. Streamed, the notices come first, then the answer, then its citations.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "questions",
    request_body = ChatRequest,
    responses(
        (
            status = 200,
            description = "The reply, whole or in pieces",
            content((ChatCompletion = "application/json"), (ChatChunk = "text/event-stream"))
        ),
        Refusals
    )
)]
pub(crate) async fn complete(
    State(app): State<Arc<App>>,
    Sent(request): Sent<ChatRequest>,
) -> Result<Response, ApiError> {
    request.refuse_unsupported()?;
    let counts_streamed = object(request.stream_options).include_usage == Some(true);
    let talk = conversation(objects(Some(request.messages)))?;
    let options = object(request.clinqa);
    let heard: Vec<String> =
        talk.history.iter().flat_map(|turn| [turn.question.clone(), turn.answer.clone()]).collect();
    let asked = Asked {
        question: talk.question,
        history: talk.history,
        filters: object(options.filters),
        top_k: options.top_k,
        region: options.region,
        explain: false,
    };
    let ask = asked.check(&app)?;
    let heard = format!("{} {}", heard.join(" "), ask.question.text());
    let reply = app.answer(ask).await?;
    let content = spoken::parts(&reply).join(spoken::GAP);
    let [prompt_tokens, completion_tokens] = app.tokens([heard, content.clone()]).await;
    let usage = Usage { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
    let completion = ChatCompletion::new(reply, content, usage);
    if request.stream == Some(true) {
        Ok(stream(completion, counts_streamed))
    } else {
        Ok(Json(completion).into_response())
    }
}

/// Lists the one model
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "questions",
    responses((status = 200, description = "The models there are", body = ModelList), Absences)
)]
pub(crate) async fn models(State(app): State<Arc<App>>) -> Json<ModelList> {
    Json(ModelList { object: "list", data: vec![Model::of(&app)] })
}

/// Describes the one model
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    tag = "questions",
    params(("id" = String, Path, description = "`clinqa`")),
    responses((status = 200, description = "The model", body = Model), Absences)
)]
pub(crate) async fn model(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Model>, ApiError> {
    match id {
        Ok(Path(id)) if id == MODEL => Ok(Json(Model::of(&app))),
        _ => Err(ApiError::NotFound("model")),
    }
}

impl Model {
    fn of(app: &App) -> Self {
        Self { id: MODEL, object: "model", created: app.engine().index().manifest().created, owned_by: "clinqa" }
    }
}

impl ChatRequest {
    /// What asks for something that a person would miss is refused; what changes nothing here is not.
    fn refuse_unsupported(&self) -> Result<(), ApiError> {
        let is_text =
            |value: &Value| *value == "text" || value["type"] == "text" || *value == serde_json::json!(["text"]);
        let is_off = |value: &Value| value.is_null() || *value == false || value.as_array().is_some_and(Vec::is_empty);
        let asked = [
            ("tools", &self.tools, "it calls no tools"),
            ("functions", &self.functions, "it calls no tools"),
            ("response_format", &self.response_format, "it writes text alone"),
            ("modalities", &self.modalities, "it writes text alone"),
            ("audio", &self.audio, "it writes text alone"),
            ("logprobs", &self.logprobs, "it does not guess words"),
            ("web_search_options", &self.web_search_options, "it never looks at the web"),
        ];
        let refused = |(param, value, why): (&str, &Option<Value>, &'static str)| {
            let wanted = value.as_ref().is_some_and(|value| !is_off(value) && !is_text(value));
            wanted.then(|| ApiError::Unsupported { param: param.to_owned(), why })
        };
        match (self.n, asked.into_iter().find_map(refused)) {
            (None | Some(1), None) => Ok(()),
            (_, Some(error)) => Err(error),
            (Some(_), None) => Err(ApiError::Unsupported { param: "n".to_owned(), why: "it makes one choice" }),
        }
    }
}

impl ChatCompletion {
    fn new(reply: Reply, content: String, usage: Usage) -> Self {
        let message = Said { role: "assistant", content, refusal: None };
        Self {
            id: format!("chatcmpl-{}", uuid::Uuid::new_v4().simple()),
            object: "chat.completion",
            created: Moment::from(SystemTime::now()).0,
            model: MODEL,
            choices: vec![Choice { index: 0, message, logprobs: None, finish_reason: "stop" }],
            usage,
            system_fingerprint: reply.generation.clone(),
            clinqa: reply,
        }
    }

    /// A piece of the same reply.
    fn chunk(&self, delta: Delta) -> ChatChunk {
        ChatChunk {
            id: self.id.clone(),
            object: "chat.completion.chunk",
            created: self.created,
            model: self.model,
            choices: vec![ChunkChoice { index: 0, delta, finish_reason: None }],
            usage: None,
            system_fingerprint: self.system_fingerprint.clone(),
            clinqa: None,
        }
    }
}

/// The pieces in the order in which they are read. The reply is known by now, so that an error still has its own status.
fn stream(completion: ChatCompletion, counts: bool) -> Response {
    let mut chunks = vec![completion.chunk(Delta { role: Some("assistant"), content: Some(String::new()) })];
    for (place, part) in spoken::parts(&completion.clinqa).into_iter().enumerate() {
        let content = if place == 0 { part } else { format!("{}{part}", spoken::GAP) };
        chunks.push(completion.chunk(Delta { role: None, content: Some(content) }));
    }
    let mut last = completion.chunk(Delta::default());
    last.choices[0].finish_reason = Some("stop");
    let counted = counts.then(|| {
        let mut counted = completion.chunk(Delta::default());
        counted.choices.clear();
        counted.usage = Some(completion.usage);
        counted
    });
    last.clinqa = Some(completion.clinqa);
    chunks.push(last);
    chunks.extend(counted);
    let told = |chunk| Event::default().json_data(chunk).unwrap_or_default();
    let events: Vec<Event> =
        chunks.into_iter().map(told).chain(std::iter::once(Event::default().data("[DONE]"))).collect();
    Sse::new(futures_util::stream::iter(events.into_iter().map(Ok::<_, Infallible>))).into_response()
}
