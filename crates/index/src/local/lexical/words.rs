//! What does each word add to the score of a passage?

use std::collections::HashMap;

use clinqa_schema::WordScore;
use tantivy::columnar::Column;
use tantivy::query::EnableScoring;
use tantivy::{DocId, DocSet as _, SegmentReader, TERMINATED};

use super::{Lexical, PLACE, analyser, failed};
use crate::{IndexError, LexicalQuery};

impl Lexical {
    /// What each word of `query` adds to the score of the passage at each place, heaviest word first; nothing where there
    /// is no place.
    pub(crate) fn word_scores(
        &self,
        query: &LexicalQuery,
        places: &[Option<u32>],
    ) -> Result<Vec<Vec<WordScore>>, IndexError> {
        let terms = self.terms(query);
        let mut scores = vec![vec![0.0; terms.len()]; places.len()];
        self.add_up((query, &terms), places, &mut scores).map_err(|error| failed("search", &self.path, error))?;
        let spoken = self.spoken(query);
        let named = |(place, scores): (&Option<u32>, Vec<f32>)| -> Vec<WordScore> {
            let named = terms.iter().zip(scores).filter(|_| place.is_some());
            named.map(|((word, _), score)| WordScore { word: spoken[word].clone(), score }).collect()
        };
        Ok(places.iter().zip(scores).map(named).collect())
    }

    /// Adds to the scores of each place what each word finds there.
    fn add_up(
        &self,
        (query, terms): (&LexicalQuery, &[(String, f32)]),
        places: &[Option<u32>],
        scores: &mut [Vec<f32>],
    ) -> tantivy::Result<()> {
        let scoring = EnableScoring::enabled_from_searcher(&self.searcher);
        for segment in self.searcher.segment_readers() {
            let documents = documents(segment, places)?;
            if documents.is_empty() {
                continue;
            }
            for (at, (word, weight)) in terms.iter().enumerate() {
                for clause in self.word(word, *weight, query) {
                    let mut found = clause.weight(scoring)?.scorer(segment, 1.0)?;
                    for (document, place) in &documents {
                        // It only goes on: the documents come in their order.
                        let reached = if found.doc() < *document { found.seek(*document) } else { found.doc() };
                        if reached == *document {
                            scores[*place][at] += found.score();
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Each word of the question in its form for the index, with how it was said first.
    fn spoken(&self, query: &LexicalQuery) -> HashMap<String, String> {
        let mut analyser = self.analyser.clone();
        let mut spoken = HashMap::new();
        for clause in &query.clauses {
            for (form, said) in analyser::spoken(&mut analyser, &clause.text) {
                spoken.entry(form).or_insert(said);
            }
        }
        spoken
    }
}

/// The documents of a segment that stand at some of the places, in their order, each with the number of its place.
fn documents(segment: &SegmentReader, places: &[Option<u32>]) -> tantivy::Result<Vec<(DocId, usize)>> {
    let column = segment.fast_fields().u64(PLACE)?;
    let known = places.iter().enumerate().filter_map(|(at, place)| Some((at, (*place)?)));
    let found = known.filter_map(|(at, place)| Some((document(&column, segment.max_doc(), u64::from(place))?, at)));
    let mut found: Vec<(DocId, usize)> = found.collect();
    found.sort_unstable();
    Ok(found)
}

/// The document at a place: within a segment they stand in the order of places.
fn document(column: &Column<u64>, count: DocId, place: u64) -> Option<DocId> {
    let (mut low, mut high) = (0, count.min(TERMINATED));
    while low < high {
        let middle = low + (high - low) / 2;
        if column.first(middle)? < place { low = middle + 1 } else { high = middle }
    }
    (low < count && column.first(low)? == place).then_some(low)
}
