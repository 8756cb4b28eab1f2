//! Which documents does a question name (pure)?

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use clinqa_index::{Lexicon, MAX_NAME_WORDS, name_of};
use clinqa_schema::DocumentId;

use crate::query::STOP_WORDS;

/// A name that stands in a question, and who is called so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The words of the question.
    pub name: String,
    /// The documents of that name.
    pub documents: Vec<DocumentId>,
}

/// The names in `text`, those that say most first where they overlap, in the order of the text.
pub(crate) fn topics(text: &str, lexicon: &Lexicon) -> Vec<Topic> {
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let ends = |start: usize| start + 1..=words.len().min(start + MAX_NAME_WORDS);
    let stretches = (0..words.len()).flat_map(|start| ends(start).map(move |end| start..end));
    let named = |stretch: Range<usize>| {
        let words = &words[stretch.clone()];
        let documents = lexicon.named(&name_of(&words.join(" ")));
        let names = !documents.is_empty() && !is_common(words);
        names.then(|| (stretch, Topic { name: words.join(" "), documents: documents.to_vec() }))
    };
    let mut found: Vec<(Range<usize>, Topic)> = stretches.filter_map(named).collect();
    // "the flu vaccine" names the vaccine, though "the flu" is a name as well.
    found.sort_by_key(|(stretch, topic)| Reverse((weight(&topic.name), stretch.len(), Reverse(stretch.start))));
    let mut taken: Vec<(Range<usize>, Topic)> = Vec::new();
    for (stretch, topic) in found {
        if taken.iter().all(|(other, _)| stretch.end <= other.start || other.end <= stretch.start) {
            taken.push((stretch, topic));
        }
    }
    taken.sort_by_key(|(stretch, _)| stretch.start);
    taken.into_iter().map(|(_, topic)| topic).collect()
}

/// How many words of a name carry meaning.
pub(crate) fn weight(name: &str) -> usize {
    name.split(' ').filter(|word| !STOP_WORDS.contains(word.to_lowercase().as_str())).count()
}

/// How much each document is named: 1 if a name is its own, less if it shares all its names.
pub(crate) fn shares(topics: &[Topic]) -> BTreeMap<DocumentId, f32> {
    let mut shares = BTreeMap::new();
    for topic in topics {
        let share = 1.0 / (topic.documents.len() as f32).sqrt();
        for document in &topic.documents {
            let best = shares.entry(document.clone()).or_insert(share);
            *best = share.max(*best);
        }
    }
    shares
}

/// A word that every question may hold ("as", "all") names nothing, unless it is written as an abbreviation.
fn is_common(words: &[&str]) -> bool {
    let [word] = words else { return false };
    let is_written_large = word.chars().all(|c| !c.is_lowercase());
    !is_written_large && STOP_WORDS.contains(word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DocumentId {
        DocumentId::new(text).expect("an id")
    }

    fn lexicon() -> Lexicon {
        Lexicon::of_names([
            ("type 2 diabetes", id("t2")),
            ("diabetes", id("t1")),
            ("diabetes", id("t2")),
            ("Crohn's disease", id("crohn")),
            ("AS", id("spine")),
            ("the flu", id("flu")),
            ("flu vaccine", id("jab")),
        ])
    }

    #[test]
    fn the_longest_name_counts() {
        let check = |text: &str, expected: &[(&str, usize)]| {
            let found = topics(text, &lexicon());
            let found: Vec<(&str, usize)> = found.iter().map(|t| (t.name.as_str(), t.documents.len())).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("is type 2 diabetes, or Crohns disease, worse?", &[("type 2 diabetes", 1), ("Crohns disease", 1)]);
        check("diabetes as such", &[("diabetes", 2)]);
        check("what helps AS", &[("AS", 1)]);
        check("after the flu vaccine", &[("flu vaccine", 1)]);
        check("", &[]);
    }

    #[test]
    fn a_name_of_its_own_counts_more_than_a_shared_one() {
        let shares = shares(&topics("crohn disease and diabetes", &lexicon()));
        assert!(shares[&id("crohn")] > shares[&id("t1")]);
        assert!((shares[&id("t1")] - shares[&id("t2")]).abs() < 1e-6);
    }
}
