//! What does somebody who looks around need: passages by words alone, passages like one, names to complete, counts to
//! filter by?

use std::collections::BTreeMap;
use std::ops::Range;

use clinqa_index::{ContentKey, PassageIndex};
use clinqa_retrieval::Retriever;
use clinqa_schema::{Date, Filters, Metadata, PassageId, Ranking, Reading};

use crate::search::told;
use crate::{AnswerConfig, Error, Found, Lookup, cite, quote_around};

/// Documents that are opened for their titles; a screen that completes names needs no more, and each costs a read.
const MAX_TITLES: usize = 20_000;

/// Letters that a word of a text and a searched one must share from their beginning, if both are longer: "treat" is found
/// in "treatment", as the index finds it.
const STEM: usize = 5;

/// As [`crate::search`] by words alone: it needs no model, so that it works before any is loaded.
pub fn search_words(index: &dyn PassageIndex, lookup: &Lookup, config: &AnswerConfig) -> Result<Found, Error> {
    let retriever = Retriever { index, encoder: None, config: config.retrieval };
    let found = retriever.retrieve(&lookup.question, &lookup.history, &lookup.filters, lookup.top_k)?;
    told(index, found, lookup.explain)
}

/// The `top_k` passages nearest to the stored vector of `of`, itself left out: none without vectors, nothing without `of`.
pub fn similar(
    index: &dyn PassageIndex,
    of: &PassageId,
    filters: &Filters,
    top_k: usize,
) -> Result<Option<Vec<Reading>>, Error> {
    let Some(passage) = index.passage(of)? else { return Ok(None) };
    let vector = index.manifest().encoder.as_ref().and_then(|_| index.embedding_of(&ContentKey::of(&passage)));
    let Some(vector) = vector else { return Ok(Some(Vec::new())) };
    let near = index.dense(&vector, top_k + 1, filters)?;
    let others = near.hits().iter().filter(|hit| hit.passage_id != *of).take(top_k).cloned().collect();
    readings(index, &Ranking::new(others)).map(Some)
}

/// Each passage of a ranking, whole, as a citation with its score.
fn readings(index: &dyn PassageIndex, ranking: &Ranking) -> Result<Vec<Reading>, Error> {
    let mut readings = Vec::with_capacity(ranking.len());
    for hit in ranking.hits() {
        let id = &hit.passage_id;
        let lost = || Error::Lost { document: id.document.to_string() };
        let passage = index.passage(id)?.ok_or_else(lost)?;
        let document = index.document(&id.document)?.ok_or_else(lost)?;
        let whole = quote_around(passage.text(), &(0..passage.text().len()));
        readings.push(Reading { citation: cite(&document, &passage, &whole), score: hit.score });
    }
    Ok(readings)
}

/// The sentence or list of `text` that holds most of `terms`, in bytes; the first one of several, and of none.
pub fn matching(text: &str, terms: &[String]) -> Range<usize> {
    let terms: Vec<String> = terms.iter().map(|term| term.to_lowercase()).collect();
    let mut best = (0, 0..0);
    for sentence in clinqa_corpus::sentences(text) {
        let held = {
            let lower = text[sentence.clone()].to_lowercase();
            let words: Vec<&str> =
                lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            terms.iter().filter(|term| words.iter().any(|word| alike(word, term))).count()
        };
        if best.1.is_empty() || held > best.0 {
            best = (held, sentence);
        }
    }
    if best.1.is_empty() { 0..text.len() } else { quote_around(text, &best.1).quote }
}

fn alike(word: &str, term: &str) -> bool {
    let shared = word.chars().zip(term.chars()).take_while(|(a, b)| a == b).count();
    word == term || shared >= STEM
}

/// What documents can be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// What they are.
    Kind,
    /// For whom.
    Audience,
    /// The branch of medicine.
    Specialty,
    /// The grade of the evidence or the strength of the recommendation.
    Grade,
    /// Where they hold.
    Jurisdiction,
    /// Who publishes them.
    Publisher,
    /// The year of publication.
    Year,
}

