//! What is asked for (pure): the words to search for, the text to encode, and what is known of the question.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use clinqa_index::{Clause, FieldWeights, LexicalQuery, Lexicon, name_of};
use clinqa_schema::{DocumentId, Question, Turn, UnderstandingStep};

use crate::context::{Said, completed, recent};
use crate::names::{self, Meaning, Table};
use crate::sections::{Expected, expected};
use crate::spelling::{Speller, Spelling, is_everyday};
use crate::things::{speaks_of_medicine, things};
use crate::topic::{self, Topic, shares, topics};
use crate::{Kind, People, Step, Steps, aspects, is_negative, kind, people};

/// What a word counts that the question does not hold but means.
const EXPANSION_WEIGHT: f32 = 0.7;

pub(crate) static STOP_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("../data/stopwords.txt").lines();
    lines.filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect()
});

/// How questions are understood.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Understanding {
    /// How much each lexical field counts.
    pub weights: FieldWeights,
    /// The steps that are taken.
    pub steps: Steps,
}

/// A question as the rooms to the right take it.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    /// The question that was meant: completed from its history, slips mended.
    pub text: String,
    /// The same with each other name explained in brackets.
    pub explained: String,
    /// The words to search for, in the order of the question, each once.
    pub terms: Vec<String>,
    /// Words that neither the corpus nor any table has.
    pub unknown: Vec<String>,
    /// The same as a weighted query.
    pub lexical: LexicalQuery,
    /// What the encoder is given.
    pub dense: String,
    /// Names of documents that stand in the question.
    pub topics: Vec<Topic>,
    /// Diseases, medicines, tests and procedures that it names, whether or not the corpus tells of them, as `name_of` has them.
    pub things: Vec<String>,
    /// Whether it names one of those, or holds a word of medicine.
    pub is_medical: bool,
    /// The headings that are asked for.
    pub headings: Vec<&'static str>,
    /// How likely the answer is to stand under each heading.
    pub expected: Expected,
    /// The names that a table explains, as they stand there, with what each means.
    pub meanings: Vec<(String, &'static str)>,
    /// The kind of answer that is wanted.
    pub kind: Kind,
    /// The groups of people it is about.
    pub people: Vec<People>,
    /// Whether it is asked in the negative.
    pub negative: bool,
    /// What was changed on the way, for people.
    pub steps: Vec<UnderstandingStep>,
}

impl Understood {
    /// How much the question names each document, 0 to 1; those it does not name are absent.
    pub fn named(&self) -> BTreeMap<DocumentId, f32> {
        shares(&self.topics)
    }
}

/// Understands `question`, which follows the turns of `history`, in the words of the corpus.
pub fn understand(question: &Question, history: &[Turn], lexicon: &Lexicon, config: Understanding) -> Understood {
    let speller = Speller::new(lexicon);
    let mut steps = Vec::new();
    let mut text = question.text().to_owned();
    if config.steps.has(Step::FollowUp)
        && let Some(whole) = completed(&text, &recent(history), |text| said(text, &speller))
    {
        steps.push(step(Step::FollowUp, &text, &whole));
        text = whole;
    }
    let (mended, unknown) = mend(&text, &speller, config.steps, &mut steps);
    let text = mended;
    let mut meanings = meanings(&text);
    meanings.retain(|(_, meaning)| config.steps.has(step_of(meaning.table)));
    steps.extend(meanings.iter().map(|(name, meaning)| step(step_of(meaning.table), name, meaning.means)));
    let explained = explained(&text, meanings.iter().map(|(_, meaning)| *meaning));
    let topics = if config.steps.has(Step::Topics) { topics(&explained, lexicon) } else { Vec::new() };
    let (headings, expected) = if config.steps.has(Step::Headings) {
        let headings = aspects(&text);
        let expected = expected(&text, &headings);
        (headings, expected)
    } else {
        (Vec::new(), Expected::default())
    };
    let things = things(&text);
    let is_medical = !things.is_empty() || speaks_of_medicine(&explained);
    let terms = terms(&text);
    let lexical = LexicalQuery { clauses: clauses(&terms, &meanings), weights: config.weights };
    Understood {
        terms,
        unknown,
        lexical,
        dense: explained.clone(),
        topics,
        is_medical,
        things,
        expected,
        meanings: meanings.into_iter().map(|(name, meaning)| (name, meaning.means)).collect(),
        headings,
        kind: kind(&text),
        people: people(&text),
        negative: is_negative(&text),
        explained,
        text,
        steps,
    }
}

