//! Questions about a corpus with the document and the texts that answer them, and how many were answered.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use clinqa_schema::Turn;
use serde::{Deserialize, Serialize};

use crate::error::{ReadError, json_error, note_id, numbered_lines};
use crate::normalise_answer;

const FORMAT: &str = "the judged questions (questions.jsonl)";
const EXPECTED: &str = "one object a line with `id`, `split`, `question`, `document`, `accepted` and `group`";

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

/// What a system did with one judged question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JudgedReply {
    /// Documents of the retrieved passages, best first, each once.
    pub documents: Vec<String>,
    /// The answer's text with its first quote; `None` if it abstained.
    pub answer: Option<String>,
    /// Calibrated confidence of the answer, 0 to 1.
    pub confidence: f64,
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
    /// Accepted answers by group.
    pub accepted_by_group: BTreeMap<String, f64>,
}

/// Whether `answer` holds one of the accepted texts, both normalised as SQuAD answers are.
pub fn is_accepted(question: &JudgedQuestion, answer: &str) -> bool {
    let answer = format!(" {} ", normalise_answer(answer));
    let holds = |text: &String| answer.contains(&format!(" {} ", normalise_answer(text)));
    question.accepted.iter().any(holds)
}

/// Scores the replies to `questions`, by question id; a question without a reply counts as abstained.
pub fn score_judged(questions: &[JudgedQuestion], replies: &BTreeMap<String, JudgedReply>) -> JudgedScores {
    let nothing = JudgedReply::default();
    let reply = |question: &JudgedQuestion| replies.get(&question.id).unwrap_or(&nothing);
    let (answerable, unanswerable): (Vec<_>, Vec<_>) = questions.iter().partition(|q| q.document.is_some());
    let found = |question: &&JudgedQuestion| {
        reply(question).documents.iter().take(3).any(|found| question.is_right(found))
    };
    let accepted = |question: &&JudgedQuestion| {
        reply(question).answer.as_ref().is_some_and(|answer| is_accepted(question, answer))
    };
    let silent = |question: &&JudgedQuestion| reply(question).answer.is_none();
    let mut by_group: BTreeMap<String, Vec<&JudgedQuestion>> = BTreeMap::new();
    for question in &answerable {
        by_group.entry(question.group.clone()).or_default().push(question);
    }
    JudgedScores {
        answerable: answerable.len(),
        document_at_3: share(&answerable, found),
        accepted: share(&answerable, accepted),
        wrong: share(&answerable, |question| !silent(question) && !accepted(question)),
        wrongly_abstained: share(&answerable, silent),
        unanswerable: unanswerable.len(),
        abstained: share(&unanswerable, silent),
        accepted_by_group: by_group
            .into_iter()
            .filter_map(|(group, questions)| Some((group, share(&questions, accepted)?)))
            .collect(),
    }
}

fn share<'a>(questions: &[&'a JudgedQuestion], holds: impl Fn(&&'a JudgedQuestion) -> bool) -> Option<f64> {
    let holding = questions.iter().filter(|question| holds(question)).count();
    (!questions.is_empty()).then(|| holding as f64 / questions.len() as f64)
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

    #[test]
    fn every_question_is_accepted_wrong_or_abstained() {
        let questions = read_judged(LINES.as_bytes()).expect("two questions");
        let reply = |documents: &[&str], answer: Option<&str>| JudgedReply {
            documents: documents.iter().map(ToString::to_string).collect(),
            answer: answer.map(str::to_owned),
            confidence: 0.5,
        };
        let check = |a: JudgedReply, u: JudgedReply, expected: [f64; 5]| {
            let replies = BTreeMap::from([("a".to_owned(), a), ("u".to_owned(), u)]);
            let s = score_judged(&questions, &replies);
            let found = [s.document_at_3, s.accepted, s.wrong, s.wrongly_abstained, s.abstained];
            assert_eq!(found, expected.map(Some));
        };
        let silent = || reply(&[], None);
        check(reply(&["x", "y", "d"], Some("rest and fluids")), silent(), [1.0, 1.0, 0.0, 0.0, 1.0]);
        check(reply(&["x", "y", "z", "d"], Some("ice")), reply(&[], Some("10%")), [0.0, 0.0, 1.0, 0.0, 0.0]);
        check(silent(), silent(), [0.0, 0.0, 0.0, 1.0, 1.0]);
        let none = score_judged(&[], &BTreeMap::new());
        assert_eq!((none.accepted, none.abstained), (None, None));
    }
}
