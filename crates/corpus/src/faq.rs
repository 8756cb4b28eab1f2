//! Which questions do people ask of the documents of a corpus, and which of their sentences answer them?

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use clinqa_schema::{DocumentId, Question};
use serde::Deserialize;

use crate::clean::{clean, clean_message, clean_paragraph};
use crate::error::CorpusError;

/// The file's name in a corpus folder.
pub(crate) const FAQ_FILE: &str = "faq.jsonl";

/// Questions as people ask them, and what answers each of them in one document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faq {
    /// The document.
    pub document: DocumentId,
    /// What stands in it, word for word, best first.
    pub answers: Vec<String>,
    /// What people ask.
    pub questions: Vec<String>,
}

/// The lines of `faq.jsonl` in `folder`; none if there is no such file. A broken line is an error that names it.
pub(crate) fn read(folder: &Path) -> Result<Vec<Faq>, CorpusError> {
    let path = folder.join(FAQ_FILE);
    let failed = |reason| CorpusError::Io { path: path.clone(), reason };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(reason) => return Err(failed(reason)),
    };
    let mut found = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let wrong = |reason: String| CorpusError::Faq { path: path.clone(), line: number, reason };
        let line = match line {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(wrong("it is not UTF-8".into())),
            line => line.map_err(failed)?,
        };
        if !line.trim().is_empty() {
            found.push(parse(&line).map_err(wrong)?);
        }
    }
    Ok(found)
}

fn parse(line: &str) -> Result<Faq, String> {
    let mut faq: Faq = serde_json::from_str(line).map_err(clean_message)?;
    // As the texts of documents are cleaned, so that the same words are the same bytes.
    for answer in &mut faq.answers {
        *answer = clean(answer);
    }
    for question in &mut faq.questions {
        *question = clean_paragraph(question);
    }
    if faq.questions.is_empty() || faq.answers.is_empty() {
        return Err("it has no question, or nothing that answers".into());
    }
    if faq.answers.iter().any(|answer| answer.trim().is_empty()) {
        return Err("one of its answers is empty".into());
    }
    match faq.questions.iter().find_map(|question| Question::new(question).err()) {
        Some(error) => Err(clean_message(error)),
        None => Ok(faq),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_understood_or_refused_with_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read(folder.path()).expect("no file is no question"), []);
        let good = r#"{"document": "gout", "answers": ["It hurts."], "questions": ["does gout hurt", "sore toe?"]}"#;
        let check = |second: &[u8], expected: Result<usize, &str>| {
            let bytes = [good.as_bytes(), b"\n\n", second].concat();
            std::fs::write(folder.path().join(FAQ_FILE), bytes).expect("a file");
            match (read(folder.path()).map_err(|error| error.to_string()), expected) {
                (Ok(found), Ok(count)) => assert_eq!((found.len(), found[0].questions.len()), (count, 2)),
                (Err(error), Err(part)) => {
                    assert!(error.contains(part) && error.contains("line 3") && !error.contains('\n'), "{error}");
                }
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        };
        check(b"", Ok(1));
        check(good.as_bytes(), Ok(2));
        check(b"{", Err("EOF"));
        check(br#"{"document": "../x", "answers": ["a"], "questions": ["b"]}"#, Err("outside letters"));
        check(br#"{"document": "x", "answers": [], "questions": ["b"]}"#, Err("nothing that answers"));
        check(br#"{"document": "x", "answers": ["a"], "questions": []}"#, Err("no question"));
        check(br#"{"document": "x", "answers": [" "], "questions": ["b"]}"#, Err("is empty"));
        check(br#"{"document": "x", "answers": ["a"], "questions": [" "]}"#, Err("question"));
        check(br#"{"document": "x", "answers": ["a"], "question": ["b"]}"#, Err("unknown field"));
        check(b"\xff\xfe", Err("not UTF-8"));
        let hostile = r#"{"document": "x", "answers": ["a\u001b[2J\u202eb"], "questions": ["c\u202e\u0007  d"]}"#;
        check(hostile.as_bytes(), Ok(2));
        let found = read(folder.path()).expect("read").remove(1);
        assert_eq!((found.answers[0].as_str(), found.questions[0].as_str()), ("a[2Jb", "c d"));
    }
}
