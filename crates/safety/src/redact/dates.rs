//! Which pieces are dates more exact than a year, and which are ages over 89?

use super::Kind;
use super::fold::{Gap, Shape, Token};
use super::page::Page;

pub(super) fn mark(page: &mut Page) {
    for at in 0..page.len() {
        if !page.is_free(at) {
            continue;
        }
        if page.tokens[at].is_digits() {
            numeric(page, at);
            compact(page, at);
            short(page, at);
            age(page, at);
        } else if page.tokens[at].is_word() {
            month(page, at);
            weekday(page, at);
            holiday(page, at);
            old(page, at);
            birth(page, at);
        }
    }
}

/// Tokens that tell the time of day after a date: where they end.
fn clock(page: &Page, from: usize) -> usize {
    let mut at = from;
    if page.is_mark(at, ',') || matches!(page.text(at), "t" | "at") {
        at += 1;
    }
    let two = |at: usize| page.token(at).is_some_and(|t| t.is_digits() && t.text.len() <= 2);
    if !two(at) || !page.is_mark(at + 1, ':') || !page.token(at + 2).is_some_and(Token::is_digits) {
        return from;
    }
    at += 3;
    if page.is_mark(at, ':') && two(at + 1) {
        at += 2;
        if page.is_mark(at, '.') && page.gap(at + 1) == Gap::None && page.token(at + 1).is_some_and(Token::is_digits) {
            at += 2;
        }
    }
    if matches!(page.text(at), "z" | "am" | "pm" | "utc" | "gmt") {
        at += 1;
    }
    at
}

fn is_year(page: &Page, at: usize) -> bool {
    page.token(at).is_some_and(|t| t.text.len() == 4)
        && page.tokens[at].value().is_some_and(|y| (1800..2100).contains(&y))
}

fn small(page: &Page, at: usize, most: u32) -> bool {
    let token = page.token(at);
    token.is_some_and(|t| t.is_digits() && t.text.len() <= 2 && t.value().is_some_and(|v| (1..=most).contains(&v)))
}

/// `12/03/1985`, `2024-04-16 11:34`, `3.4.21`.
fn numeric(page: &mut Page, at: usize) {
    let separator = |at: usize| page.token(at).and_then(Token::mark).filter(|mark| "/-.".contains(*mark));
    let (Some(first), Some(second)) = (separator(at + 1), separator(at + 3)) else { return };
    let three = page.token(at + 2).is_some_and(Token::is_digits) && page.token(at + 4).is_some_and(Token::is_digits);
    let lines = (at + 1..at + 5).any(|at| page.gap(at) == Gap::Line);
    let joined = page.before(at, 1).is_some_and(|before| {
        page.gap(at) == Gap::None
            && (before.is_word() || before.mark() == Some('.') && page.before(at, 2).is_some_and(Token::is_digits))
    });
    if first != second || !three || lines || joined {
        return;
    }
    let longer = separator(at + 5) == Some(first)
        && page.gap(at + 5) == Gap::None
        && page.token(at + 6).is_some_and(Token::is_digits)
        && page.gap(at + 6) == Gap::None;
    let big_first = is_year(page, at) && small(page, at + 2, 31) && small(page, at + 4, 31);
    let tail = is_year(page, at + 4) || page.text(at + 4).len() == 2;
    let small_first =
        small(page, at, 31) && small(page, at + 2, 31) && tail && (small(page, at, 12) || small(page, at + 2, 12));
    if (big_first || small_first) && !longer {
        let end = clock(page, at + 5);
        page.claim(at..end, Kind::Date);
    }
}

/// `20240312`.
fn compact(page: &mut Page, at: usize) {
    let text = page.text(at);
    if text.len() != 8 || page.gap(at) == Gap::None && at > 0 && page.tokens[at - 1].is_word() {
        return;
    }
    let part = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(0);
    if (1900..2100).contains(&part(0..4)) && (1..=12).contains(&part(4..6)) && (1..=31).contains(&part(6..8)) {
        page.claim(at..at + 1, Kind::Date);
    }
}

