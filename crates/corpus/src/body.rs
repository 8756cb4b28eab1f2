//! How do headings and paragraphs become one text with its sections?

use clinqa_schema::Section;

use crate::clean::clean_paragraph;

/// Most sections of a document, each of which carries its heading and those above it. Headings beyond are paragraphs.
pub(crate) const MAX_SECTIONS: usize = 50_000;

/// A text that grows: a heading is a line of its own, a blank line stands between paragraphs, list lines follow one
/// another. Whoever writes into it keeps the promise of [`crate::Format`]: all text but headings lies in a section.
#[derive(Debug, Default)]
pub(crate) struct Body {
    text: String,
    sections: Vec<Section>,
    /// The heading that waits for its first paragraph, as a line and as a section carries it.
    heading: Option<(String, String)>,
    /// The heading and the beginning of the section at hand.
    open: Option<(String, usize)>,
    in_list: bool,
}

impl Body {
    /// Begins a section whose line is `line` and whose heading is `full`: with the headings above it, where there are
    /// any. A section that stays empty leaves no trace.
    pub(crate) fn heading(&mut self, line: &str, full: &str) {
        if self.sections.len() >= MAX_SECTIONS {
            return self.paragraph(line);
        }
        self.close();
        self.heading = Some((line.to_owned(), full.to_owned()));
    }

    /// Adds a paragraph; white space of any kind is one space.
    pub(crate) fn paragraph(&mut self, raw: &str) {
        let paragraph = clean_paragraph(raw);
        if !paragraph.is_empty() {
            self.push(&paragraph, "\n\n");
            self.in_list = false;
        }
    }

    /// Adds a list line behind a dash.
    pub(crate) fn item(&mut self, raw: &str) {
        self.marked("-", raw);
    }

    /// Adds a list line behind `marker`.
    pub(crate) fn marked(&mut self, marker: &str, raw: &str) {
        let item = clean_paragraph(raw);
        if item.is_empty() {
            return;
        }
        let gap = if self.in_list { "\n" } else { "\n\n" };
        self.push(&format!("{marker} {item}"), gap);
        self.in_list = true;
    }

    /// Bytes of text so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there is any text.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text and its sections.
    pub(crate) fn finish(mut self) -> (String, Vec<Section>) {
        self.close();
        (self.text, self.sections)
    }

    fn push(&mut self, piece: &str, gap: &str) {
        let heading = self.heading.take();
        let gap = if heading.is_some() || self.open.is_none() { "\n\n" } else { gap };
        if !self.text.is_empty() {
            self.text.push_str(gap);
        }
        if let Some((line, full)) = heading {
            if !line.is_empty() {
                self.text.push_str(&line);
                self.text.push_str("\n\n");
            }
            self.open = Some((full, self.text.len()));
        } else if self.open.is_none() {
            self.open = Some((String::new(), self.text.len()));
        }
        self.text.push_str(piece);
    }

    fn close(&mut self) {
        self.in_list = false;
        self.heading = None;
        if let Some((heading, start)) = self.open.take() {
            self.sections.push(Section { heading, bytes: start..self.text.len() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_paragraphs_and_lists_become_sections_of_one_text() {
        let mut body = Body::default();
        body.paragraph(" Lead\n line. ");
        body.heading("Empty", "Empty");
        body.heading("Symptoms", "Asthma: Symptoms");
        body.item("wheeze");
        body.item(" ");
        body.item("cough");
        body.paragraph("See a doctor.");
        let (text, sections) = body.finish();
        assert_eq!(text, "Lead line.\n\nSymptoms\n\n- wheeze\n- cough\n\nSee a doctor.");
        let found: Vec<(&str, &str)> =
            sections.iter().map(|section| (section.heading.as_str(), &text[section.bytes.clone()])).collect();
        assert_eq!(found, [("", "Lead line."), ("Asthma: Symptoms", "- wheeze\n- cough\n\nSee a doctor.")]);
    }
}
