//! How does a reply look? The same parts, in the same order, as `assets/chat.js` makes of its JSON; a test compares them.

use std::ops::Range;

use clinqa_qa::{Region, glossary};
use clinqa_schema::{
    Abstention, Answer, Citation, ConfidenceLabel, Date, DocumentId, Notice, NoticeKind, Outcome, Reading, Reply,
    Standing,
};
use maud::{Markup, html};

use super::layout::numbers;
use super::quoted::{Quoted, bytes_of};
use super::words::{Said, WORDS};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// One question with its reply; `number` is its place in the conversation.
pub(crate) fn turn(number: usize, question: &str, reply: &Reply, region: Option<Region>) -> Markup {
    html! {
        article.turn id={ "turn-" (number) } {
            (asked(question))
            @for notice in &reply.notices { (self::notice(notice)) }
            @match &reply.answer {
                Some(answer) => (self::answer(answer, number)),
                None => (unanswered(reply, region)),
            }
            @if !reply.reading.is_empty() { (reading(reply)) }
        }
    }
}

/// The question, as it was typed.
pub(crate) fn asked(question: &str) -> Markup {
    html! { h2.asked { span.quiet { (WORDS.you) " " } span dir="auto" { (question) } } }
}

fn notice(notice: &Notice) -> Markup {
    let urgent = notice.kind == NoticeKind::Emergency;
    html! {
        section class={ "notice " (kind_of(notice.kind)) } role=[urgent.then_some("alert")] {
            h3 { (notice.title) }
            @if let Some(call) = &notice.call { p.call { (WORDS.call) " " (numbers(&call.number)) } }
            p { (notice.text) }
            @if notice.kind.is_advice() && !notice.source.is_empty() {
                p.follows { (WORDS.follows) " " (notice.source) }
            }
        }
    }
}

fn kind_of(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Emergency => "emergency",
        NoticeKind::Boundary => "boundary",
        NoticeKind::Scope => "scope",
        NoticeKind::Retraction => "retraction",
        NoticeKind::Age => "age",
    }
}

fn answer(answer: &Answer, number: usize) -> Markup {
    let Some((first, others)) = answer.citations().split_first() else { return html! {} };
    let prefix = format!("m-{number}-");
    html! {
        section.answer {
            div.head { h3 { (WORDS.answer) } (sure(answer)) }
            (said(first, &prefix))
            @if !others.is_empty() {
                section.also {
                    h4 { (WORDS.also) }
                    ul { @for citation in others { li { (source(citation)) } } }
                }
            }
            @if !answer.differing().is_empty() {
                section.differing {
                    h4 { (WORDS.differing) }
                    p { (WORDS.differing_why) }
                    @for (at, citation) in answer.differing().iter().enumerate() {
                        (said(citation, &format!("{prefix}d{at}-")))
                    }
                }
            }
            p.general { (WORDS.general) }
        }
    }
}

/// A quote with its source and what its hard words mean; those are named from `prefix` on.
fn said(citation: &Citation, prefix: &str) -> Markup {
    let terms = glossary::terms_in(&citation.quote);
    html! {
        figure.said {
            blockquote dir="auto" { (quote(citation, &terms, prefix)) }
            figcaption { (source(citation)) }
        }
        (plain(&citation.quote, &terms, Some(prefix)))
    }
}

/// What the hard words of a quote mean; without a prefix nothing can lead there.
fn plain(text: &str, terms: &[glossary::Term], prefix: Option<&str>) -> Markup {
    html! {
        @if !terms.is_empty() {
            section.plain {
                h4 { (WORDS.plain) }
                dl {
                    @for (at, term) in terms.iter().enumerate() {
                        div id=[prefix.map(|prefix| format!("{prefix}{at}"))] {
                            dt dir="auto" { (text[term.bytes.clone()]) }
                            dd { (term.meaning) }
                        }
                    }
                }
            }
        }
    }
}

/// The confidence in words, with a bar and the number.
fn sure(answer: &Answer) -> Markup {
    let (words, name) = match answer.confidence_label() {
        ConfidenceLabel::High => (WORDS.sure.high, "high"),
        ConfidenceLabel::Moderate => (WORDS.sure.moderate, "moderate"),
        ConfidenceLabel::Low => (WORDS.sure.low, "low"),
    };
    html! {
        p class={ "sure " (name) } {
            span.bars aria-hidden="true" { i {} i {} i {} }
            (words) " (" (percent(answer.confidence())) "%)"
        }
    }
}

