//! May this request pass, and is all of it there?

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clinqa_qa::Region;
use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::Role;
use crate::access::{Access, Key, Refusal};
use crate::address::{is_at_home, origin};
use crate::config::{Proxy, ServerConfig};
use crate::error::ApiError;
use crate::pages::origin::is_foreign;
use crate::rates::RateLimits;
use crate::routes::{Kind, Rule};

/// How long a route that cares for the index may take: every byte of a large one is read.
const CARE_PATIENCE: Duration = Duration::from_mins(5);

/// What all routes hold their requests to.
pub(crate) struct Gate {
    access: ArcSwap<Access>,
    rates: RateLimits,
    strangers: Role,
    proxy: Proxy,
    body_bytes: usize,
    body_patience: Duration,
    patience: Duration,
    region: Option<Region>,
}

impl Gate {
    pub(crate) fn new(config: &ServerConfig, keys: Vec<Key>) -> Self {
        Self {
            access: ArcSwap::from_pointee(Access { keys, strangers: config.strangers }),
            rates: RateLimits::new(&config.rates),
            strangers: config.strangers,
            proxy: config.proxy,
            body_bytes: config.limits.body_bytes,
            body_patience: config.limits.body,
            patience: config.request_timeout,
            region: config.region,
        }
    }

    /// Lets these keys open routes from now on, and no others.
    pub(crate) fn replace_keys(&self, keys: Vec<Key>) {
        self.access.store(Arc::new(Access { keys, strangers: self.strangers }));
    }
}

/// What stands before one route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) gate: Arc<Gate>,
    pub(crate) rule: Rule,
}

/// The other end of the connection; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Which route answered whom; an extension of every reply that a route gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) pattern: &'static str,
    pub(crate) role: Role,
}

/// Lets a request through to its route, or answers in the route's stead.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Guard { gate, rule } = guard;
    let mut passed = Passed { pattern: rule.pattern, role: Role::None };
    let mut response = match pass(&gate, rule, request, next, &mut passed).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    if rule.kind.is_asking()
        && let Some(error) = response.extensions_mut().remove::<ApiError>()
    {
        response = error.with_number(gate.region);
    }
    // A reply may hold what somebody asked.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(header::HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(passed);
    response
}

async fn pass(
    gate: &Gate,
    rule: Rule,
    request: Request,
    next: Next,
    passed: &mut Passed,
) -> Result<Response, ApiError> {
    let access = gate.access.load();
    let headers = request.headers();
    let caller = access.caller(headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes));
    // Whoever shows no key, or a wrong one, is known by address alone, so that guessing is counted too.
    match caller.ok().and_then(|caller| access.keys.get(caller.key?)) {
        Some(key) => gate.rates.count_key(&key.sha256, rule.kind)?,
        None => {
            if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
                let opens = caller.and_then(|caller| caller.require(rule.role)).is_ok();
                let kind = if rule.kind == Kind::Care && !opens { Kind::Look } else { rule.kind };
                gate.rates.count_address(origin(peer, headers, gate.proxy), kind)?;
            }
        }
    }
    if rule.role > Role::None {
        let caller = caller.map_err(refused)?;
        caller.require(rule.role).map_err(refused)?;
        passed.role = caller.role;
        // Whoever needs no key must be here in person: nobody's browser changes an index on behalf of a page.
        if rule.kind == Kind::Care && (is_foreign(headers) || caller.key.is_none() && !is_at_home(headers)) {
            return Err(ApiError::Foreign);
        }
    }
    let (mut head, body) = request.into_parts();
    head.extensions.insert(passed.role);
    let body = whole(body, gate.body_bytes, gate.body_patience).await?;
    // Caught here and not only at the door, so that it is counted as its route's.
    let answer = AssertUnwindSafe(next.run(Request::from_parts(head, Body::from(body)))).catch_unwind();
    let patience = if rule.kind == Kind::Care { CARE_PATIENCE } else { gate.patience };
    let answered = tokio::time::timeout(patience, answer).await;
    answered.map_err(|_| ApiError::TimedOut)?.map_err(|_| ApiError::Internal)
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Unknown => ApiError::Unauthorised,
        Refusal::Forbidden => ApiError::Forbidden,
    }
}

/// The body to its last byte, if it is not too long in either sense; what says that it is too large is not read.
async fn whole(body: Body, most: usize, patience: Duration) -> Result<Bytes, ApiError> {
    if HttpBody::size_hint(&body).lower() > most as u64 {
        return Err(ApiError::TooLarge);
    }
    let read = tokio::time::timeout(patience, Limited::new(body, most).collect()).await;
    match read.map_err(|_| ApiError::Slow)? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge),
        Err(_) => Err(ApiError::BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn a_body_is_taken_whole_or_not_at_all() {
        let patience = Duration::from_millis(30);
        let read = |body: Body| block_on(whole(body, 4, patience));
        assert_eq!(read(Body::from("four")).expect("all of it"), "four");
        assert!(matches!(read(Body::from("fiver")), Err(ApiError::TooLarge)));
        let pieces = futures_util::stream::iter(["fo", "ur", "s"].map(Ok::<_, std::io::Error>));
        assert!(matches!(read(Body::from_stream(pieces)), Err(ApiError::TooLarge)));
        let broken = futures_util::stream::iter([Err::<&str, _>(std::io::Error::other("cut"))]);
        assert!(matches!(read(Body::from_stream(broken)), Err(ApiError::BadRequest)));
        let silent = futures_util::stream::pending::<Result<&str, std::io::Error>>();
        assert!(matches!(read(Body::from_stream(silent)), Err(ApiError::Slow)));
    }
}
