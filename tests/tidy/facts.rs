//! Do two articles ever give different values for the same thing?
//!
//! `tests/data/facts.toml` lists quantities that more than one article states, each with the words by which its sentences
//! are recognised and the values that may stand there. A sentence that states another value contradicts the rest.

use std::collections::BTreeSet;

use super::{demand, read, stems, toml};

const STARTER: &str = "corpora/starter";
const TABLE: &str = "tests/data/facts.toml";

/// Numbers that may stand as words.
const WORDS: [&str; 11] = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/// Words between two numbers of one unit.
const BETWEEN: [&str; 6] = [" to ", " and ", " or ", " - ", "-", "/"];

/// One quantity.
struct Fact {
    name: String,
    /// One of these word groups stands in its sentences.
    near: Vec<String>,
    /// One of these too, if there are any.
    also: Vec<String>,
    /// None of these.
    not: Vec<String>,
    /// Units; an empty one stands for a number without a unit.
    unit: Vec<String>,
    allowed: Vec<String>,
}

/// A sentence of an article, in plain form between single spaces: with what leads in to its list, and alone.
struct Sentence {
    path: String,
    shown: String,
    whole: String,
    own: String,
}

impl Fact {
    fn read_all() -> Vec<Self> {
        let table = toml(TABLE);
        let facts = table["fact"].as_array().expect("`[[fact]]` tables");
        facts.iter().filter_map(|fact| fact.as_table()).map(Self::of).collect()
    }

    fn of(fact: &toml::Table) -> Self {
        let list = |key: &str| -> Vec<String> {
            let values = fact.get(key).and_then(|value| value.as_array()).into_iter().flatten();
            values.filter_map(|value| value.as_str()).map(str::to_owned).collect()
        };
        let text = |key: &str| fact.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        assert!(!text("source").is_empty(), "{TABLE}: `{}` names no source", text("name"));
        Self {
            name: text("name"),
            near: list("near"),
            also: list("also"),
            not: list("not"),
            unit: list("unit"),
            allowed: list("allowed"),
        }
    }

    /// The values that `sentence` states for it; none if it is about something else.
    fn stated(&self, sentence: &Sentence) -> Vec<String> {
        let holds = |groups: &[String]| groups.iter().any(|group| sentence.whole.contains(&format!(" {group} ")));
        let is_about = holds(&self.near) && (self.also.is_empty() || holds(&self.also)) && !holds(&self.not);
        if is_about { self.unit.iter().flat_map(|unit| numbers(&sentence.own, unit)).collect() } else { Vec::new() }
    }
}

