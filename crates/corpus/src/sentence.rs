//! Where do the sentences of a text begin and end?
//!
//! Rules of our own, because medical prose is full of full stops that end nothing (`7.5 mmol/L`, `e.g.`, `E. coli`,
//! `Dr. Hill`) and of capital letters that look like initials (`vitamin D.`). Ranges are cut from the text, never
//! rebuilt, so every offset stays exact.

use std::ops::Range;

/// Never the end of a sentence: a name, a thing or an explanation follows.
const BEFORE_WORDS: [&str; 21] = [
    "dr", "mr", "mrs", "ms", "prof", "st", "vs", "e.g", "i.e", "eg", "ie", "cf", "al", "approx", "incl", "viz", "resp",
    "spp", "subsp", "dept", "a.k.a",
];
/// Not the end of a sentence where a number follows: `No. 3`, `Fig. 2`; elsewhere they are words ("the answer is no.").
const BEFORE_NUMBERS: [&str; 20] = [
    "no", "nos", "fig", "figs", "eq", "ref", "refs", "vol", "p", "pp", "ch", "sec", "ca", "tab", "min", "max", "art",
    "c", "ed", "suppl",
];
/// Nouns that a single capital letter completes, so that the stop after the letter is a stop: `hepatitis B.`
const LETTERED: [&str; 17] = [
    "vitamin",
    "vitamins",
    "hepatitis",
    "type",
    "group",
    "factor",
    "influenza",
    "stage",
    "class",
    "grade",
    "schedule",
    "appendix",
    "protein",
    "immunoglobulin",
    "part",
    "category",
    "panel",
];
/// Lower-case words that stand before a person's initials.
const BEFORE_NAMES: [&str; 8] = ["and", "by", "from", "of", "per", "see", "to", "with"];
/// Words that begin sentences and hardly ever names, for the stops that could be either: `in the U.S. The`.
const STARTERS: [&str; 34] = [
    "a", "all", "an", "and", "any", "as", "ask", "at", "but", "call", "do", "each", "for", "he", "how", "however",
    "if", "in", "it", "its", "most", "some", "people", "she", "tell", "the", "there", "these", "they", "this", "when",
    "without", "you", "your",
];

/// The sentences of `text` in order: disjoint byte ranges on character bounds, without white space at their ends,
/// that together cover every character that is not white.
///
/// A blank line and the bounds of a list line always end a sentence; any other line end is white space.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut line) = (0, 0);
    for (at, c) in text.char_indices() {
        if at < start {
            continue;
        }
        let end = match c {
            '\n' => {
                let ends = ends_with_line(text, line, at);
                line = at + 1;
                ends.then_some(at)
            }
            '.' | '!' | '?' | '…' | '。' | '！' | '？' => terminator_end(text, line.max(start), at),
            _ => None,
        };
        if let Some(end) = end {
            push_trimmed(&mut ranges, text, start..end);
            start = end;
        }
    }
    push_trimmed(&mut ranges, text, start..text.len());
    ranges
}

/// The length of a list marker (`- `, `• `, `12. `, `a) `) at the beginning of `line`, leading blanks included; 0 if
/// there is none.
pub(crate) fn list_marker(line: &str) -> usize {
    let body = line.trim_start_matches([' ', '\t']);
    let indent = line.len() - body.len();
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let mut chars = body[digits..].chars();
    let marker = match (digits, chars.next()) {
        (0, Some(bullet @ ('-' | '*' | '•' | '–' | '‣' | '▪'))) => bullet.len_utf8(),
        (1..=3, Some('.' | ')')) => digits + 1,
        (0, Some(letter)) if letter.is_ascii_lowercase() && chars.next() == Some(')') => 2,
        _ => return 0,
    };
    let follows_blank = body[marker..].starts_with([' ', '\t']);
    if follows_blank { indent + marker + 1 } else { 0 }
}

fn push_trimmed(ranges: &mut Vec<Range<usize>>, text: &str, range: Range<usize>) {
    let piece = &text[range.clone()];
    let body = piece.trim_start();
    let start = range.end - body.len();
    let end = start + body.trim_end().len();
    if start < end {
        ranges.push(start..end);
    }
}

/// Whether the line `text[line..at]` ends a sentence: it is a list line, or a blank or list line follows.
fn ends_with_line(text: &str, line: usize, at: usize) -> bool {
    let rest = &text[at + 1..];
    let next = &rest[..rest.find('\n').unwrap_or(rest.len())];
    next.trim().is_empty() || list_marker(next) > 0 || list_marker(&text[line..at]) > 0
}

