//! What happened on the way to a reply, as a value.

use serde::Serialize;

use crate::{PassageId, Ranking};

/// Both rankings, the fused one, the spans that were read, and the time of each stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Trace {
    /// The words that were searched for, as understood.
    pub terms: Vec<String>,
    /// The BM25 ranking, cut for display.
    pub lexical: Ranking,
    /// The ranking by cosine, cut for display.
    pub dense: Ranking,
    /// The fused ranking, cut for display.
    pub fused: Ranking,
    /// The best candidates for the answer, most evidence first.
    pub spans: Vec<SpanTrace>,
    /// Stages in the order they ran.
    pub timings: Vec<Timing>,
}

/// A candidate for the answer, and what speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpanTrace {
    /// The passage.
    pub passage_id: PassageId,
    /// The span's text.
    pub text: String,
    /// What would be quoted for it.
    pub quote: String,
    /// Sum of start and end logit.
    pub score: f32,
    /// The score of "no answer here": sum of the logits at `[CLS]`.
    pub null_score: f32,
    /// The fused score of the passage.
    pub rank: f32,
    /// Cosine of the question and what would be quoted.
    pub likeness: f32,
    /// The share of the question's words that the passage holds.
    pub coverage: f32,
    /// 1 if it stands under a heading that the question asks for, else 0.
    pub aspect: f32,
    /// All of it together.
    pub evidence: f32,
    /// The calibrated probability that the span answers.
    pub probability: f32,
}

/// How long a stage took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timing {
    /// The stage.
    pub stage: &'static str,
    /// Milliseconds.
    pub ms: f64,
}
