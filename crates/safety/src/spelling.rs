//! Which word of the rules did a misspelt word mean?
//!
//! Three steps, each only for a word that no rule knows: a list of common misspellings and short forms, stretched
//! letters ("heeelp"), then one slip of the finger in a longer word (a letter missing, added, swapped or changed).
//! A slip is looked up by deleting one letter on both sides (Garbe's symmetric delete), so it costs one hash per
//! letter and never a scan of the vocabulary. That table is made when the first slip is looked up.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHashSet};

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
    listed: FxHashMap<String, Vec<String>>,
    keep: FxHashSet<String>,
    /// The words that a slip may have been meant for, in the order of the alphabet.
    words: Vec<String>,
    /// For the hash of each of `words`, whole or less a letter, the first that it may be.
    deletes: OnceLock<FxHashMap<u64, u32>>,
}

impl Speller {
    /// A speller for the words in `vocabulary`; ties between two guesses go to the first in the alphabet.
    pub(crate) fn new<'a>(vocabulary: impl Iterator<Item = &'a str>, file: SpellingFile) -> Self {
        let mut listed = FxHashMap::default();
        for (right, wrong) in file.misspellings {
            for form in wrong {
                listed.insert(form, right.split_whitespace().map(str::to_owned).collect());
            }
        }
        let mut words: Vec<String> = vocabulary.filter(|w| w.len() >= SHORTEST_GUESSED).map(str::to_owned).collect();
        words.sort_unstable();
        Self { listed, keep: file.keep.into_iter().collect(), words, deletes: OnceLock::new() }
    }

    /// The words that `word` stands for; nothing if it should stay as it is, as each that `is_known` should.
    pub(crate) fn mend(&self, word: &str, is_known: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        if let Some(right) = self.listed.get(word) {
            return Some(right.clone());
        }
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
        let deletes = self.deletes.get_or_init(|| deletes(&self.words));
        forms(word)
            .filter_map(|form| self.words.get(*deletes.get(&form)? as usize))
            .find(|right| right.as_bytes()[0] == word.as_bytes()[0] && is_one_slip(word, right))
            .cloned()
    }
}

fn deletes(words: &[String]) -> FxHashMap<u64, u32> {
    let mut deletes = FxHashMap::default();
    deletes.reserve(words.iter().map(|word| word.len() + 1).sum());
    for (number, word) in words.iter().enumerate() {
        for form in forms(word) {
            deletes.entry(form).or_insert(number as u32);
        }
    }
    deletes
}

/// The hash of `word`, then of `word` without each of its letters.
fn forms(word: &str) -> impl Iterator<Item = u64> {
    let letters = word.as_bytes();
    // FNV-1a; that two forms share a hash is checked where it matters, by comparing the words.
    let hash = |from: u64, letters: &[u8]| {
        letters.iter().fold(from, |hash, letter| (hash ^ u64::from(*letter)).wrapping_mul(0x0100_0000_01b3))
    };
    let whole = hash(0xcbf2_9ce4_8422_2325, letters);
    let shorter = (0..letters.len()).scan(0xcbf2_9ce4_8422_2325, move |head, i| {
        let form = hash(*head, &letters[i + 1..]);
        *head = hash(*head, &letters[i..=i]);
        Some(form)
    });
    std::iter::once(whole).chain(shorter)
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

    const VOCABULARY: [&str; 5] = ["breathing", "help", "bleeding", "blood", "chest"];

    fn speller() -> Speller {
        let file = SpellingFile {
            misspellings: BTreeMap::from([("cant breathe".to_owned(), vec!["cantbreathe".to_owned()])]),
            keep: vec!["breeding".to_owned()],
        };
        Speller::new(VOCABULARY.into_iter(), file)
    }

    #[test]
    fn a_slip_of_the_finger_is_mended_and_a_real_word_is_not() {
        let check = |word: &str, expected: Option<&str>| {
            let mended = speller().mend(word, |w| VOCABULARY.contains(&w)).map(|words| words.join(" "));
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

    #[test]
    fn of_two_words_one_slip_away_the_first_in_the_alphabet_is_meant() {
        let speller = Speller::new(["stinks", "sticks", "bleeds"].into_iter(), SpellingFile::default());
        let check = |word: &str, expected: Option<&str>| {
            assert_eq!(speller.mend(word, |_| false).map(|words| words.join(" ")).as_deref(), expected, "{word}");
        };
        check("stiks", None);
        check("stirks", Some("sticks"));
        check("bleads", Some("bleeds"));
    }

    #[test]
    fn a_word_has_a_form_for_itself_and_one_less_each_letter() {
        let found: Vec<u64> = forms("abb").collect();
        let whole = |word: &str| forms(word).next().expect("a form");
        assert_eq!(found, ["abb", "bb", "ab", "ab"].map(whole));
    }
}
