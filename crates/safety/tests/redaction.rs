//! How much of what could tell a person does redaction find, and how much of medicine does it leave alone?
//!
//! `cargo test -p clinqa-safety --test redaction -- --nocapture` prints the figures of `crates/safety/README.md`. The
//! half of the public texts that the rules were tuned on and the half that is measured are told apart by a hash of the
//! text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clinqa_safety::{Kind, redact};
use serde_json::Value;

const OWN: &str = include_str!("data/redact.jsonl");

/// Classes of the public texts that are structured, and must be found nearly always.
const STRUCTURED: [&str; 8] = [
    "CREDIT_CARD",
    "DOMAIN_NAME",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "PHONE_NUMBER",
    "US_DRIVER_LICENSE",
    "US_SSN",
];

/// Names and places; a postal code is a place, as Safe Harbor has it.
const NAMED: [&str; 4] = ["GPE", "PERSON", "STREET_ADDRESS", "ZIP_CODE"];

/// Reported and held to nothing: Safe Harbor lets years and most ages stay and knows no class for companies, peoples and
/// professions.
const OTHER: [&str; 5] = ["AGE", "DATE_TIME", "NRP", "ORGANIZATION", "TITLE"];

fn report(text: &str) {
    // Whether anybody reads it is for `--nocapture` to say.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn from_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Letters and digits of `range` that no span covers.
fn uncovered(text: &str, range: Range<usize>, spans: &[Range<usize>]) -> String {
    let open = |at: usize| !spans.iter().any(|span| span.contains(&at));
    let letters = text[range.clone()].char_indices().map(|(at, c)| (range.start + at, c));
    letters.filter(|(at, c)| if c.is_alphanumeric() { open(*at) } else { true }).map(|(_, c)| c).collect()
}

fn spans_of(text: &str) -> Vec<Range<usize>> {
    redact(text, &[]).spans.into_iter().map(|span| span.bytes).collect()
}

/// FNV-1a, to halve a set without a list.
fn half(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        >> 20
        & 1
}

/// What of an identifier may stay: countries and states, which Safe Harbor does not ask to remove.
fn may_stay(rest: &str) -> bool {
    let rest = rest.trim_matches(|c: char| !c.is_alphanumeric());
    let code = rest.len() <= 3 && rest.chars().all(|c| c.is_ascii_uppercase());
    let year = rest.len() == 4 && rest.parse().is_ok_and(|year: u32| (1800..2100).contains(&year));
    // Words that join others tell nothing: "the corner of", "and", "de".
    let joins = rest.split_whitespace().all(|word| {
        matches!(word, "the" | "corner" | "of" | "and") || word.len() <= 3 && word.chars().all(char::is_lowercase)
    });
    rest.is_empty()
        || code
        || year
        || joins
        || rest == "nan"
        || redact(&format!("it is common in {rest} today"), &[]).spans.is_empty() && is_large(rest)
}

/// Whether what is left is a country and codes: "\n, NZ\n New Zealand".
fn large_pieces(left: &str) -> bool {
    left.split([',', '\n', '.', '(', ')']).flat_map(|piece| piece.split("  ")).all(may_stay)
}

/// Countries and states in full, as the test knows them by itself.
fn is_large(name: &str) -> bool {
    const LARGE: &str = include_str!("data/countries.txt");
    LARGE.lines().any(|line| line.eq_ignore_ascii_case(name.trim()))
}

#[derive(Default)]
struct Tally {
    found: usize,
    all: usize,
    missed: Vec<String>,
}

impl Tally {
    fn recall(&self) -> f64 {
        self.found as f64 / self.all.max(1) as f64
    }
}

fn public_texts() -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(from_root("../shared/data/deid/presidio_synth.json")).ok()?;
    Some(serde_json::from_str(&text).expect("a list of texts"))
}