/// What a turn is about, for the turns after it.
fn said(text: &str, speller: &Speller) -> Said {
    let lexicon = speller.lexicon();
    let (text, _) = mend(text, speller, Steps::default(), &mut Vec::new());
    let topic = topics(&text, lexicon).into_iter().max_by_key(|topic| topic::weight(&topic.name));
    let meanings = meanings(&text);
    let is_named = |meaning: &Meaning| meaning.table != Table::Lay || !topics(meaning.means, lexicon).is_empty();
    let explained = || meanings.iter().find(|(_, meaning)| is_named(meaning)).map(|(name, _)| name.clone());
    let named = topic.map(|topic| topic.name).or_else(explained);
    let asks = !aspects(&text).is_empty() || !matches!(kind(&text), Kind::Other | Kind::Definition | Kind::YesNo);
    let has_topic = named.is_some() || !meanings.is_empty();
    Said { named, has_topic, asks, has_people: !people(&text).is_empty() }
}

/// `text` with its slips mended, and the words that nothing knows.
fn mend(text: &str, speller: &Speller, steps: Steps, done: &mut Vec<UnderstandingStep>) -> (String, Vec<String>) {
    let mut unknown = Vec::new();
    let mend_word = |word: &str| {
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        match speller.judge(&core.to_lowercase()) {
            Spelling::Mended(better) if steps.has(Step::Spelling) => {
                done.push(step(Step::Spelling, core, &better));
                word.replacen(core, &better, 1)
            }
            Spelling::Known => word.to_owned(),
            Spelling::Mended(_) | Spelling::Unknown => {
                unknown.push(core.to_lowercase());
                word.to_owned()
            }
        }
    };
    let mended = text.split(' ').map(mend_word).collect::<Vec<_>>().join(" ");
    (mended, unknown)
}

/// The names in `text` that a table explains, as they stand there, longer ones first where they overlap.
fn meanings(text: &str) -> Vec<(String, &'static Meaning)> {
    let separates = |c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’'));
    let words: Vec<&str> = text.split(separates).filter(|word| !word.is_empty()).collect();
    let context: Vec<String> = words.iter().map(|word| name_of(word)).collect();
    let whole = format!(" {} ", name_of(text));
    let mut found = Vec::new();
    let mut start = 0;
    while start < words.len() {
        let longest = (1..=names::MAX_WORDS.min(words.len() - start)).rev().find_map(|length| {
            let name = words[start..start + length].join(" ");
            let meaning = names::meaning(&name_of(&name), &context)?;
            let already_said = whole.contains(&format!(" {} ", name_of(meaning.means)));
            (is_meant(&name, meaning) && !already_said).then_some((length, name, meaning))
        });
        start += match longest {
            Some((length, name, meaning)) => {
                found.push((name, meaning));
                length
            }
            None => 1,
        };
    }
    found
}

/// A short form that is also a word ("as", "all", "it") is one only in capitals.
fn is_meant(name: &str, meaning: &Meaning) -> bool {
    let lower = name.to_lowercase();
    let is_word = STOP_WORDS.contains(lower.as_str()) || is_everyday(&lower);
    meaning.table != Table::Abbreviation || !is_word || name == meaning.written
}

fn step_of(table: Table) -> Step {
    match table {
        Table::Abbreviation => Step::Abbreviations,
        Table::Lay => Step::LayWords,
        Table::Medicine => Step::Medicines,
    }
}

