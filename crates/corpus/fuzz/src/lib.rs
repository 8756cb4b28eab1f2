//! What must hold of whatever bytes a parser is given?
//!
//! The targets in `bin/` hand their bytes to one of these; so does `tests/fuzzed.rs` with every seed, and with every input
//! that once failed.

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_corpus::{Context, Copies, FORMATS, Fields, Record, Report, Seen, SplitConfig, open, split};
use clinqa_schema::{Document, Metadata, Silent};

/// How much of a file a format sees to recognise it.
const HEAD_BYTES: usize = 4_096;
/// Between the parts of an input from which an archive is made, on a line of its own.
const BETWEEN_PARTS: &[u8] = b"\n%%\n";

/// Reads `bytes` in the format of this name, as the file `file`; how many documents came out.
///
/// Every record has its place in the file and a reason in one visible line; every document keeps its promises. What is
/// read in one piece says the same as what arrives in crumbs.
pub fn read_as(format: &str, file: &str, bytes: &[u8]) -> usize {
    let format = FORMATS.iter().find(|known| known.name() == format).expect("a format of the table");
    if !format.may_be(Path::new(file), &bytes[..bytes.len().min(HEAD_BYTES)]) {
        return 0;
    }
    let (defaults, fields) = (Metadata::default(), Fields::default());
    let context = Context { corpus: "fuzz", file, defaults: &defaults, fields: &fields };
    let read = |input: &mut dyn BufRead| {
        let mut records = Vec::new();
        let flow = format.read(input, &context, &mut |record| {
            records.push(record);
            ControlFlow::Continue(())
        });
        assert!(flow.expect("bytes in memory can be read").is_continue(), "nobody broke");
        records
    };
    let records = read(&mut Cursor::new(bytes));
    // The first line comes whole: a table tells what parts its columns by it.
    let first = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
    let (head, rest) = bytes.split_at(first);
    assert_eq!(records, read(&mut head.chain(BufReader::with_capacity(7, rest))), "in crumbs");
    let documents = records.iter().filter_map(|record| match record {
        Record::Document(delivered) => Some(&delivered.document),
        Record::Skipped(skip) => {
            let said = skip.to_string();
            assert!(said.starts_with(file) && !said.contains(char::is_control), "{said:?}");
            assert!(skip.locator.offset.is_none_or(|offset| offset <= bytes.len() as u64), "{said}");
            None
        }
        Record::Deletion(_) | Record::Notice(_) => None,
    });
    documents.inspect(|document| sound(document)).count()
}

/// The parts of an input that is to become an archive, empty behind the last.
pub fn parts<const COUNT: usize>(bytes: &[u8]) -> [&[u8]; COUNT] {
    let mut rest = bytes;
    std::array::from_fn(|_| {
        let end = rest.windows(BETWEEN_PARTS.len()).position(|window| window == BETWEEN_PARTS);
        let part = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + BETWEEN_PARTS.len()..]);
        part
    })
}

/// A zip of these members, those that are not there left out.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        writer.start_file(*name, stored).expect("a member");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("an archive").into_inner()
}

/// A DOCX: the archive itself, or its body, styles and properties as parts.
pub fn docx(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"PK") {
        return read_as("docx", "a.docx", bytes);
    }
    let [body, styles, core] = parts(bytes);
    let members = [("word/document.xml", body), ("word/styles.xml", styles), ("docProps/core.xml", core)];
    read_as("docx", "a.docx", &zip(&members))
}

/// An EPUB: the archive itself, or its package and two chapters as parts.
pub fn epub(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"PK") {
        return read_as("epub", "a.epub", bytes);
    }
    let [package, one, two] = parts(bytes);
    let container = b"<container><rootfiles><rootfile full-path=\"o/p.opf\"/></rootfiles></container>";
    let members: [(&str, &[u8]); 5] = [
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container),
        ("o/p.opf", package),
        ("o/a.xhtml", one),
        ("o/b.xhtml", two),
    ];
    read_as("epub", "a.epub", &zip(&members))
}

/// A delivered file of any kind in `folder`, which holds nothing else: recognised by its content, unpacked, surveyed, read
/// and accounted for. How many documents came out.
pub fn deliver(folder: &Path, bytes: &[u8]) -> usize {
    std::fs::write(folder.join("delivered"), bytes).expect("written");
    let Ok(corpus) = open(folder) else { return 0 };
    let corpora = [corpus];
    let seen = Seen::survey(&corpora, Copies::Drop, &mut Silent, &|_| 1).expect("a survey");
    let mut documents = 0;
    let report = corpora[0].read_unseen(&seen, &mut Silent, &mut |document| {
        sound(&document);
        documents += 1;
        ControlFlow::Continue(())
    });
    let Report { read, indexed, skipped, duplicate, superseded, retracted, skips, .. } = report.expect("a report");
    assert_eq!(read, indexed + skipped + duplicate + superseded + retracted);
    assert_eq!((indexed, seen.indexed()), (documents, documents));
    for said in skips.iter().map(ToString::to_string) {
        assert!(said.starts_with("delivered") && !said.contains(char::is_control), "{said:?}");
    }
    documents as usize
}

/// What every document promises, whatever it came from.
fn sound(document: &Document) {
    assert_eq!(document.validate(), Ok(()));
    let Document { text, title, source, sections, .. } = document;
    assert!(text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "{text:?}");
    assert!(!title.contains(char::is_control), "{title:?}");
    assert!(sections.iter().all(|section| !section.heading.contains(char::is_control)), "{sections:?}");
    let starts = &source.page_starts;
    assert!(starts.is_sorted() && starts.iter().all(|start| text.is_char_boundary(*start)), "{starts:?}");
    let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let (mut end, mut said) = (0, 0);
    for passage in split(document, &SplitConfig::default()) {
        let bytes = passage.bytes();
        assert!(end <= bytes.start, "passages overlap at {}", bytes.start);
        assert_eq!(passage.text(), &text[bytes.clone()]);
        said += visible(passage.text());
        end = bytes.end;
    }
    let held: usize = sections.iter().map(|section| visible(&text[section.bytes.clone()])).sum();
    // Without a section that says anything, the whole text is one.
    assert_eq!(said, if held == 0 { visible(text) } else { held }, "what stands in sections stands in passages");
}