/// The end of the sentence whose last stop is at `at`, closing quotes, brackets and reference numbers included;
/// `None` if the sentence goes on. `floor` is where to stop looking backwards.
fn terminator_end(text: &str, floor: usize, at: usize) -> Option<usize> {
    let stop = text[at..].chars().next()?;
    let after = at + stop.len_utf8();
    if text[after..].starts_with(['.', '!', '?', '…', '。', '！', '？']) {
        return None;
    }
    let end = after + closers(&text[after..]);
    let rest = &text[end..];
    if matches!(stop, '。' | '！' | '？') || rest.trim_start().is_empty() {
        return Some(end);
    }
    if !rest.starts_with(char::is_whitespace) || !can_begin(rest.trim_start()) {
        return None;
    }
    if stop == '.' && end == after && !is_full_stop(&text[floor..at], rest.trim_start()) {
        return None;
    }
    Some(end)
}

/// Bytes of quotes and brackets that close behind a stop, and of reference numbers such as `[3, 4]`.
fn closers(rest: &str) -> usize {
    let is_closer = |c: char| matches!(c, ')' | ']' | '"' | '\'' | '”' | '’' | '»' | '」' | '』');
    let mut length = rest.len() - rest.trim_start_matches(is_closer).len();
    let spaced = usize::from(rest[length..].starts_with(" ["));
    if let Some(inside) = rest[length + spaced..].strip_prefix('[') {
        let digits = inside.len() - inside.trim_start_matches(|c: char| c.is_ascii_digit() || ",-– ".contains(c)).len();
        if digits > 0 && inside[digits..].starts_with(']') {
            length += spaced + digits + 2;
        }
    }
    length
}

/// Whether a sentence can begin with `next`: not with a small letter, unless a capital follows in the same word
/// (`pH`, `mRNA`, `eGFR`), and not with punctuation that continues.
fn can_begin(next: &str) -> bool {
    let word = next.trim_start_matches(['"', '\'', '(', '[', '“', '‘', '«']);
    let mut chars = word.chars().take_while(|c| c.is_alphanumeric());
    match chars.next() {
        Some(first) if first.is_lowercase() => chars.any(char::is_uppercase),
        Some(_) => true,
        None => !word.starts_with([',', ';', ':', ')', ']', '}', '/', '=', '<']),
    }
}

/// Whether the stop between `before` and `next` ends a sentence, rather than an abbreviation or an initial.
fn is_full_stop(before: &str, next: &str) -> bool {
    let mut words = before.rsplit(char::is_whitespace);
    let word = words.next().unwrap_or_default().trim_start_matches(['(', '[', '"', '“', '‘', '\'']);
    let lower = word.to_lowercase();
    if BEFORE_WORDS.contains(&lower.as_str()) {
        return false;
    }
    let before_number = next.starts_with(|c: char| c.is_ascii_digit() || c == '#');
    if before_number && BEFORE_NUMBERS.contains(&lower.as_str()) {
        return false;
    }
    // `1. Take …` at the beginning of a line is a list number, in a text whose lines are not all marked.
    let enumerates = !word.is_empty() && word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
    let previous = words.find(|word| !word.is_empty());
    if enumerates && previous.is_none() {
        return false;
    }
    if is_initial(word) {
        return letter_ends(previous, next);
    }
    if is_dotted_capitals(word) { begins_sentence(next) } else { true }
}

fn is_initial(word: &str) -> bool {
    let mut chars = word.chars();
    matches!((chars.next(), chars.next()), (Some(letter), None) if letter.is_uppercase())
}

