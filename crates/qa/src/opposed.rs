//! Does a quote speak of the opposite of what is asked, or of others (pure)? Of a high count, asked about a low one; of adults,
//! asked about a child; of what does not help, asked what does.

use clinqa_retrieval::{People, asks_what_helps, people, tells_what_does_not_help};

/// Words that say of a thing that there is much of it, or little.
const MUCH: [&str; 12] = [
    "high",
    "higher",
    "raised",
    "elevated",
    "increased",
    "rises",
    "rise",
    "rising",
    "above",
    "overactive",
    "over-active",
    "excess",
];
const LITTLE: [&str; 13] = [
    "low",
    "lower",
    "reduced",
    "decreased",
    "falls",
    "fall",
    "falling",
    "below",
    "underactive",
    "under-active",
    "lack",
    "deficiency",
    "deficient",
];
/// Words between a thing and how much of it there is.
const BETWEEN: [&str; 16] = [
    "is", "are", "was", "a", "an", "the", "too", "very", "usually", "often", "level", "levels", "count", "result",
    "my", "of",
];
/// How far behind its name a thing is said to be high or low.
const SAID_WITHIN: usize = 4;

/// 1 if `quote` speaks of the opposite or of others, -0.5 if of just the high or low that `question` asks about.
pub(crate) fn opposed(question: &str, asked: &[People], quote: &str) -> f32 {
    let misses = is_of_adults_alone(asked, quote) || asks_what_helps(question) && tells_what_does_not_help(quote);
    if misses { 1.0 } else { opposite(question, quote) }
}

/// Whether `quote` speaks of adults and of no child, where a child is asked about: its dose is another one.
fn is_of_adults_alone(asked: &[People], quote: &str) -> bool {
    let of_the_young = |all: &[People]| all.contains(&People::Children);
    let speaks_of_adults = || {
        quote.split(|c: char| !c.is_alphabetic()).any(|word| matches!(word, "adult" | "adults" | "Adult" | "Adults"))
    };
    of_the_young(asked) && speaks_of_adults() && !of_the_young(&people(quote))
}

/// Whether a word says that there is much of something, or little; most words say neither.
fn is_much(word: &str) -> Option<bool> {
    if MUCH.contains(&word) { Some(true) } else { LITTLE.contains(&word).then_some(false) }
}

/// Whether a word can name a thing, or say how much of it there is.
fn counts(word: &str) -> bool {
    !BETWEEN.contains(&word)
}

fn words(text: &str) -> Vec<String> {
    let all = text.split(|c: char| !(c.is_alphanumeric() || c == '-')).filter(|word| !word.is_empty());
    all.map(str::to_lowercase).collect()
}

/// Whether much or little of a thing is asked about, and the thing.
fn amounts(question: &[String]) -> Vec<(bool, &str)> {
    let thing = |at: usize| {
        let after = question[at + 1..].first().filter(|word| counts(word));
        after.or_else(|| question[..at].iter().rev().find(|word| counts(word))).map(String::as_str)
    };
    question.iter().enumerate().filter_map(|(at, word)| Some((is_much(word)?, thing(at)?))).collect()
}

/// 1 if `quote` says of the opposite what `question` asks: it has a "high white cell" and no "low white cell"; -0.5 if it
/// speaks of just what is asked.
fn opposite(question: &str, quote: &str) -> f32 {
    let asked = words(question);
    let amounts = amounts(&asked);
    if amounts.is_empty() {
        return 0.0;
    }
    let clauses: Vec<Vec<String>> = quote.split(['.', ';', ',', '\n', ':']).map(words).collect();
    let is_said_at = |clause: &[String], at: usize, much: bool| {
        let before = clause[..at].iter().rev().find(|word| counts(word));
        let after = clause[at + 1..].iter().take(SAID_WITHIN);
        before.into_iter().chain(after).any(|word| is_much(word) == Some(much))
    };
    let is_said = |much: bool, thing: &str| {
        let of = |clause: &Vec<String>| (0..clause.len()).any(|at| clause[at] == thing && is_said_at(clause, at, much));
        clauses.iter().any(of)
    };
    let worth = |(much, thing): (bool, &str)| match (is_said(much, thing), is_said(!much, thing)) {
        (true, _) => -0.5,
        (false, true) => 1.0,
        (false, false) => 0.0,
    };
    amounts.into_iter().map(worth).fold(0.0, |most: f32, one: f32| if one.abs() > most.abs() { one } else { most })
}
