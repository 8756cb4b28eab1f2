//! Which pieces are places smaller than a state: streets, towns, postcodes, hospitals, coordinates?

use std::ops::Range;

use super::Kind;
use super::addresses::address;
use super::fold::{Gap, Shape};
use super::page::{Case, Kept, Page};
use super::streets::{dwelling, numbered, street, street_first, unit};

pub(super) fn mark(page: &mut Page) {
    for at in 0..page.len() {
        postcode(page, at);
        coordinates(page, at);
    }
    for at in 0..page.len() {
        street(page, at);
        street_first(page, at);
        dwelling(page, at);
        numbered(page, at);
    }
    for at in 0..page.len() {
        city(page, at);
        led(page, at);
        organisation(page, at);
        zip(page, at);
    }
    address(page);
}

/// Postal numbers that only what stands around them tells: behind a town or a country, or alone on a line under a name.
/// Runs when names are known.
pub(super) fn finish(page: &mut Page) {
    for at in 1..page.len() {
        let length = page.tokens[at].text.len();
        if !page.is_free(at)
            || !page.tokens[at].is_digits()
            || !(3..=7).contains(&length) && !split(page, at)
            || unit(page, at + 1)
        {
            continue;
        }
        let before = &page.tokens[at - 1];
        let state = before.shape == Shape::Upper
            && before.text.len() <= 3
            && at > 1
            && (page.claimed(at - 2).is_some() || page.kept(at - 2) != Kept::No || page.gap(at - 1) == Gap::Line);
        let country = page.kept(at - 1) != Kept::No && before.is_capital() && before.shape == Shape::Title || state;
        let behind =
            page.gap(at) == Gap::Blank && (matches!(page.claimed(at - 1), Some(Kind::Place | Kind::Name)) || country);
        let year = page.tokens[at].value().is_some_and(|value| (1800..2100).contains(&value)) && length == 4;
        let mut end = at + 1;
        if page.is_mark(end, '-') && page.token(end + 1).is_some_and(|next| next.is_digits() && next.gap == Gap::None) {
            end += 2;
        }
        // "394 13", "7412 SL"
        let second = page.token(end).is_some_and(|next| {
            next.gap == Gap::Blank
                && next.mark().is_none()
                && next.text.len() <= 3
                && (next.is_digits() && !unit(page, end + 1) || next.shape == Shape::Upper && next.text.len() == 2)
        });
        end += usize::from(second && end == at + 1);
        let alone = (page.gap(at) == Gap::Line || before.mark().is_some_and(|mark| ">?,".contains(mark)))
            && page.gap(end) == Gap::Line;
        let under =
            (1..=15).any(|back| back <= at && matches!(page.claimed(at - back), Some(Kind::Place | Kind::Name)));
        let town = behind && (!year || page.gap(end) == Gap::Line);
        if town || alone && under {
            page.claim(at..end, Kind::Place);
        }
    }
}

/// "53-320"
pub(super) fn split(page: &Page, at: usize) -> bool {
    page.text(at).len() == 2
        && page.is_mark(at + 1, '-')
        && page.token(at + 2).is_some_and(|next| next.is_digits() && next.text.len() == 3 && next.gap == Gap::None)
}

/// Tokens without a mark that are glued, from `at`.
fn solid(page: &Page, at: usize) -> Range<usize> {
    let mut end = at;
    while page.token(end).is_some_and(|token| token.mark().is_none()) && (end == at || page.gap(end) == Gap::None) {
        end += 1;
    }
    at..end
}