/// `U.S`, `J.R`: capitals with stops between them.
fn is_dotted_capitals(word: &str) -> bool {
    word.len() >= 3 && word.split('.').all(|part| part.len() == 1 && part.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// Whether the stop behind a single capital letter ends a sentence: `vitamin D. Foods…` but not `by J. Hill`.
fn letter_ends(previous: Option<&str>, next: &str) -> bool {
    let Some(previous) = previous else { return false };
    if LETTERED.contains(&previous.to_lowercase().as_str()) || begins_sentence(next) {
        return true;
    }
    previous.chars().all(char::is_lowercase) && !BEFORE_NAMES.contains(&previous)
}

fn begins_sentence(next: &str) -> bool {
    let word: String = next.chars().take_while(|c| c.is_alphabetic()).take(16).flat_map(char::to_lowercase).collect();
    STARTERS.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn medical_prose_is_cut_where_its_sentences_end() {
        let check = |marked: &str| {
            let text = marked.replace('|', "");
            let found: Vec<&str> = sentences(&text).into_iter().map(|range| &text[range]).collect();
            let expected: Vec<&str> = marked.split('|').map(str::trim).filter(|piece| !piece.is_empty()).collect();
            assert_eq!(found, expected);
        };
        check("Asthma is common. |It can be controlled.");
        check("A result of 7.5 mmol/L is high. |Aim for 4.0 to 5.9 mmol/L.");
        check("Some drugs (e.g. ibuprofen) harm the kidneys, i.e. they reduce flow. |Avoid them.");
        check("Ask Dr. Hill or Prof. Lee. |They know.");
        check("Insulin vs. tablets was studied by Smith et al. Results followed.");
        check("It takes approx. 10 days. |Then it heals.");
        check("See Fig. 2 and No. 3. |The answer is no. |Rest helps.");
        check("Infection with E. coli is common. |S. aureus is another cause.");
        check("The book by J. R. Hill and K. Moss is old. |It is good.");
        check("Fish is rich in vitamin D. |Foods such as eggs help.");
        check("There is a vaccine against hepatitis B. |Babies receive it.");
        check("Children lack vitamins A and D. |The body needs both.");
        check("Approved in the U.S. in 2019. |Used in the U.K. |It is cheap.");
        check("The U.S. Food Agency agreed.");
        check("Take it b.d. with food. |Take one at 8 a.m. |Rest after it.");
        check("Wait… then call. |Does it hurt? |Call now! |Do not wait.");
        check("He said \"I am ill.\" |She left (at once.) |They came.");
        check("\"Is it safe?\" he asked. |It is.");
        check("Pressure falls.[12] |Pain stops. [3] |Sleep returns.");
        check("The blood is acid. |pH falls. |mRNA is made. |eGFR drops.");
        check("Give 500 mg. |3 days later stop.");
        check("Levels of 5 mg/dl. or more are high.");
        check("Symptoms include:|\n- thirst|\n- passing urine often. |Mostly at night|\n\nSee a doctor.");
        check("Steps:|\n1. Wash. |Dry.|\n2. Cover the wound|\n10) Rest");
        check("A heading\nand its line end. |Next.");
        check("A heading|\n\nA paragraph");
        check("Tumours of stage I. |Most are cured. |Type 2 diabetes etc. |Others follow.");
        check("See www.example.org/a.b for more. |Version 2.0.1 is out.");
        check("痛みがある。|医師に相談する。");
        check("1. Take a deep breath. |Then another.");
        check("  \n\n \t");
        check("");
        check("...");
        check("no stop at the end");
    }

    #[test]
    fn list_markers_are_told_from_words_and_numbers() {
        let check = |line: &str, length: usize| assert_eq!(list_marker(line), length, "{line:?}");
        check("- thirst", 2);
        check("  • thirst", 6);
        check("12. thirst", 4);
        check("a) thirst", 3);
        check("-5 degrees", 0);
        check("7.5 mmol/L", 0);
        check("2019. A year", 0);
        check("thirst", 0);
        check("", 0);
        check("-", 0);
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        for text in [
            ". ".repeat(200_000),
            "\n ".repeat(200_000),
            "x.".repeat(200_000),
            "A. ".repeat(200_000),
            "(".repeat(400_000),
        ] {
            assert!(sentences(&text).len() <= text.len());
        }
    }

    proptest! {
        #[test]
        fn sentences_are_ordered_disjoint_and_cover_what_is_not_white(
            text in "(?s)([A-Za-zé]{1,6}|[.!?…\"')\\] \n\t0-9-]{1,4}|e\\.g\\.|\u{3000}|。|.){0,60}",
        ) {
            let ranges = sentences(&text);
            let mut previous = 0;
            for range in &ranges {
                prop_assert!(previous <= range.start && range.start < range.end);
                prop_assert!(text[previous..range.start].trim().is_empty());
                prop_assert_eq!(text[range.clone()].trim(), &text[range.clone()]);
                previous = range.end;
            }
            prop_assert!(text[previous..].trim().is_empty());
        }
    }
}