fn explained<'a>(text: &str, meanings: impl Iterator<Item = &'a Meaning>) -> String {
    let means: Vec<&str> = meanings.map(|meaning| meaning.means).collect();
    if means.is_empty() {
        return text.to_owned();
    }
    match text.strip_suffix('?') {
        Some(open) => format!("{} ({})?", open.trim_end(), means.join(", ")),
        None => format!("{text} ({})", means.join(", ")),
    }
}

/// The words that carry meaning; if none does, all of them.
fn terms(text: &str) -> Vec<String> {
    let words: Vec<String> = words(text);
    let terms = distinct(words.iter().filter(|word| !STOP_WORDS.contains(word.as_str())));
    if terms.is_empty() { distinct(words.iter()) } else { terms }
}

fn clauses(terms: &[String], meanings: &[(String, &Meaning)]) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = terms.iter().map(|term| Clause { text: term.clone(), weight: 1.0 }).collect();
    let expansions = meanings.iter().flat_map(|(_, meaning)| self::terms(meaning.means));
    for text in expansions.filter(|word| !terms.contains(word)) {
        clauses.push(Clause { text, weight: EXPANSION_WEIGHT });
    }
    clauses
}

fn step(step: Step, from: &str, to: &str) -> UnderstandingStep {
    UnderstandingStep { step: step.name(), from: from.to_owned(), to: to.to_owned() }
}

/// Lower-case words: letters, digits, and the marks that hold one together (`type-2`, `don't`, `7.5`).
fn words(text: &str) -> Vec<String> {
    let holds = |c: char| matches!(c, '-' | '\'' | '’' | '.' | '/' | '%' | '+');
    text.split(|c: char| !(c.is_alphanumeric() || holds(c)))
        .map(|word| word.trim_matches(holds).replace('’', "'").to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

fn distinct<'a>(words: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = HashSet::new();
    words.filter(|word| seen.insert(word.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(text: &str) -> Understood {
        let lexicon = Lexicon::of_words(["symptoms", "haemorrhoids", "atrial", "fibrillation", "paracetamol", "bleed"]);
        let question = Question::new(text).expect("a question");
        understand(&question, &[], &lexicon, Understanding::default())
    }

    #[test]
    fn the_words_that_carry_meaning_are_searched_for() {
        let check = |question: &str, expected: &[&str]| assert_eq!(understood(question).terms, expected);
        check("What are the early signs of type 2 diabetes?", &["early", "signs", "type", "2", "diabetes"]);
        check("Is HbA1c of 48 bad, is it?", &["hba1c", "48", "bad"]);
        check("why can't I not sleep", &["not", "sleep"]);
        check("what is it?", &["what", "is", "it"]);
        check("COVID-19/flu don’t", &["covid-19/flu"]);
    }

    #[test]
    fn other_names_are_explained_and_searched_for() {
        let check = |question: &str, expected: &str| assert_eq!(understood(question).explained, expected);
        check("do piles bleed?", "do piles bleed (haemorrhoids)?");
        check("simptoms of AF", "symptoms of AF (atrial fibrillation)");
        check("is Tylenol paracetamol", "is Tylenol paracetamol");
        let lexical = understood("do piles bleed?").lexical;
        assert_eq!(lexical.clauses.last().map(|clause| clause.text.as_str()), Some("haemorrhoids"));
    }

    #[test]
    fn each_change_is_told_as_a_step() {
        let steps = understood("simptoms of piles").steps;
        let told: Vec<(&str, &str, &str)> = steps.iter().map(|s| (s.step, s.from.as_str(), s.to.as_str())).collect();
        assert_eq!(told, [("spelling", "simptoms", "symptoms"), ("lay-words", "piles", "haemorrhoids")]);
    }

    proptest::proptest! {
        #[test]
        fn every_question_has_something_to_search_for(text in "\\PC{1,80}", before in "\\PC{0,40}") {
            if let Ok(question) = Question::new(&text) {
                let history = [Turn { question: before.clone(), answer: before }];
                let understood = understand(&question, &history, &Lexicon::default(), Understanding::default());
                proptest::prop_assert!(!understood.dense.is_empty());
                proptest::prop_assert!(understood.terms.iter().all(|term| !term.is_empty()));
            }
        }
    }
}
