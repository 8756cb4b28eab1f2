//! Which numbers and codes tell by their own form or check digit what they are?

use std::ops::Range;

use super::Kind;
use super::checks;
use super::codes::{only_units, signs};
use super::fold::{Gap, Shape, Token};
use super::page::Page;

/// As many digits as the shortest telephone number: quantities have fewer, or a unit.
const TELLING: usize = 7;

/// What a check digit or a form of its own tells, before any word is asked.
pub(super) fn checked(page: &mut Page) {
    for at in 0..page.len() {
        if page.is_free(at) && page.tokens[at].mark().is_none() {
            accounts(page, at);
            insured(page, at);
            plate(page, at);
        }
    }
}

pub(super) fn mark(page: &mut Page) {
    for at in 0..page.len() {
        if page.is_free(at)
            && page.tokens[at].is_digits()
            && !page.before(at, 1).is_some_and(|before| before.is_word() && page.gap(at) == Gap::None)
        {
            digits(page, at);
        }
    }
    spoken(page);
    let mut at = 0;
    while at < page.len() {
        let end = page.chunk_end(at);
        mixed(page, at..end);
        at = end;
    }
}

/// IBANs, in groups of four or glued.
fn accounts(page: &mut Page, at: usize) {
    let country = page.tokens[at].is_word() && page.text(at).len() == 2 && page.text(at).is_ascii();
    if !country || page.gap(at) == Gap::None && page.before(at, 1).is_some_and(|token| token.mark().is_none()) {
        return;
    }
    let check =
        page.token(at + 1).is_some_and(|next| next.is_digits() && next.text.len() >= 2 && next.gap == Gap::None);
    if !check {
        return;
    }
    let mut whole = String::new();
    let mut found = None;
    let mut end = at;
    while let Some(token) = page.token(end) {
        let joins = token.mark().is_none() || matches!(token.mark(), Some('-' | '.'));
        // Groups are of four signs; the last may be shorter.
        let apart = end > at && token.gap == Gap::Blank && !whole.len().is_multiple_of(4);
        if !joins || end > at && token.gap == Gap::Line || apart || whole.len() > 34 {
            break;
        }
        if token.mark().is_none() {
            whole.push_str(&token.text);
        }
        end += 1;
        let closed = page.gap(end) != Gap::None || page.token(end).is_none_or(|next| next.mark().is_some());
        if closed && checks::iban(&whole) {
            found = Some(end);
        }
    }
    // A slip of the finger breaks the check, and the number is still somebody's.
    let glued = page.chunk_end(at);
    let joined = page.joined(at..glued);
    let (digits, _) = signs(page, at..glued);
    let shaped = joined.len() >= 15 && joined.len() <= 34 && digits >= 8;
    if let Some(end) = found.or(shaped.then_some(glued)) {
        page.claim(at..end, Kind::Account);
    }
}

/// National Insurance: two letters, six digits in any grouping, a letter. Public services of Ireland: seven digits, a
/// letter or two.
fn insured(page: &mut Page, at: usize) {
    if page.gap(at) == Gap::None && at > 0 {
        return;
    }
    let mut whole = String::new();
    for end in at..(at + 6).min(page.len()) {
        let token = &page.tokens[end];
        if token.mark().is_some() || end > at && token.gap == Gap::Line {
            break;
        }
        whole.push_str(&token.text);
        let closed = page.gap(end + 1) != Gap::None || page.token(end + 1).is_none_or(|next| next.mark().is_some());
        if closed && (checks::national_insurance(&whole) || page.text(at).len() == 7 && checks::pps(&whole)) {
            page.claim(at..end + 1, Kind::NationalId);
            return;
        }
    }
}

/// A number plate of Great Britain: two letters, two digits, three letters.
fn plate(page: &mut Page, at: usize) {
    let letters = |at: usize, count: usize| page.token(at).is_some_and(|t| t.is_word() && t.text.len() == count);
    let glued = letters(at, 2)
        && page.gap(at + 1) == Gap::None
        && page.text(at + 1).len() == 2
        && page.tokens[at + 1].is_digits();
    if !glued || !letters(at + 2, 3) || page.gap(at + 2) == Gap::Line {
        return;
    }
    let capitals = page.tokens[at].shape == Shape::Upper && page.tokens[at + 2].shape == Shape::Upper;
    if capitals || page.gap(at + 2) == Gap::None || !page.lexicon.is_known(page.text(at + 2)) {
        page.claim(at..at + 3, Kind::Vehicle);
    }
}

/// A run of digits in groups.
struct Run {
    tokens: Range<usize>,
    groups: Vec<String>,
    plus: bool,
    /// Only dots between groups.
    dotted: bool,
}

impl Run {
    fn joined(&self) -> String {
        self.groups.concat()
    }

