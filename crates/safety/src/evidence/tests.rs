//! Fits the points, and holds them to what they promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clinqa_schema::Question;

use super::*;
use crate::rules::{RULES, RuleFile, RuleKind, Rules};
use crate::{Verdict, screen};

const SETS: [&str; 5] = [
    include_str!("../../tests/data/safety/dev-1.jsonl"),
    include_str!("../../tests/data/safety/dev-2.jsonl"),
    include_str!("../../tests/data/safety/dev-3.jsonl"),
    include_str!("../../tests/data/safety/dev-4.jsonl"),
    include_str!("../../tests/data/safety/dev-5.jsonl"),
];
const PARAPHRASES: &str = include_str!("../../tests/data/safety/paraphrases.jsonl");
/// Lines that are no emergency.
const QUIET: [&str; 4] = [
    include_str!("../../tests/data/safety/personal.txt"),
    include_str!("../../tests/data/safety/general.txt"),
    include_str!("../../tests/data/safety/scope.txt"),
    include_str!("../../tests/data/ordinary.txt"),
];
const QUESTIONS: &str = include_str!("../../../../corpora/starter/questions.jsonl");

/// A term that fewer messages hold says nothing.
const LEAST_MESSAGES: usize = 2;
/// How strongly points are drawn to nought.
const RIDGE: f32 = 0.3;
const ROUNDS: usize = 3000;
/// Smaller points are left out, in hundredths.
const LEAST_POINTS: f32 = 8.0;

#[derive(serde::Deserialize)]
struct Message {
    text: String,
    label: String,
}

/// A message: its pieces as terms, and whether it is an emergency.
struct Sample {
    pieces: Vec<Vec<Term>>,
    is_emergency: bool,
}

/// A line of a set.
struct Line {
    label: String,
    sample: Sample,
    /// The same as a hurried hand would have typed it, so that the hand itself has no points.
    hurried: Sample,
    /// Whether a rule sees it already.
    is_seen: bool,
}

/// How words are typed in a hurry.
const HURRIED: [(&str, &str); 32] = [
    ("what", "wat"),
    ("you", "u"),
    ("please", "pls"),
    ("because", "cos"),
    ("my", "me"),
    ("is", "iz"),
    ("are", "r"),
    ("the", "da"),
    ("with", "wiv"),
    ("and", "n"),
    ("should", "shud"),
    ("have", "av"),
    ("would", "wud"),
    ("when", "wen"),
    ("that", "tht"),
    ("to", "2"),
    ("for", "4"),
    ("just", "jst"),
    ("think", "fink"),
    ("does", "dus"),
    ("really", "rly"),
    ("something", "summat"),
    ("nothing", "nowt"),
    ("going", "goin"),
    ("getting", "gettin"),
    ("child", "kid"),
    ("ok", "alright"),
    ("very", "proper"),
    ("friend", "mate"),
    ("mother", "mum"),
    ("father", "dad"),
    ("mum", "nan"),
];

fn hurried(text: &str) -> String {
    let lower = text.to_lowercase().replace(['\'', '’', ',', '.', '?', '!'], " ");
    let words = lower.split_whitespace();
    let typed = words.map(|word| HURRIED.iter().find(|(right, _)| *right == word).map_or(word, |(_, typed)| typed));
    typed.collect::<Vec<_>>().join(" ")
}

fn sample(rules: &Rules, text: &str, is_emergency: bool, names: &mut BTreeMap<Term, String>) -> Sample {
    let found = rules.matcher.find(&[text]);
    let frames = rules.cues.read(&found, rules.symptoms.clone());
    let pieces: Vec<_> = pieces(&found, 0).collect();
    for piece in &pieces {
        name(&found, &frames, rules, piece.clone(), names);
    }
    let pieces = pieces.into_iter().map(|piece| terms(&found, &frames, &rules.lists, piece)).collect();
    Sample { pieces, is_emergency }
}

/// Spells out the terms of a piece, which are hashes otherwise.
fn name(
    found: &Found,
    frames: &Frames,
    rules: &Rules,
    piece: std::ops::Range<usize>,
    names: &mut BTreeMap<Term, String>,
) {
    let word = |i: usize| String::from_utf8(written(&found.words[i].text).to_vec()).expect("a word");
    let mut add = |text: String| names.insert(hash(text.bytes()), text);
    for i in piece.clone() {
        add(word(i));
        // Some words are not all ASCII: a stem may end within a letter.
        let stem = word(i).bytes().take(STEM).chain([b'*']).collect();
        String::from_utf8(stem).map(&mut add).ok();
        if i + 1 < piece.end {
            add(format!("{} {}", word(i), word(i + 1)));
        }
    }
    add(format!("^{}", word(piece.start)));
    frames.names(piece).for_each(|frame| drop(add(format!("~{frame}"))));
    for number in 0..rules.lists.len() {
        add(list_name(number));
        (0..number).for_each(|other| drop(add(list_name(number) + &list_name(other))));
    }
}

