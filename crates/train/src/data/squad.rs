//! Which spans does a SQuAD file teach?
//!
//! Versions 1.1 and 2.0, record by record: a broken record costs itself and not its file. Offsets that are not where
//! the answer stands are mended where only one place can be meant.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use clinqa_eval::{SquadAnswer, SquadQuestion, normalise_answer};
use serde::Deserialize;
use serde_json::Value;

use super::report::{DataError, DataReport, Fate, Fault};

/// How far from where it should be an answer may stand, in bytes, to be taken for the one that was meant when it stands
/// in several places: offsets are mostly off by a line break or a few accents.
const NEAR: usize = 16;

/// A question beside a text, and where in it the answer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanQuestion {
    /// The file it comes from, without its folder.
    pub file: Arc<str>,
    /// Its number in the file, from 1.
    pub record: usize,
    /// Its id, as the file has it.
    pub id: String,
    /// The question.
    pub question: String,
    /// The text that is read.
    pub text: Arc<str>,
    /// The answer that is taught, in bytes of `text` on character bounds; `None` if the text answers nothing.
    pub answer: Option<Range<usize>>,
    /// Every accepted answer, in bytes of `text`; empty if the text answers nothing.
    pub accepted: Vec<Range<usize>>,
    /// What shares this number stands on one side when a part is held out.
    pub group: u64,
}

impl SpanQuestion {
    /// The accepted answers as words.
    pub fn golds(&self) -> impl Iterator<Item = &str> {
        self.accepted.iter().map(|range| &self.text[range.clone()])
    }
}

/// The number by which a text, or whatever else must not be torn apart, is held out.
pub(crate) fn group(text: &str) -> u64 {
    let digest = blake3::hash(text.trim().as_bytes());
    u64::from_le_bytes(digest.as_bytes().first_chunk().copied().unwrap_or_default())
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    #[serde(default)]
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    #[serde(default)]
    context: Value,
    #[serde(default)]
    qas: Vec<Value>,
}

/// Reads a SQuAD file that was already parsed; `file` is its name in the report.
pub(crate) fn read(file: &str, value: Value, report: &mut DataReport) -> Result<Vec<SpanQuestion>, DataError> {
    let other = |_| DataError::OtherFormat {
        file: file.to_owned(),
        found: "JSON with a field `data` that holds something else",
        expected: "`data` of `paragraphs` of `context` and `qas` (SQuAD JSON)",
    };
    let parsed: File = serde_json::from_value(value).map_err(other)?;
    let name: Arc<str> = file.into();
    let (mut seen, mut record, mut questions) = (BTreeSet::new(), 0, Vec::new());
    for Paragraph { context, qas } in parsed.data.into_iter().flat_map(|article| article.paragraphs) {
        let text: Arc<str> = context.as_str().unwrap_or_default().into();
        let group = group(&text);
        for qa in qas {
            record += 1;
            let id = id_of(&qa);
            let mut note = |fault, fate| report.add(file, record, id.as_deref(), (fault, fate));
            let Ok(asked) = serde_json::from_value::<SquadQuestion>(qa) else {
                note(Fault::NotARecord, Fate::Skipped);
                continue;
            };
            if !seen.insert(asked.id.clone()) {
                note(Fault::RepeatedId, Fate::Skipped);
                continue;
            }
            match check(&text, &asked) {
                Ok((accepted, mended)) => {
                    if let Some(fault) = mended {
                        note(fault, Fate::Mended);
                    }
                    let answer = most_given(&text, &accepted);
                    let (file, text) = (Arc::clone(&name), Arc::clone(&text));
                    let SquadQuestion { id, question, .. } = asked;
                    questions.push(SpanQuestion { file, record, id, question, text, answer, accepted, group });
                }
                Err(fault) => note(fault, Fate::Skipped),
            }
        }
    }
    Ok(questions)
}

