//! Does each hostile file stay under 256 MB and ten seconds, alone and beside another?
//!
//! Every reading is a process of its own that holds nothing else: what it held at most and how long it computed is its
//! own. The files are made here, where they cost others nothing.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use clinqa_corpus::open;
use clinqa_schema::Silent;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

const MB: usize = 1 << 20;
const MOST_MEGABYTES: u64 = 256;
const MOST_SECONDS: f64 = 10.0;
/// Names the folder that a process is to read.
const FOLDER: &str = "CLINQA_TEST_BOUNDS";

/// A name, a beginning, what is repeated to so many bytes, and an end.
type Repeated = (&'static str, &'static str, &'static str, usize, &'static str);

const PUBMED: &str = "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>";
const JATS: &str = "<article article-type=\"x\"><front/><body><p>";
const TRIAL: &str = "TITLE: Salt\n\nABSTRACT:\n";

const REPEATED: &[Repeated] = &[
    ("numbers.jsonl", "{\"text\":[", "0,", 4 * MB - 64, "0]}\n{\"id\":\"after\",\"text\":\"Read.\"}\n"),
    ("objects.jsonl", "{\"text\":[", "{},", 4 * MB - 64, "0]}\n{\"id\":\"after\",\"text\":\"Read.\"}\n"),
    ("keys.jsonl", "{", "\"a\":0,", 4 * MB - 64, "\"b\":0}\n{\"id\":\"after\",\"text\":\"Read.\"}\n"),
    ("deep.jsonl", "{\"text\":", "[", MB, "\n{\"id\":\"after\",\"text\":\"Read.\"}\n"),
    ("line.ndjson", "{\"text\":\"", "x", 64 * MB, "\"}\n{\"id\":\"after\",\"text\":\"Read.\"}\n"),
    ("empty.ndjson", "", "{}\n", 16 * MB, "{\"id\":\"after\",\"text\":\"Read.\"}\n"),
    ("corpus.jsonl", "{\"_id\":\"", "x", 64 * MB, "\"}\n{\"_id\":\"after\",\"text\":\"Read.\"}\n"),
    ("paper.json", "{\"paper_id\":\"p\",\"body_text\":[", "{\"text\":\"\"},", 15 * MB, "{\"text\":\"Read.\"}]}"),
    ("sections.json", "{\"paper_id\":\"p\",\"body_text\":[", "{\"text\":\"x\",\"section\":\"y\"},", 15 * MB, "{}]}"),
    ("other.json", "{\"paper_id\":\"p\",\"x\":[", "{\"a\":[0]},", 15 * MB, "{}],\"body_text\":[{\"text\":\"Read.\"}]}"),
    ("deep.json", "{\"paper_id\":\"q\",\"x\":", "{\"a\":", MB, ""),
    ("columns.csv", "text", ",", 4 * MB - 64, "\nx\n"),
    ("named.csv", "text", ",ab", 4 * MB - 64, "\nx\n"),
    ("unnamed.csv", "x", ",", 4 * MB - 64, "\nx\n"),
    ("header.csv", "", "x", 32 * MB, "\ny\n"),
    ("cells.csv", "id,text\n", ",", 4 * MB - 64, "\nafter,Read.\n"),
    ("quote.csv", "id,text\n1,\"", "x\n", 32 * MB, ""),
    ("rows.csv", "id,text\n", "1\n", 16 * MB, "after,Read.\n"),
    ("deep.html", "<html><title>x</title><p>Read.", "<ul><li>", 4 * MB, "deep"),
    ("paragraphs.html", "<html><title>x</title>", "<p>x", 15 * MB, ""),
    ("headings.html", "<html><title>x</title>", "<h2>x<p>y", 15 * MB, ""),
    ("rows.html", "<html><title>x</title><table><tr><th>a<th>b", "<tr><td>x<td>y", 15 * MB, ""),
    ("cells.html", "<html><title>x</title><table><tr>", "<td>x", 15 * MB, ""),
    ("inline.html", "<html><title>x</title><p>", "<b>x</b>", 15 * MB, ""),
    ("links.html", "<html><title>x</title>", "<p><a href=x>y</a>", 15 * MB, ""),
    ("text.html", "<html><title>x</title><p>", "word ", 15 * MB, ""),
    ("entities.html", "<html><title>x</title><p>", "&amp;", 15 * MB, ""),
    ("comments.html", "<html><title>x</title><p>", "<!--", 15 * MB, ""),
    ("attributes.html", "<html><title>x</title><p ", "a=b ", 15 * MB, ">x"),
    ("stars.md", "", "*a ", 7 * MB, ""),
    ("nested.md", "", "*a **b ", 7 * MB, ""),
    ("brackets.md", "", "[", 7 * MB, ""),
    ("references.md", "", "[a]: b\n", 7 * MB, "x"),
    ("links.md", "", "[a](b", 7 * MB, ""),
    ("quotes.md", "", "> ", 7 * MB, "x"),
    ("items.md", "", "- x\n", 7 * MB, ""),
    ("indented.md", "", "- - - x\n", 7 * MB, ""),
    ("headings.md", "", "# x\n\ny\n\n", 7 * MB, ""),
    ("rows.md", "|a|b|\n|-|-|\n", "|x|y|\n", 7 * MB, ""),
    ("cells.md", "|a|b|\n|-|-|\n", "|x", 7 * MB, "|\n"),
    ("backticks.md", "", "`a ``b ", 7 * MB, ""),
    ("front.md", "---\nlay_synonyms: [", "a,", 7 * MB, "]\n---\nx"),
    ("words.md", "", "word ", 7 * MB, ""),
    ("lines.txt", "", "a\n\n", 15 * MB, ""),
    ("headings.txt", "", "HEAD\n\nText here.\n\n", 15 * MB, ""),
    ("one.txt", "", "a", 15 * MB, ""),
    ("sentences.txt", "", "A b. ", 15 * MB, ""),
    ("labels.txt", "", "AIMS: a. ", 15 * MB, ""),
    ("trial.txt", TRIAL, "A:\n", 15 * MB, ""),
    ("bodies.txt", TRIAL, "BODY.A:\nx\n", 15 * MB, ""),
    ("paths.txt", TRIAL, "BODY.A.B.C.D.E.F:\nx\n", 15 * MB, ""),
    ("title.xml", PUBMED, "x", 40 * MB, "</ArticleTitle>"),
    (
        "near.xml",
        PUBMED,
        "x ",
        4 * MB - 9_000,
        "</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>",
    ),
    (
        "tags.xml",
        PUBMED,
        "<i>x</i>",
        4 * MB - 9_000,
        "</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>",
    ),
    ("deep.xml", PUBMED, "<i>", 3 * MB, ""),
    ("starts.xml", "<PubmedArticleSet>", "<PubmedArticle>", 15 * MB, ""),
    (
        "deletions.xml",
        "<PubmedArticleSet><DeleteCitation>",
        "<PMID>1</PMID>",
        4 * MB - 9_000,
        "</DeleteCitation></PubmedArticleSet>",
    ),
    ("comments.xml", "<PubmedArticleSet>", "<!--", 15 * MB, ""),
    ("doctype.xml", "<PubmedArticleSet><!DOCTYPE ", "[", 20 * MB, ""),
    ("paragraphs.nxml", JATS, "</p><p>x", 15 * MB, "</p></body></article>"),
    ("text.nxml", JATS, "word ", 15 * MB, "</p></body></article>"),
    ("inline.nxml", JATS, "a<sub>b</sub>", 15 * MB, "</p></body></article>"),
    ("sections.nxml", JATS, "</p><sec><title>a</title><p>x</p></sec><p>", 15 * MB, "</p></body></article>"),
    (
        "rows.nxml",
        JATS,
        "<table><tr><th>a</th><th>b</th></tr><tr><td>x</td><td>y</td></tr></table>",
        15 * MB,
        "</p></body></article>",
    ),
    ("items.nxml", JATS, "<list><list-item><p>x</p></list-item></list>", 15 * MB, "</p></body></article>"),
    (
        "topics.xml",
        "<health-topics><health-topic title=\"a\" id=\"1\"><full-summary>",
        "&lt;p&gt;x",
        4 * MB - 9_000,
        "</full-summary></health-topic></health-topics>",
    ),
    (
        "pairs.xml",
        "<Document id=\"1\" source=\"GARD\"><Focus>a</Focus><QAPairs>",
        "<QAPair pid=\"1\"><Question qid=\"1\">a</Question><Answer>b</Answer></QAPair>",
        4 * MB - 9_000,
        "</QAPairs></Document>",
    ),
    (
        "answer.xml",
        "<Document id=\"1\" source=\"GARD\"><Focus>a</Focus><QAPairs><QAPair pid=\"1\"><Question qid=\"1\">a</Question><Answer>",
        "- a  ",
        4 * MB - 9_000,
        "</Answer></QAPair></QAPairs></Document>",
    ),
];

