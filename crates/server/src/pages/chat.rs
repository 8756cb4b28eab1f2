//! `/`: the chat page.

use axum::response::Html;
use maud::{DOCTYPE, html};

/// Shows the page for people
#[utoipa::path(
    get,
    path = "/",
    tag = "pages",
    operation_id = "chat_page",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
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
