//! Which labelled texts does a file hold, and which of its records are not what they should be?
//!
//! JSON Lines with `text` and `label` (one) or `labels` (any number), or a table (CSV, TSV) whose header names a column of
//! texts and one of labels; several labels in one field are parted by `|`.

use std::collections::BTreeSet;
use std::fmt;
use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use crate::error::ReadError;

const FORMAT: &str = "the labelled texts";
/// Names of a column of texts, the likelier first.
const TEXTS: [&str; 4] = ["text", "question", "sentence", "abstract"];
/// Names of a column of labels.
const LABELS: [&str; 5] = ["label", "labels", "class", "category", "type"];

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelledForm {
    /// One JSON object a line.
    JsonLines,
    /// A table, its columns parted by this byte.
    Table(u8),
}

impl LabelledForm {
    /// By the ending of the file's name: a table, or JSON Lines.
    pub fn of(file: &Path) -> Self {
        let ending = file.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("csv") => Self::Table(b','),
            Some("tsv" | "tab") => Self::Table(b'\t'),
            _ => Self::JsonLines,
        }
    }
}

/// Which fields hold text and label; without a name, the usual ones are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelledFields {
    /// The field of the text.
    pub text: Option<String>,
    /// The field of the label or labels.
    pub label: Option<String>,
}

/// A text with its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledText {
    /// Where it stands: the line of its file, counted from 1.
    pub line: usize,
    /// What its file calls it.
    pub id: Option<String>,
    /// The text.
    pub text: String,
    /// Its labels, in order, each once.
    pub labels: Vec<String>,
}

/// A record that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledFault {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: LabelledProblem,
}

/// What can be wrong with a record. Its text never enters it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LabelledProblem {
    /// It is no JSON object, or no row of the table.
    Broken,
    /// It has no text.
    NoText,
    /// It has no label, in a file where each text has one.
    NoLabel,
    /// It has more or fewer columns than the header.
    Columns,
}

impl fmt::Display for LabelledProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "it cannot be read",
            Self::NoText => "it has no text",
            Self::NoLabel => "it has no label",
            Self::Columns => "it has more or fewer columns than the header",
        })
    }
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelledFile {
    /// Texts that can be used, in order.
    pub texts: Vec<LabelledText>,
    /// Why others were left out.
    pub faults: Vec<LabelledFault>,
    /// Whether a text may have several labels or none: a field `labels`, or several in one field.
    pub several: bool,
}

/// Reads labelled texts; a record that cannot be used is left out and reported.
pub fn read_labelled(
    form: LabelledForm,
    fields: &LabelledFields,
    input: impl BufRead,
) -> Result<LabelledFile, ReadError> {
    let mut file = match form {
        LabelledForm::JsonLines => json_lines(fields, input)?,
        LabelledForm::Table(separator) => table(separator, fields, input)?,
    };
    file.several |= file.texts.iter().any(|text| text.labels.len() > 1);
    if !file.several {
        let (texts, bare): (Vec<_>, Vec<_>) = file.texts.into_iter().partition(|text| !text.labels.is_empty());
        file.texts = texts;
        let fault = |text: LabelledText| LabelledFault { line: text.line, problem: LabelledProblem::NoLabel };
        file.faults.extend(bare.into_iter().map(fault));
        file.faults.sort_by_key(|fault| fault.line);
    }
    if file.texts.is_empty() && file.faults.is_empty() {
        return Err(ReadError::Empty { format: FORMAT, expected: "records with a text and a label" });
    }
    Ok(file)
}

fn json_lines(fields: &LabelledFields, input: impl BufRead) -> Result<LabelledFile, ReadError> {
    let mut file = LabelledFile::default();
    for (line, text) in (1..).zip(input.lines()) {
        let text = text.map_err(|source| ReadError::Io { format: FORMAT, source })?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        match json(fields, line, text) {
            Ok((record, several)) => {
                file.several |= several;
                file.texts.push(record);
            }
            Err(problem) => file.faults.push(LabelledFault { line, problem }),
        }
    }
    Ok(file)
}

/// One record, and whether its field may hold several labels.
fn json(fields: &LabelledFields, line: usize, text: &str) -> Result<(LabelledText, bool), LabelledProblem> {
    let value: Value = serde_json::from_str(text).map_err(|_| LabelledProblem::Broken)?;
    let object = value.as_object().ok_or(LabelledProblem::Broken)?;
    let find = |named: &Option<String>, usual: &[&str]| match named {
        Some(name) => object.get(name),
        None => usual.iter().find_map(|name| object.get(*name)),
    };
    let text = find(&fields.text, &TEXTS).and_then(Value::as_str).ok_or(LabelledProblem::NoText)?;
    let (labels, several) = match find(&fields.label, &LABELS) {
        Some(Value::Array(labels)) => (labels.iter().map(name).collect::<Option<Vec<_>>>(), true),
        Some(label) => (name(label).map(|name| vec![name]), false),
        None => return Err(LabelledProblem::NoLabel),
    };
    let labels = labels.ok_or(LabelledProblem::Broken)?;
    let id = object.get("id").or_else(|| object.get("_id")).and_then(name);
    Ok((record(line, id, text, labels)?, several))
}

/// A label or an id: a string, or a number that stands for one.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Number(name) => Some(name.to_string()),
        Value::Bool(name) => Some(name.to_string()),
        _ => None,
    }
}

