//! Which formats of documents are known?

mod beir;
mod cord19;
mod csv;
mod docx;
mod epub;
mod html;
mod jats;
mod json_lines;
mod markdown;
mod medlineplus;
mod medquad;
mod pdf;
mod plain_text;
mod pubmed;
mod trials;

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::{Date, Metadata, SourceLocator};

use crate::fields::Fields;
pub(crate) use crate::record::Record;

/// Every format, in the order in which they are asked whether they recognise a file.
pub const FORMATS: &[&dyn Format] = &[
    &pubmed::PubMed,
    &jats::Jats,
    &medlineplus::MedlinePlus,
    &medquad::MedQuad,
    &trials::Trials,
    &markdown::Markdown,
    &cord19::Cord19,
    &beir::Beir,
    &json_lines::JsonLines,
    &pdf::Pdf,
    &docx::Docx,
    &epub::Epub,
    &html::Html,
    &csv::Csv,
    &plain_text::PlainText,
];

/// How much memory reading a file takes at a time. What may take much is read one after the other, so that hostile files
/// that are met side by side cannot add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appetite {
    /// A record of a few kilobytes, however long the file.
    Record,
    /// The file or a long line of it, several times over.
    File,
    /// What is packed into it too.
    Packed,
}

/// A way in which documents lie in files. Making another is one file here and one line in [`FORMATS`].
pub trait Format: Sync {
    /// Its name in `corpus.toml`.
    fn name(&self) -> &'static str;

    /// Whether `file` (relative to the corpus), which begins with `head`, is in this format.
    fn recognises(&self, file: &Path, head: &[u8]) -> bool;

    /// Whether `file` may be in this format where `corpus.toml` says so.
    fn may_be(&self, file: &Path, head: &[u8]) -> bool {
        self.recognises(file, head)
    }

    /// How much it holds at a time.
    fn appetite(&self) -> Appetite {
        Appetite::File
    }

    /// About how many records a file of `lines` lines holds.
    fn about(&self, lines: u64) -> u64;

    /// Streams every record of `input` into `sink`, until there are no more or the sink breaks. A fault of a record is
    /// a [`crate::Skipped`]; only a fault of the medium is an error.
    ///
    /// Every section of a document must have a place in its text, and all text but headings must lie in a section.
    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>>;
}

/// Where a file stands, and what holds for its documents unless they say otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The corpus's name.
    pub corpus: &'a str,
    /// The file, relative to the corpus folder, with `/` between names.
    pub file: &'a str,
    /// The corpus's defaults.
    pub defaults: &'a Metadata,
    /// Which field of a record is what.
    pub fields: &'a Fields,
}

impl Context<'_> {
    /// The place of `record` (from 1) in the file.
    pub fn locator(&self, record: Option<u64>) -> SourceLocator {
        SourceLocator { corpus: self.corpus.to_owned(), file: self.file.to_owned(), record, ..SourceLocator::default() }
    }
}

/// The format of `file`, which begins with `head`; with `only`, no other is considered.
pub(crate) fn recognise(file: &Path, head: &[u8], only: Option<&str>) -> Option<&'static dyn Format> {
    let mut formats = FORMATS.iter().copied();
    match only {
        Some(only) => formats.find(|format| format.name() == only && format.may_be(file, head)),
        None => formats.find(|format| format.recognises(file, head)),
    }
}

/// The names of all formats, for messages.
pub(crate) fn known_formats() -> String {
    FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// Whether `url` may stand behind a link on a page: a `javascript:` address may not.
pub(crate) fn is_web_address(url: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        url.get(..scheme.len()).is_some_and(|found| found.eq_ignore_ascii_case(scheme))
            && !url.contains(char::is_whitespace)
    })
}

/// A date as publishers write it, as far as it makes sense: `2024`, `Feb` or `02`, `7`.
pub(crate) fn calendar_date(year: &str, month: &str, day: &str) -> Option<Date> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let named = month.get(..3).and_then(|name| MONTHS.iter().position(|known| name.eq_ignore_ascii_case(known)));
    let month = named.map_or_else(|| month.parse().unwrap_or(0), |month| month + 1);
    let day: u32 = day.parse().unwrap_or(0);
    [format!("{year}-{month:02}-{day:02}"), format!("{year}-{month:02}"), year.to_owned()]
        .iter()
        .find_map(|date| Date::new(date).ok())
}

/// `MATERIALS AND METHODS` as a heading; what is not all capitals stays as it is.
pub(crate) fn sentence_case(label: &str) -> String {
    if label.chars().any(char::is_lowercase) {
        return label.to_owned();
    }
    let mut chars = label.chars();
    let first = chars.next();
    first.into_iter().chain(chars.flat_map(char::to_lowercase)).collect()
}
