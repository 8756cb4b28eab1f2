//! Which documents should have been found?

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::error::{ReadError, numbered_lines};

const FORMAT: &str = "the relevance judgements (qrels)";
const BEIR_LINE: &str = "three columns between tabs: query id, corpus id, score as a whole number";
const TREC_LINE: &str = "four columns: query id, 0, document id, relevance as a whole number";
const EITHER: &str = "a header `query-id corpus-id score` between tabs (BEIR), or lines `qid 0 docid rel` (TREC)";

/// Judgements: query id → document id → relevance. 0 and below say "judged, not relevant"; higher is more relevant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Qrels(BTreeMap<String, BTreeMap<String, i32>>);

/// The two layouts of a judgement line.
#[derive(Clone, Copy)]
enum Layout {
    Beir,
    Trec,
}

impl Qrels {
    /// Reads a BEIR table or TREC qrels; which of the two, its first line tells: the BEIR header or three columns
    /// between tabs, or four columns.
    ///
    /// The same judgement twice is read once; two different ones for one pair are refused, since keeping either would
    /// be a guess.
    pub fn read(input: impl BufRead) -> Result<Self, ReadError> {
        let mut qrels = Self::default();
        let mut layout = None;
        for numbered in numbered_lines(FORMAT, input) {
            let (number, line) = numbered?;
            if layout.is_none() && is_beir_header(&line) {
                layout = Some(Layout::Beir);
                continue;
            }
            let known = match layout {
                Some(known) => known,
                None => recognise(&line).ok_or_else(|| ReadError::line(FORMAT, number, EITHER, &line))?,
            };
            layout = Some(known);
            let (query, document, relevance) = parse(known, number, &line)?;
            let judged = qrels.0.entry(query).or_default().entry(document).or_insert(relevance);
            if *judged != relevance {
                return Err(ReadError::line(
                    FORMAT,
                    number,
                    "one judgement for a pair (an earlier line differs)",
                    &line,
                ));
            }
        }
        if qrels.0.is_empty() {
            return Err(ReadError::Empty { format: FORMAT, expected: EITHER });
        }
        Ok(qrels)
    }

    /// The judgements of one query, if it has any.
    pub fn judgements(&self, query_id: &str) -> Option<&BTreeMap<String, i32>> {
        self.0.get(query_id)
    }

    /// Every judged query with its judgements, by query id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, i32>)> {
        self.0.iter().map(|(query, judged)| (query.as_str(), judged))
    }

    /// How many queries are judged.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is judged.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String, i32)> for Qrels {
    /// From (query id, document id, relevance); of two judgements for one pair the last stays.
    fn from_iter<I: IntoIterator<Item = (String, String, i32)>>(triples: I) -> Self {
        let mut qrels = Self::default();
        for (query, document, relevance) in triples {
            qrels.0.entry(query).or_default().insert(document, relevance);
        }
        qrels
    }
}

fn is_beir_header(line: &str) -> bool {
    let columns: Vec<&str> = line.split_whitespace().collect();
    columns == ["query-id", "corpus-id", "score"]
}

fn recognise(line: &str) -> Option<Layout> {
    if line.split('\t').count() == 3 {
        return Some(Layout::Beir);
    }
    (line.split_whitespace().count() == 4).then_some(Layout::Trec)
}

fn parse(layout: Layout, number: usize, line: &str) -> Result<(String, String, i32), ReadError> {
    let (columns, places, expected): (Vec<&str>, [usize; 3], _) = match layout {
        Layout::Beir => (line.split('\t').map(str::trim).collect(), [0, 1, 2], BEIR_LINE),
        Layout::Trec => (line.split_whitespace().collect(), [0, 2, 3], TREC_LINE),
    };
    let wrong = || ReadError::line(FORMAT, number, expected, line);
    if columns.len() != places[2] + 1 {
        return Err(wrong());
    }
    let [query, document, relevance] = places.map(|place| columns[place]);
    if query.is_empty() || document.is_empty() {
        return Err(wrong());
    }
    let relevance = relevance.parse().map_err(|_| wrong())?;
    Ok((query.to_owned(), document.to_owned(), relevance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> Qrels {
        [("1", "a", 1), ("1", "b", 0), ("2", "c", 2)]
            .map(|(q, d, r)| (q.to_owned(), d.to_owned(), r))
            .into_iter()
            .collect()
    }

    #[test]
    fn either_layout_is_recognised_by_its_content() {
        for text in [
            "query-id\tcorpus-id\tscore\n1\ta\t1\n1\tb\t0\n2\tc\t2\n",
            "\u{feff}query-id\tcorpus-id\tscore\r\n1\ta\t1\r\n\r\n1\tb\t0\r\n2\tc\t2",
            "1\ta\t1\n1\tb\t0\n2\tc\t2\n",
            "1 0 a 1\n1 0 b 0\n2 0 c 2\n",
            "1\t0\ta\t1\n1 Q0  b 0\n1 0 a 1\n2 0 c 2\n",
        ] {
            assert_eq!(Qrels::read(text.as_bytes()).expect(text), expected(), "{text:?}");
        }
    }

    #[test]
    fn an_error_names_the_line_and_what_it_should_be() {
        let check = |text: &str, parts: &[&str]| {
            let error = Qrels::read(text.as_bytes()).expect_err(text).to_string();
            for part in parts {
                assert!(error.contains(part), "{text:?}: {error}");
            }
        };
        check("", &["found nothing", "query-id corpus-id score"]);
        check("query-id\tcorpus-id\tscore\n", &["found nothing"]);
        check("hello\n", &["line 1", "BEIR", "TREC"]);
        check("query-id\tcorpus-id\tscore\n1\ta\tyes\n", &["line 2", "whole number", "yes"]);
        check("1 0 a 1\n1 0 b\n", &["line 2", "four columns"]);
        check("1\ta\t1\n\t\t1\n", &["line 2", "three columns"]);
        check("1 0 a 1\n1 0 a 0\n", &["line 2", "earlier line differs"]);
        check("1 0 a 99999999999\n", &["line 1", "whole number"]);
    }
}
