//! Are the points those of the file, and of the question alone?

use super::*;
use crate::rules::{RULES as FILES, RuleFile, RuleKind, Rules};

/// Questions by authors who had not read the rules; `own.py` fits to them.
const SETS: [(&str, &str); 19] = [
    ("own-1", include_str!("../../tests/data/safety/own-1.tsv")),
    ("own-2", include_str!("../../tests/data/safety/own-2.tsv")),
    ("own-3", include_str!("../../tests/data/safety/own-3.tsv")),
    ("own-4", include_str!("../../tests/data/safety/own-4.tsv")),
    ("own-5", include_str!("../../tests/data/safety/own-5.tsv")),
    ("own-6", include_str!("../../tests/data/safety/own-6.tsv")),
    ("own-7", include_str!("../../tests/data/safety/own-7.tsv")),
    ("own-8", include_str!("../../tests/data/safety/own-8.tsv")),
    ("own-9", include_str!("../../tests/data/safety/own-9.tsv")),
    ("own-10", include_str!("../../tests/data/safety/own-10.tsv")),
    ("own-11", include_str!("../../tests/data/safety/own-11.tsv")),
    ("own-12", include_str!("../../tests/data/safety/own-12.tsv")),
    ("own-13", include_str!("../../tests/data/safety/own-13.tsv")),
    ("own-14", include_str!("../../tests/data/safety/own-14.tsv")),
    ("own-15", include_str!("../../tests/data/safety/own-15.tsv")),
    ("own-16", include_str!("../../tests/data/safety/own-16.tsv")),
    ("own-17", include_str!("../../tests/data/safety/own-17.tsv")),
    ("own-18", include_str!("../../tests/data/safety/own-18.tsv")),
    ("own-19", include_str!("../../tests/data/safety/own-19.tsv")),
];

/// More that is not about anybody's own case.
const QUIET: [&str; 2] =
    [include_str!("../../tests/data/safety/general.txt"), include_str!("../../tests/data/safety/scope.txt")];

/// General questions: those that the reader and the encoder learned from.
const GENERAL: &str = include_str!("../../../train/starter-questions.jsonl");

fn found(rules: &Rules, text: &str) -> Found {
    rules.matcher.find(&[text])
}

#[test]
#[ignore = "writes the terms of every labelled question to the file that CLINQA_TERMS names; own.py fits points to them"]
fn write_the_terms() {
    let rules = Rules::embedded().expect("the embedded rules");
    let mut lines: Vec<String> = Vec::new();
    let mut add = |set: &str, label: &str, text: &str| {
        let found = found(&rules, text);
        let sentences: Vec<Vec<String>> = sentences(question(&found)).map(terms).collect();
        let line = serde_json::json!({
            "set": set, "label": label, "text": text, "terms": terms(question(&found)), "sentences": sentences,
        });
        lines.push(line.to_string());
    };
    for (set, text) in SETS {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (label, text) = line.split_once('\t').expect("a label, a tab, a question");
            add(set, label, text);
        }
    }
    for (_, text) in FILES {
        let file: RuleFile = toml::from_str(text).expect("a rule");
        let label = if RULES.contains(&&*file.id) { file.id.as_str() } else { "general" };
        let is_told_apart = matches!(file.kind, RuleKind::Boundary | RuleKind::Scope);
        let asked = file.examples.fire.iter().filter(|_| is_told_apart);
        asked.for_each(|text| add("examples", label, text));
        file.examples.quiet.iter().for_each(|text| add("examples", "general", text));
    }
    for text in QUIET.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        add("examples", "general", text);
    }
    for line in GENERAL.lines() {
        let question: serde_json::Value = serde_json::from_str(line).expect("a question");
        add("starter", "general", question["question"].as_str().expect("a text"));
    }
    std::fs::write(std::env::var("CLINQA_TERMS").expect("CLINQA_TERMS names a file"), lines.join("\n"))
        .expect("a written file");
}

#[test]
fn every_line_of_the_points_is_a_term_of_its_own_with_its_points() {
    let mut lines = 0;
    for line in include_str!("../../data/own.tsv").lines().filter(|line| !line.starts_with('#')) {
        let (term, points) = line.split_once('\t').expect("a tab");
        let points: Vec<f32> = points.split('\t').map(|points| points.parse().expect("a number")).collect();
        assert_eq!(of(term).expect("a term").as_slice(), points, "{line}");
        lines += 1;
    }
    assert!(lines > 1_000 && of("no term of the file").is_none());
}

#[test]
fn a_sentence_is_weighed_by_itself_unless_it_is_hardly_one() {
    let rules = Rules::embedded().expect("the embedded rules");
    let of = |text: &str| rule(&found(&rules, text));
    let story = "Asthma runs in families. It often begins in childhood, and pollen and dust bring it on. ".repeat(4);
    assert_eq!(of(&story), None);
    assert!(of(&format!("{story}How many puffs of my inhaler should I take tonight?")).is_some());
    assert_eq!(of("What are the symptoms of asthma? Bakerloo 943 476 5919."), None);
    assert_eq!(sentences(question(&found(&rules, "What is gout? It is my toe that hurts."))).count(), 1);
}

#[test]
fn only_the_question_is_weighed() {
    let rules = Rules::embedded().expect("the embedded rules");
    let alone = terms(question(&found(&rules, "what is gout")));
    assert_eq!(terms(question(&rules.matcher.find(&["should i stop my tablets", "what is gout"]))), alone);
    assert_eq!(alone, ["^ what", "gout", "is", "is gout", "what", "what is"]);
}