/// `on 12/05`: two numbers are a date only where a word says so.
fn short(page: &mut Page, at: usize) {
    let slash = page.is_mark(at + 1, '/') || page.is_mark(at + 1, '.') && page.text(at + 2).len() == 2;
    let said = page.before(at, 1).is_some_and(|before| {
        let before = if before.mark() == Some(':') {
            page.before(at, 2).map_or("", |token| token.text.as_str())
        } else {
            before.text.as_str()
        };
        matches!(
            before,
            "on" | "since" | "dated" | "date" | "dob" | "lmp" | "edd" | "appointment" | "until" | "till" | "birthday"
        )
    });
    if !slash
        || !said
        || !small(page, at, 31)
        || !small(page, at + 2, 31)
        || page.gap(at + 1) != Gap::None
        || page.gap(at + 2) != Gap::None
    {
        return;
    }
    let both = small(page, at, 12) || small(page, at + 2, 12);
    let goes_on = page.is_mark(at + 3, '/') && page.gap(at + 3) == Gap::None;
    if both && !page.is_sign("unit", at + 3) && !page.is_mark(at + 3, '%') && !goes_on {
        page.claim(at..at + 3, Kind::Date);
    }
}

/// Where a day of the month that ends before `month` begins: "12", "12th of", "the twelfth of".
fn day_before(page: &Page, month: usize) -> Option<usize> {
    let mut at = month.checked_sub(1)?;
    if matches!(page.text(at), "of" | "," | "-" | "/" | ".") {
        at = at.checked_sub(1)?;
    }
    if matches!(page.text(at), "st" | "nd" | "rd" | "th") && page.gap(at) == Gap::None {
        at = at.checked_sub(1)?;
    }
    let spoken = page.lexicon.is_sign("ordinal", page.text(at));
    if spoken {
        let tens = at.checked_sub(1).filter(|at| matches!(page.text(*at), "twenty" | "thirty"));
        let hyphen =
            at.checked_sub(2).filter(|two| page.is_mark(at - 1, '-') && matches!(page.text(*two), "twenty" | "thirty"));
        return Some(hyphen.or(tens).unwrap_or(at));
    }
    small(page, at, 31).then_some(at)
}

/// Where a day of the month that begins after `month` ends: "12th", "12,".
fn day_after(page: &Page, month: usize) -> Option<usize> {
    let mut at = month + 1;
    if page.is_mark(at, '.') || page.is_mark(at, '-') || page.is_mark(at, '/') || page.is("the", at) {
        at += 1;
    }
    if page.lexicon.is_sign("ordinal", page.text(at)) {
        return Some(at + 1);
    }
    if !small(page, at, 31) || page.is_mark(at + 1, '%') || page.gap(at) == Gap::Line {
        return None;
    }
    let suffix = matches!(page.text(at + 1), "st" | "nd" | "rd" | "th") && page.gap(at + 1) == Gap::None;
    let unit = page.is_sign("unit", at + 1) && !suffix
        || page.gap(at + 1) == Gap::None
            && page.is_mark(at + 1, '.')
            && page.token(at + 2).is_some_and(Token::is_digits)
            && page.gap(at + 2) == Gap::None;
    if unit { None } else { Some(at + 1 + usize::from(suffix)) }
}

/// Where a year after `from` ends; a year may stay, and goes with its day all the same.
fn year_after(page: &Page, from: usize) -> Option<usize> {
    let mut at = from;
    if page.is_mark(at, ',')
        || page.is_mark(at, '-')
        || page.is_mark(at, '/')
        || page.is_mark(at, '.')
        || page.is("of", at)
    {
        at += 1;
    }
    if page.is_mark(at, '\'') && page.text(at + 1).len() == 2 && page.token(at + 1).is_some_and(Token::is_digits) {
        return Some(at + 2);
    }
    is_year(page, at).then_some(at + 1)
}

