//! What went wrong, as a status, a code and a sentence that says what to do.

use std::net::SocketAddr;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clinqa_qa::{Fault, IndexError, Region};
use clinqa_schema::QuestionError;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::pages::words::WORDS;

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; choose another with `--listen ADDRESS:PORT`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The runtime could not be made.
    #[error("cannot start the server's threads: {source}; free some memory or raise the limit on threads")]
    Runtime {
        /// What the system said.
        source: std::io::Error,
    },
    /// The keys or the certificate cannot be read.
    #[error("{reason}")]
    Secrets {
        /// Which, why, and what to do.
        reason: String,
    },
    /// The certificate cannot be used.
    #[error("cannot use TLS: {what}; check `--tls-cert` and `--tls-key`")]
    Certificate {
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is nothing to answer from.
    #[error(transparent)]
    Engine(#[from] clinqa_qa::Error),
}

impl ServerError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Listen { .. } | Self::Secrets { .. } | Self::Certificate { .. } => Fault::Request,
            Self::Runtime { .. } => Fault::Internal,
            Self::Engine(error) => error.fault(),
        }
    }
}

/// Why a request got no result. None of these repeats what was sent.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("the body is not whole JSON: see line {line}, column {column}")]
    Syntax { line: usize, column: usize },
    #[error("{} does not fit: {wanted}; see /docs", named(param.as_ref()))]
    Field {
        /// The field, by names of ours and places in lists; none for the whole body.
        param: Option<String>,
        wanted: &'static str,
    },
    #[error("`{param}` is not for this server: {why}")]
    Unsupported { param: String, why: &'static str },
    #[error("send the body as JSON, with the header `content-type: application/json`")]
    MediaType,
    #[error(transparent)]
    Question(#[from] QuestionError),
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("too many questions at once; try again in a moment")]
    Busy,
    #[error("the request was not understood; see /docs")]
    BadRequest,
    #[error("this needs a key: send `Authorization: Bearer KEY`, or ask the operator for one")]
    Unauthorised,
    #[error("the key does not open this; ask the operator for one that does")]
    Forbidden,
    #[error("a page of some other site may not ask for this; show a key, or ask from this machine by its own name")]
    Foreign,
    #[error("this route does not take that method; see /docs")]
    Method,
    #[error("the request did not arrive in time; send it again")]
    Slow,
    #[error("the body is too large: at most 64 KiB")]
    TooLarge,
    #[error("the address of the request is too long; send what is long in the body")]
    AddressTooLong,
    #[error("the headers are too large: at most 16 KiB")]
    HeadTooLarge,
    #[error("too many questions from you; try again in {retry_after} s")]
    TooMany { retry_after: u64 },
    #[error("the answer took too long; try again in a moment")]
    TimedOut,
    #[error("the index cannot answer now; an operator must run `clinqa inspect`")]
    Index,
    #[error("a rebuild is at work; wait for its end")]
    Rebuilding,
    #[error("some other program writes to the index now; try again when it is done")]
    Locked,
    #[error("some files are not as they were made, so this was not done; choose a whole one, or rebuild the index")]
    Damaged,
    #[error("it was made with a model that this server does not have; choose one of its own, or rebuild the index")]
    OtherModel,
    #[error("this server can not change its index; run `clinqa rebuild` or `clinqa index` where the index is")]
    NotHere,
    #[error("something went wrong on our side; try again, and tell the operator if it stays")]
    Internal,
}