impl Facet {
    /// Every facet, in the order in which a screen shows them.
    pub const ALL: [Self; 7] =
        [Self::Kind, Self::Audience, Self::Specialty, Self::Grade, Self::Jurisdiction, Self::Publisher, Self::Year];

    /// Its name, one word: what a condition is called on a screen and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Audience => "audience",
            Self::Specialty => "specialty",
            Self::Grade => "grade",
            Self::Jurisdiction => "place",
            Self::Publisher => "publisher",
            Self::Year => "year",
        }
    }

    /// The facet of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.name() == name)
    }

    /// What a document with this metadata has of it; empty if nothing is said.
    pub fn of(self, metadata: &Metadata) -> String {
        match self {
            Self::Kind => metadata.kind.clone(),
            Self::Audience => metadata.audience.clone().unwrap_or_default(),
            Self::Specialty => metadata.specialty.clone().unwrap_or_default(),
            Self::Grade => metadata.grade.clone().unwrap_or_default(),
            Self::Jurisdiction => metadata.jurisdiction.clone().unwrap_or_default(),
            Self::Publisher => metadata.publisher.clone(),
            Self::Year => metadata.published.as_ref().map(|date| year(date).to_owned()).unwrap_or_default(),
        }
    }

    /// `filters` without what they say about this facet.
    fn lifted(self, filters: &Filters) -> Filters {
        let mut lifted = filters.clone();
        match self {
            Self::Kind => lifted.kind = None,
            Self::Audience => lifted.audience = None,
            Self::Specialty => lifted.specialty = None,
            Self::Grade => lifted.grade = None,
            Self::Jurisdiction => lifted.jurisdiction = None,
            Self::Publisher => lifted.publisher = None,
            Self::Year => (lifted.since, lifted.until) = (None, None),
        }
        lifted
    }
}

fn year(date: &Date) -> &str {
    date.as_str().split('-').next().unwrap_or_default()
}

/// How many documents have each value.
pub type FacetCounts = BTreeMap<Facet, BTreeMap<String, u64>>;

/// How many documents there are of each value, with all other conditions of `filters` in force. Documents that say
/// nothing are counted under the empty value.
pub fn facets(index: &dyn PassageIndex, filters: &Filters) -> FacetCounts {
    let lifted = Facet::ALL.map(|facet| (facet, facet.lifted(filters)));
    let mut counts: FacetCounts = Facet::ALL.iter().map(|facet| (*facet, BTreeMap::new())).collect();
    index.each_document(&mut |_, metadata| {
        for (facet, filters) in &lifted {
            if filters.admits(metadata) {
                *counts.entry(*facet).or_default().entry(facet.of(metadata)).or_default() += 1;
            }
        }
    });
    counts
}

