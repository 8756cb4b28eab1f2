//! What did a form bring (pure)? The question, and the turns before it, which only the page itself keeps.

use std::ops::Range;

use clinqa_schema::{Answer, DocumentId, Outcome, Reply, Turn};
use maud::{Markup, html};

/// Bytes that the turns which are carried along take in a form at most: a body of 64 KiB holds them and the question.
/// The rules for emergencies read all turns, so that as many as fit are kept.
const MOST_CARRIED: usize = 40_000;

/// Bytes that the names of a turn's fields take.
const FIELD_NAMES: usize = 64;

/// Longest text that a turn carries along, in characters.
const MAX_CHARS: usize = 2_000;

/// What stood in the fields. Health data: it has no debug form.
#[derive(Default)]
pub(crate) struct Posted {
    pub(crate) question: String,
    pub(crate) turns: Vec<Kept>,
}

/// A turn that is over, as far as a form carries it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) asked: String,
    pub(crate) answered: String,
    pub(crate) urgent: bool,
    /// Where the answer stands, in characters.
    pub(crate) source: Option<(DocumentId, Range<usize>)>,
}

impl std::fmt::Debug for Kept {
    /// What was asked and answered is health data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({} characters)", self.asked.chars().count() + self.answered.chars().count())
    }
}

impl Posted {
    /// Reads the fields in their order: each `asked` begins a turn. What is unknown or broken is passed over.
    pub(crate) fn from_fields(fields: Vec<(String, String)>) -> Self {
        let mut posted = Self::default();
        for (name, value) in fields {
            match (name.as_str(), posted.turns.last_mut()) {
                // An example is a second question beside the empty box.
                ("question", _) if posted.question.trim().is_empty() => posted.question = value,
                ("example", _) => posted.question = value,
                ("asked", _) => posted.turns.push(Kept { asked: cut(&value), ..Kept::default() }),
                ("answered", Some(turn)) => turn.answered = cut(&value),
                ("urgent", Some(turn)) => turn.urgent = true,
                ("source", Some(turn)) => turn.source = located(&value),
                _ => {}
            }
        }
        lighten(&mut posted.turns);
        posted
    }

    /// The turns as a question needs them to be understood.
    pub(crate) fn history(&self) -> Vec<Turn> {
        let turn = |kept: &Kept| Turn { question: kept.asked.clone(), answer: kept.answered.clone() };
        self.turns.iter().map(turn).collect()
    }
}

impl Kept {
    /// What is carried along of a question and its reply.
    pub(crate) fn of(question: &str, reply: &Reply) -> Self {
        let first = reply.answer.as_ref().and_then(|answer| answer.citations().first());
        Self {
            asked: cut(question),
            answered: cut(reply.answer.as_ref().map_or("", Answer::text)),
            urgent: reply.outcome == Outcome::Redirected,
            source: first.map(|first| (first.document_id.clone(), first.answer_start..first.answer_end)),
        }
    }

    /// Bytes that it takes in a form, where what is neither letter nor digit nor blank is written as `%XX`.
    fn weight(&self) -> usize {
        let bytes = self.asked.bytes().chain(self.answered.bytes());
        bytes.map(|byte| if byte.is_ascii_alphanumeric() || byte == b' ' { 1 } else { 3 }).sum::<usize>() + FIELD_NAMES
    }

    /// The hidden fields that carry it.
    pub(crate) fn fields(&self) -> Markup {
        let source = self.source.as_ref().map(|(id, span)| format!("{id} {} {}", span.start, span.end));
        html! {
            input type="hidden" name="asked" value=(self.asked);
            input type="hidden" name="answered" value=(self.answered);
            @if self.urgent { input type="hidden" name="urgent" value="yes"; }
            @if let Some(source) = source { input type="hidden" name="source" value=(source); }
        }
    }
}

/// Leaves out the oldest turns while they weigh too much, and what was urgent after all others.
fn lighten(turns: &mut Vec<Kept>) {
    let mut weight: usize = turns.iter().map(Kept::weight).sum();
    while weight > MOST_CARRIED {
        let oldest = turns.iter().position(|turn| !turn.urgent).unwrap_or(0);
        weight -= turns.remove(oldest).weight();
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

/// `document start end`.
fn located(text: &str) -> Option<(DocumentId, Range<usize>)> {
    let mut parts = text.split(' ');
    let document = DocumentId::new(parts.next()?).ok()?;
    let (start, end) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((document, start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(fields: &[(&str, &str)]) -> Posted {
        Posted::from_fields(fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn a_form_is_read_as_a_conversation() {
        let found = posted(&[
            ("answered", "lost"),
            ("asked", "one"),
            ("answered", "first"),
            ("source", "asthma 3 9"),
            ("asked", "two"),
            ("urgent", "yes"),
            ("source", "../etc 1 2"),
            ("other", "x"),
            ("question", "three"),
        ]);
        assert_eq!(found.question, "three");
        let asthma = DocumentId::new("asthma").expect("an id");
        let first = Kept { asked: "one".into(), answered: "first".into(), urgent: false, source: Some((asthma, 3..9)) };
        let second = Kept { asked: "two".into(), urgent: true, ..Kept::default() };
        assert_eq!(found.turns, [first, second]);
    }

    #[test]
    fn an_example_is_asked_beside_an_empty_box() {
        let check = |fields: &[(&str, &str)], expected: &str| assert_eq!(posted(fields).question, expected);
        check(&[("question", ""), ("example", "an example")], "an example");
        check(&[("question", "typed"), ("question", "again")], "typed");
        check(&[], "");
    }

    #[test]
    fn what_is_carried_along_has_an_end_and_what_was_urgent_stays() {
        let long = "é".repeat(5_000);
        let mut fields = vec![("asked", "crushing chest pain"), ("urgent", "yes")];
        fields.extend((0..50).map(|_| ("asked", long.as_str())));
        let turns = posted(&fields).turns;
        assert_eq!((turns.len(), turns[1].asked.chars().count()), (4, MAX_CHARS));
        assert!(turns[0].urgent);
        let short: Vec<(&str, &str)> = (0..60).map(|_| ("asked", "and in children?")).collect();
        assert_eq!(posted(&short).turns.len(), 60);
    }

    #[test]
    fn nothing_that_was_asked_is_in_the_debug_form() {
        assert!(!format!("{:?}", posted(&[("asked", "secret"), ("answered", "hidden")]).turns).contains("secret"));
    }
}