fn line(rules: &Rules, text: &str, names: &mut BTreeMap<Term, String>) -> Line {
    let message: Message = serde_json::from_str(text).expect("a message");
    let is_emergency = message.label == "emergency";
    let question = Question::new(&message.text).expect("a question");
    Line {
        sample: sample(rules, &message.text, is_emergency, names),
        hurried: sample(rules, &hurried(&message.text), is_emergency, names),
        is_seen: screen(rules, &question, &[], None).verdict == Verdict::Redirect,
        label: message.label,
    }
}

/// Everything else that is committed and labelled.
fn others(rules: &Rules, names: &mut BTreeMap<Term, String>) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (_, text) in RULES {
        let file: RuleFile = toml::from_str(text).expect("a rule");
        let is_emergency = matches!(file.kind, RuleKind::Emergency);
        samples.extend(file.examples.fire.iter().map(|text| sample(rules, text, is_emergency, names)));
        samples.extend(file.examples.quiet.iter().map(|text| sample(rules, text, false, names)));
    }
    samples.extend(PARAPHRASES.lines().map(|text| line(rules, text, names).sample));
    let quiet = QUIET.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for text in quiet {
        samples.extend([text, &hurried(text)].map(|text| sample(rules, text, false, names)));
    }
    for line in QUESTIONS.lines() {
        let question: serde_json::Value = serde_json::from_str(line).expect("a question");
        let text = question["question"].as_str().expect("a text");
        samples.extend([text, &hurried(text)].map(|text| sample(rules, text, false, names)));
    }
    samples
}

/// Logistic regression by gradient descent with momentum; of an emergency the weightiest piece counts, else all do.
fn fit(samples: &[&Sample]) -> Evidence {
    let mut counts: BTreeMap<Term, usize> = BTreeMap::new();
    for sample in samples {
        let all: BTreeSet<&Term> = sample.pieces.iter().flatten().collect();
        for term in all {
            *counts.entry(*term).or_default() += 1;
        }
    }
    let terms: Vec<Term> = counts.into_iter().filter(|(_, n)| *n >= LEAST_MESSAGES).map(|(term, _)| term).collect();
    let places: FxHashMap<Term, usize> = terms.iter().enumerate().map(|(i, term)| (*term, i)).collect();
    let rows: Vec<(Vec<Vec<usize>>, f32)> = samples
        .iter()
        .map(|sample| {
            let row = |piece: &Vec<Term>| piece.iter().filter_map(|term| places.get(term).copied()).collect();
            (sample.pieces.iter().map(row).collect(), f32::from(u8::from(sample.is_emergency)))
        })
        .collect();
    let (mut weights, mut pull, mut bias) = (vec![0_f32; terms.len()], vec![0_f32; terms.len()], 0_f32);
    for _ in 0..ROUNDS {
        let mut slope = vec![0_f32; terms.len()];
        let mut bias_slope = 0_f32;
        let score = |row: &[usize]| {
            let root = (row.len().max(1) as f32).sqrt();
            bias + row.iter().map(|i| weights[*i]).sum::<f32>() / root
        };
        for (pieces, label) in &rows {
            let scored: Vec<(f32, &Vec<usize>)> = pieces.iter().map(|row| (score(row), row)).collect();
            let best = scored.iter().map(|(score, _)| *score).fold(f32::NEG_INFINITY, f32::max);
            for (score, row) in scored.iter().filter(|(score, _)| *label < 0.5 || *score >= best) {
                let wrong = 1.0 / (1.0 + (-score).exp()) - label;
                let root = (row.len().max(1) as f32).sqrt();
                row.iter().for_each(|i| slope[*i] += wrong / root);
                bias_slope += wrong;
            }
        }
        let scale = 20.0 / rows.len() as f32;
        for i in 0..weights.len() {
            pull[i] = 0.9 * pull[i] + scale * (slope[i] + RIDGE * weights[i]);
            weights[i] -= 0.05 * pull[i];
        }
        bias -= 0.1 * scale * bias_slope;
    }
    let points = terms.into_iter().zip(weights).map(|(term, weight)| (term, 100.0 * weight)).collect();
    Evidence { bias: 100.0 * bias, points }
}

