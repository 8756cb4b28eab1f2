//! Spells out what points are fitted to, and holds the points to what they promise.

use std::collections::BTreeMap;

use clinqa_schema::NoticeKind;

use super::*;
use crate::rules::{RULES, RuleFile, RuleKind, Rules};
use crate::screen::places;

const SETS: [(&str, &str); 48] = [
    ("dev-1", include_str!("../../tests/data/safety/dev-1.jsonl")),
    ("dev-2", include_str!("../../tests/data/safety/dev-2.jsonl")),
    ("dev-3", include_str!("../../tests/data/safety/dev-3.jsonl")),
    ("dev-4", include_str!("../../tests/data/safety/dev-4.jsonl")),
    ("dev-5", include_str!("../../tests/data/safety/dev-5.jsonl")),
    ("dev-6", include_str!("../../tests/data/safety/dev-6.jsonl")),
    ("dev-7", include_str!("../../tests/data/safety/dev-7.jsonl")),
    ("dev-8", include_str!("../../tests/data/safety/dev-8.jsonl")),
    ("dev-9", include_str!("../../tests/data/safety/dev-9.jsonl")),
    ("dev-10", include_str!("../../tests/data/safety/dev-10.jsonl")),
    ("dev-11", include_str!("../../tests/data/safety/dev-11.jsonl")),
    ("dev-12", include_str!("../../tests/data/safety/dev-12.jsonl")),
    ("dev-13", include_str!("../../tests/data/safety/dev-13.jsonl")),
    ("dev-14", include_str!("../../tests/data/safety/dev-14.jsonl")),
    ("dev-15", include_str!("../../tests/data/safety/dev-15.jsonl")),
    ("dev-16", include_str!("../../tests/data/safety/dev-16.jsonl")),
    ("dev-17", include_str!("../../tests/data/safety/dev-17.jsonl")),
    ("dev-18", include_str!("../../tests/data/safety/dev-18.jsonl")),
    ("dev-19", include_str!("../../tests/data/safety/dev-19.jsonl")),
    ("dev-20", include_str!("../../tests/data/safety/dev-20.jsonl")),
    ("dev-21", include_str!("../../tests/data/safety/dev-21.jsonl")),
    ("dev-22", include_str!("../../tests/data/safety/dev-22.jsonl")),
    ("dev-23", include_str!("../../tests/data/safety/dev-23.jsonl")),
    ("dev-24", include_str!("../../tests/data/safety/dev-24.jsonl")),
    ("dev-25", include_str!("../../tests/data/safety/dev-25.jsonl")),
    ("dev-26", include_str!("../../tests/data/safety/dev-26.jsonl")),
    ("dev-27", include_str!("../../tests/data/safety/dev-27.jsonl")),
    ("short-1", include_str!("../../tests/data/safety/short-1.jsonl")),
    ("short-2", include_str!("../../tests/data/safety/short-2.jsonl")),
    ("short-3", include_str!("../../tests/data/safety/short-3.jsonl")),
    ("short-4", include_str!("../../tests/data/safety/short-4.jsonl")),
    ("short-5", include_str!("../../tests/data/safety/short-5.jsonl")),
    ("short-6", include_str!("../../tests/data/safety/short-6.jsonl")),
    ("short-7", include_str!("../../tests/data/safety/short-7.jsonl")),
    ("short-8", include_str!("../../tests/data/safety/short-8.jsonl")),
    ("short-9", include_str!("../../tests/data/safety/short-9.jsonl")),
    ("short-10", include_str!("../../tests/data/safety/short-10.jsonl")),
    ("short-11", include_str!("../../tests/data/safety/short-11.jsonl")),
    ("short-12", include_str!("../../tests/data/safety/short-12.jsonl")),
    ("short-13", include_str!("../../tests/data/safety/short-13.jsonl")),
    ("short-14", include_str!("../../tests/data/safety/short-14.jsonl")),
    ("short-15", include_str!("../../tests/data/safety/short-15.jsonl")),
    ("short-16", include_str!("../../tests/data/safety/short-16.jsonl")),
    ("short-17", include_str!("../../tests/data/safety/short-17.jsonl")),
    ("dev-28", include_str!("../../tests/data/safety/dev-28.jsonl")),
    ("dev-29", include_str!("../../tests/data/safety/dev-29.jsonl")),
    ("dev-30", include_str!("../../tests/data/safety/dev-30.jsonl")),
    ("paraphrases", include_str!("../../tests/data/safety/paraphrases.jsonl")),
];
/// Lines that are no emergency.
const QUIET: [&str; 5] = [
    include_str!("../../tests/data/safety/personal.txt"),
    include_str!("../../tests/data/safety/general.txt"),
    include_str!("../../tests/data/safety/scope.txt"),
    include_str!("../../tests/data/ordinary.txt"),
    include_str!("../../tests/data/hard.txt"),
];
const EMERGENCIES: &str = include_str!("../../tests/data/emergencies.txt");
const QUESTIONS: &str = include_str!("../../../../corpora/starter/questions.jsonl");