/// Postcodes that are known by their form, in one piece or two.
pub(super) fn postcode(page: &mut Page, at: usize) {
    let glued = page.gap(at) == Gap::None && page.before(at, 1).is_some_and(|before| before.mark().is_none());
    if glued || !page.is_free(at) {
        return;
    }
    let first = solid(page, at);
    if first.is_empty() {
        return;
    }
    let one = page.joined(first.clone());
    let blank = page.gap(first.end) == Gap::Blank || page.is_mark(first.end, '-');
    let dash = usize::from(page.is_mark(first.end, '-'));
    let second = if blank { solid(page, first.end + dash) } else { first.end..first.end };
    let two = page.joined(second.clone());
    let whole = [one.as_str(), two.as_str()];
    let capitals =
        page.tokens[second.clone()].iter().filter(|token| token.is_word()).all(|token| token.shape == Shape::Upper);
    if !two.is_empty()
        && (british(&one, &two) || canadian(&one, &two) || irish(&one, &two) || dash == 0 && capitals && dutch(whole))
    {
        page.claim(first.start..second.end, Kind::Place);
    } else if one.len() >= 5 && one.is_ascii() {
        let (head, tail) = one.split_at(one.len() - 3);
        let (routing, unique) = one.split_at(3);
        if british(head, tail) || canadian(head, tail) || one.len() == 7 && irish(routing, unique) {
            page.claim(first, Kind::Place);
        }
    }
}

