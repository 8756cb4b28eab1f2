//! `/assets/…`: the style, the script and the sign of the pages, embedded in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clinqa_qa::glossary;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// A file that pages load.
struct Asset {
    name: &'static str,
    kind: &'static str,
    text: String,
    tag: String,
}

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    [
        asset("chat.css", "text/css; charset=utf-8", include_str!("../../assets/chat.css").to_owned()),
        asset("chat.js", "text/javascript; charset=utf-8", include_str!("../../assets/chat.js").to_owned()),
        asset("mark.svg", "image/svg+xml", include_str!("../../assets/mark.svg").to_owned()),
        // The whole list goes to everybody, so that no word of an answer has to be asked for.
        asset("glossary.json", "application/json", glossary_json()),
    ]
});

/// Gives a file that pages load, or nothing new if the browser has it as it is
#[utoipa::path(
    get,
    path = "/assets/{name}",
    tag = "pages",
    operation_id = "asset",
    params(("name" = String, Path, description = "The file's name")),
    responses(
        (status = 200, description = "The file", body = String),
        (status = 304, description = "The browser has it"),
        (status = 404, description = "There is no such file"),
    )
)]
pub(crate) async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return ApiError::NotFound("file").into_response();
    };
    let had = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.tag.as_bytes());
    let text = |name: HeaderName, value: &str| HeaderValue::from_str(value).ok().map(|value| (name, value));
    let mut response = if had { StatusCode::NOT_MODIFIED.into_response() } else { asset.text.clone().into_response() };
    let sent = [
        text(header::CONTENT_TYPE, asset.kind),
        text(header::ETAG, &asset.tag),
        // Asked for each time, so that a page never meets the script of another version.
        text(header::CACHE_CONTROL, "no-cache"),
        text(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in sent.into_iter().flatten() {
        response.headers_mut().insert(name, value);
    }
    response
}

fn asset(name: &'static str, kind: &'static str, text: String) -> Asset {
    let digest = Sha256::digest(&text);
    let short = digest.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    Asset { name, kind, tag: format!("\"{short:016x}\""), text }
}

/// `{"word": "meaning"}` for every form of every word.
fn glossary_json() -> String {
    let forms: serde_json::Map<_, _> =
        glossary::forms().map(|(form, meaning)| (form.to_owned(), meaning.into())).collect();
    serde_json::Value::from(forms).to_string()
}