fn month(page: &mut Page, at: usize) {
    if !page.is_sign("month", at) {
        return;
    }
    let word = page.is_sign("month-word", at);
    let capital = page.tokens[at].is_capital() && !page.begins_sentence(at);
    let dot = usize::from(page.is_mark(at + 1, '.') && page.text(at).len() <= 4);
    let before = day_before(page, at);
    let after = if before.is_some() { None } else { day_after(page, at) };
    // "may 10": a modal before a number, where nothing else speaks for a date.
    let ordinal = after.is_some_and(|end| matches!(page.text(end - 1), "st" | "nd" | "rd" | "th"));
    let led = page.before(at, 1).is_some_and(|before| page.lexicon.is_sign("date-before", &before.text));
    // "vitamin B12 may", "of 12 may take": a day stands apart, and a modal has a verb behind it.
    let modal = word && page.tokens[at].shape == Shape::Lower;
    let closes = page.token(at + 1).is_none_or(|next| !next.is_word() || next.gap == Gap::Line);
    let apart = before.filter(|day| {
        page.tokens[*day].is_word() || *day == 0 || page.gap(*day) != Gap::None || page.tokens[day - 1].mark().is_some()
    });
    let before = apart.filter(|day| {
        !modal
            || closes
            || page.text(day + 1) != page.text(at)
            || page.before(*day, 1).is_some_and(|word| {
                matches!(word.text.as_str(), "on" | "since" | "born" | "dated" | "until" | "from" | "by")
            })
    });
    let dated = before.is_some() || after.is_some() && (!word || page.tokens[at].is_capital() || ordinal || led);
    let end = before.map(|_| at + 1).or(after).filter(|_| dated);
    let yeared = year_after(page, end.unwrap_or(at + 1 + dot));
    if end.is_some() || yeared.is_some() {
        let start = before.filter(|_| dated).unwrap_or(at);
        let end = yeared.or(end).unwrap_or(at + 1);
        let end = clock(page, end);
        page.claim(start..end, Kind::Date);
        return;
    }
    // "in March", "last October": more exact than a year.
    let modal = word && !(capital && led);
    if !modal && (led || capital)
        || word && led && page.text(at) != "may" && page.text(at) != "march" && page.text(at).len() > 3
    {
        page.claim(at..at + 1, Kind::Date);
    }
}

fn weekday(page: &mut Page, at: usize) {
    let led = page.before(at, 1).is_some_and(|before| {
        matches!(
            before.text.as_str(),
            "on" | "last" | "next" | "this" | "every" | "since" | "by" | "until" | "from" | "till"
        )
    });
    if page.is_sign("weekday", at) || page.is_sign("weekday-short", at) && page.tokens[at].is_capital() && led {
        page.claim(at..at + 1, Kind::Date);
    }
}

/// "at Christmas", "New Year's Eve".
fn holiday(page: &mut Page, at: usize) {
    if page.is("new", at) && matches!(page.text(at + 1), "year's" | "years") {
        let day = usize::from(matches!(page.text(at + 2), "day" | "eve"));
        page.claim(at..at + 2 + day, Kind::Date);
    } else if page.is_sign("holiday", at) && !matches!(page.text(at + 1), "disease" | "factor") {
        let day = usize::from(matches!(page.text(at + 1), "day" | "eve" | "sunday" | "monday"));
        page.claim(at..at + 1 + day, Kind::Date);
    } else if matches!(page.text(at), "boxing" | "valentine's" | "mother's" | "father's" | "bonfire" | "guy")
        && matches!(page.text(at + 1), "day" | "night")
    {
        page.claim(at..at + 2, Kind::Date);
    }
}

