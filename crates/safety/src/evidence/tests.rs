//! Fits the points, and holds them to what they promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::*;
use crate::rules::{RULES, RuleFile, RuleKind, Rules};

const SETS: [&str; 3] = [
    include_str!("../../tests/data/safety/dev-1.jsonl"),
    include_str!("../../tests/data/safety/dev-2.jsonl"),
    include_str!("../../tests/data/safety/dev-3.jsonl"),
];
const PARAPHRASES: &str = include_str!("../../tests/data/safety/paraphrases.jsonl");
const QUESTIONS: &str = include_str!("../../../../corpora/starter/questions.jsonl");

/// A term that fewer messages hold says nothing.
const LEAST_MESSAGES: usize = 2;
/// How strongly points are drawn to nought.
const RIDGE: f32 = 0.3;
const ROUNDS: usize = 400;
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
        if i + 1 < piece.end {
            add(format!("{} {}", word(i), word(i + 1)));
        }
    }
    add(format!("^{}", word(piece.start)));
    frames.names(piece).for_each(|frame| drop(add(format!("~{frame}"))));
    (0..rules.lists.len()).for_each(|number| drop(add(format!("{{{number}}}"))));
}

/// The messages of a set, and everything else that is committed and labelled.
fn set(rules: &Rules, set: &str, names: &mut BTreeMap<Term, String>) -> Vec<(String, Sample)> {
    let lines = set.lines().map(|line| serde_json::from_str::<Message>(line).expect("a message"));
    lines.map(|m| (m.label.clone(), sample(rules, &m.text, m.label == "emergency", names))).collect()
}

fn others(rules: &Rules, names: &mut BTreeMap<Term, String>) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (_, text) in RULES {
        let file: RuleFile = toml::from_str(text).expect("a rule");
        let is_emergency = matches!(file.kind, RuleKind::Emergency);
        samples.extend(file.examples.fire.iter().map(|text| sample(rules, text, is_emergency, names)));
        samples.extend(file.examples.quiet.iter().map(|text| sample(rules, text, false, names)));
    }
    samples.extend(set(rules, PARAPHRASES, names).into_iter().map(|(_, sample)| sample));
    for line in QUESTIONS.lines() {
        let question: serde_json::Value = serde_json::from_str(line).expect("a question");
        samples.push(sample(rules, question["question"].as_str().expect("a text"), false, names));
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

#[test]
#[ignore = "fits the points anew and writes them to the file that CLINQA_EVIDENCE names"]
fn fit_the_points() {
    let rules = Rules::embedded().expect("the embedded rules");
    let mut names = BTreeMap::new();
    let sets: Vec<Vec<(String, Sample)>> = SETS.iter().map(|text| set(&rules, text, &mut names)).collect();
    let others = others(&rules, &mut names);
    for (train, test) in [(0, 1), (1, 0)] {
        let samples: Vec<&Sample> = sets[train].iter().map(|(_, sample)| sample).chain(&others).collect();
        let evidence = fit(&samples);
        for least in [0.0, 25.0, 50.0, 75.0, 100.0, 125.0, 150.0] {
            let share = |label: &str| {
                let of: Vec<f32> =
                    sets[test].iter().filter(|(l, _)| l == label).map(|(_, s)| score(&evidence, s)).collect();
                of.iter().filter(|score| **score >= least).count() as f32 / of.len() as f32
            };
            let (emergency, ordinary, hard) = (share("emergency"), share("ordinary"), share("hard"));
            let seen =
                format!("set {}: least {least}: {emergency:.3} of emergencies, {ordinary:.3}, {hard:.3}", test + 1);
            std::io::Write::write_all(&mut std::io::stderr(), format!("{seen}\n").as_bytes())
                .expect("a line is written");
        }
    }
    let samples: Vec<&Sample> = sets.iter().flatten().map(|(_, sample)| sample).chain(&others).collect();
    let evidence = fit(&samples);
    let mut lines: Vec<(String, f32)> = evidence.points.iter().map(|(term, w)| (names[term].clone(), *w)).collect();
    lines.retain(|(_, points)| points.abs() >= LEAST_POINTS);
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    let mut text =
        "# Points for an emergency, in hundredths: a word, two words in a row, ^ a first word, {n} the nth list of\n\
                    # lists.toml, ~ a frame. Fitted by the ignored test `fit_the_points`; the first line is the bias.\n"
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
