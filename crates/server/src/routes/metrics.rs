//! `GET /metrics`: what has been counted, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::app::App;
use crate::error::Refusal;

/// The form of the text, as its makers name it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Shows all counters, for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    operation_id = "metrics",
    responses(
        (status = 200, description = "All counters", body = String, content_type = "application/openmetrics-text"),
        (status = 401, description = "A key is needed", body = Refusal),
        (status = 403, description = "The key does not open this", body = Refusal),
    )
)]
pub(crate) async fn show(State(app): State<Arc<App>>) -> impl IntoResponse {
    if let Some(log) = &app.config.query_log {
        app.metrics.kept(&log.counted());
    }
    ([(header::CONTENT_TYPE, OPEN_METRICS)], app.metrics.text(app.work.waiting()))
}
