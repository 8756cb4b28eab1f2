//! Does a question ask about somebody's own case in words that no rule foresaw: what to take, what one has, whether to stop,
//! what a result means?
//!
//! A score card: each word and each pair of neighbours has points in `data/own.tsv` for each of the four, or against it.
//! The points were fitted (a softmax over the four and "a general question", `own.py`) to the committed sets of questions and
//! are read here as data. They add a notice where no rule asks for one; nothing that a rule says is taken back.

use crate::matcher::Found;
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

/// The rule that speaks for a question whose points say that it is about somebody's own case.
pub(crate) fn rule(found: &Found) -> Option<&'static str> {
    let terms = terms(found);
    let mut sums = of("").unwrap_or_default();
    let share = 1.0 / (terms.len().max(1) as f32).sqrt();
    for points in terms.iter().filter_map(|term| of(term)) {
        for (sum, points) in sums.iter_mut().zip(points) {
            *sum += points * share;
        }
    }
    let (rule, most) = RULES.iter().zip(sums).max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let all = most + 100.0 * sums.iter().map(|sum| ((sum - most) / 100.0).exp()).sum::<f32>().ln();
    (all >= LEAST).then_some(rule)
}

/// The points of a term, if it has any; those of none are there whatever is asked.
fn of(term: &str) -> Option<[f32; 4]> {
    POINTS.of(hash(term.bytes()))
}

/// The words of the question, the last turn, and its pairs of neighbours, each once.
fn terms(found: &Found) -> Vec<String> {
    let question = found.turns.last().copied().unwrap_or_default();
    let words = found.words[question..].iter().map(|word| String::from_utf8_lossy(&written(&word.text)).into_owned());
    let words: Vec<String> = words.collect();
    let mut terms: Vec<String> = words.windows(2).map(|pair| pair.join(" ")).collect();
    terms.extend(words.first().map(|first| format!("^ {first}")));
    terms.extend(words);
    terms.sort_unstable();
    terms.dedup();
    terms
}

#[cfg(test)]
mod tests;
