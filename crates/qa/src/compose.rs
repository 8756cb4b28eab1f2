//! Spans become an answer that cites its source, or an honest abstention (pure).

use std::collections::BTreeMap;
use std::ops::Range;

use clinqa_schema::{
    Abstention, Answer, Citation, Confidence, Document, DocumentId, Passage, PassageId, Reading, Span,
};

use crate::agreement::Stance;
use crate::evidence::Evidence;
use crate::quote::widened;
use crate::{Place, quote_around};

/// Citations of an answer beyond the first: places that say it in the same words.
const MAX_FURTHER_CITATIONS: usize = 2;

/// Sources that give other figures, of those that are shown.
const MAX_DIFFERING: usize = 2;

/// When an answer is sure enough to be given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Thresholds {
    /// Least calibrated confidence.
    pub(crate) confidence: f32,
    /// Least cosine of the question and the nearest passage; not asked where words alone were searched.
    pub(crate) nearest: f32,
}

/// What was chosen for the answer, and what is known about it.
pub(crate) struct Choice<'a> {
    pub(crate) best: &'a Evidence,
    /// How other documents stand to it; empty where no figures are asked for.
    pub(crate) stances: &'a [(Stance, &'a Evidence)],
    pub(crate) confidence: Confidence,
    /// Cosine of the question and the nearest passage; none where words alone were searched.
    pub(crate) nearest: Option<f32>,
}

/// Where passages stand: the documents they were cut from, and the passages by name.
pub(crate) struct Sources {
    pub(crate) documents: BTreeMap<DocumentId, Document>,
    pub(crate) passages: BTreeMap<PassageId, Passage>,
}

/// The citation of `place` in `passage`; offsets in Unicode scalar values of the document's text.
pub fn cite(document: &Document, passage: &Passage, place: &Place) -> Citation {
    let base = passage.bytes().start;
    let start = document.char_offset(base + place.quote.start);
    let chars = |range: Range<usize>| passage.text()[range].chars().count();
    let answer_start = start + chars(place.quote.start..place.span.start);
    let metadata = &document.metadata;
    Citation {
        document_id: document.id.clone(),
        title: document.title.clone(),
        section: Some(passage.heading().to_owned()).filter(|heading| !heading.is_empty()),
        publisher: metadata.publisher.clone(),
        kind: metadata.kind.clone(),
        published: metadata.published.clone(),
        url: metadata.url.clone(),
        page: document.source.page_of(base + place.quote.start),
        grade: metadata.grade.clone(),
        standing: metadata.standing.clone(),
        siblings: metadata.siblings.clone(),
        passage_id: passage.id().clone(),
        quote: passage.text()[place.quote.clone()].to_owned(),
        start,
        end: start + chars(place.quote.clone()),
        answer_start,
        answer_end: answer_start + chars(place.span.clone()),
    }
}

impl Sources {
    /// The words that must be quoted for `evidence`.
    pub(crate) fn quote(&self, evidence: &Evidence) -> Option<&str> {
        let passage = self.passages.get(evidence.candidate.span.passage())?;
        passage.text().get(evidence.place.quote.clone())
    }

    /// The citation of `place` in `passage`.
    fn cite_place(&self, passage: &PassageId, place: &Place) -> Option<Citation> {
        let passage = self.passages.get(passage)?;
        let document = self.documents.get(&passage.id().document)?;
        Some(cite(document, passage, place))
    }

    fn cite_span(&self, span: &Span) -> Option<Citation> {
        let passage = self.passages.get(span.passage())?;
        let place = quote_around(passage.text(), &span.bytes());
        self.cite_place(span.passage(), &widened(passage.text(), &place, |_| 0.0))
    }
}

/// `best` with its confidence as an answer, or the reason why it is none.
pub(crate) fn answer(choice: &Choice<'_>, thresholds: Thresholds, sources: &Sources) -> Result<Answer, Abstention> {
    let Choice { best, stances, confidence, nearest } = *choice;
    let far = nearest.is_some_and(|cosine| cosine < thresholds.nearest);
    if far || confidence.value() < thresholds.confidence {
        return Err(Abstention::Unsupported);
    }
    let candidate = &best.candidate;
    let here = candidate.span.passage();
    let first = sources.cite_place(here, &best.shown).ok_or(Abstention::Unsupported)?;
    let others = candidate.also.iter().filter(|span| span.passage() != here);
    let others = others.filter_map(|span| sources.cite_span(span)).take(MAX_FURTHER_CITATIONS).collect();
    let document = sources.documents.get(&first.document_id).ok_or(Abstention::Unsupported)?;
    let text = document.text.chars().skip(first.answer_start).take(first.answer_end - first.answer_start).collect();
    let differing = differing(stances, sources);
    Ok(Answer::new(text, confidence, first, others).differing_from(differing))
}

