//! What does a line of a rule mean?
//!
//! A pattern is a handful of ways to say one thing:
//!
//! | written | means |
//! |---|---|
//! | `chest pain` | these words in a row |
//! | `pain\|ache\|hurts` | any of these |
//! | `(left\|right) arm` | alternatives inside a phrase |
//! | `(in)? my chest` | `in` may be missing |
//! | `lips?` | the letter before the sign may be missing |
//! | `bleed*` | any word that begins so |
//! | `{cannot} breathe` | any phrase of the list `cannot` in `data/lists.toml` |
//! | `#`, `####`, `_` | any number, any year, any one word |

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most spellings of one word. Phrases are not counted: they are never written out, however many a line stands for.
const MOST_SPELLINGS: usize = 64;
/// Most words of one phrase.
pub(crate) const MOST_WORDS: usize = 24;

/// Why a pattern cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternError {
    /// There is nothing between two bars, or nothing at all.
    #[error("an alternative is empty; write a word on each side of `|`")]
    Empty,
    /// A bracket has no partner.
    #[error("a bracket is not closed or not opened; pair each `(` with `)` and each `{{` with `}}`")]
    Bracket,
    /// A list is named that does not exist.
    #[error("there is no list `{name}`; add it to data/lists.toml or spell it as there")]
    UnknownList {
        /// The name.
        name: String,
    },
    /// A character that patterns do not use.
    #[error("`{word}` is not a word of a pattern; use a-z, 0-9, `'` and the signs in rules/README.md")]
    Word {
        /// The offending word.
        word: String,
    },
    /// A word has too many spellings, or a phrase too many words.
    #[error(
        "the pattern has a word with more than {spellings} spellings or a phrase over {words} words; split it in two"
    )]
    TooWide {
        /// Spellings allowed of a word.
        spellings: usize,
        /// Words allowed in a phrase.
        words: usize,
    },
}

const TOO_WIDE: PatternError = PatternError::TooWide { spellings: MOST_SPELLINGS, words: MOST_WORDS };

/// A pattern as it was read. Its phrases are never written out: a line of a rule may stand for thousands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern<'a> {
    /// One word as the matcher knows it: `word`, `stem*`, `#`, `####` or `_`.
    Word(Cow<'a, str>),
    /// Any phrase of the list of this number.
    List(usize),
    /// One after the other; none is the phrase without a word.
    Row(Vec<Pattern<'a>>),
    /// Any one of these.
    Any(Vec<Pattern<'a>>),
}

/// Lists by name.
pub(crate) type Lists = BTreeMap<String, List>;

/// A list that patterns may name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    /// Its number, as the matcher counts lists.
    pub(crate) number: usize,
    /// What it stands for.
    pub(crate) extent: Extent,
}

/// How much a pattern stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its phrases, counted as often as they are written.
    phrases: usize,
    /// Words of the shortest phrase.
    shortest: usize,
    /// Words of the longest phrase.
    longest: usize,
}

impl Extent {
    /// No phrase at all.
    pub(crate) const NOTHING: Self = Self { phrases: 0, shortest: usize::MAX, longest: 0 };
    const NO_WORD: Self = Self { phrases: 1, shortest: 0, longest: 0 };
    const WORD: Self = Self { phrases: 1, shortest: 1, longest: 1 };

    /// The phrases of either.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            phrases: self.phrases.saturating_add(other.phrases),
            shortest: self.shortest.min(other.shortest),
            longest: self.longest.max(other.longest),
        }
    }

    /// Each phrase of the one before each of the other.
    fn then(self, next: Self) -> Result<Self, PatternError> {
        let phrases = self.phrases.saturating_mul(next.phrases);
        let longest = self.longest + next.longest;
        match phrases {
            0 => Ok(Self::NOTHING),
            1.. if longest <= MOST_WORDS => Ok(Self { phrases, shortest: self.shortest + next.shortest, longest }),
            _ => Err(TOO_WIDE),
        }
    }
}

