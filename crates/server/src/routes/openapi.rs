//! `GET /openapi.json`, made from the types, and a page to browse it.

use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, serve};

use super::{
    activate, ask, browse, chat, check, corpora, feedback, gaps, health, index, metrics, rebuild, search, sources,
};
use crate::error::ApiError;
use crate::pages;

/// What the page may load: itself and nothing else. Its script sets styles on elements, hence the one exception.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                   connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document; every route has its line here, and a test looks whether it has.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "clinqa",
        description = "Medical questions, answered word for word from sources that can be checked, or not at all. \
                       Questions travel in bodies, never in addresses; nothing that is asked is kept. Where the operator \
                       has given out keys, send one as `Authorization: Bearer KEY`.",
    ),
    paths(
        ask::ask,
        chat::complete,
        chat::models,
        chat::model,
        search::search,
        browse::list_similar,
        browse::list_names,
        browse::count,
        index::current,
        index::generations,
        index::changes,
        activate::activate,
        check::check,
        corpora::corpora,
        rebuild::state,
        rebuild::begin,
        gaps::gaps,
        sources::document,
        sources::passage,
        feedback::feedback,
        health::alive,
        health::ready,
        metrics::show,
        pages::chat::show,
        pages::chat::submit,
        pages::source::show,
        pages::assets::show,
        description,
        page,
        home,
        file
    ),
    tags(
        (name = "questions", description = "Ask and search"),
        (name = "index", description = "What the index holds, for staff"),
        (name = "sources", description = "Where answers stand"),
        (name = "pages", description = "For people"),
        (name = "operation", description = "For whoever runs it"),
    ),
    modifiers(&Keys)
)]
struct Described;

/// Adds that a key may be sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("key", scheme);
        document.security = Some(vec![SecurityRequirement::default(), SecurityRequirement::new("key", [""; 0])]);
    }
}

static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Described::openapi);

static PAGE: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none").use_base_layout()));

/// Gives this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    responses((status = 200, description = "The document", body = Object, content_type = "application/json"))
)]
pub(crate) async fn description() -> Json<&'static utoipa::openapi::OpenApi> {
    Json(&DOCUMENT)
}

/// Leads to the page that shows this document
#[utoipa::path(get, path = "/docs", tag = "pages", responses((status = 308, description = "The page is at `/docs/`")))]
pub(crate) async fn home() -> Redirect {
    Redirect::permanent("/docs/")
}

/// Shows this document
#[utoipa::path(
    get,
    path = "/docs/",
    tag = "pages",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(crate) async fn page() -> Result<Response, ApiError> {
    piece("")
}

/// Gives a script or style of the page
#[utoipa::path(
    get,
    path = "/docs/{file}",
    tag = "pages",
    params(("file" = String, Path, description = "A file that the page names")),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There is none of that name", body = crate::error::Refusal),
    )
)]
pub(crate) async fn file(name: Result<Path<String>, PathRejection>) -> Result<Response, ApiError> {
    let Ok(Path(name)) = name else { return Err(ApiError::NotFound("file")) };
    piece(&name)
}

fn piece(name: &str) -> Result<Response, ApiError> {
    let file = serve(name, Arc::clone(&PAGE)).map_err(|_| ApiError::Internal)?.ok_or(ApiError::NotFound("file"))?;
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, &file.content_type), (header::CONTENT_SECURITY_POLICY, CSP)];
    Ok((headers, file.bytes.into_owned()).into_response())
}