/// What other documents say that give other figures for the same thing: a contradiction is shown, not chosen from.
fn differing(stances: &[(Stance, &Evidence)], sources: &Sources) -> Vec<Citation> {
    let differs = stances.iter().filter(|(stance, _)| *stance == Stance::Differs);
    let cited = differs.filter_map(|(_, other)| sources.cite_place(other.candidate.span.passage(), &other.shown));
    cited.take(MAX_DIFFERING).collect()
}

/// Passages worth reading beside the answer: the best of the ranking that the answer does not cite, each shown by the
/// sentence around its best span, else by its first sentence.
pub(crate) fn reading(
    ranked: &[(PassageId, f32)],
    best_spans: &BTreeMap<PassageId, Range<usize>>,
    answer: Option<&Answer>,
    sources: &Sources,
    count: usize,
) -> Vec<Reading> {
    let cited = |id: &PassageId| {
        answer.is_some_and(|answer| answer.citations().iter().any(|citation| citation.passage_id == *id))
    };
    let entries = ranked.iter().filter(|(id, _)| !cited(id)).filter_map(|(id, score)| {
        let passage = sources.passages.get(id)?;
        let document = sources.documents.get(&id.document)?;
        let place = match best_spans.get(id) {
            Some(span) => quote_around(passage.text(), span),
            None => first_sentence(passage.text()),
        };
        Some(Reading { citation: cite(document, passage, &place), score: *score })
    });
    entries.take(count).collect()
}

fn first_sentence(text: &str) -> Place {
    let first = clinqa_corpus::sentences(text).into_iter().next().unwrap_or(0..text.len());
    let quote = quote_around(text, &first).quote;
    Place { span: quote.clone(), quote }
}

#[cfg(test)]
mod tests {
    use clinqa_reader::Candidate;
    use clinqa_schema::{Metadata, SourceLocator};

    use super::*;
    use crate::evidence::Feature;

    fn document(text: &str) -> Document {
        Document {
            id: DocumentId::new("d").expect("an id"),
            title: "T".into(),
            text: text.into(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        }
    }

    fn check(text: &str, span: &str, quote: &str) {
        let document = document(&format!("Ünïcode first. {text}"));
        let offset = document.text.len() - text.len();
        let passage = Passage::cut(&document, 0, "", offset..document.text.len()).expect("a passage");
        let start = text.find(span).expect("in the text");
        let place = quote_around(text, &(start..start + span.len()));
        let citation = cite(&document, &passage, &place);
        let chars: Vec<char> = document.text.chars().collect();
        assert_eq!(citation.quote, quote);
        assert_eq!(chars[citation.start..citation.end].iter().collect::<String>(), quote);
        assert_eq!(chars[citation.answer_start..citation.answer_end].iter().collect::<String>(), span);
    }

    #[test]
    fn a_citation_is_found_again_by_its_offsets() {
        check("Signs are thirst and fatigue. Others exist.", "thirst", "Signs are thirst and fatigue.");
        check("First naïve one. Second.", "one. Second", "First naïve one. Second.");
    }

    #[test]
    fn what_is_not_sure_is_not_said() {
        let document = document("Rest helps.");
        let passage = Passage::cut(&document, 0, "", 0..11).expect("a passage");
        let span = Span::new(&passage, 0..4).expect("a span");
        let candidate = Candidate { span, score: 2.0, null_score: 0.0, also: Vec::new() };
        let place = Place { quote: 0..11, span: 0..4 };
        let shown = Place { quote: 0..11, span: 0..11 };
        let best = Evidence { candidate, place, numbers: [0.0; Feature::ALL.len()], total: 0.0, shown, mass: 0.0 };
        let sources = Sources {
            documents: BTreeMap::from([(document.id.clone(), document)]),
            passages: BTreeMap::from([(passage.id().clone(), passage)]),
        };
        let outcome = |confidence, nearest_needed, nearest| {
            let thresholds = Thresholds { confidence, nearest: nearest_needed };
            let choice = Choice { best: &best, stances: &[], confidence: Confidence::new(0.8), nearest };
            answer(&choice, thresholds, &sources).map(|answer| answer.text().to_owned())
        };
        assert_eq!(outcome(0.5, 0.3, Some(0.5)), Ok("Rest helps.".to_owned()));
        assert_eq!(outcome(0.5, 0.3, None), Ok("Rest helps.".to_owned()), "words alone have no cosine");
        assert_eq!(outcome(0.9, 0.3, Some(0.5)), Err(Abstention::Unsupported));
        assert_eq!(outcome(0.5, 0.6, Some(0.5)), Err(Abstention::Unsupported));
    }
}
