//! BEIR: one JSON object a line, `{"_id", "title", "text", "metadata"}`.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::{Date, Document, Metadata, Section};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Appetite, Context, Format, Record, is_web_address};
use crate::clean::{clean, clean_line, clean_message};
use crate::identifier::legal_id;
use crate::report::{SkipReason, Skipped};

/// Longest line; a longer one is passed over without being held in memory.
pub(super) const MAX_LINE_BYTES: usize = 4 << 20;

/// The `corpus.jsonl` of a BEIR folder, or any `.jsonl` whose first line has an `_id`.
pub(super) struct Beir;

impl Format for Beir {
    fn name(&self) -> &'static str {
        "beir"
    }

    fn recognises(&self, file: &Path, head: &[u8]) -> bool {
        let is_lines = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"));
        let first = head.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
        let has_id = first.windows(5).any(|window| window == b"\"_id\"");
        is_lines && (has_id || file.file_name().is_some_and(|name| name == "corpus.jsonl"))
    }

    fn appetite(&self) -> Appetite {
        Appetite::Record
    }

    fn about(&self, lines: u64) -> u64 {
        lines
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let mut line = Vec::new();
        for number in 1.. {
            let record: Record = match next_line(input, &mut line)? {
                Line::End => break,
                Line::TooLong => {
                    SkipReason::TooLarge { limit: MAX_LINE_BYTES as u64 }.at(context.locator(Some(number)), None).into()
                }
                Line::Here => {
                    let bytes = if number == 1 { without_mark(&line) } else { &line };
                    if bytes.trim_ascii().is_empty() {
                        continue;
                    }
                    let mut id = None;
                    document(bytes, context, number, &mut id)
                        .map_err(|reason| Skipped { locator: context.locator(Some(number)), id, reason })
                        .into()
                }
            };
            if sink(record).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

pub(super) enum Line {
    Here,
    TooLong,
    End,
}

/// Reads the next line into `line`, without more than [`MAX_LINE_BYTES`] of it in memory.
pub(super) fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let limit = MAX_LINE_BYTES as u64 + 1;
    if input.take(limit).read_until(b'\n', line)? == 0 {
        return Ok(Line::End);
    }
    if line.ends_with(b"\n") || line.len() <= MAX_LINE_BYTES {
        return Ok(Line::Here);
    }
    line.clear();
    input.skip_until(b'\n')?;
    Ok(Line::TooLong)
}

pub(super) fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
}

/// A line as written. Fields that BEIR does not name are other people's business and are let be.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "_id")]
    id: Option<Value>,
    title: Option<String>,
    text: Option<String>,
    metadata: Option<Value>,
}

/// The document in `line`; its id is left in `known_id` as soon as it is known, for the report.
fn document(
    line: &[u8],
    context: &Context<'_>,
    number: u64,
    known_id: &mut Option<String>,
) -> Result<Document, SkipReason> {
    let written = parse(line)?;
    let raw_id = match written.id {
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        _ => String::new(),
    };
    let id = legal_id(&raw_id).ok_or(SkipReason::MissingField { field: "_id" })?;
    *known_id = Some(id.to_string());
    if written.text.is_none() && written.title.is_none() {
        return Err(SkipReason::MissingField { field: "text" });
    }
    let title = written.title.unwrap_or_default();
    let texts = [written.text.unwrap_or_default(), title.clone()].map(|raw| clean(&raw).trim().to_owned());
    let text = texts.into_iter().find(|text| !text.is_empty()).ok_or(SkipReason::Empty)?;
    Ok(Document {
        id,
        title: clean_line(&title),
        sections: vec![Section { heading: String::new(), bytes: 0..text.len() }],
        text,
        metadata: metadata(written.metadata, context.defaults),
        source: context.locator(Some(number)),
    })
}

fn parse(line: &[u8]) -> Result<Written, SkipReason> {
    let text = std::str::from_utf8(line).map_err(|error| SkipReason::NotUtf8 { offset: error.valid_up_to() as u64 })?;
    serde_json::from_str(text).map_err(|error| SkipReason::Json { reason: clean_message(error) })
}

/// What filters and citations can use of a record's metadata, which may hold anything.
fn metadata(written: Option<Value>, defaults: &Metadata) -> Metadata {
    let Some(Value::Object(fields)) = written else { return defaults.clone() };
    let line = |name: &str| text_of(&fields, name).map(|text| clean_line(&text)).filter(|text| !text.is_empty());
    let published = ["published", "date", "year"].iter().find_map(|name| Date::new(&line(name)?).ok());
    Metadata {
        publisher: line("publisher").unwrap_or_else(|| defaults.publisher.clone()),
        kind: line("kind").unwrap_or_else(|| defaults.kind.clone()),
        published: published.or_else(|| defaults.published.clone()),
        url: line("url").filter(|url| is_web_address(url)),
        specialty: line("specialty").or_else(|| defaults.specialty.clone()),
        audience: line("audience").or_else(|| defaults.audience.clone()),
        language: line("language").or_else(|| defaults.language.clone()),
        grade: line("grade"),
        jurisdiction: line("jurisdiction").or_else(|| defaults.jurisdiction.clone()),
        licence: line("licence").or_else(|| defaults.licence.clone()),
        ..Metadata::default()
    }
}