fn percent(confidence: f32) -> u8 {
    (confidence * 100.0).round() as u8
}

fn quote(citation: &Citation, terms: &[glossary::Term], prefix: &str) -> Markup {
    let span = citation.answer_start.saturating_sub(citation.start)..citation.answer_end.saturating_sub(citation.start);
    let marked = bytes_of(&citation.quote, &span);
    Quoted { text: &citation.quote, marked, anchor: None, terms, prefix }.show()
}

/// Where it stands: title and section, publisher, kind and date, and the way there.
fn source(citation: &Citation) -> Markup {
    html! {
        p.cite {
            cite { bdi { (citation.title) } @if let Some(section) = &citation.section { " › " bdi { (section) } } }
            span.meta {
                bdi { (citation.publisher) } " · " bdi { (citation.kind) }
                @if let Some(date) = &citation.published { " · " (date_in_words(date)) }
                @if let Some(page) = citation.page { " · " (WORDS.page) " " (page) }
                @if let Some(grade) = &citation.grade { " · " (WORDS.grade) " " bdi { (grade) } }
            }
            (mark(&citation.standing))
            (also_in(citation))
        }
        p.ways {
            a.show href=(place(&citation.document_id, &(citation.answer_start..citation.answer_end)))
                target="_blank" rel="noopener" { (WORDS.show) span.quiet { " " (WORDS.new_tab) } }
            @if let Some(url) = citation.url.as_deref().filter(|url| is_web(url)) {
                " "
                a.original href=(url) target="_blank" rel="noopener noreferrer" {
                    (WORDS.original) span.quiet { " " (WORDS.new_tab) }
                }
            }
        }
    }
}

/// The mark of a document that does not stand as published; nothing for one that does.
pub(crate) fn mark(standing: &Standing) -> Markup {
    html! { @if let Some(mark) = standing.mark() { " " strong.fallen dir="auto" { (mark) } } }
}

/// The ways to documents that say nearly the same.
fn also_in(citation: &Citation) -> Markup {
    html! {
        @if !citation.siblings.is_empty() {
            span.meta {
                " · " (WORDS.also_in)
                @for sibling in &citation.siblings { " " a href={ "/source/" (sibling) } { (sibling) } }
            }
        }
    }
}

/// The address of a span in its document.
pub(crate) fn place(document: &DocumentId, span: &Range<usize>) -> String {
    format!("/source/{document}?start={}&end={}#span", span.start, span.end)
}

/// Whether an address leads to the web and does nothing else.
pub(crate) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// `2026-11-22` as `22 November 2026`.
pub(crate) fn date_in_words(date: &Date) -> String {
    let mut parts = date.as_str().split('-');
    let year = parts.next().unwrap_or_default();
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<usize>().ok());
    let month = number(parts.next()).and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match (number(parts.next()), month) {
        (Some(day), Some(month)) => format!("{day} {month} {year}"),
        (None, Some(month)) => format!("{month} {year}"),
        _ => year.to_owned(),
    }
}

/// Why there is no answer, unless a notice says so, and where to turn.
fn unanswered(reply: &Reply, region: Option<Region>) -> Markup {
    let Said { title, text } = match (reply.outcome, reply.reason) {
        (Outcome::Redirected, _) | (_, Some(Abstention::Emergency)) => WORDS.urgent,
        (_, Some(Abstention::Personal)) => WORDS.personal,
        (_, Some(Abstention::Scope)) => WORDS.scope,
        _ => WORDS.unsupported,
    };
    let told = reply.notices.iter().any(|notice| matches!(notice.kind, NoticeKind::Boundary | NoticeKind::Scope));
    html! {
        section.none {
            @if !told {
                h3 { (title) }
                p { (text) }
            }
            @if reply.outcome == Outcome::Abstained {
                h4 { (WORDS.turn) }
                p { (turn_to(region)) }
            }
        }
    }
}

