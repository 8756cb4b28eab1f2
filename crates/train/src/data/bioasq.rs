//! Which spans does a BioASQ golden file teach?
//!
//! Each gold snippet that holds a name of the exact answer is a text with a span, for factoid and list questions.
//! Snippets that hold none are passed over: experts found the answer there, in other words.

use std::ops::Range;
use std::sync::Arc;

use clinqa_eval::{BioasqKind, BioasqQuestion, read_bioasq};
use serde_json::{Value, json};

use super::report::{DataError, DataReport, Fate, Fault};
use super::squad::{SpanQuestion, group};

/// Reads a golden file that was already parsed; `file` is its name in the report. All snippets of a question are held
/// out together.
pub(crate) fn read(file: &str, value: Value, report: &mut DataReport) -> Result<Vec<SpanQuestion>, DataError> {
    let other = || DataError::OtherFormat {
        file: file.to_owned(),
        found: "JSON with a field `questions` that holds something else",
        expected: "`questions`, each with `id`, `body`, `type` and `snippets` (BioASQ JSON)",
    };
    let Value::Object(mut fields) = value else { return Err(other()) };
    let Some(Value::Array(records)) = fields.remove("questions") else { return Err(other()) };
    let name: Arc<str> = file.into();
    let (mut seen, mut questions) = (std::collections::BTreeSet::new(), Vec::new());
    for (record, value) in (1..).zip(records) {
        let typed = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let mut note = |fault| report.add(file, record, typed.as_deref(), (fault, Fate::Skipped));
        // The parser of the benchmark, handed one record, so that one broken record costs itself only.
        let alone = json!({"questions": [value]}).to_string();
        let Ok([question]) = read_bioasq(alone.as_bytes())
            .map(<[BioasqQuestion; 1]>::try_from)
            .map_err(drop)
            .and_then(|one| one.map_err(drop))
        else {
            note(Fault::NotARecord);
            continue;
        };
        if !seen.insert(question.id.clone()) {
            note(Fault::RepeatedId);
            continue;
        }
        match spans(&name, record, &question) {
            Ok(found) => questions.extend(found),
            Err(fault) => note(fault),
        }
    }
    Ok(questions)
}

/// One for each different snippet that holds an answer.
fn spans(file: &Arc<str>, record: usize, asked: &BioasqQuestion) -> Result<Vec<SpanQuestion>, Fault> {
    if asked.body.trim().is_empty() {
        return Err(Fault::EmptyQuestion);
    }
    if !matches!(asked.kind, BioasqKind::Factoid | BioasqKind::List) {
        return Err(Fault::NoSpan);
    }
    let names: Vec<&str> =
        asked.gold.iter().flatten().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(if asked.gold.is_empty() { Fault::NoAnswer } else { Fault::EmptyAnswer });
    }
    let mut texts: Vec<&str> = Vec::new();
    for snippet in &asked.snippets {
        let text = snippet.text.trim();
        if !text.is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.is_empty() {
        return Err(Fault::EmptyText);
    }
    let group = group(&asked.body);
    let mut found = Vec::new();
    for (snippet, text) in (1..).zip(texts) {
        let mut accepted: Vec<Range<usize>> = names.iter().filter_map(|name| whole_words(text, name)).collect();
        // Where one name stands within another at the same place, the longer one is meant.
        accepted.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        accepted.dedup();
        let Some(answer) = accepted.first().cloned() else { continue };
        found.push(SpanQuestion {
            file: Arc::clone(file),
            record,
            id: format!("{}#{snippet}", asked.id),
            question: asked.body.trim().to_owned(),
            text: text.into(),
            answer: Some(answer),
            accepted,
            group,
        });
    }
    if found.is_empty() { Err(Fault::AnswerNotInText) } else { Ok(found) }
}

/// The first place where `name` stands in `text` as whole words, in any case.
fn whole_words(text: &str, name: &str) -> Option<Range<usize>> {
    let wanted: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    let edge = |byte: usize| {
        let before = text[..byte].chars().next_back().is_some_and(char::is_alphanumeric);
        let after = text[byte..].chars().next().is_some_and(char::is_alphanumeric);
        !(before && after)
    };
    let end_of = |start: usize| {
        let mut left = wanted.as_slice();
        for (offset, c) in text[start..].char_indices() {
            left = c.to_lowercase().try_fold(left, |left, lower| left.strip_prefix(&[lower]))?;
            if left.is_empty() {
                return Some(start + offset + c.len_utf8());
            }
        }
        None
    };
    let starts = text.char_indices().map(|(byte, _)| byte).filter(|&byte| edge(byte));
    starts.into_iter().find_map(|start| end_of(start).filter(|&end| edge(end)).map(|end| start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"questions": [
      {"id": "f1", "type": "factoid", "body": "Which factor?", "exact_answer": [["Factor XI", "factor XIa"]],
       "snippets": [{"text": "It is FACTOR XIa that cleaves."}, {"text": "It is FACTOR XIa that cleaves."}, {"text": "None here: factor XIabc."}]},
      {"id": "l1", "type": "list", "body": "Which signs?", "exact_answer": [["fever"], ["cough"]],
       "snippets": [{"text": "Cough, then fever."}]},
      {"id": "y1", "type": "yesno", "body": "Is it?", "exact_answer": "no", "snippets": [{"text": "no"}]},
      {"id": "l2", "type": "list", "body": "Which?", "exact_answer": [["rash"]], "snippets": [{"text": "Nothing."}]},
      {"id": "l1", "type": "list", "body": "Which?", "exact_answer": [["rash"]], "snippets": [{"text": "rash"}]},
      {"id": "e1", "type": "essay", "body": "Which?"},
      {"id": "e2", "type": "factoid", "body": "Which?", "snippets": [{"text": "rash"}]},
      {"id": "e3", "type": "factoid", "body": "Which?", "exact_answer": "rash", "snippets": null}]}"#;

    #[test]
    fn each_snippet_that_holds_an_answer_is_a_span() {
        let mut report = DataReport::default();
        let value = serde_json::from_str(FILE).expect("JSON");
        let questions = read("b.json", value, &mut report).expect("a golden file");
        let told: Vec<(&str, Vec<&str>)> =
            questions.iter().map(|question| (question.id.as_str(), question.golds().collect())).collect();
        assert_eq!(told, [("f1#1", vec!["FACTOR XIa"]), ("l1#1", vec!["Cough", "fever"])]);
        assert_eq!(questions[1].answer, Some(0..5));
        let faults: Vec<(usize, Fault)> =
            report.findings().iter().map(|finding| (finding.record, finding.fault)).collect();
        assert_eq!(
            faults,
            [
                (3, Fault::NoSpan),
                (4, Fault::AnswerNotInText),
                (5, Fault::RepeatedId),
                (6, Fault::NotARecord),
                (7, Fault::NoAnswer),
                (8, Fault::EmptyText)
            ]
        );
    }

    #[test]
    fn a_name_is_found_as_whole_words_in_any_case() {
        let check = |text, name, expected| assert_eq!(whole_words(text, name), expected, "{text} {name}");
        check("The IL-6 level", "il-6", Some(4..8));
        check("GIL-6 and il-6.", "IL-6", Some(10..14));
        check("IL-60", "IL-6", None);
        check("ÄRZTE raten", "ärzte", Some(0..6));
        check("", "x", None);
    }
}
