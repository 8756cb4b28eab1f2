//! Where do the phrases of all rules stand in a text?
//!
//! Every pattern is filed under the words that its phrases begin with, so that at each word of a text only those are
//! walked that may begin there. Nothing is written out: what it costs to load the rules grows with their text, however
//! many phrases it stands for.

use crate::normalise::{Word, push_words};
use crate::pattern::Pattern;
use crate::program::{Lengths, NodeId, Program, Start, Text, set_bits};
use crate::spelling::{Speller, SpellingFile};
use crate::vocabulary::{Symbol, Vocabulary};

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

/// The words of a conversation and what matched where.
#[derive(Debug)]
pub(crate) struct Found {
    /// The mended words of all turns.
    pub(crate) words: Vec<Word>,
    /// With which word each turn begins.
    pub(crate) turns: Vec<usize>,
    /// For each slot its matches, by start, then end.
    pub(crate) matches: Vec<Vec<Match>>,
}

impl Found {
    /// How many words the turn has that `word` stands in.
    pub(crate) fn words_of_turn(&self, word: usize) -> usize {
        let next = self.turns.partition_point(|start| *start <= word);
        let end = self.turns.get(next).copied().unwrap_or(self.words.len());
        end - self.turns[..next].last().copied().unwrap_or_default()
    }
}

/// Collects patterns; [`Builder::build`] freezes them.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    vocabulary: Vocabulary,
    program: Program,
    /// With which words the phrases of each list begin.
    list_starts: Vec<Vec<Symbol>>,
    lists_by_word: Vec<(u32, Entry)>,
    slots: usize,
    slots_by_word: Vec<(u32, Entry)>,
    slots_by_list: Vec<(u32, Entry)>,
}

impl Builder {
    /// A new list of any of `patterns`, which may name the lists before it; returns its number.
    pub(crate) fn add_list(&mut self, patterns: &[Pattern]) -> usize {
        let target = self.list_starts.len() as u32;
        let mut starts: Vec<Symbol> = Vec::new();
        for (start, node) in self.compile(patterns) {
            let from = starts.len();
            match start {
                Start::Word(symbol) => starts.push(symbol),
                Start::List(number) => starts.extend(&self.list_starts[number as usize]),
            }
            self.lists_by_word.extend(starts[from..].iter().map(|symbol| (*symbol, Entry { target, node })));
        }
        starts.sort_unstable();
        starts.dedup();
        self.list_starts.push(starts);
        target as usize
    }

    /// A new slot that matches any of `patterns`.
    pub(crate) fn add(&mut self, patterns: &[Pattern]) -> Slot {
        let target = self.slots as u32;
        self.slots += 1;
        for (start, node) in self.compile(patterns) {
            match start {
                Start::Word(symbol) => self.slots_by_word.push((symbol, Entry { target, node })),
                Start::List(number) => self.slots_by_list.push((number, Entry { target, node })),
            }
        }
        target as usize
    }

    /// The matcher over all that was added.
    pub(crate) fn build(self, spelling: SpellingFile) -> Matcher {
        let (symbols, lists) = (self.vocabulary.len(), self.list_starts.len());
        Matcher {
            speller: Speller::new(self.vocabulary.targets(), spelling),
            lists_by_word: Index::new(symbols, &self.lists_by_word),
            slots_by_word: Index::new(symbols, &self.slots_by_word),
            slots_by_list: Index::new(lists, &self.slots_by_list),
            vocabulary: self.vocabulary,
            program: self.program,
            lists,
            slots: self.slots,
        }
    }

    /// The alternatives of `patterns`, each with everything that it may begin with.
    fn compile(&mut self, patterns: &[Pattern]) -> Vec<(Start, NodeId)> {
        let alternatives = patterns.iter().flat_map(|pattern| match pattern {
            Pattern::Any(any) => any.as_slice(),
            one => std::slice::from_ref(one),
        });
        let (mut all, mut starts) = (Vec::new(), Vec::new());
        for alternative in alternatives {
            let node = self.program.add(alternative, &mut self.vocabulary);
            self.program.push_starts(node, &mut starts);
            starts.sort_unstable();
            starts.dedup();
            all.extend(starts.drain(..).map(|start| (start, node)));
        }
        all
    }
}