/// Where else to turn, with the number to call.
pub(crate) fn turn_to(region: Option<Region>) -> Markup {
    let (before, after) = WORDS.turn_to.split_once("{number}").unwrap_or((WORDS.turn_to, ""));
    html! {
        (before)
        @match region {
            Some(region) => (numbers(region.emergency())),
            None => (WORDS.nowhere),
        }
        (after)
    }
}

fn reading(reply: &Reply) -> Markup {
    let heading = if reply.reason == Some(Abstention::Unsupported) { WORDS.found } else { WORDS.reading };
    html! {
        section.reading {
            h3 { (heading) }
            ul { @for Reading { citation, .. } in &reply.reading { li { (entry(citation)) } } }
        }
    }
}

/// Words of which the hard ones are explained on hover. They are no links: what is cut off below must not take the focus.
fn hinted(text: &str, terms: &[glossary::Term]) -> Markup {
    let mut at = 0;
    html! {
        @for term in terms {
            (text[at..term.bytes.start])
            span.term title=(term.meaning) { (text[term.bytes.clone()]) }
            @let () = at = term.bytes.end;
        }
        (text[at..])
    }
}

fn entry(citation: &Citation) -> Markup {
    let terms = glossary::terms_in(&citation.quote);
    html! {
        a href=(place(&citation.document_id, &(citation.answer_start..citation.answer_end)))
            target="_blank" rel="noopener" {
            bdi { (citation.title) }
            @if let Some(section) = &citation.section { " › " bdi { (section) } }
            span.quiet { " " (WORDS.new_tab) }
        }
        p dir="auto" { (hinted(&citation.quote, &terms)) }
        p.meta { bdi { (citation.publisher) } " · " bdi { (citation.kind) } (mark(&citation.standing)) }
        (plain(&citation.quote, &terms, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::citation;

    #[test]
    fn a_date_is_said_as_people_say_it() {
        let check = |date: &str, expected: &str| {
            assert_eq!(date_in_words(&Date::new(date).expect("a date")), expected);
        };
        check("2026-11-22", "22 November 2026");
        check("2026-01", "January 2026");
        check("2026", "2026");
    }

    #[test]
    fn hard_words_are_explained_in_every_quote_that_is_shown() {
        let confidence = clinqa_schema::Confidence::new(0.9);
        let first = citation("Hypertension comes with age.");
        let others = vec![citation("Two say dyspnoea, too.")];
        let differing = vec![citation("Tachycardia over 100."), citation("Ask about <hypertension>.")];
        let answer = Answer::new(first.quote.clone(), confidence, first, others).differing_from(differing);
        let meaning = |word: &str| glossary::terms_in(word).first().expect("a hard word").meaning;
        let page = self::answer(&answer, 3).into_string();
        for (word, name) in [("Hypertension", "m-3-0"), ("Tachycardia", "m-3-d0-0"), ("hypertension", "m-3-d1-0")] {
            let meaning = meaning(word);
            let on_hover = format!("<a class=\"term\" href=\"#{name}\" title=\"{meaning}\">{word}</a>");
            let in_text = format!("<div id=\"{name}\"><dt dir=\"auto\">{word}</dt><dd>{meaning}</dd></div>");
            assert!(page.contains(&on_hover) && page.contains(&in_text), "{word}: {page}");
        }
        assert!(!page.contains("dyspnoea"), "what is not shown is not explained");
        let entry = entry(&citation("Rest & hypertension.")).into_string();
        let meaning = meaning("hypertension");
        let on_hover = format!("Rest &amp; <span class=\"term\" title=\"{meaning}\">hypertension</span>.");
        let in_text = format!("<div><dt dir=\"auto\">hypertension</dt><dd>{meaning}</dd></div>");
        assert!(entry.contains(&on_hover) && entry.contains(&in_text), "{entry}");
        assert!(!self::entry(&citation("Rest.")).into_string().contains("plain"));
    }

    #[test]
    fn only_the_web_is_linked() {
        let check = |url: &str, expected: bool| assert_eq!(is_web(url), expected, "{url}");
        check("https://example.org", true);
        check("http://example.org", true);
        check("javascript:alert(1)", false);
        check(" https://example.org", false);
        check("data:text/html,x", false);
        check("//example.org", false);
    }
}
