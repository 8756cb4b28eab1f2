//! DOCX: one document a file, its heading styles as sections.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::Metadata;

use super::{Appetite, Context, Format, Record};
use crate::clean::clean_line;
use crate::decode::decode;
use crate::outline::Outline;
use crate::report::SkipReason;
use crate::whole::{Page, date_in, ends_in, language_in, one_document};
use crate::xml::{Node, Tag, Xml};
use crate::zipped::Zipped;

/// Longest file; it is held in memory whole.
const MAX_FILE_BYTES: usize = 48 << 20;
/// What stands in these was deleted, moved away, or is there a second time for older programs.
const LEFT_OUT: &[&str] =
    &["del", "moveFrom", "delText", "instrText", "Fallback", "pPrChange", "rPrChange", "footnotePr"];

/// Archives with a part `word/…`.
pub(super) struct Docx;

impl Format for Docx {
    fn name(&self) -> &'static str {
        "docx"
    }

    fn recognises(&self, file: &Path, head: &[u8]) -> bool {
        let holds_word = || head.windows(5).any(|window| window == b"word/");
        head.starts_with(b"PK\x03\x04") && (ends_in(file, &["docx", "docm"]) || holds_word())
    }

    fn appetite(&self) -> Appetite {
        Appetite::Packed
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
        one_document(input, context, MAX_FILE_BYTES, sink, |bytes| page(bytes, context.defaults))
    }
}

fn page(bytes: Vec<u8>, defaults: &Metadata) -> Result<Page, SkipReason> {
    let mut parts = Zipped::new(bytes, "DOCX")?;
    let styles = match parts.part("word/styles.xml")? {
        Some(xml) => styles(&decode(&xml, None)?)?,
        None => HashMap::new(),
    };
    let body = parts.needed("word/document.xml")?;
    let mut writer = Writer { styles, ..Writer::default() };
    writer.read(&decode(&body, None)?)?;
    let core = parts.part("docProps/core.xml")?.unwrap_or_default();
    let core = properties(&decode(&core, None)?)?;
    let mut metadata = defaults.clone();
    metadata.published =
        ["created", "modified"].iter().find_map(|name| date_in(core.get(*name)?)).or(metadata.published);
    metadata.language = core.get("language").and_then(|language| language_in(language)).or(metadata.language);
    let own = [writer.title.as_str(), core.get("title").map_or("", String::as_str)];
    let title = own.into_iter().find(|title| !title.trim().is_empty()).map(str::to_owned);
    let title = title.or(writer.first_heading).unwrap_or_default();
    Ok(Page::new(&title, writer.outline.finish(), metadata))
}

/// What a style makes of a paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Title,
    Heading(u8),
    List,
}

impl Style {
    /// By its name, which is English whatever the language of the program, or by its id.
    fn of(name: &str) -> Option<Self> {
        let name = name.to_lowercase().replace(' ', "");
        match name.strip_prefix("heading") {
            Some(level) => level.parse().ok().filter(|level| (1..=9).contains(level)).map(Self::Heading),
            None if name == "title" => Some(Self::Title),
            None => name.starts_with("list").then_some(Self::List),
        }
    }
}

fn styles(xml: &str) -> Result<HashMap<String, Style>, SkipReason> {
    let mut styles = HashMap::new();
    let mut id = String::new();
    nodes(xml, &mut |node| {
        let Node::Open(tag) = node else { return };
        match tag.name() {
            "style" => id = tag.attribute("styleId").unwrap_or_default(),
            "name" => {
                let style = tag.attribute("val").and_then(|name| Style::of(&name));
                styles.extend(style.map(|style| (id.clone(), style)));
            }
            "outlineLvl" => {
                let level = tag.attribute("val").and_then(|level| level.parse::<u8>().ok()).filter(|level| *level < 9);
                let style = level.map(|level| Style::Heading(level + 1));
                styles.extend(style.map(|style| (id.clone(), style)));
            }
            _ => {}
        }
    })?;
    Ok(styles)
}