/// The numbers before `unit`, in the order of the text; of "4 to 6 hours" both.
fn numbers(plain: &str, unit: &str) -> Vec<String> {
    if unit.is_empty() {
        return plain.split(' ').filter(|word| is_number(word)).map(without_commas).collect();
    }
    let mut found = Vec::new();
    for (at, _) in plain.match_indices(unit) {
        let ends = plain[at + unit.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        let before = plain[..at].strip_suffix([' ', '-']).unwrap_or(&plain[..at]);
        let Some(number) = number_at_the_end(before).filter(|_| ends) else { continue };
        let rest = &before[..before.len() - number.len()];
        let first = BETWEEN.iter().find_map(|between| number_at_the_end(rest.strip_suffix(between)?));
        found.extend(first.map(without_commas));
        found.push(without_commas(number));
    }
    found
}

/// The number that `text` ends with, if it stands alone.
fn number_at_the_end(text: &str) -> Option<&str> {
    let start = text.rfind(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).map_or(0, |at| at + 1);
    let number = text.get(start..)?;
    let stands_alone = text[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
    (is_number(number) && stands_alone).then_some(number)
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
}

fn without_commas(number: &str) -> String {
    number.replace(',', "")
}

/// Lower case, single spaces, digits for number words; of the marks only those that belong to numbers and units.
fn plain(text: &str) -> String {
    let text: Vec<char> = text.to_lowercase().replace('’', "'").replace('µ', "u").chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(char::is_ascii_digit);
    let keeps = |at: usize| match text[at] {
        '.' | ',' => digit(at.checked_sub(1)) && digit(Some(at + 1)),
        c => c.is_alphanumeric() || matches!(c, '_' | '%' | '/' | '+' | '\'' | '-'),
    };
    let kept: String = (0..text.len()).map(|at| if keeps(at) { text[at] } else { ' ' }).collect();
    let figure = |word: &str| match WORDS.iter().position(|known| *known == word) {
        Some(at) => (at + 2).to_string(),
        None => word.to_owned(),
    };
    format!(" {} ", kept.split_whitespace().map(figure).collect::<Vec<_>>().join(" "))
}

/// Cut after `.`, `?` or `!` and a space, unless a small letter follows.
fn split(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(' ') {
        let ends = text[..at].ends_with(['.', '?', '!']);
        let goes_on = text[at + 1..].starts_with(|c: char| c.is_ascii_lowercase() || c == ' ');
        if ends && !goes_on {
            sentences.push(&text[start..at]);
            start = at + 1;
        }
    }
    sentences.push(&text[start..]);
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

fn sentences(path: &str) -> Vec<Sentence> {
    let text = read(path);
    let body = text.split_once("\n---\n").map_or("", |(_, body)| body);
    let mut found = Vec::new();
    let mut lead = "";
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            lead = "";
            continue;
        }
        let item = line.strip_prefix("- ");
        for own in split(item.unwrap_or(line)) {
            let before = if item.is_some() { lead } else { "" };
            let shown = format!("{before} {own}").trim().to_owned();
            found.push(Sentence { path: path.to_owned(), whole: plain(&shown), own: plain(own), shown });
        }
        if item.is_none() {
            lead = split(line).last().copied().filter(|last| last.ends_with(':')).unwrap_or("");
        }
    }
    found
}

#[test]
fn two_articles_give_the_same_values_for_the_same_thing() {
    let topics = stems(STARTER, ".md").into_iter().filter(|stem| stem != "README");
    let sentences: Vec<Sentence> = topics.flat_map(|stem| sentences(&format!("{STARTER}/{stem}.md"))).collect();
    let mut broken = Vec::new();
    let facts = Fact::read_all();
    assert!(facts.len() >= 60, "{TABLE} holds {} facts", facts.len());
    for fact in facts {
        let mut stating = 0;
        for sentence in &sentences {
            let stated: BTreeSet<String> = fact.stated(sentence).into_iter().collect();
            stating += usize::from(!stated.is_empty());
            for value in stated.iter().filter(|value| !fact.allowed.contains(value)) {
                let allowed = fact.allowed.join(", ");
                broken.push(format!("{}: {}: {value}, not {allowed}: {}", sentence.path, fact.name, sentence.shown));
            }
        }
        if stating < 2 {
            broken.push(format!("{TABLE}: `{}` is stated by {stating} sentences: it compares nothing", fact.name));
        }
    }
    demand("articles agree on normal values, doses, durations, ages and thresholds", &broken);
}

#[test]
fn a_value_is_seen_with_its_unit() {
    let check = |text: &str, unit: &str, expected: &[&str]| assert_eq!(numbers(&plain(text), unit), expected, "{text}");
    check("Take 4 to 6 hours, then five hours.", "hours", &["4", "6", "5"]);
    check("140/90 mmHg or more", "mmhg", &["140", "90"]);
    check("1,000 mg, 2.5 mg, type 2 mg", "mg", &["1000", "2.5", "2"]);
    check("a 24-hour rule", "hour", &["24"]);
    check("b12 mg", "mg", &[]);
    check("12 mgs", "mg", &[]);
    check("2 to 3 apples", "", &["2", "3"]);
    assert_eq!(split("One. Two is 2.5 mL. e.g. not. Three"), ["One.", "Two is 2.5 mL. e.g. not.", "Three"]);
}
