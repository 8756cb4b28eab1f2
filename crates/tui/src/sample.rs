//! What do the tests of this room draw? Passages, replies and documents that are all alike.

use std::time::Duration;

use clinqa_qa::{Changes, Facet, FacetCounts, Listed, Manifest};
use clinqa_schema::{
    Abstention, Answer, Citation, Confidence, Date, Document, DocumentId, Measured, Metadata, Notice, NoticeKind,
    Outcome, PassageId, Reading, Reply, Scores, Section, SourceLocator, Standing, StandingState, Unmeasured, WordScore,
};

use crate::message::{By, Found, Ranks, Row};

pub(crate) fn id(id: &str) -> DocumentId {
    DocumentId::new(id).expect("an id")
}

/// A passage of `document` with this text.
pub(crate) fn row(document: &str, ordinal: u32, text: &str) -> Row {
    let length = text.chars().count();
    let citation = Citation {
        document_id: id(document),
        title: "Sepsis in adults".into(),
        section: Some("Treatment".into()),
        publisher: "NICE".into(),
        kind: "guideline".into(),
        published: Date::new("2024-05").ok(),
        url: Some("https://example.org/sepsis".into()),
        page: None,
        grade: None,
        standing: Standing::default(),
        siblings: Vec::new(),
        passage_id: PassageId::new(id(document), ordinal),
        quote: text.into(),
        start: 0,
        end: length,
        answer_start: 0,
        answer_end: length,
    };
    let metadata = Metadata {
        kind: "guideline".into(),
        publisher: "NICE".into(),
        specialty: Some("emergency medicine".into()),
        audience: Some("clinician".into()),
        published: Date::new("2024-05").ok(),
        ..Metadata::default()
    };
    let ranks = Ranks { words: Some((1, 12.5)), vectors: Some((2, 0.81)), fused: Some((1, 0.97)) };
    let word = |word: &str, score| WordScore { word: word.into(), score };
    let words = vec![word("antibiotics", 7.5), word("sepsis", 5.0), word("threshold", 0.0)];
    Row { reading: Reading { citation, score: 0.97 }, metadata, matched: 0..text.len(), ranks, words }
}

/// A list by `by` of so many passages.
pub(crate) fn found(by: By, count: u32) -> Box<Found> {
    let text = |at: u32| {
        format!(
            "Passage {at} opens. Give broad-spectrum antibiotics within {at} hours where the risk is high, after cultures are taken. It closes."
        )
    };
    let rows: Vec<Row> = (0..count)
        .map(|at| {
            let mut row = row(&format!("doc-{at}"), at, &text(at));
            row.matched = text(at).find("Give").map_or(0..1, |start| start..start + 95);
            row.reading.citation.title = format!("Document {at} on sepsis and its treatment");
            row
        })
        .collect();
    Box::new(Found {
        by,
        rows,
        understood: "sepsis antibiotics".into(),
        steps: Vec::new(),
        terms: vec!["sepsis".into(), "antibiotics".into()],
        unknown: Vec::new(),
        took: Duration::from_millis(4),
    })
}

/// A retracted document, graded and with pages.
fn mark(citation: &mut Citation) {
    citation.standing = Standing {
        state: StandingState::Retracted,
        notice: Some("10.1000/notice".into()),
        since: Date::new("2025-02").ok(),
    };
    (citation.grade, citation.page) = (Some("strong".into()), Some(12));
}

/// A list by meaning whose first passage was retracted.
pub(crate) fn marked(count: u32) -> Box<Found> {
    let mut found = found(By::Meaning, count);
    mark(&mut found.rows[0].reading.citation);
    found
}

/// A reply from a document that was retracted.
pub(crate) fn marked_reply() -> Reply {
    let mut citation = row("doc-0", 0, "Give oxygen.").reading.citation;
    mark(&mut citation);
    let answer = Answer::new("Give oxygen.".into(), Confidence::new(0.86), citation, Vec::new());
    Reply { outcome: Outcome::Answered, reason: None, answer: Some(answer), ..abstained(Abstention::Unsupported) }
}

/// A reply that answers with all of `text`.
pub(crate) fn reply(text: &str) -> Reply {
    let mut citation = row("doc-0", 0, text).reading.citation;
    citation.answer_end = citation.answer_end.min(12);
    let said = text.chars().take(12).collect();
    let answer = Answer::new(said, Confidence::new(0.86), citation, Vec::new());
    Reply { outcome: Outcome::Answered, reason: None, answer: Some(answer), ..abstained(Abstention::Unsupported) }
}

