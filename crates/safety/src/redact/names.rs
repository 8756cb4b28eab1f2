//! Which words are names of people?
//!
//! Three kinds of evidence: what stands before a word ("Dr", "my name is", "my son"), how it is written (a capital in the
//! middle of a sentence), and whether any list knows it. A word with a capital that no list of everyday or medical words
//! holds is taken for a name: a log that lost a rare word is better than one that kept a person.

use super::Kind;
use super::fold::{Gap, Shape, Token};
use super::page::{Case, Kept, Page};
use super::places::{is_unknown, tells};
use super::spread::spread;

/// Words of one name: "Maria del Carmen García Lorca".
const MOST_WORDS: usize = 6;

pub(super) fn mark(page: &mut Page) {
    for at in 0..page.len() {
        titled(page, at);
        introduced(page, at);
        related(page, at);
        signed(page, at);
        paired(page, at);
    }
    for at in 0..page.len() {
        if page.is_free(at) && page.tokens[at].is_word() && is_name(page, at) {
            let end = page.chunk_end(at).min(at + 1);
            page.claim(at..end, Kind::Name);
        }
    }
    spread(page);
    for at in 0..page.len() {
        if page.claimed(at) == Some(Kind::Name) {
            underscored(page, at);
        }
    }
}

/// Whether `at` may be part of a name where something before it says that a name comes.
fn may_be_name(page: &Page, at: usize) -> bool {
    let Some(token) = page.token(at).filter(|token| token.is_word() && page.is_free(at)) else { return false };
    if page.kept(at) == Kept::Always {
        return false;
    }
    let stem = token.stem();
    let listed = page.lexicon.is_name(stem);
    let known = page.lexicon.is_known(stem);
    match token.shape {
        Shape::Title | Shape::Upper if page.case[at] == Case::Sentence => {
            !known || listed || !page.lexicon.is_clinical(stem)
        }
        _ => listed && !known || !known && token.text.len() >= 3 && !page.lexicon.is_slip(stem),
    }
}

/// Where a name that begins at `at` ends, at most `most` words on.
fn name_end(page: &Page, at: usize, most: usize) -> usize {
    let mut end = at;
    let mut words = 0;
    while end < page.len() && words < most && (end == at || page.gap(end) <= Gap::Blank) {
        let initial = page.tokens[end].is_word()
            && page.text(end).len() == 1
            && page.tokens[end].is_capital()
            && !page.is("i", end);
        let joins = end > at
            && (matches!(page.tokens[end].mark(), Some('-' | '\''))
                && page.gap(end) == Gap::None
                && page.gap(end + 1) == Gap::None
                || page.is_mark(end, '.') && page.text(end - 1).len() <= 2
                || page.is_sign("particle", end)
                    && page.gap(end) != Gap::None
                    && page.token(end + 1).is_some_and(|next| {
                        may_be_name(page, end + 1) && (next.is_capital() || !page.lexicon.is_known(&next.text))
                    }));
        if !(may_be_name(page, end) || initial || joins) {
            break;
        }
        words += usize::from(page.tokens[end].is_word());
        end += 1;
    }
    while end > at && page.tokens[end - 1].mark().is_some() {
        end -= 1;
    }
    end
}

/// "Dr Smith", "Mrs. O'Brien", "Nurse Adeyemi".
fn titled(page: &mut Page, at: usize) {
    if !page.is_sign("title", at) || !page.tokens[at].is_word() {
        return;
    }
    let dot = page.is_mark(at + 1, '.') && page.gap(at + 1) == Gap::None;
    let from = at + 1 + usize::from(dot);
    let word = page.is_sign("title-word", at);
    let Some(next) = page.token(from).filter(|next| next.is_word() && next.gap <= Gap::Blank) else { return };
    let listed = page.lexicon.is_name(next.stem()) && !page.lexicon.is_known(next.stem());
    let capital = next.is_capital()
        && page.case[from] == Case::Sentence
        && (!word || !page.lexicon.is_known(next.stem()) || page.lexicon.is_name(next.stem()));
    let lower = next.shape == Shape::Lower
        && (listed
            || !word && !page.lexicon.is_known(next.stem()) && next.text.len() >= 2
            || !word && !dot && page.lexicon.is_surname(next.stem()) && !is_function(page, from));
    let shouted = page.case[from] == Case::Shouted
        && next.is_capital()
        && (!page.lexicon.is_known(next.stem()) || page.lexicon.is_name(next.stem()));
    if !(capital || lower || shouted)
        || page.kept(from) == Kept::Always
        || dot && word && page.begins_sentence(from) && page.text(at).len() > 3
    {
        return;
    }
    let end = name_end(page, from, if lower { 2 } else { MOST_WORDS }).max(from + 1);
    page.claim(from..end, Kind::Name);
}

