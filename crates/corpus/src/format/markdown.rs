//! Markdown: one document a file, with or without YAML front matter.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::Document;

use super::{Context, Format, Record};
use crate::clean::clean;
use crate::front_matter;
use crate::plain::plain;
use crate::report::{SkipReason, Skipped};
use crate::whole::{id_of, title_of};

/// Longest file; it is held in memory whole.
const MAX_FILE_BYTES: usize = 8 << 20;
/// Most characters that may mean something to Markdown; the parser holds a place for each. Of a text one in thirty may.
const MAX_MARKS: usize = 600_000;

const MARKS: &[u8] = b"\n\\`*_~[]()<>!&#|+-.=";

/// Files that end in `.md` or `.markdown`.
pub(super) struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn recognises(&self, file: &Path, _: &[u8]) -> bool {
        let known = ["md", "markdown"];
        file.extension().is_some_and(|extension| known.iter().any(|known| extension.eq_ignore_ascii_case(known)))
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
        let mut bytes = Vec::new();
        input.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        let mut id = None;
        let document = document(&bytes, context, &mut id);
        Ok(sink(document.map_err(|reason| Skipped { locator: context.locator(None), id, reason }).into()))
    }
}

/// The document in `bytes`; its id is left in `known_id` as soon as it is known, for the report.
fn document(bytes: &[u8], context: &Context<'_>, known_id: &mut Option<String>) -> Result<Document, SkipReason> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(SkipReason::TooLarge { limit: MAX_FILE_BYTES as u64 });
    }
    if bytes.contains(&0) {
        return Err(SkipReason::Binary);
    }
    let source =
        std::str::from_utf8(bytes).map_err(|error| SkipReason::NotUtf8 { offset: error.valid_up_to() as u64 })?;
    if source.bytes().filter(|byte| MARKS.contains(byte)).count() > MAX_MARKS {
        return Err(SkipReason::TooMany { limit: MAX_MARKS as u64, what: "marks of Markdown".to_owned() });
    }
    let source = clean(source);
    let (front, body) = front_matter::take(&source, context.defaults)?;
    let id = match front.id {
        Some(id) => id,
        None => id_of(context.file)?,
    };
    *known_id = Some(id.to_string());
    let page = plain(body, front.title.as_deref());
    if page.text.is_empty() {
        return Err(SkipReason::Empty);
    }
    Ok(Document {
        id,
        title: front.title.or(page.first_heading).unwrap_or_else(|| title_of(context.file)),
        text: page.text,
        sections: page.sections,
        metadata: front.metadata,
        source: context.locator(None),
    })
}

#[cfg(test)]
mod tests {
    use crate::fields::Fields;
    use clinqa_schema::Metadata;

    use super::*;

    /// The one record that a file is, its skip in words.
    fn read(file: &str, bytes: &[u8]) -> Result<Document, String> {
        let context = Context { corpus: "c", file, defaults: &Metadata::default(), fields: &Fields::default() };
        let mut records = Vec::new();
        let mut sink = |record: Record| {
            records.push(record.into_result().map_err(|skip| skip.to_string()));
            ControlFlow::Continue(())
        };
        let flow = Markdown.read(&mut io::Cursor::new(bytes), &context, &mut sink).expect("read");
        assert!(flow.is_continue());
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    #[test]
    fn a_file_with_front_matter_is_a_document() {
        let source = "\u{feff}---\r\nid: asthma\r\ntitle: Asthma\r\nkind: leaflet\r\n---\r\n# Asthma\r\n\r\nLead\r\nline.\r\n\r\n\
            ## Symptoms\r\n\r\nWheeze.\r\n";
        let document = read("a.md", source.as_bytes()).expect("a document");
        assert_eq!((document.id.as_str(), document.title.as_str()), ("asthma", "Asthma"));
        assert_eq!(document.text, "Lead line.\n\nSymptoms\n\nWheeze.");
        let headings: Vec<&str> = document.sections.iter().map(|section| section.heading.as_str()).collect();
        assert_eq!(headings, ["", "Symptoms"]);
        assert_eq!(document.validate(), Ok(()));
    }

    #[test]
    fn without_front_matter_the_file_names_the_document() {
        let check = |file: &str, source: &str, id: &str, title: &str| {
            let document = read(file, source.as_bytes()).expect("a document");
            assert_eq!((document.id.as_str(), document.title.as_str()), (id, title));
        };
        check("guides/type-2_diabetes.md", "Body.", "guides:type-2_diabetes", "type 2 diabetes");
        check("a.md", "# Heart failure\rBody.", "a", "Heart failure");
        check("v1.2.md", "Body.", "v1.2", "v1.2");
    }

    #[test]
    fn a_file_that_is_no_document_is_skipped_with_its_reason() {
        let check = |bytes: &[u8], expected: &str| {
            let skip = read("a.md", bytes).expect_err("skipped");
            assert!(skip.contains(expected), "{skip}");
        };
        check(b"", "a.md (a): no text");
        check(b"\xef\xbb\xbf\r\n <!-- x -->\n", "no text");
        check(b"---\nid: b\n---\n", "a.md (b): no text");
        check(b"\x89PNG\r\n\x1a\n\0\0", "a binary file");
        check(b"caf\xe9", "not UTF-8 from byte 3");
        check(b"---\ncolour: red\n---\nBody", "colour");
        check(&vec![b'x'; MAX_FILE_BYTES + 1], "longer than 8388608 bytes");
    }
}
