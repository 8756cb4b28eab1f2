//! Which word of the rules did a misspelt word mean?
//!
//! Three steps, each only for a word that no rule knows: a list of common misspellings and short forms, stretched
//! letters ("heeelp"), then one slip of the finger in a longer word (a letter missing, added, swapped or changed).
//! A slip is looked up by deleting one letter on both sides (Garbe's symmetric delete), so it costs one hash per
//! letter and never a scan of the vocabulary.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Shorter words have too many real neighbours ("pain", "rain") to guess at.
const SHORTEST_GUESSED: usize = 6;
/// Longer ones are not words.
const LONGEST_GUESSED: usize = 24;

/// Spelling knowledge; `data/spelling.toml` says what is in it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpellingFile {
    /// The right words (one or more) and their wrong forms.
    pub(crate) misspellings: BTreeMap<String, Vec<String>>,
    /// Real words that look like a slip of another one and are not.
    pub(crate) keep: Vec<String>,
}

/// Mends words towards a vocabulary.
#[derive(Debug)]
pub(crate) struct Speller {
    known: HashSet<String>,
    listed: HashMap<String, Vec<String>>,
    keep: HashSet<String>,
    deletes: HashMap<String, String>,
}

impl Speller {
    /// A speller for the words in `vocabulary`; ties between two guesses go to the first in the alphabet.
    pub(crate) fn new(vocabulary: &HashSet<String>, file: SpellingFile) -> Self {
        let mut listed = HashMap::new();
        for (right, wrong) in file.misspellings {
            for form in wrong {
                listed.insert(form, right.split_whitespace().map(str::to_owned).collect());
            }
        }
        let mut sorted: Vec<&String> = vocabulary.iter().filter(|w| w.len() >= SHORTEST_GUESSED).collect();
        sorted.sort();
        let mut deletes = HashMap::new();
        for word in sorted {
            for form in std::iter::once(word.clone()).chain(without_one_letter(word)) {
                deletes.entry(form).or_insert_with(|| word.clone());
            }
        }
        Self { known: vocabulary.clone(), listed, keep: file.keep.into_iter().collect(), deletes }
    }

    /// The words that `word` stands for; nothing if it should stay as it is.
    pub(crate) fn mend(&self, word: &str, is_stem: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        if let Some(right) = self.listed.get(word) {
            return Some(right.clone());
        }
        let is_known = |w: &str| self.known.contains(w) || is_stem(w);
        if is_known(word) || self.keep.contains(word) || !word.is_ascii() {
            return None;
        }
        for most in [2, 1] {
            let shorter = squeeze(word, most);
            if shorter == word {
                continue;
            }
            if let Some(right) = self.listed.get(&shorter) {
                return Some(right.clone());
            }
            if is_known(&shorter) {
                return Some(vec![shorter]);
            }
        }
        let plain = squeeze(word, 2);
        self.guess(&plain).map(|right| vec![right])
    }

    fn guess(&self, word: &str) -> Option<String> {
        let guessable = (SHORTEST_GUESSED..=LONGEST_GUESSED).contains(&word.len())
            && word.is_ascii()
            && !word.bytes().any(|b| b.is_ascii_digit())
            && !self.keep.contains(word);
        if !guessable {
            return None;
        }
        std::iter::once(word.to_owned())
            .chain(without_one_letter(word))
            .filter_map(|form| self.deletes.get(&form))
            .find(|right| right.as_bytes()[0] == word.as_bytes()[0] && is_one_slip(word, right))
            .cloned()
    }
}

fn without_one_letter(word: &str) -> impl Iterator<Item = String> + '_ {
    word.char_indices().map(move |(i, c)| format!("{}{}", &word[..i], &word[i + c.len_utf8()..]))
}

/// `word` with runs of a letter cut to at most `most`, if any run has three or more.
fn squeeze(word: &str, most: usize) -> String {
    let runs: Vec<&[u8]> = word.as_bytes().chunk_by(|a, b| a == b).collect();
    if !word.is_ascii() || runs.iter().all(|run| run.len() < 3) {
        return word.to_owned();
    }
    let short = |run: &[u8]| if run.len() < 3 { run.len() } else { most };
    runs.iter().flat_map(|run| std::iter::repeat_n(char::from(run[0]), short(run))).collect()
}

/// Whether one insertion, deletion, change or swap of neighbours turns `a` into `b`.
fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    match (a.len(), b.len()) {
        (0 | 1, 0 | 1) => true,
        (2, 2) => a[0] == b[1] && a[1] == b[0],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speller() -> Speller {
        let vocabulary = ["breathing", "help", "bleeding", "blood", "chest"].map(str::to_owned).into();
        let file = SpellingFile {
            misspellings: BTreeMap::from([("cant breathe".to_owned(), vec!["cantbreathe".to_owned()])]),
            keep: vec!["breeding".to_owned()],
        };
        Speller::new(&vocabulary, file)
    }

    #[test]
    fn a_slip_of_the_finger_is_mended_and_a_real_word_is_not() {
        let check = |word: &str, expected: Option<&str>| {
            let mended = speller().mend(word, |_| false).map(|words| words.join(" "));
            assert_eq!(mended.as_deref(), expected, "{word}");
        };
        check("brething", Some("breathing"));
        check("braething", Some("breathing"));
        check("breathinng", Some("breathing"));
        check("breathimg", Some("breathing"));
        check("heeeelp", Some("help"));
        check("bloooood", Some("blood"));
        check("cantbreathe", Some("cant breathe"));
        check("bleeeeeding", Some("bleeding"));
        check("breeding", None);
        check("wreathing", None);
        check("chess", None);
        check("breathing", None);
        check("дыхание", None);
    }
}