/// Tables whose one long name would stand before each of many cells.
fn named() -> Vec<(&'static str, String)> {
    let name = "n".repeat(100_000);
    let rows = |row: &str| row.repeat(200_000);
    vec![
        ("names.html", format!("<table><tr><th>{name}<th>b{}</table>", rows("<tr><td>x<td>y"))),
        ("names.md", format!("|{name}|b|\n|-|-|\n{}", rows("|x|y|\n"))),
        (
            "names.nxml",
            format!(
                "{JATS}<table-wrap><table><thead><tr><th>{name}</th><th>b</th></tr></thead><tbody>{}</tbody></table></table-wrap></p></body></article>",
                rows("<tr><td>x</td><td>y</td></tr>")
            ),
        ),
    ]
}

/// Archives in memory: a document or a bomb.
fn packed() -> Vec<(&'static str, Vec<u8>)> {
    let word = |body: &str, end: &str| {
        let xml = format!("<w:document xmlns:w=\"w\"><w:body>{body}{end}</w:body></w:document>");
        zip(&[("word/document.xml", xml.as_bytes())])
    };
    let book = |piece: &str, bytes: usize| {
        let chapter = format!("<html><body>{}</body></html>", piece.repeat(bytes / piece.len()));
        let container = b"<container><rootfiles><rootfile full-path=\"p\"/></rootfiles></container>";
        let package =
            b"<package><manifest><item id=\"a\" href=\"a\"/></manifest><spine><itemref idref=\"a\"/></spine></package>";
        zip(&[("META-INF/container.xml", container), ("p", package), ("a", chapter.as_bytes())])
    };
    let many = |piece: &str, bytes: usize| piece.repeat(bytes / piece.len());
    let row =
        "<w:tr><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>y</w:t></w:r></w:p></w:tc></w:tr>";
    let name = "n".repeat(100_000);
    vec![
        ("paragraphs.docx", word(&many("<w:p><w:r><w:t>x</w:t></w:r></w:p>", 46 * MB), "")),
        ("long.docx", word(&many("<w:p><w:r><w:t>x</w:t></w:r></w:p>", 90 * MB), "")),
        ("text.docx", word(&format!("<w:p><w:r><w:t>{}", many("word ", 46 * MB)), "</w:t></w:r></w:p>")),
        ("rows.docx", word(&format!("<w:tbl>{}", many(row, 46 * MB)), "</w:tbl>")),
        (
            "names.docx",
            word(
                &format!(
                    "<w:tbl><w:tr><w:trPr><w:tblHeader/></w:trPr><w:tc><w:p><w:r><w:t>{name}</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr>{}",
                    row.repeat(200_000)
                ),
                "</w:tbl>",
            ),
        ),
        ("bomb.docx", zip(&[("word/document.xml", &vec![b' '; 300 * MB])])),
        ("chapter.epub", book("<p>x</p>", 46 * MB)),
        ("long.epub", book("<p>x</p>", 90 * MB)),
        ("heads.epub", book("<h2>x</h2><p>y</p>", 46 * MB)),
        ("bomb.zip", zip(&[("a.txt", &vec![b'x'; 300 * MB]), ("b.md", b"Read.")])),
        ("bomb.md.gz", gzip(&vec![b'x'; 300 * MB])),
        ("lines.jsonl.gz", gzip(&b"{\"_id\":\"a\",\"text\":\"x\"}\n".repeat(500_000))),
        ("members.zip", zip(&(0..40_000).map(|_| ("", b"" as &[u8])).collect::<Vec<_>>())),
    ]
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let packed = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (number, (name, bytes)) in members.iter().enumerate() {
        let name = if name.is_empty() { format!("{number}.md") } else { (*name).to_owned() };
        out.start_file(name, packed).expect("a member");
        out.write_all(bytes).expect("packed");
    }
    out.finish().expect("packed").into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("packed");
    out.finish().expect("packed")
}

