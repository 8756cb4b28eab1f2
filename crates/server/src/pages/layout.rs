//! What surrounds every page: head, the line with the emergency number, foot, and the headers that keep it to itself.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use clinqa_qa::Region;
use maud::{DOCTYPE, Markup, html};

use super::words::WORDS;

/// Nothing is loaded but our own style, script and pictures, nothing is sent elsewhere, and nobody frames us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: with it a browser hides the origin of our own form, and it would pass for a foreign one.
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "browsing-topics=(), camera=(), clipboard-write=(self), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // A page holds what was asked, or shows what was looked up.
    (header::CACHE_CONTROL, "no-store"),
];

/// What differs from page to page.
pub(crate) struct Page {
    /// Of the window. Never a question: titles stay in the history of a browser.
    pub(crate) title: String,
    /// A name for the style.
    pub(crate) name: &'static str,
    /// Whose number is in sight.
    pub(crate) region: Option<Region>,
    /// Whether the script is loaded.
    pub(crate) script: Script,
    /// What stands between head and foot.
    pub(crate) body: Markup,
}

/// Whether a page loads the script.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Loaded,
    None,
}

/// The whole page with its headers.
pub(crate) fn respond(status: StatusCode, page: &Page) -> Response {
    let mut response = (status, Html(whole(page).into_string())).into_response();
    response.headers_mut().extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

fn whole(page: &Page) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" dir="ltr" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="theme-color" content="#f7f2ea" media="(prefers-color-scheme: light)";
                meta name="theme-color" content="#191816" media="(prefers-color-scheme: dark)";
                meta name="robots" content="noindex";
                meta name="description" content=(WORDS.line);
                title { (page.title) }
                link rel="icon" href="/assets/mark.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/chat.css";
                @if page.script == Script::Loaded { script type="module" src="/assets/chat.js" {} }
            }
            body class=(page.name) {
                @match page.script {
                    Script::Loaded => a.skip href="#question" { (WORDS.skip) },
                    Script::None => a.skip href="#main" { (WORDS.skip_head) },
                }
                header.top {
                    div.top-row {
                        a.brand href="/" { (sign()) span { "clinqa" } }
                        p.line { (WORDS.line) }
                        (emergency(page.region))
                    }
                }
                (page.body)
                footer.foot { p { (WORDS.foot) } }
            }
        }
    }
}

/// The number to call, always in sight.
fn emergency(region: Option<Region>) -> Markup {
    html! {
        p.sos {
            span.sos-word { (WORDS.emergency) }
            " "
            @match region {
                Some(region) => span.sos-call { (WORDS.call) " " (numbers(region.emergency())) },
                None => span.sos-call { (WORDS.anywhere) },
            }
        }
    }
}

/// `999`, or `144 or 112`: each number a link that dials, other words as they are.
pub(crate) fn numbers(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split(" or ").enumerate() {
            @if at > 0 { " or " }
            @match dialled(part) {
                Some(digits) => a href={ "tel:" (digits) } { (part) },
                None => (part),
            }
        }
    }
}

/// The digits of a number, or nothing if it is none.
fn dialled(text: &str) -> Option<String> {
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == ' ') && text.contains(|c: char| c.is_ascii_digit());
    is_number.then(|| text.replace(' ', ""))
}

/// A speech mark in a leaf of paper: words that were quoted.
fn sign() -> Markup {
    html! {
        svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false" {
            path class="sign-leaf" d="M7 2h12l8 8v14a6 6 0 0 1-6 6H7a3 3 0 0 1-3-3V5a3 3 0 0 1 3-3z" {}
            path class="sign-mark" d="M9.5 20.5v-4.2c0-3 1.7-5 4.6-5.8l.6 1.7c-1.5.5-2.3 1.4-2.4 2.6h2.2v5.7zM17.5 20.5v-4.2c0-3 1.7-5 4.6-5.8l.6 1.7c-1.5.5-2.3 1.4-2.4 2.6h2.2v5.7z" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_dials_and_words_do_not() {
        let check = |text: &str, expected: &str| assert_eq!(numbers(text).into_string(), expected);
        check("999", "<a href=\"tel:999\">999</a>");
        check("13 11 14", "<a href=\"tel:131114\">13 11 14</a>");
        check("144 or 112", "<a href=\"tel:144\">144</a> or <a href=\"tel:112\">112</a>");
        check("your local emergency number (112, 911, 999 …)", "your local emergency number (112, 911, 999 …)");
        check("<b>", "&lt;b&gt;");
        check("", "");
    }
}
