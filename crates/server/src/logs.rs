//! What is told to the operator, and how? One JSON object a line on standard error, and never a question.

use std::io;
use std::panic;
use std::sync::Arc;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogLevel;
use crate::metrics::Metrics;

/// The only code whose events are written; that of others might tell what passes through it.
const OURS: &str = "clinqa_server";

/// Begins to log.
pub(crate) fn begin(level: LogLevel) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(io::stderr);
    let ours = Targets::new().with_target(OURS, level);
    // Whoever embeds the server and logs already goes on doing so.
    let _ = tracing_subscriber::registry().with(ours).with(lines).try_init();
}

/// From now on a panic is counted and its place is logged. Its message may hold what somebody asked and is not looked at.
pub(crate) fn watch_panics(metrics: Arc<Metrics>) {
    panic::set_hook(Box::new(move |panic| {
        metrics.panicked();
        let (file, line) = panic.location().map_or(("", 0), |place| (place.file(), place.line()));
        tracing::error!(file, line, "panic");
    }));
}
