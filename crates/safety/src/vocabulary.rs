//! Which words do the rules know, and which of them is a word of a text?

use rustc_hash::FxHashMap;

/// The number of a word of a pattern; those that are no plain words come first.
pub(crate) type Symbol = u32;

const ANY: Symbol = 0;
const NUMBER: Symbol = 1;
const YEAR: Symbol = 2;

/// Shorter stems are met by too many words.
const SHORTEST_STEM: usize = 5;
/// How a stem may go on. Not all that this makes are words, which does no harm: nobody means them.
const ENDINGS: [&str; 6] = ["", "ed", "ing", "s", "e", "ion"];

/// The words and stems of all patterns, each stored once.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    words: FxHashMap<String, Symbol>,
    stems: FxHashMap<String, Symbol>,
}

impl Vocabulary {
    /// The symbol for a word of a pattern: `word`, `stem*`, `#`, `####` or `_`.
    pub(crate) fn symbol(&mut self, word: &str) -> Symbol {
        let fresh = self.len() as Symbol;
        let (table, key) = match word {
            "_" => return ANY,
            "#" => return NUMBER,
            "####" => return YEAR,
            _ => word.strip_suffix('*').map_or((&mut self.words, word), |stem| (&mut self.stems, stem)),
        };
        match table.get(key) {
            Some(symbol) => *symbol,
            None => *table.entry(key.to_owned()).or_insert(fresh),
        }
    }

    /// How many symbols there are; each is smaller than that.
    pub(crate) fn len(&self) -> usize {
        YEAR as usize + 1 + self.words.len() + self.stems.len()
    }

    /// Adds the symbols that `word` of a text matches to `all`.
    pub(crate) fn push_symbols(&self, word: &str, all: &mut Vec<Symbol>) {
        all.push(ANY);
        all.extend(self.words.get(word));
        all.extend(self.stems_of(word));
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            all.push(NUMBER);
            let is_year = word.len() == 4 && (word.starts_with("19") || word.starts_with("20"));
            all.extend((is_year && word.bytes().all(|b| b.is_ascii_digit())).then_some(YEAR));
        }
    }

    /// Whether a rule has `word` as it stands or by its stem.
    pub(crate) fn is_known(&self, word: &str) -> bool {
        is_plain(word) && self.words.contains_key(word) || self.stems_of(word).next().is_some()
    }

    /// What a misspelt word may have been meant for: the plain words, and each longer stem with its likeliest endings.
    pub(crate) fn targets(&self) -> impl Iterator<Item = String> {
        let words = self.words.keys().filter(|word| is_plain(word)).cloned();
        let stems = self.stems.keys().filter(|stem| is_plain(stem) && stem.len() >= SHORTEST_STEM);
        words.chain(stems.flat_map(|stem| ENDINGS.iter().map(move |ending| format!("{stem}{ending}"))))
    }

    fn stems_of<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a Symbol> {
        // Longer than any stem of a rule: a 2,000-letter "word" must not cost its square.
        (2..=word.len().min(20)).filter_map(|n| self.stems.get(word.get(..n)?))
    }
}

fn is_plain(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_alphanumeric())
}
