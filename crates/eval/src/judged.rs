//! Questions about a corpus with the document and the texts that answer them, and how many were answered.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use clinqa_schema::Turn;
use serde::{Deserialize, Serialize};

use crate::error::{ReadError, json_error, note_id, numbered_lines};
use crate::{CalibrationError, Reliability, RiskCoverage, normalise_answer, reliability, risk_coverage};

const FORMAT: &str = "the judged questions (questions.jsonl)";
const EXPECTED: &str = "one object a line with `id`, `split`, `question`, `document`, `accepted` and `group`";

/// Bins of the reliability diagram.
const RELIABILITY_BINS: usize = 10;

/// A question with its judgement; without a document it cannot be answered from the corpus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedQuestion {
    /// Its name.
    pub id: String,
    /// `dev` is tuned on, `test` is reported.
    pub split: String,
    /// The question as typed.
    pub question: String,
    /// The turns before it, the last one last.
    #[serde(default)]
    pub history: Vec<JudgedTurn>,
    /// The document that answers it.
    pub document: Option<String>,
    /// Other documents that answer it as well.
    #[serde(default)]
    pub also: Vec<String>,
    /// Texts of the document any one of which answers it.
    pub accepted: Vec<String>,
    /// What is hard about it.
    pub group: String,
}

/// A turn of the conversation before a question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedTurn {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: String,
}

impl JudgedQuestion {
    /// The turns before it, as they are handed to a retriever.
    pub fn turns(&self) -> Vec<Turn> {
        let turn = |turn: &JudgedTurn| Turn { question: turn.question.clone(), answer: turn.answer.clone() };
        self.history.iter().map(turn).collect()
    }

    /// Whether `document` answers it.
    pub fn is_right(&self, document: &str) -> bool {
        self.document.as_deref() == Some(document) || self.also.iter().any(|also| also == document)
    }
}

/// Reads `questions.jsonl`, in the order of the file.
pub fn read_judged(input: impl BufRead) -> Result<Vec<JudgedQuestion>, ReadError> {
    let mut questions = Vec::new();
    let mut seen = BTreeSet::new();
    for numbered in numbered_lines(FORMAT, input) {
        let (number, line) = numbered?;
        let question: JudgedQuestion =
            serde_json::from_str(&line).map_err(|error| json_error(FORMAT, EXPECTED, number - 1, &error))?;
        note_id(FORMAT, &mut seen, &question.id)?;
        questions.push(question);
    }
    Ok(questions)
}

/// What a system has to say to one judged question, and how sure it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JudgedReply {
    /// Documents of the retrieved passages, best first, each once.
    pub documents: Vec<String>,
    /// The best answer's text with its first quote, however unsure; `None` if it has none at any threshold.
    pub answer: Option<String>,
    /// Calibrated confidence of that answer, 0 to 1; 0 without one.
    pub confidence: f64,
    /// Cosine of the question and the nearest passage; `None` where words alone were searched.
    pub nearest: Option<f64>,
    /// The kind of answer that the question wants, by name.
    pub kind: String,
}

/// When an answer is sure enough to be given.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AnswerThresholds {
    /// Least calibrated confidence.
    pub confidence: f32,
    /// Least cosine of the question and the nearest passage; not asked where words alone were searched.
    pub nearest: f32,
}

impl AnswerThresholds {
    /// Every answer is given.
    pub const OPEN: Self = Self { confidence: 0.0, nearest: -1.0 };
}

impl JudgedReply {
    /// The answer, if it is sure enough to be given.
    pub fn given(&self, thresholds: AnswerThresholds) -> Option<&str> {
        let sure = self.confidence >= f64::from(thresholds.confidence);
        let near = self.nearest.is_none_or(|nearest| nearest >= f64::from(thresholds.nearest));
        self.answer.as_deref().filter(|_| sure && near)
    }
}

