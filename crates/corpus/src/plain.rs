//! Which plain text, with which sections, is this Markdown?

use clinqa_schema::Section;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::body::MAX_SECTIONS;
use crate::clean::{clean, clean_line};
use crate::row::Rows;

/// How deep list items are indented; a text that nests deeper is not a text.
const MAX_INDENT: usize = 4;

/// Plain text: headings as lines of their own, `- ` and `1. ` before list items, rows of tables as list lines
/// (`- Header: cell; Header: cell`), a blank line between paragraphs.
pub(crate) struct Plain {
    /// The text.
    pub(crate) text: String,
    /// The bodies under the headings; a heading under another carries its name: `Treatment: Insulin`.
    pub(crate) sections: Vec<Section>,
    /// The first heading, which is the title if nothing else is.
    pub(crate) first_heading: Option<String>,
}

/// Renders `markdown` to plain text. The top heading that repeats `title` is dropped, or, if there is no title, the
/// first one if it is a top heading.
pub(crate) fn plain(markdown: &str, title: Option<&str>) -> Plain {
    let mut page = Page { title: title.map(str::to_lowercase), ..Page::default() };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.flush();
    page.close_section();
    Plain { text: page.text, sections: page.sections, first_heading: page.first_heading }
}

#[derive(Default)]
struct Page {
    title: Option<String>,
    first_heading: Option<String>,
    text: String,
    sections: Vec<Section>,
    /// The headings above, outermost first.
    headings: Vec<(u8, String)>,
    /// Where the body of the section begins, once it has one.
    body: Option<usize>,
    /// Inline text of the block at hand.
    inline: String,
    /// The lists around, outermost first; the next number of an ordered one.
    lists: Vec<Option<u64>>,
    /// The marker of an item whose text has not come yet.
    marker: Option<String>,
    /// Whether the block before belongs to the same list.
    in_run: bool,
    header: Vec<String>,
    row: Vec<String>,
    rows: usize,
    named: Rows,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.inline.push_str(&text);
            }
            Event::SoftBreak => self.inline.push(' '),
            Event::HardBreak => self.inline.push('\n'),
            Event::InlineHtml(tag) if tag.to_ascii_lowercase().starts_with("<br") => self.inline.push(' '),
            Event::Rule => self.flush(),
            Event::Html(_) | Event::InlineHtml(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Emphasis | Tag::Strong | Tag::Link { .. } | Tag::Image { .. } | Tag::TableCell => {}
            Tag::List(first) => {
                self.flush();
                self.lists.push(*first);
            }
            Tag::Item => {
                self.flush();
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.marker = Some(marker);
            }
            Tag::Table(_) => {
                self.flush();
                self.in_run = false;
                (self.header, self.row, self.rows) = (Vec::new(), Vec::new(), 0);
            }
            _ => self.flush(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link | TagEnd::Image => {}
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::Item => {
                self.flush();
                self.marker = None;
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.in_run &= !self.lists.is_empty();
            }
            TagEnd::TableCell => {
                let cell = clean_line(&std::mem::take(&mut self.inline));
                self.row.push(cell);
            }
            TagEnd::TableHead => self.header = std::mem::take(&mut self.row),
            TagEnd::TableRow => self.table_row(),
            TagEnd::Table => {
                if self.rows == 0 {
                    self.row = std::mem::take(&mut self.header);
                    self.table_row();
                }
                self.in_run = false;
            }
            _ => self.flush(),
        }
    }

    /// Writes the inline text collected so far as a block: an item of a list, or a paragraph.
    fn flush(&mut self) {
        let inline = std::mem::take(&mut self.inline);
        let cleaned = clean(&inline);
        let block = cleaned.trim();
        if block.is_empty() {
            return;
        }
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(MAX_INDENT));
        let lead = match (self.marker.take(), self.lists.is_empty()) {
            (Some(marker), _) => indent + &marker,
            (None, false) => indent + "  ",
            (None, true) => indent,
        };
        self.write_body(&lead, block);
        self.in_run = !self.lists.is_empty();
    }

    /// A row stands by itself: each cell behind the header of its column.
    fn table_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        let line = self.named.line(&self.header, &row);
        if !line.is_empty() {
            self.write_body("- ", &line);
            self.in_run = true;
            self.rows += 1;
        }
    }

    fn heading(&mut self, level: HeadingLevel) {
        if !self.lists.is_empty() || self.sections.len() >= MAX_SECTIONS {
            return self.flush();
        }
        let line = clean(&std::mem::take(&mut self.inline)).split_whitespace().collect::<Vec<_>>().join(" ");
        self.close_section();
        let level = level as u8;
        while self.headings.last().is_some_and(|(above, _)| *above >= level) {
            self.headings.pop();
        }
        if line.is_empty() {
            return;
        }
        let is_first = self.first_heading.is_none();
        if is_first {
            self.first_heading = Some(clean_line(&line));
        }
        let repeats_title = self.title.as_ref().map_or(is_first, |title| *title == line.to_lowercase());
        if level == 1 && repeats_title {
            return;
        }
        self.headings.push((level, clean_line(&line)));
        self.separate("\n\n");
        self.text.push_str(&line);
        self.in_run = false;
    }

    fn write_body(&mut self, lead: &str, block: &str) {
        self.separate(if self.in_run { "\n" } else { "\n\n" });
        self.body.get_or_insert(self.text.len());
        self.text.push_str(lead);
        self.text.push_str(block);
    }

    fn separate(&mut self, gap: &str) {
        if !self.text.is_empty() {
            self.text.push_str(gap);
        }
    }

    fn close_section(&mut self) {
        self.in_run = false;
        let Some(start) = self.body.take() else { return };
        let names: Vec<&str> = self.headings.iter().map(|(_, name)| name.as_str()).collect();
        self.sections.push(Section { heading: clean_line(&names.join(": ")), bytes: start..self.text.len() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_plain_lines() {
        let check =
            |markdown: &str, expected: &str| assert_eq!(plain(markdown, Some("Title")).text, expected, "{markdown}");
        check("A *b* **c** [d](https://e.org) `f` ![g](h)\ni", "A b c d f g i");
        check("# Title\n\nA\n\nB", "A\n\nB");
        check("# Other\n\nA", "Other\n\nA");
        check("A:\n\n- b\n- c\n  - d\n\n    e\n- f\n\nG", "A:\n\n- b\n- c\n  - d\n    e\n- f\n\nG");
        check("3. a\n4. b", "3. a\n4. b");
        check("| H | I |\n|---|---|\n| 1 | **2** |\n| 3 | |\n\nEnd", "- H: 1; I: 2\n- H: 3\n\nEnd");
        check("| H | I |\n|---|---|", "- H; I");
        check("```\ncode\n  more\n```\n<div>x</div>\n\n<b>bold</b> a<br>b<!-- c -->", "code\n  more\n\nbold a b");
        check("> quoted\n> text\n\n---\n\nafter", "quoted text\n\nafter");
        check("a  \nb", "a\nb");
        check("a&#x202e;b &amp; c&nbsp;d", "ab & c\u{a0}d");
        check("- # In a list\n- b", "- In a list\n- b");
        check("* + * a", "    - a");
        check("- - b", "  - b");
        check("", "");
    }

    #[test]
    fn sections_are_the_bodies_under_the_headings() {
        let markdown =
            "Lead.\n\n## Symptoms\n\nThirst.\n\n- tired\n\n## Treatment\n\n### Insulin\n\nDaily.\n\n## Empty\n";
        let page = plain(markdown, Some("T"));
        let found: Vec<(&str, &str)> =
            page.sections.iter().map(|section| (section.heading.as_str(), &page.text[section.bytes.clone()])).collect();
        let expected = [("", "Lead."), ("Symptoms", "Thirst.\n\n- tired"), ("Treatment: Insulin", "Daily.")];
        assert_eq!(found, expected);
        assert!(page.text.contains("Treatment\n\nInsulin\n\nDaily.") && page.text.ends_with("\n\nEmpty"));
    }

    #[test]
    fn the_first_heading_is_the_title_if_there_is_no_other() {
        let page = plain("# Asthma\n\nA.\n\n# More\n\nB.", None);
        assert_eq!((page.first_heading.as_deref(), page.text.as_str()), (Some("Asthma"), "A.\n\nMore\n\nB."));
        let page = plain("## Asthma\n\nA.", None);
        assert_eq!((page.first_heading.as_deref(), page.text.as_str()), (Some("Asthma"), "Asthma\n\nA."));
    }

    #[test]
    fn deep_nesting_neither_overflows_nor_explodes() {
        for markdown in [
            format!("{} a", ">".repeat(10_000)),
            format!("{}a", "* ".repeat(10_000)),
            format!("{}a", "*".repeat(10_000)),
            format!("{}a{}", "[".repeat(10_000), "](b)".repeat(10_000)),
            (0..500).map(|depth| "  ".repeat(depth) + "- a\n").collect::<Vec<_>>().concat(),
        ] {
            let page = plain(&markdown, None);
            assert!(page.text.contains('a') && page.text.len() < 100_000, "{} bytes", page.text.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn all_text_but_headings_lies_in_a_section(markdown in "(?s)([a-zé ]{1,9}|\n{1,2}|[#>*_`|~-]{1,3} ?|1\\. |\n    |<b>|&#13;|.){0,60}") {
            let page = plain(&markdown, None);
            let mut previous = 0;
            for section in &page.sections {
                proptest::prop_assert!(previous <= section.bytes.start && section.bytes.start < section.bytes.end);
                previous = section.bytes.end;
                proptest::prop_assert!(page.text.get(section.bytes.clone()).is_some());
            }
            let uncovered = page.text.len() - page.sections.iter().map(|section| section.bytes.len()).sum::<usize>();
            let headings = markdown.lines().filter(|line| line.contains(['#', '-', '='])).count();
            proptest::prop_assert!(headings > 0 || uncovered == 0, "{:?}", page.text);
            proptest::prop_assert_eq!(clean(&page.text), page.text);
        }
    }
}
