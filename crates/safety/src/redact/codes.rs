//! Which number or code does a word announce? "MRN", "policy number", "my passport is", "serial no".

use std::ops::Range;

use super::Kind;
use super::fold::{Gap, Shape, Token};
use super::page::Page;

/// Words and marks that may stand between the announcement and the number.
const MOST_FILLERS: usize = 7;

/// Signs that a code may run to: an IBAN has 34.
const MOST_SIGNS: usize = 40;

pub(super) fn mark(page: &mut Page) {
    for at in 0..page.len() {
        if page.tokens[at].mark().is_some() {
            continue;
        }
        let cue = page.lexicon.cue(page.text(at), |next| Some(page.text(at + 1 + next)));
        let Some((more, kind)) = cue else { continue };
        let from = at + 1 + more;
        let Some((value, stated)) = after_fillers(page, from) else { continue };
        if let Some(end) = code(page, value, kind) {
            page.claim(value..end, kind);
        } else if kind == Kind::Code && stated {
            secret(page, at, value);
        }
    }
}

/// Where the number begins, and whether "is" or a colon stands before it.
fn after_fillers(page: &Page, from: usize) -> Option<(usize, bool)> {
    let mut stated = false;
    for at in from..from + MOST_FILLERS {
        let token = page.token(at)?;
        let filler = if let Some(mark) = token.mark() {
            stated |= matches!(mark, ':' | '=');
            ":#=-.,(\"'/".contains(mark)
        } else {
            stated |= matches!(token.text.as_str(), "is" | "was" | "its" | "it's");
            let marked = || page.tokens.get(at + 1).and_then(Token::mark).is_some_and(|mark| ":.#,".contains(mark));
            token.is_word()
                && page.lexicon.is_sign("filler", &token.text)
                && (page.gap(at + 1) != Gap::None || marked())
        };
        if !filler {
            return Some((at, stated));
        }
    }
    None
}

/// Where a code that begins at `from` ends, if there is one.
fn code(page: &Page, from: usize, kind: Kind) -> Option<usize> {
    let mut end = from;
    let mut digits = 0;
    let mut letters = 0;
    loop {
        let chunk = end..trimmed(page, end..page.chunk_end(end));
        let (here_digits, here_letters) = signs(page, chunk.clone());
        let leads = digits + here_digits == 0 && here_letters > 0;
        if leads {
            // "AB 12 34": letters first, if few and followed by digits.
            let few = here_letters <= 2
                || here_letters <= 5
                    && page.tokens[chunk.clone()].iter().all(|token| !token.is_word() || token.is_capital());
            let next = page.token(chunk.end).is_some_and(|next| next.is_digits() && next.gap == Gap::Blank);
            if !few || !next || digits + letters > 0 {
                return None;
            }
        } else if here_digits == 0 && !tail(page, &chunk, kind, digits)
            || digits + letters + here_digits + here_letters > MOST_SIGNS
        {
            break;
        } else if digits > 0 && (quantity(page, &chunk) || page.tokens[end].is_word() && !spaced(page, end)) {
            // "GEN-HU-00917 BRCA1": what begins with letters is a word of its own.
            break;
        }
        if chunk.is_empty() {
            break;
        }
        digits += here_digits;
        letters += here_letters;
        let whole = chunk.end == page.chunk_end(end);
        end = chunk.end;
        let goes_on = whole
            && page.gap(end) == Gap::Blank
            && page
                .token(end)
                .is_some_and(|next| next.mark().is_none() || page.is_mark(end, '-') || page.is_mark(end, '/'));
        if !goes_on {
            break;
        }
        if page.tokens[end].mark().is_some() {
            // "1234 - 5678"
            if !page.token(end + 1).is_some_and(Token::is_digits) {
                break;
            }
            end += 1;
        }
    }
    let enough = digits >= 3 || digits >= 2 && digits + letters >= 4 || kind == Kind::Date && digits >= 4;
    let alone = end == from + 1 && page.tokens[from].is_digits();
    let year = alone && page.tokens[from].value().is_some_and(|value| (1900..2100).contains(&value) && digits == 4);
    let spoken_of = page.before(from, 1).is_some_and(|before| {
        matches!(before.text.as_str(), "in" | "of" | "to" | "on")
            || before.is_word() && !page.lexicon.is_sign("filler", &before.text)
    });
    let decimal = end == from + 3 && page.is_mark(from + 1, '.') && digits < 7;
    let refused = year && spoken_of && kind != Kind::Date
        || decimal
        || alone && digits < 6 && page.is_sign("unit", end) && kind != Kind::Place
        || letters > 0 && only_units(page, from..end);
    (enough && !refused).then_some(end)
}

