//! Did the reader name what BioASQ asked for?
//!
//! Golden files of task B and its measures since the third challenge (Balikas et al. 2013, as its evaluation code has
//! them today). Two answers are the same if they agree in lower case; unlike that code, white space around them is
//! stripped first. Nothing else is normalised: "IL-6" is not "IL6".

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::error::{ReadError, id_text, note_id, read_json};

const FORMAT: &str = "the questions (BioASQ JSON)";
const EXPECTED: &str = "`questions`, each with `id`, `body` and `type` (factoid, list, yesno or summary)";

/// How many candidates a factoid question may be answered with; later ones are passed over.
pub const MAX_CANDIDATES: usize = 5;

/// What kind of answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BioasqKind {
    /// One thing.
    Factoid,
    /// Several things.
    List,
    /// Yes or no.
    YesNo,
    /// Prose only.
    Summary,
}

/// One question with its gold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BioasqQuestion {
    /// Unique in its file.
    pub id: String,
    /// The question.
    pub body: String,
    /// The kind of its answer.
    pub kind: BioasqKind,
    /// The passages in which experts found the answer.
    pub snippets: Vec<BioasqSnippet>,
    /// The exact answer: things, each with its synonyms. A factoid is one thing, as a rule; yes or no is one thing with
    /// one name; a summary has none.
    pub gold: Vec<Vec<String>>,
}

/// One gold passage.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BioasqSnippet {
    /// The words.
    pub text: String,
    /// The address of the article.
    #[serde(default)]
    pub document: String,
}

/// The score of one factoid question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct FactoidScore {
    /// 1 if the first candidate is right.
    pub strict: f64,
    /// 1 if one of the candidates is right.
    pub lenient: f64,
    /// One over the rank of the first right candidate.
    pub reciprocal_rank: f64,
}

/// Means over the factoid questions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FactoidScores {
    /// Strict accuracy.
    pub strict: f64,
    /// Lenient accuracy.
    pub lenient: f64,
    /// Mean reciprocal rank.
    pub mrr: f64,
    /// How many questions.
    pub total: usize,
    /// By question id.
    pub per_question: BTreeMap<String, FactoidScore>,
}

/// The score of one list question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ListScore {
    /// The share of the named things that are gold.
    pub precision: f64,
    /// The share of the gold things that were named.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// Means over the list questions; `f1` is the mean of the questions' F1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListScores {
    /// Mean precision.
    pub precision: f64,
    /// Mean recall.
    pub recall: f64,
    /// Mean F1.
    pub f1: f64,
    /// How many questions.
    pub total: usize,
    /// By question id.
    pub per_question: BTreeMap<String, ListScore>,
}

/// Reads a golden file. `exact_answer` may be missing, a string, a list of strings (of a factoid: synonyms; of a list:
/// things) or a list of lists of synonyms.
pub fn read_bioasq(input: impl BufRead) -> Result<Vec<BioasqQuestion>, ReadError> {
    let file: File = read_json(FORMAT, EXPECTED, input)?;
    let mut seen = BTreeSet::new();
    let mut questions = Vec::with_capacity(file.questions.len());
    for Wire { id, body, kind, snippets, exact_answer } in file.questions {
        note_id(FORMAT, &mut seen, &id)?;
        let gold = exact_answer.map_or_else(Vec::new, |exact| exact.things(kind));
        questions.push(BioasqQuestion { id, body, kind, snippets: snippets.unwrap_or_default(), gold });
    }
    Ok(questions)
}

/// Scores candidates (question id → best first) on the factoid questions among `questions`; a question without
/// candidates counts 0.
pub fn score_factoids(questions: &[BioasqQuestion], candidates: &BTreeMap<String, Vec<String>>) -> FactoidScores {
    let per_question: BTreeMap<String, FactoidScore> =
        scored(questions, BioasqKind::Factoid, candidates, score_factoid).collect();
    let mean = |part: fn(&FactoidScore) -> f64| mean(per_question.values().map(part));
    let (strict, lenient) = (mean(|score| score.strict), mean(|score| score.lenient));
    let mrr = mean(|score| score.reciprocal_rank);
    FactoidScores { strict, lenient, mrr, total: per_question.len(), per_question }
}

/// Scores named things (question id → things) on the list questions among `questions`; a question without any counts 0.
pub fn score_lists(questions: &[BioasqQuestion], named: &BTreeMap<String, Vec<String>>) -> ListScores {
    let per_question: BTreeMap<String, ListScore> = scored(questions, BioasqKind::List, named, score_list).collect();
    let mean = |part: fn(&ListScore) -> f64| mean(per_question.values().map(part));
    let (precision, recall) = (mean(|score| score.precision), mean(|score| score.recall));
    ListScores { precision, recall, f1: mean(|score| score.f1), total: per_question.len(), per_question }
}

