//! Does a question mean that it is about somebody's own case, where its words do not say so?
//!
//! A perceptron with one hidden layer over the points of the words and the vector of the question, fitted beside those
//! points (`own_meaning.py`). It was learned from the vectors of one encoder and says nothing of another's. A question that
//! names nobody is left to its words: with those heard too, 7 of 1,000 more of an unseen author's questions on one's own case
//! would be heard, and 4 of 1,000 general ones taken for such.

use std::sync::LazyLock;

use super::{LEAST_ALONE, Weight, question, sentences, weighed};
use crate::evidence::WHO_LIST;
use crate::matcher::Found;
use crate::meaning::Meaning;
use crate::perceptron::Perceptron;
use crate::rules::Rules;

const FILE: &[u8] = include_bytes!("../../data/own-meaning.bin");
const MAGIC: &str = "clinqa-own-meaning 1 ";

/// From this logit on: as likely as not.
const LEAST: f32 = 0.0;

/// `None` if the file were damaged, which a test looks after: then the words stand alone.
pub(crate) static LEARNED: LazyLock<Option<Perceptron>> = LazyLock::new(|| Perceptron::read(FILE, MAGIC));

/// Whether the vectors of `encoder` say anything.
pub(crate) fn is_known(encoder: &str) -> bool {
    LEARNED.as_ref().is_some_and(|learned| learned.knows(encoder))
}

/// The rule on one's own case that a question means, if it does.
pub(crate) fn meant(rules: &Rules, found: &Found, meaning: Meaning<'_>) -> Option<&'static str> {
    if found.matches[rules.lists[WHO_LIST]].is_empty() {
        return None;
    }
    let learned = LEARNED.as_ref().filter(|learned| learned.knows(meaning.encoder))?;
    let weight = most(found);
    (learned.logit(weight.points / 100.0, meaning.vector)? >= LEAST).then_some(weight.rule)
}

/// What the words of the question weigh, all of them or those of a sentence, which must weigh more to count.
fn most(found: &Found) -> Weight {
    let question = question(found);
    let alone = sentences(question).map(weighed).map(|weight| Weight { points: weight.points - LEAST_ALONE, ..weight });
    alone.fold(weighed(question), |most, weight| if weight.points > most.points { weight } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_and_any_other_is_refused() {
        assert!(LEARNED.is_some());
        assert!(Perceptron::read(&FILE[..FILE.len() - 1], MAGIC).is_none());
        assert!(Perceptron::read(&FILE[..FILE.len() - 4], MAGIC).is_none());
        assert!(Perceptron::read(&[FILE, &[0; 4]].concat(), MAGIC).is_none());
        assert!(
            Perceptron::read(b"", MAGIC).is_none()
                && Perceptron::read(b"clinqa-own-meaning 2 a 1 1\n", MAGIC).is_none()
        );
    }

    #[test]
    fn the_same_weights_are_known_in_bytes_and_in_f32_and_no_others() {
        let learned = &LEARNED.as_ref().expect("read").encoder;
        for (after, expected) in [("", true), ("-f32", true), ("-256d", false), ("-f32-256d", false), ("-f16", false)] {
            assert_eq!(is_known(&format!("{learned}{after}")), expected, "{after}");
        }
        assert!(!is_known("another") && !is_known("another-f32"));
    }
}