/// PDF files of a catalogue, pages, a font, and what each adds.
fn pages() -> Vec<(&'static str, Vec<u8>)> {
    let stream = |content: &str, bytes: usize, end: &str| {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..bytes / content.len() {
            packed.write_all(content.as_bytes()).expect("packed");
        }
        packed.write_all(end.as_bytes()).expect("packed");
        let packed = packed.finish().expect("packed");
        let mut object = format!("<</Length {}/Filter/FlateDecode>>stream\n", packed.len()).into_bytes();
        object.extend(packed);
        object.extend(b"\nendstream");
        object
    };
    let file = |content: Vec<u8>, kids: usize| {
        let pages = format!("<</Type/Pages/Count {kids}/Kids[{}]>>", "3 0 R ".repeat(kids));
        let page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>";
        let font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";
        let objects =
            [b"<</Type/Catalog/Pages 2 0 R>>".to_vec(), pages.into_bytes(), page.to_vec(), content, font.to_vec()];
        let (mut bytes, mut places) = (b"%PDF-1.5\n".to_vec(), String::new());
        for (number, object) in (1..).zip(&objects) {
            let _ = writeln!(places, "{:010} 00000 n ", bytes.len());
            bytes.extend(format!("{number} 0 obj\n").into_bytes());
            bytes.extend(object);
            bytes.extend(b"\nendobj\n");
        }
        let start = bytes.len();
        let tail = format!(
            "xref\n0 6\n0000000000 65535 f \n{places}trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"
        );
        bytes.extend(tail.into_bytes());
        bytes
    };
    let text = "BT /F1 9 Tf 5 5 Td (x) Tj ET ";
    vec![
        ("text.pdf", file(stream(text, 15 * MB, ""), 1)),
        ("bomb.pdf", file(stream(text, 300 * MB, ""), 1)),
        ("shows.pdf", file(stream("(x)Tj ", 15 * MB, " ET"), 1)),
        ("numbers.pdf", file(stream("0 ", 15 * MB, ""), 1)),
        ("saves.pdf", file(stream("q ", 15 * MB, ""), 1)),
        ("arrays.pdf", file(stream("[", 15 * MB, ""), 1)),
        ("again.pdf", file(stream(text, MB, ""), 20_000)),
        ("kids.pdf", file(stream(text, 1_000, ""), 2_000_000)),
    ]
}