fn id_of(qa: &Value) -> Option<String> {
    match qa.get("id")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Where each answer stands, and what had to be mended; or why the record is no use.
fn check(text: &str, asked: &SquadQuestion) -> Result<(Vec<Range<usize>>, Option<Fault>), Fault> {
    if text.trim().is_empty() {
        return Err(Fault::EmptyText);
    }
    if asked.question.trim().is_empty() {
        return Err(Fault::EmptyQuestion);
    }
    match (asked.answers.is_empty(), asked.is_impossible) {
        (true, true) => return Ok((Vec::new(), None)),
        (true, false) => return Err(Fault::NoAnswer),
        (false, true) => return Err(Fault::Contradiction),
        (false, false) => {}
    }
    let (mut accepted, mut mended, mut worst) = (Vec::new(), None, Fault::EmptyAnswer);
    for answer in &asked.answers {
        match place(text, answer) {
            Ok((range, fault)) => {
                accepted.push(range);
                mended = mended.or(fault);
            }
            Err(fault) => worst = worst.max(fault),
        }
    }
    // One good answer is enough; of several bad ones the most telling fault is told.
    if accepted.is_empty() { Err(worst) } else { Ok((accepted, mended)) }
}

/// Where an answer stands, without white space around it.
pub(crate) fn place(text: &str, answer: &SquadAnswer) -> Result<(Range<usize>, Option<Fault>), Fault> {
    let words = answer.text.trim();
    if words.is_empty() {
        return Err(Fault::EmptyAnswer);
    }
    let leading = answer.text.len() - answer.text.trim_start().len();
    let stated = text.char_indices().map(|(byte, _)| byte).nth(answer.start).map(|byte| byte + leading);
    let at = |byte: usize| byte..byte + words.len();
    if let Some(byte) = stated
        && text.get(byte..).is_some_and(|rest| rest.starts_with(words))
    {
        return Ok((at(byte), None));
    }
    let places: Vec<usize> = text.match_indices(words).map(|(byte, _)| byte).collect();
    let mended = |byte: usize| Ok((at(byte), Some(Fault::OtherPlace)));
    match *places {
        [] => Err(Fault::AnswerNotInText),
        [only] => mended(only),
        _ => {
            // Offsets that count bytes or UTF-16 units are common; then whatever is nearest, if it is near.
            let units = utf16_byte(text, answer.start);
            let meant = [Some(answer.start), units].into_iter().flatten().map(|byte| byte + leading);
            if let Some(byte) = meant.into_iter().find(|byte| places.contains(byte)) {
                return mended(byte);
            }
            let target = stated.unwrap_or(text.len());
            let nearest = places.iter().copied().min_by_key(|byte| byte.abs_diff(target));
            nearest.filter(|byte| byte.abs_diff(target) <= NEAR).map_or(Err(Fault::ManyPlaces), mended)
        }
    }
}

/// The byte at a position that counts UTF-16 units.
fn utf16_byte(text: &str, position: usize) -> Option<usize> {
    let mut units = 0;
    text.char_indices().find_map(|(byte, c)| {
        let here = units;
        units += c.len_utf16();
        (here == position).then_some(byte)
    })
}

/// The answer that most annotators gave, the first of them if they tie.
fn most_given(text: &str, accepted: &[Range<usize>]) -> Option<Range<usize>> {
    let same =
        |a: &Range<usize>, b: &Range<usize>| normalise_answer(&text[a.clone()]) == normalise_answer(&text[b.clone()]);
    let votes = |range: &Range<usize>| accepted.iter().filter(|other| same(range, other)).count();
    // `max_by_key` takes the last of equals.
    accepted.iter().rev().max_by_key(|range| votes(range)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, answer: &str, start: usize) -> Result<(usize, Option<Fault>), Fault> {
        let answer = SquadAnswer { text: answer.to_owned(), start };
        place(text, &answer).map(|(range, fault)| {
            assert_eq!(&text[range.clone()], answer.text.trim());
            (range.start, fault)
        })
    }

    #[test]
    fn offsets_are_characters_and_wrong_ones_are_mended_where_one_place_is_meant() {
        let check =
            |text, answer, start, expected| assert_eq!(found(text, answer, start), expected, "{answer} {start}");
        check("é fever", "fever", 2, Ok((3, None)));
        check("é fever", " fever ", 1, Ok((3, None)));
        // Bytes instead of characters, and no place at all; it stands once.
        check("é fever", "fever", 3, Ok((3, Some(Fault::OtherPlace))));
        check("é fever", "fever", 900, Ok((3, Some(Fault::OtherPlace))));
        check("é fever", "cough", 2, Err(Fault::AnswerNotInText));
        check("é fever", "  ", 2, Err(Fault::EmptyAnswer));
        // It stands twice: bytes tell which, then UTF-16, then nearness; else nothing does.
        let twice = "ééééééééé a fever, and then after some more words a fever";
        check(twice, "fever", 21, Ok((21, Some(Fault::OtherPlace))));
        check("😀😀 fever 😀😀😀😀😀😀😀😀😀 fever", "fever", 5, Ok((9, Some(Fault::OtherPlace))));
        check("a fever, and then after many many more words a fever", "fever", 4, Ok((2, Some(Fault::OtherPlace))));
        check("a fever, and then after many many more words a fever", "fever", 24, Err(Fault::ManyPlaces));
    }

    const FILE: &str = r#"{"version": "v2.0", "data": [{"title": "t", "paragraphs": [
      {"context": "Aspirin thins blood. Aspirin eases pain.", "qas": [
        {"id": "good", "question": "What thins blood?", "answers": [{"text": "Aspirin", "answer_start": 0}]},
        {"id": 7, "question": "What eases pain?", "answers": [
          {"text": "Aspirin eases", "answer_start": 21}, {"text": "Aspirin", "answer_start": 21}, {"text": "aspirin", "answer_start": 99}]},
        {"id": "good", "question": "Again?", "answers": [{"text": "pain", "answer_start": 35}]},
        {"id": "none", "question": "Who?", "answers": [], "is_impossible": true},
        {"id": "lost", "question": "Who?", "answers": []},
        {"id": "both", "question": "Who?", "answers": [{"text": "pain", "answer_start": 35}], "is_impossible": true},
        {"id": "blank", "question": " ", "answers": [{"text": "pain", "answer_start": 35}]},
        {"id": "moved", "question": "Eases what?", "answers": [{"text": "pain", "answer_start": 30}]},
        {"question": "no id"},
        "not even an object"]},
      {"context": "", "qas": [{"id": "void", "question": "What?", "answers": [{"text": "x", "answer_start": 0}]}]},
      {"qas": [{"id": "bare", "question": "What?", "answers": []}]}]}]}"#;

    fn read_all() -> (Vec<SpanQuestion>, DataReport) {
        let mut report = DataReport::default();
        let value = serde_json::from_str(FILE).expect("JSON");
        (read("f.json", value, &mut report).expect("a SQuAD file"), report)
    }

    #[test]
    fn a_broken_record_costs_itself_and_is_told_by_its_number() {
        let (questions, report) = read_all();
        let kept: Vec<&str> = questions.iter().map(|question| question.id.as_str()).collect();
        assert_eq!(kept, ["good", "7", "none", "moved"]);
        let told: Vec<(usize, Fault, Fate)> =
            report.findings().iter().map(|finding| (finding.record, finding.fault, finding.fate)).collect();
        assert_eq!(
            told,
            [
                (3, Fault::RepeatedId, Fate::Skipped),
                (5, Fault::NoAnswer, Fate::Skipped),
                (6, Fault::Contradiction, Fate::Skipped),
                (7, Fault::EmptyQuestion, Fate::Skipped),
                (8, Fault::OtherPlace, Fate::Mended),
                (9, Fault::NotARecord, Fate::Skipped),
                (10, Fault::NotARecord, Fate::Skipped),
                (11, Fault::EmptyText, Fate::Skipped),
                (12, Fault::EmptyText, Fate::Skipped),
            ]
        );
        let told = report.summary().join("\n");
        assert!(!told.contains("Aspirin") && !told.contains("not even"), "{told}");
    }

    #[test]
    fn the_answer_of_most_annotators_is_taught_and_all_are_accepted() {
        let (questions, _) = read_all();
        let [first, second, none, _] = &questions[..] else { panic!("{}", questions.len()) };
        assert_eq!(first.answer, Some(0..7));
        // Two words of one annotator against none for the lower-cased one, which stands nowhere.
        assert_eq!(second.golds().collect::<Vec<_>>(), ["Aspirin eases", "Aspirin"]);
        assert_eq!(second.answer, Some(21..34));
        assert_eq!((none.answer.clone(), none.accepted.len()), (None, 0));
        let text = "an ache, the ache, pain";
        assert_eq!(most_given(text, &[19..23, 3..7, 9..17]), Some(3..7));
    }

    #[test]
    fn a_field_of_another_shape_is_another_format() {
        let error = read("f.json", serde_json::json!({"data": "x"}), &mut DataReport::default()).expect_err("no list");
        assert!(error.to_string().contains("f.json"), "{error}");
    }
}
