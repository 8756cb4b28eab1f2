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
    /// They share a figure with its unit, or a part of a range.
    Agrees,
    /// They give figures of one unit for what may be one thing, and none is the same.
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

/// A number or a range, what it counts, and of what: "7 to 10 days", "30 g of fibre".
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    low: f64,
    high: f64,
    unit: String,
    of: Option<String>,
}

/// Units that say nothing of what they measure: "30 g" of one thing is no contradiction of "90 g" of another.
const MEASURES: &[&str] = &[
    "g",
    "gram",
    "kg",
    "mg",
    "milligram",
    "mcg",
    "microgram",
    "ml",
    "millilitre",
    "l",
    "litre",
    "kcal",
    "calorie",
    "unit",
    "portion",
    "cup",
    "glass",
];

impl Figure {
    /// Whether both may speak of one thing.
    fn is_comparable(&self, other: &Self) -> bool {
        let is_measure = MEASURES.contains(&self.unit.as_str());
        self.unit == other.unit
            && match (&self.of, &other.of) {
                (Some(a), Some(b)) => a == b,
                _ => !is_measure,
            }
    }

    /// Whether they have a value in common.
    fn meets(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

fn stance(a: &[Figure], b: &[Figure]) -> Stance {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b))).filter(|(a, b)| a.is_comparable(b));
    let met: Vec<bool> = pairs.map(|(a, b)| a.meets(b)).collect();
    match (met.is_empty(), met.contains(&true)) {
        (true, _) => Stance::Silent,
        (_, true) => Stance::Agrees,
        (_, false) => Stance::Differs,
    }
}

/// The figures of `text`, each with its unit; of "4 to 6 hours" one from 4 to 6.
fn figures(text: &str) -> Vec<Figure> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let trimmed = |at: usize| words.get(at).map(|word| word.trim_matches(|c: char| !(c.is_alphanumeric() || c == '%')));
    let number = |at: usize| trimmed(at).filter(|word| is_number(word)).and_then(value);
    let word = |at: usize| trimmed(at).filter(|word| word.starts_with(char::is_alphabetic)).map(str::to_lowercase);
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some(first) = number(at) else {
            at += 1;
            continue;
        };
        let is_range = matches!(words.get(at + 1), Some(&("to" | "or" | "and"))) && number(at + 2).is_some();
        let last = if is_range { at + 2 } else { at };
        let second = number(last).unwrap_or(first);
        let is_share = trimmed(last).is_some_and(|word| word.ends_with('%'));
        let unit_at = if is_share { last } else { last + 1 };
        let unit = if is_share { Some("%".to_owned()) } else { word(unit_at).map(singular) };
        let is_unit = |unit: &String| !matches!(unit.as_str(), "to" | "or" | "and" | "in" | "of" | "after" | "time");
        if let Some(unit) = unit.filter(is_unit) {
            let of = (words.get(unit_at + 1) == Some(&"of")).then(|| word(unit_at + 2).map(singular)).flatten();
            found.push(Figure { low: first.min(second), high: first.max(second), unit, of });
        }
        at = last + 1;
    }
    found
}

fn singular(word: String) -> String {
    word.strip_suffix('s').map(str::to_owned).unwrap_or(word)
}

/// "1,500" and "5%" as numbers.
fn value(word: &str) -> Option<f64> {
    word.trim_end_matches('%').replace(',', "").parse().ok()
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
        check("A cold lasts 7 to 10 days.", "It takes about 8 days.", Stance::Agrees);
        check("It lasts 5 to 8 days.", "Most are well in 7 to 14 days.", Stance::Agrees);
        check("Eat 30 g of fibre a day.", "no more than 90 g of red meat a day", Stance::Silent);
        check("Eat 30 g of fibre a day.", "Adults need 18 g of fibre.", Stance::Differs);
        check("Take 500 mg of it.", "Take 200 mg.", Stance::Silent);
        check("Drink 1,500 ml of water.", "Drink 1500 ml of water.", Stance::Agrees);
    }

    proptest::proptest! {
        #[test]
        fn a_text_never_differs_from_itself(text in "([0-9]{1,2}%?|to|days|hours|x)( ([0-9]{1,2}%?|to|days|hours|x)){0,8}") {
            let said = figures(&text);
            proptest::prop_assert_ne!(stance(&said, &said), Stance::Differs);
        }
    }
}