/// Shares of the judged questions, each 0 to 1; `None` where there is nothing to share.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JudgedScores {
    /// Questions that a document answers.
    pub answerable: usize,
    /// Right document among the first three.
    pub document_at_3: Option<f64>,
    /// Answered with an accepted text in the answer or its quote.
    pub accepted: Option<f64>,
    /// Answered with something else.
    pub wrong: Option<f64>,
    /// Not answered although a document answers it.
    pub wrongly_abstained: Option<f64>,
    /// Questions that no document answers.
    pub unanswerable: usize,
    /// Rightly not answered.
    pub abstained: Option<f64>,
    /// Answerable questions by what is hard about them.
    pub by_group: BTreeMap<String, AnswerableShares>,
    /// Answerable questions by the kind of answer that they want.
    pub by_kind: BTreeMap<String, AnswerableShares>,
    /// Unanswerable questions by why no document answers them.
    pub unanswerable_by_group: BTreeMap<String, UnanswerableShares>,
    /// Of all questions, the share that was answered.
    pub coverage: Option<f64>,
    /// Of the answers given, the share that is wrong; to a question that no document answers, each is.
    pub risk: Option<f64>,
    /// Expected calibration error of the answers given.
    pub ece: Option<f64>,
    /// Area under the risk-coverage curve of all questions; lower is better.
    pub aurc: Option<f64>,
    /// Confidences of the answers given against what came true.
    pub reliability: Option<Reliability>,
    /// What each threshold of confidence would give, over all questions. One to which there is no answer at any
    /// threshold counts as wrong at confidence 0, so that systems are compared on the same questions.
    pub risk_coverage: Option<RiskCoverage>,
}

/// What became of some answerable questions; shares of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AnswerableShares {
    /// How many there are.
    pub count: usize,
    /// Right document among the first three.
    pub document_at_3: f64,
    /// Answered with an accepted text.
    pub accepted: f64,
    /// Answered with something else.
    pub wrong: f64,
    /// Not answered.
    pub abstained: f64,
}

/// What became of some questions that no document answers; shares of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UnanswerableShares {
    /// How many there are.
    pub count: usize,
    /// Not answered, rightly.
    pub abstained: f64,
}

/// Whether `answer` holds one of the accepted texts, both normalised as SQuAD answers are.
pub fn is_accepted(question: &JudgedQuestion, answer: &str) -> bool {
    let answer = format!(" {} ", normalise_answer(answer));
    let holds = |text: &String| answer.contains(&format!(" {} ", normalise_answer(text)));
    question.accepted.iter().any(holds)
}

/// Scores the replies to `questions`, by question id; a question without a reply counts as abstained. Replies hold what
/// would be said with every threshold open, and `thresholds` decide which answers are given.
pub fn score_judged(
    questions: &[JudgedQuestion],
    replies: &BTreeMap<String, JudgedReply>,
    thresholds: AnswerThresholds,
) -> Result<JudgedScores, CalibrationError> {
    let cases = cases(questions, replies, thresholds);
    let (answerable, unanswerable): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.is_answerable());
    let all: Vec<&Case> = cases.iter().collect();
    let given: Vec<&Case> = cases.iter().filter(|case| case.given).collect();
    let reliability = measured(&given, |pairs| reliability(pairs, RELIABILITY_BINS))?;
    let risk_coverage = measured(&all, risk_coverage)?;
    Ok(JudgedScores {
        answerable: answerable.len(),
        document_at_3: share(&answerable, Case::is_found),
        accepted: share(&answerable, Case::is_accepted),
        wrong: share(&answerable, Case::is_wrong),
        wrongly_abstained: share(&answerable, Case::is_silent),
        unanswerable: unanswerable.len(),
        abstained: share(&unanswerable, Case::is_silent),
        by_group: table(&answerable, |case| &case.question.group, answerable_shares),
        by_kind: table(&answerable, |case| &case.reply.kind, answerable_shares),
        unanswerable_by_group: table(&unanswerable, |case| &case.question.group, unanswerable_shares),
        coverage: share(&all, |case| case.given),
        risk: share(&given, Case::is_wrong),
        ece: reliability.as_ref().map(|reliability| reliability.expected_error),
        aurc: risk_coverage.as_ref().map(|curve| curve.area),
        reliability,
        risk_coverage,
    })
}

