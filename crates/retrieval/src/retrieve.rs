//! Both indexes are asked side by side, fused, and the best passages fetched.

use std::collections::BTreeMap;
use std::time::Instant;

use clinqa_encoder::{EncodeError, Encoder};
use clinqa_index::{FaqHit, IndexError, PassageIndex};
use clinqa_schema::{
    AskedTrace, DocumentId, Embedding, Filters, Passage, PassageId, Question, Ranking, Timing, Trace, Turn,
};

use crate::prefer::{by_asked, by_heading, by_standing, by_topic, diverse, one_of_each};
use crate::{Fusion, Preference, Understanding, Understood, fuse, understand};

/// Passages of the fused ranking whose headings are looked at.
const LOOKED_AT: usize = 30;

/// Questions that people ask, of which the nearest are looked at.
const ASKED_BEFORE: usize = 64;

/// Those of them that a trace shows.
const ASKED_SHOWN: usize = 3;

/// How passages are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetrievalConfig {
    /// Passages taken from each index.
    pub depth: usize,
    /// How the two rankings become one.
    pub fusion: Fusion,
    /// How questions are understood.
    pub understanding: Understanding,
    /// What comes first of what was found.
    pub preference: Preference,
}

impl Default for RetrievalConfig {
    /// Chosen on SciFact train and BioASQ dev; the table stands in `crates/README.md`.
    fn default() -> Self {
        Self {
            depth: 100,
            fusion: Fusion::MinMax { dense_weight: 0.5 },
            understanding: Understanding::default(),
            preference: Preference::default(),
        }
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
    /// The question as it was understood.
    pub understood: Understood,
    /// The fused ranking, what the question names first.
    pub ranking: Ranking,
    /// The first passages of it, best first.
    pub passages: Vec<Passage>,
    /// Cosine of the question and the nearest passage; `None` without an encoder.
    pub nearest: Option<f32>,
    /// The vector of the question as it was understood; `None` without an encoder.
    pub embedding: Option<Embedding>,
    /// What people ask that is most like it, if a corpus says what they ask; the most alike first.
    pub faq: Vec<FaqHit>,
    /// Terms, both rankings whole, the fused one, and the time of each stage.
    pub trace: Trace,
}

/// What the vector of a question finds, with the vector.
#[derive(Default)]
struct Dense {
    encoded: Timed<Option<Embedding>>,
    ranking: Timed<Ranking>,
    faq: Timed<Vec<FaqHit>>,
}

#[derive(Default)]
struct Timed<T> {
    value: T,
    ms: f64,
}

impl Retriever<'_> {
    /// Finds the `top_k` passages that may answer `question`, which follows the turns of `history`, among those that
    /// `filters` admit.
    pub fn retrieve(
        &self,
        question: &Question,
        history: &[Turn],
        filters: &Filters,
        top_k: usize,
    ) -> Result<Retrieved, RetrievalError> {
        let understand = || understand(question, history, self.index.lexicon(), self.config.understanding);
        let understood = timed(|| Ok::<_, RetrievalError>(understand()))?;
        let lexical = || timed(|| self.index.lexical(&understood.value.lexical, self.config.depth, filters));
        let dense = || self.dense(&understood.value.dense, filters);
        let (lexical, dense) = std::thread::scope(|scope| {
            let words = scope.spawn(lexical);
            let vectors = dense();
            (words.join(), vectors)
        });
        // A panic in the other thread is a panic here: it is not ours to hide.
        let lexical = lexical.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let Dense { encoded, ranking: dense, faq } = dense?;
        let fused = timed(|| Ok::<_, RetrievalError>(fuse(self.config.fusion, &lexical.value, &dense.value)))?;
        let chosen = timed(|| self.choose(&fused.value, (&understood.value, &faq.value), top_k))?;
        let timings = vec![
            Timing { stage: "understand", ms: understood.ms },
            Timing { stage: "lexical", ms: lexical.ms },
            Timing { stage: "encode", ms: encoded.ms },
            Timing { stage: "dense", ms: dense.ms },
            Timing { stage: "faq", ms: faq.ms },
            Timing { stage: "fuse", ms: fused.ms },
            Timing { stage: "choose", ms: chosen.ms },
        ];
        let nearest = dense.value.hits().first().map(|hit| hit.score);
        let (ranking, passages) = chosen.value;
        let trace = trace(&understood.value, [lexical.value, dense.value, ranking.clone()], &faq.value, timings);
        let (understood, embedding) = (understood.value, encoded.value);
        Ok(Retrieved { understood, ranking, passages, nearest, embedding, faq: faq.value, trace })
    }

    /// The ranking with what the question names and asks for first, and the passages that are to be read of it.
    fn choose(
        &self,
        fused: &Ranking,
        (understood, faq): (&Understood, &[FaqHit]),
        top_k: usize,
    ) -> Result<(Ranking, Vec<Passage>), IndexError> {
        let preference = self.config.preference;
        let ranking = by_asked(&by_topic(fused, &understood.named(), preference), faq, preference);
        let first: Vec<PassageId> = ranking.hits().iter().take(LOOKED_AT).map(|hit| hit.passage_id.clone()).collect();
        let looked_at = if understood.headings.is_empty() { Vec::new() } else { self.fetch(&first)? };
        let ranking = by_heading(&ranking, &looked_at, &understood.headings, preference);
        let standing = |id: &DocumentId| self.index.metadata(id).map(|about| &about.standing);
        let ranking = by_standing(&ranking, standing, preference);
        let siblings = |id: &DocumentId| self.index.metadata(id).map_or(&[][..], |about| about.siblings.as_slice());
        let ranking = one_of_each(&ranking, siblings);
        let passages = self.fetch(&diverse(&ranking, top_k, preference))?;
        Ok((ranking, passages))
    }

    /// What the vector of `text` finds; nothing, without an encoder.
    fn dense(&self, text: &str, filters: &Filters) -> Result<Dense, RetrievalError> {
        let Some(encoder) = self.encoder else { return Ok(Dense::default()) };
        let embedding = timed(|| encoder.encode_one(text))?;
        let ranking = timed(|| self.index.dense(&embedding.value, self.config.depth, filters))?;
        let faq = timed(|| self.index.faq(&embedding.value, ASKED_BEFORE, filters))?;
        Ok(Dense { encoded: Timed { value: Some(embedding.value), ms: embedding.ms }, ranking, faq })
    }

    fn fetch(&self, ids: &[PassageId]) -> Result<Vec<Passage>, IndexError> {
        ids.iter().filter_map(|id| self.index.passage(id).transpose()).collect()
    }
}

fn trace(
    understood: &Understood,
    [lexical, dense, fused]: [Ranking; 3],
    faq: &[FaqHit],
    timings: Vec<Timing>,
) -> Trace {
    let asked = |hit: &FaqHit| AskedTrace { question: hit.entry.question.clone(), score: hit.score };
    Trace {
        understood: understood.explained.clone(),
        steps: understood.steps.clone(),
        kind: understood.kind.name(),
        headings: understood.headings.clone(),
        topics: understood.topics.iter().map(|topic| topic.name.clone()).collect(),
        unknown: understood.unknown.clone(),
        terms: understood.terms.clone(),
        faq: faq.iter().take(ASKED_SHOWN).map(asked).collect(),
        lexical,
        dense,
        fused,
        spans: Vec::new(),
        grounds: BTreeMap::new(),
        second_opinion: None,
        timings,
    }
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<Timed<T>, E> {
    let start = Instant::now();
    let value = work()?;
    Ok(Timed { value, ms: start.elapsed().as_secs_f64() * 1e3 })
}
