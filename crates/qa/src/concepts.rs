//! How much of what is asked does a text speak of (pure)? Word by word, each with what it means, a rare word counting more.

use std::collections::BTreeSet;

use clinqa_retrieval::{Understood, is_everyday};

/// What a word of everyday English counts that no document holds: it fills the question, or it is of another world.
const EVERYDAY: f32 = 1.0;

/// Letters of a word that its meaning is known by: shorter ones join.
const LEAST_LETTERS: usize = 3;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Concepts(Vec<Concept>);

/// A word of the question.
#[derive(Debug, Clone)]
struct Concept {
    /// Beginnings of words that stand for it: its own, and those of what it means.
    stems: BTreeSet<String>,
    /// The logarithm of how few documents hold it.
    rarity: f32,
}

impl Concepts {
    /// The words of `question`; `count` tells how many of the `documents` hold a word.
    pub(crate) fn of(question: &Understood, documents: u64, count: impl Fn(&str) -> u32) -> Self {
        let rarity = |word: &str| match count(word) {
            0 if is_everyday(word) => EVERYDAY,
            held => ((documents as f32 + 1.0) / (held as f32 + 0.5)).ln().max(0.0),
        };
        let words = question.terms.iter().flat_map(|term| words(term));
        let mut concepts: Vec<(String, Concept)> = Vec::new();
        for word in words {
            if concepts.iter().all(|(known, _)| *known != word) {
                let stems = BTreeSet::from([stem(&word).to_owned()]);
                concepts.push((word.clone(), Concept { stems, rarity: rarity(&word) }));
            }
        }
        for (name, means) in &question.meanings {
            let named: Vec<String> = words_of(name);
            let meant = words_of(means).into_iter().filter(|word| word.chars().count() >= LEAST_LETTERS);
            let meant: Vec<String> = meant.map(|word| stem(&word).to_owned()).collect();
            for (_, concept) in concepts.iter_mut().filter(|(word, _)| named.contains(word)) {
                concept.stems.extend(meant.iter().cloned());
            }
        }
        Self(concepts.into_iter().map(|(_, concept)| concept).collect())
    }

    /// The share of them that `text` speaks of, by rarity, 0 to 1.
    pub(crate) fn share(&self, text: &str) -> f32 {
        let words = words_of(text);
        let all: f32 = self.0.iter().map(|concept| concept.rarity).sum();
        let held: f32 = self.0.iter().filter(|concept| concept.is_in(&words)).map(|concept| concept.rarity).sum();
        if all > 0.0 { held / all } else { 0.0 }
    }
}

impl Concept {
    fn is_in(&self, words: &[String]) -> bool {
        words.iter().any(|word| self.stems.iter().any(|stem| word.starts_with(stem.as_str())))
    }
}

/// Each word of `text` once, in lower case.
fn words_of(text: &str) -> Vec<String> {
    words(text).collect::<BTreeSet<_>>().into_iter().collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// A word without its ending: all but the last two letters of a longer one.
fn stem(word: &str) -> &str {
    let letters = word.chars().count();
    let kept = if letters > 5 { letters - 2 } else { letters };
    word.char_indices().nth(kept).map_or(word, |(end, _)| &word[..end])
}

#[cfg(test)]
mod tests {
    use clinqa_index::Lexicon;
    use clinqa_retrieval::{Understanding, understand};
    use clinqa_schema::Question;

    use super::*;

    fn concepts(question: &str) -> Concepts {
        let question = Question::new(question).expect("a question");
        let question = understand(&question, &[], &Lexicon::default(), Understanding::default());
        Concepts::of(&question, 100, |word| if word == "pain" { 90 } else { 1 })
    }

    #[test]
    fn a_rare_word_that_is_missing_weighs_more_than_a_common_one() {
        let asked = concepts("zolfendrine pain");
        assert!(asked.share("Pain is common.") < 0.1);
        assert!(asked.share("Zolfendrine is a tablet.") > 0.9);
        assert!((asked.share("Zolfendrine for pains") - 1.0).abs() < 1e-6);
        assert!(Concepts::default().share("anything").abs() < 1e-6);
    }

    #[test]
    fn a_word_is_held_by_what_it_means_and_whatever_its_ending() {
        assert!((concepts("piles").share("Haemorrhoids are common.") - 1.0).abs() < 1e-6);
        assert!((concepts("treated").share("Treatment") - 1.0).abs() < 1e-6);
        assert!(concepts("piles").share("A tablet.").abs() < 1e-6);
    }
}
