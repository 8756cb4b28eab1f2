//! The question in the words of the passages (pure): slips of the pen mended, lay names and abbreviations explained.
//!
//! Only words that the retrieved documents themselves use are put in, so that nothing is asked that they do not speak of.

use std::collections::{BTreeMap, BTreeSet};

use clinqa_schema::Metadata;

/// A word of fewer letters is not mended: too many others are one letter away.
const LEAST_LETTERS: usize = 5;

/// What a document is called.
#[derive(Debug, Clone, Copy)]
pub struct Topic<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its other names.
    pub metadata: &'a Metadata,
}

/// `question` with each unknown word mended that is one slip away from exactly one word of `texts`, and with the title
/// of each topic behind a synonym or abbreviation of it: "AF" becomes "AF (Atrial fibrillation)".
pub fn reworded(question: &str, topics: &[Topic<'_>], texts: &[&str]) -> String {
    let mended = mend(question, texts);
    let words = padded(&mended);
    let named = topics.iter().filter(|topic| {
        let is_named = |name: &str| words.contains(padded(name).as_str());
        !is_named(topic.title) && topic.metadata.synonyms.iter().any(|synonym| is_named(synonym))
    });
    let titles: BTreeSet<&str> = named.map(|topic| topic.title).collect();
    // Two topics of one name ("sugar") explain nothing.
    match titles.first() {
        Some(title) if titles.len() == 1 => explain(&mended, title),
        _ => mended,
    }
}

fn explain(question: &str, title: &str) -> String {
    match question.strip_suffix('?') {
        Some(open) => format!("{} ({title})?", open.trim_end()),
        None => format!("{question} ({title})"),
    }
}

fn mend(question: &str, texts: &[&str]) -> String {
    let mut known: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for word in texts.iter().flat_map(|text| text.split(|c: char| !c.is_alphabetic())).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        known.entry(word.chars().count()).or_default().insert(word);
    }
    let mend_word = |word: &str| {
        let core = word.trim_matches(|c: char| !c.is_alphabetic());
        match closest(&core.to_lowercase(), &known) {
            Some(better) => word.replacen(core, better, 1),
            None => word.to_owned(),
        }
    };
    question.split(' ').map(mend_word).collect::<Vec<_>>().join(" ")
}

/// The one known word that is one slip away, if the word itself is not known and is long enough to tell.
fn closest<'a>(word: &str, known: &'a BTreeMap<usize, BTreeSet<String>>) -> Option<&'a str> {
    let length = word.chars().count();
    let is_known = known.get(&length).is_some_and(|words| words.contains(word));
    if length < LEAST_LETTERS || is_known || !word.chars().all(char::is_alphabetic) {
        return None;
    }
    let near = known.range(length - 1..=length + 1).flat_map(|(_, words)| words);
    let mut near = near.filter(|candidate| candidate.chars().count() >= LEAST_LETTERS && is_one_slip(word, candidate));
    let first = near.next()?;
    // A plural or another ending is no slip, and two candidates are a guess.
    let is_ending = first.starts_with(word) || word.starts_with(first.as_str());
    (near.next().is_none() && !is_ending).then_some(first)
}

/// One letter put in, left out or changed, or two neighbours swapped.
fn is_one_slip(typed: &str, meant: &str) -> bool {
    let (typed, meant): (Vec<char>, Vec<char>) = (typed.chars().collect(), meant.chars().collect());
    let same_start = typed.iter().zip(&meant).take_while(|(one, other)| one == other).count();
    let (typed, meant) = (&typed[same_start..], &meant[same_start..]);
    let is_swap = typed.len() >= 2
        && meant.len() == typed.len()
        && (typed[0], typed[1]) == (meant[1], meant[0])
        && typed[2..] == meant[2..];
    let without_first = |letters: &[char]| letters.get(1..).map(<[char]>::to_vec);
    let is_change = typed.len() == meant.len() && !typed.is_empty() && typed[1..] == meant[1..];
    is_swap
        || is_change
        || without_first(typed).as_deref() == Some(meant)
        || without_first(meant).as_deref() == Some(typed)
}

/// Lower-case words between single spaces, with a space at both ends.
fn padded(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { ' ' }).collect();
    format!(" {} ", plain.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lay_names_and_abbreviations_are_explained_by_the_title() {
        let metadata = Metadata { synonyms: vec!["AF".into(), "irregular heartbeat".into()], ..Metadata::default() };
        let other = Metadata { synonyms: vec!["irregular heartbeat".into()], ..Metadata::default() };
        let topics = [
            Topic { title: "Atrial fibrillation", metadata: &metadata },
            Topic { title: "Palpitations", metadata: &other },
        ];
        let check = |question: &str, expected: &str| assert_eq!(reworded(question, &topics, &[]), expected);
        check("Why does AF need thinners?", "Why does AF need thinners (Atrial fibrillation)?");
        check("is atrial fibrillation, AF, bad", "is atrial fibrillation, AF, bad");
        check("an irregular heartbeat", "an irregular heartbeat");
        check("after that", "after that");
    }

    #[test]
    fn a_slip_is_mended_to_the_only_word_that_is_near() {
        let texts = ["Symptoms of dehydration: attack, inhaler. Stroke or strike?"];
        let check = |question: &str, expected: &str| assert_eq!(reworded(question, &[], &texts), expected);
        check("simptoms of dehidration?", "symptoms of dehydration?");
        check("atack, inhailer", "attack, inhaler");
        check("symptom", "symptom");
        check("struke", "struke");
        check("wort attcak", "wort attack");
    }

    proptest::proptest! {
        #[test]
        fn slips_are_the_same_both_ways(a in "[a-d]{0,6}", b in "[a-d]{0,6}") {
            proptest::prop_assert_eq!(is_one_slip(&a, &b), is_one_slip(&b, &a));
        }

        #[test]
        fn any_text_can_be_reworded(question in "\\PC{0,40}", text in "\\PC{0,40}") {
            let _ = reworded(&question, &[], &[&text]);
        }
    }
}