    fn lengths(&self) -> Vec<usize> {
        self.groups.iter().map(String::len).collect()
    }
}

fn digits(page: &mut Page, at: usize) {
    let run = run(page, at);
    let all = run.joined();
    if all.len() < TELLING || is_quantity(page, &run) {
        return;
    }
    let mut end = run.tokens.end;
    // "345-899-3560x4587"
    if matches!(page.text(end), "x" | "ext" | "extension") {
        let dot = usize::from(page.is_mark(end + 1, '.'));
        if page.token(end + 1 + dot).is_some_and(Token::is_digits) {
            end += 2 + dot;
        }
    }
    page.claim(run.tokens.start..end, kind_of(page, &run, &all));
}

fn run(page: &Page, at: usize) -> Run {
    let opens = |at: usize| page.is_mark(at, '(') || page.is_mark(at, '+');
    let mut start = at;
    while start > 0 && opens(start - 1) && page.is_free(start - 1) {
        start -= 1;
    }
    let plus = (start..at).any(|at| page.is_mark(at, '+')) || page.text(at).starts_with("00");
    let mut run = Run { tokens: start..at + 1, groups: vec![page.text(at).to_owned()], plus, dotted: true };
    loop {
        let mut next = run.tokens.end;
        let mut between = String::new();
        while next < page.len() && between.len() < 3 && page.gap(next) != Gap::Line {
            match page.tokens[next].mark() {
                Some(mark) if "-./()*_~".contains(mark) => between.push(mark),
                Some(',') if page.text(run.tokens.end - 1).len() == 4 && page.text(next + 1).len() == 4 => {
                    between.push(',');
                }
                _ => break,
            }
            next += 1;
        }
        let digits = page.token(next).is_some_and(|token| token.is_digits() && token.gap != Gap::Line);
        if !digits || !page.is_free(next) {
            break;
        }
        // Letters glued behind make a group of its own: "07700 900123 5mg".
        let unit = page.gap(next + 1) == Gap::None
            && page.token(next + 1).is_some_and(|token| token.is_word() && !token.is("x"));
        let quantity = page.text(next).len() <= 4 && page.is_sign("unit", next + 1);
        if unit || quantity && run.joined().len() >= TELLING {
            break;
        }
        run.dotted &= between == ".";
        run.groups.push(page.text(next).to_owned());
        run.tokens.end = next + 1;
    }
    run.dotted &= run.groups.len() > 1;
    run
}

/// Whether a run is an amount: a unit follows, a decimal, thousands, years, a list of readings.
fn is_quantity(page: &Page, run: &Run) -> bool {
    let extension = page.is("x", run.tokens.end) && page.gap(run.tokens.end + 1) == Gap::None;
    let unit = page.is_sign("unit", run.tokens.end) && !extension || page.is_mark(run.tokens.end, '%');
    let lengths = run.lengths();
    let decimal = run.dotted && lengths.len() == 2 && lengths[0] <= 3;
    let thousands = lengths.len() > 1
        && lengths[1..].iter().all(|length| *length == 3)
        && run.groups[1..].iter().all(|group| group == "000");
    let year = |group: &String| group.len() == 4 && group.parse().is_ok_and(|year: u32| (1800..2100).contains(&year));
    let years = run.groups.len() > 1 && run.groups.iter().all(year);
    let round = |group: &String| group.ends_with("00");
    let rounds = run.groups.len() == 2 && run.groups.iter().all(round);
    let measured = (1..=4).any(|back| {
        page.before(run.tokens.start, back).is_some_and(|token| page.lexicon.is_sign("measure", &token.text))
    });
    let short = run.groups.iter().all(|group| group.len() <= 3 && !group.starts_with('0'));
    let money = page.before(run.tokens.start, 1).is_some_and(|token| matches!(token.mark(), Some('$' | '£' | '€')));
    let one_in = page.before(run.tokens.start, 1).is_some_and(|token| token.is("in"))
        && page.before(run.tokens.start, 2).is_some_and(Token::is_digits);
    let short_unit = unit && (run.groups.len() == 1 || lengths.iter().all(|length| *length <= 4)) && !run.plus;
    short_unit || decimal || thousands || years || rounds || measured && short && !run.plus || money || one_in
}

