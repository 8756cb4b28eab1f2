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

use std::collections::BTreeMap;

/// Most phrases one pattern may stand for; a rule that needs more is written too wide.
const MOST_PHRASES: usize = 20_000;
/// Most words of one phrase.
const MOST_WORDS: usize = 12;

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
    /// The pattern stands for too many phrases or too long ones.
    #[error("the pattern stands for more than {phrases} phrases or for phrases over {words} words; split it in two")]
    TooWide {
        /// Phrases allowed.
        phrases: usize,
        /// Words allowed in a phrase.
        words: usize,
    },
}

/// A phrase: words as the matcher knows them, each `word`, `stem*`, `#`, `####` or `_`.
pub(crate) type Phrase = Vec<String>;

/// Lists by name, already expanded.
pub(crate) type Lists = BTreeMap<String, Vec<Phrase>>;

/// All phrases that `pattern` stands for, sorted, each once.
pub(crate) fn expand(pattern: &str, lists: &Lists) -> Result<Vec<Phrase>, PatternError> {
    let mut rest = pattern.chars().peekable();
    let mut phrases = alternatives(&mut rest, lists)?;
    if rest.next().is_some() {
        return Err(PatternError::Bracket);
    }
    phrases.sort();
    phrases.dedup();
    if phrases.iter().any(Vec::is_empty) {
        return Err(PatternError::Empty);
    }
    Ok(phrases)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn alternatives(rest: &mut Rest, lists: &Lists) -> Result<Vec<Phrase>, PatternError> {
    let mut all = Vec::new();
    loop {
        all.extend(sequence(rest, lists)?);
        if rest.next_if_eq(&'|').is_none() {
            return Ok(all);
        }
    }
}

fn sequence(rest: &mut Rest, lists: &Lists) -> Result<Vec<Phrase>, PatternError> {
    let mut phrases: Vec<Phrase> = vec![Vec::new()];
    let mut is_empty = true;
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        if matches!(rest.peek(), None | Some('|' | ')')) {
            break;
        }
        let mut items = item(rest, lists)?;
        // After a bracket the sign makes the whole group optional; inside a word, `word` has read it.
        if rest.next_if_eq(&'?').is_some() {
            items.push(Vec::new());
        }
        phrases = product(&phrases, &items)?;
        is_empty = false;
    }
    if is_empty { Err(PatternError::Empty) } else { Ok(phrases) }
}

fn item(rest: &mut Rest, lists: &Lists) -> Result<Vec<Phrase>, PatternError> {
    if rest.next_if_eq(&'(').is_some() {
        let inner = alternatives(rest, lists)?;
        rest.next_if_eq(&')').ok_or(PatternError::Bracket)?;
        return Ok(inner);
    }
    if rest.next_if_eq(&'{').is_some() {
        let mut name = String::new();
        while let Some(c) = rest.next_if(|c| *c != '}') {
            name.push(c);
        }
        rest.next().ok_or(PatternError::Bracket)?;
        return lists.get(&name).cloned().ok_or(PatternError::UnknownList { name });
    }
    word(rest)
}

/// The spellings of one word: each `?` lets the letter before it be missing.
fn word(rest: &mut Rest) -> Result<Vec<Phrase>, PatternError> {
    let mut spellings = vec![String::new()];
    while let Some(c) = rest.next_if(|c| !c.is_whitespace() && !matches!(c, '|' | ')' | '(' | '{')) {
        if c == '?' {
            let shorter: Vec<String> = spellings
                .iter()
                .map(|w| w[..w.len() - w.chars().next_back().map_or(0, char::len_utf8)].to_owned())
                .collect();
            spellings.extend(shorter);
        } else {
            for spelling in &mut spellings {
                spelling.push(c);
            }
        }
    }
    let words = spellings.into_iter().map(|w| if w.is_empty() { Ok(Vec::new()) } else { Ok(vec![checked(&w)?]) });
    words.collect()
}

fn checked(word: &str) -> Result<String, PatternError> {
    let bare = word.replace('\'', "");
    let stem = bare.strip_suffix('*').unwrap_or(&bare);
    let is_sign = matches!(bare.as_str(), "#" | "####" | "_");
    let is_plain = !stem.is_empty() && stem.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.');
    if is_sign || is_plain { Ok(bare) } else { Err(PatternError::Word { word: word.to_owned() }) }
}

fn product(heads: &[Phrase], tails: &[Phrase]) -> Result<Vec<Phrase>, PatternError> {
    let too_wide = PatternError::TooWide { phrases: MOST_PHRASES, words: MOST_WORDS };
    if heads.len().saturating_mul(tails.len()) > MOST_PHRASES {
        return Err(too_wide);
    }
    let joined: Vec<Phrase> =
        heads.iter().flat_map(|head| tails.iter().map(|tail| [head.as_slice(), tail].concat())).collect();
    if joined.iter().any(|phrase| phrase.len() > MOST_WORDS) { Err(too_wide) } else { Ok(joined) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_its_phrases_or_says_what_is_wrong() {
        let lists =
            Lists::from([("cannot".to_owned(), vec![vec!["cant".to_owned()], vec!["can".into(), "not".into()]])]);
        let check = |pattern: &str, expected: Result<&[&str], PatternError>| {
            let found = expand(pattern, &lists).map(|all| all.iter().map(|p| p.join(" ")).collect::<Vec<_>>());
            assert_eq!(found, expected.map(|all| all.iter().map(ToString::to_string).collect()), "{pattern}");
        };
        let too_wide = PatternError::TooWide { phrases: MOST_PHRASES, words: MOST_WORDS };
        check("chest pain", Ok(&["chest pain"]));
        check("pain|can't stop", Ok(&["cant stop", "pain"]));
        check("(left|right) (arm)?", Ok(&["left", "left arm", "right", "right arm"]));
        check("lips?|tumou?r", Ok(&["lip", "lips", "tumor", "tumour"]));
        check("{cannot} bleed*", Ok(&["can not bleed*", "cant bleed*"]));
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
        check(&"(a|b)".repeat(20), Err(too_wide));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_pattern_or_an_error(text in "[a-c|(){}?*# ]{0,40}") {
            let _ = expand(&text, &Lists::new());
        }
    }
}