/// A reply without an answer.
pub(crate) fn abstained(reason: Abstention) -> Reply {
    Reply {
        outcome: Outcome::Abstained,
        reason: Some(reason),
        notices: Vec::new(),
        answer: None,
        reading: Vec::new(),
        generation: "g000001-00000000".into(),
        encoder: "e".into(),
        reader: "r".into(),
        took_ms: 9.0,
        trace: None,
    }
}

/// An emergency.
pub(crate) fn emergency() -> Notice {
    Notice {
        kind: NoticeKind::Emergency,
        rule: "chest-pain".into(),
        title: "This may be a heart attack".into(),
        text: "Call 999 now. Sit down and rest. If there is aspirin at hand and no allergy, chew 300 mg.".into(),
        call: None,
        source: "NHS".into(),
    }
}

/// A document of twelve sections.
pub(crate) fn document(document: &str) -> Document {
    let (mut text, mut sections) = (String::new(), Vec::new());
    for section in 0..12 {
        let heading = format!("Section {section}");
        text.push_str(&heading);
        text.push_str("\n\n");
        let start = text.len();
        let sentence = |line: u32| format!("Sentence {line} of section {section} speaks of sepsis and its care. ");
        text.extend((0..6).map(sentence));
        sections.push(Section { heading, bytes: start..text.len() });
        text.push_str("\n\n");
    }
    Document {
        id: id(document),
        title: format!("Document {document}"),
        text,
        sections,
        metadata: Metadata { publisher: "NICE".into(), kind: "guideline".into(), ..Metadata::default() },
        source: SourceLocator::default(),
    }
}

/// A manifest of generation `number`.
pub(crate) fn manifest(number: u64) -> Manifest {
    let json = serde_json::json!({
        "format_version": 2,
        "id": format!("g{number:06}-0123abcd"),
        "created": 1_795_917_900_u64 + number,
        "content_hash": format!("{number:064}"),
        "encoder": null,
        "counts": {"documents": 380 + number, "passages": 3_000 + number},
        "graph": {"m": 16, "ef_construction": 150, "ef_search": 1_000, "exact_below": 50_000},
        "corpora": [{
            "name": "starter", "licence": "CC0-1.0",
            "files": [{"file": "a.md", "bytes": 12_000, "blake3": format!("{number}")}],
            "account": {
                "documents": 380 + number, "passages": 3_000 + number, "newest": "2026-11-22", "read": 386 + number,
                "skipped": 2, "duplicate": 4, "superseded": 0, "retracted": 0,
            },
        }],
        "files": [],
    });
    serde_json::from_value(json).expect("a manifest")
}

/// What was measured when generation `number` was made: nothing for the first.
pub(crate) fn scores(number: u64) -> Measured {
    if number > 1 {
        return Measured::Scores(Scores { questions: 120, document_at_3: 0.941, demanded: 0.9 });
    }
    Measured::Not { not_measured: Unmeasured::NoQuestions }
}

/// What differs between two generations: more is new than is named.
pub(crate) fn changes() -> Changes {
    let listed = |count: u64, names: &[&str]| Listed { count, first: names.iter().map(|name| id(name)).collect() };
    Changes {
        added: listed(23, &["gout", "gout-diet", "shingles-vaccine"]),
        changed: listed(1, &["asthma"]),
        withdrawn: listed(1, &["old-advice"]),
        unchanged: 380,
        ..Changes::default()
    }
}

/// Counts to filter by.
pub(crate) fn counts() -> FacetCounts {
    let of = |pairs: &[(&str, u64)]| pairs.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect();
    FacetCounts::from([
        (Facet::Kind, of(&[("guideline", 28), ("leaflet", 242), ("medicine", 76)])),
        (Facet::Audience, of(&[("clinician", 28), ("patient", 361)])),
        (Facet::Specialty, of(&[("emergency medicine", 18), ("cardiology", 34), ("", 3)])),
        (Facet::Grade, of(&[("strong", 9), ("conditional", 4), ("", 376)])),
        (Facet::Jurisdiction, of(&[("", 389)])),
        (Facet::Publisher, of(&[("NICE", 389)])),
        (Facet::Year, of(&[("2024", 389)])),
    ])
}
