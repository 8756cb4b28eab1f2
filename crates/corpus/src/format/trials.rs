//! Evidence Inference: trial reports as text, a `TITLE:` line and then paths such as `BODY.METHODS.PATIENTS:` as headings.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::{Document, Metadata};

use super::{Context, Format, Record, sentence_case};
use crate::body::Body;
use crate::clean::clean_line;
use crate::identifier::legal_id;
use crate::report::{SkipReason, Skipped};

/// Longest file; it is held in memory whole.
const MAX_FILE_BYTES: usize = 16 << 20;
/// Longest heading; a longer line that ends in a colon is a sentence.
const MAX_HEADING_BYTES: usize = 400;

/// Text that begins with `TITLE:` and has such headings.
pub(super) struct Trials;

impl Format for Trials {
    fn name(&self) -> &'static str {
        "evidence-inference"
    }

    fn recognises(&self, _: &Path, head: &[u8]) -> bool {
        // A report without headings has its title on a line of its own.
        let signs: [&[u8]; 5] = [b"TITLE: \n", b"\nBODY", b"\n  BODY", b"\nABSTRACT", b"\n  ABSTRACT"];
        head.starts_with(b"TITLE: ") && signs.iter().any(|sign| memchr::memmem::find(head, sign).is_some())
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
        let report = document(&bytes, context);
        Ok(sink(report.map_err(|reason| Skipped { locator: context.locator(None), id: None, reason }).into()))
    }
}

fn document(bytes: &[u8], context: &Context<'_>) -> Result<Document, SkipReason> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(SkipReason::TooLarge { limit: MAX_FILE_BYTES as u64 });
    }
    if bytes.contains(&0) {
        return Err(SkipReason::Binary);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| SkipReason::NotUtf8 { offset: error.valid_up_to() as u64 })?;
    let name = context.file.rsplit('/').next().unwrap_or(context.file);
    let name = name.rsplit_once('.').map_or(name, |(name, _)| name);
    let id = legal_id(name).ok_or(SkipReason::MissingField { field: "id" })?;
    let mut title = String::new();
    let mut body = Body::default();
    for line in text.lines() {
        match (line.strip_prefix("TITLE: "), heading(line)) {
            (Some(first), _) if title.is_empty() => title = clean_line(first),
            (None, None) if title.is_empty() => title = clean_line(line),
            (_, Some(path)) => body.heading(path.last().map_or("", String::as_str), &clean_line(&path.join(": "))),
            _ => body.paragraph(line),
        }
    }
    if body.is_empty() {
        body.paragraph(&title);
    }
    if body.is_empty() {
        return Err(SkipReason::Empty);
    }
    let (text, sections) = body.finish();
    let pmc = name.strip_prefix("PMC").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    Ok(Document {
        id,
        title,
        text,
        sections,
        metadata: Metadata {
            kind: "trial".to_owned(),
            url: pmc.then(|| format!("https://pmc.ncbi.nlm.nih.gov/articles/{name}/")),
            language: Some("en".to_owned()),
            ..context.defaults.clone()
        },
        source: context.locator(None),
    })
}

/// `  BODY.METHODS.PATIENTS:` as `Methods`, `Patients`.
fn heading(line: &str) -> Option<Vec<String>> {
    let path = line.trim();
    let named = path.len() <= MAX_HEADING_BYTES && path.ends_with(':');
    let path = Some(path).filter(|path| named && (path.starts_with("BODY") || path.starts_with("ABSTRACT")))?;
    let parts = path.trim_end_matches(':').split('.').map(str::trim).filter(|name| !name.is_empty() && *name != "BODY");
    Some(parts.map(|name| sentence_case(&clean_line(name))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    #[test]
    fn a_report_has_a_title_and_sections() {
        let text = "TITLE: Salt in hearts\n\n  ABSTRACT.AIMS::\nTo test: salt.\n\nBODY.METHODS.PATIENTS:\nTen people.\nMore.\n";
        assert!(Trials.recognises(Path::new("a.txt"), text.as_bytes()));
        assert!(!Trials.recognises(Path::new("a.txt"), b"TITLE: a letter\nDear all,"));
        let context =
            Context { corpus: "c", file: "txt/PMC7.txt", defaults: &Metadata::default(), fields: &Fields::default() };
        let document = document(text.as_bytes(), &context).expect("a document");
        assert_eq!((document.id.as_str(), document.title.as_str()), ("PMC7", "Salt in hearts"));
        assert_eq!(document.text, "Aims\n\nTo test: salt.\n\nPatients\n\nTen people.\n\nMore.");
        let headings: Vec<&str> = document.sections.iter().map(|section| section.heading.as_str()).collect();
        assert_eq!(headings, ["Abstract: Aims", "Methods: Patients"]);
        assert_eq!(document.validate(), Ok(()));
        let bare = b"TITLE: \nSalt in hearts\n\n\nTen people.\n";
        assert!(Trials.recognises(Path::new("a.txt"), bare));
        let document = super::document(bare, &context).expect("a document");
        assert_eq!((document.title.as_str(), document.text.as_str()), ("Salt in hearts", "Ten people."));
        assert!(matches!(super::document(b"TITLE: \n", &context), Err(SkipReason::Empty)));
    }
}
