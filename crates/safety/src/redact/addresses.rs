//! How far does an address reach around a street or a postcode that was found?

use super::Kind;
use super::fold::{Gap, Shape, Token};
use super::page::{Kept, Page};
use super::places::tells;
use super::streets::unit;

/// Tokens of one address, lines included.
const MOST_ADDRESS: usize = 24;

/// What stands around an address: lines of names, numbers and capitals on from a number that is one.
pub(super) fn address(page: &mut Page) {
    let mut at = 0;
    while at < page.len() {
        let begins = page.claimed(at) == Some(Kind::Place) && (at == 0 || page.claimed(at - 1) != Some(Kind::Place));
        if !begins {
            at += 1;
            continue;
        }
        let mut end = at;
        let mut house = false;
        while page.claimed(end) == Some(Kind::Place) {
            house |= page.tokens[end].is_digits();
            end += 1;
        }
        house |= before(page, at);
        at = if house { onwards(page, end) } else { beside(page, end) };
    }
}

/// House numbers and the names of houses right before a street; whether there was one.
fn before(page: &mut Page, from: usize) -> bool {
    let mut start = from;
    let mut house = false;
    while start > 0 && from - start < 8 && page.gap(start) == Gap::Blank && page.is_free(start - 1) {
        let token = &page.tokens[start - 1];
        let number = token.is_digits() && token.text.len() <= 6;
        let named = house
            && tells(page, start - 1)
            && page.kept(start - 1) != Kept::Always
            && !page.lexicon.is_sign("filler", &token.text);
        let particle = house && page.is_sign("particle", start - 1) && start > 1 && tells(page, start - 2);
        if !(number || named || particle) {
            break;
        }
        house |= number;
        start -= 1;
    }
    if house {
        page.claim(start..from, Kind::Place);
    }
    house
}

/// A number right behind a town or a street.
fn beside(page: &mut Page, end: usize) -> usize {
    let number =
        page.token(end).is_some_and(|token| token.is_digits() && token.text.len() <= 6 && token.gap == Gap::Blank);
    if number
        && page.is_free(end)
        && !unit(page, end + 1)
        && page.tokens[end].value().is_none_or(|value| !(1900..2100).contains(&value))
    {
        page.claim(end..end + 1, Kind::Place);
        return end + 1;
    }
    end
}

fn onwards(page: &mut Page, from: usize) -> usize {
    let mut at = from;
    let mut last = from;
    while at < page.len() && at - from < MOST_ADDRESS {
        let token = &page.tokens[at];
        if page.claimed(at).is_some_and(|kind| kind != Kind::Place) {
            break;
        }
        let short = page.before(at, 1).is_some_and(|before| before.is_word() && before.text.len() <= 4);
        let passes = match token.mark() {
            Some(mark) => {
                ",-/>\\#?()".contains(mark) && !(mark == '?' && token.gap == Gap::None)
                    || mark == '.' && (short && page.gap(at + 1) != Gap::Line || page.gap(at + 1) == Gap::None)
            }
            None if token.is_digits() => token.text.len() <= 6 && !unit(page, at + 1),
            None => continues(page, at),
        };
        if !passes && !empty_line(page, at) {
            break;
        }
        at += 1;
        if page.tokens[at - 1].mark().is_none() {
            last = at;
        }
    }
    page.claim(from..last, Kind::Place);
    last.max(from)
}

/// Whether a line holds one word and the next a number only, as forms print what was left out: "nan", "n/a".
fn empty_line(page: &Page, at: usize) -> bool {
    let number = page.token(at + 1).is_some_and(|next| next.is_digits() && (4..=6).contains(&next.text.len()));
    let alone = page.gap(at) == Gap::Line || page.is_mark(at - 1, ',') && page.gap(at - 1) == Gap::Line;
    alone && page.gap(at + 1) == Gap::Line && number && page.gap(at + 2) == Gap::Line
}

/// Whether a word goes on with an address.
fn continues(page: &Page, at: usize) -> bool {
    let token = &page.tokens[at];
    if !token.is_capital() && token.shape != Shape::Mixed {
        return (page.is_sign("particle", at) || page.is_sign("place-particle", at))
            && page.token(at + 1).is_some_and(Token::is_capital)
            && page.gap(at) == Gap::Blank
            || token.gap == Gap::None && token.text.len() <= 2;
    }
    // "Phone:", "I am", "Please": a line or a sentence of another matter.
    if page.is_mark(at + 1, ':')
        || token.is("i")
        || page.kept(at) == Kept::No && page.lexicon.is_sign("filler", &token.text)
    {
        return false;
    }
    let known = page.lexicon.is_known(token.stem()) && page.kept(at) == Kept::No;
    let after_stop = page.before(at, 1).is_some_and(|before| before.mark() == Some('.'));
    let sentence = page.token(at + 1).is_some_and(|next| {
        next.shape == Shape::Lower && next.is_word() && page.lexicon.is_known(&next.text) && next.gap == Gap::Blank
    });
    !(known && (after_stop || token.gap == Gap::Line && sentence))
}