/// Ages over 89: "94 years old", "92-year-old", "aged 91", "I am 97".
fn age(page: &mut Page, at: usize) {
    let Some(years) = page.tokens[at].value().filter(|years| (90..=125).contains(years)) else { return };
    let glued = page.gap(at) == Gap::None && at > 0;
    let decimal = page.is_mark(at + 1, '.')
        && page.gap(at + 1) == Gap::None
        && page.token(at + 2).is_some_and(Token::is_digits)
        && page.gap(at + 2) == Gap::None;
    if glued
        && page.before(at, 1).is_some_and(|before| before.mark().is_none() || matches!(before.mark(), Some('.' | '/')))
        || decimal
    {
        return;
    }
    let _ = years;
    let mut next = at + 1;
    if page.is_mark(next, '-') {
        next += 1;
    }
    let year = matches!(page.text(next), "year" | "years" | "yr" | "yrs" | "yo" | "y" | "yr's" | "year's");
    let mut then = next + 1;
    while page.is_mark(then, '-') || page.is_mark(then, '/') {
        then += 1;
    }
    let old = year
        && (matches!(
            page.text(then),
            "old" | "o" | "of" | "young" | "olds" | "woman" | "man" | "female" | "male" | "lady" | "gentleman"
        ) || page.text(next) == "yo");
    let word = |back: usize| page.before(at, back).map_or("", |token| token.text.as_str());
    let aged = matches!(word(1), "aged" | "age" | "turned" | "turning" | "ages")
        || matches!(word(1), "of" | "is" | ":" | "=" | "was") && matches!(word(2), "age" | "aged");
    let person = matches!(word(1), "i'm" | "im" | "she's" | "he's" | "shes" | "hes" | "they're" | "who's")
        || matches!(
            word(1),
            "am" | "is" | "was" | "were" | "be" | "are" | "nearly" | "almost" | "now" | "only" | "turn" | "just"
        ) && (2..=4).any(|back| {
            let word = page.before(at, back).map_or("", |token| token.stem());
            matches!(
                word,
                "i" | "she"
                    | "he"
                    | "who"
                    | "they"
                    | "i'm"
                    | "im"
                    | "she's"
                    | "he's"
                    | "i'll"
                    | "she'll"
                    | "he'll"
                    | "we"
            ) || page.lexicon.is_sign("kin", word)
        });
    let amount = page.is_sign("unit", at + 1) && !year
        || page.is_mark(at + 1, '%')
        || page.is_mark(at + 1, '/')
        || page.is_mark(at + 1, '°');
    if old || (aged || person) && !amount {
        page.claim(at..at + 1, Kind::Date);
    }
}

/// Ages in words: "ninety-four years old", "in her nineties", "a hundred and two years old".
fn old(page: &mut Page, at: usize) {
    match page.text(at) {
        "nineties"
            if matches!(
                page.before(at, 1).map_or("", |token| token.stem()),
                "her" | "his" | "their" | "my" | "early" | "late" | "mid" | "-"
            ) =>
        {
            page.claim(at..at + 1, Kind::Date);
        }
        "centenarian" | "nonagenarian" | "supercentenarian" => page.claim(at..at + 1, Kind::Date),
        "ninety" | "hundred" => {
            let mut end = at + 1;
            while end < at + 6
                && (matches!(page.text(end), "-" | "and")
                    || page.lexicon.is_sign("spoken-digit", page.text(end))
                    || matches!(page.text(end), "ten" | "eleven" | "twelve"))
            {
                end += 1;
            }
            let years = (end..end + 3).any(|at| matches!(page.text(at), "years" | "year" | "yrs" | "yr"))
                && (end..end + 5).any(|at| matches!(page.text(at), "old" | "of"));
            let aged = (1..=3).any(|back| {
                matches!(page.before(at, back).map_or("", |token| token.stem()), "aged" | "turned" | "turning" | "age")
            });
            if years || aged {
                page.claim(at..end, Kind::Date);
            }
        }
        _ => {}
    }
}

/// "born in 1931", "born in march 85": whoever knows the year of a birth knows an age, which may be over 89.
fn birth(page: &mut Page, at: usize) {
    if !matches!(page.text(at), "born" | "dob" | "birth" | "birthday" | "birthdate") {
        return;
    }
    for year in at + 1..at + 6 {
        let short = page.token(year).is_some_and(|token| token.is_digits() && token.text.len() == 2)
            && page.is_sign("month", year - 1)
            && !page.is_sign("unit", year + 1)
            && !page.is_mark(year + 1, '%');
        if is_year(page, year) {
            page.claim(year..year + 1, Kind::Date);
        } else if short {
            page.claim(year - 1..year + 1, Kind::Date);
        }
    }
}
