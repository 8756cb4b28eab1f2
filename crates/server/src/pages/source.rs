//! `/source/{id}`: a document as it is stored, with the span that was quoted.

use std::ops::Range;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clinqa_schema::{Document, DocumentId, Metadata, Section};
use maud::{Markup, html};

use super::error;
use super::layout::{self, Page, Script};
use super::parts::{date_in_words, is_web, mark};
use super::quoted::{Quoted, bytes_of};
use super::words::WORDS;
use crate::app::App;
use crate::error::ApiError;

/// What a span is called in an address.
const SPAN: &str = "span";

/// Fewer headings need no table of contents.
const LEAST_CONTENTS: usize = 3;

/// Shows a document to people, with the span that was quoted
#[utoipa::path(
    get,
    path = "/source/{id}",
    tag = "pages",
    operation_id = "source",
    params(
        ("id" = String, Path, description = "The document's id"),
        ("start" = Option<String>, Query, description = "First character of the span"),
        ("end" = Option<String>, Query, description = "End of the span"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such document", body = String, content_type = "text/html"),
    )
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    let region = app.config.region;
    let Some(id) = id.ok().and_then(|Path(id)| DocumentId::new(id).ok()) else {
        return error::page(StatusCode::NOT_FOUND, region);
    };
    let found = app.look(move |engine| engine.index().document(&id)).await;
    let found = found.and_then(|found| found.map_err(|_| ApiError::Index));
    match found {
        Ok(Some(document)) => {
            let body = body(&document, &span(query.as_deref().unwrap_or_default()));
            let title = format!("{} · clinqa", document.title);
            layout::respond(StatusCode::OK, &Page { title, name: "source", region, script: Script::None, body })
        }
        Ok(None) => error::page(StatusCode::NOT_FOUND, region),
        Err(why) => error::page_of(why.into_response(), region),
    }
}

/// `start=…&end=…` in characters; whatever is no number marks nothing.
fn span(query: &str) -> Range<usize> {
    let number = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(found, _)| *found == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    match (number("start"), number("end")) {
        (Some(start), Some(end)) if start < end => start..end,
        _ => 0..0,
    }
}

fn body(document: &Document, span: &Range<usize>) -> Markup {
    let marked = bytes_of(&document.text, span);
    let shown = document.sections.iter().any(|section| !overlap(&section.bytes, &marked).is_empty())
        || (document.sections.is_empty() && !marked.is_empty());
    let headed: Vec<(usize, &Section)> =
        document.sections.iter().enumerate().filter(|(_, section)| !section.heading.is_empty()).collect();
    html! {
        main id="main" tabindex="-1" {
            div.document {
                @if headed.len() >= LEAST_CONTENTS {
                    nav.contents aria-labelledby="contents" {
                        h2 id="contents" { (WORDS.source.contents) }
                        ul {
                            @for (at, section) in &headed {
                                li { a href={ "#section-" (at) } dir="auto" { (section.heading) } }
                            }
                        }
                    }
                }
                article.text dir="auto" {
                    h1 { (document.title) }
                    p.byline {
                        bdi { (document.metadata.publisher) } " · " bdi { (document.metadata.kind) }
                        @if let Some(date) = &document.metadata.published { " · " (date_in_words(date)) }
                    }
                    @if !document.metadata.standing.is_current() {
                        section.notice.retraction { p { (mark(&document.metadata.standing)) } }
                    }
                    @if shown { p.jump { a href={ "#" (SPAN) } { (WORDS.source.jump) } } }
                    (text(document, &marked))
                }
                (about(document))
                p { a.button href="/" { (WORDS.source.ask) } }
            }
        }
    }
}

/// The sections under their headings; a document without sections is one.
fn text(document: &Document, marked: &Range<usize>) -> Markup {
    let whole = [Section { heading: String::new(), bytes: 0..document.text.len() }];
    let sections = if document.sections.is_empty() { &whole[..] } else { &document.sections[..] };
    let first = sections.iter().position(|section| !overlap(&section.bytes, marked).is_empty());
    html! {
        @for (at, section) in sections.iter().enumerate() {
            section id={ "section-" (at) } {
                @if !section.heading.is_empty() { h2 dir="auto" { (section.heading) } }
                ({
                    let inside = overlap(&section.bytes, marked);
                    let base = section.bytes.start;
                    let text = document.text.get(section.bytes.clone()).unwrap_or_default();
                    let marked = inside.start - base..inside.end - base;
                    let anchor = (Some(at) == first).then_some(SPAN);
                    Quoted { text, marked, anchor, terms: &[], prefix: "" }.show()
                })
            }
        }
    }
}

/// The part of `marked` that lies in `section`; empty, and inside it, if none does.
fn overlap(section: &Range<usize>, marked: &Range<usize>) -> Range<usize> {
    marked.start.clamp(section.start, section.end)..marked.end.clamp(section.start, section.end)
}

fn about(document: &Document) -> Markup {
    let Metadata { publisher, kind, published, url, specialty, audience, synonyms, see_also, .. } = &document.metadata;
    let Metadata { grade, jurisdiction, licence, .. } = &document.metadata;
    let rows = [
        (WORDS.source.publisher, publisher.clone()),
        (WORDS.source.kind, kind.clone()),
        (WORDS.source.date, published.as_ref().map(date_in_words).unwrap_or_default()),
        (WORDS.source.audience, audience.clone().unwrap_or_default()),
        (WORDS.source.specialty, specialty.clone().unwrap_or_default()),
        (WORDS.grade, grade.clone().unwrap_or_default()),
        (WORDS.source.jurisdiction, jurisdiction.clone().unwrap_or_default()),
        (WORDS.source.licence, licence.clone().unwrap_or_default()),
        (WORDS.source.names, synonyms.join(", ")),
        (WORDS.source.compare, see_also.join("; ")),
    ];
    html! {
        aside.about aria-labelledby="about" {
            h2 id="about" { (WORDS.source.about) }
            dl {
                @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                    div { dt { (name) } dd dir="auto" { (value) } }
                }
                @if let Some(url) = url {
                    div {
                        dt { (WORDS.original) }
                        dd dir="auto" {
                            @if is_web(url) { a href=(url) rel="noopener noreferrer" { (url) } } @else { (url) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::SourceLocator;

    use super::*;

    #[test]
    fn an_address_marks_a_span_or_nothing() {
        let check = |query: &str, expected: Range<usize>| assert_eq!(span(query), expected, "{query}");
        check("start=3&end=9", 3..9);
        check("end=9&x=1&start=3", 3..9);
        check("", 0..0);
        check("start=9&end=3", 0..0);
        check("start=-1&end=3", 0..0);
        check("start=1&end=99999999999999999999999", 0..0);
        check("start=<script>&end=2", 0..0);
    }

    #[test]
    fn a_span_that_runs_over_sections_begins_once() {
        let text = "One.\nTwo\nThree.\n".to_owned();
        let section = |heading: &str, bytes| Section { heading: heading.into(), bytes };
        let document = Document {
            id: DocumentId::new("d").expect("an id"),
            title: "T".into(),
            sections: vec![section("", 0..4), section("Two", 9..15)],
            metadata: Metadata::default(),
            source: SourceLocator::default(),
            text,
        };
        let shown = self::text(&document, &(2..12)).into_string();
        assert_eq!(
            shown,
            "<section id=\"section-0\"><p>On<mark id=\"span\">e.</mark></p></section>\
             <section id=\"section-1\"><h2 dir=\"auto\">Two</h2><p><mark>Thr</mark>ee.</p></section>"
        );
        assert!(!self::text(&document, &(16..16)).into_string().contains("mark"));
    }
}