impl ApiError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Syntax { .. } | Self::Field { .. } | Self::Unsupported { .. } | Self::BadRequest => {
                StatusCode::BAD_REQUEST
            }
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Foreign => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AddressTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Question(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Rebuilding | Self::Locked | Self::Damaged | Self::OtherModel => StatusCode::CONFLICT,
            Self::NotHere => StatusCode::NOT_IMPLEMENTED,
            Self::Busy | Self::Index | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// When it is worth another try, in seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => Some(1),
            _ => None,
        }
    }

    /// The field that is wrong, if it is one.
    fn param(&self) -> Option<String> {
        match self {
            Self::Field { param, .. } => param.clone(),
            Self::Unsupported { param, .. } => Some(param.clone()),
            Self::Question(_) => Some("question".to_owned()),
            _ => None,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } | Self::Field { .. } => "malformed",
            Self::Unsupported { .. } => "unsupported",
            Self::MediaType => "media_type",
            Self::Question(_) => "unusable_question",
            Self::NotFound(_) => "not_found",
            Self::Busy => "busy",
            Self::BadRequest => "bad_request",
            Self::Unauthorised => "unauthorised",
            Self::Forbidden => "forbidden",
            Self::Foreign => "foreign",
            Self::Method => "method",
            Self::Slow => "slow",
            Self::TooLarge => "too_large",
            Self::AddressTooLong => "address_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::TooMany { .. } => "too_many",
            Self::TimedOut => "timed_out",
            Self::Index => "index",
            Self::Rebuilding => "rebuilding",
            Self::Locked => "locked",
            Self::Damaged => "damaged",
            Self::OtherModel => "other_model",
            Self::NotHere => "not_here",
            Self::Internal => "internal",
        }
    }
}

fn named(param: Option<&String>) -> String {
    param.map_or_else(|| "the body".to_owned(), |param| format!("`{param}`"))
}

impl From<clinqa_qa::Error> for ApiError {
    fn from(error: clinqa_qa::Error) -> Self {
        match (error.fault(), error) {
            (_, clinqa_qa::Error::Question(error)) => Self::Question(error),
            (Fault::Index, _) => Self::Index,
            (Fault::Request | Fault::Internal, _) => Self::Internal,
        }
    }
}

impl ApiError {
    /// Why an index could not be cared for. What it says of files and folders is for the operator's log.
    pub(crate) fn of_index(error: &IndexError) -> Self {
        match error {
            IndexError::Locked { .. } => Self::Locked,
            IndexError::MissingGeneration { .. } => Self::NotFound("generation"),
            IndexError::Encoder { .. } => Self::OtherModel,
            IndexError::Damaged { .. } | IndexError::NewerFormat { .. } | IndexError::Pointer { .. } => Self::Damaged,
            IndexError::NotAllowed { .. } => Self::NotHere,
            _ => Self::Internal,
        }
    }
}

/// Every sentence of an error, for whoever measures how plain they are.
pub(crate) fn sentences() -> Vec<String> {
    let errors = [
        ApiError::Syntax { line: 1, column: 2 },
        ApiError::Unsupported { param: "tools".to_owned(), why: "it calls no tools" },
        ApiError::MediaType,
        ApiError::TooLarge,
        ApiError::BadRequest,
        ApiError::Unauthorised,
        ApiError::Forbidden,
        ApiError::Foreign,
        ApiError::Method,
        ApiError::Slow,
        ApiError::AddressTooLong,
        ApiError::HeadTooLarge,
        ApiError::TooMany { retry_after: 2 },
        ApiError::TimedOut,
        ApiError::NotFound("document"),
        ApiError::Busy,
        ApiError::Index,
        ApiError::Rebuilding,
        ApiError::Locked,
        ApiError::Damaged,
        ApiError::OtherModel,
        ApiError::NotHere,
        ApiError::Internal,
    ];
    let fields = crate::body::wants().map(|wanted| ApiError::Field { param: Some("question".to_owned()), wanted });
    errors.into_iter().chain(fields).map(|error| error.to_string()).chain([whom_to_call(None)]).collect()
}

/// The body of every error, in `OpenAI`'s shape.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refusal {
    error: RefusalReason,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
struct RefusalReason {
    /// One sentence for a person; it repeats nothing that was sent.
    message: String,
    /// `invalid_request_error` or `server_error`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// One word for a program.
    code: &'static str,
    /// The field that is wrong, if it is one.
    param: Option<String>,
}

