//! Which words beside a name belong to it, and where does it stand again?

use super::Kind;
use super::fold::{Gap, Shape, Token};
use super::page::{Case, Kept, Page};

/// The words beside a name that belong to it: initials, particles, second names.
pub(super) fn spread(page: &mut Page) {
    for at in 0..page.len() {
        // "Alice" may have been taken for the town, "Alice Goldberg" is none.
        let town = page.claimed(at) == Some(Kind::Place)
            && page.tokens[at].is_capital()
            && page.lexicon.is_given(page.tokens[at].stem());
        if page.claimed(at) == Some(Kind::Name) || town {
            onwards(page, at);
        }
    }
    for at in (0..page.len()).rev() {
        if page.claimed(at) == Some(Kind::Name) {
            backwards(page, at);
        }
    }
}

fn onwards(page: &mut Page, at: usize) {
    let mut end = at + 1;
    // The words of one name stand on one line.
    while end < page.len() && end - at < 8 && page.gap(end) <= Gap::Blank && page.is_free(end) {
        let token = &page.tokens[end];
        let joins = match token.mark() {
            Some('-' | '\'') => {
                page.gap(end) == Gap::None
                    && page.gap(end + 1) == Gap::None
                    && page.token(end + 1).is_some_and(Token::is_word)
            }
            Some('.') => page.text(end - 1).len() == 1,
            Some(_) => false,
            None => belongs(page, end, end - at == 1),
        };
        if !joins {
            break;
        }
        end += 1;
    }
    while end > at + 1
        && (page.tokens[end - 1].mark().is_some()
            || page.is_sign("particle", end - 1) && !page.tokens[end - 1].is_capital())
    {
        end -= 1;
    }
    page.claim(at..end, Kind::Name);
}

/// Whether a word goes on with a name.
fn belongs(page: &Page, at: usize, next: bool) -> bool {
    let token = &page.tokens[at];
    let stem = token.stem();
    // "Sarah Jordan"
    let country = page.kept(at) == Kept::Usually
        && token.shape == Shape::Title
        && page.before(at, 1).is_some_and(|before| page.lexicon.is_given_always(before.stem()));
    if page.kept(at) != Kept::No && !country || !token.is_word() {
        return false;
    }
    let (known, listed) = (page.lexicon.is_known(stem), page.lexicon.is_name(stem));
    if page.is_sign("particle", at) && !token.is_capital() {
        return page.token(at + 1).is_some_and(|after| {
            after.is_word()
                && (after.is_capital() || page.lexicon.is_surname(after.stem()) && !page.lexicon.is_known(after.stem()))
        });
    }
    if token.is_capital() && page.case[at] == Case::Sentence {
        let initial = token.text.len() == 1 && !token.is("i");
        let abbreviation = token.shape == Shape::Upper
            && token.text.len() <= 4
            && !listed
            && page.tokens[at - 1].shape != Shape::Upper;
        // A surname may be a word of medicine; an everyday word behind a name is none of it.
        let ends = page.gap(at + 1) == Gap::Line
            || page.token(at + 1).is_some_and(|next| next.mark().is_some_and(|mark| ",.:;)".contains(mark)));
        let closes = ends && page.before(at, 1).is_some_and(|before| page.lexicon.is_given_always(before.stem()));
        let dotted = page.is_mark(at - 1, '.') && page.before(at, 2).is_some_and(|before| before.text.len() == 1);
        return initial
            || dotted
            || !abbreviation
                && (!known || listed || closes || page.lexicon.is_clinical(stem))
                && !page.is_sign("month", at);
    }
    // "eric g. samoylova"
    let initial = token.shape == Shape::Lower && token.text.len() == 1 && !matches!(token.text.as_str(), "i" | "a");
    if initial {
        let after = at + 1 + usize::from(page.is_mark(at + 1, '.'));
        return page.token(after).is_some_and(|after| {
            after.is_word()
                && after.shape == Shape::Lower
                && after.text.len() > 2
                && !page.lexicon.is_known(after.stem())
        });
    }
    let second = next || page.before(at, 1).is_some_and(|before| before.text.len() == 1 || before.mark() == Some('.'));
    second
        && token.shape == Shape::Lower
        && !known
        && stem.len() >= 3
        && (listed || !page.lexicon.is_slip(stem))
        && !page.lexicon.is_eponym(stem)
}

fn backwards(page: &mut Page, at: usize) {
    let mut start = at;
    while start > 0 && at - start < 5 && page.gap(start) <= Gap::Blank && page.is_free(start - 1) {
        let token = &page.tokens[start - 1];
        let before = start - 1;
        let joins = match token.mark() {
            Some('-') => {
                page.gap(start) == Gap::None
                    && page.gap(before) == Gap::None
                    && before > 0
                    && page.tokens[before - 1].is_capital()
            }
            Some('.') => before > 0 && page.text(before - 1).len() == 1 && page.tokens[before - 1].is_capital(),
            Some(_) => false,
            None => {
                let initial = token.is_capital() && token.text.len() == 1 && !token.is("i") && !token.is("a");
                let capital = token.is_capital()
                    && page.case[before] == Case::Sentence
                    && page.kept(before) == Kept::No
                    && token.text.len() > 1;
                let sense = page.lexicon.is_known(token.stem()) && !page.lexicon.is_name(token.stem());
                let first = page.begins_sentence(before)
                    && page.lexicon.is_known(token.stem())
                    && !page.lexicon.is_given(token.stem());
                let title = page.lexicon.is_sign("title", &token.text) || page.lexicon.is_sign("kin", &token.text);
                initial
                    || capital
                        && !sense
                        && !first
                        && !title
                        && !page.is_sign("month", before)
                        && !page.is_sign("weekday", before)
            }
        };
        if !joins {
            break;
        }
        start -= 1;
    }
    page.claim(start..at, Kind::Name);
}
