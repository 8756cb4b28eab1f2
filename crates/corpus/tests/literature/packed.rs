//! Are archives read through, and do hostile ones hurt nobody?

use std::io::{Cursor, Write};
use std::time::Instant;

use crate::support::{folder, read};
use clinqa_corpus::{Report, SkipReason};
use clinqa_schema::Document;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).expect("packed");
    out.finish().expect("packed")
}

fn tar(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in members {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        // The builder refuses what an attacker would write.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        out.append(&header, *bytes).expect("packed");
    }
    out.into_inner().expect("packed")
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        out.start_file(*name, options).expect("a member");
        out.write_all(bytes).expect("packed");
    }
    out.finish().expect("packed").into_inner()
}

/// A file of this name and content, read.
fn deliver(name: &str, bytes: &[u8]) -> (Vec<Document>, Report) {
    let folder = folder(&[(name, bytes)]);
    read(folder.path())
}

const REGULAR: EntryType = EntryType::Regular;
const PAGE: &[u8] = b"# Asthma\n\nWheeze.";

#[test]
fn documents_are_found_in_every_packing_and_told_by_member() {
    let archive = tar(&[("set/a.md", REGULAR, PAGE), ("set/README.md", REGULAR, b"x"), ("set/.b.md", REGULAR, b"x")]);
    let check = |name: &str, bytes: &[u8], member: Option<&str>, id: &str| {
        let (documents, report) = deliver(name, bytes);
        assert_eq!((report.read, report.indexed), (1, 1), "{name}: {report}");
        let source = &documents[0].source;
        assert_eq!((source.file.as_str(), source.member.as_deref(), documents[0].id.as_str()), (name, member, id));
        assert_eq!(documents[0].text, "Wheeze.");
    };
    check("a.md.gz", &gzip(PAGE), None, "a");
    check("two.md.gz", &[gzip(b"# Asthma\n\n"), gzip(b"Wheeze.")].concat(), None, "two");
    check("x.tar", &archive, Some("set/a.md"), "set:a");
    check("x.tar.gz", &gzip(&archive), Some("set/a.md"), "set:a");
    check("no-ending", &gzip(&archive), Some("set/a.md"), "set:a");
    check("x.zip", &zip(&[("set/a.md", PAGE), ("__MACOSX/a.md", b"x")]), Some("set/a.md"), "set:a");
    check("y.tar.gz", &gzip(&tar(&[("in.zip", REGULAR, &zip(&[("a.md", PAGE)]))])), Some("in.zip/a.md"), "a");
    check("z.zip", &zip(&[("b.md.gz", &gzip(PAGE))]), Some("b.md.gz"), "b");
}

/// The one record that becomes a skip, in words.
fn skip(name: &str, bytes: &[u8]) -> String {
    let (documents, report) = deliver(name, bytes);
    assert!(documents.is_empty() && report.skips.len() == 1, "{name}: {report}");
    report.skips[0].to_string()
}

#[test]
fn what_cannot_be_unpacked_is_reported_by_member() {
    let whole = gzip(&tar(&[("a.md", REGULAR, &[b'x'; 4_000])]));
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let found = skip(name, bytes);
        assert!(found.starts_with(name) && found.contains(expected) && !found.contains('\n'), "{found}");
    };
    check("cut.tar.gz", &whole[..whole.len() / 2], "the packing is damaged");
    check("junk.zip", b"PK\x03\x04junk", "the packing is damaged");
    check("junk.xz", b"\xfd7zXZ\0junk", "the packing is damaged");
    check("junk.gz", b"\x1f\x8b\x08\0junk", "the packing is damaged");
    check("link.tar", &tar(&[("a.md", EntryType::Symlink, b"")]), "link.tar/a.md: a symbolic link");
    check("hard.tar", &tar(&[("a.md", EntryType::Link, b"")]), "a symbolic link");
    check("pipe.tar", &tar(&[("a.md", EntryType::Fifo, b"")]), "not a regular file");
    check("disk.tar", &tar(&[("a.md", EntryType::Block, b"")]), "not a regular file");
    check("image.tar", &tar(&[("a.png", REGULAR, b"\x89PNG")]), "image.tar/a.png: unknown format");
    let deep = gzip(&gzip(&gzip(PAGE)));
    check("deep.md.gz.gz.gz", &deep, "packed more than 2 deep");
    let inner = tar(&[("b.tar", REGULAR, &tar(&[("c.tar", REGULAR, &tar(&[("a.md", REGULAR, PAGE)]))]))]);
    check("deep.tar", &inner, "deep.tar/b.tar/c.tar: packed more than 2 deep");
    let mut locked = zip(&[("a.md", PAGE)]);
    // The flag of encryption, in the member and in the list.
    locked[6] |= 1;
    let list = locked.windows(4).position(|window| window == b"PK\x01\x02").expect("a list");
    locked[list + 8] |= 1;
    check("locked.zip", &locked, "locked.zip/a.md: encrypted");
}

