//! Spans become an answer that cites its source, or an honest abstention (pure).

use std::collections::BTreeMap;
use std::ops::Range;

use clinqa_reader::Candidate;
use clinqa_schema::{
    Abstention, Answer, Citation, Confidence, Document, DocumentId, Passage, PassageId, Reading, Span,
};

/// Citations of an answer beyond the first: places that say it in the same words.
const MAX_FURTHER_CITATIONS: usize = 2;

/// Words of the longest list that is quoted whole.
const MAX_QUOTE_WORDS: usize = 100;

/// When an answer is sure enough to be given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Thresholds {
    /// Least calibrated confidence.
    pub(crate) confidence: f32,
    /// Least cosine of the question and the nearest passage; not asked where words alone were searched.
    pub(crate) nearest: f32,
}

/// Where passages stand: the documents they were cut from, and the passages by name.
pub(crate) struct Sources {
    pub(crate) documents: BTreeMap<DocumentId, Document>,
    pub(crate) passages: BTreeMap<PassageId, Passage>,
}

/// A stretch of a passage to be quoted, and the span in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The sentence or sentences, in bytes of the passage.
    pub quote: Range<usize>,
    /// The span, inside the quote.
    pub span: Range<usize>,
}

/// What must be quoted so that `span` means what it means in `text`: its whole sentences, or its whole list with the
/// line that leads in to it. An item alone may say the opposite of its list ("do not: …").
pub fn quote_around(text: &str, span: &Range<usize>) -> Place {
    if let Some(list) = list_around(text, span)
        && text[list.clone()].split_whitespace().count() <= MAX_QUOTE_WORDS
    {
        return Place { quote: list, span: span.clone() };
    }
    let touched = clinqa_corpus::sentences(text);
    let mut touched = touched.into_iter().filter(|sentence| sentence.start < span.end && span.start < sentence.end);
    let Some(first) = touched.next() else { return Place { quote: span.clone(), span: span.clone() } };
    let end = touched.next_back().map_or(first.end, |last| last.end).max(span.end);
    let start = first.start.min(span.start);
    let dash = if text[start..].starts_with("- ") && start + 2 <= span.start { 2 } else { 0 };
    Place { quote: start + dash..end, span: span.clone() }
}

/// The lines of the list that holds `span`, from the line that leads in (it ends with a colon) to the last item.
fn list_around(text: &str, span: &Range<usize>) -> Option<Range<usize>> {
    let lines: Vec<Range<usize>> = text
        .split('\n')
        .map(|line| {
            let start = line.as_ptr().addr() - text.as_ptr().addr();
            start..start + line.len()
        })
        .collect();
    let here = lines.iter().position(|line| line.start <= span.start && span.end <= line.end)?;
    let is_item = |index: usize| text[lines[index].clone()].starts_with("- ");
    let leads_in = |index: usize| text[lines[index].clone()].trim_end().ends_with(':');
    let is_blank = |index: usize| text[lines[index].clone()].trim().is_empty();
    let (mut first, mut last) = (here, here);
    if leads_in(here) {
        let next = (here + 1..lines.len()).find(|&index| !is_blank(index)).filter(|&index| is_item(index))?;
        last = next;
    } else if !is_item(here) {
        return None;
    }
    while first > 0 && (is_item(first - 1) || is_blank(first - 1) || leads_in(first - 1)) {
        first -= 1;
        if leads_in(first) {
            break;
        }
    }
    while last + 1 < lines.len() && is_item(last + 1) {
        last += 1;
    }
    let first = (first..=here).find(|&index| !is_blank(index)).unwrap_or(here);
    Some(lines[first].start..lines[last].end)
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
        passage_id: passage.id().clone(),
        quote: passage.text()[place.quote.clone()].to_owned(),
        start,
        end: start + chars(place.quote.clone()),
        answer_start,
        answer_end: answer_start + chars(place.span.clone()),
    }
}

