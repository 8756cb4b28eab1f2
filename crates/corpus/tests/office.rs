//! Does whatever people have in their folders become documents, and whatever strangers put there hurt nobody?

use std::fs;
use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use clinqa_corpus::{Report, SplitConfig, open, split};
use clinqa_schema::{Document, Silent};
use lopdf::content::{Content, Operation};
use lopdf::{Object, Stream, dictionary};

const HTML: &str = "<!DOCTYPE html><html lang=\"en\"><head><title>Sprains</title><meta charset=utf-8><script>a<b</script></head><body><nav><a href=/>Home</a></nav><main><h1>Sprains</h1><p>Rest the <b>ankle</b> &amp; cool it, for a day or two.</p><h2>Care</h2><ul><li>Rest<li>Cool</ul><table><tr><th>Day<th>Do<tr><td>1<td>Rest</table></main></body></html>";
const TEXT: &str = "TITLE: Warm tea\n\nABSTRACT.METHODS::\nTwo groups drank tea.\n\nRESULTS\n\nAll of them were warm after a while.\n\n- one\n- two\n";
const CORD19: &str = "{\"paper_id\":\"ab12\",\"metadata\":{\"title\":\"Tea\"},\"abstract\":[{\"text\":\"We drank.\",\"section\":\"Abstract\"}],\"body_text\":[{\"text\":\"It was warm.\",\"section\":\"Results\"}]}";
const LINES: &str =
    "{\"id\":\"l1\",\"title\":\"Tea\",\"text\":\"It is hot.\"}\n{\"id\":\"l2\",\"abstract\":\"It is damp.\"}\n";
const ROWS: &str = "id,title,text\n1,Tea,\"It is \"\"warm\"\".\"\n2,Rain,It is wet.\n";
const DOCX: &str = "<w:document xmlns:w=\"w\"><w:body><w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t>Care</w:t></w:r></w:p><w:p><w:r><w:t>Rest &amp; cool.</w:t></w:r><w:del><w:r><w:delText>Not</w:delText></w:r></w:del></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>Day</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>One</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>";
const PACKAGE: &str = "<package><metadata><title>Home care</title><date>2022-05-01</date></metadata><manifest><item id=\"a\" href=\"a.xhtml\"/></manifest><spine><itemref idref=\"a\"/></spine></package>";
const CHAPTER: &str = "<?xml version='1.0'?><html><body><h1>Ankles</h1><p>Rest them <br/> well.</p></body></html>";

fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in parts {
        writer.start_file(*name, stored).expect("a part");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("an archive").into_inner()
}

fn docx(body: &[u8]) -> Vec<u8> {
    zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", body)])
}

fn epub(package: &[u8], chapter: &[u8]) -> Vec<u8> {
    let container = b"<container><rootfiles><rootfile full-path=\"o/p.opf\"/></rootfiles></container>";
    zip(&[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container),
        ("o/p.opf", package),
        ("o/a.xhtml", chapter),
    ])
}

/// A file of pages with one line each, not compressed, so that mutations reach what matters.
fn pdf(pages: &[&str]) -> Vec<u8> {
    let mut document = lopdf::Document::with_version("1.5");
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" });
    let resources = document.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let mut page = |line: &str| {
        let operations = vec![
            Operation::new("BT", vec![]),
            Operation::new("Tf", vec!["F1".into(), 11.into()]),
            Operation::new("Td", vec![50.into(), 700.into()]),
            Operation::new("Tj", vec![Object::string_literal(line)]),
            Operation::new("ET", vec![]),
        ];
        let content = Stream::new(dictionary! {}, Content { operations }.encode().expect("content"));
        let content = document.add_object(content);
        let page = dictionary! { "Type" => "Page", "Parent" => tree, "Contents" => content, "Resources" => resources };
        document.add_object(page).into()
    };
    let kids: Vec<Object> = pages.iter().map(|line| page(line)).collect();
    let pages = dictionary! { "Type" => "Pages", "Count" => kids.len() as i64, "Kids" => kids };
    document.objects.insert(tree, Object::Dictionary(pages));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).expect("saved");
    bytes
}

fn read(folder: &Path) -> (Vec<Document>, Report) {
    let mut documents = Vec::new();
    let report = open(folder).expect("a corpus").read(&mut Silent, &mut |document| {
        documents.push(document);
        ControlFlow::Continue(())
    });
    (documents, report.expect("a report"))
}

