//! What in a text could tell who wrote it, and how does the text read without it?
//!
//! The eighteen classes of identifiers of the HIPAA Safe Harbor rule (45 CFR 164.514(b)(2)) are looked for by hand-written
//! recognisers: check digits and forms for what is structured, word lists and the way words are written for names and
//! places. No model takes part; whoever has one hands its spans over. `README.md` beside `src/` says how well it works.

mod addresses;
mod checks;
mod codes;
mod dates;
mod fold;
mod labels;
mod lexicon;
mod names;
mod numbers;
mod page;
mod places;
mod spread;
mod streets;
mod web;

use std::ops::Range;

use page::Page;

/// A class of identifiers, in the order of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Names of people.
    Name,
    /// Anything on a map that is smaller than a state.
    Place,
    /// Days and months, and ages over 89.
    Date,
    /// Telephone numbers.
    Phone,
    /// Fax numbers.
    Fax,
    /// E-mail addresses.
    Email,
    /// Social security numbers and what other countries have in their place.
    NationalId,
    /// Numbers of medical records.
    Record,
    /// Numbers of health plans and insurance policies.
    Plan,
    /// Numbers of accounts and cards.
    Account,
    /// Numbers of certificates, licences and passports.
    Licence,
    /// Number plates and other identifiers of vehicles.
    Vehicle,
    /// Serial numbers and other identifiers of devices.
    Device,
    /// Web addresses.
    Url,
    /// Addresses of machines in a network.
    Ip,
    /// Identifiers of fingerprints, voices and the like.
    Biometric,
    /// Files that may show a face.
    Photo,
    /// Any other number or code of its own.
    Code,
}

impl Kind {
    /// Every class, in the order of the rule.
    pub const ALL: [Self; 18] = [
        Self::Name,
        Self::Place,
        Self::Date,
        Self::Phone,
        Self::Fax,
        Self::Email,
        Self::NationalId,
        Self::Record,
        Self::Plan,
        Self::Account,
        Self::Licence,
        Self::Vehicle,
        Self::Device,
        Self::Url,
        Self::Ip,
        Self::Biometric,
        Self::Photo,
        Self::Code,
    ];

    /// Its name, for counts and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Place => "place",
            Self::Date => "date",
            Self::Phone => "phone",
            Self::Fax => "fax",
            Self::Email => "email",
            Self::NationalId => "national-id",
            Self::Record => "record",
            Self::Plan => "plan",
            Self::Account => "account",
            Self::Licence => "licence",
            Self::Vehicle => "vehicle",
            Self::Device => "device",
            Self::Url => "url",
            Self::Ip => "ip",
            Self::Biometric => "biometric",
            Self::Photo => "photo",
            Self::Code => "code",
        }
    }

    /// What is written in its place.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Name => "[NAME]",
            Self::Place => "[PLACE]",
            Self::Date => "[DATE]",
            Self::Phone => "[PHONE]",
            Self::Fax => "[FAX]",
            Self::Email => "[EMAIL]",
            Self::NationalId => "[NATIONAL-ID]",
            Self::Record => "[RECORD]",
            Self::Plan => "[PLAN]",
            Self::Account => "[ACCOUNT]",
            Self::Licence => "[LICENCE]",
            Self::Vehicle => "[VEHICLE]",
            Self::Device => "[DEVICE]",
            Self::Url => "[URL]",
            Self::Ip => "[IP]",
            Self::Biometric => "[BIOMETRIC]",
            Self::Photo => "[PHOTO]",
            Self::Code => "[CODE]",
        }
    }
}

/// A piece of a text that has to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// Where it stands, on character bounds.
    pub bytes: Range<usize>,
    /// Why.
    pub kind: Kind,
}

/// A text without what was found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The text, each identifier replaced by its placeholder.
    pub text: String,
    /// What was replaced: places in the text that came in, in order, none touching another of its kind.
    pub spans: Vec<Redaction>,
}

impl Redacted {
    /// How many identifiers of each class were replaced; classes that were not met are left out.
    pub fn counts(&self) -> impl Iterator<Item = (Kind, usize)> + '_ {
        let count = |kind| self.spans.iter().filter(|span| span.kind == kind).count();
        Kind::ALL.into_iter().map(move |kind| (kind, count(kind))).filter(|(_, count)| *count > 0)
    }
}

/// Finds and replaces what could tell who wrote `text`; `extra` are pieces that somebody else found (a tagger, say), of
/// which those that are no range of characters of `text` are widened to one. Pure, deterministic, and linear in the
/// length of `text`.
pub fn redact(text: &str, extra: &[Redaction]) -> Redacted {
    let mut page = Page::read(text);
    web::mark(&mut page);
    dates::mark(&mut page);
    numbers::checked(&mut page);
    codes::mark(&mut page);
    numbers::mark(&mut page);
    places::mark(&mut page);
    names::mark(&mut page);
    places::finish(&mut page);
    let mut spans = page.spans();
    spans.extend(extra.iter().map(|span| widened(text, span)).filter(|span| !span.bytes.is_empty()));
    let spans = merged(text, spans);
    Redacted { text: replaced(text, &spans), spans }
}

