//! Do other documents say the same, or something else (pure)? Told by their figures: "7 to 10 days" against "3 days".

use std::collections::BTreeSet;

use crate::evidence::{Evidence, Feature};

/// Documents that are compared with the best one.
const MAX_COMPARED: usize = 4;

/// How much less like the question than the best one another quote may be, in cosine, to speak of the same thing.
const LIKE_ENOUGH: f32 = 0.06;

/// How one quote stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stance {
    /// They share a figure with its unit.
    Agrees,
    /// They give figures of one unit, and none is the same.
    Differs,
    /// Their figures cannot be compared.
    Silent,
}

/// How the quotes of other documents stand to the best one; `text_of` gives the words of a quote.
///
/// Only quotes that are about as like the question are compared: others speak of something else.
pub(crate) fn stances<'a>(
    evidence: &'a [Evidence],
    text_of: impl Fn(&Evidence) -> Option<&'a str>,
) -> Vec<(Stance, &'a Evidence)> {
    let Some((best, rest)) = evidence.split_first() else { return Vec::new() };
    let Some(said) = text_of(best).map(figures) else { return Vec::new() };
    let likeness = |evidence: &Evidence| evidence.numbers[Feature::Likeness as usize];
    let mut seen = BTreeSet::from([&best.candidate.span.passage().document]);
    let others = rest.iter().filter(|other| seen.insert(&other.candidate.span.passage().document));
    let close = others.take(MAX_COMPARED).filter(|other| likeness(other) + LIKE_ENOUGH >= likeness(best));
    close.filter_map(|other| Some((stance(&said, &figures(text_of(other)?)), other))).collect()
}

/// A number and the word after it: `("10", "day")`.
type Figure = (String, String);

fn stance(a: &BTreeSet<Figure>, b: &BTreeSet<Figure>) -> Stance {
    if a.intersection(b).next().is_some() {
        return Stance::Agrees;
    }
    let units: BTreeSet<&String> = a.iter().map(|(_, unit)| unit).collect();
    let comparable = b.iter().any(|(_, unit)| units.contains(unit));
    if comparable { Stance::Differs } else { Stance::Silent }
}

/// The figures of `text`, each with its unit; of "4 to 6 hours" both have it.
fn figures(text: &str) -> BTreeSet<Figure> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let trimmed = |at: usize| words.get(at).map(|word| word.trim_matches(|c: char| !(c.is_alphanumeric() || c == '%')));
    let number = |at: usize| trimmed(at).filter(|word| is_number(word));
    let unit = |at: usize| trimmed(at).filter(|word| word.starts_with(char::is_alphabetic));
    let figure = |at: usize| {
        let number = number(at)?;
        if let Some(share) = number.strip_suffix('%') {
            return Some((share.to_owned(), "%".to_owned()));
        }
        let is_range = matches!(words.get(at + 1), Some(&("to" | "or" | "and"))) && self::is_number(trimmed(at + 2)?);
        let unit = unit(if is_range { at + 3 } else { at + 1 })?.to_lowercase();
        let unit = unit.strip_suffix('s').unwrap_or(&unit).to_owned();
        (!matches!(unit.as_str(), "to" | "or" | "and" | "in" | "of" | "after" | "time"))
            .then(|| (number.to_owned(), unit))
    };
    (0..words.len()).filter_map(figure).collect()
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_suffix('%').unwrap_or(word);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_one_unit_agree_or_differ() {
        let check =
            |a: &str, b: &str, expected: Stance| assert_eq!(stance(&figures(a), &figures(b)), expected, "{a} / {b}");
        check("A cold lasts 7 to 10 days.", "Most are well in 10 days.", Stance::Agrees);
        check("A cold lasts 7 to 10 days.", "It is gone after 3 days.", Stance::Differs);
        check("A cold lasts 7 to 10 days.", "A cough lasts 3 weeks.", Stance::Silent);
        check("About 5% of people", "It is 50% or less.", Stance::Differs);
        check("Rest.", "2 hours", Stance::Silent);
        check("1 in 10 people", "1 in 5 people", Stance::Differs);
    }

    proptest::proptest! {
        #[test]
        fn a_text_never_differs_from_itself(text in "([0-9]{1,2}%?|to|days|hours|x)( ([0-9]{1,2}%?|to|days|hours|x)){0,8}") {
            let said = figures(&text);
            proptest::prop_assert_ne!(stance(&said, &said), Stance::Differs);
        }
    }
}
