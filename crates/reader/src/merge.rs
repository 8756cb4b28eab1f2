//! Spans of many passages as one list of candidates, each said once (pure).

use std::cmp::Ordering;

use clinqa_schema::Span;

use crate::PassageReading;

/// An answer that one or more passages give in the same words.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The best place that says it.
    pub span: Span,
    /// Start plus end logit there.
    pub score: f32,
    /// The null score there.
    pub null_score: f32,
    /// Other places that say it, best first.
    pub also: Vec<Span>,
}

impl Candidate {
    /// How much rather the span than no answer.
    pub fn margin(&self) -> f32 {
        self.score - self.null_score
    }
}

/// Merges spans whose words are the same but for case and punctuation; by margin descending, then by passage.
pub fn candidates(readings: &[PassageReading]) -> Vec<Candidate> {
    let mut found: Vec<(String, Candidate)> = Vec::new();
    for reading in readings {
        for (span, scores) in &reading.spans {
            let words = words(&reading.passage.text()[span.bytes()]);
            let candidate =
                Candidate { span: span.clone(), score: scores.score, null_score: scores.null_score, also: Vec::new() };
            found.push((words, candidate));
        }
    }
    found.sort_by(|(_, a), (_, b)| {
        let by_margin = b.margin().partial_cmp(&a.margin()).unwrap_or(Ordering::Equal);
        by_margin
            .then_with(|| a.span.passage().cmp(b.span.passage()))
            .then(a.span.bytes().start.cmp(&b.span.bytes().start))
    });
    let mut merged: Vec<(String, Candidate)> = Vec::new();
    for (words, candidate) in found {
        match merged.iter_mut().find(|(known, _)| *known == words) {
            Some((_, known)) => known.also.push(candidate.span),
            None => merged.push((words, candidate)),
        }
    }
    merged.into_iter().map(|(_, candidate)| candidate).collect()
}

fn words(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    plain.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Document, DocumentId, Metadata, Passage, SourceLocator};

    use super::*;
    use crate::ScoredSpan;

    fn reading(id: &str, text: &str, spans: &[(&str, f32)]) -> PassageReading {
        let document = Document {
            id: DocumentId::new(id).expect("an id"),
            title: String::new(),
            text: text.into(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        let passage = Passage::cut(&document, 0, "", 0..text.len()).expect("a passage");
        let spans = spans
            .iter()
            .map(|&(words, score)| {
                let start = text.find(words).expect("in the text");
                let bytes = start..start + words.len();
                (Span::new(&passage, bytes.clone()).expect("a span"), ScoredSpan { bytes, score, null_score: 0.0 })
            })
            .collect();
        PassageReading { passage, spans }
    }

    #[test]
    fn two_passages_that_say_the_same_are_one_candidate_with_two_places() {
        let readings = [
            reading("a", "It is rest.", &[("rest.", 1.0)]),
            reading("b", "Rest helps; ice too", &[("Rest", 2.0), ("ice", 1.5)]),
        ];
        let found = candidates(&readings);
        let summary: Vec<(String, f32, usize)> =
            found.iter().map(|c| (c.span.passage().to_string(), c.score, c.also.len())).collect();
        assert_eq!(summary, [("b#0".to_owned(), 2.0, 1), ("b#0".to_owned(), 1.5, 0)]);
    }
}
