//! Does a delivered folder, good or bad, become documents and a true account?

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_corpus::{Copies, Corpus, CorpusError, Report, Seen, SplitConfig, open, split};
use clinqa_schema::{Document, Observer, Passage, Progress, Silent, Skips};
use tempfile::TempDir;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, bytes).expect("a file");
    }
    folder
}

const MANIFEST: &[u8] = b"name = \"c\"\nlicence = \"CC0-1.0\"\norigin = \"here\"\n[defaults]\nkind = \"leaflet\"\n";

fn read(corpus: &Corpus) -> (Vec<Document>, Report) {
    let mut documents = Vec::new();
    let report = corpus
        .read(&mut Silent, &mut |document| {
            documents.push(document);
            ControlFlow::Continue(())
        })
        .expect("a report");
    assert_eq!(report.read, report.indexed + report.skipped + report.duplicate + report.superseded + report.retracted);
    assert_eq!(report.indexed, documents.len() as u64);
    (documents, report)
}

fn refusal(folder: &Path) -> String {
    match open(folder) {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_record_is_indexed_skipped_or_a_duplicate() {
    let folder = folder(&[
        ("corpus.toml", MANIFEST),
        ("README.md", b"not a record"),
        ("questions.jsonl", b"{}"),
        (".hidden.md", b"hidden"),
        (".git/x.md", b"hidden"),
        ("a.md", b"---\nid: asthma\ntitle: Asthma\ndate: 2025-01-02\n---\nWheeze."),
        ("b.md", b"---\nid: asthma\n---\nOther text."),
        ("c.md", b"---\nid: asthma-copy\ntitle: Asthma\n---\nWheeze."),
        ("d.md", b"\0\x01binary"),
        ("deep/er/e.md", b"Deep text."),
        ("f.tiff", b"II*\0"),
        ("g.jsonl", b"{\"_id\":\"g1\",\"text\":\"One.\"}\n{broken\n\n{\"_id\":\"g2\",\"text\":\"Two.\"}\n"),
        ("empty.md", b""),
    ]);
    let corpus = open(folder.path()).expect("a corpus");
    let (documents, report) = read(&corpus);
    let ids: Vec<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["asthma", "deep:er:e", "g1", "g2"]);
    assert!(documents.iter().all(|document| document.metadata.kind == "leaflet" && document.source.corpus == "c"));
    assert_eq!((report.read, report.indexed, report.skipped, report.duplicate), (10, 4, 4, 2));
    let skips: Vec<String> = report.skips.iter().map(ToString::to_string).collect();
    let expected = [
        "b.md (asthma): its id was already used by a.md",
        "c.md (asthma-copy): the same title and text as a.md",
        "d.md: a binary file",
        "empty.md (empty): no text",
        "f.tiff: unknown format; known are ",
        "g.jsonl:2: wrong JSON",
    ];
    assert_eq!(skips.len(), expected.len(), "{skips:?}");
    for (skip, expected) in skips.iter().zip(expected) {
        assert!(skip.starts_with(expected), "{skip}");
    }
    let files: Vec<&str> = corpus.files().iter().map(|digest| digest.file.as_str()).collect();
    assert!(files.is_sorted() && files.contains(&"README.md") && !files.contains(&".hidden.md"), "{files:?}");
    assert_eq!(corpus.files().len(), 11);
    assert_eq!(read(&corpus), (documents, report), "a second reading");
}

#[test]
fn a_beir_folder_needs_no_manifest() {
    let folder = folder(&[
        ("My Set/corpus.jsonl", b"{\"_id\":\"4983\",\"title\":\"T\",\"text\":\"A b. C d.\",\"metadata\":{}}\n"),
        ("My Set/queries.jsonl", b"{\"_id\":\"1\",\"text\":\"q\"}\n"),
        ("My Set/qrels/test.tsv", b"query-id\tcorpus-id\tscore\n1\t4983\t1\n"),
    ]);
    let corpus = open(&folder.path().join("My Set")).expect("a corpus");
    assert!(corpus.name.starts_with("My_Set-"), "{}", corpus.name);
    let (documents, report) = read(&corpus);
    assert_eq!((report.read, report.indexed), (1, 1));
    let passages = split(&documents[0], &SplitConfig::whole());
    assert_eq!(passages.iter().map(Passage::text).collect::<Vec<_>>(), ["A b. C d."]);
}

#[test]
fn a_corpus_that_cannot_be_opened_says_why_and_what_to_do() {
    let check = |files: &[(&str, &[u8])], expected: &[&str]| {
        let folder = folder(files);
        let message = refusal(folder.path());
        assert!(expected.iter().all(|part| message.contains(part)) && !message.contains('\n'), "{message}");
    };
    let digest = "0".repeat(64);
    let vouched = format!("{}[digests]\n\"a.md\" = \"{digest}\"", String::from_utf8_lossy(MANIFEST));
    check(&[], &["no file of a known format", "add documents"]);
    check(&[("README.md", b"x")], &["no file of a known format"]);
    check(&[("corpus.toml", b"nmae = 1"), ("a.md", b"x")], &["corpus.toml", "unknown field `nmae`", "correct it"]);
    check(&[("corpus.toml", b"\xff"), ("a.md", b"x")], &["corpus.toml"]);
    check(&[("corpus.toml", vouched.as_bytes()), ("a.md", b"x")], &["a.md", &digest, "restore the file"]);
    check(&[("corpus.toml", vouched.as_bytes()), ("b.md", b"x")], &["lacks the file a.md", "restore"]);
    let beir = [MANIFEST.split(|&byte| byte == b'[').next().expect("a head"), b"format = \"beir\"\n"].concat();
    check(&[("corpus.toml", &beir), ("a.md", b"x")], &["known format (beir)"]);
    let full = folder(&[("a.md", b"x")]);
    assert!(refusal(&full.path().join("nowhere")).contains("there is no such folder; name a folder"));
    assert!(refusal(&full.path().join("a.md")).contains("it is a file"));
}

#[test]
fn a_file_that_is_vouched_for_is_accepted() {
    let digest = blake3::hash(b"x").to_hex().to_uppercase();
    let vouched = format!("{}[digests]\n\"a.md\" = \"{digest}\"", String::from_utf8_lossy(MANIFEST));
    let folder = folder(&[("corpus.toml", vouched.as_bytes()), ("a.md", b"x")]);
    assert_eq!(read(&open(folder.path()).expect("a corpus")).1.indexed, 1);
}

#[test]
fn a_file_that_changes_before_it_is_read_is_an_error() {
    let folder = folder(&[("a.md", b"One text.")]);
    let corpus = open(folder.path()).expect("a corpus");
    fs::write(folder.path().join("a.md"), "Another text.").expect("written");
    let result = corpus.read(&mut Silent, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(result, Err(CorpusError::Changed { .. })), "{result:?}");
    fs::remove_file(folder.path().join("a.md")).expect("removed");
    let result = corpus.read(&mut Silent, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(result, Err(CorpusError::Io { .. })), "{result:?}");
}

#[test]
fn a_sink_that_breaks_stops_the_reading() {
    let line = |n: u32| format!("{{\"_id\":\"{n}\",\"text\":\"text {n}\"}}\n");
    let lines = (0..100).map(line).collect::<Vec<_>>().concat();
    let folder = folder(&[("corpus.jsonl", lines.as_bytes()), ("more.md", b"x")]);
    let corpus = open(folder.path()).expect("a corpus");
    let mut taken = 0;
    let report = corpus
        .read(&mut Silent, &mut |_| {
            taken += 1;
            if taken == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .expect("a report");
    assert_eq!((taken, report.read, report.indexed), (3, 3, 3));
}

#[test]
fn corpora_of_one_index_share_their_ids() {
    let one = folder(&[("a.md", b"Same.")]);
    let two = folder(&[("a.md", b"Other."), ("b.md", b"# b\n\nNew.")]);
    let corpora = [&one, &two].map(|folder| open(folder.path()).expect("a corpus"));
    let seen = Seen::survey(&corpora, Copies::Drop, &mut Silent, &|_| 3).expect("a survey");
    assert_eq!((seen.indexed(), seen.weight()), (2, 6));
    let mut whole = Report::default();
    for corpus in &corpora {
        let report = corpus.read_unseen(&seen, &mut Silent, &mut |_| ControlFlow::Continue(()));
        whole.merge(report.expect("a report"));
    }
    assert_eq!((whole.read, whole.indexed, whole.duplicate), (3, 2, 1));
    let twice = [0, 0].map(|_| open(one.path()).expect("a corpus"));
    let refused = Seen::survey(&twice, Copies::Drop, &mut Silent, &|_| 1).expect_err("refused");
    assert!(refused.to_string().contains("is named twice; name it once"), "{refused}");
}

#[test]
fn progress_ends_at_its_total() {
    struct Last(Vec<Progress>);
    impl Observer for Last {
        fn observe(&mut self, progress: &Progress) {
            self.0.push(progress.clone());
        }
    }
    let folder =
        folder(&[("a.md", b"x"), ("b.jsonl", b"{\"_id\":\"1\",\"text\":\"y\"}\n\n\n{\"_id\":\"2\",\"text\":\"z\"}")]);
    let corpus = open(folder.path()).expect("a corpus");
    assert_eq!(corpus.about(), 5);
    let mut last = Last(Vec::new());
    corpus.read(&mut last, &mut |_| ControlFlow::Continue(())).expect("a report");
    let seen: Vec<(u64, Option<u64>)> = last.0.iter().map(|progress| (progress.done, progress.total)).collect();
    assert_eq!(seen, [(1, Some(3)), (2, Some(3)), (3, Some(3)), (3, Some(3))]);
}

#[test]
fn what_cannot_be_used_is_told_by_the_first_pass_as_the_report_tells_it_later() {
    struct Faults(Skips);
    impl Observer for Faults {
        fn observe(&mut self, _: &Progress) {}

        fn skipped(&mut self, skips: Skips) {
            self.0.absorb(skips);
        }
    }
    let lines: Vec<String> = (0..700).map(|at| format!("{{\"_id\":\"n{at}\",\"text\":\"Note {at}.\"}}")).collect();
    let mut broken = lines.clone();
    for at in [3, 255, 256, 699] {
        broken[at] = "{broken".to_owned();
    }
    let folder = folder(&[
        ("a.jsonl", broken.join("\n").as_bytes()),
        ("b.jsonl", lines.join("\n").as_bytes()),
        ("c.md", b"\0\x01binary"),
        ("d.tiff", b"II*\0"),
    ]);
    let corpora = [open(folder.path()).expect("a corpus")];
    let mut faults = Faults(Skips::default());
    let seen = Seen::survey(&corpora, Copies::Drop, &mut faults, &|_| 1).expect("surveyed");
    let report = corpora[0].read_unseen(&seen, &mut Silent, &mut |_| ControlFlow::Continue(())).expect("a report");
    assert_eq!((report.skipped, faults.0.count()), (6, 6), "{report}");
    assert!(report.duplicate > 600, "what gives way to another is no fault: {report}");
    let text = report.skips.iter().map(ToString::to_string).collect::<Vec<_>>();
    for told in faults.0.latest() {
        assert!(text.iter().any(|named| named == told), "{told} is not in the report");
    }
}

#[cfg(unix)]
#[test]
fn links_and_pipes_are_reported_and_not_followed() {
    let outside = folder(&[("secret.md", b"outside")]);
    let folder = folder(&[("a.md", b"inside")]);
    std::os::unix::fs::symlink(outside.path().join("secret.md"), folder.path().join("b.md")).expect("a link");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("more")).expect("a link");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("ring")).expect("a link");
    let socket = std::os::unix::net::UnixListener::bind(folder.path().join("s.md")).expect("a socket");
    let (documents, report) = read(&open(folder.path()).expect("a corpus"));
    drop(socket);
    assert_eq!((documents.len(), report.skipped), (1, 4));
    assert!(report.to_string().contains("b.md: a symbolic link"), "{report}");
    assert!(report.to_string().contains("s.md: not a regular file"), "{report}");
}

/// Bytes as a careless or hostile deliverer might send them: fragments of both formats between noise.
fn noise() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let fragments: Vec<&[u8]> = vec![
        b"---\n",
        b"title: x\n",
        b"id: &a a\n",
        b"see_also: [*a, *a]\n",
        b"{\"_id\":\"",
        b"\",\"text\":\"",
        b"\"}\n",
        b"# ",
        b"\n\n- ",
        b"| a | b |\n|---|---|\n",
        b"\r",
        b"\xef\xbb\xbf",
        b"<div>",
        b"&#x202e;",
        b"\xff",
        b"\0",
        b"1. ",
        b"> ",
        b"Some words. ",
    ];
    let piece = prop_oneof![
        6 => proptest::sample::select(fragments).prop_map(<[u8]>::to_vec),
        1 => ".{0,12}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_is_delivered_is_accounted_for(markdown in noise(), lines in noise()) {
        let folder = folder(&[("a.md", &markdown), ("corpus.jsonl", &lines)]);
        let (documents, _) = read(&open(folder.path()).expect("a corpus"));
        for document in documents {
            proptest::prop_assert_eq!(document.validate(), Ok(()));
            let seen = |c: char| !c.is_control() || c == '\n' || c == '\t';
            proptest::prop_assert!(document.text.chars().all(seen) && document.title.lines().count() <= 1);
            let passages = split(&document, &SplitConfig::default());
            proptest::prop_assert!(!passages.is_empty());
            for passage in passages {
                proptest::prop_assert_eq!(passage.text(), &document.text[passage.bytes()]);
            }
        }
    }
}
