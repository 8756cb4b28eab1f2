//! Which words are names, places, or words of everyday life and of medicine?

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Kind;
use super::fold::tokens;

/// The word lists, each in its file below `data/redact/`.
pub(super) struct Lexicon {
    given_always: FxHashSet<&'static str>,
    given: FxHashSet<&'static str>,
    surnames: FxHashSet<&'static str>,
    cities: FxHashSet<&'static str>,
    words: FxHashSet<&'static str>,
    clinical: FxHashSet<&'static str>,
    eponyms: FxHashSet<&'static str>,
    stays: FxHashSet<&'static str>,
    /// The first word of each phrase of two or more in `stays`, with what follows it.
    stays_long: FxHashMap<String, Vec<Vec<String>>>,
    signs: FxHashMap<&'static str, FxHashSet<&'static str>>,
    cues: FxHashMap<String, Vec<(Vec<String>, Kind)>>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::load);

/// The lists, read once.
pub(super) fn lexicon() -> &'static Lexicon {
    &LEXICON
}

/// The words of a list: separated by white space; lines that begin with `#` say what they are.
fn list(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

/// `head: entry; entry` lines, a head may come again.
fn table(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let split = lines.filter_map(|line| line.split_once(": "));
    split.flat_map(|(head, entries)| entries.split(';').map(move |entry| (head, entry.trim())))
}

/// The first token of a phrase and those after it.
fn phrase(entry: &str) -> Option<(String, Vec<String>)> {
    let mut parts = tokens(entry).into_iter().map(|token| token.text);
    parts.next().map(|first| (first, parts.collect()))
}

impl Lexicon {
    fn load() -> Self {
        let stays = include_str!("../../data/redact/stays.txt");
        let mut stays_long: FxHashMap<_, Vec<Vec<_>>> = FxHashMap::default();
        let mut stays_short = FxHashSet::default();
        for (_, entry) in table(stays) {
            match phrase(entry) {
                Some((_, rest)) if rest.is_empty() => _ = stays_short.insert(entry),
                Some((first, rest)) => stays_long.entry(first).or_default().push(rest),
                None => {}
            }
        }
        let mut signs: FxHashMap<_, FxHashSet<_>> = FxHashMap::default();
        for (head, entry) in table(include_str!("../../data/redact/signs.txt")) {
            signs.entry(head).or_default().insert(entry);
        }
        let mut cues: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for (head, entry) in table(include_str!("../../data/redact/cues.txt")) {
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == head);
            if let (Some((first, rest)), Some(kind)) = (phrase(entry), kind) {
                cues.entry(first).or_default().push((rest, kind));
            }
        }
        // The longest phrase is the most exact one.
        for phrases in cues.values_mut() {
            phrases.sort_by_key(|(rest, _)| std::cmp::Reverse(rest.len()));
        }
        Self {
            given_always: list(include_str!("../../data/redact/given-always.txt")).collect(),
            given: list(include_str!("../../data/redact/given.txt")).collect(),
            surnames: list(include_str!("../../data/redact/surnames.txt")).collect(),
            cities: list(include_str!("../../data/redact/cities.txt")).collect(),
            words: list(include_str!("../../data/redact/words.txt")).collect(),
            clinical: list(include_str!("../../data/redact/clinical.txt")).collect(),
            eponyms: list(include_str!("../../data/redact/eponyms.txt")).collect(),
            stays: stays_short,
            stays_long,
            signs,
            cues,
        }
    }

    /// A given name that is no other word: a name however it is written.
    pub(super) fn is_given_always(&self, word: &str) -> bool {
        self.given_always.contains(word)
    }

    pub(super) fn is_given(&self, word: &str) -> bool {
        self.given_always.contains(word) || self.given.contains(word)
    }

    pub(super) fn is_surname(&self, word: &str) -> bool {
        self.surnames.contains(word)
    }

    /// A given name or a surname.
    pub(super) fn is_name(&self, word: &str) -> bool {
        self.is_given(word) || self.is_surname(word)
    }

    /// A city; parts are joined by `_`.
    pub(super) fn is_city(&self, word: &str) -> bool {
        self.cities.contains(word)
    }

    /// A name that is also a word of medicine.
    pub(super) fn is_eponym(&self, word: &str) -> bool {
        self.eponyms.contains(word)
    }

    /// A country, a state, a people, a language: larger than what has to go.
    pub(super) fn stays(&self, word: &str) -> bool {
        self.stays.contains(word) || word.strip_suffix('s').is_some_and(|one| self.stays.contains(one))
    }

    /// How many more words after `first` belong to a phrase that stays.
    pub(super) fn stays_with<'a>(&self, first: &str, next: impl Fn(usize) -> Option<&'a str>) -> Option<usize> {
        let phrases = self.stays_long.get(first)?;
        let fits = |rest: &&Vec<String>| rest.iter().enumerate().all(|(at, word)| next(at) == Some(word.as_str()));
        phrases.iter().filter(fits).map(Vec::len).max()
    }

    /// Whether `word` is in the list `head` of `signs.txt`.
    pub(super) fn is_sign(&self, head: &str, word: &str) -> bool {
        self.signs.get(head).is_some_and(|words| words.contains(word))
    }

    /// What a phrase that begins with `first` speaks of, and how many words follow.
    pub(super) fn cue<'a>(&self, first: &str, next: impl Fn(usize) -> Option<&'a str>) -> Option<(usize, Kind)> {
        let phrases = self.cues.get(first)?;
        let fits = |rest: &[String]| rest.iter().enumerate().all(|(at, word)| next(at) == Some(word.as_str()));
        phrases.iter().find(|(rest, _)| fits(rest)).map(|(rest, kind)| (rest.len(), *kind))
    }

    /// A word of everyday life or of medicine, whatever its ending.
    pub(super) fn is_known(&self, word: &str) -> bool {
        let word = word.strip_suffix("'s").unwrap_or(word);
        self.is_listed(word) || self.endings(word) || word.contains('\'') && self.contraction(word) || is_drug(word)
    }

    /// A word of medicine that is no name.
    pub(super) fn is_clinical(&self, word: &str) -> bool {
        self.clinical.contains(word) || is_drug(word)
    }

    fn is_listed(&self, word: &str) -> bool {
        self.words.contains(word) || self.clinical.contains(word) || self.cues.contains_key(word)
    }

    fn contraction(&self, word: &str) -> bool {
        word.split_once('\'').is_some_and(|(head, tail)| {
            let negated =
                tail == "t" && head.strip_suffix('n').is_some_and(|verb| self.is_listed(verb) || verb == "ca");
            negated
                || matches!(tail, "t" | "s" | "re" | "ve" | "ll" | "d" | "m" | "all" | "am" | "clock")
                    && (self.is_listed(head) || matches!(head, "i" | "y" | "won" | "o"))
        })
    }

    /// The lists keep what is left when an ending is taken off.
    fn endings(&self, word: &str) -> bool {
        let cut = |end: &str, least: usize| word.strip_suffix(end).filter(|stem| stem.len() >= least);
        let listed = |stem: &str| self.is_listed(stem);
        let doubled = |stem: &str| {
            let mut back = stem.bytes().rev();
            back.next() == back.next() && stem.is_ascii() && listed(&stem[..stem.len() - 1])
        };
        cut("s", 3).is_some_and(listed)
            || cut("es", 3).is_some_and(listed)
            || cut("ies", 2).is_some_and(|stem| listed(&format!("{stem}y")))
            || cut("d", 4).is_some_and(|stem| stem.ends_with('e') && listed(stem))
            || cut("ed", 3).is_some_and(|stem| listed(stem) || doubled(stem))
            || cut("ing", 3).is_some_and(|stem| listed(stem) || listed(&format!("{stem}e")) || doubled(stem))
            || cut("ly", 3).is_some_and(listed)
            || ["ness", "less", "ful", "able", "ment"].iter().any(|end| cut(end, 3).is_some_and(listed))
            || ["un", "non", "re", "pre", "post", "anti", "over", "under", "self", "hyper", "hypo", "sub"]
                .iter()
                .any(|head| word.strip_prefix(head).is_some_and(|rest| rest.len() >= 4 && listed(rest)))
    }

    /// Whether `word` is a known one with one slip: a letter too many, too few, wrong, or two exchanged. For words of
    /// five to fourteen letters: nearly every shorter one is near another.
    pub(super) fn is_slip(&self, word: &str) -> bool {
        if !(5..=14).contains(&word.len()) || !word.bytes().all(|c| c.is_ascii_lowercase()) {
            return false;
        }
        let mut tried = String::with_capacity(word.len() + 1);
        let mut known = |parts: &[&str]| {
            tried.clear();
            for part in parts {
                tried.push_str(part);
            }
            self.is_listed(&tried) || self.endings(&tried)
        };
        let letters = "abcdefghijklmnopqrstuvwxyz";
        (0..=word.len()).any(|at| {
            let (head, tail) = word.split_at(at);
            let rest = tail.get(1..);
            rest.is_some_and(|rest| known(&[head, rest]))
                || tail.get(..2).is_some_and(|two| known(&[head, &two[1..], &two[..1], &tail[2..]]))
                || (0..letters.len()).any(|letter| {
                    let letter = &letters[letter..=letter];
                    known(&[head, letter, tail]) || rest.is_some_and(|rest| known(&[head, letter, rest]))
                })
        })
    }
}

