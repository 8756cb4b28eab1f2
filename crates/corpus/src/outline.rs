//! Under which headings does a paragraph stand?

use clinqa_schema::Section;

use crate::body::Body;
use crate::clean::{clean_line, clean_paragraph};
use crate::row::Rows;

/// A text that grows under headings of several levels: a heading under another carries its name.
#[derive(Default)]
pub(crate) struct Outline {
    /// The text.
    pub(crate) body: Body,
    /// The headings above, outermost first.
    above: Vec<(u8, String)>,
    rows: Rows,
}

impl Outline {
    /// Begins a section; the headings of its level and deeper end.
    pub(crate) fn heading(&mut self, level: u8, raw: &str) {
        self.above.retain(|(above, _)| *above < level);
        self.begin(level, raw);
    }

    /// Begins the section that lies under all of `names`, outermost first.
    pub(crate) fn path(&mut self, names: &[&str]) {
        self.above.clear();
        for (level, name) in (1..=u8::MAX).zip(names) {
            self.begin(level, name);
        }
    }

    fn begin(&mut self, level: u8, raw: &str) {
        let line = clean_paragraph(raw);
        if line.is_empty() {
            return self.body.heading("", &self.full());
        }
        self.above.push((level, clean_line(&line)));
        self.body.heading(&line, &self.full());
    }

    fn full(&self) -> String {
        clean_line(&self.above.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(": "))
    }

    /// A row of a table stands by itself, as a list line: each cell behind the name of its column.
    pub(crate) fn row(&mut self, header: &[String], cells: &[String]) {
        self.body.item(&self.rows.line(header, cells));
    }

    /// The text and its sections.
    pub(crate) fn finish(self) -> (String, Vec<Section>) {
        self.body.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_carries_the_headings_above_it() {
        let mut outline = Outline::default();
        outline.heading(2, "Treatment");
        outline.heading(3, "Insulin");
        outline.body.paragraph("Daily.");
        outline.heading(2, "Tests");
        outline.row(&["Name".into(), "Normal".into()], &["HbA1c".into(), "48".into()]);
        let (text, sections) = outline.finish();
        assert_eq!(text, "Insulin\n\nDaily.\n\nTests\n\n- Name: HbA1c; Normal: 48");
        let found: Vec<&str> = sections.iter().map(|section| section.heading.as_str()).collect();
        assert_eq!(found, ["Treatment: Insulin", "Tests"]);
    }
}