/// Reads `pattern`, which may name `lists`; each of its phrases has a word at least.
pub(crate) fn read<'a>(pattern: &'a str, lists: &Lists) -> Result<(Pattern<'a>, Extent), PatternError> {
    let mut reader = Reader { rest: pattern, lists };
    let (pattern, extent) = reader.alternatives()?;
    if !reader.rest.is_empty() {
        return Err(PatternError::Bracket);
    }
    if extent.shortest == 0 { Err(PatternError::Empty) } else { Ok((pattern, extent)) }
}

struct Reader<'a, 'l> {
    rest: &'a str,
    lists: &'l Lists,
}

type Part<'a> = Result<(Pattern<'a>, Extent), PatternError>;

impl<'a> Reader<'a, '_> {
    fn alternatives(&mut self) -> Part<'a> {
        let (mut all, mut extent) = (Vec::new(), Extent::NOTHING);
        loop {
            let (one, its) = self.row()?;
            all.push(one);
            extent = extent.or(its);
            if !self.skip('|') {
                return Ok((alone_or(all, Pattern::Any), extent));
            }
        }
    }

    fn row(&mut self) -> Part<'a> {
        let (mut all, mut extent) = (Vec::new(), Extent::NO_WORD);
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.is_empty() || self.rest.starts_with(['|', ')']) {
                break;
            }
            let (mut item, mut its) = self.item()?;
            // After a bracket the sign makes the whole group optional; inside a word, `word` has read it.
            if self.skip('?') {
                item = Pattern::Any(vec![item, Pattern::Row(Vec::new())]);
                its = its.or(Extent::NO_WORD);
            }
            all.push(item);
            extent = extent.then(its)?;
        }
        if all.is_empty() { Err(PatternError::Empty) } else { Ok((alone_or(all, Pattern::Row), extent)) }
    }

    fn item(&mut self) -> Part<'a> {
        if self.skip('(') {
            let inner = self.alternatives()?;
            return if self.skip(')') { Ok(inner) } else { Err(PatternError::Bracket) };
        }
        if self.skip('{') {
            let (name, rest) = self.rest.split_once('}').ok_or(PatternError::Bracket)?;
            self.rest = rest;
            let list = self.lists.get(name).ok_or_else(|| PatternError::UnknownList { name: name.to_owned() })?;
            return Ok((Pattern::List(list.number), list.extent));
        }
        let is_end = |c: char| c.is_whitespace() || matches!(c, '|' | ')' | '(' | '{');
        let (word, rest) = self.rest.split_at(self.rest.find(is_end).unwrap_or(self.rest.len()));
        self.rest = rest;
        spellings(word)
    }

    fn skip(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

fn alone_or<'a>(mut all: Vec<Pattern<'a>>, many: fn(Vec<Pattern<'a>>) -> Pattern<'a>) -> Pattern<'a> {
    match all.pop() {
        Some(alone) if all.is_empty() => alone,
        last => {
            all.extend(last);
            many(all)
        }
    }
}

/// The spellings of one word: each `?` lets the letter before it be missing.
fn spellings(word: &str) -> Part<'_> {
    if !word.contains('?') {
        return Ok((Pattern::Word(checked(word)?), Extent::WORD));
    }
    let mut spellings = vec![String::new()];
    for c in word.chars() {
        if c != '?' {
            for spelling in &mut spellings {
                spelling.push(c);
            }
            continue;
        }
        let without = |spelling: &String| spelling.strip_suffix(|_: char| true).unwrap_or_default().to_owned();
        spellings.extend(spellings.iter().map(without).collect::<Vec<_>>());
        if spellings.len() > MOST_SPELLINGS {
            return Err(TOO_WIDE);
        }
    }
    let (mut all, mut extent) = (Vec::with_capacity(spellings.len()), Extent::NOTHING);
    for spelling in spellings {
        if spelling.is_empty() {
            all.push(Pattern::Row(Vec::new()));
            extent = extent.or(Extent::NO_WORD);
        } else {
            all.push(Pattern::Word(Cow::Owned(checked(&spelling)?.into_owned())));
            extent = extent.or(Extent::WORD);
        }
    }
    Ok((Pattern::Any(all), extent))
}

