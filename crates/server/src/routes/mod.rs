//! Which request goes where, and who may send it?

mod activate;
mod ask;
mod browse;
mod chat;
mod check;
mod corpora;
mod feedback;
mod gaps;
mod health;
mod index;
mod metrics;
mod openapi;
mod rebuild;
mod search;
mod sources;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use crate::Role;
use crate::app::App;
use crate::error::ApiError;
use crate::guard::{Guard, guard};
use crate::pages;

/// What a route costs, and in which form it speaks of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For machines that watch the server: never counted against a rate.
    Probe,
    /// A page or a part of one: errors are pages too.
    Page,
    /// A page that asks a question.
    Form,
    /// A look at something that is there: errors are JSON, as for all that follow.
    Look,
    /// A question, which costs ten looks.
    Question,
    /// Care of the index: never counted against a rate, and given its time. No page of another site may send it.
    Care,
}

impl Kind {
    /// Whether a patient's question comes this way.
    pub(crate) fn is_asking(self) -> bool {
        matches!(self, Self::Form | Self::Question)
    }
}

/// What holds for a route, whatever is sent to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    /// Who may use it.
    pub(crate) role: Role,
    /// As the router writes it; the only form of a path that logs and metrics know.
    pub(crate) pattern: &'static str,
}

struct Row {
    rule: Rule,
    methods: MethodRouter<Arc<App>>,
}

/// Every route, one line each: what it is, who may use it, where it is, who answers.
fn table() -> Vec<Row> {
    use Kind::{Care, Form, Look, Page, Probe, Question};
    vec![
        row(Page, Role::None, "/", get(pages::chat::show)),
        row(Form, Role::Patient, "/", post(pages::chat::submit)),
        row(Page, Role::Patient, "/source/{id}", get(pages::source::show)),
        row(Page, Role::None, "/assets/{name}", get(pages::assets::show)),
        row(Page, Role::None, "/docs", get(openapi::home)),
        row(Page, Role::None, "/docs/", get(openapi::page)),
        row(Page, Role::None, "/docs/{file}", get(openapi::file)),
        row(Look, Role::None, "/openapi.json", get(openapi::description)),
        row(Question, Role::Patient, "/v1/ask", post(ask::ask)),
        row(Question, Role::Patient, "/v1/chat/completions", post(chat::complete)),
        row(Look, Role::Patient, "/v1/models", get(chat::models)),
        row(Look, Role::Patient, "/v1/models/{id}", get(chat::model)),
        // A search takes a fraction of the time of an answer, and a screen that searches as one types sends many.
        row(Look, Role::Staff, "/v1/search", post(search::search)),
        row(Look, Role::Staff, "/v1/similar", post(browse::list_similar)),
        row(Look, Role::Staff, "/v1/names", get(browse::list_names)),
        row(Look, Role::Staff, "/v1/facets", post(browse::count)),
        row(Look, Role::Staff, "/v1/index", get(index::current)),
        row(Look, Role::Admin, "/v1/index/generations", get(index::generations)),
        row(Care, Role::Admin, "/v1/index/changes/{earlier}/{later}", get(index::changes)),
        row(Care, Role::Admin, "/v1/index/current", post(activate::activate)),
        row(Care, Role::Admin, "/v1/index/check", post(check::check)),
        row(Care, Role::Admin, "/v1/index/corpora", get(corpora::corpora)),
        row(Care, Role::Admin, "/v1/index/rebuild", get(rebuild::state)),
        row(Care, Role::Admin, "/v1/index/rebuild", post(rebuild::begin)),
        row(Look, Role::Admin, "/v1/gaps", get(gaps::gaps)),
        row(Look, Role::Patient, "/v1/documents/{id}", get(sources::document)),
        row(Look, Role::Patient, "/v1/passages/{id}", get(sources::passage)),
        row(Look, Role::Patient, "/v1/feedback", post(feedback::feedback)),
        row(Probe, Role::None, "/healthz", get(health::alive)),
        row(Probe, Role::None, "/readyz", get(health::ready)),
        row(Probe, Role::Admin, "/metrics", get(metrics::show)),
    ]
}

fn row(kind: Kind, role: Role, pattern: &'static str, methods: MethodRouter<Arc<App>>) -> Row {
    Row { rule: Rule { kind, role, pattern }, methods }
}

/// The routes of the table, each behind its guard.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let guarded = |router: Router<Arc<App>>, Row { rule, methods }: Row| {
        let guard_state = Guard { gate: Arc::clone(&app.gate), rule };
        router.route(rule.pattern, methods.route_layer(from_fn_with_state(guard_state, guard)))
    };
    table()
        .into_iter()
        .fold(Router::new(), guarded)
        .fallback(|| async { ApiError::NotFound("page or route") })
        .method_not_allowed_fallback(|| async { ApiError::Method })
        .layer(from_fn_with_state(app.config.region, pages::error::for_browsers))
        .with_state(Arc::clone(app))
}
