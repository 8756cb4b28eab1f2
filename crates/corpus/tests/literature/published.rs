//! Is the literature that others publish read to the last record, straight from its archives?

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use crate::support::{data, each, folder, peak_mib};
use clinqa_corpus::{Corpus, SkipReason, SplitConfig, open, split};

/// A corpus of one file of the data folder; `None` where there is none.
fn corpus_of(file: &str) -> Option<tempfile::TempDir> {
    let source = data(file)?;
    let folder = folder(&[]);
    let name = file.rsplit('/').next().unwrap_or(file);
    fs::copy(source, folder.path().join(name)).expect("copied");
    Some(folder)
}

#[expect(clippy::print_stderr, reason = "a test that did nothing must say so; figures for whoever runs --nocapture")]
fn say(words: &str) {
    eprintln!("{words}");
}

#[test]
fn every_answer_of_medquad_is_accounted_for() {
    let Some(folder) = corpus_of("medquad.tar.xz") else {
        return say("skipped: ../shared/data/medquad.tar.xz is not there");
    };
    let started = Instant::now();
    let mut publishers: BTreeMap<String, u64> = BTreeMap::new();
    let mut passages = 0;
    let report = each(folder.path(), &mut |document| {
        assert_eq!(document.validate(), Ok(()));
        passages += split(&document, &SplitConfig::default()).len();
        *publishers.entry(document.metadata.publisher).or_default() += 1;
    });
    say(&format!("{report}\n{passages} passages in {:.1} s\n{publishers:#?}", started.elapsed().as_secs_f64()));
    // 47,441 pairs, and 16 in four files that use another spelling.
    assert_eq!(report.read, 47_457);
    let unanswered = 47_441 - 16_407;
    assert_eq!(report.skipped, unanswered);
    let faults: Vec<_> = report
        .skips
        .iter()
        .filter(|skip| !matches!(skip.reason, SkipReason::DuplicateId { .. } | SkipReason::DuplicateText { .. }))
        .collect();
    assert_eq!(faults.len() as u64, unanswered, "each is named");
    for skip in faults {
        assert!(matches!(skip.reason, SkipReason::MissingField { field: "Answer" }), "{skip}");
        assert!(skip.locator.member.is_some() && skip.id.is_some(), "{skip}");
    }
    assert_eq!(report.indexed + report.duplicate, 16_407 + 16);
}

#[test]
#[ignore = "reads 108 MB of text twice"]
fn the_trials_of_evidence_inference_are_read_and_split() {
    let Some(folder) = corpus_of("evidence-inference/txt.tar.xz") else {
        return say("skipped: ../shared/data/evidence-inference/txt.tar.xz is not there");
    };
    let started = Instant::now();
    let mut passages = 0;
    let report = each(folder.path(), &mut |document| passages += split(&document, &SplitConfig::default()).len());
    let seconds = started.elapsed().as_secs_f64();
    let rate = passages as f64 / seconds;
    say(&format!("{report}\n{passages} passages, {rate:.0} a second (two passes); peak {} MiB", peak_mib()));
    assert_eq!((report.read, report.indexed + report.duplicate), (4_021, 4_021));
}

#[test]
fn a_corpus_is_opened_by_what_its_files_hold() {
    let folder =
        folder(&[("README.md", b"notes"), ("a.bin", b"<?xml version=\"1.0\"?><PubmedArticleSet></PubmedArticleSet>")]);
    let corpus: Corpus = open(folder.path()).expect("a corpus");
    assert!(corpus.about() >= 1);
}