impl Sources {
    /// What would be quoted for `span`, behind the title and heading it stands under.
    pub(crate) fn quoted(&self, span: &Span) -> String {
        let Some(passage) = self.passages.get(span.passage()) else { return String::new() };
        let quote = quote_around(passage.text(), &span.bytes()).quote;
        format!("{}. {}. {}", passage.title(), passage.heading(), &passage.text()[quote])
    }

    fn cite_span(&self, span: &Span) -> Option<Citation> {
        let passage = self.passages.get(span.passage())?;
        let document = self.documents.get(&span.passage().document)?;
        Some(cite(document, passage, &quote_around(passage.text(), &span.bytes())))
    }
}

/// `best` with its confidence as an answer, or the reason why it is none.
pub(crate) fn answer(
    best: &Candidate,
    confidence: Confidence,
    nearest: Option<f32>,
    thresholds: Thresholds,
    sources: &Sources,
) -> Result<Answer, Abstention> {
    let far = nearest.is_some_and(|cosine| cosine < thresholds.nearest);
    if far || confidence.value() < thresholds.confidence {
        return Err(Abstention::Unsupported);
    }
    let first = sources.cite_span(&best.span).ok_or(Abstention::Unsupported)?;
    let others = best.also.iter().filter(|span| span.passage() != best.span.passage());
    let others = others.filter_map(|span| sources.cite_span(span)).take(MAX_FURTHER_CITATIONS).collect();
    let passage = sources.passages.get(best.span.passage()).ok_or(Abstention::Unsupported)?;
    Ok(Answer::new(passage.text()[best.span.bytes()].to_owned(), confidence, first, others))
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
    let start = quote_around(text, &(first.start..first.end)).quote.start;
    let dash = if text[start..].starts_with("- ") { 2 } else { 0 };
    Place { quote: start + dash..first.end, span: start + dash..first.end }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Metadata, SourceLocator};

    use super::*;

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
    fn a_span_is_quoted_with_its_whole_sentence_and_found_again_by_its_offsets() {
        check("Signs are thirst and fatigue. Others exist.", "thirst", "Signs are thirst and fatigue.");
        check("One. Two is 7.5 mmol/L. Three.", "7.5 mmol/L", "Two is 7.5 mmol/L.");
        check("First naïve one. Second.", "one. Second", "First naïve one. Second.");
        check("Then do this:\n\n- rest well\n- drink\n\nMore.", "rest", "Then do this:\n\n- rest well\n- drink");
        check("Avoid:\n- ice", "Avoid", "Avoid:\n- ice");
        let long = format!("Do:\n- rest\n- {}", "word ".repeat(100));
        check(long.trim_end(), "rest", "rest");
    }

    #[test]
    fn what_is_not_sure_is_not_said() {
        let document = document("Rest helps.");
        let passage = Passage::cut(&document, 0, "", 0..11).expect("a passage");
        let span = Span::new(&passage, 0..4).expect("a span");
        let candidate = Candidate { span, score: 2.0, null_score: 0.0, also: Vec::new() };
        let sources = Sources {
            documents: BTreeMap::from([(document.id.clone(), document)]),
            passages: BTreeMap::from([(passage.id().clone(), passage)]),
        };
        let outcome = |confidence, nearest_needed, nearest| {
            let thresholds = Thresholds { confidence, nearest: nearest_needed };
            answer(&candidate, Confidence::new(0.8), nearest, thresholds, &sources)
                .map(|answer| answer.text().to_owned())
        };
        assert_eq!(outcome(0.5, 0.3, Some(0.5)), Ok("Rest".to_owned()));
        assert_eq!(outcome(0.5, 0.3, None), Ok("Rest".to_owned()), "words alone have no cosine");
        assert_eq!(outcome(0.9, 0.3, Some(0.5)), Err(Abstention::Unsupported));
        assert_eq!(outcome(0.5, 0.6, Some(0.5)), Err(Abstention::Unsupported));
    }
}
