//! What does it cost to search an index more widely, and what is found by it?
//!
//! For each number of candidates that the walk over the graph may hold: how many of the ten nearest vectors it finds, as an
//! exact scan tells, and how many questions it answers a second on one thread. Beside it the scan itself and BM25.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use clinqa_encoder::Encoder;
use clinqa_index::{Generation, PassageIndex};
use clinqa_retrieval::{RetrievalConfig, understand};
use clinqa_schema::{Embedding, Filters, Question, Ranking};

use crate::BenchError;
use crate::load::times;

/// Neighbours that are looked for.
const DEPTH: usize = 10;

/// Candidates that are held, a line of the table each.
const HELD: [usize; 9] = [32, 64, 96, 128, 200, 400, 800, 1_000, 1_600];

/// Times that all questions are asked; the fastest counts, since whatever else runs only slows.
const ROUNDS: usize = 3;

/// The curve of `index` by `questions`, as a table in Markdown; an index that has no graph is refused.
pub fn curve(index: &Generation, encoder: &Encoder, questions: &[String]) -> Result<String, BenchError> {
    let (passages, exact_below) = (index.manifest().counts.passages, index.manifest().graph.exact_below);
    if passages <= exact_below as u64 {
        return Err(BenchError::NoGraph { passages, exact_below });
    }
    let everything = Filters::default();
    let embeddings: Vec<Embedding> = questions.iter().map(|text| encoder.encode_one(text)).collect::<Result<_, _>>()?;
    let exact = timed(&embeddings, |embedding| Ok(index.dense_exact(embedding, DEPTH, &everything)?))?;
    let mut table = String::from("| search | recall@10 | questions a second | median | p99 |\n|---|---|---|---|---|\n");
    for held in HELD {
        let found = timed(&embeddings, |embedding| Ok(index.dense_holding(embedding, DEPTH, held)?))?;
        let right: usize = exact.found.iter().zip(&found.found).map(|(all, some)| shared(all, some)).sum();
        let wanted: usize = exact.found.iter().map(Ranking::len).sum();
        found.line(&mut table, &format!("graph, {held} held"), &format!("{:.4}", right as f64 / wanted.max(1) as f64));
    }
    exact.line(&mut table, "every vector compared", "1");
    let config = RetrievalConfig::default();
    let asked =
        |text: &String| Ok(understand(&Question::new(text)?, &[], index.lexicon(), config.understanding).lexical);
    let queries = questions.iter().map(asked).collect::<Result<Vec<_>, BenchError>>()?;
    let words = timed(&queries, |query| Ok(index.lexical(query, config.depth, &everything)?))?;
    words.line(&mut table, &format!("words (BM25), {} deep", config.depth), "");
    Ok(table)
}

/// How many of the same passages two rankings name.
fn shared(all: &Ranking, some: &Ranking) -> usize {
    all.hits().iter().filter(|hit| some.score_of(&hit.passage_id).is_some()).count()
}

/// What was found, and how long each question took in the fastest round.
struct Timed {
    found: Vec<Ranking>,
    taken: Vec<Duration>,
}

/// Asks everything once to warm up, then in rounds.
fn timed<T>(asked: &[T], ask: impl Fn(&T) -> Result<Ranking, BenchError>) -> Result<Timed, BenchError> {
    let found = asked.iter().map(&ask).collect::<Result<Vec<_>, _>>()?;
    let mut fastest: Option<Vec<Duration>> = None;
    for _ in 0..ROUNDS {
        let mut taken = Vec::with_capacity(asked.len());
        for one in asked {
            let start = Instant::now();
            std::hint::black_box(ask(one)?);
            taken.push(start.elapsed());
        }
        let total = |times: &[Duration]| times.iter().sum::<Duration>();
        if fastest.as_ref().is_none_or(|best| total(&taken) < total(best)) {
            fastest = Some(taken);
        }
    }
    Ok(Timed { found, taken: fastest.unwrap_or_default() })
}

impl Timed {
    fn line(&self, table: &mut String, name: &str, recall: &str) {
        let taken = times(self.taken.iter().map(|time| time.as_secs_f64() * 1e3));
        let rate = self.taken.len() as f64 / self.taken.iter().sum::<Duration>().as_secs_f64();
        // Writing to a string does not fail.
        let _ = writeln!(table, "| {name} | {recall} | {rate:.0} | {:.3} ms | {:.3} ms |", taken.p50_ms, taken.p99_ms);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clinqa_index::{GraphParams, Store};
    use clinqa_weights::ENCODER;

    use super::*;
    use crate::{build_crowd, embedded};

    #[test]
    fn a_curve_names_each_width_and_an_exact_scan_misses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let corpus = folder.path().join("corpus.jsonl");
        let line =
            |at: usize| format!("{{\"_id\": \"{at}\", \"title\": \"Part {at}\", \"text\": \"Word {at} hurts.\"}}\n");
        fs::write(&corpus, (0..40).map(line).collect::<String>()).expect("written");
        let encoder = Encoder::open(&embedded(&ENCODER)).expect("the embedded encoder");
        let asked = ["does word 7 hurt?".to_owned(), "part 9".to_owned()];
        let drawn = |name: &str, graph: GraphParams| {
            let index = folder.path().join(name);
            build_crowd(&corpus, (&index, graph), 300, &encoder).expect("an index");
            curve(&Store::at(&index).open_current().expect("a generation"), &encoder, &asked)
        };
        let without = drawn("small", GraphParams::default());
        assert!(matches!(without, Err(BenchError::NoGraph { passages: 300, .. })), "{without:?}");
        let table = drawn("index", GraphParams { exact_below: 0, ..GraphParams::default() }).expect("a table");
        assert_eq!(table.lines().count(), 2 + HELD.len() + 2, "{table}");
        // Who holds as many as there are has found all.
        assert!(table.contains("| graph, 400 held | 1.0000 |"), "{table}");
        assert!(table.lines().last().is_some_and(|line| line.starts_with("| words (BM25)")), "{table}");
    }
}