/// The core properties by name.
fn properties(xml: &str) -> Result<HashMap<String, String>, SkipReason> {
    let mut found: HashMap<String, String> = HashMap::new();
    let mut name = String::new();
    nodes(xml, &mut |node| match node {
        Node::Open(tag) => tag.name().clone_into(&mut name),
        Node::Text(text) => found.entry(name.clone()).or_default().push_str(&text),
        Node::Close => name.clear(),
    })?;
    Ok(found)
}

fn nodes(xml: &str, take: &mut dyn FnMut(Node<'_>)) -> Result<(), SkipReason> {
    let mut reader = Xml::new(xml.trim_start_matches('\u{feff}'));
    let mut depth = 0_usize;
    loop {
        let node = reader.next()?;
        match node {
            Node::Open(_) => depth += 1,
            Node::Close if depth == 0 => return Ok(()),
            Node::Close => depth -= 1,
            Node::Text(_) => {}
        }
        take(node);
    }
}

#[derive(Default)]
struct Writer {
    styles: HashMap<String, Style>,
    outline: Outline,
    title: String,
    first_heading: Option<String>,
    /// The elements that are open: whether each is left out, and its name where it matters.
    open: Vec<Element>,
    /// Elements around that are left out.
    muted: usize,
    /// Tables around.
    tables: usize,
    paragraph: String,
    style: Option<Style>,
    listed: bool,
    cell: String,
    cells: Vec<String>,
    header: Vec<String>,
    is_header: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Muted,
    Paragraph,
    Text,
    Cell,
    Row,
    Table,
    Other,
}

impl Writer {
    fn read(&mut self, xml: &str) -> Result<(), SkipReason> {
        nodes(xml, &mut |node| match node {
            Node::Open(tag) => self.open(&tag),
            Node::Text(text) if self.muted == 0 && self.open.last() == Some(&Element::Text) => {
                self.paragraph.push_str(&text);
            }
            Node::Text(_) => {}
            Node::Close => self.close(),
        })
    }

    fn open(&mut self, tag: &Tag<'_>) {
        let value = || tag.attribute("val");
        let element = match tag.name() {
            name if LEFT_OUT.contains(&name) => {
                self.muted += 1;
                Element::Muted
            }
            "p" => {
                self.end_paragraph();
                Element::Paragraph
            }
            "t" => Element::Text,
            "tc" => Element::Cell,
            "tr" => Element::Row,
            "tbl" => {
                self.tables += 1;
                Element::Table
            }
            _ => Element::Other,
        };
        self.open.push(element);
        if self.muted > 0 {
            return;
        }
        match tag.name() {
            "tab" | "br" | "cr" if !self.paragraph.is_empty() => self.paragraph.push(' '),
            "noBreakHyphen" => self.paragraph.push('-'),
            "pStyle" => {
                let id = value().unwrap_or_default();
                self.style = self.styles.get(&id).copied().or_else(|| Style::of(&id));
            }
            "outlineLvl" => {
                let level = value().and_then(|level| level.parse::<u8>().ok()).filter(|level| *level < 9);
                self.style = level.map(|level| Style::Heading(level + 1)).or(self.style);
            }
            "numId" => self.listed = value().is_some_and(|id| id != "0"),
            "tblHeader" => self.is_header = value().is_none_or(|on| on != "0" && on != "false"),
            "tblLook" if self.tables == 1 => self.is_header = tag.attribute("firstRow").is_some_and(|on| on == "1"),
            _ => {}
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Element::Muted) => self.muted -= 1,
            Some(Element::Paragraph) => self.end_paragraph(),
            Some(Element::Cell) if self.tables == 1 => {
                let cell = clean_line(&std::mem::take(&mut self.cell));
                self.cells.push(cell);
            }
            Some(Element::Row) if self.tables == 1 => self.end_row(),
            Some(Element::Table) => {
                self.tables -= 1;
                if self.tables == 0 {
                    self.header.clear();
                }
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let text = std::mem::take(&mut self.paragraph);
        let (style, listed) = (self.style.take(), std::mem::take(&mut self.listed));
        if text.trim().is_empty() {
            return;
        }
        if self.tables > 0 {
            self.cell.push_str(&text);
            self.cell.push(' ');
            return;
        }
        match style {
            Some(Style::Title) if self.title.is_empty() => self.title = text,
            Some(Style::Title) => self.outline.heading(1, &text),
            Some(Style::Heading(level)) => {
                self.outline.heading(level, &text);
                self.first_heading.get_or_insert(text);
            }
            Some(Style::List) => self.outline.body.item(&text),
            None if listed => self.outline.body.item(&text),
            None => self.outline.body.paragraph(&text),
        }
    }

    /// The first row names the columns where the document says so; a row of one cell is a frame around text.
    fn end_row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        if std::mem::take(&mut self.is_header) && cells.len() > 1 {
            self.header = cells;
        } else if let [cell] = cells.as_slice() {
            self.outline.body.paragraph(cell);
        } else {
            self.outline.row(&self.header, &cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zipped::zip;

    const STYLES: &str = r#"<w:styles xmlns:w="w"><w:style w:styleId="Rubrik1"><w:name w:val="heading 1"/></w:style>
        <w:style w:styleId="T"><w:name w:val="Title"/></w:style></w:styles>"#;
    const CORE: &str = r#"<cp:p xmlns:cp="c" xmlns:dc="d"><dc:title>Other</dc:title><dc:language>en-GB</dc:language><dcterms:created>2024-03-05T09:00:00Z</dcterms:created></cp:p>"#;

    fn read(body: &str) -> Result<Page, SkipReason> {
        let document = format!("<w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>");
        let parts = [
            ("word/document.xml", document.as_bytes()),
            ("word/styles.xml", STYLES.as_bytes()),
            ("docProps/core.xml", CORE.as_bytes()),
        ];
        page(zip(&parts), &Metadata::default())
    }

    fn paragraph(style: &str, text: &str) -> String {
        format!("<w:p><w:pPr>{style}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
    }

    #[test]
    fn a_file_becomes_a_document_with_headings_lists_and_tables() {
        let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph("", text));
        let body = [
            paragraph("<w:pStyle w:val=\"T\"/>", "Ankle care"),
            "<w:p><w:r><w:t>A sprain </w:t></w:r><w:del><w:r><w:delText>never </w:delText></w:r></w:del><w:ins><w:r><w:t xml:space=\"preserve\">soon </w:t></w:r></w:ins><w:r><w:t>heals &amp; rests.</w:t></w:r></w:p>".into(),
            paragraph("<w:pStyle w:val=\"Rubrik1\"/>", "At home"),
            paragraph("<w:numPr><w:numId w:val=\"1\"/></w:numPr>", "Rest"),
            paragraph("<w:pStyle w:val=\"ListBullet\"/>", "Cool it"),
            format!("<w:tbl><w:tblPr><w:tblLook w:firstRow=\"1\"/></w:tblPr><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>", cell("Day"), cell("Do"), cell("1"), cell("Rest")),
        ];
        let page = read(&body.concat()).expect("a page");
        assert_eq!(page.title.as_deref(), Some("Ankle care"));
        assert_eq!(page.text, "A sprain soon heals & rests.\n\nAt home\n\n- Rest\n- Cool it\n- Day: 1; Do: Rest");
        assert_eq!(page.sections[1].heading, "At home");
        assert_eq!(page.metadata.published.as_ref().map(clinqa_schema::Date::as_str), Some("2024-03-05"));
        assert_eq!(page.metadata.language.as_deref(), Some("en"));
    }

    #[test]
    fn hostile_files_are_reported() {
        let bomb = vec![b' '; 200 << 20];
        assert!(matches!(
            page(zip(&[("word/document.xml", &bomb)]), &Metadata::default()),
            Err(SkipReason::Expands { .. })
        ));
        assert!(matches!(
            page(zip(&[("word/other.xml", b"")]), &Metadata::default()),
            Err(SkipReason::Malformed { .. })
        ));
        assert!(matches!(page(b"PK\x03\x04word/".to_vec(), &Metadata::default()), Err(SkipReason::Malformed { .. })));
        assert!(matches!(read(&"<w:x>".repeat(10_000)), Err(SkipReason::Xml { .. })));
    }
}