/// Endings that names of medicines and of conditions share, and names of people do not. Stems of the World Health
/// Organization's international nonproprietary names, and Greek and Latin endings of conditions.
fn is_drug(word: &str) -> bool {
    const ENDINGS: [&str; 62] = [
        "pril",
        "sartan",
        "olol",
        "statin",
        "dipine",
        "prazole",
        "tidine",
        "gliptin",
        "gliflozin",
        "glutide",
        "formin",
        "cillin",
        "mycin",
        "floxacin",
        "cycline",
        "conazole",
        "vudine",
        "tegravir",
        "ciclovir",
        "mab",
        "tinib",
        "parib",
        "xaban",
        "gatran",
        "grel",
        "setron",
        "triptan",
        "caine",
        "azepam",
        "zolam",
        "oxetine",
        "idone",
        "apine",
        "barbital",
        "profen",
        "fenac",
        "coxib",
        "sone",
        "solone",
        "onide",
        "terol",
        "tropium",
        "lukast",
        "oxacin",
        "thiazide",
        "semide",
        "parin",
        "dronate",
        "itis",
        "osis",
        "aemia",
        "emia",
        "oma",
        "pathy",
        "ectomy",
        "otomy",
        "ostomy",
        "oscopy",
        "algia",
        "plasty",
        "uria",
        "aemic",
    ];
    word.len() >= 7 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}