fn score(evidence: &Evidence, sample: &Sample) -> f32 {
    sample.pieces.iter().map(|piece| evidence.sum(piece)).fold(f32::NEG_INFINITY, f32::max)
}

fn say(text: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).expect("a line is written");
}

/// What points fitted to all sets but one add to the rules in that one, over all sets.
fn say_what_unseen_sets_would_gain(sets: &[Vec<Line>], others: &[Sample]) {
    let mut unseen: Vec<(&str, f32)> = Vec::new();
    for (held_out, set) in sets.iter().enumerate() {
        let rest = sets.iter().enumerate().filter(|(number, _)| *number != held_out).flat_map(|(_, set)| set);
        let samples: Vec<&Sample> = rest.flat_map(|line| [&line.sample, &line.hurried]).chain(others).collect();
        let evidence = fit(&samples);
        let left = set.iter().filter(|line| !line.is_seen);
        unseen.extend(left.map(|line| (line.label.as_str(), score(&evidence, &line.sample))));
    }
    for label in ["emergency", "ordinary", "hard"] {
        let all = sets.iter().flatten().filter(|line| line.label == label);
        let (count, seen) = all.fold((0, 0), |(count, seen), line| (count + 1, seen + usize::from(line.is_seen)));
        say(&format!("{label}: of {count} the rules redirect {seen}, the points so many more:"));
        for least in [75.0, 100.0, 125.0, 150.0, 175.0, 200.0, 225.0] {
            let more = unseen.iter().filter(|(of, score)| *of == label && *score >= least).count();
            say(&format!("  {more} from {least} on"));
        }
        say("\n");
    }
}

#[test]
#[ignore = "fits the points anew and writes them to the file that CLINQA_EVIDENCE names"]
fn fit_the_points() {
    let mut rules = Rules::embedded().expect("the embedded rules");
    rules.evidence.bias = f32::NEG_INFINITY;
    let mut names = BTreeMap::new();
    let sets: Vec<Vec<Line>> =
        SETS.iter().map(|text| text.lines().map(|text| line(&rules, text, &mut names)).collect()).collect();
    let others = others(&rules, &mut names);
    say_what_unseen_sets_would_gain(&sets, &others);
    let lines = sets.iter().flatten();
    let samples: Vec<&Sample> = lines.flat_map(|line| [&line.sample, &line.hurried]).chain(&others).collect();
    let evidence = fit(&samples);
    let mut lines: Vec<(String, f32)> =
        evidence.points.iter().filter_map(|(term, w)| Some((names.get(term)?.clone(), *w))).collect();
    lines.retain(|(_, points)| points.abs() >= LEAST_POINTS);
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    let mut text =
        "# Points for an emergency, in hundredths: a word, a stem*, two words in a row, ^ a first word, {n} the\n\
                    # nth list of lists.toml (or two of them), ~ a frame. Fitted by the ignored test `fit_the_points`; the first line is the bias.\n"
            .to_owned();
    let _ = writeln!(text, "\t{:.0}", evidence.bias);
    for (term, points) in &lines {
        let _ = writeln!(text, "{term}\t{points:.0}");
    }
    std::fs::write(std::env::var("CLINQA_EVIDENCE").expect("CLINQA_EVIDENCE names a file"), text)
        .expect("a written file");
}

#[test]
fn every_line_of_the_points_is_a_term_of_its_own_with_its_points() {
    let lines = POINTS.lines().filter(|line| !line.starts_with('#')).count();
    let evidence = Evidence::embedded();
    assert_eq!(evidence.points.len() + 1, lines);
    assert!(evidence.bias < 0.0 && evidence.points.values().all(|points| points.is_finite()));
}

#[test]
fn the_lists_of_who_and_how_stand_before_the_first_that_counts() {
    let lists = include_str!("../../data/lists.toml");
    let names: Vec<&str> = lists.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert_eq!(names[FIRST_LIST - 1..=FIRST_LIST], ["\"wont\"", "\"sudden\""]);
    assert_eq!(names[WHO_LIST], "\"who\"");
}

#[test]
fn the_words_of_a_telling_are_found_by_halving() {
    assert!(TELLING.is_sorted());
}
