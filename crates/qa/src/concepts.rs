//! How much of what is asked does a text speak of (pure)? Word by word, each with what it means, a rare word counting more.

use std::collections::BTreeSet;

use clinqa_index::name_of;
use clinqa_retrieval::{Understood, is_everyday};

/// What a word of everyday English counts that no document holds: it fills the question, or it is of another world.
const EVERYDAY: f32 = 1.0;

/// Letters of a word that its meaning is known by: shorter ones join.
const LEAST_LETTERS: usize = 3;

/// Up to so many letters a word has no other endings than those of its plural.
const SHORT: usize = 4;

/// Letters that may follow the stem of a word.
const LONGEST_ENDING: usize = 6;

/// What may follow a whole word: "infection" is of "infect", "chickenpox" not of "chicken".
const ENDINGS: [&str; 36] = [
    "able", "al", "ally", "ar", "ary", "ation", "ations", "d", "ed", "er", "ers", "es", "ful", "ia", "ial", "ic",
    "ing", "ion", "ions", "ious", "ist", "itis", "ity", "ive", "less", "ly", "ment", "ments", "n", "ness", "or", "ous",
    "s", "th", "tion", "y",
];

/// The same of a short one.
const PLURAL: [&str; 3] = ["s", "es", "y"];

/// Only a word of more letters has a stem.
const LEAST_STEM: usize = 5;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Concepts(Vec<Concept>);

/// A word of the question.
#[derive(Debug, Clone)]
struct Concept {
    /// Words that stand for it: itself, and those of what it means.
    words: BTreeSet<String>,
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
                let itself = BTreeSet::from([word.clone()]);
                concepts.push((word.clone(), Concept { words: itself, rarity: rarity(&word) }));
            }
        }
        for (name, means) in &question.meanings {
            let named: Vec<String> = words_of(name);
            let meant = words_of(means).into_iter().filter(|word| word.chars().count() >= LEAST_LETTERS);
            let meant: Vec<String> = meant.collect();
            for (_, concept) in concepts.iter_mut().filter(|(word, _)| named.contains(word)) {
                concept.words.extend(meant.iter().cloned());
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
        self.words.iter().any(|own| is_form_in(own, words))
    }
}

/// How many of the things that `question` names `text` does not speak of, by that name or by what it means.
pub(crate) fn unspoken(question: &Understood, text: &str) -> usize {
    let words = words_of(text);
    let speaks_of = |name: &str| words_of(name).iter().all(|word| is_form_in(word, &words));
    let is_meant = |thing: &str| {
        let mut meanings = question.meanings.iter().filter(|(name, _)| name_of(name) == thing);
        meanings.any(|(_, means)| speaks_of(means))
    };
    question.things.iter().filter(|thing| !speaks_of(thing) && !is_meant(thing)).count()
}

/// Each word of `text` once, in lower case.
fn words_of(text: &str) -> Vec<String> {
    words(text).collect::<BTreeSet<_>>().into_iter().collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn is_form_in(word: &str, words: &[String]) -> bool {
    words.iter().any(|other| is_form(word, other))
}

/// Whether `other` is `word` with another ending.
fn is_form(word: &str, other: &str) -> bool {
    let letters = word.chars().count();
    let word = word.strip_suffix('s').filter(|one| letters > SHORT && !one.ends_with('s')).unwrap_or(word);
    if let Some(ending) = other.strip_prefix(word) {
        let endings: &[&str] = if letters <= SHORT { &PLURAL } else { &ENDINGS };
        return ending.is_empty() || endings.contains(&ending);
    }
    let ending = other.strip_prefix(stem(word));
    letters > LEAST_STEM && ending.is_some_and(|ending| ending.chars().count() <= LONGEST_ENDING)
}

/// A word without its ending: all but the last two letters of a longer one.
fn stem(word: &str) -> &str {
    let letters = word.chars().count();
    let kept = if letters > LEAST_STEM { letters - 2 } else { letters };
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
        assert!(concepts("roast chicken").share("Chickenpox is catching.").abs() < 1e-6);
        assert!(concepts("glue ear").share("Early earwax").abs() < 1e-6);
    }

    #[test]
    fn what_a_question_names_and_a_text_does_not_is_counted() {
        let unspoken = |question: &str, text: &str| {
            let question = Question::new(question).expect("a question");
            unspoken(&understand(&question, &[], &Lexicon::default(), Understanding::default()), text)
        };
        assert_eq!(unspoken("treatments for glue ear", "Middle ear infection. Treatment. Rest."), 1);
        assert_eq!(unspoken("treatments for glue ear", "Glue ear is fluid behind the ear drum."), 0);
        assert_eq!(unspoken("do piles bleed", "Haemorrhoids. Symptoms. They bleed."), 0);
    }
}