/// Finds all patterns at once.
#[derive(Debug)]
pub(crate) struct Matcher {
    vocabulary: Vocabulary,
    speller: Speller,
    program: Program,
    lists: usize,
    lists_by_word: Index,
    slots: usize,
    slots_by_word: Index,
    slots_by_list: Index,
}

impl Matcher {
    /// Everything that matches in `turns`, which are read as one text.
    pub(crate) fn find(&self, turns: &[&str]) -> Found {
        let (words, turns) = self.mended(turns);
        let text = self.listed(&words);
        let mut matches = vec![Vec::new(); self.slots];
        let (mut here, mut met): (Vec<Lengths>, Vec<u32>) = (vec![0; self.slots], Vec::new());
        for start in 0..words.len() {
            let by_word = text.symbols(start).iter().flat_map(|symbol| self.slots_by_word.get(*symbol));
            let lists = text.lists(start).iter().enumerate().filter(|(_, lengths)| **lengths != 0);
            let by_list = lists.flat_map(|(number, _)| self.slots_by_list.get(number as u32));
            for entry in by_word.chain(by_list) {
                let lengths = self.program.lengths(entry.node, start, &text);
                let slot = &mut here[entry.target as usize];
                if lengths != 0 && *slot == 0 {
                    met.push(entry.target);
                }
                *slot |= lengths;
            }
            for slot in met.drain(..) {
                let lengths = std::mem::take(&mut here[slot as usize]);
                matches[slot as usize].extend(set_bits(lengths).map(|words| Match { start, end: start + words }));
            }
        }
        Found { words, turns, matches }
    }

    /// The text of `words` with the phrases of all lists in it.
    fn listed(&self, words: &[Word]) -> Text {
        let mut text = Text::new(words.iter().map(|word| &*word.text), &self.vocabulary, self.lists);
        let mut entries: Vec<Entry> = Vec::new();
        // A phrase may go on with one of a list that begins further on: those are found first.
        for start in (0..words.len()).rev() {
            entries.extend(text.symbols(start).iter().flat_map(|symbol| self.lists_by_word.get(*symbol)));
            // Under each word a list stands behind the lists that it names, which were added before it.
            for entry in entries.drain(..) {
                let lengths = self.program.lengths(entry.node, start, &text);
                text.note(start, entry.target, lengths);
            }
        }
        text
    }

    fn mended(&self, turns: &[&str]) -> (Vec<Word>, Vec<usize>) {
        let (mut typed, mut ends) = (Vec::new(), Vec::with_capacity(turns.len()));
        for turn in turns {
            push_words(turn, &mut typed);
            ends.push(typed.len());
        }
        let (mut all, mut starts, mut typed) = (Vec::with_capacity(typed.len()), Vec::new(), typed.into_iter());
        let mut taken = 0;
        for end in ends {
            starts.push(all.len());
            for word in typed.by_ref().take(end - taken) {
                match self.speller.mend(&word.text, |w| self.vocabulary.is_known(w)) {
                    // Two words out of one share its place, which keeps windows as the writer meant them.
                    Some(right) => all.extend(right.into_iter().map(|text| Word { text, ..word.clone() })),
                    None => all.push(word),
                }
            }
            taken = end;
        }
        (all, starts)
    }
}

/// A slot or list and a node of it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    target: u32,
    node: NodeId,
}

/// Entries by key.
#[derive(Debug)]
struct Index {
    /// Key `k` has the entries `ends[k]..ends[k + 1]`.
    ends: Vec<u32>,
    entries: Vec<Entry>,
}

