//! What has been counted? Bounded labels, no text: nothing that a request carries becomes one.

use std::fmt::Write as _;

use clinqa_qa::Engine;
use clinqa_schema::{NoticeKind, Outcome, Reply};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::questions::Kept;

/// Bounds of requests in seconds: from a page at once to the longest that is allowed.
const REQUEST: [f64; 12] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0];

/// Bounds of stages in seconds.
const STAGE: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

/// The rules are those in the binary, so that they are few.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRule {
    rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByEffect {
    effect: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    generation: String,
    encoder: String,
    reader: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByUse {
    helpful: &'static str,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Histogram, fn() -> Histogram>,
    stages: Family<Stage, Histogram, fn() -> Histogram>,
    answers: Family<ByOutcome, Counter>,
    redirects: Family<ByRule, Counter>,
    opinions: Family<ByEffect, Counter>,
    redactions: Family<ByKind, Counter>,
    feedback: Family<ByUse, Counter>,
    lost: Counter,
    connections: Gauge,
    refused: Family<ByReason, Counter>,
    panics: Counter,
    waiting: Gauge,
    served: Family<Served, Gauge>,
    degraded: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let request: fn() -> Histogram = || Histogram::new(REQUEST);
        let stage: fn() -> Histogram = || Histogram::new(STAGE);
        let mut metrics = Self {
            registry: Registry::with_prefix("clinqa"),
            requests: Family::new_with_constructor(request),
            stages: Family::new_with_constructor(stage),
            answers: Family::default(),
            redirects: Family::default(),
            opinions: Family::default(),
            redactions: Family::default(),
            feedback: Family::default(),
            lost: Counter::default(),
            connections: Gauge::default(),
            refused: Family::default(),
            panics: Counter::default(),
            waiting: Gauge::default(),
            served: Family::default(),
            degraded: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let seconds = || Unit::Seconds;
        registry.register_with_unit("request_duration", "Time of requests", seconds(), self.requests.clone());
        registry.register_with_unit("stage_duration", "Time of stages of answering", seconds(), self.stages.clone());
        registry.register("answers", "Questions by what became of them", self.answers.clone());
        registry.register("redirects", "Emergencies by the rule that saw them", self.redirects.clone());
        registry.register("second_opinions", "Second opinions by what came of them", self.opinions.clone());
        registry.register("redactions", "Identifiers taken out of the query log", self.redactions.clone());
        registry.register("feedback", "What people thought of replies", self.feedback.clone());
        registry.register("query_log_lost", "Questions that the query log could not keep", self.lost.clone());
        registry.register("connections", "Connections that are open", self.connections.clone());
        registry.register("refused_connections", "Connections turned away or cut", self.refused.clone());
        registry.register("panics", "Panics anywhere; each is contained", self.panics.clone());
        registry.register("queue_depth", "Questions that wait for a worker", self.waiting.clone());
        registry.register("index_generation_info", "What answers now", self.served.clone());
        registry.register("index_degraded", "1 while an older index has to serve", self.degraded.clone());
    }

    /// Counts one request of which the last byte was written.
    pub(crate) fn requested(&self, route: &'static str, status: u16, seconds: f64) {
        self.requests.get_or_create(&Request { route, status }).observe(seconds);
    }

    /// Counts one reply, its stages, the rule that redirected it and what a second opinion did.
    pub(crate) fn answered(&self, reply: &Reply) {
        let outcome = match reply.outcome {
            Outcome::Answered => "answered",
            Outcome::Abstained => "abstained",
            Outcome::Redirected => "redirected",
        };
        self.answers.get_or_create(&ByOutcome { outcome }).inc();
        for timing in reply.trace.iter().flat_map(|trace| &trace.timings) {
            self.stages.get_or_create(&Stage { stage: timing.stage }).observe(timing.ms / 1e3);
        }
        for opinion in reply.trace.iter().filter_map(|trace| trace.second_opinion.as_ref()) {
            self.opinions.get_or_create(&ByEffect { effect: opinion.effect.as_str() }).inc();
        }
        for notice in reply.notices.iter().filter(|notice| notice.kind == NoticeKind::Emergency) {
            self.redirects.get_or_create(&ByRule { rule: notice.rule.clone() }).inc();
        }
    }

    /// Counts what was left out of the query log, and what could not be kept in it.
    pub(crate) fn kept(&self, kept: &Kept) {
        for &(kind, count) in &kept.redactions {
            self.redactions.get_or_create(&ByKind { kind }).inc_by(count);
        }
        self.lost.inc_by(kept.lost);
    }

    /// Counts what somebody thought of a reply.
    pub(crate) fn judged(&self, helpful: bool) {
        self.feedback.get_or_create(&ByUse { helpful: if helpful { "yes" } else { "no" } }).inc();
    }

    /// Notes how many connections are open.
    pub(crate) fn connected(&self, change: i64) {
        self.connections.inc_by(change);
    }

    /// Counts a connection that was turned away or cut.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ByReason { reason }).inc();
    }

    /// Counts a panic.
    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    /// Notes which generation answers from now on.
    pub(crate) fn serves(&self, engine: &Engine) {
        let manifest = engine.index().manifest();
        let served = Served {
            generation: manifest.id.to_string(),
            encoder: manifest.encoder.as_ref().map(|encoder| encoder.name.clone()).unwrap_or_default(),
            reader: engine.models().reader.name().to_owned(),
        };
        self.served.clear();
        self.served.get_or_create(&served).set(1);
    }

    /// Notes whether an older index has to serve.
    pub(crate) fn set_degraded(&self, degraded: bool) {
        self.degraded.set(i64::from(degraded));
    }

    /// Everything as text, with so many questions waiting.
    pub(crate) fn text(&self, waiting: usize) -> String {
        self.waiting.set(waiting as i64);
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
            let _ = writeln!(text, "# EOF");
        }
        text
    }
}
