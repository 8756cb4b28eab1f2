//! Which request goes where?

mod ask;
mod health;

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
        .route("/healthz", get(health::alive))
        .with_state(app)
}
