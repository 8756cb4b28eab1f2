//! Which request goes where?

mod ask;
mod chat;
pub(crate) mod feedback;
mod health;
mod openapi;
mod search;
mod sources;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::pages;

/// Every route, one line each.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(pages::chat::show))
        .route("/v1/ask", post(ask::ask))
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/models", get(chat::models))
        .route("/v1/models/{id}", get(chat::model))
        .route("/v1/search", post(search::search))
        .route("/v1/documents/{id}", get(sources::document))
        .route("/v1/passages/{id}", get(sources::passage))
        .route("/v1/feedback", post(feedback::feedback))
        .route("/openapi.json", get(openapi::description))
        .route("/docs", get(openapi::home))
        .route("/docs/", get(openapi::page))
        .route("/docs/{file}", get(openapi::file))
        .route("/healthz", get(health::alive))
        .with_state(app)
}
