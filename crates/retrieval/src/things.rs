//! Which real things does a question name (pure)? Diseases, medicines, tests and procedures, whether the corpus tells of
//! them or not: who asks of glue ear is not answered by what is said of another trouble of the ear.

use std::sync::LazyLock;

use clinqa_index::name_of;
use rustc_hash::FxHashSet;

use crate::spelling::is_everyday;

/// Words of the longest name.
const MAX_WORDS: usize = 5;

/// In the form of [`name_of`], in the order of their bytes.
const LISTS: [&str; 2] = [include_str!("../data/things.txt"), include_str!("../data/diseases.txt")];

static NAMES: LazyLock<[Vec<&'static str>; 2]> = LazyLock::new(|| LISTS.map(|list| names(list).collect()));

static WORDS: LazyLock<FxHashSet<&'static str>> =
    LazyLock::new(|| LISTS.iter().flat_map(|list| names(list)).flat_map(|name| name.split(' ')).collect());

/// Words of those names that mean something else as often.
static OTHER_SENSES: LazyLock<FxHashSet<&'static str>> =
    LazyLock::new(|| names(include_str!("../data/senses.txt")).flat_map(str::split_whitespace).collect());

fn names(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

/// The names in `text`, in the form of [`name_of`] and in its order, longer ones first where they overlap.
pub(crate) fn things(text: &str) -> Vec<String> {
    let separates = |c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’'));
    let words: Vec<&str> = text.split(separates).filter(|word| !word.is_empty()).collect();
    let mut found: Vec<String> = Vec::new();
    let mut start = 0;
    while start < words.len() {
        let longest = (1..=MAX_WORDS.min(words.len() - start)).rev().find_map(|length| {
            let name = name_of(&words[start..start + length].join(" "));
            let is_named = NAMES.iter().any(|list| list.binary_search(&name.as_str()).is_ok());
            is_named.then_some((length, name))
        });
        start += longest.as_ref().map_or(1, |(length, _)| *length);
        found.extend(longest.map(|(_, name)| name).filter(|name| !found.contains(name)));
    }
    found
}

/// Whether `text` holds a word of medicine: one that stands in the name of some thing, is no everyday English and seldom
/// means anything else.
pub(crate) fn speaks_of_medicine(text: &str) -> bool {
    /// Shorter ones are anything.
    const LEAST_LETTERS: usize = 4;
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= LEAST_LETTERS);
    let is_of_medicine = |word: String| is_part(&word) && !is_everyday(&word) && !OTHER_SENSES.contains(word.as_str());
    words.map(str::to_lowercase).any(is_of_medicine)
}

/// Whether `word`, in lower case, stands in the name of some thing.
pub(crate) fn is_part(word: &str) -> bool {
    WORDS.contains(name_of(word).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_medicine_is_no_everyday_one() {
        let check = |text: &str, expected: bool| assert_eq!(speaks_of_medicine(text), expected, "{text}");
        check("Cauda equina red flags?", true);
        check("which grains contain gluten", true);
        check("how long do i boil an egg", false);
        check("my wifi drops every evening", false);
        check("the colon in a sentence", false);
    }

    #[test]
    fn the_longest_name_counts() {
        let check = |text: &str, expected: &[&str]| assert_eq!(things(text), expected, "{text}");
        check("treatments for glue ear in toddlers?", &["glue ear"]);
        check("Clozapine, and blood tests on clozapine", &["clozapine"]);
        check("Crohn's disease", &["crohn disease"]);
        check("my neighbour is tired", &[]);
    }

    #[test]
    fn every_list_is_in_order_and_in_the_form_it_is_asked_in() {
        for list in LISTS {
            let names: Vec<&str> = names(list).collect();
            assert!(names.is_sorted_by(|a, b| a < b));
            for name in names {
                assert!(name_of(name) == name && name.split(' ').count() <= MAX_WORDS, "{name}");
            }
        }
    }
}