#[test]
fn a_damaged_member_of_a_zip_leaves_the_others() {
    let mut bytes = zip(&[("a.md", &b"one ".repeat(500)), ("b.md", PAGE)]);
    bytes[45] ^= 0xff;
    let (documents, report) = deliver("x.zip", &bytes);
    assert_eq!((documents.len(), report.skipped), (1, 1), "{report}");
    assert!(report.skips[0].to_string().starts_with("x.zip/a.md: the packing is damaged"), "{report}");
}

#[test]
fn names_in_archives_are_names_and_never_paths() {
    let outside = tempfile::Builder::new().prefix("outside").tempdir().expect("a folder");
    let target = outside.path().join("owned.md");
    let names =
        ["../../owned.md", "/etc/owned.md", target.to_str().expect("a path"), "a\u{1b}[31m.md", "x\\..\\owned.md"];
    for name in names {
        let (documents, report) = deliver("x.tar", &tar(&[(name, REGULAR, PAGE)]));
        assert_eq!(documents.len(), 1, "{name}: {report}");
        assert!(documents[0].id.as_str().chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c)));
    }
    assert!(!target.exists());
    assert_eq!(std::fs::read_dir(outside.path()).expect("a folder").count(), 0);
}

#[test]
fn bombs_are_stopped_before_they_hurt() {
    let started = Instant::now();
    // A thousand times smaller than what comes out.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..400 {
        bomb.write_all(&zeros).expect("packed");
    }
    let bomb = bomb.finish().expect("packed");
    let check = |name: &str, bytes: &[u8]| {
        let (_, report) = deliver(name, bytes);
        assert!(
            report.skips.iter().any(|skip| matches!(skip.reason, SkipReason::Expands { .. })),
            "{name} of {} bytes: {report}",
            bytes.len()
        );
    };
    check("bomb.jsonl.gz", &bomb);
    check("bomb.tar.gz", &gzip(&tar(&[("a.xml.gz", REGULAR, &bomb)])));
    check("bomb.zip", &zip(&[("a.jsonl.gz", &bomb)]));
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn sizes_that_lie_cost_nothing() {
    // A member of 8 GiB in a file of two blocks.
    let mut header = Header::new_gnu();
    header.set_path("a.md").expect("a name");
    header.set_size(8 << 30);
    header.set_cksum();
    let lying = [header.as_bytes().as_slice(), &[b'x'; 512]].concat();
    let found = skip_or_document("lie.tar", &lying);
    assert!(found.contains("damaged"), "{found}");
    // A name of 8 GiB.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(8 << 30);
    header.set_cksum();
    let lying = [header.as_bytes().as_slice(), &[b'x'; 4_096]].concat();
    let found = skip_or_document("name.tar", &lying);
    assert!(found.contains("damaged"), "{found}");
    // A list of four thousand million members.
    let mut list = b"PK\x06\x06".to_vec();
    list.extend_from_slice(&[0; 20]);
    list.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0].repeat(2));
    list.extend_from_slice(&[0; 16]);
    list.extend_from_slice(b"PK\x06\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0");
    list.extend_from_slice(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    let lying = [b"PK\x05\x06".as_slice(), &list].concat();
    let found = skip_or_document("list.zip", &lying);
    assert!(found.contains("damaged"), "{found}");
}

fn skip_or_document(name: &str, bytes: &[u8]) -> String {
    deliver(name, bytes).1.skips.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_file_that_is_cut_anywhere_is_accounted_for() {
    let page = b"{\"_id\":\"1\",\"text\":\"One.\"}\n{\"_id\":\"2\",\"text\":\"Two.\"}\n";
    for whole in [gzip(&tar(&[("a.jsonl", REGULAR, page)])), zip(&[("a.jsonl", page)])] {
        for length in (10..whole.len()).step_by(7) {
            // The name keeps the file from being no corpus at all.
            let folder = folder(&[("x.bin", &whole[..length]), ("b.md", PAGE)]);
            let (_, report) = read(folder.path());
            assert!(report.skipped >= 1 && report.indexed >= 1, "{length}: {report}");
        }
    }
}
