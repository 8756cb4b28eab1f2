//! Does a question mean an emergency, where its words do not weigh enough to say so?
//!
//! A perceptron with one hidden layer over the vector of the question, whose logit is added to the points of the words
//! (`emergency_meaning.py`). It was learned from the vectors of one encoder and says nothing of another's.

use super::Length;
use crate::matcher::Found;
use crate::meaning::Meaning;
use crate::opinion::ANY_EMERGENCY;
use crate::perceptron::Learned;
use crate::rules::Rules;
use crate::screen::{Weighed, weigh};

pub(crate) static LEARNED: Learned =
    Learned::new(include_bytes!("../../data/emergency-meaning.bin"), "clinqa-emergency-meaning 1 ");

/// It was learned from questions of so many words at most; what a longer one means is a mixture.
const MOST_WORDS: usize = 60;

/// Points, with a logit counted as a hundred, from which on there is an emergency: of a brief message, whose points have a
/// doubt of 100 in their bias, and of a longer one.
const LEAST: [f32; 2] = [-175.0, -100.0];

/// The rules of emergencies that a message means, the one for any among them; none if it means no emergency.
pub(crate) fn meant<'r>(rules: &'r Rules, found: &Found, meaning: Meaning<'_>) -> Vec<&'r str> {
    let Some(logit) = LEARNED.logit(0.0, meaning).filter(|_| found.words.len() <= MOST_WORDS) else {
        return Vec::new();
    };
    let Weighed { points, mut doubtful } = weigh(rules, found);
    if points + 100.0 * logit < LEAST[Length::of(found.words.len()) as usize] {
        return Vec::new();
    }
    doubtful.push(ANY_EMERGENCY.1);
    doubtful
}
