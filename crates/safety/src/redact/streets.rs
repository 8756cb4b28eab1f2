//! Which pieces are streets and the houses in them?

use super::Kind;
use super::fold::{Gap, Shape, Token};
use super::page::{Case, Page};
use super::places::{is_unknown, tells};

/// Words between a house number and the word that makes it a street.
const MOST_STREET_WORDS: usize = 4;

/// Whether a unit follows; "St" with a capital is a street.
pub(super) fn unit(page: &Page, at: usize) -> bool {
    page.is_sign("unit", at) && !(page.is("st", at) && page.tokens[at].is_capital()) && page.gap(at) <= Gap::Blank
}

/// "42 Maple Street", "Harley Street", "12 high street".
pub(super) fn street(page: &mut Page, at: usize) {
    let glued = page.gap(at) == Gap::None && page.before(at, 1).is_some_and(|token| token.mark().is_none());
    if !page.is_sign("street", at) || !page.is_free(at) || at == 0 || glued {
        return;
    }
    let strong = matches!(
        page.text(at),
        "street"
            | "road"
            | "avenue"
            | "lane"
            | "crescent"
            | "boulevard"
            | "terrace"
            | "drive"
            | "gardens"
            | "grove"
            | "rd"
            | "ave"
            | "blvd"
    );
    let mut start = at;
    let mut capitals = 0;
    let mut number = None;
    while start > 0 && at - start < MOST_STREET_WORDS + 3 {
        let before = start - 1;
        let token = &page.tokens[before];
        if token.gap == Gap::Line && page.gap(start) == Gap::Line {
            break;
        }
        if token.is_digits() && token.gap != Gap::None && !page.is_sign("unit", start) {
            number = Some(before);
            break;
        }
        let word = token.is_word() && !page.lexicon.is_sign("unit", &token.text) && page.gap(start) != Gap::Line;
        let joined = token.mark().is_some_and(|mark| ".-'".contains(mark));
        if !(word || joined) || at - start >= MOST_STREET_WORDS {
            break;
        }
        if word && token.is_capital() {
            capitals += 1;
        }
        // Without a house number the name goes as far as its capitals.
        start = before;
    }
    let after = at + 1 + usize::from(page.is_mark(at + 1, '.') && page.text(at).len() <= 4);
    if let Some(number) = number {
        let house = page.tokens[number].text.len() <= 5 && start > number && start < at + 1;
        if house && at > number + 1 && (strong || capitals > 0 && page.tokens[at].is_capital()) {
            page.claim(number..after, Kind::Place);
            return;
        }
    }
    let mut start = at;
    while start > 0
        && page.gap(start) != Gap::Line
        && page.tokens[start - 1].is_capital()
        && page.is_free(start - 1)
        && !page.is("i", start - 1)
        && at - start < MOST_STREET_WORDS
    {
        start -= 1;
    }
    // "The road" begins a sentence; "Station Road" does so too, with a capital on both.
    if start < at
        && page.begins_sentence(start)
        && (page.lexicon.is_sign("filler", page.text(start)) || !page.tokens[at].is_capital())
    {
        start += 1;
    }
    let named = start < at && page.case[at] == Case::Sentence && (page.tokens[at].is_capital() || strong);
    if named && (start..at).any(|word| is_unknown(page, word) || strong || page.lexicon.is_name(page.text(word))) {
        page.claim(start..after, Kind::Place);
    }
}

