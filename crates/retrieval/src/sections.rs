//! Under which heading would the answer stand (pure)? Learned from questions whose answers' headings are known.
//!
//! A softmax over the headings of a document, linear in the words of the question, its pairs of neighbouring words and
//! the headings that `aspects` hears. `data/sections.py` made the weights and says from what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

/// A heading that is less likely than this, in natural logarithms, is as good as impossible.
const LEAST: f32 = -5.0;

/// The weights are written in tenths.
const UNIT: f32 = 0.1;

struct Weights {
    headings: Vec<&'static str>,
    bias: Vec<f32>,
    /// By word, pair or cue: which headings it speaks for, and how much.
    spoken_for: FxHashMap<&'static str, Vec<(usize, f32)>>,
}

static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| {
    let lines = include_str!("../data/sections.tsv").lines().filter(|line| !line.starts_with('#'));
    let mut weights = Weights { headings: Vec::new(), bias: Vec::new(), spoken_for: FxHashMap::default() };
    for line in lines {
        let Some((name, rest)) = line.split_once('\t') else { continue };
        if name == "headings" {
            weights.headings = rest.split('\t').collect();
            continue;
        }
        let number = |field: &str| {
            let (heading, tenths) = field.split_once(':')?;
            Some((heading.parse().ok()?, tenths.parse::<f32>().ok()? * UNIT))
        };
        let numbers: Vec<(usize, f32)> = rest.split(' ').filter_map(number).collect();
        if name == "bias" {
            weights.bias = vec![0.0; weights.headings.len()];
            for (heading, weight) in numbers {
                weights.bias[heading] = weight;
            }
        } else {
            weights.spoken_for.insert(name, numbers);
        }
    }
    weights
});

/// How much a question speaks for each heading that is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expected(BTreeMap<&'static str, f32>);

impl Expected {
    /// The logarithm of the likelihood that the answer stands under `heading`, if it stands under one of `present`; of -5
    /// at least. Headings that nothing was learned of are as likely as one another.
    pub fn likelihood<'a>(&self, heading: &'a str, present: impl IntoIterator<Item = &'a str>) -> f32 {
        let present: BTreeSet<&str> = present.into_iter().chain([heading]).collect();
        let highest = present.iter().map(|heading| self.score(heading)).fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = present.iter().map(|heading| (self.score(heading) - highest).exp()).sum();
        (self.score(heading) - highest - sum.ln()).max(LEAST)
    }

    fn score(&self, heading: &str) -> f32 {
        let begins = || self.0.iter().rev().find(|(known, _)| heading.starts_with(**known)).map(|(_, score)| score);
        self.0.get(heading).or_else(begins).copied().unwrap_or(0.0)
    }
}

/// What `question`, which asks for the headings `asked_for`, speaks for.
pub(crate) fn expected(question: &str, asked_for: &[&str]) -> Expected {
    let weights = &*WEIGHTS;
    let mut scores = weights.bias.clone();
    for feature in features(question, asked_for) {
        for (heading, weight) in weights.spoken_for.get(feature.as_str()).into_iter().flatten() {
            scores[*heading] += weight;
        }
    }
    Expected(weights.headings.iter().copied().zip(scores).collect())
}

/// Words without their endings, pairs of them, and cues, each once.
fn features(question: &str, asked_for: &[&str]) -> BTreeSet<String> {
    let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '\'' | '’' | '&');
    let lower = question.to_lowercase();
    let words = lower.split(|c: char| !joins(c)).map(|word| word.replace(['\'', '’'], ""));
    let mut stems: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    stems.iter_mut().filter(|word| word.len() > 5).for_each(|word| word.truncate(word.len() - 2));
    let framed: Vec<&str> = ["^"].into_iter().chain(stems.iter().map(String::as_str)).chain(["$"]).collect();
    let pairs = framed.windows(2).map(|pair| pair.join(" "));
    let cues = asked_for.iter().map(|heading| format!("asp:{heading}"));
    pairs.chain(cues).chain(stems.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAFLET: [&str; 6] = ["What it is", "Symptoms", "Causes", "Treatment", "Living with it", "Self-care"];

    fn likeliest(question: &str) -> &'static str {
        let expected = expected(question, &crate::aspects(question));
        let likelihood = |heading: &&&str| expected.likelihood(heading, LEAFLET);
        LEAFLET.iter().max_by(|a, b| likelihood(a).total_cmp(&likelihood(b))).expect("headings")
    }

    #[test]
    fn a_question_expects_the_heading_that_answers_such_questions() {
        let check = |question: &str, expected: &str| assert_eq!(likeliest(question), expected, "{question}");
        check("what is croup", "What it is");
        check("what does croup look like", "Symptoms");
        check("how do you catch croup", "Causes");
        check("what medicine is given for croup", "Treatment");
    }

    #[test]
    fn likelihoods_are_those_of_one_document() {
        let expected = expected("what is croup", &[]);
        let sum: f32 = LEAFLET.iter().map(|heading| expected.likelihood(heading, LEAFLET).exp()).sum();
        assert!((0.98..1.05).contains(&sum), "{sum}");
        let unknown = Expected::default().likelihood("Méthode", ["Méthode", "Résultats"]);
        assert!((unknown - 0.5_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn every_weight_belongs_to_a_heading() {
        let headings = WEIGHTS.headings.len();
        assert!(headings > 20 && WEIGHTS.bias.len() == headings && WEIGHTS.spoken_for.len() > 1_000);
        assert!(WEIGHTS.spoken_for.values().flatten().all(|(heading, _)| *heading < headings));
    }

    proptest::proptest! {
        #[test]
        fn any_question_has_an_expectation(question in "\\PC{0,60}") {
            let likelihood = expected(&question, &[]).likelihood("Symptoms", LEAFLET);
            proptest::prop_assert!((LEAST..=0.0).contains(&likelihood));
        }
    }
}
