//! Does a question ask about somebody's own case in words that no rule foresaw: what to take, what one has, whether to stop,
//! what a result means?
//!
//! A score card: each word and each pair of neighbours has points in `data/own.tsv` for each of the four, or against it.
//! The points were fitted (a softmax over the four and "a general question", `own.py`) to the committed sets of questions and
//! are read here as data. They add a notice where no rule asks for one; nothing that a rule says is taken back. What the whole
//! question means adds to them once there is an encoder ([`meaning`]).

pub(crate) mod meaning;

use crate::matcher::Found;
use crate::normalise::Word;
use crate::points::{Points, hash, written};

/// Those of `data/own.tsv`, a column for each of the four.
const POINTS: Points<4> = Points::new(
    include_bytes!(concat!(env!("OUT_DIR"), "/own_terms.bin")),
    include_bytes!(concat!(env!("OUT_DIR"), "/own_points.bin")),
);

/// The rules whose notices are added, in the order of the columns.
const RULES: [&str; 4] = ["own-dose", "own-diagnosis", "own-medicine", "own-results"];

/// From so many points on, the four together against "a general question", in hundredths: as likely as not.
const LEAST: f32 = 0.0;

/// The same for one sentence among others: a story around it must not drown what is asked.
const LEAST_ALONE: f32 = 100.0;

/// Words of a sentence that is weighed by itself: a number or two names behind a question say nothing alone.
const LEAST_WORDS: usize = 4;

/// The rule that speaks for a question whose points say that it is about somebody's own case: all of it, or one of its
/// sentences.
pub(crate) fn rule(found: &Found) -> Option<&'static str> {
    let question = question(found);
    let heard = |words: &[Word], least: f32| Some(weighed(words)).filter(|weight| weight.points >= least);
    heard(question, LEAST)
        .or_else(|| sentences(question).find_map(|sentence| heard(sentence, LEAST_ALONE)))
        .map(|weight| weight.rule)
}

/// What words weigh.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Weight {
    /// The rule whose points are the most.
    rule: &'static str,
    /// Those of the four together against "a general question", in hundredths.
    points: f32,
}

fn weighed(words: &[Word]) -> Weight {
    let terms = terms(words);
    let mut sums = of("").unwrap_or_default();
    let share = 1.0 / (terms.len().max(1) as f32).sqrt();
    for points in terms.iter().filter_map(|term| of(term)) {
        for (sum, points) in sums.iter_mut().zip(points) {
            *sum += points * share;
        }
    }
    let most = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let rule = RULES.iter().zip(sums).find(|(_, sum)| *sum >= most).map_or(RULES[0], |(rule, _)| rule);
    let points = most + 100.0 * sums.iter().map(|sum| ((sum - most) / 100.0).exp()).sum::<f32>().ln();
    Weight { rule, points }
}

/// The points of a term, if it has any; those of none are there whatever is asked.
fn of(term: &str) -> Option<[f32; 4]> {
    POINTS.of(hash(term.bytes()))
}

/// The words of the question, the last turn.
fn question(found: &Found) -> &[Word] {
    &found.words[found.turns.last().copied().unwrap_or_default()..]
}

/// Its sentences of some length; none if it is one.
fn sentences(question: &[Word]) -> impl Iterator<Item = &[Word]> {
    let says = |sentence: &&[Word]| {
        let words = sentence.iter().filter(|word| word.text.contains(char::is_alphabetic));
        sentence.len() < question.len() && words.count() >= LEAST_WORDS
    };
    question.chunk_by(|a, b| a.sentence == b.sentence).filter(says)
}

/// The words and pairs of neighbours, each once.
fn terms(words: &[Word]) -> Vec<String> {
    let words: Vec<String> =
        words.iter().map(|word| String::from_utf8_lossy(&written(&word.text)).into_owned()).collect();
    let mut terms: Vec<String> = words.windows(2).map(|pair| pair.join(" ")).collect();
    terms.extend(words.first().map(|first| format!("^ {first}")));
    terms.extend(words);
    terms.sort_unstable();
    terms.dedup();
    terms
}

#[cfg(test)]
mod tests;
