//! Does the same literature become the same documents, whatever the order, the files and the repetitions?

use std::collections::BTreeMap;

use crate::support::{folder, read, set_hash};
use crate::synthetic::{Article, Dice, HEAD, TAIL};
use clinqa_schema::{Document, StandingState};

/// A delivery as its records: articles, revisions, notices and deletions.
fn records() -> Vec<String> {
    let mut records = Vec::new();
    for pmid in 1..=60 {
        records.push(Article::new(pmid, 1).xml());
    }
    for pmid in 1..=12 {
        let mut revised = Article::new(pmid, 2);
        revised.revised = (2026, 5, 6);
        records.push(revised.xml());
    }
    // The same version twice with different words: no order may decide.
    for pmid in 20..=25 {
        records.push(Article::new(pmid, 3).xml());
    }
    // The same words under another number.
    for pmid in 30..=35 {
        let copy = Article::new(pmid, 1).xml();
        records.push(copy.replace(&format!("\">{pmid}</PMID>"), &format!("\">9{pmid}</PMID>")));
    }
    for (notice, about, kind) in
        [(70, 5, "RetractionOf"), (71, 40, "ErratumFor"), (72, 40, "RetractionOf"), (73, 41, "UpdateOf")]
    {
        let mut article = Article::new(notice, 1);
        article.links.push((kind, about));
        records.push(article.xml());
    }
    records.push(
        "<DeleteCitation><PMID Version=\"1\">7</PMID><PMID Version=\"1\">50</PMID></DeleteCitation>\n".to_owned(),
    );
    records.push("<DeleteCitation><PMID Version=\"1\">12345</PMID></DeleteCitation>\n".to_owned());
    records
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for last in (1..items.len()).rev() {
        items.swap(last, dice.below(last as u64 + 1) as usize);
    }
}

/// The documents of these records, spread over so many files.
fn deliver(records: &[String], files: usize) -> Vec<Document> {
    let parts: Vec<(String, String)> = records
        .chunks(records.len().div_ceil(files))
        .enumerate()
        .map(|(number, chunk)| (format!("{number}.xml"), format!("{HEAD}{}{TAIL}", chunk.concat())))
        .collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let folder = folder(&parts);
    read(folder.path()).0
}

#[test]
fn order_files_and_repetition_do_not_matter() {
    let mut records = records();
    let expected = deliver(&records, 1);
    let standing: BTreeMap<&str, StandingState> =
        expected.iter().map(|document| (document.id.as_str(), document.metadata.standing.state)).collect();
    assert_eq!(expected.len(), 60 + 4 - 2, "60 articles and 4 notices, 2 deleted");
    assert!(!standing.contains_key("pmid:7") && !standing.contains_key("pmid:50"), "deleted in every version");
    assert_eq!(standing["pmid:5"], StandingState::Retracted);
    assert_eq!(standing["pmid:40"], StandingState::Retracted, "graver than the erratum");
    assert_eq!(standing["pmid:41"], StandingState::Superseded);
    assert_eq!(standing["pmid:8"], StandingState::Current);
    assert_eq!(standing.values().filter(|state| **state != StandingState::Current).count(), 3);
    let hash = set_hash(&expected);
    let mut dice = Dice(11);
    for round in 0..24 {
        shuffle(&mut records, &mut dice);
        let mut delivered = records.clone();
        if round % 2 == 1 {
            // Some of it again, some of it often.
            let again: Vec<String> =
                (0..40).map(|_| records[dice.below(records.len() as u64) as usize].clone()).collect();
            delivered.extend(again);
            shuffle(&mut delivered, &mut dice);
        }
        assert_eq!(set_hash(&deliver(&delivered, 1 + round % 5)), hash, "round {round}");
    }
}

#[test]
fn a_revision_wins_over_what_it_revises_and_the_report_says_so() {
    let old = Article::new(1, 1);
    let mut new = Article::new(1, 2);
    new.revised = (2026, 1, 2);
    let file = |articles: &str| format!("{HEAD}{articles}{TAIL}");
    // The older one stands in the later file.
    let (first, second) = (file(&new.xml()), file(&old.xml()));
    let folder = folder(&[("a.xml", first.as_bytes()), ("b.xml", second.as_bytes())]);
    let (documents, report) = read(folder.path());
    assert_eq!((documents.len(), report.superseded, report.duplicate), (1, 1, 0));
    assert_eq!(documents[0].source.file, "a.xml");
    assert!(report.to_string().contains("b.xml:1 (pmid:1): a newer version stands at a.xml:1"), "{report}");
}

#[test]
fn a_retracted_paper_stays_with_its_mark_and_a_deleted_one_goes() {
    let mut notice = Article::new(3, 1);
    notice.links.push(("RetractionOf", 1));
    let update =
        format!("{HEAD}{}<DeleteCitation>\n<PMID Version=\"1\">2</PMID>\n</DeleteCitation>{TAIL}", notice.xml());
    let base = format!("{HEAD}{}{}{TAIL}", Article::new(1, 1).xml(), Article::new(2, 1).xml());
    let folder = folder(&[("base.xml", base.as_bytes()), ("update.xml", update.as_bytes())]);
    let (documents, report) = read(folder.path());
    let ids: Vec<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["pmid:1", "pmid:3"]);
    let standing = &documents[0].metadata.standing;
    assert_eq!((standing.state, standing.notice.as_deref()), (StandingState::Retracted, Some("pmid:3")));
    assert_eq!((report.read, report.indexed, report.retracted, report.marked), (4, 2, 2, 1), "{report}");
    assert!(report.to_string().contains("base.xml:2 (pmid:2): deleted by its publisher at update.xml"), "{report}");
}

#[test]
fn a_notice_finds_the_full_text_by_its_doi() {
    let jats = "<article><front><article-meta><article-id pub-id-type=\"pmc\">9</article-id>\
        <article-id pub-id-type=\"doi\">10.1000/SYNTH.1</article-id></article-meta></front><body><p>Salt is good.</p></body></article>";
    let notice = "<article article-type=\"retraction\"><front><article-meta><article-id pub-id-type=\"doi\">10.1/r</article-id>\
        <related-article related-article-type=\"retracted-article\" ext-link-type=\"doi\" href=\"10.1000/synth.1\"/>\
        </article-meta></front><body><p>We retract it.</p></body></article>";
    let base = format!("{HEAD}{}{TAIL}", Article::new(1, 1).xml());
    let folder = folder(&[("a.nxml", jats.as_bytes()), ("b.nxml", notice.as_bytes()), ("c.xml", base.as_bytes())]);
    let (documents, report) = read(folder.path());
    let marked: Vec<&str> = documents
        .iter()
        .filter(|document| document.metadata.standing.state == StandingState::Retracted)
        .map(|document| document.id.as_str())
        .collect();
    assert_eq!((marked, report.marked), (vec!["PMC9", "pmid:1"], 2), "the full text and the abstract");
}
