//! What went wrong, as a status, a code and a sentence that says what to do.

use std::net::SocketAddr;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clinqa_qa::Fault;
use clinqa_schema::QuestionError;
use serde::Serialize;

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
    /// There is nothing to answer from.
    #[error(transparent)]
    Engine(#[from] clinqa_qa::Error),
}

/// Why a request got no result. None of these repeats what was sent.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("the body is not what this route expects: {0}; see /docs")]
    Malformed(&'static str),
    #[error(transparent)]
    Question(#[from] QuestionError),
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("too many questions at once; try again in a moment")]
    Busy,
    #[error("the index cannot answer now; an operator must run `clinqa inspect`")]
    Index,
    #[error("something went wrong on our side; try again, and tell the operator if it stays")]
    Internal,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Question(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Busy | Self::Index => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Question(_) => "unusable_question",
            Self::NotFound(_) => "not_found",
            Self::Busy => "busy",
            Self::Index => "index",
            Self::Internal => "internal",
        }
    }
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

/// The body of an error, in OpenAI's shape.
#[derive(Serialize)]
struct Body {
    error: Described,
}

#[derive(Serialize)]
struct Described {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    param: Option<&'static str>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let kind = if status.is_client_error() { "invalid_request_error" } else { "server_error" };
        let error = Described { message: self.to_string(), kind, code: self.code(), param: None };
        let mut response = (status, Json(Body { error })).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