fn checked(word: &str) -> Result<Cow<'_, str>, PatternError> {
    let bare = if word.contains('\'') { Cow::Owned(word.replace('\'', "")) } else { Cow::Borrowed(word) };
    let stem = bare.strip_suffix('*').unwrap_or(&bare);
    let is_sign = matches!(&*bare, "#" | "####" | "_");
    let is_plain = !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.');
    if is_sign || is_plain { Ok(bare) } else { Err(PatternError::Word { word: word.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All phrases that `pattern` stands for, sorted, each once; what [`read`] must mean.
    fn phrases(pattern: &Pattern, lists: &[&[&str]]) -> Vec<String> {
        let mut all: Vec<String> = match pattern {
            Pattern::Word(word) => vec![word.to_string()],
            Pattern::List(number) => lists[*number].iter().map(ToString::to_string).collect(),
            Pattern::Any(any) => any.iter().flat_map(|one| phrases(one, lists)).collect(),
            Pattern::Row(row) => row.iter().fold(vec![String::new()], |heads, next| {
                let tails = phrases(next, lists);
                let join =
                    |head: &String| tails.iter().map(|tail| format!("{head} {tail}").trim().to_owned()).collect();
                heads.iter().flat_map::<Vec<String>, _>(join).collect()
            }),
        };
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn a_pattern_stands_for_its_phrases_or_says_what_is_wrong() {
        let extent = Extent { phrases: 2, shortest: 1, longest: 2 };
        let lists = Lists::from([("cannot".to_owned(), List { number: 0, extent })]);
        let check = |pattern: &str, expected: Result<&[&str], PatternError>| {
            let found = read(pattern, &lists).map(|(read, _)| phrases(&read, &[&["cant", "can not"]]));
            assert_eq!(found, expected.map(|all| all.iter().map(ToString::to_string).collect()), "{pattern}");
        };
        check("chest pain", Ok(&["chest pain"]));
        check("pain|can't stop", Ok(&["cant stop", "pain"]));
        check("(left|right) (arm)?", Ok(&["left", "left arm", "right", "right arm"]));
        check("lips?|tumou?r", Ok(&["lip", "lips", "tumor", "tumour"]));
        check("{cannot} bleed*", Ok(&["can not bleed*", "cant bleed*"]));
        check(
            "{cannot}? (stop|( go  on ))(now)",
            Ok(&["can not go on now", "can not stop now", "cant go on now", "cant stop now", "go on now", "stop now"]),
        );
        check("# weeks|####|_ old", Ok(&["# weeks", "####", "_ old"]));
        check("", Err(PatternError::Empty));
        check("a||b", Err(PatternError::Empty));
        check("a? cut", Ok(&["a cut", "cut"]));
        check("a?", Err(PatternError::Empty));
        check("(a", Err(PatternError::Bracket));
        check("a)", Err(PatternError::Bracket));
        check("{cannot", Err(PatternError::Bracket));
        check("{nope}", Err(PatternError::UnknownList { name: "nope".into() }));
        check("Chest", Err(PatternError::Word { word: "Chest".into() }));
        check("*", Err(PatternError::Word { word: "*".into() }));
        check(&"(a|b)".repeat(30), Err(TOO_WIDE));
        check(&"a?".repeat(40), Err(TOO_WIDE));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_pattern_or_an_error(text in "[a-c|(){}?*# ]{0,40}") {
            let _ = read(&text, &Lists::new());
        }

        #[test]
        fn the_extent_bounds_the_phrases(text in "[ab|()? ]{1,20}") {
            if let Ok((pattern, extent)) = read(&text, &Lists::new()) {
                let words: Vec<usize> = phrases(&pattern, &[]).iter().map(|p| p.split(' ').count()).collect();
                proptest::prop_assert!(words.len() <= extent.phrases);
                proptest::prop_assert_eq!(words.iter().min(), Some(&extent.shortest));
                proptest::prop_assert_eq!(words.iter().max(), Some(&extent.longest));
            }
        }
    }
}
