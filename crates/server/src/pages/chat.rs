//! `/`: the chat page, and `POST /`: the same page as a plain form, for browsers without scripts.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use clinqa_qa::{Ask, Explain, Region, Search, Triage, triage};
use clinqa_schema::{Filters, Question, QuestionError, Reply};
use maud::{Markup, html};

use super::conversation::{Kept, Posted};
use super::layout::{self, Page, Script};
use super::words::{self, EXAMPLES, WORDS};
use super::{error, origin, parts};
use crate::app::App;

/// Passages for further reading.
const READING: usize = 3;

/// What stands in the conversation when the page is made.
#[derive(Default)]
struct View {
    /// Turns that are over.
    past: Vec<Kept>,
    /// The newest question with its reply.
    newest: Option<(String, Reply)>,
    /// What stands in the box.
    typed: String,
    /// What went wrong.
    problem: Option<&'static str>,
}

/// Shows the page for people
#[utoipa::path(
    get,
    path = "/",
    tag = "pages",
    operation_id = "chat_page",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    page(&app, StatusCode::OK, &View::default())
}

/// Answers a question that came by the form, and shows the whole conversation
#[utoipa::path(
    post,
    path = "/",
    tag = "pages",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    if origin::is_foreign(&headers) {
        let view = View { problem: Some(WORDS.problems.foreign), ..View::default() };
        return page(&app, StatusCode::FORBIDDEN, &view);
    }
    let fields = match form {
        Ok(Form(fields)) => fields,
        Err(rejection) => return error::page(rejection.status(), app.config.region),
    };
    let posted = Posted::from_fields(fields);
    match reply_to(&app, &posted).await {
        Ok(reply) => {
            let newest = Some((posted.question, reply));
            page(&app, StatusCode::OK, &View { past: posted.turns, newest, ..View::default() })
        }
        Err(refused) => {
            let Refused { status, problem, retry_after } = refused;
            let view = View { past: posted.turns, newest: None, typed: posted.question, problem: Some(problem) };
            let mut page = page(&app, status, &view);
            page.headers_mut().extend(retry_after.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))));
            page
        }
    }
}

/// Why a question got no reply, and when to ask again.
struct Refused {
    status: StatusCode,
    problem: &'static str,
    retry_after: Option<u64>,
}

/// The reply, or what to tell. An emergency gets its notice even where nothing else works.
async fn reply_to(app: &Arc<App>, posted: &Posted) -> Result<Reply, Refused> {
    let question = Question::new(&posted.question).map_err(|why| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Refused { status, problem: unusable(why), retry_after: None }
    })?;
    let ask = Ask {
        question,
        history: posted.history(),
        filters: Filters::default(),
        region: app.config.region,
        top_k: READING,
        search: Search::Fused,
        explain: Explain::No,
    };
    app.answer(ask.clone()).await.or_else(|error| {
        let status = error.status();
        let told = Refused { status, problem: words::problem(status), retry_after: error.retry_after() };
        match triage(&app.library.models().rules, &ask) {
            Triage::Emergency(reply) => Ok(*reply),
            Triage::Other(_) => Err(told),
        }
    })
}

fn unusable(why: QuestionError) -> &'static str {
    match why {
        QuestionError::Empty | QuestionError::NoWords => WORDS.problems.empty,
        QuestionError::TooLong { .. } => WORDS.problems.long,
        QuestionError::Binary => WORDS.problems.unreadable,
    }
}

fn page(app: &App, status: StatusCode, view: &View) -> Response {
    let region = app.config.region;
    let number = region.as_ref().map_or("", Region::emergency);
    let words = serde_json::to_string(&WORDS).unwrap_or_default();
    let marks = serde_json::to_string(&words::marks()).unwrap_or_default();
    let is_new = view.past.is_empty() && view.newest.is_none();
    let body = html! {
        main id="main" data-words=(words) data-marks=(marks) data-number=(number) {
            h1.quiet { "clinqa" }
            (welcome(is_new))
            div.log id="log" role="log" aria-label="Conversation" tabindex="-1" {
                @for (number, kept) in view.past.iter().enumerate() { (past(number, kept, app)) }
                @if let Some((question, reply)) = &view.newest {
                    (parts::turn(view.past.len(), question, reply, region))
                }
            }
            (composer(view, is_new))
        }
    };
    layout::respond(status, &Page { title: "clinqa".to_owned(), name: "chat", region, script: Script::Loaded, body })
}

/// What the page says before anything was asked.
fn welcome(is_new: bool) -> Markup {
    html! {
        section.welcome id="welcome" hidden[!is_new] {
            h2 { (WORDS.welcome) }
            p { (WORDS.how) }
            h3.quiet-title { (WORDS.try_one) }
            ul.examples {
                @for example in EXAMPLES {
                    li { button type="submit" form="ask" name="example" value=(example) { (example) } }
                }
            }
            p.private { (WORDS.private) }
        }
    }
}

/// A turn of which the form carried what matters.
fn past(number: usize, kept: &Kept, app: &App) -> Markup {
    let region = app.config.region;
    html! {
        article.turn.past id={ "turn-" (number) } {
            (parts::asked(&kept.asked))
            @if kept.urgent {
                section class="notice emergency" {
                    h3 { (WORDS.urgent.title) }
                    p.call { (WORDS.call) " " (layout::numbers(region.as_ref().map_or(WORDS.nowhere, Region::emergency))) }
                }
            } @else if kept.answered.is_empty() {
                section.none { p { (WORDS.unsupported.title) } }
            } @else {
                section.answer {
                    figure.said {
                        blockquote dir="auto" { p { (kept.answered) } }
                        @if let Some((document, span)) = &kept.source {
                            figcaption { p.ways {
                                a.show href=(parts::place(document, span)) target="_blank" rel="noopener" {
                                    (WORDS.show) span.quiet { " " (WORDS.new_tab) }
                                }
                            } }
                        }
                    }
                }
            }
        }
    }
}

/// The box, the button, and the turns that the next question needs.
fn composer(view: &View, is_new: bool) -> Markup {
    let next = view.past.len() + usize::from(view.newest.is_some());
    let newest = view.newest.as_ref().map(|(question, reply)| Kept::of(question, reply));
    html! {
        form.composer id="ask" method="post" action={ "/#turn-" (next) } accept-charset="utf-8" autocomplete="off" {
            @for kept in view.past.iter().chain(&newest) { (kept.fields()) }
            p.problem id="problem" role="alert" {
                @if let Some(problem) = view.problem {
                    (problem)
                    @if !view.typed.is_empty() { " " (WORDS.problems.kept) }
                }
            }
            div.box {
                label for="question" { (WORDS.label) }
                // Some browsers send what is typed away to check its spelling.
                textarea id="question" name="question" rows="1" dir="auto" spellcheck="false" autocomplete="off"
                    autocapitalize="sentences" enterkeyhint="send" aria-describedby="problem hint"
                    aria-invalid=[view.problem.map(|_| "true")] { (view.typed) }
                button.send type="submit" { (WORDS.ask) }
            }
            div.below {
                p.hint id="hint" { (WORDS.hint) }
                a.new id="new" href="/" hidden[is_new] { (WORDS.new) }
            }
        }
    }
}
