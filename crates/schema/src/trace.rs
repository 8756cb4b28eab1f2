//! What happened on the way to a reply, as a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{PassageId, Ranking};

/// Both rankings, the fused one, the spans that were read, and the time of each stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trace {
    /// The question as it was understood: completed, mended, other names explained.
    pub understood: String,
    /// What was changed on the way there, in order.
    pub steps: Vec<UnderstandingStep>,
    /// The kind of answer that is wanted.
    pub kind: &'static str,
    /// The headings that are asked for.
    pub headings: Vec<&'static str>,
    /// Names of documents that stand in the question.
    pub topics: Vec<String>,
    /// Words that neither the corpus nor any table has.
    pub unknown: Vec<String>,
    /// The words that were searched for, as understood.
    pub terms: Vec<String>,
    /// What people ask that is most like it, the most alike first; none, if no corpus says what they ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faq: Vec<AskedTrace>,
    /// The BM25 ranking, cut for display.
    pub lexical: Ranking,
    /// The ranking by cosine, cut for display.
    pub dense: Ranking,
    /// The fused ranking, cut for display.
    pub fused: Ranking,
    /// The best candidates for the answer, most evidence first.
    pub spans: Vec<SpanTrace>,
    /// The grounds for trusting the best candidate, by name.
    pub grounds: BTreeMap<&'static str, f32>,
    /// What a second opinion said of the question, if one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_opinion: Option<OpinionTrace>,
    /// Stages in the order they ran.
    pub timings: Vec<Timing>,
}

/// What a learned second opinion said of a question in which the rules saw no emergency.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpinionTrace {
    /// The classifier's name.
    pub model: String,
    /// What came of it.
    pub effect: OpinionEffect,
    /// The rules whose notices it added.
    pub added: Vec<String>,
    /// The labels by which it may speak, the likeliest first.
    pub labels: Vec<LabelTrace>,
}

/// What came of a second opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OpinionEffect {
    /// Nothing: what the rules said stands.
    Silent,
    /// A notice.
    Added,
    /// Nothing, since it could not be computed.
    Failed,
}

impl OpinionEffect {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Added => "added",
            Self::Failed => "failed",
        }
    }
}

/// A label and how probable it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LabelTrace {
    /// The label.
    pub label: String,
    /// From 0 to 1.
    pub probability: f32,
}

impl Trace {
    /// Whether a second opinion was asked and could not be computed.
    pub fn lacks_opinion(&self) -> bool {
        self.second_opinion.as_ref().is_some_and(|opinion| opinion.effect == OpinionEffect::Failed)
    }
}

/// A question that people ask, and how like this one it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AskedTrace {
    /// As the corpus has it.
    pub question: String,
    /// The cosine.
    pub score: f32,
}

/// One change that was made to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnderstandingStep {
    /// The step: spelling, abbreviations, …
    pub step: &'static str,
    /// The words as they were.
    pub from: String,
    /// What they were taken for.
    pub to: String,
}

/// A candidate for the answer, and what speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanTrace {
    /// The passage.
    pub passage_id: PassageId,
    /// The span's text.
    pub text: String,
    /// What must be quoted for it to mean what it means.
    pub quote: String,
    /// What would be shown: the quote, widened.
    pub shown: String,
    /// How much there is of each kind of evidence, by name.
    pub features: BTreeMap<&'static str, f32>,
    /// All of it together.
    pub evidence: f32,
}

/// What a word that was searched for adds to the BM25 score of a passage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WordScore {
    /// The word as it was searched for, in lower case.
    pub word: String,
    /// Its part of the score; 0 if the passage does not hold it.
    pub score: f32,
}

/// How long a stage took.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Timing {
    /// The stage.
    pub stage: &'static str,
    /// Milliseconds.
    pub ms: f64,
}
