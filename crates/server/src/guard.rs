//! May this request pass, and is all of it there?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::Role;
use crate::access::Refusal;
use crate::address::origin;
use crate::app::{App, Health};
use crate::error::ApiError;
use crate::pages;
use crate::routes::{Kind, Rule};

/// What stands before one route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) app: Arc<App>,
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
    let Guard { app, rule } = guard;
    let mut role = Role::None;
    let mut response = match pass(&app, rule, request, next, &mut role).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    if matches!(rule.kind, Kind::Page | Kind::Form)
        && let Some(error) = response.extensions_mut().remove::<ApiError>()
    {
        response = pages::problem::instead_of(response, &error);
    }
    response.extensions_mut().insert(Passed { pattern: rule.pattern, role });
    response
}

async fn pass(app: &Arc<App>, rule: Rule, request: Request, next: Next, role: &mut Role) -> Result<Response, ApiError> {
    let access = app.access.load();
    let headers = request.headers();
    let caller = access.caller(headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes));
    // Whoever shows no key, or a wrong one, is known by address alone, so that guessing is counted too.
    match caller.ok().and_then(|caller| access.keys.get(caller.key?)) {
        Some(key) => app.rates.count_key(&key.sha256, rule.kind)?,
        None => {
            if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
                app.rates.count_address(origin(peer, headers, app.config.proxy), rule.kind)?;
            }
        }
    }
    if rule.role > Role::None {
        let caller = caller.map_err(refused)?;
        caller.require(rule.role).map_err(refused)?;
        *role = caller.role;
    }
    let (mut head, body) = request.into_parts();
    head.extensions.insert(*role);
    let body = whole(body, app.config.limits.body_bytes, app.config.limits.body).await?;
    let answer = next.run(Request::from_parts(head, Body::from(body)));
    tokio::time::timeout(app.config.request_timeout, answer)
        .await
        .map_err(|_| if app.health() == Health::Stopping { ApiError::Stopping } else { ApiError::TimedOut })
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
