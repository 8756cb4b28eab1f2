//! Does a question mean that it is about somebody's own case, where its words do not say so?
//!
//! A perceptron with one hidden layer over the points of the words and the vector of the question, fitted beside those
//! points (`own_meaning.py`). It was learned from the vectors of one encoder and says nothing of another's. A question that
//! names nobody is left to its words: with those heard too, 7 of 1,000 more of an unseen author's questions on one's own case
//! would be heard, and 4 of 1,000 general ones taken for such.

use std::sync::LazyLock;

use clinqa_schema::{Abstention, Question};

use super::{LEAST_ALONE, Weight, question, sentences, weighed};
use crate::evidence::WHO_LIST;
use crate::matcher::Found;
use crate::opinion::{Choice, Opinion, heed};
use crate::region::Region;
use crate::rules::Rules;
use crate::screen::{Screening, Verdict};

const FILE: &[u8] = include_bytes!("../../data/own-meaning.bin");
const MAGIC: &str = "clinqa-own-meaning 1 ";

/// What the encoder's room adds to the fingerprint of bytes that are computed in f32: what was learned from.
/// Vectors cut short are named otherwise (`-256d`) and say nothing.
const IN_F32: &str = "-f32";

/// From this logit on: as likely as not.
const LEAST: f32 = 0.0;

/// `None` if the file were damaged, which a test looks after: then the words stand alone.
static LEARNED: LazyLock<Option<Perceptron>> = LazyLock::new(|| Perceptron::read(FILE));

/// The vector of a question, and the fingerprint of the encoder that made it.
#[derive(Debug, Clone, Copy)]
pub struct Meaning<'a> {
    /// Of length 1.
    pub vector: &'a [f32],
    /// As the encoder's identity has it.
    pub encoder: &'a str,
}

impl Meaning<'_> {
    /// Whether the vectors of `encoder` say anything.
    pub fn is_known(encoder: &str) -> bool {
        LEARNED.as_ref().is_some_and(|learned| learned.knows(encoder))
    }
}

/// What the rules said with what `meaning` adds: the notice of a question about one's own case, where no rule and no points
/// of words saw one. Nothing is taken back. Pure.
pub fn hear_meaning(
    rules: &Rules,
    screening: Screening,
    asked: &Question,
    meaning: Meaning<'_>,
    region: Option<&Region>,
) -> Screening {
    if !matches!(screening.verdict, Verdict::Proceed | Verdict::Abstain(Abstention::Scope)) {
        return screening;
    }
    let found = rules.matcher.find(&[asked.text()]);
    if found.matches[rules.lists[WHO_LIST]].is_empty() {
        return screening;
    }
    let weight = most(&found);
    let learned = LEARNED.as_ref().filter(|learned| learned.knows(meaning.encoder));
    match learned.and_then(|learned| learned.logit(weight.points / 100.0, meaning.vector)) {
        Some(logit) if logit >= LEAST => {
            let labels = [(weight.rule, 1.0)];
            heed(rules, screening, &Opinion { labels: &labels, choice: Choice::Any, threshold: 1.0 }, region)
        }
        _ => screening,
    }
}

/// What the words of the question weigh, all of them or those of a sentence, which must weigh more to count.
fn most(found: &Found) -> Weight {
    let question = question(found);
    let alone = sentences(question).map(weighed).map(|weight| Weight { points: weight.points - LEAST_ALONE, ..weight });
    alone.fold(weighed(question), |most, weight| if weight.points > most.points { weight } else { most })
}

/// One hidden layer of units that are silent below 0.
#[derive(Debug)]
struct Perceptron {
    encoder: String,
    dimension: usize,
    /// Of each unit: what the points count, then each component of the vector.
    units: Vec<f32>,
    biases: Vec<f32>,
    output: Vec<f32>,
    bias: f32,
}

impl Perceptron {
    /// A line of text (`clinqa-own-meaning 1`, the encoder's fingerprint, dimension, units), then numbers.
    fn read(file: &[u8]) -> Option<Self> {
        let end = file.iter().position(|byte| *byte == b'\n')?;
        let mut head = std::str::from_utf8(&file[..end]).ok()?.strip_prefix(MAGIC)?.split(' ');
        let encoder = head.next()?.to_owned();
        let (dimension, units): (usize, usize) = (head.next()?.parse().ok()?, head.next()?.parse().ok()?);
        let (quads, rest) = file[end + 1..].as_chunks::<4>();
        let mut numbers = quads.iter().map(|quad| f32::from_le_bytes(*quad));
        let mut take = |count: usize| numbers.by_ref().take(count).collect::<Vec<f32>>();
        let (first, biases, output) = (take(units * (dimension + 1)), take(units), take(units));
        let bias = take(1);
        let is_whole = rest.is_empty() && quads.len() == units * (dimension + 3) + 1;
        is_whole.then_some(Self { encoder, dimension, units: first, biases, output, bias: *bias.first()? })
    }