/// Recall for each class over one half of the public texts. An identifier is found if each of its letters and digits is.
fn recall(texts: &[Value], wanted: u64) -> BTreeMap<String, Tally> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for entry in texts {
        let text = entry["full_text"].as_str().expect("a text");
        if half(text) != wanted {
            continue;
        }
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let spans = spans_of(text);
        for identifier in entry["spans"].as_array().expect("spans") {
            let place = |key: &str| places[identifier[key].as_u64().expect("a place") as usize];
            let range = place("start_position")..place("end_position");
            let class = identifier["entity_type"].as_str().expect("a class").to_owned();
            if NAMED.contains(&class.as_str()) && may_stay(&text[range.clone()]) {
                continue;
            }
            let left = uncovered(text, range.clone(), &spans);
            let pieces = left.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
            let whole = left.trim_matches(|c: char| !c.is_alphanumeric());
            let gone = whole.is_empty()
                || NAMED.contains(&class.as_str())
                    && (may_stay(whole) || pieces.clone().all(may_stay) || large_pieces(&left));
            let tally = tallies.entry(class).or_default();
            tally.all += 1;
            tally.found += usize::from(gone);
            if !gone {
                tally.missed.push(format!(
                    "{:?} of {:?} in {:?}",
                    left,
                    &text[range],
                    text.chars().take(160).collect::<String>()
                ));
            }
        }
    }
    tallies
}

fn together(tallies: &BTreeMap<String, Tally>, classes: &[&str]) -> Tally {
    let mut sum = Tally::default();
    for class in classes {
        if let Some(tally) = tallies.get(*class) {
            sum.found += tally.found;
            sum.all += tally.all;
        }
    }
    sum
}

fn table(tallies: &BTreeMap<String, Tally>) -> String {
    let mut lines = String::new();
    for (class, tally) in tallies {
        let _ = writeln!(lines, "{class:18} {:4} of {:4}  {:.4}", tally.found, tally.all, tally.recall());
    }
    for (name, classes) in [("structured", &STRUCTURED[..]), ("names and places", &NAMED[..])] {
        let sum = together(tallies, classes);
        let _ = writeln!(lines, "{name:18} {:4} of {:4}  {:.4}", sum.found, sum.all, sum.recall());
    }
    lines
}

#[test]
fn identifiers_of_public_texts_are_found() {
    let Some(texts) = public_texts() else {
        return report("skipped: recall on public texts: there is no ../shared/data/deid here");
    };
    let tallies = recall(&texts, 1);
    report(&format!("held-out half\n{}", table(&tallies)));
    assert!(tallies.keys().all(|class| [&STRUCTURED[..], &NAMED[..], &OTHER[..]].concat().contains(&class.as_str())));
    let structured = together(&tallies, &STRUCTURED);
    assert!(structured.recall() >= 0.995, "structured identifiers: {:.4}\n{}", structured.recall(), table(&tallies));
    let named = together(&tallies, &NAMED);
    assert!(named.recall() >= 0.85, "names and places: {:.4}\n{}", named.recall(), table(&tallies));
}

#[test]
#[ignore = "shows what is missed on the half that rules are tuned on"]
fn misses_on_the_half_for_tuning_are_shown() {
    let Some(texts) = public_texts() else {
        return report("skipped: recall on public texts: there is no ../shared/data/deid here");
    };
    let tallies = recall(&texts, 0);
    for (class, tally) in tallies.iter().filter(|(class, _)| !OTHER.contains(&class.as_str())) {
        tally.missed.iter().for_each(|miss| report(&format!("{class}: {miss}")));
    }
    report(&format!("half for tuning\n{}", table(&tallies)));
    assert!(!tallies.is_empty());
}

/// Words of `text` that were redacted, and how many there are.
fn lost(text: &str) -> (Vec<String>, usize) {
    let spans = spans_of(text);
    let mut lost = Vec::new();
    let mut words = 0;
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphabetic(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words += 1;
                if spans.iter().any(|span| span.start < at && from < span.end) {
                    lost.push(text[from..at].to_owned());
                }
                start = None;
            }
            _ => {}
        }
    }
    (lost, words)
}