/// What became of one question, as a line of a result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedOutcome {
    /// The question's name.
    pub id: String,
    /// Its half.
    pub split: String,
    /// What is hard about it.
    pub group: String,
    /// The kind of answer that it wants.
    pub kind: String,
    /// Whether a document answers it.
    pub answerable: bool,
    /// Whether it was answered with an accepted text.
    pub accepted: bool,
    /// Whether it was answered.
    pub answered: bool,
    /// Confidence of the best answer, given or not, 0 to 1; 0 where there is none.
    pub confidence: f64,
}

/// What became of each question, in the order of `questions`; scored as [`score_judged`] scores.
pub fn judged_outcomes(
    questions: &[JudgedQuestion],
    replies: &BTreeMap<String, JudgedReply>,
    thresholds: AnswerThresholds,
) -> Vec<JudgedOutcome> {
    let outcome = |case: &Case| JudgedOutcome {
        id: case.question.id.clone(),
        split: case.question.split.clone(),
        group: case.question.group.clone(),
        kind: case.reply.kind.clone(),
        answerable: case.is_answerable(),
        accepted: case.is_accepted(),
        answered: case.given,
        confidence: case.reply.confidence,
    };
    cases(questions, replies, thresholds).iter().map(outcome).collect()
}

/// A question with what was said to it.
struct Case<'a> {
    question: &'a JudgedQuestion,
    reply: &'a JudgedReply,
    /// Whether the answer was given.
    given: bool,
    /// Whether the answer, given or not, is right.
    right: bool,
}

/// The reply to a question that nothing was said to.
static NOTHING: JudgedReply =
    JudgedReply { documents: Vec::new(), answer: None, confidence: 0.0, nearest: None, kind: String::new() };

fn cases<'a>(
    questions: &'a [JudgedQuestion],
    replies: &'a BTreeMap<String, JudgedReply>,
    thresholds: AnswerThresholds,
) -> Vec<Case<'a>> {
    let case = |question: &'a JudgedQuestion| {
        let reply = replies.get(&question.id).unwrap_or(&NOTHING);
        let accepted = reply.answer.as_ref().is_some_and(|answer| is_accepted(question, answer));
        let right = accepted && question.document.is_some();
        Case { question, reply, given: reply.given(thresholds).is_some(), right }
    };
    questions.iter().map(case).collect()
}

impl Case<'_> {
    fn is_answerable(&self) -> bool {
        self.question.document.is_some()
    }

    fn is_found(&self) -> bool {
        self.reply.documents.iter().take(3).any(|found| self.question.is_right(found))
    }

    fn is_accepted(&self) -> bool {
        self.given && self.right
    }

    fn is_wrong(&self) -> bool {
        self.given && !self.right
    }

    fn is_silent(&self) -> bool {
        !self.given
    }
}

/// A measure of (confidence, right?) over `cases`; `None` without any.
fn measured<T>(
    cases: &[&Case],
    measure: impl Fn(&[(f64, bool)]) -> Result<T, CalibrationError>,
) -> Result<Option<T>, CalibrationError> {
    let pairs: Vec<(f64, bool)> = cases.iter().map(|case| (case.reply.confidence, case.right)).collect();
    if pairs.is_empty() { Ok(None) } else { measure(&pairs).map(Some) }
}

/// `shares` of the cases under each name.
fn table<'a, T>(
    cases: &[&'a Case],
    name: impl Fn(&'a Case<'a>) -> &'a String,
    shares: impl Fn(&[&'a Case<'a>]) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut named: BTreeMap<&String, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        named.entry(name(case)).or_default().push(case);
    }
    named.into_iter().filter_map(|(name, cases)| Some((name.clone(), shares(&cases)?))).collect()
}