impl Index {
    /// Files `pairs` under their keys, all below `keys`, in the order given.
    fn new(keys: usize, pairs: &[(u32, Entry)]) -> Self {
        let mut ends = vec![0; keys + 1];
        for (key, _) in pairs {
            ends[*key as usize + 1] += 1;
        }
        for i in 0..keys {
            ends[i + 1] += ends[i];
        }
        let mut next = ends.clone();
        let mut entries = vec![Entry { target: 0, node: 0 }; pairs.len()];
        for (key, entry) in pairs {
            let place = &mut next[*key as usize];
            entries[*place as usize] = *entry;
            *place += 1;
        }
        Self { ends, entries }
    }

    fn get(&self, key: u32) -> &[Entry] {
        &self.entries[self.ends[key as usize] as usize..self.ends[key as usize + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::oracle;
    use crate::pattern::{Extent, List, Lists, read};

    const LISTS: [(&str, &[&str]); 2] =
        [("first", &["a b", "c|ab*"]), ("second", &["{first} c?|b", "(a|{first})? d", "d {first}"])];

    /// Where `patterns`, a slot each, match in `text`: as the matcher says, and as their plain meaning says.
    fn both(patterns: &[&str], text: &str) -> (Vec<Vec<Match>>, Vec<Vec<Match>>) {
        let (mut builder, mut names, mut lists) = (Builder::default(), Lists::new(), Vec::new());
        for (name, patterns) in LISTS {
            let any: Vec<Pattern> = patterns.iter().map(|text| read(text, &names).expect("a list").0).collect();
            let extent = patterns.iter().fold(Extent::NOTHING, |all, p| all.or(read(p, &names).expect("a list").1));
            names.insert(name.to_owned(), List { number: builder.add_list(&any), extent });
            lists.push(any);
        }
        let patterns: Vec<Pattern> = patterns.iter().filter_map(|text| Some(read(text, &names).ok()?.0)).collect();
        for pattern in &patterns {
            builder.add(std::slice::from_ref(pattern));
        }
        let found = builder.build(SpellingFile::default()).find(&[text]);
        let words: Vec<&str> = found.words.iter().map(|word| &*word.text).collect();
        let meant = patterns.iter().map(|pattern| oracle::matches(std::slice::from_ref(pattern), &lists, &words));
        (found.matches, meant.collect())
    }

    #[test]
    fn phrases_of_every_kind_are_found_where_they_stand() {
        let check = |pattern: &str, text: &str, expected: &[(usize, usize)]| {
            let (found, meant) = both(&[pattern], text);
            let places: Vec<(usize, usize)> = found[0].iter().map(|m| (m.start, m.end)).collect();
            assert_eq!(places, expected, "{pattern} in {text}");
            assert_eq!(found, meant, "{pattern} in {text}");
        };
        check("chest pain", "my chest pain, chest", &[(1, 3)]);
        check("a|a b|(a)? b", "a b b", &[(0, 1), (0, 2), (1, 2), (2, 3)]);
        check("bleed*", "bleeding bleed blee", &[(0, 1), (1, 2)]);
        check("# weeks|####|_ old", "6 weeks 2015 old", &[(0, 2), (2, 3), (2, 4)]);
        check("x {second}", "x a b c x d", &[(0, 3), (0, 4), (4, 6)]);
        check("{second}", "d a b", &[(0, 1), (0, 3), (1, 3), (2, 3)]);
        check("{first} {first}", "a b c abs", &[(0, 3), (2, 4)]);
        check("a", "", &[]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn all_that_patterns_mean_is_found_and_nothing_else(
            patterns in prop::collection::vec("(([ab]|c?|ab\\*|_|#|\\{first\\}|\\{second\\}|\\(|\\)|\\|)[ ?]?){1,9}", 1..5),
            text in "((a|b|c|d|abc|7|2015)[ ,]){0,15}",
        ) {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            let (found, meant) = both(&patterns, &text);
            prop_assert_eq!(found, meant);
        }
    }
}