fn text_of(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    fn read(input: &[u8]) -> Vec<Result<Document, Skipped>> {
        let defaults = Metadata { publisher: "P".into(), ..Metadata::default() };
        let context = Context { corpus: "c", file: "corpus.jsonl", defaults: &defaults, fields: &Fields::default() };
        let mut records = Vec::new();
        let flow = Beir
            .read(&mut io::Cursor::new(input), &context, &mut |record| {
                records.push(record.into_result());
                ControlFlow::Continue(())
            })
            .expect("read");
        assert!(flow.is_continue());
        records
    }

    #[test]
    fn a_line_is_a_document_or_a_skip_with_its_reason() {
        let check = |line: &str, expected: Result<(&str, &str, &str), &str>| {
            let records = read(line.as_bytes());
            assert_eq!(records.len(), 1, "{line}");
            match (&records[0], expected) {
                (Ok(document), Ok(expected)) => {
                    assert_eq!((document.id.as_str(), document.title.as_str(), document.text.as_str()), expected);
                    assert_eq!(document.validate(), Ok(()));
                    assert_eq!(document.sections[0].bytes, 0..document.text.len());
                }
                (Err(skip), Err(expected)) => assert!(skip.to_string().contains(expected), "{skip}"),
                (found, expected) => panic!("{line}: {found:?}, not {expected:?}"),
            }
        };
        check(r#"{"_id":"1","title":"T","text":"Body.","metadata":{}}"#, Ok(("1", "T", "Body.")));
        check(r#"{"_id":7,"title":null,"text":" Body.\r\n"}"#, Ok(("7", "", "Body.")));
        check(r#"{"_id":"1","title":"Only","text":""}"#, Ok(("1", "Only", "Only")));
        check("\u{feff}{\"_id\":\"1\",\"text\":\"a\\u0000b\\u202ec\"}", Ok(("1", "", "abc")));
        check(r#"{"_id":"","text":"x"}"#, Err("corpus.jsonl:1: the field `_id` is missing or empty"));
        check(r#"{"text":"x"}"#, Err("the field `_id`"));
        check(r#"{"_id":"1"}"#, Err("corpus.jsonl:1 (1): the field `text`"));
        check(r#"{"_id":"1","title":"","text":" "}"#, Err("no text"));
        check(r#"{"_id":"1","text":["x"]}"#, Err("wrong JSON"));
        check(r#"{"_id":"1","_id":"2","text":"x"}"#, Err("duplicate field"));
        check("{", Err("wrong JSON"));
        check("\0\0\0", Err("wrong JSON"));
        check(&"[".repeat(100_000), Err("wrong JSON"));
    }

    #[test]
    fn blank_lines_count_as_lines_but_not_as_records() {
        let records = read(b"\n{\"_id\":\"a\",\"text\":\"x\"}\n  \r\n{\"_id\":\"b\",\"text\":\"y\"}");
        let lines: Vec<Option<u64>> =
            records.iter().map(|record| record.as_ref().expect("a document").source.record).collect();
        assert_eq!(lines, [Some(2), Some(4)]);
        assert!(read(b"").is_empty());
    }

    #[test]
    fn bytes_that_are_not_utf8_cost_one_line() {
        let records = read(b"{\"_id\":\"a\",\"text\":\"\xff\"}\n{\"_id\":\"b\",\"text\":\"y\"}\n");
        assert!(matches!(&records[0], Err(Skipped { reason: SkipReason::NotUtf8 { offset: 19 }, .. })), "{records:?}");
        assert!(records[1].is_ok());
    }

    #[test]
    fn an_endless_line_is_passed_over_and_reported() {
        let mut input = vec![b'x'; MAX_LINE_BYTES + 1];
        input.extend_from_slice(b"\n{\"_id\":\"b\",\"text\":\"y\"}");
        let records = read(&input);
        assert!(matches!(&records[0], Err(Skipped { reason: SkipReason::TooLarge { .. }, .. })));
        assert_eq!(records[1].as_ref().expect("the next line").source.record, Some(2));
    }

    #[test]
    fn metadata_is_used_where_it_can_be() {
        let records = read(
            br#"{"_id":"a","text":"x","metadata":{"year":2021,"url":"javascript:alert(1)","kind":["x"],"language":"en"}}
{"_id":"b","text":"y","metadata":{"date":"soon","url":"https://example.org/b","publisher":"Q"}}"#,
        );
        let found: Vec<&Metadata> =
            records.iter().map(|record| &record.as_ref().expect("a document").metadata).collect();
        assert_eq!((found[0].published.as_ref().map(Date::as_str), &found[0].url), (Some("2021"), &None));
        assert_eq!((found[0].publisher.as_str(), found[0].language.as_deref()), ("P", Some("en")));
        assert_eq!((found[1].published.as_ref(), found[1].url.as_deref()), (None, Some("https://example.org/b")));
        assert_eq!(found[1].publisher, "Q");
    }

    #[test]
    fn json_lines_are_recognised_by_their_id() {
        let check = |file: &str, head: &str, yes: bool| {
            assert_eq!(Beir.recognises(Path::new(file), head.as_bytes()), yes, "{file} {head}");
        };
        check("corpus.jsonl", "", true);
        check("more.JSONL", "\n{\"_id\": \"1\"", true);
        check("more.jsonl", "{\"id\": \"1\"", false);
        check("corpus.json", "{\"_id\": \"1\"", false);
    }
}
