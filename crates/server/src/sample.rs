//! What does a citation look like? For tests that need one.

use clinqa_schema::{Citation, Date, DocumentId, PassageId, Standing};

/// A citation of all of `quote`.
pub(crate) fn citation(quote: &str) -> Citation {
    let document_id = DocumentId::new("asthma").expect("an id");
    Citation {
        passage_id: PassageId::new(document_id.clone(), 0),
        document_id,
        title: "Asthma".into(),
        section: Some("Treatment".into()),
        publisher: "The house".into(),
        kind: "leaflet".into(),
        published: Date::new("2026-11").ok(),
        url: None,
        page: None,
        grade: None,
        standing: Standing::default(),
        siblings: Vec::new(),
        quote: quote.into(),
        start: 0,
        end: quote.chars().count(),
        answer_start: 0,
        answer_end: quote.chars().count(),
    }
}
