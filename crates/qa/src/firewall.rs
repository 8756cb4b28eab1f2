//! Does what is shown still stand, and what must be said first if it does not (pure)?
//!
//! A withdrawn document answers nothing; where it is shown it is marked, and a notice leads. A corrected one is cited with
//! its correction, a superseded one with what took its place.

use std::collections::BTreeSet;

use clinqa_schema::{Answer, Citation, Document, Notice, NoticeKind, Reading, StandingState};

/// Whether an answer may be taken from `document`.
pub(crate) fn may_answer(document: &Document) -> bool {
    !document.metadata.standing.is_withdrawn()
}

/// One notice for each document that is shown and does not stand as published, those of the answer first.
pub(crate) fn notices(answer: Option<&Answer>, reading: &[Reading]) -> Vec<Notice> {
    let quoted = answer.into_iter().flat_map(|answer| answer.citations().iter().chain(answer.differing()));
    let shown = quoted.chain(reading.iter().map(|reading| &reading.citation));
    let mut seen = BTreeSet::new();
    shown.filter(|citation| seen.insert(&citation.document_id)).filter_map(notice).collect()
}

fn notice(citation: &Citation) -> Option<Notice> {
    let (kind, rule, title, what) = match citation.standing.state {
        StandingState::Current => return None,
        StandingState::Retracted => (
            NoticeKind::Retraction,
            "withdrawn-source",
            "A source shown here was withdrawn",
            "was taken back by those who put it out. Do not rely on it. No answer was taken from it.",
        ),
        StandingState::Concern => (
            NoticeKind::Retraction,
            "doubted-source",
            "A source shown here is in doubt",
            "may not be right. Those who put it out have said so. Look for a second source.",
        ),
        StandingState::Corrected => (
            NoticeKind::Retraction,
            "corrected-source",
            "A source shown here was corrected",
            "was changed after it came out. Read it with the change.",
        ),
        StandingState::Superseded => (
            NoticeKind::Age,
            "superseded-source",
            "A source shown here was replaced",
            "is out of date: a newer one has taken its place. Use the newer one.",
        ),
    };
    let named = citation.standing.notice.as_ref();
    let text = match named {
        Some(named) => format!("“{}” {what} See: {named}.", citation.title),
        None => format!("“{}” {what}", citation.title),
    };
    let source = named.unwrap_or(&citation.publisher).clone();
    Some(Notice { kind, rule: rule.to_owned(), title: title.to_owned(), text, call: None, source })
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Confidence, Standing};

    use super::*;

    fn citation(document: &str, state: StandingState, named: Option<&str>) -> Citation {
        Citation {
            document_id: document.parse().expect("an id"),
            title: document.to_uppercase(),
            section: None,
            publisher: "The house".into(),
            kind: "review".into(),
            published: None,
            url: None,
            page: None,
            grade: None,
            standing: Standing { state, notice: named.map(str::to_owned), since: None },
            siblings: Vec::new(),
            passage_id: format!("{document}#0").parse().expect("an id"),
            quote: "A".into(),
            start: 0,
            end: 1,
            answer_start: 0,
            answer_end: 1,
        }
    }

    fn reading(citation: Citation) -> Reading {
        Reading { citation, score: 0.5 }
    }

    #[test]
    fn whatever_is_shown_and_does_not_stand_is_told_once_those_of_the_answer_first() {
        let first = citation("a", StandingState::Corrected, Some("PMID 7"));
        let answer = Answer::new("A".into(), Confidence::new(0.9), first.clone(), Vec::new());
        let withdrawn = citation("b", StandingState::Retracted, None);
        let shown = [first, withdrawn.clone(), citation("c", StandingState::Current, None), withdrawn].map(reading);
        let told = notices(Some(&answer), &shown);
        let rules: Vec<&str> = told.iter().map(|notice| notice.rule.as_str()).collect();
        assert_eq!(rules, ["corrected-source", "withdrawn-source"]);
        assert!(told[0].text.contains("PMID 7") && told[0].source == "PMID 7", "{:?}", told[0]);
        assert_eq!((told[1].kind, told[1].source.as_str()), (NoticeKind::Retraction, "The house"));
    }

    #[test]
    fn every_state_but_the_first_has_its_notice() {
        use StandingState::{Concern, Corrected, Current, Retracted, Superseded};
        for state in [Current, Corrected, Concern, Superseded, Retracted] {
            let told = notices(None, &[reading(citation("a", state, None))]);
            assert_eq!(told.len(), usize::from(state != Current), "{state:?}");
        }
    }
}
