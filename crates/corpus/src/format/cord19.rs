//! CORD-19: one article a file, as JSON with its sections.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::Metadata;
use serde::Deserialize;

use super::{Context, Format, Record};
use crate::clean::{clean_line, clean_message};
use crate::identifier::legal_id;
use crate::outline::Outline;
use crate::report::SkipReason;
use crate::whole::{Page, one_document};

/// Longest file; it is held in memory whole.
const MAX_FILE_BYTES: usize = 16 << 20;

/// JSON that begins with a `paper_id`.
pub(super) struct Cord19;

impl Format for Cord19 {
    fn name(&self) -> &'static str {
        "cord19"
    }

    fn recognises(&self, _: &Path, head: &[u8]) -> bool {
        let is_object = head.trim_ascii_start().starts_with(b"{");
        is_object && head.windows(10).any(|window| window == b"\"paper_id\"")
    }

    fn about(&self, _: u64) -> u64 {
        1
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        one_document(input, context, MAX_FILE_BYTES, sink, |bytes| page(&bytes, context.defaults))
    }
}

#[derive(Deserialize)]
struct Paper {
    #[serde(rename = "paper_id")]
    id: String,
    #[serde(default)]
    metadata: Front,
    #[serde(default)]
    r#abstract: Vec<Part>,
    #[serde(default)]
    body_text: Vec<Part>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Front {
    title: String,
}

#[derive(Deserialize)]
struct Part {
    text: String,
    #[serde(default)]
    section: String,
}

fn page(bytes: &[u8], defaults: &Metadata) -> Result<Page, SkipReason> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| SkipReason::NotUtf8 { offset: error.valid_up_to() as u64 })?;
    let paper: Paper = serde_json::from_str(text).map_err(|error| SkipReason::Json { reason: clean_message(error) })?;
    let id = legal_id(&paper.id).ok_or(SkipReason::MissingField { field: "paper_id" })?;
    let mut outline = Outline::default();
    let mut heading = String::new();
    for part in paper.r#abstract.iter().chain(&paper.body_text) {
        let section = clean_line(&part.section);
        if section != heading {
            outline.path(&[&section]);
            heading = section;
        }
        outline.body.paragraph(&part.text);
    }
    if outline.body.is_empty() {
        outline.body.paragraph(&paper.metadata.title);
    }
    let mut page = Page::new(&paper.metadata.title, outline.finish(), defaults.clone());
    page.id = Some(id);
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paper_is_a_document_with_its_sections() {
        let json = br#"{"paper_id": "ab12", "metadata": {"title": "Tea and colds", "authors": []},
            "abstract": [{"text": "We drank tea.", "section": "Abstract", "cite_spans": []}],
            "body_text": [{"text": "Tea is warm.", "section": "Introduction"}, {"text": "So are we.", "section": "Introduction"}],
            "bib_entries": {}}"#;
        assert!(Cord19.recognises(Path::new("a.json"), json));
        let page = page(json, &Metadata::default()).expect("a page");
        assert_eq!((page.id.expect("an id").as_str(), page.title.as_deref()), ("ab12", Some("Tea and colds")));
        assert_eq!(page.text, "Abstract\n\nWe drank tea.\n\nIntroduction\n\nTea is warm.\n\nSo are we.");
    }

    #[test]
    fn a_broken_paper_is_reported() {
        let reason = |json: &str| page(json.as_bytes(), &Metadata::default()).err().expect("a reason").to_string();
        assert!(reason("{\"paper_id\": 1}").contains("wrong JSON"));
        assert!(reason("{\"paper_id\": \"\"}").contains("`paper_id` is missing"));
        assert!(reason(&format!("{{\"paper_id\": \"a\", \"x\": {}", "[".repeat(100_000))).contains("wrong JSON"));
    }
}
