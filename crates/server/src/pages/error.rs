//! What does a person see when something goes wrong? The number to call first, then what to do.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use clinqa_qa::Region;
use maud::html;

use super::layout::{self, Page, Script, numbers};
use super::words::{WORDS, problem};

/// What an error says beside its text: when to come back, and how to be let in.
const KEPT: [HeaderName; 4] = [header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::ALLOW, header::CONNECTION];

/// The page for a status, with the emergency line of the region (promise M7). It needs neither index nor model.
pub(crate) fn page(status: StatusCode, region: Option<Region>) -> Response {
    let number = region.as_ref().map_or(WORDS.nowhere, Region::emergency);
    let body = html! {
        main id="main" tabindex="-1" {
            div.failed {
                h1 { (problem(status)) }
                section class="notice emergency" {
                    h2 { (WORDS.problems.danger) }
                    p.call { (WORDS.call) " " (numbers(number)) }
                }
                @if may_be_asked_again(status) { p { (WORDS.problems.typed) } }
                p { a.button href="/" { (WORDS.problems.back) } }
                p.meta { "HTTP " (status.as_u16()) }
            }
        }
    };
    layout::respond(status, &Page { title: "clinqa".to_owned(), name: "error", region, script: Script::None, body })
}

/// Whether what was typed may well be sent once more as it is.
fn may_be_asked_again(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// The page that stands for a refusal as a program gets it.
pub(crate) fn page_of(mut refusal: Response, region: Option<Region>) -> Response {
    let status = refusal.status();
    let mut page = page(status, region);
    let kept = KEPT.into_iter().filter_map(|name| Some((refusal.headers().get(&name)?.clone(), name)));
    page.headers_mut().extend(kept.map(|(value, name)| (name, value)));
    if status == StatusCode::UNAUTHORIZED {
        // A browser has a box of its own for keys, which works without scripts; programs are asked for a bearer.
        let asks = HeaderValue::from_static("Basic realm=\"clinqa\", charset=\"UTF-8\"");
        page.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
    }
    // What was noted about the request is noted still.
    page.extensions_mut().extend(std::mem::take(refusal.extensions_mut()));
    page
}

/// Turns errors into pages for whoever asked for a page, and leaves them as they are for programs.
pub(crate) async fn for_browsers(State(region): State<Option<Region>>, request: Request, next: Next) -> Response {
    let wants_page = wants_page(request.headers());
    let response = next.run(request).await;
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    if wants_page && failed && !is_page(response.headers()) { page_of(response, region) } else { response }
}

/// Whether HTML is named among what is accepted, as browsers do and programs do not.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(names_html)
}

/// Whether HTML is among the kinds of an `Accept`.
pub(crate) fn names_html(accepted: &str) -> bool {
    let mut kinds = accepted.split(',').map(|kind| kind.split(';').next().unwrap_or("").trim());
    kinds.any(|kind| kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml"))
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_for_those_who_ask_for_one() {
        let check = |accept: &'static str, expected: bool| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_page(&headers), expected, "{accept}");
        };
        check("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true);
        check("TEXT/HTML;q=0.5", true);
        check("*/*", false);
        check("application/json", false);
        check("", false);
        assert!(!wants_page(&HeaderMap::new()));
    }
}
