//! Which word of the rules did a misspelt word mean?
//!
//! A word of the list of common misspellings and short forms is mended, and one with stretched letters ("heeelp").
//! Then, only for a word that neither a rule nor `data/words.txt` knows, in this order: digits for letters ("p4in"), a
//! swallowed g ("bleedin"), one slip of the finger (a letter missing, added, swapped or changed), and at last what
//! sounds alike ("unconcius"). A slip is looked up by deleting one letter on both sides (Garbe's symmetric delete), so
//! it costs one hash per letter and never a scan of the vocabulary. The tables are made when the first such word is
//! met.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::sound::{distance, key};

/// Common words of five letters and more that are what they are.
const WORDS: &str = include_str!("../data/words.txt");

/// Shorter words have too many real neighbours ("pain", "rain") to guess at.
const SHORTEST_GUESSED: usize = 5;
/// Shorter keys are shared by words that do not sound alike.
const SHORTEST_SOUND: usize = 3;
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
    tables: OnceLock<Tables>,
}

/// What is looked up for a word that nobody knows.
#[derive(Debug)]
struct Tables {
    /// Words that are no slip.
    real: FxHashSet<&'static str>,
    /// For the hash of each of the words, whole or less a letter, the first that it may be.
    deletes: FxHashMap<u64, u32>,
    /// The words by how they sound.
    sounds: FxHashMap<String, Vec<u32>>,
}

impl Speller {
    /// A speller for the words in `vocabulary`; ties between two guesses go to the first in the alphabet.
    pub(crate) fn new(vocabulary: impl Iterator<Item = String>, file: SpellingFile) -> Self {
        let mut listed = FxHashMap::default();
        for (right, wrong) in file.misspellings {
            for form in wrong {
                listed.insert(form, right.split_whitespace().map(str::to_owned).collect());
            }
        }
        let mut words: Vec<String> = vocabulary.filter(|w| w.len() >= SHORTEST_GUESSED).collect();
        words.sort_unstable();
        words.dedup();
        Self { listed, keep: file.keep.into_iter().collect(), words, tables: OnceLock::new() }
    }

    /// The words that `word` stands for; nothing if it should stay as it is, as each that `is_known` should.
    pub(crate) fn mend(&self, word: &str, is_known: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        if let Some(right) = self.listed.get(word) {
            return Some(right.clone());
        }
        let tables = || self.tables.get_or_init(|| tables(&self.words));
        let mut shorter = [2, 1].map(|most| squeeze(word, most)).into_iter().filter(|shorter| shorter.as_str() != word);
        // A whole word rather than what only begins like one, as "bleediiing" begins like "bleed*".
        for shorter in shorter.clone() {
            if let Some(right) = self.listed.get(&shorter) {
                return Some(right.clone());
            }
            if tables().real.contains(shorter.as_str()) {
                return Some(vec![shorter]);
            }
        }
        if is_known(word) || self.keep.contains(word) || !word.is_ascii() || tables().real.contains(word) {
            return None;
        }
        if let Some(shorter) = shorter.find(|shorter| is_known(shorter)) {
            return Some(vec![shorter]);
        }
        let plain = squeeze(word, 2);
        if let Some(letters) = without_digits(&plain).filter(|letters| is_known(letters)) {
            return Some(vec![letters]);
        }
        // "jerkin", "can't stop coughin'".
        let whole = plain.ends_with("in").then(|| format!("{plain}g"));
        if whole.as_deref().is_some_and(&is_known) {
            return Some(vec![whole.unwrap_or_default()]);
        }
        self.guess(&plain).or_else(|| self.guess(&whole?)).map(|right| vec![right])
    }

    fn guess(&self, word: &str) -> Option<String> {
        let guessable = (SHORTEST_GUESSED..=LONGEST_GUESSED).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_lowercase())
            && !self.keep.contains(word);
        let tables = self.tables.get_or_init(|| tables(&self.words));
        if !guessable || tables.real.contains(word) {
            return None;
        }
        let slip = forms(word)
            .filter_map(|form| self.words.get(*tables.deletes.get(&form)? as usize))
            .find(|right| right.as_bytes()[0] == word.as_bytes()[0] && is_one_slip(word, right));
        slip.or_else(|| {
            let alike = tables.sounds.get(&key(word))?.iter().map(|number| &self.words[*number as usize]);
            let near = alike.map(|right| (distance(word, right), right)).filter(|(far, _)| far * 3 <= word.len());
            // Sorted by the alphabet, so that of two that are as near the first is meant.
            near.min_by_key(|(far, _)| *far).map(|(_, right)| right)
        })
        .cloned()
    }
}

fn tables(words: &[String]) -> Tables {
    let mut deletes = FxHashMap::default();
    deletes.reserve(words.iter().map(|word| word.len() + 1).sum());
    let mut sounds: FxHashMap<String, Vec<u32>> = FxHashMap::default();
    for (number, word) in words.iter().enumerate() {
        for form in forms(word) {
            deletes.entry(form).or_insert(number as u32);
        }
        let key = key(word);
        if key.len() >= SHORTEST_SOUND {
            sounds.entry(key).or_default().push(number as u32);
        }
    }
    Tables {
        real: WORDS.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_ascii_whitespace).collect(),
        deletes,
        sounds,
    }
}

/// `word` with the letters that its digits stand for, if it has both.
fn without_digits(word: &str) -> Option<String> {
    let letter = |c: char| match c {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        _ => c,
    };
    let is_mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.starts_with(|c: char| c.is_ascii_alphabetic());
    is_mixed.then(|| word.chars().map(letter).collect())
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
        Speller::new(VOCABULARY.into_iter().map(str::to_owned), file)
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
        let speller =
            Speller::new(["stinks", "sticks", "bleeds"].map(str::to_owned).into_iter(), SpellingFile::default());
        let check = |word: &str, expected: Option<&str>| {
            assert_eq!(speller.mend(word, |_| false).map(|words| words.join(" ")).as_deref(), expected, "{word}");
        };
        check("stiks", Some("sticks"));
        check("stik", None);
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
