//! What a page shows when it cannot be shown.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, html};

use crate::error::ApiError;

/// The error as a page, with the status and the headers of `response`, which says it as JSON.
pub(crate) fn instead_of(response: Response, error: &ApiError) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "clinqa" } }
            body {
                p { "If this may be an emergency, call your local emergency number (112, 911, 999 …) now." }
                p { (error) }
                p { a href="/" { "Ask again" } }
            }
        }
    };
    let mut shown = (response.status(), Html(page.into_string())).into_response();
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = response.headers().get(&name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    shown.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    shown
}