/// The smallest range of whole characters that holds `span`.
fn widened(text: &str, span: &Redaction) -> Redaction {
    let (mut from, mut to) = (span.bytes.start.min(text.len()), span.bytes.end.min(text.len()));
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    while !text.is_char_boundary(to) {
        to += 1;
    }
    Redaction { bytes: from..to, kind: span.kind }
}

/// Spans in order; those that overlap are one, and so are neighbours of one kind with only blanks between them.
fn merged(text: &str, mut spans: Vec<Redaction>) -> Vec<Redaction> {
    spans.sort_by_key(|span| (span.bytes.start, std::cmp::Reverse(span.bytes.end), span.kind));
    let mut merged: Vec<Redaction> = Vec::with_capacity(spans.len());
    for span in spans {
        if let Some(last) = merged.last_mut() {
            let between = text.get(last.bytes.end..span.bytes.start);
            let blank = between.is_some_and(|between| between.chars().all(|c| c == ' ' || c == '-'));
            if span.bytes.start < last.bytes.end || last.kind == span.kind && blank {
                last.bytes.end = last.bytes.end.max(span.bytes.end);
                continue;
            }
        }
        merged.push(span);
    }
    merged
}

fn replaced(text: &str, spans: &[Redaction]) -> String {
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        written.push_str(&text[at..span.bytes.start]);
        written.push_str(span.kind.placeholder());
        at = span.bytes.end;
    }
    written.push_str(&text[at..]);
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Which bytes of `text` go.
    fn gone(redacted: &Redacted) -> Vec<usize> {
        redacted.spans.iter().flat_map(|span| span.bytes.clone()).collect()
    }

    #[test]
    fn what_somebody_else_found_goes_in_whole_characters_beside_what_the_rules_find() {
        let text = "café 🙂 low insulin, call 07700 900123";
        // From the middle of é to the middle of the emoji, and past the end of the text.
        let cut = Redaction { bytes: 4..8, kind: Kind::Name };
        let drug = Redaction { bytes: text.find("insulin").map_or(0..0, |at| at..at + 7), kind: Kind::Code };
        let redacted = redact(text, &[cut, drug, Redaction { bytes: 900..999, kind: Kind::Name }]);
        assert_eq!(redacted.text, "caf[NAME] low [CODE], call [PHONE]");
        assert_eq!(redact(text, &[]).text, "café 🙂 low insulin, call [PHONE]");
    }

    #[test]
    fn what_is_typed_in_small_letters_and_words_is_found() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text, &[]).text, expected, "{text}");
        check("john smith has gout, is it serious", "[NAME] has gout, is it serious");
        check("is john smith contagious he has shingles", "is [NAME] contagious he has shingles");
        check("how long is flu catching, regards tom baker", "how long is flu catching, regards [NAME]");
        check("how long is flu catching regards tom", "how long is flu catching regards [NAME]");
        check("born in march 85", "born in [DATE]");
        check("my number is oh seven seven hundred one two three", "my number is [CODE]");
        check("my number is oh seven seven nine one four hundred one two three", "my number is [PHONE]");
        check("my snapchat name is priya_g", "my snapchat name is [NAME]");
        for stays in [
            "may long walks help, and is mark brown bread better",
            "what is lambert eaton syndrome, charles bonnet and may thurner",
            "babies born in march 20 percent smaller",
            "one in two hundred, or twenty to thirty",
            "what does the low_dose tablet do",
        ] {
            check(stays, stays);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_anybody_found_stays(
            text in "(é|🙂|\u{301}|Priya Raman|my name is|07700 900123|12/05/1980| |insulin|,){0,12}",
            found in prop::collection::vec((0usize..80, 0usize..20, 0usize..18), 0..5),
        ) {
            let extra: Vec<Redaction> = found
                .into_iter()
                .map(|(from, length, kind)| Redaction { bytes: from..from + length, kind: Kind::ALL[kind] })
                .collect();
            let (ruled, both) = (redact(&text, &[]), redact(&text, &extra));
            let covered = gone(&both);
            prop_assert!(gone(&ruled).iter().all(|at| covered.contains(at)), "{} {}", ruled.text, both.text);
            let told = extra.iter().flat_map(|span| span.bytes.clone()).filter(|at| *at < text.len());
            prop_assert!(told.into_iter().all(|at| covered.contains(&at)), "{}", both.text);
            prop_assert!(both.spans.iter().all(|span| text.get(span.bytes.clone()).is_some()));
        }
    }
}