fn kind_of(page: &Page, run: &Run, all: &str) -> Kind {
    let lengths = run.lengths();
    let fax = |at: usize| page.text(at) == "fax";
    if (1..=3).any(|back| page.before(run.tokens.start, back).is_some_and(|token| token.is("fax")))
        || fax(run.tokens.end)
        || fax(run.tokens.end + 1)
    {
        return Kind::Fax;
    }
    match all.len() {
        _ if run.plus => Kind::Phone,
        9 if lengths == [3, 2, 4] || lengths == [3, 3, 3] && checks::luhn(all) => Kind::NationalId,
        10 if checks::nhs(all) && (lengths == [3, 3, 4] || lengths == [10]) && !all.starts_with('0') => {
            Kind::NationalId
        }
        12 if checks::verhoeff(all) && (lengths == [4, 4, 4] || lengths == [12]) => Kind::NationalId,
        12..=19 if checks::luhn(all) => Kind::Account,
        7..=15 if lengths.len() > 1 || all.starts_with('0') || all.len() == 10 => Kind::Phone,
        16..=24 => Kind::Account,
        _ => Kind::Code,
    }
}

/// Words of a number besides its digits.
const NUMBER_WORDS: [&str; 20] = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
];

/// As many number words in a row are a code, whatever number they say.
const TELLING_WORDS: usize = 5;

/// Digits that are written out: "oh seven seven double zero nine", "oh seven seven hundred one two three".
fn spoken(page: &mut Page) {
    let mut at = 0;
    while at < page.len() {
        let (mut end, mut digits, mut words, mut others) = (at, 0, 0, 0);
        while let Some(token) = page.token(end).filter(|_| page.is_free(end)) {
            let said = token.is_word() && page.lexicon.is_sign("spoken-digit", &token.text);
            if said {
                words += 1;
                digits += usize::from(!matches!(token.text.as_str(), "double" | "triple" | "treble"));
                digits += match page.before(end, 1).filter(|_| end > at).map(|token| token.text.as_str()) {
                    Some("double") => 1,
                    Some("triple" | "treble") => 2,
                    _ => 0,
                };
            } else if token.is_word() && NUMBER_WORDS.contains(&token.text.as_str()) {
                others += 1;
            } else if token.is_digits() && token.gap != Gap::None {
                digits += token.text.len();
            } else if !(matches!(token.mark(), Some('-' | ',')) && end > at) {
                break;
            }
            end += 1;
        }
        if words >= 4 && digits >= 6 || words + others >= TELLING_WORDS {
            while page.tokens[end - 1].mark().is_some() {
                end -= 1;
            }
            page.claim(at..end, if digits >= 9 { Kind::Phone } else { Kind::Code });
        }
        at = end.max(at + 1);
    }
}

/// Codes of letters and digits that nothing announces.
fn mixed(page: &mut Page, chunk: Range<usize>) {
    let mut start = chunk.start;
    while start < chunk.end {
        let part = |at: usize| {
            let token = &page.tokens[at];
            page.is_free(at) && token.mark().is_none_or(|mark| "-_/.#:+=&~|\\*".contains(mark))
        };
        if !part(start) || page.tokens[start].mark().is_some() {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        while end < chunk.end && part(end) {
            end += 1;
        }
        while page.tokens[end - 1].mark().is_some() {
            end -= 1;
        }
        if let Some(kind) = code(page, start..end) {
            page.claim(start..end, kind);
        }
        start = end;
    }
}

fn code(page: &Page, range: Range<usize>) -> Option<Kind> {
    let (digits, letters) = signs(page, range.clone());
    if digits < 4 || letters == 0 || digits + letters < 6 || only_units(page, range.clone()) {
        return None;
    }
    let words = || page.tokens[range.clone()].iter().filter(|token| token.is_word());
    // "covid-2019", "omega-3-1000", "mRNA-1273": a word that medicine knows, and a number beside it.
    let known = words().all(|token| {
        let long = token.text.len() >= 3;
        long && page.lexicon.is_known(token.stem())
            || page.lexicon.is_sign("unit", &token.text)
            || page.lexicon.stays(&token.text)
    });
    let longest =
        page.tokens[range.clone()].iter().filter(|token| token.is_digits()).map(|token| token.text.len()).max();
    let separate = (range.start + 1..range.end).all(|at| {
        page.tokens[at - 1].mark().is_some()
            || page.tokens[at].mark().is_some()
            || page.lexicon.is_sign("unit", page.text(at))
    });
    if known && longest.is_some_and(|longest| longest <= 4) && separate || is_clinical(page, &range) {
        return None;
    }
    let text = page.joined(range);
    let vin = text.len() == 17 && !text.contains(['i', 'o', 'q']);
    Some(if vin { Kind::Vehicle } else { Kind::Code })
}

/// Codes that medicine shares: `BNT162b2`, `rs1801133`, `HbA1c`.
fn is_clinical(page: &Page, range: &Range<usize>) -> bool {
    matches!(
        page.text(range.start),
        "bnt" | "rs" | "cyp" | "hla" | "covid" | "icd" | "nct" | "cd" | "omega" | "gpt" | "mrna"
    ) && signs(page, range.clone()).1 <= 6
        && page.text(range.start) != "cd"
}
