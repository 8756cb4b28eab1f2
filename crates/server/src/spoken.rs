//! How does a reply read as a message to a person, and what was the answer in such a message (pure)?

use clinqa_schema::{Citation, Notice, Outcome, Reply};

use crate::wording;

/// What stands before the title of a source.
const SOURCE: &str = "Source: ";

/// The message in the order in which it is read and streamed: each notice, the answer, its citations, further reading.
/// Joined by [`GAP`] the parts are the whole message.
pub(crate) fn parts(reply: &Reply) -> Vec<String> {
    let mut parts: Vec<String> = reply.notices.iter().map(notice).collect();
    if let Some(answer) = &reply.answer {
        let mut citations = answer.citations().iter();
        if let Some(first) = citations.next() {
            parts.push(quoted(first));
            parts.push(source(first));
        }
        parts.extend(citations.map(|also| format!("{}\n{}\n{}", wording::ALSO, quoted(also), source(also))));
        let differing = answer.differing().iter();
        parts.extend(differing.map(|other| format!("{}\n{}\n{}", wording::DIFFERING, quoted(other), source(other))));
        parts.push(wording::STANDING.to_owned());
    }
    parts.extend(reply.reason.map(|reason| wording::abstention(reason).to_owned()));
    if !reply.reading.is_empty() {
        // Where there is no answer, what was found is shown; beside an answer or an emergency it would only be more to read.
        let shows = reply.outcome == Outcome::Abstained;
        let quote = |citation: &Citation| if shows { format!(": {}", quoted(citation)) } else { String::new() };
        let citations = reply.reading.iter().map(|reading| &reading.citation);
        let lines = citations.map(|citation| format!("- {}{}", described(citation), quote(citation)));
        parts.push(format!("{}\n{}", wording::READING, lines.collect::<Vec<_>>().join("\n")));
    }
    parts
}

/// What stands between two parts.
pub(crate) const GAP: &str = "\n\n";

fn notice(notice: &Notice) -> String {
    let source = if notice.kind.is_advice() { format!("\n({})", notice.source) } else { String::new() };
    format!("{}. {}{source}", notice.title.trim_end_matches('.'), notice.text)
}

fn quoted(citation: &Citation) -> String {
    format!("“{}”", citation.quote)
}

fn source(citation: &Citation) -> String {
    format!("{SOURCE}{}", described(citation))
}

/// Title > section, publisher, date, page, and the mark of what no longer stands.
fn described(citation: &Citation) -> String {
    let heading = match &citation.section {
        Some(section) => format!("{} > {section}", citation.title),
        None => citation.title.clone(),
    };
    let published = citation.published.as_ref().map(ToString::to_string).unwrap_or_default();
    let page = citation.page.map(|page| format!("page {page}")).unwrap_or_default();
    let mark = citation.standing.mark().unwrap_or_default();
    let parts = [heading, citation.publisher.clone(), published, page, mark];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The answer in what an assistant said: of a message of ours the quotation alone, without notices, sources and reading,
/// and nothing where we had no answer; what others say is taken as it is.
pub(crate) fn answer_in(message: &str) -> &str {
    let end = message.find(&format!("”{GAP}{SOURCE}"));
    let quotation = end.and_then(|end| {
        let start = message[..end].rmatch_indices('“').map(|(at, _)| at).rfind(|at| begins_part(message, *at))?;
        Some(&message[start + '“'.len_utf8()..end])
    });
    let ours = [wording::UNSUPPORTED, wording::PERSONAL, wording::SCOPE, wording::EMERGENCY];
    let said_nothing = || message.split(GAP).any(|part| ours.contains(&part));
    match quotation {
        Some(quotation) => quotation,
        None if said_nothing() => "",
        None => message,
    }
}

/// Whether a part begins here: the first of the message, or one behind a notice, which ends with its source in brackets.
fn begins_part(message: &str, at: usize) -> bool {
    at == 0 || message[..at].strip_suffix(GAP).is_some_and(|before| before.ends_with(')'))
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Abstention, Answer, Confidence, NoticeKind, Reading};

    use super::*;
    use crate::sample::citation;

    fn reply(quote: Option<&str>, reason: Option<Abstention>) -> Reply {
        let answer = quote.map(|quote| {
            Answer::new(quote.into(), Confidence::new(0.9), citation(quote), vec![citation("Another “one”.")])
        });
        Reply {
            outcome: if answer.is_some() { Outcome::Answered } else { Outcome::Abstained },
            reason,
            notices: vec![Notice {
                kind: NoticeKind::Boundary,
                rule: "own-dose".into(),
                title: "Your own dose".into(),
                text: "Ask a pharmacist.\n\n“Soon.”".into(),
                call: None,
                source: "NHS".into(),
            }],
            answer,
            reading: vec![Reading { citation: citation("More."), score: 0.5 }],
            generation: String::new(),
            encoder: String::new(),
            reader: String::new(),
            took_ms: 1.0,
            trace: None,
        }
    }

    #[test]
    fn a_notice_leads_and_every_answer_has_its_source() {
        let said = parts(&reply(Some("An inhaler helps."), None)).join(GAP);
        let expected = "Your own dose. Ask a pharmacist.\n\n“Soon.”\n(NHS)\n\n“An inhaler helps.”\n\n\
                        Source: Asthma > Treatment, The house, 2026-11";
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn our_own_message_gives_back_its_answer_and_others_stay_as_they_are() {
        let check = |message: &str, expected: &str| assert_eq!(answer_in(message), expected, "{message}");
        for quote in ["An inhaler helps.", "“Relief” comes\n\nin two kinds:\n- blue\n- brown", "Ängste 😀"] {
            check(&parts(&reply(Some(quote), None)).join(GAP), quote);
        }
        for reason in [Abstention::Unsupported, Abstention::Personal, Abstention::Scope, Abstention::Emergency] {
            check(&parts(&reply(None, Some(reason))).join(GAP), "");
        }
        check("Use an inhaler.", "Use an inhaler.");
        check("Say “yes”.", "Say “yes”.");
        check("", "");
    }

    /// What messages of ours are made of, and noise.
    const PIECES: [&str; 11] =
        ["“", "”", "”\n\nSource: ", "\n\n", "\n\n“", ")\n\n“", "Source: ", ")", "a", "é 😀", wording::UNSUPPORTED];

    fn made(pieces: std::ops::Range<usize>) -> impl proptest::strategy::Strategy<Value = String> {
        let pieces = proptest::collection::vec(proptest::sample::select(&PIECES[..]), pieces);
        proptest::strategy::Strategy::prop_map(pieces, |pieces| pieces.concat())
    }

    proptest::proptest! {
        #[test]
        fn any_message_can_be_read(before in made(0..6), quote in made(0..4), after in made(0..4)) {
            let message = format!("{before}“{quote}”{GAP}{SOURCE}{after}");
            for message in [&message, &before] {
                proptest::prop_assert!(message.contains(answer_in(message)), "{message}");
            }
            // A quotation leads, or a part of it does: nothing of what stands behind its source is the answer.
            let end = message.find("”\n\nSource: ").expect("a source");
            let said = answer_in(&message);
            proptest::prop_assert!(said == message || said.is_empty() || message[..end].ends_with(said), "{message}");
        }

        #[test]
        fn our_own_message_gives_back_any_answer(quote in made(1..6)) {
            if !quote.contains("”\n\nSource: ") {
                let message = parts(&reply(Some(&quote), None)).join(GAP);
                proptest::prop_assert_eq!(answer_in(&message), quote);
            }
        }
    }
}