fn form(text: &str, pattern: &str) -> bool {
    let fits = |(c, sign): (u8, u8)| match sign {
        b'A' => c.is_ascii_alphabetic(),
        b'9' => c.is_ascii_digit(),
        _ => c.is_ascii_alphanumeric(),
    };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

/// `SW1A 1AA`: the last two letters are never C, I, K, M, O or V.
fn british(outward: &str, inward: &str) -> bool {
    let out = ["A9", "A99", "A9A", "AA9", "AA99", "AA9A"].iter().any(|pattern| form(outward, pattern));
    let ordinal = matches!(inward.get(1..), Some("st" | "nd" | "rd" | "th"));
    out && form(inward, "9AA") && !ordinal && !inward[1..].contains(['c', 'i', 'k', 'm', 'o', 'v'])
}

fn canadian(first: &str, second: &str) -> bool {
    form(first, "A9A") && form(second, "9A9")
}

fn irish(routing: &str, unique: &str) -> bool {
    let mixed = unique.bytes().any(|c| c.is_ascii_digit()) && unique.bytes().any(|c| c.is_ascii_alphabetic());
    let spelt = |c: u8| c.is_ascii_digit() || b"acdefhknprtvwxy".contains(&c);
    (form(routing, "A99") || routing == "d6w")
        && unique.bytes().all(spelt)
        && unique.len() == 4
        && mixed
        && unique.bytes().all(|c| c.is_ascii_alphanumeric())
}

fn dutch([first, second]: [&str; 2]) -> bool {
    form(first, "9999") && form(second, "AA") && !matches!(second, "mg" | "ml" | "iu" | "am" | "pm")
}

/// Five digits (and four) after a state, or after a town that was found.
fn zip(page: &mut Page, at: usize) {
    let five = page.token(at).is_some_and(|token| token.is_digits() && token.text.len() == 5) && page.is_free(at);
    let Some(before) = page.before(at, 1).filter(|_| five) else { return };
    let mut back = at - 1;
    if before.mark().is_some() && back > 0 {
        back -= 1;
    }
    let state = page.tokens[back].shape == Shape::Upper && page.text(back).len() == 2
        || page.lexicon.stays(page.text(back)) && page.tokens[back].is_capital();
    if state || page.claimed(back) == Some(Kind::Place) {
        let more = page.is_mark(at + 1, '-') && page.token(at + 2).is_some_and(|token| token.text.len() == 4);
        page.claim(at..at + 1 + 2 * usize::from(more), Kind::Place);
    }
}

/// `51.5074, -0.1278`.
fn coordinates(page: &mut Page, at: usize) {
    let decimal = |at: usize| {
        let whole = page.token(at).is_some_and(|token| token.is_digits() && token.text.len() <= 3);
        whole
            && page.is_mark(at + 1, '.')
            && page
                .token(at + 2)
                .is_some_and(|token| token.is_digits() && token.text.len() >= 3 && token.gap == Gap::None)
    };
    if !decimal(at) {
        return;
    }
    let next = (at + 3..at + 8).find(|next| decimal(*next));
    let between = next.is_some_and(|next| {
        page.tokens[at + 3..next].iter().all(|token| {
            token.mark().is_some()
                || matches!(token.text.as_str(), "n" | "s" | "e" | "w" | "and" | "lon" | "long" | "longitude")
        })
    });
    if let Some(next) = next.filter(|_| between) {
        let end = next + 3 + usize::from(page.is_mark(next + 3, '°'));
        let end = end + usize::from(matches!(page.text(end), "n" | "s" | "e" | "w"));
        page.claim(at..end, Kind::Place);
    }
}

/// Whether a capital at `at` tells of a name: it is not the first word of a sentence, nor of a headline.
pub(super) fn tells(page: &Page, at: usize) -> bool {
    page.tokens[at].is_capital() && page.case[at] == Case::Sentence && !page.begins_sentence(at)
}

/// A word that no list of everyday or medical words holds.
pub(super) fn is_unknown(page: &Page, at: usize) -> bool {
    page.tokens[at].is_word()
        && page.kept(at) == Kept::No
        && page.text(at).len() >= 3
        && !page.lexicon.is_known(page.tokens[at].stem())
}

/// Towns of the list.
fn city(page: &mut Page, at: usize) {
    if !page.tokens[at].is_word() || !page.is_free(at) || page.kept(at) == Kept::Always {
        return;
    }
    let preceded = page.before(at, 1).is_some_and(|before| page.lexicon.is_sign("place-before", before.stem()));
    let mut joined = String::new();
    let mut end = at;
    let mut longest = None;
    while end < (at + 4).min(page.len()) && page.tokens[end].is_word() && (end == at || page.gap(end) == Gap::Blank) {
        if end > at {
            joined.push('_');
        }
        joined.push_str(page.tokens[end].stem());
        end += 1;
        if end > at + 1 && page.lexicon.is_city(&joined) {
            longest = Some(end);
        }
    }
    if let Some(end) = longest {
        let known = (at..end).all(|word| page.lexicon.is_known(page.text(word)));
        if page.tokens[at].is_capital() && page.tokens[end - 1].is_capital()
            || preceded && !known
            || preceded && page.tokens[at].is_capital()
        {
            page.claim(at..end, Kind::Place);
            return;
        }
    }
    let stem = page.tokens[at].stem();
    if !page.lexicon.is_city(stem) || page.kept(at) != Kept::No {
        return;
    }
    let known = page.lexicon.is_known(stem);
    if page.lexicon.is_given(stem) && !preceded {
        return;
    }
    let capital = page.tokens[at].is_capital()
        && page.case[at] == Case::Sentence
        && (page.tokens[at].shape != Shape::Upper || stem.len() > 4);
    let length = stem.len();
    let sure = if known {
        capital && preceded && tells(page, at)
    } else {
        capital
            || preceded && length >= 4
            || length >= 5 && !page.lexicon.is_name(stem) && !page.lexicon.is_eponym(stem)
    };
    if sure {
        page.claim(at..at + 1, Kind::Place);
    }
}

/// "from Kenosha", "i live in zutphen": a word that nobody knows behind one that leads to a place.
fn led(page: &mut Page, at: usize) {
    let Some(before) = page.before(at, 1).map(|token| token.stem().to_owned()) else { return };
    if !page.lexicon.is_sign("place-before", &before) || !page.is_free(at) || !page.tokens[at].is_word() {
        return;
    }
    let verb = page.before(at, 2).is_some_and(|verb| {
        matches!(
            verb.text.as_str(),
            "live"
                | "lives"
                | "living"
                | "lived"
                | "moved"
                | "moving"
                | "based"
                | "grew"
                | "travelled"
                | "travelling"
                | "traveled"
                | "traveling"
                | "flew"
                | "flight"
                | "originally"
                | "up"
                | "i'm"
                | "im"
                | "am"
                | "back"
                | "visited"
                | "holiday"
                | "trip"
        )
    });
    // "in Port Whangarei", "from Pines Beach": two capitals are one town, though each may be a word.
    let two = tells(page, at)
        && tells_on(page, at + 1)
        && !page.lexicon.is_clinical(page.text(at))
        && !page.lexicon.is_clinical(page.text(at + 1))
        && page.kept(at) == Kept::No
        && !is_sense(page, at);
    let capital = tells(page, at) && is_unknown(page, at) || two;
    let lower = verb
        && is_unknown(page, at)
        && !page.lexicon.is_slip(page.text(at))
        && page.tokens[at].shape == Shape::Lower
        && page.text(at).len() >= 4;
    if !(capital || lower) || !verb && page.tokens[at].shape == Shape::Upper && page.text(at).len() <= 4 {
        return;
    }
    let mut end = at + 1;
    while end < page.len() && page.gap(end) <= Gap::Blank && page.is_free(end) && capital {
        let joins = page.is_mark(end, '-') && page.gap(end) == Gap::None
            || page.tokens[end].is_capital() && page.kept(end) == Kept::No && page.case[end] == Case::Sentence;
        if !joins {
            break;
        }
        end += 1;
    }
    page.claim(at..end, Kind::Place);
}

/// A second capital right behind a first.
fn tells_on(page: &Page, at: usize) -> bool {
    page.token(at).is_some_and(|token| token.shape == Shape::Title && token.gap == Gap::Blank)
        && tells(page, at)
        && page.kept(at) == Kept::No
}

/// Words that no town begins with.
fn is_sense(page: &Page, at: usize) -> bool {
    page.is_sign("filler", at) || page.is_sign("month", at) || page.is_sign("title", at)
}

/// "St Mary's Hospital", "Greenfield Primary School", "University of Leeds".
fn organisation(page: &mut Page, at: usize) {
    if !page.lexicon.is_sign("org", page.tokens[at].stem())
        || !page.tokens[at].is_capital()
        || page.case[at] != Case::Sentence
    {
        return;
    }
    if page.is("of", at + 1)
        && page.token(at + 2).is_some_and(|next| next.is_capital() && next.gap == Gap::Blank)
        && is_unknown(page, at + 2)
    {
        page.claim(at..at + 3, Kind::Place);
        return;
    }
    let mut start = at;
    let mut named = false;
    while start > 0 && page.gap(start) <= Gap::Blank && at - start < 6 {
        let token = &page.tokens[start - 1];
        let joins = token.is_capital() || matches!(token.mark(), Some('\'' | '-' | '.' | '&')) || token.is("of");
        let first = page.begins_sentence(start - 1)
            && (page.lexicon.is_known(&token.text) && !page.lexicon.is_name(token.stem()));
        if !joins || first || page.lexicon.is_sign("filler", &token.text) && !token.is("of") {
            break;
        }
        let stem = token.stem();
        let told = page.lexicon.is_sign("org-always", page.text(at))
            || token.is("st")
            || page.lexicon.is_given(stem)
            || page.lexicon.is_city(stem)
            || !page.lexicon.is_known(stem);
        named |= token.is_word()
            && told
            && !page.lexicon.is_sign("org", stem)
            && !token.is("of")
            && page.kept(start - 1) == Kept::No;
        start -= 1;
    }
    while start < at && !page.tokens[start].is_capital() {
        start += 1;
    }
    if named {
        page.claim(start..at + 1, Kind::Place);
    }
}

impl Page {
    /// Whether a word ends as streets do in tongues that write them in one: "Hauptstrasse", "Koskikatu".
    pub(super) fn lexicon_street_ending(&self, at: usize) -> bool {
        let word = self.text(at);
        let bounds = (4..word.len().saturating_sub(2)).filter(|cut| word.is_char_boundary(*cut));
        bounds.into_iter().any(|cut| self.lexicon.is_sign("street-ending", &word[cut..]))
    }
}