/// What every document promises, whatever it came from.
fn check(document: &Document) {
    assert_eq!(document.validate(), Ok(()));
    assert!(document.text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
    for passage in split(document, &SplitConfig::default()) {
        assert_eq!(passage.text(), &document.text[passage.bytes()]);
    }
    let starts = &document.source.page_starts;
    assert!(starts.is_sorted() && starts.iter().all(|start| *start <= document.text.len()), "{starts:?}");
    let mut end = 0;
    for section in &document.sections {
        let between = document.text[end..section.bytes.start].trim();
        assert!(
            between.is_empty()
                || section.heading.ends_with(&between.chars().take(20).collect::<String>())
                || between.len() > 100,
            "{between:?} is in no section"
        );
        end = section.bytes.end;
    }
    assert_eq!(document.text[end..].trim(), "", "text behind the last section");
}

#[test]
fn a_folder_of_everything_is_read_by_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: [(&str, Vec<u8>); 9] = [
        ("a.pdf", pdf(&["Rest the ankle.", "Cool it well."])),
        ("b.docx", docx(DOCX.as_bytes())),
        ("c.epub", epub(PACKAGE.as_bytes(), CHAPTER.as_bytes())),
        ("d.htm", HTML.into()),
        ("e.txt", TEXT.into()),
        ("f.json", CORD19.into()),
        ("g.jsonl", LINES.into()),
        ("h.csv", ROWS.into()),
        ("i.bin", b"\0\x01".to_vec()),
    ];
    for (name, bytes) in &files {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }
    let (documents, report) = read(folder.path());
    documents.iter().for_each(check);
    let ids: Vec<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e", "ab12", "l1", "l2", "1", "2"]);
    assert_eq!((report.read, report.indexed, report.skipped), (11, 10, 1), "{report}");
    let paged = &documents[0];
    assert_eq!(paged.source.page_of(paged.text.find("Cool").expect("the words")), Some(2));
}

#[test]
fn a_corpus_may_name_the_format_and_the_fields() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = "name = \"c\"\nlicence = \"CC0-1.0\"\norigin = \"here\"\nformat = \"csv\"\n[fields]\nid = \"Key\"\ntext = [\"Signs\", \"What to do\"]\n";
    fs::write(folder.path().join("corpus.toml"), manifest).expect("a manifest");
    fs::write(folder.path().join("export.txt"), "Key;Signs;What to do\nk1;Thirst;Drink\n").expect("a table");
    let (documents, report) = read(folder.path());
    assert_eq!((documents.len(), report.skipped), (1, 0), "{report}");
    assert_eq!(
        (documents[0].id.as_str(), documents[0].text.as_str()),
        ("k1", "Signs\n\nThirst\n\nWhat to do\n\nDrink")
    );
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

fn mutated(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    const PIECES: [&[u8]; 24] = [
        b"<",
        b">",
        b"</",
        b"/>",
        b"&",
        b"\"",
        b"{",
        b"}",
        b"[",
        b"]",
        b"(",
        b")",
        b"<<",
        b">>",
        b"\0",
        b"\xff",
        b"\n",
        b"99999999999",
        b"-1",
        b" 0 R ",
        b"endstream",
        b"stream\n",
        b"\xef\xbf\xbe",
        b"<table><tr><td>",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(30)).min(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, PIECES[dice.below(PIECES.len())].iter().copied())),
            3 => {
                let again = bytes[at..end].repeat(1 + dice.below(50));
                drop(bytes.splice(at..at, again));
            }
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
        }
    }
    bytes
}

/// `rounds` mutations of each format: each is a document that keeps its promises, or is reported.
fn fuzz(rounds: usize, seed: u64) {
    let mut dice = Dice(seed);
    for round in 0..rounds.div_ceil(20) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut count = 0;
        for number in 0..20 {
            let mut file = |name: &str, bytes: Vec<u8>| {
                fs::write(folder.path().join(format!("{number}{name}")), bytes).expect("a file");
                count += 1;
            };
            file(".txt", mutated(TEXT.as_bytes(), &mut dice));
            file(".html", mutated(HTML.as_bytes(), &mut dice));
            file(".json", mutated(CORD19.as_bytes(), &mut dice));
            file(".jsonl", mutated(LINES.as_bytes(), &mut dice));
            file(".csv", mutated(ROWS.as_bytes(), &mut dice));
            file(".pdf", mutated(&pdf(&["Rest the ankle.", "Cool it."]), &mut dice));
            file("x.docx", docx(&mutated(DOCX.as_bytes(), &mut dice)));
            file("y.docx", mutated(&docx(DOCX.as_bytes()), &mut dice));
            file("x.epub", epub(&mutated(PACKAGE.as_bytes(), &mut dice), &mutated(CHAPTER.as_bytes(), &mut dice)));
            file("y.epub", mutated(&epub(PACKAGE.as_bytes(), CHAPTER.as_bytes()), &mut dice));
        }
        let started = Instant::now();
        let (documents, report) = read(folder.path());
        documents.iter().for_each(check);
        assert!(started.elapsed() < Duration::from_mins(1), "round {round} took {:?}", started.elapsed());
        assert!(report.read > 0 && count == 200, "{report}");
    }
}

#[test]
fn mutated_files_are_read_or_reported() {
    fuzz(60, 7);
}

#[test]
#[ignore = "long: `cargo test -p clinqa-corpus --test office -- --ignored`"]
fn many_mutated_files_are_read_or_reported() {
    fuzz(5_000, 11);
}
