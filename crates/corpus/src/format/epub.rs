//! EPUB: one book a file, its chapters in reading order.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::Metadata;

use super::html::{Syntax, Zone, blocks, write};
use super::{Appetite, Context, Format, Record};
use crate::decode::decode;
use crate::outline::Outline;
use crate::report::SkipReason;
use crate::whole::{Page, date_in, ends_in, language_in, one_document};
use crate::xml::{Node, Xml};
use crate::zipped::Zipped;

/// Longest file; it is held in memory whole.
const MAX_FILE_BYTES: usize = 64 << 20;
/// More chapters than any book has.
const MAX_CHAPTERS: usize = 5_000;

/// Archives that call themselves `application/epub+zip`.
pub(super) struct Epub;

impl Format for Epub {
    fn name(&self) -> &'static str {
        "epub"
    }

    fn recognises(&self, file: &Path, head: &[u8]) -> bool {
        let says_so = || head.windows(20).any(|window| window == b"application/epub+zip");
        head.starts_with(b"PK\x03\x04") && (ends_in(file, &["epub"]) || says_so())
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
    let mut parts = Zipped::new(bytes, "EPUB")?;
    if parts.part("META-INF/rights.xml")?.is_some() {
        return Err(SkipReason::Encrypted);
    }
    let container = parts.needed("META-INF/container.xml")?;
    let package = Package::read(&decode(&parts.needed(&root_file(&decode(&container, None)?)?)?, None)?)?;
    let folder = root_file(&decode(&container, None)?)?;
    let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut outline = Outline::default();
    for href in package.chapters() {
        let Some(chapter) = parts.part(&path(folder, href))? else { continue };
        let (_, mut found) = blocks(&decode(&chapter, None)?, Syntax::Xhtml)?;
        found.retain(|block| block.zone != Zone::Furniture);
        write(&found, &package.title, &mut outline);
    }
    let mut metadata = defaults.clone();
    metadata.published = date_in(&package.date).or(metadata.published);
    metadata.language = language_in(&package.language).or(metadata.language);
    if !package.publisher.trim().is_empty() {
        metadata.publisher = crate::clean::clean_line(&package.publisher);
    }
    Ok(Page::new(&package.title, outline.finish(), metadata))
}

/// Where the package is described.
fn root_file(container: &str) -> Result<String, SkipReason> {
    let mut xml = Xml::new(container.trim_start_matches('\u{feff}'));
    let mut depth = 0_usize;
    loop {
        match xml.next()? {
            Node::Open(tag) if tag.name() == "rootfile" => return Ok(tag.attribute("full-path").unwrap_or_default()),
            Node::Open(_) => depth += 1,
            Node::Close if depth == 0 => {
                return Err(SkipReason::Malformed { format: "EPUB", reason: "its container names no package".into() });
            }
            Node::Close => depth -= 1,
            Node::Text(_) => {}
        }
    }
}

#[derive(Default)]
struct Package {
    title: String,
    language: String,
    date: String,
    publisher: String,
    items: HashMap<String, String>,
    spine: Vec<String>,
}

impl Package {
    fn read(text: &str) -> Result<Self, SkipReason> {
        let mut package = Self::default();
        let mut xml = Xml::new(text.trim_start_matches('\u{feff}'));
        let mut open: Vec<String> = Vec::new();
        loop {
            match xml.next()? {
                Node::Open(tag) => {
                    let of = |name: &str| tag.attribute(name).unwrap_or_default();
                    match tag.name() {
                        "item" if of("properties").split(' ').all(|property| property != "nav") => {
                            package.items.insert(of("id"), of("href"));
                        }
                        "itemref" if of("linear") != "no" => package.spine.push(of("idref")),
                        _ => {}
                    }
                    open.push(tag.name().to_owned());
                }
                Node::Text(text) => {
                    let field = match open.last().map(String::as_str) {
                        Some("title") => &mut package.title,
                        Some("language") => &mut package.language,
                        Some("date") => &mut package.date,
                        Some("publisher") => &mut package.publisher,
                        _ => continue,
                    };
                    field.push_str(&text);
                }
                Node::Close if open.pop().is_none() => return Ok(package),
                Node::Close => {}
            }
        }
    }

    /// The files of the chapters, in reading order, each once.
    fn chapters(&self) -> Vec<&str> {
        let mut met = std::collections::HashSet::new();
        let chapters = self.spine.iter().filter_map(|id| self.items.get(id)).map(String::as_str);
        chapters.filter(|href| met.insert(*href)).take(MAX_CHAPTERS).collect()
    }
}

/// Where `href` of a package in `folder` lies in the archive.
fn path(folder: &str, href: &str) -> String {
    let href = href.split('#').next().unwrap_or(href);
    let mut names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in href.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    unescaped(&names.join("/"))
}

/// `a%20b` becomes `a b`.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zipped::zip;

    const CONTAINER: &[u8] = br#"<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"#;
    const PACKAGE: &[u8] = br#"<package><metadata xmlns:dc="d"><dc:title>Home care</dc:title><dc:language>en</dc:language>
        <dc:date>2022-05-01</dc:date><dc:publisher>A clinic</dc:publisher></metadata>
        <manifest><item id="n" href="nav.xhtml" properties="nav"/><item id="b" href="text/two%20b.xhtml"/><item id="a" href="text/one.xhtml"/></manifest>
        <spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/><itemref idref="a"/></spine></package>"#;

    #[test]
    fn a_book_is_read_chapter_by_chapter() {
        let one = b"<?xml version='1.0'?><html><head><title/><script src='x'/></head><body><h1>Ankles</h1><p>Rest <a id='x'/>them.</p></body></html>";
        let two = b"<html><body><h1>Wrists</h1><ul><li>Cool</li></ul></body></html>";
        let bytes = zip(&[
            ("mimetype", b"application/epub+zip"),
            ("META-INF/container.xml", CONTAINER),
            ("OEBPS/book.opf", PACKAGE),
            ("OEBPS/nav.xhtml", b"<p>Contents</p>"),
            ("OEBPS/text/one.xhtml", one),
            ("OEBPS/text/two b.xhtml", two),
        ]);
        assert!(Epub.recognises(Path::new("book"), &bytes[..200]));
        let page = page(bytes, &Metadata::default()).expect("a page");
        assert_eq!(page.title.as_deref(), Some("Home care"));
        assert_eq!(page.text, "Ankles\n\nRest them.\n\nWrists\n\n- Cool");
        assert_eq!(page.metadata.published.as_ref().map(clinqa_schema::Date::as_str), Some("2022-05-01"));
        assert_eq!(page.metadata.publisher, "A clinic");
    }

    #[test]
    fn a_book_that_lacks_its_parts_is_reported() {
        let reason = |parts: &[(&str, &[u8])]| page(zip(parts), &Metadata::default()).err().expect("a reason");
        assert!(matches!(reason(&[("mimetype", b"")]), SkipReason::Malformed { .. }));
        assert!(matches!(reason(&[("META-INF/container.xml", b"<a/>")]), SkipReason::Malformed { .. }));
        assert!(matches!(reason(&[("META-INF/rights.xml", b"<a/>")]), SkipReason::Encrypted));
        assert_eq!(path("a/b", "../c/d%20e.xhtml#f"), "a/c/d e.xhtml");
        assert_eq!(path("", "../../x%zz"), "x%zz");
    }
}
