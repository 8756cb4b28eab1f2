//! Which words did the person mean to type, before spelling is looked at?
//!
//! Rules speak plain lower-case ASCII words, people (and those who want to slip past rules) do not: wide and styled
//! letters, accents, Cyrillic and Greek look-alikes and zero-width marks all fold to the letter that the eye sees.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How far apart, in words, a sentence end puts its neighbours: patterns may reach over it, but less far.
const SENTENCE_GAP: u32 = 3;

/// A folded word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Lower case, without apostrophes and accents.
    pub(crate) text: String,
    /// Its place, counted in words, with a gap at each sentence end.
    pub(crate) at: u32,
    /// The number of its sentence.
    pub(crate) sentence: u32,
    /// The number of its clause (bounded by any punctuation), counted over the whole text.
    pub(crate) clause: u32,
}

/// The words of `text`, in order. Linear in the length of the text.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    push_words(text, &mut found);
    found
}

/// Whether a good part of the letters of `text` are no Latin ones, nor look like them.
pub(crate) fn is_in_another_script(text: &str) -> bool {
    let letters: Vec<char> = fold(text).into_iter().filter(|c| c.is_alphabetic()).collect();
    letters.iter().filter(|c| !c.is_ascii()).count() * 3 > letters.len()
}

/// Adds the words of `text` to `found`, as a sentence that follows what is there.
pub(crate) fn push_words(text: &str, found: &mut Vec<Word>) {
    let letters: Vec<char> = fold(text);
    let (mut at, mut sentence, mut clause) = match found.last() {
        Some(last) => (last.at + 1 + SENTENCE_GAP, last.sentence + 1, last.clause + 1),
        None => (0, 0, 0),
    };
    let mut word = String::new();
    for (i, &c) in letters.iter().enumerate() {
        let between_digits = matches!(c, '.' | ',')
            && word.ends_with(|d: char| d.is_ascii_digit())
            && letters.get(i + 1).is_some_and(char::is_ascii_digit);
        if c.is_alphabetic() && !word.is_empty() && word.chars().all(|d| d.is_ascii_digit() || d == '.') {
            // "39c", "6week": the unit is a word of its own.
            at += push(found, &mut word, (at, sentence, clause));
        }
        if c.is_alphanumeric() || between_digits {
            word.push(if c == ',' { '.' } else { c });
            continue;
        }
        at += push(found, &mut word, (at, sentence, clause));
        match c {
            // "??" and "..." end one sentence, not several.
            '.' | '!' | '?' | '\n' if found.last().is_some_and(|last| last.sentence == sentence) => {
                (sentence, clause, at) = (sentence + 1, clause + 1, at + SENTENCE_GAP);
            }
            ',' | ';' | ':' | '(' | ')' | '"' | '–' | '—' => clause += 1,
            _ => {}
        }
    }
    push(found, &mut word, (at, sentence, clause));
}

fn push(found: &mut Vec<Word>, word: &mut String, (at, sentence, clause): (u32, u32, u32)) -> u32 {
    if word.is_empty() {
        return 0;
    }
    found.push(Word { text: std::mem::take(word), at, sentence, clause });
    1
}

/// Lower-case letters as the eye reads them; apostrophes and marks are gone.
fn fold(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| *c != '´')
        .nfkd()
        .flat_map(char::to_lowercase)
        // Lower case may bring marks of its own (İ), so they are dropped last.
        .filter(|c| !is_combining_mark(*c) && !is_dropped(*c))
        .map(look_alike)
        .collect()
}

/// Apostrophes ("can't" is typed "cant" as often) and marks that take no room.
fn is_dropped(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | 'ʼ' | 'ʹ' | '′' | '`' | '*' | '_' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// Letters of other scripts that look like Latin ones (after lower-casing), as Unicode's confusables list has them.
fn look_alike(c: char) -> char {
    match c {
        'а' | 'α' | 'ɑ' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' | 'đ' | 'ð' => 'd',
        'е' | 'є' | 'ε' => 'e',
        'ɡ' => 'g',
        'һ' | 'н' => 'h',
        'і' | 'ι' | 'ı' | 'ɩ' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' | 'ł' | 'ⅼ' => 'l',
        'м' => 'm',
        'η' | 'п' => 'n',
        'о' | 'ο' | 'σ' | 'ø' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' | 'ß' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_to_what_the_eye_reads() {
        let check = |text: &str, expected: &str| {
            let found: Vec<String> = words(text).into_iter().map(|w| w.text).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        };
        check("I can’t BREATHE!!", "i cant breathe");
        check("сhеst раin", "chest pain"); // Cyrillic с, е, р, а
        check("ｃｈｅｓｔ 𝐩𝐚𝐢𝐧", "chest pain");
        check("ch\u{200b}est pa\u{ad}in", "chest pain");
        check("chést páin, 39,5°C", "chest pain 39.5 c");
        check("38.5. Next", "38.5 next");
        check("6week old, 39.5C b12 HbA1c", "6 week old 39.5 c b12 hba1c");
        check("İ", "i");
        check("", "");
    }

    #[test]
    fn another_script_is_told_from_letters_that_look_like_ours() {
        for text in ["我胸口痛", "у меня болит грудь", "لا أستطيع التنفس"] {
            assert!(is_in_another_script(text), "{text}");
        }
        for text in ["сhеst раin", "ｃｈｅｓｔ 𝐩𝐚𝐢𝐧", "naïve Ärzte", "β-blocker dose", "39", ""]
        {
            assert!(!is_in_another_script(text), "{text}");
        }
    }

    #[test]
    fn sentences_and_clauses_are_counted() {
        let found = words("one, two. three");
        let places: Vec<(u32, u32, u32)> = found.iter().map(|w| (w.at, w.sentence, w.clause)).collect();
        assert_eq!(places, [(0, 0, 0), (1, 0, 1), (5, 1, 2)]);
        let stretched: Vec<Word> = words("...one, two??!... three");
        assert_eq!(found, stretched);
    }
}
