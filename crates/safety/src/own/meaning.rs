//! Does a question mean that it is about somebody's own case, where its words do not say so?
//!
//! A perceptron with one hidden layer over the points of the words and the vector of the question, fitted beside those
//! points (`own_meaning.py`). It was learned from the vectors of one encoder and says nothing of another's. A question that
//! names nobody is left to its words: with those heard too, 7 of 1,000 more of an unseen author's questions on one's own case
//! would be heard, and 4 of 1,000 general ones taken for such.

use super::{LEAST_ALONE, Weight, question, sentences, weighed};
use crate::evidence::WHO_LIST;
use crate::matcher::Found;
use crate::meaning::Meaning;
use crate::perceptron::Learned;
use crate::rules::Rules;

pub(crate) static LEARNED: Learned =
    Learned::new(include_bytes!("../../data/own-meaning.bin"), "clinqa-own-meaning 1 ");

/// From this logit on: as likely as not.
const LEAST: f32 = 0.0;

/// The rule on one's own case that a question means, if it does.
pub(crate) fn meant(rules: &Rules, found: &Found, meaning: Meaning<'_>) -> Option<&'static str> {
    if found.matches[rules.lists[WHO_LIST]].is_empty() {
        return None;
    }
    let weight = most(found);
    (LEARNED.logit(weight.points / 100.0, meaning)? >= LEAST).then_some(weight.rule)
}

/// What the words of the question weigh, all of them or those of a sentence, which must weigh more to count.
fn most(found: &Found) -> Weight {
    let question = question(found);
    let alone = sentences(question).map(weighed).map(|weight| Weight { points: weight.points - LEAST_ALONE, ..weight });
    alone.fold(weighed(question), |most, weight| if weight.points > most.points { weight } else { most })
}
