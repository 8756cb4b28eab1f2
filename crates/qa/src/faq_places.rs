//! Where do the answers of what people ask stand (pure)?

use std::collections::BTreeMap;

use clinqa_corpus::Faq;
use clinqa_index::FaqEntry;
use clinqa_schema::{Document, DocumentId, Passage, PassageId};
use serde::Serialize;

/// Questions whose document has not come yet, and those that have their places.
#[derive(Default)]
pub(crate) struct FaqPlaces {
    waiting: BTreeMap<DocumentId, Vec<Faq>>,
    placed: Vec<FaqEntry>,
    account: FaqAccount,
}

/// What became of the questions that the corpora say people ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FaqAccount {
    /// Questions that are indexed.
    pub questions: u64,
    /// Questions that are not, since nothing that answers them stands in their document, or that is not indexed.
    pub unplaced: u64,
    /// The first of them: the document, and the answer that was looked for.
    pub first_unplaced: Option<(DocumentId, String)>,
}

impl FaqPlaces {
    pub(crate) fn new(all: impl IntoIterator<Item = Faq>) -> Self {
        let mut places = Self::default();
        for faq in all {
            places.waiting.entry(faq.document.clone()).or_default().push(faq);
        }
        places
    }

    /// How many questions there are.
    pub(crate) fn len(&self) -> u64 {
        self.waiting.values().flatten().map(|faq| faq.questions.len() as u64).sum()
    }

    /// Looks for the answers of what people ask of `document` in its passages.
    pub(crate) fn take(&mut self, document: &Document, passages: &[Passage]) {
        for faq in self.waiting.remove(&document.id).into_iter().flatten() {
            let answers: Vec<_> = faq.answers.iter().filter_map(|answer| place(answer, passages)).collect();
            if answers.is_empty() {
                self.account.miss(faq);
                continue;
            }
            let entry = |question| FaqEntry { question, title: document.title.clone(), answers: answers.clone() };
            self.placed.extend(faq.questions.into_iter().map(entry));
        }
    }

    /// All that have places, in an order that does not depend on which document came first, each once; and what became of
    /// all.
    pub(crate) fn finish(mut self) -> (Vec<FaqEntry>, FaqAccount) {
        for faq in self.waiting.into_values().flatten() {
            self.account.miss(faq);
        }
        let places =
            |entry: &FaqEntry| entry.answers.clone().into_iter().map(|(at, bytes)| (at, bytes.start, bytes.end));
        self.placed.sort_by(|a, b| a.question.cmp(&b.question).then_with(|| places(a).cmp(places(b))));
        self.placed.dedup();
        self.account.questions = self.placed.len() as u64;
        (self.placed, self.account)
    }
}

impl FaqAccount {
    fn miss(&mut self, faq: Faq) {
        self.unplaced += faq.questions.len() as u64;
        let Faq { document, answers, .. } = faq;
        self.first_unplaced.get_or_insert((document, answers.into_iter().next().unwrap_or_default()));
    }
}

/// The first passage that holds `answer`, and where.
fn place(answer: &str, passages: &[Passage]) -> Option<(PassageId, std::ops::Range<usize>)> {
    passages.iter().find_map(|passage| {
        let start = passage.text().find(answer)?;
        Some((passage.id().clone(), start..start + answer.len()))
    })
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Metadata, SourceLocator};

    use super::*;

    #[test]
    fn a_question_stands_where_its_answer_does_and_others_are_counted() {
        let text = "Gout hurts.\n\nIt lasts a week. - é";
        let id = |id: &str| DocumentId::new(id).expect("an id");
        let document = Document {
            id: id("gout"),
            title: "Gout".into(),
            text: text.into(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        let cut = |at, bytes| Passage::cut(&document, at, "", bytes).expect("a passage");
        let passages = [cut(0, 0..11), cut(1, 13..text.len())];
        let faq = |document: &str, answers: &[&str], questions: &[&str]| Faq {
            document: id(document),
            answers: answers.iter().map(|answer| (*answer).to_owned()).collect(),
            questions: questions.iter().map(|question| (*question).to_owned()).collect(),
        };
        let mut faqs = FaqPlaces::new([
            faq("gout", &["It lasts a week.", "Gout hurts.", "elsewhere"], &["how long", "b"]),
            faq("gout", &["Gout hurts."], &["a", "a"]),
            faq("gout", &["It does not."], &["x", "y"]),
            faq("mumps", &["It lasts a week."], &["z"]),
        ]);
        assert_eq!(faqs.len(), 7);
        faqs.take(&document, &passages);
        let (placed, account) = faqs.finish();
        let first = (PassageId::new(id("gout"), 0), 0..11);
        let second = (PassageId::new(id("gout"), 1), 0..16);
        let entry = |question: &str, answers: &[&(PassageId, std::ops::Range<usize>)]| FaqEntry {
            question: question.into(),
            title: "Gout".into(),
            answers: answers.iter().map(|answer| (*answer).clone()).collect(),
        };
        let expected = [entry("a", &[&first]), entry("b", &[&second, &first]), entry("how long", &[&second, &first])];
        assert_eq!(placed, expected);
        let first_unplaced = Some((id("gout"), "It does not.".to_owned()));
        assert_eq!(account, FaqAccount { questions: 3, unplaced: 3, first_unplaced });
    }
}
