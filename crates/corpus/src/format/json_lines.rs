//! JSON Lines: one JSON object a line, its fields named by `corpus.toml` or found under their usual names.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::Document;
use serde_json::Value;

use super::beir::{Line, MAX_LINE_BYTES, next_line, without_mark};
use super::{Context, Format, Record};
use crate::clean::clean_message;
use crate::report::{SkipReason, Skipped};
use crate::whole::ends_in;

/// Files that end in `.jsonl` or `.ndjson` and hold objects.
pub(super) struct JsonLines;

impl Format for JsonLines {
    fn name(&self) -> &'static str {
        "json_lines"
    }

    fn recognises(&self, file: &Path, head: &[u8]) -> bool {
        ends_in(file, &["jsonl", "ndjson"]) && self.may_be(file, head)
    }

    fn may_be(&self, _: &Path, head: &[u8]) -> bool {
        without_mark(head).trim_ascii_start().first().is_none_or(|first| *first == b'{')
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
            let mut id = None;
            let found = match next_line(input, &mut line)? {
                Line::End => break,
                Line::TooLong => Err(SkipReason::TooLarge { limit: MAX_LINE_BYTES as u64 }),
                Line::Here => {
                    let bytes = if number == 1 { without_mark(&line) } else { &line };
                    if bytes.trim_ascii().is_empty() {
                        continue;
                    }
                    document(bytes, context, number, &mut id)
                }
            };
            let locator = || context.locator(Some(number));
            if sink(found.map_err(|reason| Skipped { locator: locator(), id, reason }).into()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn document(line: &[u8], context: &Context<'_>, number: u64, id: &mut Option<String>) -> Result<Document, SkipReason> {
    let text = std::str::from_utf8(line).map_err(|error| SkipReason::NotUtf8 { offset: error.valid_up_to() as u64 })?;
    let record: Value =
        serde_json::from_str(text).map_err(|error| SkipReason::Json { reason: clean_message(error) })?;
    if !record.is_object() {
        return Err(SkipReason::Json { reason: "it is no object".into() });
    }
    context.fields.document(&|name| value(&record, name), context, number, id)
}

/// The value under a dotted name, as text: the items of a list are paragraphs.
fn value(record: &Value, name: &str) -> Option<String> {
    if let Some(found) = record.get(name) {
        return text(found);
    }
    let (first, rest) = name.split_once('.')?;
    match record.get(first)? {
        Value::Array(items) => {
            let found: Vec<String> = items.iter().filter_map(|item| value(item, rest)).collect();
            (!found.is_empty()).then(|| found.join("\n\n"))
        }
        found => value(found, rest),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => {
            // One text and no list of them: a line may hold millions of items.
            let mut joined = String::new();
            for item in items.iter().filter_map(text) {
                if !joined.is_empty() {
                    joined.push_str("\n\n");
                }
                joined.push_str(&item);
            }
            Some(joined)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::Metadata;

    use super::*;
    use crate::fields::{Fields, Names};

    fn read(fields: &Fields, lines: &str) -> Vec<Result<Document, String>> {
        let context = Context { corpus: "c", file: "a/b.jsonl", defaults: &Metadata::default(), fields };
        let mut records = Vec::new();
        let mut sink = |record: Record| {
            records.push(record.into_result().map_err(|skip| skip.to_string()));
            ControlFlow::Continue(())
        };
        let flow = JsonLines.read(&mut io::Cursor::new(lines), &context, &mut sink).expect("read");
        assert!(flow.is_continue());
        records
    }

    #[test]
    fn fields_are_found_under_their_usual_names() {
        let records = read(
            &Fields::default(),
            "{\"pmid\":12,\"title\":\"T\",\"abstract\":\"One.\\n\\nTwo.\",\"year\":2020}\n\n{\"text\":\"x\"}\n{}\n[1]\n",
        );
        let first = records[0].as_ref().expect("a document");
        assert_eq!((first.id.as_str(), first.title.as_str(), first.text.as_str()), ("12", "T", "One.\n\nTwo."));
        assert_eq!(first.metadata.published.as_ref().map(clinqa_schema::Date::as_str), Some("2020"));
        let second = records[1].as_ref().expect("a document");
        assert!(second.id.as_str().starts_with("a:b.jsonl:3") && second.source.record == Some(3), "{}", second.id);
        assert!(records[2].as_ref().expect_err("a skip").contains("`text` is missing"));
        assert!(records[3].as_ref().expect_err("a skip").contains("no object"));
    }

    #[test]
    fn an_abstract_and_a_full_text_are_two_sections_and_synonyms_are_kept() {
        let records = read(
            &Fields::default(),
            "{\"abstract\":\"Short.\",\"body\":\"Long and wide.\",\"synonyms\":[\"flu\",\"grippe; flu\"]}\n\
             {\"abstract\":\"Short.\",\"text\":\"Short. And more.\"}",
        );
        let first = records[0].as_ref().expect("a document");
        assert_eq!(first.text, "Abstract\n\nShort.\n\nFull text\n\nLong and wide.");
        assert_eq!(
            first.sections.iter().map(|section| section.heading.as_str()).collect::<Vec<_>>(),
            ["Abstract", "Full text"]
        );
        assert_eq!(first.metadata.synonyms, ["flu", "grippe"]);
        assert_eq!(records[1].as_ref().expect("a document").text, "Short. And more.");
    }

    #[test]
    fn fields_are_found_under_the_names_that_the_corpus_gives() {
        let fields = Fields {
            id: Some("meta.key".into()),
            title: Some("head".into()),
            text: Names::Several(vec!["parts.text".into(), "side_effects".into()]),
            ..Fields::default()
        };
        let records = read(
            &fields,
            "{\"meta\":{\"key\":\"k\"},\"head\":\"H\",\"parts\":[{\"text\":\"A.\"},{\"text\":\"B.\"}],\"side_effects\":\"C.\"}\n{\"head\":\"H\"}",
        );
        let document = records[0].as_ref().expect("a document");
        assert_eq!((document.id.as_str(), document.text.as_str()), ("k", "Text\n\nA.\n\nB.\n\nSide effects\n\nC."));
        assert_eq!(document.sections[1].heading, "Side effects");
        assert!(records[1].as_ref().expect_err("a skip").contains("`id` is missing"));
    }
}
