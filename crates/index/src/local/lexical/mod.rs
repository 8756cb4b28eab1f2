//! Which passages hold these words?
//!
//! The only folder that names the engine, tantivy. Questions become boolean queries here, word by word; its own query
//! language never sees what a user typed, because nested brackets end the process.

mod analyser;
mod build;
mod frozen;
mod words;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{
    DocId, Index, ReloadPolicy, Score, Searcher, SegmentOrdinal, SegmentReader, TantivyDocument, TantivyError, Term,
};

pub(crate) use build::LexicalBuilder;

use crate::local::admitted::Admitted;
use crate::local::best::{Best, Scored};
use crate::{IndexError, LexicalQuery, MAX_TERMS};

/// Folder of the lexical index in its generation.
pub(crate) const LEXICAL: &str = "lexical";

/// Name of the field that holds a passage's place.
const PLACE: &str = "place";

/// The fields of a passage.
#[derive(Debug, Clone, Copy)]
struct Fields {
    place: Field,
    title: Field,
    heading: Field,
    synonyms: Field,
    body: Field,
}

impl Fields {
    fn schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(analyser::ANALYSER)
            .set_index_option(IndexRecordOption::WithFreqs);
        let text = TextOptions::default().set_indexing_options(indexing);
        let fields = Self {
            place: schema.add_u64_field(PLACE, FAST),
            title: schema.add_text_field("title", text.clone()),
            heading: schema.add_text_field("heading", text.clone()),
            synonyms: schema.add_text_field("synonyms", text.clone()),
            body: schema.add_text_field("body", text),
        };
        (schema.build(), fields)
    }
}

/// The lexical index of one generation, open for questions.
pub(crate) struct Lexical {
    path: PathBuf,
    searcher: Searcher,
    fields: Fields,
    analyser: TextAnalyzer,
}

impl Lexical {
    /// Opens the index in `folder`, whose files were compared with the manifest before.
    pub(crate) fn open(folder: &Path, passages: usize) -> Result<Self, IndexError> {
        let path = folder.join(LEXICAL);
        let (schema, fields) = Fields::schema();
        let open = || -> tantivy::Result<(Schema, Searcher)> {
            let index = Index::open(frozen::Frozen::open(&path)?)?;
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            Ok((index.schema(), reader.searcher()))
        };
        let (found, searcher) = open().map_err(|error| failed("open", &path, error))?;
        if found != schema || searcher.num_docs() != passages as u64 {
            return Err(IndexError::content(&path.join("meta.json"), "schema or number of passages"));
        }
        Ok(Self { path, searcher, fields, analyser: analyser::analyser() })
    }

    /// The `depth` best by BM25 among those admitted. Scores of a passage do not depend on the filter.
    pub(crate) fn search(
        &self,
        query: &LexicalQuery,
        depth: usize,
        admitted: Option<Arc<Admitted>>,
    ) -> Result<Vec<Scored>, IndexError> {
        let collector = BestPassages { depth, admitted };
        self.searcher.search(&self.query(query), &collector).map_err(|error| failed("search", &self.path, error))
    }

    /// Hands on every word of the dictionaries and everything that is stored, unpacked.
    pub(crate) fn unpacked(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), IndexError> {
        let mut walk = || -> tantivy::Result<()> {
            let Fields { title, heading, synonyms, body, .. } = self.fields;
            for segment in self.searcher.segment_readers() {
                for field in [title, heading, synonyms, body] {
                    let index = segment.inverted_index(field)?;
                    let mut words = index.terms().stream()?;
                    while words.advance() {
                        take(words.key());
                    }
                }
                for stored in segment.get_store_reader(0)?.iter::<TantivyDocument>(None) {
                    take(format!("{:?}", stored?).as_bytes());
                }
            }
            Ok(())
        };
        walk().map_err(|error| failed("read", &self.path, error))
    }

    fn query(&self, query: &LexicalQuery) -> BooleanQuery {
        let words = self.terms(query).into_iter();
        let clauses = words.flat_map(|(word, weight)| self.word(&word, weight, query));
        BooleanQuery::new(clauses.map(|clause| (Occur::Should, clause)).collect())
    }

    /// The parts of a question that a word makes, one a field.
    fn word(&self, word: &str, weight: f32, query: &LexicalQuery) -> Vec<Box<dyn Query>> {
        let fields = [
            (self.fields.title, query.weights.title),
            (self.fields.heading, query.weights.heading),
            (self.fields.synonyms, query.weights.synonyms),
            (self.fields.body, query.weights.body),
        ];
        let clause = |(field, field_weight): (Field, f32)| -> Box<dyn Query> {
            let term = TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs);
            Box::new(BoostQuery::new(Box::new(term), weight * field_weight))
        };
        fields.into_iter().filter(|(_, field_weight)| *field_weight > 0.0).map(clause).collect()
    }

    /// Distinct words with their summed weights, heaviest first, then in the order they were given.
    fn terms(&self, query: &LexicalQuery) -> Vec<(String, f32)> {
        let mut analyser = self.analyser.clone();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut terms: Vec<(String, f32)> = Vec::new();
        for clause in query.clauses.iter().filter(|clause| clause.weight > 0.0 && clause.weight.is_finite()) {
            for word in analyser::words(&mut analyser, &clause.text) {
                let place = *places.entry(word.clone()).or_insert(terms.len());
                match terms.get_mut(place) {
                    Some((_, weight)) => *weight += clause.weight,
                    None => terms.push((word, clause.weight)),
                }
            }
        }
        terms.sort_by(|a, b| b.1.total_cmp(&a.1));
        terms.truncate(MAX_TERMS);
        terms
    }
}

/// Wraps an error of the engine, so that its type stays in this folder.
fn failed(doing: &'static str, path: &Path, error: TantivyError) -> IndexError {
    IndexError::Lexical { doing, path: path.to_owned(), source: Box::new(error) }
}

/// Collects the best admitted passages. The engine's own collector breaks ties by its document numbers and cannot be
/// told what is admitted.
struct BestPassages {
    depth: usize,
    admitted: Option<Arc<Admitted>>,
}

struct BestOfSegment {
    places: Column<u64>,
    admitted: Option<Arc<Admitted>>,
    best: Best,
}

impl Collector for BestPassages {
    type Fruit = Vec<Scored>;
    type Child = BestOfSegment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<BestOfSegment> {
        let places = segment.fast_fields().u64(PLACE)?;
        Ok(BestOfSegment { places, admitted: self.admitted.clone(), best: Best::new(self.depth) })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<Vec<Scored>>) -> tantivy::Result<Vec<Scored>> {
        let mut best = Best::new(self.depth);
        for candidate in segments.into_iter().flatten() {
            best.offer(candidate);
        }
        Ok(best.into_sorted())
    }
}

impl SegmentCollector for BestOfSegment {
    type Fruit = Vec<Scored>;

    fn collect(&mut self, document: DocId, score: Score) {
        let Some(place) = self.places.first(document).map(|place| place as u32) else { return };
        if self.admitted.as_ref().is_none_or(|admitted| admitted.holds(place)) {
            self.best.offer(Scored { score, place });
        }
    }

    fn harvest(self) -> Vec<Scored> {
        self.best.into_sorted()
    }
}