/// Words that join others and name nobody.
fn is_function(page: &Page, at: usize) -> bool {
    page.lexicon.is_sign("filler", page.text(at))
        || page.lexicon.is_sign("says", page.text(at))
        || page.text(at).len() < 3
}

/// "my name is", "called", "I'm", "Dear", "Name:".
fn introduced(page: &mut Page, at: usize) {
    let text = |at: usize| page.text(at);
    let is =
        |at: usize| matches!(text(at), "is" | "was" | "are" | "'s") || page.is_mark(at, ':') || page.is_mark(at, '=');
    let named = matches!(
        page.tokens[at].stem(),
        "name" | "names" | "forename" | "surname" | "firstname" | "lastname" | "nickname" | "alias" | "username"
    );
    let (from, sure) = if named && (is(at + 1) || page.text(at).ends_with("'s")) {
        (at + 1 + usize::from(is(at + 1)), true)
    } else if named && page.is_mark(at + 1, '?') {
        (at + 2, true)
    } else if page.is_sign("identify", at)
        || matches!(text(at), "call" | "calls") && matches!(text(at + 1), "me" | "him" | "her" | "them")
    {
        let pronoun = usize::from(matches!(text(at + 1), "me" | "him" | "her" | "them"));
        (at + 1 + pronoun + usize::from(is(at + 1 + pronoun)), true)
    } else if matches!(text(at), "i'm" | "im" | "dear" | "hi" | "hello" | "hey")
        || text(at) == "am" && page.before(at, 1).is_some_and(|i| i.is("i"))
        || text(at) == "is" && page.before(at, 1).is_some_and(|this| this.is("this") || this.is("it"))
        || matches!(text(at), "patient" | "client" | "user" | "regarding" | "re" | "attn" | "signed" | "from" | "bot")
            && page.is_mark(at + 1, ':')
    {
        (at + 1 + usize::from(page.is_mark(at + 1, ':')), false)
    } else {
        return;
    };
    let mut from = from;
    while page.token(from).is_some_and(|token| {
        matches!(token.mark(), Some('"' | '\'' | '*' | '>' | ':'))
            || matches!(
                token.text.as_str(),
                "dr" | "mr" | "mrs" | "ms" | "miss" | "really" | "actually" | "it's" | "its"
            )
            || matches!(token.text.as_str(), "user") && page.is_mark(from + 1, ':')
    }) {
        from += 1;
    }
    let Some(next) = page.token(from).filter(|next| next.is_word() && page.is_free(from)) else { return };
    let stem = next.stem();
    let (known, listed) = (page.lexicon.is_known(stem), page.lexicon.is_name(stem));
    let capital = next.is_capital() && page.case[from] == Case::Sentence;
    let accepted = if sure {
        // A name by itself, whatever else the word may mean, if it is written as one.
        capital && (!known || listed || named && !is_function(page, from))
            || !capital
                && (listed && (!known || named)
                    || !known
                        && !page.lexicon.is_slip(stem)
                        && next.text.len() >= 3
                        && page.kept(from) != Kept::Usually)
    } else {
        capital && (listed || !known) && page.kept(from) != Kept::Usually
            || !capital && page.lexicon.is_given(stem) && !known
    };
    let called = !named && page.is_sign("identify", at);
    let spoils = page.gap(from + 1) == Gap::None && page.token(from + 1).is_some_and(Token::is_digits)
        || called
            && (page.kept(from) != Kept::No
                || page.lexicon.is_eponym(stem)
                || page.lexicon.is_clinical(stem)
                || next.shape == Shape::Upper && next.text.len() <= 4
                || next.text.len() == 1);
    let clinical = page.lexicon.is_clinical(stem) && !listed;
    if accepted && !spoils && !clinical && page.kept(from) != Kept::Always {
        let mut end = name_end(page, from, MOST_WORDS).max(from + 1);
        // "my name is leidy t muris": behind it, what is no word belongs to it, however near to one.
        while sure
            && named
            && end - from < 4
            && page.gap(end) == Gap::Blank
            && page.token(end).is_some_and(|next| {
                next.is_word()
                    && !page.is("i", end)
                    && !page.is("a", end)
                    && (next.text.len() == 1 || !page.lexicon.is_known(next.stem()))
            })
        {
            end += 1;
        }
        page.claim(from..end, Kind::Name);
    }
}