fn answerable_shares(cases: &[&Case]) -> Option<AnswerableShares> {
    Some(AnswerableShares {
        count: cases.len(),
        document_at_3: share(cases, Case::is_found)?,
        accepted: share(cases, Case::is_accepted)?,
        wrong: share(cases, Case::is_wrong)?,
        abstained: share(cases, Case::is_silent)?,
    })
}

fn unanswerable_shares(cases: &[&Case]) -> Option<UnanswerableShares> {
    Some(UnanswerableShares { count: cases.len(), abstained: share(cases, Case::is_silent)? })
}

fn share<'a>(cases: &[&'a Case<'a>], holds: impl Fn(&'a Case<'a>) -> bool) -> Option<f64> {
    let holding = cases.iter().filter(|case| holds(case)).count();
    (!cases.is_empty()).then(|| holding as f64 / cases.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"id":"a","split":"dev","question":"what helps?","document":"d","accepted":["rest and fluids"],"group":"lay"}"#,
        "\n",
        r#"{"id":"u","split":"dev","question":"tax?","document":null,"accepted":[],"group":"out-of-domain"}"#
    );

    #[test]
    fn an_accepted_text_counts_wherever_it_stands_as_whole_words() {
        let questions = read_judged(LINES.as_bytes()).expect("two questions");
        let check = |answer: &str, expected| assert_eq!(is_accepted(&questions[0], answer), expected, "{answer}");
        check("Take the rest, and fluids!", true);
        check("arrest and fluids", false);
        check("rest", false);
        assert!(!is_accepted(&questions[1], "anything"), "nothing is accepted for what cannot be answered");
    }

    fn reply(documents: &[&str], answer: Option<&str>, confidence: f64) -> JudgedReply {
        JudgedReply {
            documents: documents.iter().map(ToString::to_string).collect(),
            answer: answer.map(str::to_owned),
            confidence,
            nearest: Some(0.5),
            kind: "list".to_owned(),
        }
    }

    fn replies(a: JudgedReply, u: JudgedReply) -> BTreeMap<String, JudgedReply> {
        BTreeMap::from([("a".to_owned(), a), ("u".to_owned(), u)])
    }

    fn scores(replies: &BTreeMap<String, JudgedReply>, thresholds: AnswerThresholds) -> JudgedScores {
        let questions = read_judged(LINES.as_bytes()).expect("two questions");
        score_judged(&questions, replies, thresholds).expect("confidences")
    }

    #[test]
    fn every_question_is_accepted_wrong_or_abstained() {
        let reply = |documents: &[&str], answer| reply(documents, answer, 0.5);
        let check = |a: JudgedReply, u: JudgedReply, expected: [f64; 5]| {
            let s = scores(&replies(a, u), AnswerThresholds::OPEN);
            let found = [s.document_at_3, s.accepted, s.wrong, s.wrongly_abstained, s.abstained];
            assert_eq!(found, expected.map(Some));
        };
        let silent = || reply(&[], None);
        check(reply(&["x", "y", "d"], Some("rest and fluids")), silent(), [1.0, 1.0, 0.0, 0.0, 1.0]);
        check(reply(&["x", "y", "z", "d"], Some("ice")), reply(&[], Some("10%")), [0.0, 0.0, 1.0, 0.0, 0.0]);
        check(silent(), silent(), [0.0, 0.0, 0.0, 1.0, 1.0]);
        let none = score_judged(&[], &BTreeMap::new(), AnswerThresholds::OPEN).expect("nothing to measure");
        assert_eq!((none.accepted, none.abstained, none.ece, none.aurc), (None, None, None, None));
    }

    #[test]
    fn an_answer_is_given_at_its_thresholds_and_not_below() {
        let check = |confidence: f64, nearest: Option<f64>, expected: bool| {
            let reply = JudgedReply { nearest, ..reply(&["d"], Some("ice"), confidence) };
            let given = reply.given(AnswerThresholds { confidence: 0.25, nearest: 0.5 });
            assert_eq!(given.is_some(), expected, "{confidence} {nearest:?}");
        };
        check(0.25, Some(0.5), true);
        check(0.2, Some(0.5), false);
        check(0.25, Some(0.4), false);
        check(0.25, None, true);
        assert_eq!(reply(&["d"], None, 1.0).given(AnswerThresholds::OPEN), None);
        assert_eq!(reply(&["d"], Some("ice"), 0.0).given(AnswerThresholds::OPEN), Some("ice"));
    }

    #[test]
    fn questions_are_counted_under_their_group_and_their_kind() {
        let asked = replies(reply(&["d"], Some("ice"), 0.6), reply(&[], None, 0.0));
        let found = scores(&asked, AnswerThresholds::OPEN);
        let shares = AnswerableShares { count: 1, document_at_3: 1.0, accepted: 0.0, wrong: 1.0, abstained: 0.0 };
        assert_eq!(found.by_group, BTreeMap::from([("lay".to_owned(), shares)]));
        assert_eq!(found.by_kind, BTreeMap::from([("list".to_owned(), shares)]));
        let silent = UnanswerableShares { count: 1, abstained: 1.0 };
        assert_eq!(found.unanswerable_by_group, BTreeMap::from([("out-of-domain".to_owned(), silent)]));
    }

    #[test]
    fn reliability_is_of_the_answers_given_and_the_curve_of_all_questions() {
        // Right at 0.75; wrong at 0.25, since nothing answers it. Above 0.5 only the first is given.
        let asked = replies(reply(&["d"], Some("rest and fluids"), 0.75), reply(&[], Some("10%"), 0.25));
        let check = |confidence: f32, given: usize, [ece, coverage, risk]: [f64; 3]| {
            let found = scores(&asked, AnswerThresholds { confidence, nearest: -1.0 });
            let counted: usize = found.reliability.expect("answers").bins.iter().map(|bin| bin.count).sum();
            assert_eq!(counted, given);
            assert_eq!((found.ece, found.coverage, found.risk), (Some(ece), Some(coverage), Some(risk)));
            // Risk 0 after one answer and 1/2 after both, whatever is given.
            assert_eq!(found.aurc, Some(0.25));
            assert_eq!(found.risk_coverage.expect("questions").points.len(), 2);
        };
        check(0.5, 1, [0.25, 0.5, 0.0]);
        check(0.0, 2, [0.25, 1.0, 0.5]);
        let odd = replies(reply(&["d"], Some("ice"), 1.5), reply(&[], None, 0.0));
        let questions = read_judged(LINES.as_bytes()).expect("two questions");
        assert!(score_judged(&questions, &odd, AnswerThresholds::OPEN).is_err(), "1.5 is no confidence");
    }

    #[test]
    fn an_outcome_tells_what_the_thresholds_made_of_a_reply() {
        let asked = replies(reply(&["d"], Some("rest and fluids"), 0.75), reply(&[], Some("10%"), 0.125));
        let questions = read_judged(LINES.as_bytes()).expect("two questions");
        let state = |outcome: &JudgedOutcome| (outcome.answerable, outcome.answered, outcome.accepted);
        let check = |confidence: f32, expected: [(bool, bool, bool); 2]| {
            let found = judged_outcomes(&questions, &asked, AnswerThresholds { confidence, nearest: 0.0 });
            assert_eq!(found.iter().map(state).collect::<Vec<_>>(), expected);
            assert_eq!((found[0].kind.as_str(), found[1].confidence), ("list", 0.125), "given or not");
        };
        check(0.5, [(true, true, true), (false, false, false)]);
        check(0.9, [(true, false, false), (false, false, false)]);
        check(0.0, [(true, true, true), (false, true, false)]);
        let unasked = judged_outcomes(&questions, &BTreeMap::new(), AnswerThresholds::OPEN);
        assert_eq!(state(&unasked[0]), (true, false, false));
    }
}
