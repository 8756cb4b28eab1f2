//! One request a line on standard input, one answer a line on standard output; waiting for a line costs nothing.
//!
//! Whoever asks may time programs of others between two lines. An answer carries the milliseconds of each repetition,
//! measured here around the work alone; a request that fails is answered with `error`, and the next one is read.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use clinqa_encoder::{Sequence, Source};
use clinqa_index::{Generation, GraphParams, PassageIndex};
use clinqa_qa::{AnswerConfig, Ask, Engine, Explain, Search, answer};
use clinqa_schema::{Embedding, Filters, Passage, Question, Ranking, Silent, Turn};
use clinqa_weights::ENCODER;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::vectors::{dense_bytes, number};
use crate::{
    BenchError, Memory, Model, Precision, Starter, VectorFile, build_vectors, embedded, engine, filler, open_vectors,
    passages,
};

/// Real words for sequences of which only the lengths are given.
const FILLER: &str = "A blood test shows the average glucose over the past three months, and a person whose kidneys \
    are weak should take the lower dose with water after the evening meal.";

/// Passages for further reading, as `clinqa ask` shows them.
const READING: usize = 3;

/// What can be asked for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Request {
    /// Opens an encoder: the one in the binary, or a folder.
    Encoder {
        #[serde(default)]
        folder: Option<PathBuf>,
        #[serde(default)]
        precision: Precision,
    },
    /// The token ids of each text, framed and cut.
    Ids { texts: Vec<String> },
    /// Texts to vectors: `ms` for everything, `tokenize_ms` for the word pieces alone.
    Encode {
        texts: Vec<String>,
        #[serde(default = "once")]
        repeat: usize,
    },
    /// Token ids, or lengths, through the forward pass alone.
    Forward {
        #[serde(default)]
        ids: Vec<Vec<u32>>,
        #[serde(default)]
        lengths: Vec<usize>,
        #[serde(default = "once")]
        repeat: usize,
        /// Whether the mean of each sequence's tokens comes back.
        #[serde(default)]
        means: bool,
    },
    /// The passages of a corpus, as the encoder is given them.
    Passages { corpus: PathBuf },
    /// Opens the models and the index of a corpus, which is made if it is not there.
    Engine { corpus: PathBuf, index: PathBuf },
    /// One question on it.
    Ask {
        question: String,
        #[serde(default)]
        history: Vec<Turn>,
    },
    /// Builds a dense index from a file of vectors.
    Build {
        vectors: PathBuf,
        dimension: usize,
        index: PathBuf,
        #[serde(default)]
        m: Option<usize>,
        #[serde(default)]
        ef_construction: Option<usize>,
    },
    /// Opens it to be searched with `ef` candidates.
    Open { index: PathBuf, ef: usize },
    /// Every vector of a file, one after the other.
    Search {
        queries: PathBuf,
        dimension: usize,
        depth: usize,
        #[serde(default = "once")]
        repeat: usize,
    },
    /// What this process holds.
    Memory,
}

fn once() -> usize {
    1
}

/// What is open.
#[derive(Default)]
struct Worker {
    model: Option<Model>,
    engine: Option<Engine>,
    generation: Option<Generation>,
}

