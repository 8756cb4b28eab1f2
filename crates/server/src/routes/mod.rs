//! Which request goes where?

mod ask;
mod health;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::error::ApiError;
use crate::pages;

/// Every route, one line each.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(pages::chat::show).post(pages::chat::submit))
        .route("/source/{id}", get(pages::source::show))
        .route("/assets/{name}", get(pages::assets::show))
        .route("/v1/ask", post(ask::ask))
        .route("/healthz", get(health::alive))
        .fallback(async || ApiError::NotFound("route"))
        .layer(from_fn_with_state(Arc::clone(&app), pages::error::for_browsers))
        .with_state(app)
}
