//! How many emergencies are heard once rules, points of words and what a message means have all been heard?

use std::collections::BTreeMap;

use clinqa_encoder::Encoder;
use clinqa_safety::{Meaning, Rules, Verdict, hear_meaning, screen};
use clinqa_schema::Question;
use clinqa_weights::ENCODER;

use crate::support::embedded;

/// A line of a set.
#[derive(serde::Deserialize)]
struct Message {
    text: String,
    label: String,
}

/// Of each label: how many there are, how many words alone redirect, and how many are redirected in the end.
type Heard = BTreeMap<String, [usize; 3]>;

fn heard(rules: &Rules, encoder: &Encoder, set: &str) -> Heard {
    let messages: Vec<Message> = set.lines().map(|line| serde_json::from_str(line).expect("a message")).collect();
    let mut heard = Heard::new();
    for message in messages {
        let question = Question::new(&message.text).expect("a question");
        let screening = screen(rules, &question, &[], None);
        let by_words = screening.verdict == Verdict::Redirect;
        let vector = encoder.encode_one(&message.text).expect("a vector");
        let meaning = Meaning { vector: vector.as_slice(), encoder: encoder.fingerprint() };
        let after = hear_meaning(rules, screening, &question, meaning, None).verdict == Verdict::Redirect;
        assert!(after || !by_words, "nothing is taken back: {}", message.text);
        let counts = heard.entry(message.label).or_default();
        counts[0] += 1;
        counts[1] += usize::from(by_words);
        counts[2] += usize::from(after);
    }
    heard
}

/// Sets by authors on whose messages nothing was mended; leave them apart. Each with the fewest emergencies that must be
/// redirected, and the most ordinary and hard messages that may be: one of each is left to another machine's rounding.
#[test]
fn emergencies_of_unseen_authors_are_heard() {
    let rules = Rules::embedded().expect("rules");
    let encoder = Encoder::open(&embedded(&ENCODER)).expect("the encoder");
    assert!(Meaning::is_known(encoder.fingerprint()), "emergency_meaning.py was not run for this encoder");
    macro_rules! set {
        ($name:literal, $limits:expr) => {
            ($name, include_str!(concat!("../crates/safety/tests/data/safety/", $name, ".jsonl")), $limits)
        };
    }
    let sets = [
        set!("apart", [394, 1, 3]),
        set!("apart-3", [393, 2, 10]),
        set!("apart-4", [393, 4, 14]),
        set!("apart-5", [399, 1, 14]),
        set!("plain-apart", [298, 1, 11]),
        set!("plain-apart-2", [281, 1, 6]),
    ];
    let mut wrong = Vec::new();
    for (name, set, [least, ordinary, hard]) in sets {
        let found = heard(&rules, &encoder, set);
        let line = format!("{name}: {found:?}");
        std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).expect("a written line");
        let redirected = |label: &str| found[label][2];
        if redirected("emergency") < least || redirected("ordinary") > ordinary || redirected("hard") > hard {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[ignore = "counts what becomes of the messages in the file that CLINQA_SAFETY_SET names"]
fn a_set_of_ones_own() {
    let path = std::env::var("CLINQA_SAFETY_SET").expect("CLINQA_SAFETY_SET names a file");
    let set = std::fs::read_to_string(&path).expect("a set of messages");
    let encoder = Encoder::open(&embedded(&ENCODER)).expect("the encoder");
    let found = heard(&Rules::embedded().expect("rules"), &encoder, &set);
    let line = format!("{path}: {found:?} (all, redirected by words, redirected)\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).expect("a written line");
}