/// "Via Garibaldi 12", "rue de Rivoli".
pub(super) fn street_first(page: &mut Page, at: usize) {
    if !page.is_sign("street-first", at) || !page.is_free(at) || !page.tokens[at].is_word() {
        return;
    }
    let short = page.text(at).len() <= 3
        || matches!(page.text(at), "place" | "avenue" | "largo" | "plaza" | "strada" | "route");
    if short && !page.tokens[at].is_capital() && !page.is_mark(at + 1, '.') {
        return;
    }
    let mut end = at + 1 + usize::from(page.is_mark(at + 1, '.'));
    let mut names = 0;
    while end < page.len() && names < MOST_STREET_WORDS && page.gap(end) != Gap::Line {
        if page.tokens[end].is_capital() {
            names += 1;
        } else if !(page.is_sign("particle", end)
            || page.is_sign("place-particle", end)
            || page.is_mark(end, '\'')
            || page.is_mark(end, '-'))
        {
            break;
        }
        end += 1;
    }
    let number = page.token(end).is_some_and(|token| token.is_digits() && token.gap != Gap::Line);
    if names > 0 && (number || is_unknown(page, end - 1)) {
        page.claim(at..end + usize::from(number), Kind::Place);
    }
}

/// "Apt. 864", "Flat 3B", "PO Box 12".
pub(super) fn dwelling(page: &mut Page, at: usize) {
    if page.is("po", at) && page.is("box", at + 1) || page.is("p", at) && page.is("o", at + 2) && page.is("box", at + 4)
    {
        let number = (at + 2..at + 7).find(|at| page.token(*at).is_some_and(Token::is_digits));
        page.claim(at..number.map_or(at + 2, |at| at + 1), Kind::Place);
        return;
    }
    if !page.is_sign("dwelling", at) || !page.is_free(at) {
        return;
    }
    let strong = matches!(page.text(at), "apt" | "apartment" | "suite" | "flat" | "psc" | "cmr" | "mailbox" | "lok");
    let mut number = at + 1;
    while page.is_mark(number, '.') || page.is_mark(number, '#') || matches!(page.text(number), "no" | "number") {
        number += 1;
    }
    let numbered = page.token(number).is_some_and(|token| token.is_digits() && token.gap != Gap::Line);
    let capital = page.tokens[at].is_capital();
    let forces =
        matches!(page.text(at), "unit" | "box") && page.text(number).len() == 4 && page.tokens[number - 1].is_word();
    if !numbered || !(strong || capital || forces) || unit(page, number + 1) {
        return;
    }
    let letter =
        page.token(number + 1).is_some_and(|token| token.is_word() && token.text.len() == 1 && token.gap == Gap::None);
    let mut start = at;
    if strong {
        // The name of the house before it.
        while start > 0
            && page.gap(start) != Gap::Line
            && page.is_free(start - 1)
            && tells(page, start - 1)
            && !page.lexicon.is_sign("filler", page.text(start - 1))
        {
            start -= 1;
        }
    }
    page.claim(start..number + 1 + usize::from(letter), Kind::Place);
}

/// "28245 Puruntie 82": a number beside a word that nobody knows.
pub(super) fn numbered(page: &mut Page, at: usize) {
    let capital =
        page.tokens[at].is_capital() && page.is_free(at) && is_unknown(page, at) && page.case[at] == Case::Sentence;
    if !capital || page.is_sign("month", at) || page.tokens[at].shape == Shape::Upper && page.text(at).len() <= 5 {
        return;
    }
    let house =
        |at: usize| page.token(at).is_some_and(|token| token.is_digits() && token.text.len() <= 6) && page.is_free(at);
    let ending = page.lexicon_street_ending(at);
    let mut end = at + 1;
    while end < page.len() && page.gap(end) == Gap::Blank && page.tokens[end].is_capital() && page.is_free(end) {
        end += 1;
    }
    // "Piroska u. 97"
    if page.is_sign("street-after", end) {
        end += 1 + usize::from(page.is_mark(end + 1, '.'));
    }
    let after = house(end) && page.gap(end) == Gap::Blank && !unit(page, end + 1);
    let mut start = at;
    while start > 0 && page.gap(start) == Gap::Blank && tells(page, start - 1) && page.is_free(start - 1) {
        start -= 1;
    }
    let before = start > 0 && page.gap(start) == Gap::Blank && house(start - 1);
    if before || after || ending {
        page.claim(start - usize::from(before)..end + usize::from(after), Kind::Place);
    }
}
