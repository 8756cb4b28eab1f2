//! What does a clinical word mean to somebody who never heard it (pure)? A table in `data/`, read by whoever shows text.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

/// A word of a text with what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Where it stands, in bytes of the text.
    pub bytes: Range<usize>,
    /// What it means, in at most twelve simple words.
    pub meaning: &'static str,
}

/// The table with the length of its longest form, in words.
struct Glossary {
    meanings: FxHashMap<String, &'static str>,
    longest: usize,
}

static GLOSSARY: LazyLock<Glossary> = LazyLock::new(|| {
    let meanings: FxHashMap<String, &'static str> =
        forms().map(|(form, meaning)| (form.to_lowercase(), meaning)).collect();
    let longest = meanings.keys().map(|form| words(form).count()).max().unwrap_or(0);
    Glossary { meanings, longest }
});

/// Every form of every word that is explained, with its meaning, in the order of the table.
pub fn forms() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("../data/glossary.tsv").lines().filter(|line| !line.starts_with('#'));
    let entries = lines.filter_map(|line| line.split_once('\t'));
    entries.flat_map(|(forms, meaning)| forms.split(',').map(move |form| (form.trim(), meaning.trim())))
}

/// The clinical words of `text` in their order, each where it stands first; the longest that begins at a place wins.
pub fn terms_in(text: &str) -> Vec<Term> {
    let words: Vec<Range<usize>> = words(text).collect();
    let mut terms: Vec<Term> = Vec::new();
    let mut told = BTreeSet::new();
    let mut at = 0;
    while at < words.len() {
        let most = GLOSSARY.longest.min(words.len() - at);
        let found = (1..=most).rev().find_map(|count| {
            let bytes = words[at].start..words[at + count - 1].end;
            let meaning = *GLOSSARY.meanings.get(&text[bytes.clone()].to_lowercase())?;
            Some((count, Term { bytes, meaning }))
        });
        if let Some((_, term)) = &found
            && told.insert(term.meaning)
        {
            terms.push(term.clone());
        }
        at += found.map_or(1, |(count, _)| count);
    }
    terms
}

/// Letters and digits, joined by hyphens and apostrophes.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_joint = |c: char| matches!(c, '-' | '\'' | '’');
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(char::is_alphanumeric)?;
        let length = text[start..].find(|c: char| !(c.is_alphanumeric() || is_joint(c)));
        rest = length.map_or(text.len(), |length| start + length);
        let trimmed = text[start..rest].trim_end_matches(is_joint);
        Some(start..start + trimmed.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        terms_in(text).iter().map(|term| &text[term.bytes.clone()]).collect()
    }

    #[test]
    fn clinical_words_are_found_where_they_stand_first() {
        let check = |text: &str, expected: &[&str]| assert_eq!(found(text), expected, "{text}");
        check("Rest and drink water.", &[]);
        check("Hypertension, or HYPERTENSION.", &["Hypertension"]);
        check("Atrial fibrillation beats atrial things.", &["Atrial fibrillation", "atrial"]);
        check("An arteryless word.", &[]);
        check("naïve—hypertension’s", &[]);
        check("", &[]);
    }

    #[test]
    fn the_table_is_short_and_says_each_thing_once() {
        let mut seen = BTreeSet::new();
        let mut meanings = BTreeSet::new();
        for (form, meaning) in forms() {
            assert!(seen.insert(form.to_lowercase()), "{form} stands twice");
            assert_eq!(form.trim_matches(|c: char| !c.is_alphanumeric()), form, "{form} is found as it is written");
            let count = meaning.split_whitespace().count();
            assert!((2..=12).contains(&count), "{form}: {count} words");
            let explained = format!(" {} ", meaning.to_lowercase());
            assert!(!explained.contains(&format!(" {} ", form.to_lowercase())), "{form} explains itself");
            meanings.insert(meaning);
        }
        assert!(meanings.len() >= 400, "{}", meanings.len());
    }

    proptest::proptest! {
        #[test]
        fn terms_lie_in_their_text_one_after_the_other(text in "(hypertension|artery|atrial fibrillation|é|x|-|'| |,){0,12}") {
            let mut end = 0;
            for term in terms_in(&text) {
                proptest::prop_assert!(end <= term.bytes.start && text.get(term.bytes.clone()).is_some());
                end = term.bytes.end;
            }
        }
    }
}
