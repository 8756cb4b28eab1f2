//! Where do the phrases of all rules stand in a text?
//!
//! One trie over words for every pattern of every rule. From each word it is walked as deep as the text agrees, at
//! most twelve words, so the time is linear in the text and hardly depends on the number of rules.

use std::collections::{HashMap, HashSet};

use crate::normalise::{Word, words};
use crate::pattern::Phrase;
use crate::spelling::{Speller, SpellingFile};

/// A pattern's number.
pub(crate) type Slot = usize;

/// Words `start..end` matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    /// First word.
    pub(crate) start: usize,
    /// After the last word.
    pub(crate) end: usize,
}

impl Match {
    /// Whether the two share a word.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// A text's words and what matched where.
#[derive(Debug)]
pub(crate) struct Found {
    /// The mended words.
    pub(crate) words: Vec<Word>,
    /// For each slot its matches, by start, then end.
    pub(crate) matches: Vec<Vec<Match>>,
}

/// Collects patterns; [`Builder::build`] freezes them.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    trie: Trie,
    slots: usize,
}

impl Builder {
    /// A new slot that matches any of `phrases`.
    pub(crate) fn add(&mut self, phrases: &[Phrase]) -> Slot {
        let slot = self.slots;
        self.slots += 1;
        for phrase in phrases {
            self.trie.insert(phrase, slot);
        }
        slot
    }

    /// The matcher over all that was added.
    pub(crate) fn build(self, spelling: SpellingFile) -> Matcher {
        let vocabulary: HashSet<String> =
            self.trie.symbols.keys().filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric())).cloned().collect();
        Matcher { speller: Speller::new(&vocabulary, spelling), trie: self.trie, slots: self.slots }
    }
}

/// Finds all patterns at once.
#[derive(Debug)]
pub(crate) struct Matcher {
    trie: Trie,
    slots: usize,
    speller: Speller,
}

impl Matcher {
    /// Everything that matches in `text`.
    pub(crate) fn find(&self, text: &str) -> Found {
        let words = self.mended(text);
        let symbols: Vec<Vec<u32>> = words.iter().map(|word| self.trie.symbols_of(&word.text)).collect();
        let mut matches = vec![Vec::new(); self.slots];
        let mut open = Vec::new();
        for start in 0..words.len() {
            open.push((0, start));
            while let Some((node, end)) = open.pop() {
                for &slot in &self.trie.outputs[node as usize] {
                    matches[slot].push(Match { start, end });
                }
                let Some(here) = symbols.get(end) else { continue };
                open.extend(here.iter().filter_map(|s| Some((*self.trie.next.get(&(node, *s))?, end + 1))));
            }
        }
        for slot in &mut matches {
            slot.sort_unstable();
            slot.dedup();
        }
        Found { words, matches }
    }

    fn mended(&self, text: &str) -> Vec<Word> {
        let mut all = Vec::new();
        for word in words(text) {
            match self.speller.mend(&word.text, |w| self.trie.is_stemmed(w)) {
                // Two words out of one share its place, which keeps windows as the writer meant them.
                Some(right) => all.extend(right.into_iter().map(|text| Word { text, ..word.clone() })),
                None => all.push(word),
            }
        }
        all
    }
}

#[derive(Debug)]
struct Trie {
    symbols: HashMap<String, u32>,
    stems: HashMap<String, u32>,
    next: HashMap<(u32, u32), u32>,
    outputs: Vec<Vec<Slot>>,
}

const ANY: u32 = 0;
const NUMBER: u32 = 1;
const YEAR: u32 = 2;

impl Default for Trie {
    fn default() -> Self {
        Self { symbols: HashMap::new(), stems: HashMap::new(), next: HashMap::new(), outputs: vec![Vec::new()] }
    }
}

impl Trie {
    fn insert(&mut self, phrase: &Phrase, slot: Slot) {
        let mut node = 0;
        for word in phrase {
            let symbol = self.symbol(word);
            let fresh = self.outputs.len() as u32;
            node = *self.next.entry((node, symbol)).or_insert(fresh);
            if node == fresh {
                self.outputs.push(Vec::new());
            }
        }
        self.outputs[node as usize].push(slot);
    }

    fn symbol(&mut self, word: &str) -> u32 {
        let fresh = YEAR + 1 + (self.symbols.len() + self.stems.len()) as u32;
        match word {
            "_" => ANY,
            "#" => NUMBER,
            "####" => YEAR,
            _ => match word.strip_suffix('*') {
                Some(stem) => *self.stems.entry(stem.to_owned()).or_insert(fresh),
                None => *self.symbols.entry(word.to_owned()).or_insert(fresh),
            },
        }
    }

    fn symbols_of(&self, word: &str) -> Vec<u32> {
        let mut all = vec![ANY];
        all.extend(self.symbols.get(word));
        all.extend(self.stems_of(word));
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            all.push(NUMBER);
            let is_year = word.len() == 4 && (word.starts_with("19") || word.starts_with("20"));
            all.extend((is_year && word.bytes().all(|b| b.is_ascii_digit())).then_some(YEAR));
        }
        all
    }

    fn stems_of<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a u32> {
        // Longer than any stem of a rule: a 2,000-letter "word" must not cost its square.
        (2..=word.len().min(20)).filter_map(|n| self.stems.get(word.get(..n)?))
    }

    fn is_stemmed(&self, word: &str) -> bool {
        self.stems_of(word).next().is_some()
    }
}