    /// Whether it was learned from the weights of `encoder`, in whatever those are computed.
    fn knows(&self, encoder: &str) -> bool {
        encoder.strip_suffix(IN_F32).unwrap_or(encoder) == self.encoder
    }

    /// How much more likely the question is about somebody's own case than not, as a logarithm; `None` for a vector of
    /// another dimension.
    fn logit(&self, points: f32, vector: &[f32]) -> Option<f32> {
        if vector.len() != self.dimension {
            return None;
        }
        let unit = |(weights, bias): (&[f32], &f32)| {
            let (of_points, of_vector) = weights.split_first()?;
            let sum: f32 = of_vector.iter().zip(vector).map(|(weight, component)| weight * component).sum();
            Some((of_points * points + sum + bias).max(0.0))
        };
        let units = self.units.chunks_exact(self.dimension + 1).zip(&self.biases).map(unit);
        units
            .zip(&self.output)
            .map(|(unit, weight)| Some(unit? * weight))
            .sum::<Option<f32>>()
            .map(|sum| sum + self.bias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_and_any_other_is_refused() {
        assert!(LEARNED.is_some());
        assert!(Perceptron::read(&FILE[..FILE.len() - 1]).is_none());
        assert!(Perceptron::read(&FILE[..FILE.len() - 4]).is_none());
        assert!(Perceptron::read(&[FILE, &[0; 4]].concat()).is_none());
        assert!(Perceptron::read(b"").is_none() && Perceptron::read(b"clinqa-own-meaning 2 a 1 1\n").is_none());
    }

    #[test]
    fn units_are_summed_as_they_were_learned() {
        let numbers = [1.0f32, 2.0, 0.0, -1.0, 0.0, 3.0, 0.5, 0.0, 10.0, 100.0, 0.25];
        let numbers: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        let learned = Perceptron::read(&[b"clinqa-own-meaning 1 e 2 2\n", &*numbers].concat()).expect("whole");
        // The first unit: 1 × 1 + 2 × 0.5 + 0 × 2 + 0.5; the second: -1 × 1 + 0 × 0.5 + 3 × 2 + 0.
        assert_eq!(learned.logit(1.0, &[0.5, 2.0]), Some(10.0 * 2.5 + 100.0 * 5.0 + 0.25));
        assert_eq!(learned.logit(9.0, &[0.0, 0.0]), Some(10.0 * 9.5 + 0.25), "a unit below 0 is silent");
        assert_eq!(learned.logit(1.0, &[0.5]), None);
    }

    #[test]
    fn the_same_weights_are_known_in_bytes_and_in_f32_and_no_others() {
        let learned = &LEARNED.as_ref().expect("read").encoder;
        for (after, expected) in [("", true), ("-f32", true), ("-256d", false), ("-f32-256d", false), ("-f16", false)] {
            assert_eq!(Meaning::is_known(&format!("{learned}{after}")), expected, "{after}");
        }
        assert!(!Meaning::is_known("another") && !Meaning::is_known("another-f32"));
    }

    #[test]
    fn another_encoders_vector_says_nothing_and_what_was_said_stays() {
        let rules = Rules::embedded().expect("the embedded rules");
        let dimension = LEARNED.as_ref().expect("read").dimension;
        let vector = vec![1.0 / (dimension as f32).sqrt(); dimension];
        for text in
            ["what is gout", "my chest hurts and i cant breathe", "how many of my tablets should i take tonight"]
        {
            let question = Question::new(text).expect("a question");
            let before = crate::screen(&rules, &question, &[], None);
            let heard = |encoder: &str| {
                let meaning = Meaning { vector: &vector, encoder };
                hear_meaning(&rules, before.clone(), &question, meaning, None)
            };
            assert_eq!(heard("another"), before);
            let after = heard(&LEARNED.as_ref().expect("read").encoder);
            assert!(before.notices.iter().all(|notice| after.notices.contains(notice)), "{text}");
        }
    }
}