/// Letters that close a code: "QQ 12 34 56 C", "AB12 CDE".
fn tail(page: &Page, chunk: &Range<usize>, kind: Kind, digits: usize) -> bool {
    let Some(token) = page.token(chunk.start).filter(|token| chunk.len() == 1 && token.is_word() && digits > 0) else {
        return false;
    };
    let length = token.text.chars().count();
    let capitals =
        token.shape == Shape::Upper && length <= 3 || length == 1 && token.shape == Shape::Title && !token.is("i");
    let plate = kind == Kind::Vehicle && length == 3 && digits == 2 && !token.is("and");
    let insured = kind == Kind::NationalId && length == 1 && digits >= 6 && !token.is("i");
    let sense = page.lexicon.is_sign("unit", &token.text)
        || page.lexicon.is_known(&token.text) && length > 1
        || page.gap(chunk.end) == Gap::Blank && length <= 3 && !spaced(page, chunk.start);
    capitals && !sense || plate || insured
}

/// Whether what stands before a tail is short, as the groups of a code are: "12 34 56 C", "4471 TB treatment" is none.
fn spaced(page: &Page, at: usize) -> bool {
    page.before(at, 1).is_some_and(|before| before.text.len() <= 3)
}

/// Digits with a unit after them: "5 mg".
fn quantity(page: &Page, chunk: &Range<usize>) -> bool {
    chunk.len() == 1
        && page.tokens[chunk.start].is_digits()
        && page.tokens[chunk.start].text.len() <= 4
        && page.is_sign("unit", chunk.end)
        // "34 56 C" is no temperature.
        && !(page.text(chunk.end).len() == 1 && page.tokens[chunk.end].is_capital())
}

/// Whether all letters of a range are units: "500mg/125mg".
pub(super) fn only_units(page: &Page, range: Range<usize>) -> bool {
    let ends = page.tokens[range.start].is_digits() && page.tokens[range.end - 1].is_word();
    let words = || page.tokens[range.clone()].iter().filter(|token| token.is_word());
    let long = words().count() == 1 || words().any(|token| token.text.len() > 1);
    ends && long && words().all(|token| page.lexicon.is_sign("unit", &token.text))
}

/// How many digits and letters stand in a range.
pub(super) fn signs(page: &Page, range: Range<usize>) -> (usize, usize) {
    page.tokens[range].iter().fold((0, 0), |(digits, letters), token| match token.mark() {
        Some(_) => (digits, letters),
        None if token.is_digits() => (digits + token.text.len(), letters),
        None => (digits, letters + token.text.chars().count()),
    })
}

/// A range without the marks at its end.
fn trimmed(page: &Page, range: Range<usize>) -> usize {
    let mut end = range.end;
    while end > range.start && page.tokens[end - 1].mark().is_some_and(|mark| !"*".contains(mark)) {
        end -= 1;
    }
    end
}

/// Names of accounts and secrets need no digit: "username is jane.doe", "password: Sunshine".
fn secret(page: &mut Page, cue: usize, value: usize) {
    let end = trimmed(page, value..page.chunk_end(value));
    if end <= value || page.tokens[value].mark().is_some() {
        return;
    }
    let hidden =
        matches!(page.text(cue), "password" | "passcode" | "memorable" | "secret" | "username" | "login" | "handle");
    let joined = page.tokens[value..end].iter().any(|token| token.mark().is_some_and(|mark| "._-".contains(mark)));
    let unknown = page.tokens[value..end].iter().any(|token| token.is_word() && !page.lexicon.is_known(token.stem()));
    if hidden || joined && unknown || unknown && page.text(value).len() >= 5 {
        page.claim(value..end, Kind::Code);
    }
}
