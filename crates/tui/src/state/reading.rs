//! Where in a document does the reader stand (pure)?

use std::ops::Range;

use clinqa_schema::Document;

use crate::line::Line;
use crate::state::{Screen, Scroll};
use crate::text::{Charset, wrap};

/// Places that a search in a document lists.
const MOST_MATCHES: usize = 10_000;

/// A document broken into lines of one width.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) document: Box<Document>,
    /// What it was opened for, in bytes.
    pub(crate) span: Option<Range<usize>>,
    /// The lines of headings, in bytes, each with its section.
    pub(crate) headings: Vec<(Range<usize>, usize)>,
    pub(crate) lines: Vec<Range<usize>>,
    width: usize,
    /// The first line that is shown.
    pub(crate) top: usize,
    /// Where to go as soon as there are lines.
    wanted: Option<usize>,
}

impl Page {
    /// A document opened at characters `span`.
    pub(crate) fn new(document: Box<Document>, span: Option<Range<usize>>) -> Self {
        let text = &document.text;
        let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
        let span = span.map(|span| byte(span.start)..byte(span.end)).filter(|span| span.start < span.end);
        let headings = headings(&document);
        let wanted = span.as_ref().map(|span| span.start);
        Self { document, span, headings, lines: Vec::new(), width: 0, top: 0, wanted }
    }

    /// Breaks the text anew if the width is another one, and keeps what was at the top there.
    pub(crate) fn lay(&mut self, width: usize, height: usize, charset: Charset) {
        if self.width != width {
            let here = self.lines.get(self.top).map(|line| line.start);
            self.lines = wrap(&self.document.text, width, charset);
            self.width = width;
            if let Some(here) = here {
                self.top = self.line_of(here);
            }
        }
        if let Some(wanted) = self.wanted.take() {
            // A few lines of context above.
            self.top = self.line_of(wanted).saturating_sub(height / 4);
        }
        self.top = self.top.min(self.lines.len().saturating_sub(height));
    }

    /// Brings a byte of the text on the screen.
    pub(crate) fn go_to(&mut self, byte: usize) {
        self.wanted = Some(byte);
    }

    /// The line that holds a byte.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.lines.partition_point(|line| line.start <= byte).saturating_sub(1)
    }

    /// The section at the top of the screen, as a place in `headings`.
    pub(crate) fn section(&self) -> Option<usize> {
        let top = self.lines.get(self.top)?.end;
        self.headings.partition_point(|(bytes, _)| bytes.start <= top).checked_sub(1)
    }
}

/// Where the heading of each section stands: the last line before its body that says it.
fn headings(document: &Document) -> Vec<(Range<usize>, usize)> {
    let mut from = 0;
    let mut found = Vec::new();
    for (section, stretch) in document.sections.iter().enumerate() {
        let before = document.text.get(from..stretch.bytes.start).unwrap_or_default();
        let heading = stretch.heading.as_str();
        if let Some(at) = before.rfind(heading).filter(|_| !heading.is_empty()) {
            found.push((from + at..from + at + heading.len(), section));
        }
        from = stretch.bytes.end;
    }
    found
}

/// The document screen.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) page: Page,
    pub(crate) contents: Contents,
    pub(crate) find: Find,
    /// Where `Esc` goes.
    pub(crate) from: Screen,
}

/// The table of contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) shown: Shown,
    pub(crate) list: Scroll,
}

/// Whether the table of contents has the keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Shown {
    #[default]
    Aside,
    Focused,
}

/// A search in the document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Find {
    pub(crate) line: Line,
    pub(crate) typing: Typing,
    pub(crate) matches: Vec<Range<usize>>,
    pub(crate) current: usize,
}

/// Whether keys go into a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Typing {
    #[default]
    No,
    Yes,
}

impl Open {
    pub(crate) fn new(page: Page, from: Screen) -> Self {
        Self { page, contents: Contents::default(), find: Find::default(), from }
    }

