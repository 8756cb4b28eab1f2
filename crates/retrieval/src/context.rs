//! What does a follow-up mean (pure)? "And in children?" is nothing without the turn before it.

use clinqa_schema::{MAX_QUESTION_CHARS, Turn};

/// Openings of a question that goes on from the one before.
const OPENINGS: [&str; 9] = ["and", "or", "but", "so", "also", "then", "what about", "how about", "what if"];

/// Words that stand for something said before.
const POINTERS: [&str; 12] =
    ["it", "its", "they", "them", "their", "that", "this", "those", "these", "there", "one", "ones"];

/// Words of a question that only names whom it is about: "What about children?"
const MOST_WORDS_OF_A_GROUP: usize = 3;

/// Turns before a question that it is completed by.
const MOST_TURNS: usize = 6;

/// What is known of the words of a turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// A name in it that documents bear, as it stands in the text.
    pub(crate) named: Option<String>,
    /// Whether it speaks of anything that a table explains.
    pub(crate) has_topic: bool,
    /// Whether it says what it wants to know.
    pub(crate) asks: bool,
    /// Whether it speaks of a group of people.
    pub(crate) has_people: bool,
}

/// The turns that a question may go on from: the last few, each part no longer than a question may be.
pub(crate) fn recent(history: &[Turn]) -> Vec<Turn> {
    let short = |text: &str| text.chars().take(MAX_QUESTION_CHARS).collect();
    let turns = &history[history.len().saturating_sub(MOST_TURNS)..];
    turns.iter().map(|turn| Turn { question: short(&turn.question), answer: short(&turn.answer) }).collect()
}

/// `question` completed by the turns before it, the last turn last; `None` if it stands for itself.
pub(crate) fn completed(question: &str, history: &[Turn], said: impl Fn(&str) -> Said) -> Option<String> {
    let last = history.last()?;
    let here = said(question);
    let goes_on = OPENINGS.iter().any(|opening| starts(question, opening));
    let points = words(question).position(|word| POINTERS.contains(&word.as_str()));
    let asked = bare(question);
    let bare = asked.trim_end_matches('?');
    let subject = subject(history, &said);
    // What the last question points at must be named too: "who should not take it in pregnancy" says nothing.
    let after_last = || {
        let joined = format!("{} {asked}", last.question.trim_end_matches(['?', '.', ' ']));
        let named = |topic: &&String| last.question.to_lowercase().contains(&topic.to_lowercase());
        match subject.as_ref().filter(|topic| !named(topic)) {
            Some(topic) => format!("{} ({topic})", joined.trim_end_matches('?')),
            None => joined,
        }
    };
    let about = |topic: &str| format!("{bare} ({topic})");
    match (here.named, subject.clone()) {
        // "And COPD?" asks of COPD what was asked before.
        (Some(name), Some(old)) if goes_on && !here.asks => {
            let is_there = last.question.contains(&old);
            Some(if is_there { last.question.replace(&old, &name) } else { after_last() })
        }
        // "Is it worse than flu?" speaks of flu and of something before.
        (Some(name), Some(old)) if name.to_lowercase() != old.to_lowercase() => {
            let first = name.split(' ').next().unwrap_or_default().to_lowercase();
            let place = words(question).position(|word| word == first);
            points.filter(|points| place.is_some_and(|place| *points < place)).map(|_| about(&old))
        }
        (None, Some(_)) if here.has_people && goes_on && words(bare).count() <= MOST_WORDS_OF_A_GROUP => {
            Some(after_last())
        }
        (None, Some(old)) if here.asks || points.is_some() => Some(about(&old)),
        (None, None) if goes_on || points.is_some() => Some(after_last()),
        (None, Some(_)) if goes_on || !here.has_topic => Some(after_last()),
        _ => None,
    }
}

/// What the turns are about: what a document bears the name of, in the latest question that names one. An answer names much
/// that was not asked about, so it counts only where the question before it went on from nothing.
fn subject(history: &[Turn], said: &impl Fn(&str) -> Said) -> Option<String> {
    for (place, turn) in history.iter().enumerate().rev() {
        let asked = said(&turn.question);
        if asked.named.is_some() {
            return asked.named;
        }
        if place == 0 || !leans(&turn.question, &asked) {
            return said(&turn.answer).named;
        }
    }
    None
}

/// Whether a question that names nothing goes on from one before it.
fn leans(question: &str, said: &Said) -> bool {
    !said.has_topic
        || OPENINGS.iter().any(|opening| starts(question, opening))
        || words(question).any(|word| POINTERS.contains(&word.as_str()))
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

    /// Knows a few topics and a few things to ask.
    fn said(text: &str) -> Said {
        let lower = text.to_lowercase();
        let named = ["asthma", "copd", "flu vaccine"].into_iter().find(|topic| lower.contains(topic));
        let asks = ["treat", "side effect", "how long", "symptom"].iter().any(|cue| lower.contains(cue));
        Said {
            named: named.map(|topic| text[lower.find(topic).unwrap_or(0)..][..topic.len()].to_owned()),
            has_topic: named.is_some() || lower.contains("weight"),
            asks,
            has_people: lower.contains("children"),
        }
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
        check("is it worse than COPD?", Some("is it worse than COPD (asthma)"));
        check("does it put weight on", Some("does it put weight on (asthma)"));
        check("my weight goes up", None);
    }

    #[test]
    fn a_group_of_people_is_asked_about_in_the_same_words() {
        let history = [turn("Who should have the flu vaccine?", "Older people.")];
        let expected = Some("Who should have the flu vaccine children?");
        assert_eq!(completed("What about children?", &history, said).as_deref(), expected);
    }

    #[test]
    fn what_was_never_named_is_taken_from_the_answer() {
        let history = [turn("why do I wheeze", "Wheezing often means asthma.")];
        assert_eq!(completed("is it catching?", &history, said).as_deref(), Some("is it catching (asthma)"));
        assert_eq!(completed("and at night?", &[], said), None);
        let history = [turn("What is asthma?", "A disease."), turn("who should not do it?", "Nobody.")];
        let expected = Some("who should not do it in children (asthma)");
        assert_eq!(completed("and in children?", &history, said).as_deref(), expected);
        // What an answer mentions is not what was asked about.
        let history = [
            turn("What is asthma?", "A disease."),
            turn("side effects", "As of the flu vaccine."),
            turn("and then?", "COPD."),
        ];
        assert_eq!(completed("is it dangerous", &history, said).as_deref(), Some("is it dangerous (asthma)"));
    }

    #[test]
    fn of_a_long_conversation_the_last_turns_count_as_far_as_a_question_goes() {
        let mut history = vec![turn("What is COPD?", ""); 400];
        history.push(turn(&"ä".repeat(60_000), "short"));
        let recent = recent(&history);
        assert_eq!(recent.len(), MOST_TURNS);
        assert_eq!(recent[0], history[0]);
        assert_eq!(recent[MOST_TURNS - 1], turn(&"ä".repeat(MAX_QUESTION_CHARS), "short"));
        assert_eq!(super::recent(&history[..2]), history[..2]);
    }

    proptest::proptest! {
        #[test]
        fn any_conversation_can_be_read(question in "\\PC{0,40}", before in "\\PC{0,40}", answer in "\\PC{0,20}") {
            let _ = completed(&question, &[turn(&before, &answer)], said);
        }
    }
}
