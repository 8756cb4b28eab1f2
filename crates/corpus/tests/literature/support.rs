//! How do these tests make a delivery and read it?

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clinqa_corpus::{Copies, Corpus, Report, Seen, open};
use clinqa_schema::{Document, Silent};
use tempfile::TempDir;

/// A folder of these files.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, bytes).expect("a file");
    }
    folder
}

/// Every document of the folder, and the account, which is checked.
pub(crate) fn read(folder: &Path) -> (Vec<Document>, Report) {
    let mut documents = Vec::new();
    let report = each(folder, &mut |document| documents.push(document));
    (documents, report)
}

/// Hands every document of the folder to `take`.
pub(crate) fn each(folder: &Path, take: &mut dyn FnMut(Document)) -> Report {
    let corpora = [open(folder).expect("a corpus")];
    let seen = survey(&corpora);
    let mut handed = 0;
    let report = corpora[0]
        .read_unseen(&seen, &mut Silent, &mut |document| {
            handed += 1;
            take(document);
            ControlFlow::Continue(())
        })
        .expect("a report");
    let Report { read, indexed, skipped, duplicate, superseded, retracted, .. } = report;
    assert_eq!(read, indexed + skipped + duplicate + superseded + retracted, "{report}");
    assert_eq!((indexed, seen.indexed()), (handed, handed));
    report
}

/// The first pass.
pub(crate) fn survey(corpora: &[Corpus]) -> Seen {
    Seen::survey(corpora, Copies::Drop, &mut Silent, &mut |_| 1).expect("a survey")
}

/// A file of the data folder beside the checkout; where there is none, the test says that it was skipped.
pub(crate) fn data(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(file);
    path.exists().then_some(path)
}

/// A hash over the set of documents, whatever their order.
pub(crate) fn set_hash(documents: &[Document]) -> String {
    let lines = documents.iter().map(|document| {
        let Document { id, title, text, sections, metadata, source: _ } = document;
        format!("{id}\n{title}\n{text}\n{sections:?}\n{metadata:?}")
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    blake3::hash(lines.join("\u{0}").as_bytes()).to_hex().to_string()
}

/// The peak of resident memory of this process in MiB, where the system tells.
pub(crate) fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1_024
}
