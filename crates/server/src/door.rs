//! What happens to every request, whatever it is: an id, one line of log, one count, and no panic gets past.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use clinqa_qa::Region;
use futures_util::FutureExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Sleep;
use tower::ServiceExt;
use uuid::Uuid;

use crate::Role;
use crate::error::ApiError;
use crate::guard::{Passed, Peer};
use crate::metrics::Metrics;
use crate::pages::error;
use crate::standing::{Health, Standing};
use crate::wire::Exchange;

const REQUEST_ID: header::HeaderName = header::HeaderName::from_static("x-request-id");

/// The way in for all requests.
pub(crate) struct Door {
    pub(crate) router: Router,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) standing: Arc<Standing>,
    /// How long a reply may have nothing to say.
    pub(crate) patience: Duration,
    /// Whose emergency number stands where something fails.
    pub(crate) region: Option<Region>,
}

impl Door {
    /// Answers one request.
    pub(crate) async fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        exchange: Arc<Exchange>,
    ) -> Result<Response<Told>, Infallible> {
        let start = Instant::now();
        exchange.begin();
        let id = Uuid::new_v4();
        let method = named(request.method());
        let wants_page = error::wants_page(request.headers());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let routed = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        let mut response = match routed.await {
            Ok(Ok(response)) => response,
            // What a panic says is not looked at: it may hold what somebody asked.
            Err(_) if wants_page => error::page(StatusCode::INTERNAL_SERVER_ERROR, self.region),
            Err(_) => ApiError::Internal.with_number(self.region),
        };
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer())) {
            headers.insert(REQUEST_ID, value);
        }
        if self.standing.health() == Health::Stopping {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        exchange.reply();
        let passed = response.extensions_mut().remove::<Passed>();
        let status = response.status().as_u16();
        let patience = self.patience;
        let record =
            Record { metrics: Arc::clone(&self.metrics), exchange, start, id, method, passed, status, bytes: 0 };
        Ok(response.map(|inner| Told { inner: Some(inner), patience, waiting: None, record }))
    }
}

/// A method by a name that no client chose.
fn named(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// The body of a reply. When it is over, the request is logged and counted.
pub(crate) struct Told {
    /// `None` once it failed: nothing more comes of it.
    inner: Option<Body>,
    /// How long it may have nothing to say.
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    record: Record,
}

/// Why a body ended before its end; the connection is cut, so that nobody takes half for the whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfinished {
    #[error("the reply panicked half-way")]
    Panicked,
    #[error("the reply stopped coming")]
    Stalled,
    #[error("the reply failed half-way")]
    Failed,
}

impl HttpBody for Told {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let told = self.get_mut();
        let Some(inner) = &mut told.inner else { return Poll::Ready(None) };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(context)));
        let failed = match polled {
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                told.waiting = None;
                told.record.bytes += frame.data_ref().map_or(0, Bytes::len);
                return Poll::Ready(Some(Ok(frame)));
            }
            Ok(Poll::Ready(None)) => return Poll::Ready(None),
            Ok(Poll::Ready(Some(Err(_)))) => Unfinished::Failed,
            Ok(Poll::Pending) => {
                let patience = told.patience;
                let waiting = told.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
                if waiting.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                Unfinished::Stalled
            }
            Err(_) => Unfinished::Panicked,
        };
        told.inner = None;
        Poll::Ready(Some(Err(failed)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

/// What is remembered of a request: nothing that the client wrote.
struct Record {
    metrics: Arc<Metrics>,
    exchange: Arc<Exchange>,
    start: Instant,
    id: Uuid,
    method: &'static str,
    passed: Option<Passed>,
    status: u16,
    bytes: usize,
}

impl Drop for Record {
    fn drop(&mut self) {
        let route = self.passed.map_or("other", |passed| passed.pattern);
        let role = self.passed.map_or(Role::None, |passed| passed.role);
        let took = self.start.elapsed().as_secs_f64();
        self.metrics.requested(route, self.status, took);
        tracing::info!(
            request_id = %self.id,
            method = self.method,
            route,
            status = self.status,
            ms = (took * 1e4).round() / 10.0,
            bytes = self.bytes,
            role = role.name(),
            "request"
        );
        self.exchange.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_a_client_made_up_is_not_repeated() {
        let own: Method = "SECRET".parse().expect("a token");
        assert_eq!(named(&own), "other");
        assert_eq!(named(&Method::GET), "GET");
    }
}