#[derive(Deserialize)]
struct File {
    questions: Vec<Wire>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(deserialize_with = "id_text")]
    id: String,
    body: String,
    #[serde(rename = "type")]
    kind: BioasqKind,
    #[serde(default)]
    snippets: Option<Vec<BioasqSnippet>>,
    #[serde(default)]
    exact_answer: Option<ExactAnswer>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ExactAnswer {
    One(String),
    Many(Vec<Thing>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Thing {
    Name(String),
    Synonyms(Vec<String>),
}

impl ExactAnswer {
    fn things(self, kind: BioasqKind) -> Vec<Vec<String>> {
        let many = match self {
            Self::One(name) => return vec![vec![name]],
            Self::Many(many) => many,
        };
        let only_names = many.iter().all(|thing| matches!(thing, Thing::Name(_)));
        let things: Vec<Vec<String>> = many.into_iter().map(Thing::synonyms).collect();
        if kind == BioasqKind::Factoid && only_names && !things.is_empty() {
            return vec![things.concat()];
        }
        things
    }
}

impl Thing {
    fn synonyms(self) -> Vec<String> {
        match self {
            Self::Name(name) => vec![name],
            Self::Synonyms(names) => names,
        }
    }
}

fn scored<'a, S: Default>(
    questions: &'a [BioasqQuestion],
    kind: BioasqKind,
    answers: &'a BTreeMap<String, Vec<String>>,
    score: fn(&[Vec<String>], &[String]) -> S,
) -> impl Iterator<Item = (String, S)> {
    let asked = questions.iter().filter(move |question| question.kind == kind);
    asked.map(move |question| {
        let answer = answers.get(&question.id).map(|answer| score(&question.gold, answer));
        (question.id.clone(), answer.unwrap_or_default())
    })
}

fn score_factoid(gold: &[Vec<String>], candidates: &[String]) -> FactoidScore {
    let is_right = |candidate: &String| gold.iter().any(|names| names_thing(names, candidate));
    let Some(place) = candidates.iter().take(MAX_CANDIDATES).position(is_right) else {
        return FactoidScore::default();
    };
    let strict = if place == 0 { 1.0 } else { 0.0 };
    FactoidScore { strict, lenient: 1.0, reciprocal_rank: 1.0 / (place + 1) as f64 }
}

/// Each named thing takes the first gold thing that it names and that is not yet taken; what is left over on either side
/// is wrong or missing, except (as in BioASQ's code) a gold thing left over whose name a taker happens to carry too.
fn score_list(gold: &[Vec<String>], named: &[String]) -> ListScore {
    let mut left: Vec<&Vec<String>> = gold.iter().collect();
    let mut hits = 0usize;
    for name in named {
        if let Some(place) = left.iter().position(|names| names_thing(names, name)) {
            left.remove(place);
            hits += 1;
        }
    }
    if hits == 0 {
        return ListScore::default();
    }
    let mut unused: Vec<&String> = named.iter().collect();
    let mut missing = 0usize;
    for names in left {
        match unused.iter().position(|name| names_thing(names, name)) {
            Some(place) => drop(unused.remove(place)),
            None => missing += 1,
        }
    }
    let precision = hits as f64 / named.len() as f64;
    let recall = hits as f64 / (hits + missing) as f64;
    ListScore { precision, recall, f1: 2.0 * precision * recall / (precision + recall) }
}

fn names_thing(names: &[String], name: &str) -> bool {
    let name = name.trim().to_lowercase();
    names.iter().any(|synonym| synonym.trim().to_lowercase() == name)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"{"questions": [
      {"id": "f1", "type": "factoid", "body": "Which factor?", "exact_answer": [["Factor XIa", "FXIa "]],
       "snippets": [{"text": "FXIa cleaves it.", "document": "pubmed/1", "beginSection": "abstract"}], "concepts": []},
      {"id": "f2", "type": "factoid", "body": "Which gene?", "exact_answer": ["BRCA1", "breast cancer 1"]},
      {"id": "f3", "type": "factoid", "body": "Which virus?", "exact_answer": "EBV", "snippets": null},
      {"id": "l1", "type": "list", "body": "Which drugs?", "exact_answer": [["casirivimab"], ["imdevimab", "REGN10987"]]},
      {"id": "l2", "type": "list", "body": "Which signs?", "exact_answer": ["fever", "cough", "rash"]},
      {"id": "y1", "type": "yesno", "body": "Is it?", "exact_answer": "no"},
      {"id": "s1", "type": "summary", "body": "What is it?", "ideal_answer": ["Prose."]}]}"#;

    fn questions() -> Vec<BioasqQuestion> {
        read_bioasq(FILE.as_bytes()).expect("the sample")
    }

    fn said(answers: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |list: &[&str]| list.iter().map(|answer| (*answer).to_owned()).collect();
        answers.iter().map(|(id, list)| ((*id).to_owned(), owned(list))).collect()
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    #[test]
    fn every_shape_of_an_exact_answer_is_read() {
        let gold: Vec<Vec<Vec<String>>> = questions().into_iter().map(|question| question.gold).collect();
        let expected = serde_json::json!([
            [["Factor XIa", "FXIa "]],
            [["BRCA1", "breast cancer 1"]],
            [["EBV"]],
            [["casirivimab"], ["imdevimab", "REGN10987"]],
            [["fever"], ["cough"], ["rash"]],
            [["no"]],
            []
        ]);
        assert_eq!(serde_json::json!(gold), expected);
        assert_eq!(questions()[0].snippets[0].document, "pubmed/1");
        assert_eq!(questions()[5].kind, BioasqKind::YesNo);
    }

    #[test]
    fn a_file_of_another_shape_is_refused() {
        for (text, part) in [
            ("", "found nothing"),
            ("{\"data\": []}", "another type"),
            (&FILE.replace("\"yesno\"", "\"essay\""), "yesno or summary"),
            (&FILE.replace("\"f2\"", "\"f1\""), "\"f1\" is there twice"),
            (&FILE.replace("\"no\"", "5"), "another type"),
        ] {
            let error = read_bioasq(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn factoid_scores_are_what_the_hand_computes() {
        // f1: a synonym in other case and spacing, at rank 1: 1, 1, 1. f2: at rank 3: 0, 1, 1/3. f3: at rank 6: too late.
        let scores = score_factoids(
            &questions(),
            &said(&[
                ("f1", &[" fxia"]),
                ("f2", &["BRCA2", "BRCA", "Breast Cancer 1", "BRCA1"]),
                ("f3", &["a", "b", "c", "d", "e", "EBV"]),
                ("l1", &["casirivimab"]),
            ]),
        );
        assert_eq!(scores.total, 3);
        close(scores.strict, 1.0 / 3.0);
        close(scores.lenient, 2.0 / 3.0);
        close(scores.mrr, 4.0 / 9.0);
    }

    #[test]
    fn list_scores_are_what_the_hand_computes() {
        // l1: one of two gold; of three named one is gold, and a second name for it is none: P 1/3, R 1/2, F1 2/5.
        // l2: not answered. Means: 1/6, 1/4, 1/5.
        let scores = score_lists(&questions(), &said(&[("l1", &["IMDEVIMAB", "regn10987", "remdesivir"])]));
        assert_eq!(scores.total, 2);
        close(scores.precision, 1.0 / 6.0);
        close(scores.recall, 0.25);
        close(scores.f1, 0.2);
    }

    #[test]
    fn a_gold_thing_listed_twice_is_found_by_one_name() {
        let gold = vec![vec!["fever".to_owned()], vec!["Fever".to_owned()]];
        close(score_list(&gold, &["fever".to_owned()]).recall, 1.0);
        close(score_list(&[], &["fever".to_owned()]).recall, 0.0);
        close(score_list(&gold, &[]).precision, 0.0);
    }

    proptest! {
        #[test]
        fn every_score_is_a_fraction_and_the_order_of_a_list_does_not_matter(
            gold in prop::collection::btree_set("[a-f]", 1..5),
            named in prop::collection::vec("[a-hA-H]", 0..7),
        ) {
            let gold: Vec<Vec<String>> = gold.into_iter().map(|name| vec![name]).collect();
            let reversed: Vec<String> = named.iter().rev().cloned().collect();
            let score = score_list(&gold, &named);
            prop_assert_eq!(score, score_list(&gold, &reversed));
            let factoid = score_factoid(&gold, &named);
            for part in [score.precision, score.recall, score.f1, factoid.strict, factoid.lenient, factoid.reciprocal_rank] {
                prop_assert!((0.0..=1.0).contains(&part));
            }
            prop_assert!(factoid.strict <= factoid.reciprocal_rank && factoid.reciprocal_rank <= factoid.lenient);
            let perfect = score_list(&gold, &gold.concat());
            prop_assert!((perfect.f1 - 1.0).abs() < 1e-12);
        }
    }
}