fn table(separator: u8, fields: &LabelledFields, input: impl BufRead) -> Result<LabelledFile, ReadError> {
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).has_headers(true).from_reader(input);
    let broken = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(source) => ReadError::Io { format: FORMAT, source },
        _ => ReadError::Io { format: FORMAT, source: std::io::ErrorKind::InvalidData.into() },
    };
    let header = reader.headers().map_err(broken)?.clone();
    let column = |named: &Option<String>, usual: &[&str], expected: &'static str| {
        let plain = |name: &str| name.trim_start_matches('\u{feff}').trim().to_lowercase();
        let at = |wanted: &str| header.iter().position(|name| plain(name) == wanted.to_lowercase());
        let found = named.as_deref().map_or_else(|| usual.iter().find_map(|name| at(name)), at);
        found.ok_or_else(|| ReadError::line(FORMAT, 1, expected, "a header without it"))
    };
    let text = column(&fields.text, &TEXTS, "a column of texts (`text`, or name it)")?;
    let label = column(&fields.label, &LABELS, "a column of labels (`label`, or name it)")?;
    let id = ["id", "_id"].iter().find_map(|id| header.iter().position(|name| name.trim() == *id));
    let mut file = LabelledFile::default();
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(error) if error.is_io_error() => return Err(broken(error)),
            Err(error) => {
                let line = error.position().map_or(0, |place| place.line() as usize);
                file.faults.push(LabelledFault { line, problem: LabelledProblem::Broken });
                continue;
            }
        };
        let line = row.position().map_or(0, |place| place.line() as usize);
        let found = if row.len() == header.len() {
            let labels = row[label].split('|').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
            record(line, id.map(|id| row[id].to_owned()), &row[text], labels.collect())
        } else {
            Err(LabelledProblem::Columns)
        };
        match found {
            Ok(record) => file.texts.push(record),
            Err(problem) => file.faults.push(LabelledFault { line, problem }),
        }
    }
    Ok(file)
}

fn record(line: usize, id: Option<String>, text: &str, labels: Vec<String>) -> Result<LabelledText, LabelledProblem> {
    if text.trim().is_empty() {
        return Err(LabelledProblem::NoText);
    }
    let mut seen = BTreeSet::new();
    let labels = labels.into_iter().filter(|label| !label.trim().is_empty() && seen.insert(label.clone())).collect();
    Ok(LabelledText { line, id, text: text.to_owned(), labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: LabelledForm, text: &str) -> LabelledFile {
        read_labelled(form, &LabelledFields::default(), text.as_bytes()).expect("labelled texts")
    }

    fn told(file: &LabelledFile) -> Vec<(usize, String, String)> {
        file.texts.iter().map(|text| (text.line, text.text.clone(), text.labels.join("+"))).collect()
    }

    #[test]
    fn json_lines_and_tables_say_the_same() {
        let json = "{\"text\":\"a b\",\"label\":\"x\"}\n\n{\"text\":\"c\",\"label\":2}\n";
        let csv = "n,label,text\n0,x,a b\n1,2,c\n";
        let tsv = "text\tlabel\na b\tx\nc\t2\n";
        let expected = |lines: [usize; 2]| {
            vec![(lines[0], "a b".to_owned(), "x".to_owned()), (lines[1], "c".to_owned(), "2".to_owned())]
        };
        assert_eq!(told(&read(LabelledForm::JsonLines, json)), expected([1, 3]));
        assert_eq!(told(&read(LabelledForm::Table(b','), csv)), expected([2, 3]));
        assert_eq!(told(&read(LabelledForm::Table(b'\t'), tsv)), expected([2, 3]));
        assert!(!read(LabelledForm::JsonLines, json).several);
    }

    #[test]
    fn several_labels_may_be_none() {
        let json = "{\"text\":\"a\",\"labels\":[\"x\",\"y\",\"x\"]}\n{\"text\":\"b\",\"labels\":[]}\n";
        let file = read(LabelledForm::JsonLines, json);
        assert!(file.several);
        assert_eq!(told(&file), [(1, "a".to_owned(), "x+y".to_owned()), (2, "b".to_owned(), String::new())]);
        let table = read(LabelledForm::Table(b','), "text,labels\na,x|y\nb,\n");
        assert_eq!((table.several, table.texts.len()), (true, 2));
    }

    #[test]
    fn bad_records_are_told_by_line_and_kind() {
        use LabelledProblem::{Broken, Columns, NoLabel, NoText};
        let json = "no\n{\"text\":\"  \",\"label\":\"x\"}\n{\"text\":\"a\"}\n{\"label\":\"x\"}\n{\"text\":\"a\",\"label\":\"\"}\n[1]\n";
        let faults: Vec<(usize, LabelledProblem)> =
            read(LabelledForm::JsonLines, json).faults.iter().map(|fault| (fault.line, fault.problem)).collect();
        assert_eq!(faults, [(1, Broken), (2, NoText), (3, NoLabel), (4, NoText), (5, NoLabel), (6, Broken)]);
        let table = read(LabelledForm::Table(b','), "text,label\na,x\nb\nc,x,y\n\"d\n e\",x\n");
        let faults: Vec<(usize, LabelledProblem)> =
            table.faults.iter().map(|fault| (fault.line, fault.problem)).collect();
        assert_eq!(faults, [(3, Columns), (4, Columns)]);
        assert_eq!(table.texts[1].line, 5);
    }

    #[test]
    fn columns_are_found_by_name() {
        let fields = LabelledFields { text: Some("Symptoms".into()), label: Some("disease".into()) };
        let file = read_labelled(LabelledForm::Table(b','), &fields, "Disease,symptoms\nflu,cough\n".as_bytes());
        assert_eq!(told(&file.expect("named columns")), [(2, "cough".to_owned(), "flu".to_owned())]);
        let lost = read_labelled(LabelledForm::Table(b','), &LabelledFields::default(), "a,b\n1,2\n".as_bytes());
        assert!(lost.expect_err("no such column").to_string().contains("`text`"));
    }
}
