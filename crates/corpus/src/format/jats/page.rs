//! Which text, with which sections, stands in the body of an article?

use crate::body::Body;
use crate::clean::{clean_line, clean_paragraph};
use crate::report::SkipReason;
use crate::row::Rows;
use crate::xml::{Node, Tag, Xml};

/// The text as it grows, and the headings above.
#[derive(Default)]
pub(super) struct Page {
    pub(super) body: Body,
    pub(super) path: Vec<String>,
    rows: Rows,
}

impl Page {
    /// Begins a section under the headings above.
    pub(super) fn section(&mut self, heading: &str) {
        self.path.push(heading.to_owned());
        self.show();
    }

    fn show(&mut self) {
        let line = self.path.last().cloned().unwrap_or_default();
        let full = self.path.iter().filter(|it| !it.is_empty()).map(String::as_str).collect::<Vec<_>>().join(": ");
        self.body.heading(&line, &clean_line(&full));
    }

    /// Reads what lies in the open element: text and blocks in any mixture.
    pub(super) fn flow(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        let mut inline = String::new();
        loop {
            match xml.next()? {
                Node::Text(text) => inline.push_str(&text),
                Node::Close => {
                    self.body.paragraph(&inline);
                    return Ok(());
                }
                Node::Open(tag) if is_inline(tag.name()) => xml.inline_into(&tag, &mut inline)?,
                Node::Open(tag) => {
                    self.body.paragraph(&std::mem::take(&mut inline));
                    self.block(xml, &tag)?;
                }
            }
        }
    }

    fn block(&mut self, xml: &mut Xml<'_>, tag: &Tag<'_>) -> Result<(), SkipReason> {
        match tag.name() {
            "sec" | "app" | "boxed-text" => {
                self.path.push(String::new());
                self.flow(xml)?;
                self.path.pop();
                // What follows belongs to the section above.
                self.show_again();
                Ok(())
            }
            "title" => {
                let title = clean_line(&xml.text()?);
                match self.path.last_mut() {
                    Some(own) if own.is_empty() => {
                        *own = title;
                        self.show();
                    }
                    _ => self.body.paragraph(&title),
                }
                Ok(())
            }
            "list-item" | "def-item" => {
                let item = clean_paragraph(&xml.text()?);
                self.body.item(&item);
                Ok(())
            }
            "table-wrap" => self.table(xml),
            "fig" => self.caption(xml),
            "ref-list" | "label" | "disp-formula" | "graphic" | "media" | "fn-group" | "permissions" | "object-id"
            | "alternatives" => xml.text().map(|_| ()),
            _ => self.flow(xml),
        }
    }

    fn show_again(&mut self) {
        let full = self.path.iter().filter(|it| !it.is_empty()).map(String::as_str).collect::<Vec<_>>().join(": ");
        self.body.heading("", &clean_line(&full));
    }

    /// `Figure 1. Caption.`
    fn caption(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        let mut words = Vec::new();
        xml.children(&mut |xml, tag| {
            if matches!(tag.name(), "label" | "caption") {
                words.push(spaced_text(xml)?);
            }
            Ok(())
        })?;
        self.body.paragraph(&joined(&words));
        Ok(())
    }

    /// The label and caption, and each row as a list line: `- Dose: 5 mg; Days: 3`.
    fn table(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        let mut words = Vec::new();
        let mut rows: Vec<(bool, Vec<String>)> = Vec::new();
        let mut notes = String::new();
        xml.children(&mut |xml, tag| match tag.name() {
            "label" | "caption" => {
                words.push(spaced_text(xml)?);
                Ok(())
            }
            "table-wrap-foot" => {
                notes = spaced_text(xml)?;
                Ok(())
            }
            "table" => table_rows(xml, false, &mut rows),
            "alternatives" => xml.children(&mut |xml, tag| match tag.name() {
                "table" => table_rows(xml, false, &mut rows),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })?;
        self.body.paragraph(&joined(&words));
        let header =
            rows.iter().take_while(|(head, _)| *head).last().map(|(_, cells)| cells.clone()).unwrap_or_default();
        for (_, cells) in rows.iter().filter(|(head, _)| !head) {
            self.body.item(&self.rows.line(&header, cells));
        }
        self.body.paragraph(&notes);
        Ok(())
    }
}

/// The rows below, and whether each stands in the head.
fn table_rows(xml: &mut Xml<'_>, head: bool, rows: &mut Vec<(bool, Vec<String>)>) -> Result<(), SkipReason> {
    xml.children(&mut |xml, tag| match tag.name() {
        "thead" => table_rows(xml, true, rows),
        "tbody" | "tfoot" => table_rows(xml, false, rows),
        "tr" => {
            let mut cells = Vec::new();
            xml.children(&mut |xml, cell| {
                let wide = cell.attribute("colspan").and_then(|wide| wide.parse().ok()).unwrap_or(1).clamp(1, 50);
                let text = clean_paragraph(&xml.text()?);
                cells.extend(std::iter::repeat_n(String::new(), wide - 1));
                let first = cells.len() + 1 - wide;
                cells.insert(first, text);
                Ok(())
            })?;
            rows.push((head, cells));
            Ok(())
        }
        _ => Ok(()),
    })
}

/// Text in which what stood in blocks of its own is kept apart.
fn spaced_text(xml: &mut Xml<'_>) -> Result<String, SkipReason> {
    let mut page = Page::default();
    page.flow(xml)?;
    Ok(clean_paragraph(&page.body.finish().0))
}

/// `Table 1` and `Doses` become `Table 1. Doses`.
fn joined(words: &[String]) -> String {
    let parts = words.iter().map(|word| word.trim().trim_end_matches('.')).filter(|word| !word.is_empty());
    let text = parts.collect::<Vec<_>>().join(". ");
    if text.is_empty() { text } else { format!("{text}.") }
}

fn is_inline(name: &str) -> bool {
    const INLINE: [&str; 29] = [
        "italic",
        "bold",
        "sup",
        "sub",
        "xref",
        "ext-link",
        "sc",
        "underline",
        "monospace",
        "styled-content",
        "named-content",
        "uri",
        "email",
        "abbrev",
        "inline-formula",
        "inline-graphic",
        "strike",
        "break",
        "roman",
        "sans-serif",
        "overline",
        "institution",
        "year",
        "chem-struct",
        "milestone-start",
        "milestone-end",
        "math",
        "inline-supplementary-material",
        "hr",
    ];
    INLINE.contains(&name)
}
