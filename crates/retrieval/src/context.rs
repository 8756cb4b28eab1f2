//! What does a follow-up mean (pure)? "And in children?" is nothing without the turn before it.

use clinqa_schema::Turn;

/// Openings of a question that goes on from the one before.
const OPENINGS: [&str; 9] = ["and", "or", "but", "so", "also", "then", "what about", "how about", "what if"];

/// Words that stand for something said before.
const POINTERS: [&str; 12] =
    ["it", "its", "they", "them", "their", "that", "this", "those", "these", "there", "one", "ones"];

/// What is known of the words of a turn.
pub(crate) struct Said {
    /// The name of what it is about, as it stands in the text.
    pub(crate) topic: Option<String>,
    /// Whether it says what it wants to know about it.
    pub(crate) asks: bool,
}

/// `question` completed by the turns before it, the last turn last; `None` if it stands for itself.
pub(crate) fn completed(question: &str, history: &[Turn], said: impl Fn(&str) -> Said) -> Option<String> {
    let here = said(question);
    let goes_on = OPENINGS.iter().any(|opening| starts(question, opening));
    let points = words(question).any(|word| POINTERS.contains(&word.as_str()));
    if here.topic.is_some() && !goes_on {
        return None;
    }
    let about = |turn: &&Turn| said(&turn.question).topic.is_some();
    let before = history.iter().rev().find(about).or(history.last())?;
    let before_said = said(&before.question);
    let bare = bare(question);
    match (&here.topic, before_said.topic) {
        // "And COPD?" asks of COPD what was asked before.
        (Some(topic), Some(old)) if !here.asks => Some(before.question.replace(&old, topic)),
        (None, Some(topic)) if here.asks || points => Some(format!("{} ({topic})", bare.trim_end_matches('?'))),
        (None, Some(_)) => Some(format!("{} {bare}", before.question.trim_end_matches(['?', '.', ' ']))),
        // What it was about may stand in the answer alone; without a name the whole turn has to do.
        (None, None) if goes_on || points => Some(match said(&before.answer).topic {
            Some(topic) => format!("{} ({topic})", bare.trim_end_matches('?')),
            None => format!("{} {bare}", before.question.trim_end_matches(['?', '.', ' '])),
        }),
        (Some(_), _) | (None, None) => None,
    }
}

/// The question without the words that only join it to the one before.
fn bare(question: &str) -> &str {
    let joining = ["what about", "how about", "and", "but", "so"];
    let text = question.trim();
    let Some(opening) = joining.iter().find(|opening| starts(text, opening)) else { return text };
    match text.char_indices().nth(opening.chars().count()) {
        Some((end, _)) if text[end..].contains(char::is_alphanumeric) => text[end..].trim_start_matches([' ', ',']),
        _ => text,
    }
}

fn starts(question: &str, opening: &str) -> bool {
    let mut words = words(question);
    opening.split(' ').all(|expected| words.next().as_deref() == Some(expected))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows two topics and a few things to ask.
    fn said(text: &str) -> Said {
        let lower = text.to_lowercase();
        let topic = ["asthma", "copd"].into_iter().find(|topic| lower.contains(topic));
        let asks = ["treat", "side effect", "how long", "symptom"].iter().any(|cue| lower.contains(cue));
        Said { topic: topic.map(|topic| text[lower.find(topic).unwrap_or(0)..][..topic.len()].to_owned()), asks }
    }

    fn turn(question: &str, answer: &str) -> Turn {
        Turn { question: question.to_owned(), answer: answer.to_owned() }
    }

    #[test]
    fn a_follow_up_is_completed_and_a_new_question_is_not() {
        let history = [turn("How is asthma treated?", "With inhalers.")];
        let check = |question: &str, expected: Option<&str>| {
            assert_eq!(completed(question, &history, said).as_deref(), expected, "{question}");
        };
        check("and in children?", Some("How is asthma treated in children?"));
        check("what about side effects?", Some("side effects (asthma)"));
        check("How long does it last?", Some("How long does it last (asthma)"));
        check("And COPD?", Some("How is COPD treated?"));
        check("What are the symptoms of COPD?", None);
        check("is it dangerous", Some("is it dangerous (asthma)"));
    }

    #[test]
    fn what_was_never_named_is_taken_from_the_answer() {
        let history = [turn("why do I wheeze", "Wheezing often means asthma.")];
        assert_eq!(completed("is it catching?", &history, said).as_deref(), Some("is it catching (asthma)"));
        assert_eq!(completed("and at night?", &[], said), None);
    }

    proptest::proptest! {
        #[test]
        fn any_conversation_can_be_read(question in "\\PC{0,40}", before in "\\PC{0,40}", answer in "\\PC{0,20}") {
            let _ = completed(&question, &[turn(&before, &answer)], said);
        }
    }
}
