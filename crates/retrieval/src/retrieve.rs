//! Both indexes are asked side by side, fused, and the best passages fetched.

use std::time::Instant;

use clinqa_encoder::{EncodeError, Encoder};
use clinqa_index::{FieldWeights, IndexError, PassageIndex};
use clinqa_schema::{Embedding, Filters, Passage, Question, Ranking, Timing, Trace};

use crate::{Fusion, fuse, understand};

/// How passages are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetrievalConfig {
    /// Passages taken from each index.
    pub depth: usize,
    /// How the two rankings become one.
    pub fusion: Fusion,
    /// How much each lexical field counts.
    pub weights: FieldWeights,
}

impl Default for RetrievalConfig {
    /// Chosen on SciFact train and BioASQ dev; the table stands in `crates/README.md`.
    fn default() -> Self {
        Self { depth: 100, fusion: Fusion::MinMax { dense_weight: 0.4 }, weights: FieldWeights::default() }
    }
}

/// Why nothing could be retrieved.
#[derive(Debug, thiserror::Error)]
pub enum RetrievalError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The question could not be encoded.
    #[error("cannot encode the question: {0}")]
    Encode(#[from] EncodeError),
}

/// An index with the encoder that made its vectors, or without one: then words alone are searched.
#[derive(Clone, Copy)]
pub struct Retriever<'a> {
    /// The index.
    pub index: &'a dyn PassageIndex,
    /// The encoder, unless only words are searched.
    pub encoder: Option<&'a Encoder>,
    /// How passages are looked for.
    pub config: RetrievalConfig,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieved {
    /// The fused ranking.
    pub ranking: Ranking,
    /// The first passages of it, best first.
    pub passages: Vec<Passage>,
    /// Cosine of the question and the nearest passage; `None` without an encoder.
    pub nearest: Option<f32>,
    /// Terms, both rankings whole, the fused one, and the time of each stage.
    pub trace: Trace,
}

struct Timed<T> {
    value: T,
    ms: f64,
}

impl Retriever<'_> {
    /// Finds the `top_k` passages that may answer `question` among those that `filters` admit.
    pub fn retrieve(&self, question: &Question, filters: &Filters, top_k: usize) -> Result<Retrieved, RetrievalError> {
        let understood = timed(|| Ok::<_, RetrievalError>(understand(question, self.config.weights)))?;
        let lexical = || timed(|| self.index.lexical(&understood.value.lexical, self.config.depth, filters));
        let dense = || self.dense(&understood.value.dense, filters);
        let (lexical, dense) = std::thread::scope(|scope| {
            let words = scope.spawn(lexical);
            let vectors = dense();
            (words.join(), vectors)
        });
        // A panic in the other thread is a panic here: it is not ours to hide.
        let lexical = lexical.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let (encoding_ms, dense) = dense?;
        let fused = timed(|| Ok::<_, RetrievalError>(fuse(self.config.fusion, &lexical.value, &dense.value)))?;
        let passages = timed(|| self.fetch(&fused.value, top_k))?;
        let timings = vec![
            Timing { stage: "understand", ms: understood.ms },
            Timing { stage: "lexical", ms: lexical.ms },
            Timing { stage: "encode", ms: encoding_ms },
            Timing { stage: "dense", ms: dense.ms },
            Timing { stage: "fuse", ms: fused.ms },
            Timing { stage: "fetch", ms: passages.ms },
        ];
        let nearest = dense.value.hits().first().map(|hit| hit.score);
        Ok(Retrieved {
            ranking: fused.value.clone(),
            passages: passages.value,
            nearest,
            trace: Trace {
                terms: understood.value.terms,
                lexical: lexical.value,
                dense: dense.value,
                fused: fused.value,
                spans: Vec::new(),
                timings,
            },
        })
    }

    /// The dense ranking, and the milliseconds that encoding took.
    fn dense(&self, text: &str, filters: &Filters) -> Result<(f64, Timed<Ranking>), RetrievalError> {
        let Some(encoder) = self.encoder else {
            return Ok((0.0, Timed { value: Ranking::default(), ms: 0.0 }));
        };
        let embedding: Timed<Embedding> = timed(|| encoder.encode_one(text))?;
        let ranking = timed(|| self.index.dense(&embedding.value, self.config.depth, filters))?;
        Ok((embedding.ms, ranking))
    }

    fn fetch(&self, ranking: &Ranking, top_k: usize) -> Result<Vec<Passage>, IndexError> {
        let hits = ranking.hits().iter().take(top_k);
        hits.filter_map(|hit| self.index.passage(&hit.passage_id).transpose()).collect()
    }
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<Timed<T>, E> {
    let start = Instant::now();
    let value = work()?;
    Ok(Timed { value, ms: start.elapsed().as_secs_f64() * 1e3 })
}