/// "my son Jayden", "our consultant Okafor".
fn related(page: &mut Page, at: usize) {
    let Some(next) = page.token(at + 1).filter(|next| next.is_word() && next.gap == Gap::Blank && page.is_free(at + 1))
    else {
        return;
    };
    if !page.lexicon.is_sign("kin", page.text(at)) {
        return;
    }
    let stem = next.stem();
    let known = page.lexicon.is_known(stem);
    let listed = page.lexicon.is_name(stem);
    let capital = next.is_capital()
        && page.case[at + 1] == Case::Sentence
        && (listed || !known)
        && !(next.shape == Shape::Upper && next.text.len() <= 4 && !listed);
    let owned = page
        .before(at, 1)
        .is_some_and(|before| matches!(before.text.as_str(), "my" | "our" | "his" | "her" | "their" | "your" | "old"));
    let lower = next.shape == Shape::Lower
        && !known
        && (listed || owned && next.text.len() >= 4 && !page.lexicon.is_slip(stem))
        && page.kept(at + 1) == Kept::No;
    if (capital || lower)
        && page.kept(at + 1) != Kept::Always
        && !(known && page.lexicon.is_clinical(stem) && !listed)
        && !page.is_sign("month", at + 1)
    {
        let end = name_end(page, at + 1, if lower { 2 } else { MOST_WORDS }).max(at + 2);
        page.claim(at + 1..end, Kind::Name);
    }
}

/// "john smith": a given name and a surname behind it are somebody, however they are written. Of "may long" and "mark
/// brown" either word may be one of every day.
fn paired(page: &mut Page, at: usize) {
    let is_part = |at: usize| {
        page.is_free(at)
            && page.token(at).is_some_and(|token| token.is_word() && token.stem().len() >= 3)
            && page.kept(at) == Kept::No
    };
    if !is_part(at) || !is_part(at + 1) || page.gap(at + 1) != Gap::Blank || page.is_sign("month", at) {
        return;
    }
    let (given, surname) = (page.text(at), page.tokens[at + 1].stem());
    // "smith" stands among given names alone.
    let named = page.lexicon.is_given(given) && page.lexicon.is_name(surname);
    let words = page.lexicon.is_known(given) && page.lexicon.is_known(surname);
    let clinical = page.lexicon.is_clinical(given) || page.lexicon.is_clinical(surname);
    if named && !words && !clinical && !is_function(page, at + 1) {
        page.claim(at..at + 2, Kind::Name);
    }
}

/// What is tied to a name by a low line belongs to it, as the end of a handle does.
fn underscored(page: &mut Page, at: usize) {
    let glued = |at: usize| page.gap(at) == Gap::None && page.token(at).is_some();
    let mut end = at + 1;
    while glued(end) && (page.is_mark(end, '_') || page.is_mark(end - 1, '_') && page.tokens[end].mark().is_none()) {
        end += 1;
    }
    page.claim(at..end, Kind::Name);
}

/// "Thanks, Rose", "Kind regards\nGrace Hill".
fn signed(page: &mut Page, at: usize) {
    if !matches!(
        page.text(at),
        "regards"
            | "thanks"
            | "thank"
            | "sincerely"
            | "cheers"
            | "love"
            | "wishes"
            | "faithfully"
            | "thx"
            | "yours"
            | "ta"
            | "you"
            | "xx"
            | "truly"
    ) {
        return;
    }
    let mut from = at + 1;
    while page.token(from).is_some_and(|token| token.mark().is_some_and(|mark| ",.!-~:".contains(mark))) {
        from += 1;
    }
    // "regards tom": behind these two only a name is said.
    let closes = matches!(page.text(at), "regards" | "sincerely");
    let separate = from > at + 1 || page.gap(from) == Gap::Line || closes;
    if !separate || !page.token(from).is_some_and(Token::is_word) {
        return;
    }
    let end = name_end(page, from, 4);
    // Nothing but a kiss may follow.
    let rest = page.tokens[end.max(from)..]
        .iter()
        .all(|token| token.mark().is_some() || token.text.bytes().all(|c| c == b'x'));
    let named =
        page.tokens[from].is_capital() || page.lexicon.is_name(page.tokens[from].stem()) && page.text(from).len() >= 3;
    if rest && named {
        let end = end.max(from + 1);
        page.claim(from..end, Kind::Name);
    }
}