/// Reads the folder that it is told of, and says what that took.
#[test]
#[ignore = "run by the tests below, each time in a process of its own"]
fn one_folder_is_read() {
    let folder = std::env::var_os(FOLDER).expect("a folder");
    let mut indexed = 0;
    let report = open(Path::new(&folder)).expect("a corpus").read(&mut Silent, &mut |_| {
        indexed += 1;
        ControlFlow::Continue(())
    });
    let report = report.expect("a report");
    assert_eq!(report.read, report.indexed + report.skipped + report.duplicate + report.superseded + report.retracted);
    assert_eq!(report.indexed, indexed);
    let [status, stat] = ["status", "stat"].map(|name| fs::read_to_string(format!("/proc/self/{name}")).expect("told"));
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    // What stands behind the name, which may hold anything: the fields from the third on; ticks are hundredths.
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: u64 = [11, 12].map(|at: usize| fields[at].parse::<u64>().expect("ticks")).iter().sum();
    let peak = peak.trim().trim_end_matches(" kB");
    let told = format!("took {peak} {ticks}\nmade {} {} {}\n", report.read, report.indexed, report.skipped);
    std::io::stdout().write_all(told.as_bytes()).expect("told");
}

/// What a reading took: kilobytes at most, hundredths of a second of computing; and read, indexed, skipped.
fn read(folder: &Path) -> Result<[u64; 5], String> {
    let this = std::env::current_exe().expect("this program");
    let arguments = ["--exact", "one_folder_is_read", "--ignored", "--nocapture", "--test-threads", "1"];
    // What runs away is stopped before it hurts the machine.
    let shell = ["-c", "ulimit -v 3000000 && ulimit -t 60 && exec \"$@\"", "sh"];
    let output = Command::new("sh").args(shell).arg(this).args(arguments).env(FOLDER, folder).output().expect("run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = said.lines().filter_map(|line| {
        let from = line.find("took ").or_else(|| line.find("made "))?;
        Some(line[from + 5..].split(' ').filter_map(|number| number.parse().ok()).collect::<Vec<u64>>())
    });
    let numbers: Vec<u64> = numbers.flatten().collect();
    let failed = |_| format!("{} {}", output.status, String::from_utf8_lossy(&output.stderr));
    numbers.try_into().map_err(|numbers: Vec<u64>| failed(numbers))
}

