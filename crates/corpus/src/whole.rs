//! How does a file that is one document become that document?

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use clinqa_schema::{Date, Document, DocumentId, Metadata, Section};

use crate::clean::clean_line;
use crate::format::Context;
use crate::identifier::legal_id;
use crate::record::Record;
use crate::report::{SkipReason, Skipped};

/// What a file says, before it has an id.
pub(crate) struct Page {
    /// The name that it gives itself; else the file's name is.
    pub(crate) id: Option<DocumentId>,
    /// Its title, if it has one; else the file's name is.
    pub(crate) title: Option<String>,
    /// Its text.
    pub(crate) text: String,
    /// The bodies under its headings.
    pub(crate) sections: Vec<Section>,
    /// What it says about itself, over the defaults.
    pub(crate) metadata: Metadata,
    /// Where its pages begin, if it has any.
    pub(crate) starts: Vec<usize>,
    /// What of the file could not be read; it is reported beside the document.
    pub(crate) lost: Option<SkipReason>,
}

impl Page {
    /// A page without pages; a blank title is none.
    pub(crate) fn new(title: &str, (text, sections): (String, Vec<Section>), metadata: Metadata) -> Self {
        let title = clean_line(title);
        Self {
            id: None,
            title: Some(title).filter(|title| !title.is_empty()),
            text,
            sections,
            metadata,
            starts: Vec::new(),
            lost: None,
        }
    }
}

/// Reads the whole file, of `limit` bytes at most, and hands on the one record that it is.
pub(crate) fn one_document(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    limit: usize,
    sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    page: impl FnOnce(Vec<u8>) -> Result<Page, SkipReason>,
) -> io::Result<ControlFlow<()>> {
    let mut bytes = Vec::new();
    input.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    let id = id_of(context.file);
    let known_id = id.as_ref().ok().map(ToString::to_string);
    let page = if bytes.len() > limit { Err(SkipReason::TooLarge { limit: limit as u64 }) } else { page(bytes) };
    let mut lost = None;
    let document = id.and_then(|id| {
        let mut page = page?;
        lost = page.lost.take();
        document(id, page, context)
    });
    if let Some(reason) = lost {
        let skip = Skipped { locator: context.locator(None), id: known_id.clone(), reason };
        if sink(skip.into()).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(sink(document.map_err(|reason| Skipped { locator: context.locator(None), id: known_id, reason }).into()))
}

fn document(id: DocumentId, page: Page, context: &Context<'_>) -> Result<Document, SkipReason> {
    if page.text.is_empty() {
        return Err(SkipReason::Empty);
    }
    let mut source = context.locator(None);
    source.page_starts = page.starts;
    Ok(Document {
        id: page.id.unwrap_or(id),
        title: page.title.unwrap_or_else(|| title_of(context.file)),
        text: page.text,
        sections: page.sections,
        metadata: page.metadata,
        source,
    })
}

/// `guides/asthma care.md` becomes `guides:asthma_care-…`.
pub(crate) fn id_of(file: &str) -> Result<DocumentId, SkipReason> {
    legal_id(&without_extension(file).replace('/', ":")).ok_or(SkipReason::MissingField { field: "id" })
}

/// `guides/type-2_diabetes.md` becomes `type 2 diabetes`.
pub(crate) fn title_of(file: &str) -> String {
    let name = without_extension(file).rsplit('/').next().unwrap_or(file);
    clean_line(&name.replace(['-', '_'], " "))
}

fn without_extension(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(name, _)| name)
}

/// The date that `text` begins with: `2024-05-01T08:00`, `2024/05`, `2024`.
pub(crate) fn date_in(text: &str) -> Option<Date> {
    let text = text.trim().replace('/', "-");
    [10, 7, 4].iter().find_map(|length| Date::new(text.get(..*length)?).ok())
}

/// `en-GB` becomes `en`; what is no language is none.
pub(crate) fn language_in(text: &str) -> Option<String> {
    let code = text.trim().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(code)
}

/// Whether `file` ends in one of `extensions`.
pub(crate) fn ends_in(file: &std::path::Path, extensions: &[&str]) -> bool {
    file.extension().is_some_and(|found| extensions.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_languages_are_cut_to_what_is_known() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(date_in(text).as_ref().map(Date::as_str), expected);
        check("2024-05-01T08:00:00Z", Some("2024-05-01"));
        check("2024/05", Some("2024-05"));
        check("2024-99", Some("2024"));
        check("soon", None);
        check("é", None);
        assert_eq!(language_in("en-GB").as_deref(), Some("en"));
        assert_eq!(language_in("english"), None);
    }
}