/// What any route that takes a body may answer instead of a result.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by utoipa alone")]
pub(crate) enum Refusals {
    /// The body is malformed.
    #[response(status = 400)]
    Malformed(Refusal),
    /// A key is needed.
    #[response(status = 401)]
    NoKey(Refusal),
    /// The key does not open this.
    #[response(status = 403)]
    Role(Refusal),
    /// The body came too slowly.
    #[response(status = 408)]
    Slow(Refusal),
    /// The body is over 64 KiB.
    #[response(status = 413)]
    TooLarge(Refusal),
    /// The body is not sent as JSON.
    #[response(status = 415)]
    MediaType(Refusal),
    /// The body is well-formed, but there is no question in it that can be asked.
    #[response(status = 422)]
    Unusable(Refusal),
    /// Too many requests; `Retry-After` says when to come back.
    #[response(status = 429)]
    TooMany(Refusal),
    /// Too busy, or the index cannot answer; `Retry-After` says when to come back.
    #[response(status = 503)]
    Busy(Refusal),
}

/// What any route that shows what is there may answer instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by utoipa alone")]
pub(crate) enum Looks {
    /// A key is needed.
    #[response(status = 401)]
    NoKey(Refusal),
    /// The key does not open this.
    #[response(status = 403)]
    Role(Refusal),
    /// Too many requests; `Retry-After` says when to come back.
    #[response(status = 429)]
    TooMany(Refusal),
    /// Too busy, or the index cannot answer; `Retry-After` says when to come back.
    #[response(status = 503)]
    Busy(Refusal),
}

/// What any route that shows something may answer instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by utoipa alone")]
pub(crate) enum Absences {
    /// A key is needed.
    #[response(status = 401)]
    NoKey(Refusal),
    /// The key does not open this.
    #[response(status = 403)]
    Role(Refusal),
    /// There is none of that name.
    #[response(status = 404)]
    NotFound(Refusal),
    /// Too many requests; `Retry-After` says when to come back.
    #[response(status = 429)]
    TooMany(Refusal),
    /// Too busy, or the index cannot answer; `Retry-After` says when to come back.
    #[response(status = 503)]
    Busy(Refusal),
}

/// What any route that cares for the index may answer instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by utoipa alone")]
pub(crate) enum CareRefusals {
    /// The body is malformed.
    #[response(status = 400)]
    Malformed(Refusal),
    /// A key is needed.
    #[response(status = 401)]
    NoKey(Refusal),
    /// The key does not open this, or a page of another site asks for it.
    #[response(status = 403)]
    Role(Refusal),
    /// There is none of that name.
    #[response(status = 404)]
    NotFound(Refusal),
    /// The body came too slowly.
    #[response(status = 408)]
    Slow(Refusal),
    /// The index is being written to, or is damaged.
    #[response(status = 409)]
    Conflict(Refusal),
    /// The body is over 64 KiB.
    #[response(status = 413)]
    TooLarge(Refusal),
    /// The body is not sent as JSON.
    #[response(status = 415)]
    MediaType(Refusal),
    /// This server may not change its index, or was not told how.
    #[response(status = 501)]
    NotHere(Refusal),
    /// Too busy; `Retry-After` says when to come back.
    #[response(status = 503)]
    Busy(Refusal),
}

/// Said by a refusal that stands where an answer to a patient was to stand, for `{number}` is whom to call.
const CALL: &str = "if a life may be at risk, call {number}";

fn whom_to_call(region: Option<Region>) -> String {
    CALL.replace("{number}", region.as_ref().map_or(WORDS.nowhere, Region::emergency))
}

impl ApiError {
    /// The refusal of a question: its message names the number too, for a program may show it to whoever asked.
    pub(crate) fn with_number(self, region: Option<Region>) -> Response {
        let message = format!("{self}; {}", whom_to_call(region));
        self.respond(message)
    }

    fn respond(self, message: String) -> Response {
        let status = self.status();
        let kind = if status.is_client_error() { "invalid_request_error" } else { "server_error" };
        let error = RefusalReason { message, kind, code: self.code(), param: self.param() };
        let mut response = (status, Json(Refusal { error })).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"clinqa\""));
        }
        // The guard of a route that takes questions adds the number.
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let message = self.to_string();
        self.respond(message)
    }
}