    /// Looks for what is typed and goes to the first place after the top.
    pub(crate) fn look(&mut self) {
        self.find.matches = find(&self.page.document.text, self.find.line.text());
        let here = self.page.lines.get(self.page.top).map_or(0, |line| line.start);
        let after = self.find.matches.iter().position(|found| found.start >= here).unwrap_or(0);
        self.step_to(after);
    }

    /// The next place, or the one before; round the ends.
    pub(crate) fn step(&mut self, step: Step) {
        let count = self.find.matches.len();
        if count > 0 {
            let current = self.find.current;
            let next = match step {
                Step::On => (current + 1) % count,
                Step::Back => (current + count - 1) % count,
            };
            self.step_to(next);
        }
    }

    fn step_to(&mut self, place: usize) {
        self.find.current = place;
        if let Some(found) = self.find.matches.get(place) {
            self.page.go_to(found.start);
        }
    }
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    On,
    Back,
}

/// Every place of `needle` in `text`, without regard to case, in bytes, without overlap.
fn find(text: &str, needle: &str) -> Vec<Range<usize>> {
    let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
    let needle: Vec<char> = needle.chars().map(lower).collect();
    if needle.is_empty() {
        return Vec::new();
    }
    let chars: Vec<(usize, char)> = text.char_indices().map(|(at, c)| (at, lower(c))).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at + needle.len() <= chars.len() && found.len() < MOST_MATCHES {
        if chars[at..at + needle.len()].iter().zip(&needle).all(|((_, c), wanted)| c == wanted) {
            let end = chars.get(at + needle.len()).map_or(text.len(), |(byte, _)| *byte);
            found.push(chars[at].0..end);
            at += needle.len();
        } else {
            at += 1;
        }
    }
    found
}

/// Two documents side by side.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) left: Option<Page>,
    pub(crate) right: Option<Page>,
    /// Which one the keys go to.
    pub(crate) side: Side,
}

/// One of two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl Comparison {
    /// The page that keys go to.
    pub(crate) fn focused(&mut self) -> Option<&mut Page> {
        match self.side {
            Side::Left => self.left.as_mut(),
            Side::Right => self.right.as_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{DocumentId, Metadata, Section, SourceLocator};

    use super::*;

    fn document(text: &str, sections: Vec<Section>) -> Box<Document> {
        Box::new(Document {
            id: DocumentId::new("d").expect("an id"),
            title: "D".into(),
            text: text.into(),
            sections,
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        })
    }

    #[test]
    fn a_needle_is_found_in_any_case() {
        let check = |needle: &str, expected: &[&str]| {
            let text = "Sepsis: SEPSIS naïve NAÏVE";
            let found: Vec<&str> = find(text, needle).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{needle}");
        };
        check("sepsis", &["Sepsis", "SEPSIS"]);
        check("naïve", &["naïve", "NAÏVE"]);
        check("", &[]);
        check("fever", &[]);
    }

    #[test]
    fn a_page_opens_at_its_span_and_keeps_its_place_when_the_width_changes() {
        let text = (0..200).map(|n| format!("line {n} ends here.")).collect::<Vec<_>>().join("\n");
        let at = text.find("line 150").expect("there");
        let mut page = Page::new(document(&text, Vec::new()), Some(at..at + 8));
        page.lay(40, 20, Charset::Utf8);
        assert_eq!((page.top, page.line_of(at)), (145, 150));
        let first = page.lines[page.top].start;
        page.lay(9, 20, Charset::Utf8);
        assert_eq!(page.lines[page.top].start, first);
    }

    #[test]
    fn headings_are_found_before_their_bodies() {
        let text = "Care\n\nRest.\n\nRest\n\nCare and rest.";
        let section = |heading: &str, bytes| Section { heading: heading.into(), bytes };
        let sections = vec![section("Care", 6..11), section("Rest", 19..33)];
        let page = Page::new(document(text, sections), None);
        assert_eq!(page.headings, [(0..4, 0), (13..17, 1)]);
    }
}