#[test]
fn words_of_medicine_stay() {
    let folder = from_root("corpora/starter");
    let mut articles: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("the starter corpus").map(|file| file.expect("a file").path()).collect();
    articles.retain(|path| path.extension().is_some_and(|ending| ending == "md") && !path.ends_with("README.md"));
    articles.sort();
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    let mut share = |name: &str, texts: &[String]| {
        let mut totals = (0, 0);
        for text in texts {
            let (lost, words) = lost(text);
            totals = (totals.0 + lost.len(), totals.1 + words);
            for word in lost {
                *wrong.entry(word).or_default() += 1;
            }
        }
        let kept = 1.0 - totals.0 as f64 / totals.1 as f64;
        report(&format!("{name}: {} of {} words redacted, kept {kept:.5}", totals.0, totals.1));
        kept
    };
    let bodies: Vec<String> = articles
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("an article");
            text.splitn(3, "---\n").nth(2).unwrap_or(&text).to_owned()
        })
        .collect();
    let questions = std::fs::read_to_string(folder.join("questions.jsonl")).expect("the questions");
    let asked = |line: &str| {
        serde_json::from_str::<Value>(line).expect("a question")["question"].as_str().expect("a text").to_owned()
    };
    let questions: Vec<String> = questions.lines().map(asked).collect();
    let (articles, questions) = (share("starter articles", &bodies), share("starter questions", &questions));
    let mut wrong: Vec<(usize, String)> = wrong.into_iter().map(|(word, count)| (count, word)).collect();
    wrong.sort_by(|a, b| b.cmp(a));
    report(&format!("redacted: {wrong:?}"));
    assert!(articles >= 0.98 && questions >= 0.98, "kept of articles {articles:.4}, of questions {questions:.4}");
}

#[test]
fn own_examples_of_every_class_lose_what_tells_and_keep_what_is_asked() {
    let mut classes: BTreeMap<String, Tally> = BTreeMap::new();
    let mut broken = String::new();
    for line in OWN.lines() {
        let example: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        let text = example["text"].as_str().expect("a text");
        let class = example["class"].as_str().expect("a class");
        assert!(Kind::ALL.iter().any(|kind| kind.name() == class), "{class}");
        let redacted = redact(text, &[]);
        let spans: Vec<Range<usize>> = redacted.spans.iter().map(|span| span.bytes.clone()).collect();
        for hidden in example["hide"].as_array().expect("what to hide") {
            let hidden = hidden.as_str().expect("a text");
            let at = text.find(hidden).unwrap_or_else(|| panic!("{hidden} is not in {text}"));
            let left = uncovered(text, at..at + hidden.len(), &spans);
            let tally = classes.entry(class.to_owned()).or_default();
            tally.all += 1;
            tally.found += usize::from(!left.chars().any(char::is_alphanumeric));
            if left.chars().any(char::is_alphanumeric) {
                let _ = writeln!(broken, "{class}: {left:?} is left: {} <- {text}", redacted.text);
            }
        }
        for kept in example["keep"].as_array().into_iter().flatten() {
            let kept = kept.as_str().expect("a text");
            let at = text.find(kept).unwrap_or_else(|| panic!("{kept} is not in {text}"));
            if uncovered(text, at..at + kept.len(), &spans) != kept {
                let _ = writeln!(broken, "{class}: {kept:?} is lost: {}", redacted.text);
            }
        }
    }
    for kind in Kind::ALL {
        let tally = classes.get(kind.name());
        assert!(tally.is_some_and(|tally| tally.all >= 20), "{}: twenty examples at least", kind.name());
    }
    report(&format!("own examples\n{}", table(&classes)));
    assert!(broken.is_empty(), "{broken}");
}