#[derive(serde::Deserialize)]
struct Message {
    text: String,
    label: String,
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

/// A message as `fit.py` reads it: its pieces as terms spelt out, and the rules that are met in it.
fn line(rules: &Rules, set: &str, text: &str, label: &str) -> String {
    let found = rules.matcher.find(&[text]);
    let frames = rules.cues.read(&found, rules.symptoms.clone());
    let spelt = |piece: std::ops::Range<usize>| {
        let mut names = BTreeMap::new();
        name(&found, &frames, rules, piece.clone(), &mut names);
        let Terms { words, runs } = terms(&found, &frames, &rules.lists, piece);
        let spell = |terms: Vec<Term>| terms.iter().map(|term| names.get(term).cloned().unwrap_or_default()).collect();
        let (words, runs): (Vec<String>, Vec<String>) = (spell(words), spell(runs));
        serde_json::json!({ "words": words, "runs": runs })
    };
    let mut stretches: Vec<Range<usize>> = turns(&found, 0).flat_map(|turn| pieces(&turn)).collect();
    let mut met = Vec::new();
    for rule in &rules.all {
        for (number, fire) in rule.fires.iter().enumerate() {
            let places = places(rule, fire, &found, &frames);
            if places.is_empty() {
                continue;
            }
            let how = match (rule.kind == NoticeKind::Emergency, fire.certain) {
                (false, _) => "-",
                (true, true) => "!",
                (true, false) => "",
            };
            met.push(format!("{}/{number}{how}", rule.id));
            // What is met is weighed by itself too.
            if rule.kind == NoticeKind::Emergency {
                stretches.extend(places);
            }
        }
    }
    stretches.sort_by_key(|stretch| (stretch.start, stretch.end));
    stretches.dedup();
    let pieces: Vec<serde_json::Value> = stretches.into_iter().map(spelt).collect();
    serde_json::json!({ "set": set, "label": label, "text": text, "pieces": pieces, "met": met, "brief": Length::of(found.words.len()) == Length::Brief }).to_string()
}

/// Spells out the terms of a piece, which are hashes otherwise.
fn name(
    found: &Found,
    frames: &Frames,
    rules: &Rules,
    piece: std::ops::Range<usize>,
    names: &mut BTreeMap<Term, String>,
) {
    let word = |i: usize| String::from_utf8(written(&found.words[i].text)).expect("a word");
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
    let all: String = piece.clone().map(|i| word(i) + "_").collect();
    let all = format!("_{all}");
    for length in RUNS {
        let runs = all.as_bytes().windows(length).filter(|run| run.is_ascii());
        runs.for_each(|run| drop(add(format!("/{}", String::from_utf8_lossy(run)))));
    }
    frames.names(piece).for_each(|frame| drop(add(format!("~{frame}"))));
    for number in 0..rules.lists.len() {
        add(list_name(number));
        (0..number).for_each(|other| drop(add(list_name(number) + &list_name(other))));
    }
}

/// What the articles of the starter corpus are called: what people type into a search.
fn titles() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpora/starter");
    let articles = std::fs::read_dir(folder).expect("the starter corpus").flatten().map(|entry| entry.path());
    let title = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.lines().find_map(|line| line.strip_prefix("title: "))?.trim_matches('"').to_owned())
    };
    let mut titles: Vec<String> = articles.filter_map(title).collect();
    titles.sort();
    titles
}

#[test]
#[ignore = "writes the terms of every labelled message to the file that CLINQA_TERMS names; fit.py fits points to them"]
fn write_the_terms() {
    let rules = Rules::embedded().expect("the embedded rules");
    let mut lines: Vec<String> = Vec::new();
    let mut both = |set: &str, text: &str, label: &str| {
        lines.push(line(&rules, set, text, label));
        lines.push(line(&rules, &format!("{set}, hurried"), &hurried(text), label));
    };
    for (set, text) in SETS {
        for text in text.lines() {
            let message: Message = serde_json::from_str(text).expect("a message");
            both(set, &message.text, &message.label);
        }
    }
    for (_, text) in RULES {
        let file: RuleFile = toml::from_str(text).expect("a rule");
        let label = if matches!(file.kind, RuleKind::Emergency) { "emergency" } else { "ordinary" };
        file.examples.fire.iter().for_each(|text| both("examples", text, label));
        file.examples.quiet.iter().for_each(|text| both("examples", text, "ordinary"));
    }
    for line in EMERGENCIES.lines().filter(|line| !line.starts_with('#')) {
        let (_, text) = line.split_once('\t').expect("a rule, a tab, a question");
        both("examples", text, "emergency");
    }
    let quiet = QUIET.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty() && !line.starts_with('#'));
    quiet.for_each(|text| both("quiet", text, "ordinary"));
    for line in QUESTIONS.lines() {
        let question: serde_json::Value = serde_json::from_str(line).expect("a question");
        both("starter", question["question"].as_str().expect("a text"), "ordinary");
    }
    for title in titles() {
        both("titles", &title, "ordinary");
    }
    std::fs::write(std::env::var("CLINQA_TERMS").expect("CLINQA_TERMS names a file"), lines.join("\n"))
        .expect("a written file");
}

#[test]
fn every_line_of_the_points_is_a_term_of_its_own_with_its_points() {
    let lines = include_str!("../../data/evidence.tsv").lines().filter(|line| !line.starts_with('#'));
    let evidence = Evidence::embedded();
    for line in lines {
        let (term, points) = line.split_once('\t').expect("a tab");
        let of = |length| evidence.of(hash(term.bytes()), length).map(|points| points.to_string());
        let (brief, long) = points.split_once('\t').expect("two numbers");
        assert_eq!((of(Length::Brief).as_deref(), of(Length::Long).as_deref()), (Some(brief), Some(long)), "{line}");
    }
    assert!(evidence.bias.iter().all(|bias| *bias < 0.0));
    assert!(evidence.of(hash(*b"no term of the file"), Length::Brief).is_none());
    assert_eq!(evidence.points.terms.len() * 2, evidence.points.points.len());
}

#[test]
fn one_emergency_says_from_how_many_points_on_there_is_one() {
    let rules = Rules::embedded().expect("the embedded rules");
    let weighing: Vec<&crate::rules::Rule> = rules.all.iter().filter(|rule| rule.evidence.is_some()).collect();
    assert!(matches!(weighing[..], [rule] if rule.kind == NoticeKind::Emergency), "{weighing:?}");
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
