//! What is told to the operator, and how? One JSON object a line on standard error, and never a question.

use std::io;
use std::panic;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogLevel;

/// The only code whose events are written; that of others might tell what passes through it.
const OURS: &str = "clinqa_server";

/// Begins to log, and replaces what a panic says by where it was.
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
    panic::set_hook(Box::new(|panic| {
        // The message may hold what somebody asked; the place is ours.
        let place = panic.location();
        let (file, line) = place.map_or(("", 0), |place| (place.file(), place.line()));
        tracing::error!(file, line, "panic");
    }));
}