/// Titles and other names of the documents, in no order: what a line is completed from.
pub fn names(index: &dyn PassageIndex) -> Result<Vec<String>, Error> {
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    index.each_document(&mut |id, metadata| {
        names.extend(metadata.synonyms.iter().cloned());
        if ids.len() < MAX_TITLES {
            ids.push(id.clone());
        }
    });
    for id in ids {
        names.extend(index.document(&id)?.map(|document| document.title));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use clinqa_index::{GraphParams, Store, WriterConfig};
    use clinqa_schema::{Document, DocumentId, Embedding, Passage, Question, Silent, SourceLocator};

    use super::*;
    use crate::{Explain, Search};

    fn document(id: &str, kind: &str, date: &str, text: &str) -> Document {
        Document {
            id: DocumentId::new(id).expect("an id"),
            title: id.to_uppercase(),
            text: text.into(),
            sections: Vec::new(),
            metadata: Metadata {
                kind: kind.into(),
                published: Date::new(date).ok(),
                synonyms: vec![format!("other {id}")],
                ..Metadata::default()
            },
            source: SourceLocator::default(),
        }
    }

    /// Three documents of one passage each, with vectors that lie a quarter of a circle apart.
    fn index(folder: &std::path::Path) -> clinqa_index::Generation {
        let store = Store::at(folder);
        let encoder = clinqa_index::EncoderIdentity { name: "t".into(), fingerprint: "f".into(), dimension: 2 };
        let config =
            WriterConfig { created: 0, encoder: Some(encoder), corpora: Vec::new(), graph: GraphParams::default() };
        let mut writer = store.writer(config).expect("a writer");
        let all = [
            (document("a", "leaflet", "2020", "Rest helps. Drink water."), vec![1.0, 0.0]),
            (document("b", "guideline", "2023-05", "Sepsis needs antibiotics."), vec![0.8, 0.6]),
            (document("c", "guideline", "2024", "Fever."), vec![-1.0, 0.0]),
        ];
        for (document, vector) in all {
            let passage = Passage::cut(&document, 0, "", 0..document.text.len()).expect("a passage");
            let vector = Embedding::normalised(vector).expect("a vector");
            writer.add(&document, &[passage], Some(&[vector])).expect("it is taken");
        }
        let sealed = writer.finish(&mut Silent).expect("sealed");
        store.publish(&sealed).expect("published");
        store.open_current().expect("open")
    }

    #[test]
    fn what_is_like_a_passage_is_found_by_its_own_vector() {
        let folder = tempfile::tempdir().expect("a folder");
        let index = index(folder.path());
        let like = |id: &str, filters: &Filters| -> Vec<String> {
            let of = id.parse().expect("an id");
            let found = similar(&index, &of, filters, 9).expect("it was looked for").expect("the passage is there");
            found.iter().map(|reading| reading.citation.document_id.to_string()).collect()
        };
        assert_eq!(like("a#0", &Filters::default()), ["b", "c"]);
        assert_eq!(like("a#0", &Filters { kind: Some("leaflet".into()), ..Filters::default() }), [""; 0]);
        let nobody = "nobody#0".parse().expect("an id");
        assert_eq!(similar(&index, &nobody, &Filters::default(), 9).expect("it was looked for"), None);
    }

    #[test]
    fn counts_ignore_their_own_condition_and_obey_the_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let index = index(folder.path());
        let filters = Filters { kind: Some("guideline".into()), since: Date::new("2024").ok(), ..Filters::default() };
        let counts = facets(&index, &filters);
        assert_eq!(counts[&Facet::Kind], BTreeMap::from([("guideline".to_owned(), 1)]));
        assert_eq!(counts[&Facet::Year], BTreeMap::from([("2023".to_owned(), 1), ("2024".to_owned(), 1)]));
        assert_eq!(facets(&index, &Filters::default())[&Facet::Kind]["guideline"], 2);
    }

    #[test]
    fn names_are_titles_and_synonyms_and_words_find_without_a_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let index = index(folder.path());
        let mut names = names(&index).expect("names");
        names.sort();
        assert_eq!(names, ["A", "B", "C", "other a", "other b", "other c"]);
        let lookup = Lookup {
            question: Question::new("antibiotics").expect("a question"),
            history: Vec::new(),
            filters: Filters::default(),
            top_k: 5,
            search: Search::LexicalOnly,
            explain: Explain::No,
        };
        let found = search_words(&index, &lookup, &AnswerConfig::default()).expect("found");
        assert_eq!(found.results[0].citation.document_id.as_str(), "b");
    }

    #[test]
    fn the_sentence_with_most_of_the_words_is_shown() {
        let check = |text: &str, terms: &[&str], expected: &str| {
            let terms: Vec<String> = terms.iter().map(ToString::to_string).collect();
            assert_eq!(&text[matching(text, &terms)], expected);
        };
        check(
            "Rest. Treatment of sepsis is urgent. Sepsis is rare.",
            &["treat", "sepsis"],
            "Treatment of sepsis is urgent.",
        );
        check("One. Two.", &["three"], "One.");
        check("One. Two.", &[], "One.");
        check("", &["x"], "");
    }
}