/// Answers every line of `input` on `output` until there is none left.
pub fn work(input: impl BufRead, mut output: impl Write) -> Result<(), BenchError> {
    let mut worker = Worker::default();
    for line in input.lines() {
        let line = line?;
        let answer = serde_json::from_str(&line).map_err(BenchError::from).and_then(|request| worker.answer(request));
        let answer = answer.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

impl Worker {
    fn answer(&mut self, request: Request) -> Result<Value, BenchError> {
        match request {
            Request::Encoder { folder, precision } => self.open_encoder(folder, precision),
            Request::Ids { texts } => {
                let ids = texts.iter().map(|text| self.model()?.ids(text)).collect::<Result<Vec<_>, _>>()?;
                Ok(json!({ "ids": ids }))
            }
            Request::Encode { texts, repeat } => self.encode(&texts, repeat),
            Request::Forward { ids, lengths, repeat, means } => {
                let mut sequences: Vec<Sequence> = ids.into_iter().map(plain).collect();
                sequences.extend(filler(&self.model()?.tokenizer.ids(FILLER)?, &lengths));
                self.forward(&sequences, repeat, means)
            }
            Request::Passages { corpus } => {
                let texts: Vec<String> = passages(&corpus)?.iter().map(Passage::contextual_text).collect();
                Ok(json!({ "texts": texts }))
            }
            Request::Engine { corpus, index } => {
                let (ms, engine) = timed(|| engine(Starter { corpus: &corpus, index: &index }))?;
                let passages = engine.index().manifest().counts.passages;
                self.engine = Some(engine);
                Ok(json!({ "ms": ms, "passages": passages }))
            }
            Request::Ask { question, history } => self.ask(&question, history),
            Request::Build { vectors, dimension, index, m, ef_construction } => {
                let vectors = VectorFile::read(&vectors, dimension)?;
                let default = GraphParams::default();
                let m = m.unwrap_or(default.m);
                let ef_construction = ef_construction.unwrap_or(default.ef_construction);
                let graph = GraphParams { m, ef_construction, ..default };
                let (ms, ()) = timed(|| build_vectors(&vectors, &index, graph))?;
                Ok(json!({ "ms": ms, "m": m, "ef_construction": ef_construction }))
            }
            Request::Open { index, ef } => {
                // The one before would stand in memory beside it.
                self.generation = None;
                let (ms, generation) = timed(|| open_vectors(&index, ef))?;
                let bytes = dense_bytes(&generation);
                let passages = generation.manifest().counts.passages;
                self.generation = Some(generation);
                Ok(json!({ "ms": ms, "bytes": bytes, "vectors": passages }))
            }
            Request::Search { queries, dimension, depth, repeat } => {
                self.search(&VectorFile::read(&queries, dimension)?, depth, repeat)
            }
            Request::Memory => Ok(json!(Memory::now())),
        }
    }

    fn model(&self) -> Result<&Model, BenchError> {
        self.model.as_ref().ok_or(BenchError::Order { first: "encoder" })
    }

    fn open_encoder(&mut self, folder: Option<PathBuf>, precision: Precision) -> Result<Value, BenchError> {
        let source = folder.map_or_else(|| embedded(&ENCODER), Source::Folder);
        let (ms, model) = timed(|| Model::open(&source, precision))?;
        let encoder = &model.encoder;
        let told = json!({
            "ms": ms,
            "name": encoder.name(),
            "dimension": encoder.dimension(),
            "max_tokens": encoder.max_tokens(),
            "threads": rayon::current_num_threads(),
        });
        self.model = Some(model);
        Ok(told)
    }

    fn encode(&self, texts: &[String], repeat: usize) -> Result<Value, BenchError> {
        let model = self.model()?;
        let tokenize = || texts.iter().map(|text| model.ids(text)).collect::<Result<Vec<_>, _>>();
        let (tokenize_ms, ids) = repeated(repeat, tokenize)?;
        let (ms, _) = repeated(repeat, || match texts {
            [text] => Ok(vec![model.encoder.encode_one(text)?]),
            texts => Ok(model.encoder.encode(texts, &mut Silent)?),
        })?;
        let tokens: usize = ids.iter().map(Vec::len).sum();
        Ok(json!({ "ms": ms, "tokenize_ms": tokenize_ms, "tokens": tokens }))
    }

    fn forward(&self, sequences: &[Sequence], repeat: usize, means: bool) -> Result<Value, BenchError> {
        let model = self.model()?;
        let (ms, found) = repeated(repeat, || model.forward(sequences))?;
        let tokens: usize = sequences.iter().map(Sequence::len).sum();
        let mut told = json!({ "ms": ms, "tokens": tokens });
        if means {
            told["means"] = json!(found);
        }
        Ok(told)
    }

    fn ask(&self, question: &str, history: Vec<Turn>) -> Result<Value, BenchError> {
        let engine = self.engine.as_ref().ok_or(BenchError::Order { first: "engine" })?;
        let ask = Ask {
            question: Question::new(question)?,
            history,
            filters: Filters::default(),
            region: None,
            top_k: READING,
            search: Search::Fused,
            explain: Explain::No,
        };
        let (ms, reply) = timed(|| Ok(answer(engine, &ask, &AnswerConfig::default())?))?;
        Ok(json!({ "ms": ms, "outcome": reply.outcome }))
    }

    fn search(&self, queries: &VectorFile, depth: usize, repeat: usize) -> Result<Value, BenchError> {
        let generation = self.generation.as_ref().ok_or(BenchError::Order { first: "open" })?;
        let queries = queries.embeddings().collect::<Result<Vec<Embedding>, _>>()?;
        let nothing = Filters::default();
        let search = |query: &Embedding| Ok(generation.dense(query, depth, &nothing)?);
        let (ms, found) =
            repeated(repeat, || queries.iter().map(search).collect::<Result<Vec<Ranking>, BenchError>>())?;
        let numbers = |ranking: &Ranking| -> Vec<Option<u64>> {
            ranking.hits().iter().map(|hit| number(&hit.passage_id.document)).collect()
        };
        Ok(json!({ "ms": ms, "found": found.iter().map(numbers).collect::<Vec<_>>() }))
    }
}

fn plain(ids: Vec<u32>) -> Sequence {
    let types = vec![0; ids.len()];
    Sequence { ids, types }
}

fn timed<T>(work: impl FnOnce() -> Result<T, BenchError>) -> Result<(f64, T), BenchError> {
    let start = Instant::now();
    let value = work()?;
    Ok((start.elapsed().as_secs_f64() * 1e3, value))
}

/// The milliseconds of each repetition, of which there is at least one, and what the last one gave.
fn repeated<T>(repeat: usize, work: impl Fn() -> Result<T, BenchError>) -> Result<(Vec<f64>, T), BenchError> {
    let (first, mut value) = timed(&work)?;
    let mut all = vec![first];
    for _ in 1..repeat {
        let (ms, next) = timed(&work)?;
        all.push(ms);
        value = next;
    }
    Ok((all, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(lines: &str) -> Vec<Value> {
        let mut output = Vec::new();
        work(lines.as_bytes(), &mut output).expect("answers");
        output.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    #[test]
    fn what_cannot_be_done_is_answered_with_an_error_and_the_next_line_is_read() {
        let found = answers("nonsense\n{\"do\":\"fly\"}\n{\"do\":\"ids\",\"texts\":[\"a\"]}\n{\"do\":\"memory\"}\n");
        let errors: Vec<bool> = found.iter().map(|answer| answer.get("error").is_some()).collect();
        assert_eq!(errors, [true, true, true, false]);
    }

    #[test]
    fn every_repetition_is_timed() {
        let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/checkpoints/tiny-safetensors");
        let open = json!({ "do": "encoder", "folder": tiny });
        let forward = json!({ "do": "forward", "lengths": [3, 5], "repeat": 4, "means": true });
        let encode = json!({ "do": "encode", "texts": ["a", "b c"], "repeat": 2 });
        let found = answers(&format!("{open}\n{forward}\n{encode}\n"));
        assert_eq!(found[0].get("error"), None);
        assert_eq!(found[1]["ms"].as_array().map(Vec::len), Some(4));
        assert_eq!(found[1]["tokens"], 8);
        assert_eq!(found[1]["means"].as_array().map(Vec::len), Some(2));
        assert_eq!(found[2]["tokenize_ms"].as_array().map(Vec::len), Some(2));
    }
}