/// Reads each file alone, or `copies` of it at once; every one that takes too much.
fn held(files: impl Iterator<Item = (&'static str, Vec<u8>)>, copies: usize) -> Vec<String> {
    files.filter_map(|file| read_together(vec![file; copies])).collect()
}

/// Reads these files at once; what they took, if that was too much.
fn read_together(files: Vec<(&'static str, Vec<u8>)>) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let names = files.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and ");
    let copies = files.len();
    for (number, (name, bytes)) in files.into_iter().enumerate() {
        fs::write(folder.path().join(format!("{number}-{name}")), bytes).expect("a file");
    }
    match read(folder.path()) {
        Ok([kilobytes, ticks, read, indexed, skipped]) => {
            let (megabytes, seconds) = (kilobytes / 1_024, ticks as f64 / 100.0 / copies as f64);
            let said =
                format!("{names}: {megabytes} MB, {seconds:.1} s; {read} read, {indexed} indexed, {skipped} skipped");
            let _ = writeln!(std::io::stderr(), "{said}");
            (megabytes >= MOST_MEGABYTES || seconds >= MOST_SECONDS || read == 0).then_some(said)
        }
        Err(failed) => Some(format!("{names}: {failed}")),
    }
}

fn repeated() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    REPEATED.iter().map(|(name, start, piece, bytes, end)| {
        let mut whole = Vec::with_capacity(bytes + start.len() + end.len());
        whole.extend(start.as_bytes());
        whole.extend(piece.repeat(bytes / piece.len()).as_bytes());
        whole.extend(end.as_bytes());
        (*name, whole)
    })
}

fn all() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    repeated().chain(named().into_iter().map(|(name, text)| (name, text.into_bytes()))).chain(packed()).chain(pages())
}

/// Those of their kind that take most.
const HUNGRIEST: [&str; 12] = [
    "numbers.jsonl",
    "sections.json",
    "unnamed.csv",
    "cells.html",
    "brackets.md",
    "lines.txt",
    "near.xml",
    "deletions.xml",
    "text.nxml",
    "text.docx",
    "chapter.epub",
    "numbers.pdf",
];

#[test]
fn the_hungriest_of_each_kind_stay_within_their_bounds() {
    let hungriest = all().filter(|(name, _)| HUNGRIEST.contains(name));
    assert_eq!(held(hungriest, 2), Vec::<String>::new());
}

#[test]
#[ignore = "long: reads ninety files"]
fn each_hostile_file_stays_within_its_bounds() {
    assert_eq!(held(all(), 1), Vec::<String>::new());
}

#[test]
#[ignore = "long: reads ninety files twice"]
fn two_hostile_files_at_once_stay_within_the_bounds_of_one() {
    assert_eq!(held(all(), 2), Vec::<String>::new());
}

#[test]
#[ignore = "long: reads ninety files beside the hungriest"]
fn two_hostile_files_of_different_kinds_at_once_stay_within_the_bounds_of_one() {
    let mut files = all();
    let mut broken = Vec::new();
    while let (Some(one), Some(other)) = (files.next(), files.next()) {
        broken.extend(read_together(vec![one, other]));
    }
    assert_eq!(broken, Vec::<String>::new());
}