/// Whether a word is a name by what it is and how it is written.
pub(super) fn is_name(page: &Page, at: usize) -> bool {
    let token = &page.tokens[at];
    let stem = token.stem();
    if page.kept(at) != Kept::No || stem.chars().count() < 2 {
        return false;
    }
    if token.text.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
        return foreign(&token.text);
    }
    // Letters beside marks are short forms: "U&Es", "CIWA-Ar", "4 Ts".
    if stem.len() == 2 && (!listed_short(page, at) || token.gap == Gap::None && at > 0) {
        return false;
    }
    // A piece of a code ("HbA1c") is none.
    let glued = |at: usize, other: usize| page.token(other).is_some_and(Token::is_digits) && page.gap(at) == Gap::None;
    if glued(at, at.wrapping_sub(1)) || glued(at + 1, at + 1) {
        return false;
    }
    let (known, listed) = (page.lexicon.is_known(stem), page.lexicon.is_name(stem));
    let eponym = page.lexicon.is_eponym(stem);
    let capital = token.is_capital() && page.case[at] == Case::Sentence;
    let telling = tells(page, at);
    // "TIA" is an abbreviation first.
    let short = token.shape == Shape::Upper && stem.len() <= 4;
    if page.lexicon.is_given_always(stem) && !eponym && !known && !short {
        return true;
    }
    if page.case[at] == Case::Shouted {
        return listed && !known && !eponym && stem.len() >= 4 && token.shape != Shape::Lower
            || unknown_name(page, at) && token.shape == Shape::Title;
    }
    if !capital {
        return false;
    }
    if token.shape == Shape::Upper && (!listed || short) {
        // Short ones are abbreviations.
        return stem.len() >= 6 && is_unknown(page, at) && !page.lexicon.is_slip(stem);
    }
    match (telling, known) {
        (true, true)
            if page.before(at, 1).is_some_and(|before| {
                before.is_capital()
                    && token.gap == Gap::Blank
                    && page.lexicon.is_given(before.stem())
                    && !page.lexicon.is_known(before.stem())
            }) =>
        {
            listed
        }
        (true, true) => {
            listed && !page.lexicon.is_clinical(stem) && !eponym_at_rest(page, at) && token.shape == Shape::Title
        }
        (true, false) => !eponym || listed && !possessive(page, at),
        (false, false) if listed => !eponym || follows_name(page, at) || stands_alone(page, at),
        (false, false) => unknown_name(page, at),
        (false, true) => {
            (page.lexicon.is_given(stem) || listed && !page.lexicon.is_clinical(stem)) && follows_name(page, at)
        }
    }
}

/// Whether a word of two letters is a name that lists know, and not a plural of one letter.
fn listed_short(page: &Page, at: usize) -> bool {
    let stem = page.tokens[at].stem();
    page.lexicon.is_name(stem)
        && !stem.ends_with('s')
        && page.tokens[at].shape == Shape::Title
        && !page.lexicon.is_known(stem)
}

/// A word with a first capital that no list knows, and that is no slip of a known one.
fn unknown_name(page: &Page, at: usize) -> bool {
    is_unknown(page, at) && page.tokens[at].shape == Shape::Title && !page.lexicon.is_slip(page.tokens[at].stem())
}

fn possessive(page: &Page, at: usize) -> bool {
    page.text(at).ends_with('\'') || page.text(at).ends_with("'s") || page.is_mark(at + 1, '\'')
}

/// A known word that is an eponym too, possessive: "Graves'".
fn eponym_at_rest(page: &Page, at: usize) -> bool {
    page.lexicon.is_eponym(page.tokens[at].stem()) && possessive(page, at)
}

/// Whether what follows the first word of a sentence makes it a name: a surname, a verb of persons, a possessive.
fn follows_name(page: &Page, at: usize) -> bool {
    let Some(next) = page.token(at + 1).filter(|next| next.gap <= Gap::Blank) else { return false };
    let surname = next.is_capital() && (page.lexicon.is_surname(next.stem()) || is_unknown(page, at + 1));
    let verb = next.is_word()
        && page.lexicon.is_given(page.tokens[at].stem())
        && page.lexicon.is_sign("says", &next.text)
        && page.text(at).len() >= 4
        && (matches!(next.text.as_str(), "has" | "says" | "said" | "was" | "lives" | "takes" | "weighs" | "had")
            || !page.lexicon.is_known(page.tokens[at].stem()));
    let initial = next.is_word() && next.is_capital() && next.text.len() == 1 && page.is_mark(at + 2, '.');
    let speaker =
        next.mark() == Some(':') && page.gap(at) == Gap::Line && page.lexicon.is_given(page.tokens[at].stem());
    surname || verb || initial || speaker
}

/// Whether a name ends its line, or is one of a list: "Jacob", "Todd, Rennie and Alma".
fn stands_alone(page: &Page, at: usize) -> bool {
    let next = page.token(at + 1);
    let ends = page.gap(at + 1) == Gap::Line;
    let more = next.is_some_and(|next| next.mark() == Some(',') || next.is("and"))
        && page.token(at + 2).is_some_and(|third| third.is_capital() && page.lexicon.is_name(third.stem()));
    ends || more
}

/// Whether a word of another script is redacted: whole words are, since no list here reads them; single Greek letters
/// and signs of measure stay.
fn foreign(word: &str) -> bool {
    word.chars().filter(|c| c.is_alphabetic() && !c.is_ascii()).count() >= 2
}
