//! Is a question about something other than health told so, and none about health?

use clinqa_encoder::Encoder;
use clinqa_index::Lexicon;
use clinqa_retrieval::{Understanding, understand};
use clinqa_safety::{Meaning, elsewhere};
use clinqa_schema::Question;
use clinqa_weights::ENCODER;

use crate::support::embedded;

/// By an author on whose questions nothing was mended; leave them apart.
const ELSEWHERE: &str = include_str!("../crates/safety/tests/data/safety/elsewhere-apart.txt");
const HEALTH: &str = include_str!("../crates/safety/tests/data/safety/health-apart.txt");

/// How many would be called out of scope if nothing answered them. The corpus' own words are not known here.
fn called_out_of_scope(encoder: &Encoder, lines: &str) -> usize {
    let is_elsewhere = |text: &&str| {
        let question = Question::new(text).expect("a question");
        let understood = understand(&question, &[], &Lexicon::default(), Understanding::default());
        let vector = encoder.encode_one(&understood.dense).expect("a vector");
        let meaning = Meaning { vector: vector.as_slice(), encoder: encoder.fingerprint() };
        !understood.is_medical && elsewhere(meaning).expect("scope_meaning.py was not run for this encoder") >= 0.0
    };
    lines.lines().filter(is_elsewhere).count()
}

/// Two of each are left to another machine's rounding.
#[test]
fn questions_of_unseen_authors_about_other_things_are_called_out_of_scope() {
    let encoder = Encoder::open(&embedded(&ENCODER)).expect("the encoder");
    let (elsewhere, health) = (called_out_of_scope(&encoder, ELSEWHERE), called_out_of_scope(&encoder, HEALTH));
    let line = format!("called out of scope: {elsewhere} of 300 about other things, {health} of 300 about health");
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).expect("a written line");
    assert!(elsewhere >= 210 && health <= 6, "{line}");
}
