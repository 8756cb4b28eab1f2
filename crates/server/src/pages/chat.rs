//! `/`: the chat page.

use axum::response::Html;
use maud::{DOCTYPE, html};

/// Shows the page.
pub(crate) async fn show() -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "clinqa" } }
            body { h1 { "clinqa" } }
        }
    };
    Html(page.into_string())
}
