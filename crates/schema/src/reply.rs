//! What comes back: an answer with its citations, an honest "I do not know", or a redirect.

use serde::{Deserialize, Serialize};

use crate::{Date, DocumentId, PassageId, Standing, Trace};

/// The reply to one question, as `ask --json`, `--batch` and `POST /v1/ask` write it.
///
/// Invariant: `answer` is there if and only if `outcome` is `answered`, `reason` if and only if it is not.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reply {
    /// What became of the question.
    pub outcome: Outcome,
    /// Why it was not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Abstention>,
    /// What the reader must know first; an emergency leads.
    pub notices: Vec<Notice>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Passages worth reading.
    pub reading: Vec<Reading>,
    /// The generation of the index that was asked.
    pub generation: String,
    /// The encoder's name; empty if only words were searched.
    pub encoder: String,
    /// The reader's name; empty if none was waited for.
    pub reader: String,
    /// Milliseconds from question to reply.
    pub took_ms: f64,
    /// How it came about, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// There is an answer with its source.
    Answered,
    /// There is none that can be stood by.
    Abstained,
    /// Somebody must be called first.
    Redirected,
}

/// Why a question was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Abstention {
    /// The corpus does not hold the answer, or not surely enough.
    Unsupported,
    /// It asks for advice on one's own case.
    Personal,
    /// It is not about health, or not in English.
    Scope,
    /// It describes an emergency.
    Emergency,
}

/// Something to know before reading on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notice {
    /// How grave it is.
    pub kind: NoticeKind,
    /// The rule that fired.
    pub rule: String,
    /// One line.
    pub title: String,
    /// What to do, in plain words.
    pub text: String,
    /// Whom to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// The public body whose guidance the notice follows.
    pub source: String,
}

/// The kind of a notice, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// Call now.
    Emergency,
    /// What this system will not do.
    Boundary,
    /// What this system does not know about.
    Scope,
    /// A source was withdrawn.
    Retraction,
    /// A source is old.
    Age,
}

impl NoticeKind {
    /// Whether it says what to do, after a public body; the others speak of a source, and name in their text who says so, or
    /// of what can be asked here.
    pub fn is_advice(self) -> bool {
        !matches!(self, Self::Scope | Self::Retraction | Self::Age)
    }
}

/// A number to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Call {
    /// The region as an ISO 3166 code; empty if unknown.
    pub region: String,
    /// The number, or words where the region is unknown.
    pub number: String,
}

/// An answer: a verbatim span, at least one citation, a confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    text: String,
    confidence: f32,
    confidence_label: ConfidenceLabel,
    citations: Vec<Citation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differing: Vec<Citation>,
}

impl Answer {
    /// An answer backed by `first` and perhaps by `others`.
    pub fn new(text: String, confidence: Confidence, first: Citation, others: Vec<Citation>) -> Self {
        let mut citations = vec![first];
        citations.extend(others);
        let differing = Vec::new();
        Self { text, confidence: confidence.value(), confidence_label: confidence.label(), citations, differing }
    }

    /// The same, beside what sources say that give other figures.
    #[must_use]
    pub fn differing_from(self, differing: Vec<Citation>) -> Self {
        Self { differing, ..self }
    }

    /// Sources that give other figures for what was asked.
    pub fn differing(&self) -> &[Citation] {
        &self.differing
    }

    /// The answer's text, verbatim from the first citation.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The calibrated confidence, 0 to 1.
    pub fn confidence(&self) -> f32 {
        self.confidence
    }

    /// The confidence in words.
    pub fn confidence_label(&self) -> ConfidenceLabel {
        self.confidence_label
    }

    /// The sources, at least one.
    pub fn citations(&self) -> &[Citation] {
        &self.citations
    }
}

/// A probability, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f32);

impl Confidence {
    /// Clamps `value` to 0..=1; what is not a number becomes 0.
    pub fn new(value: f32) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    /// The number.
    pub fn value(self) -> f32 {
        self.0
    }

    /// The word for it.
    pub fn label(self) -> ConfidenceLabel {
        match self.0 {
            p if p >= 0.75 => ConfidenceLabel::High,
            p if p >= 0.5 => ConfidenceLabel::Moderate,
            _ => ConfidenceLabel::Low,
        }
    }
}

/// Confidence in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ConfidenceLabel {
    /// At least 0.75.
    High,
    /// At least 0.5.
    Moderate,
    /// Below 0.5.
    Low,
}

impl ConfidenceLabel {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Moderate => "moderate",
            Self::Low => "low",
        }
    }
}

/// Where an answer stands, to the character.
///
/// `start..end` bounds the quote and `answer_start..answer_end` the span in it, in Unicode scalar values of the
/// document's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Citation {
    /// The document.
    pub document_id: DocumentId,
    /// Its title.
    pub title: String,
    /// The heading of the section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// Who publishes it.
    pub publisher: String,
    /// What it is.
    pub kind: String,
    /// When it was written or published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Date>,
    /// Where it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The page, where the source has pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The grade of the evidence or the strength of the recommendation, where the source states one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<String>,
    /// Whether the document still stands; not said while it does.
    #[serde(default, skip_serializing_if = "Standing::is_current")]
    pub standing: Standing,
    /// Documents that say nearly the same and are not listed beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub siblings: Vec<DocumentId>,
    /// The passage.
    pub passage_id: PassageId,
    /// The sentence or sentences, verbatim.
    pub quote: String,
    /// First character of the quote.
    pub start: usize,
    /// End of the quote.
    pub end: usize,
    /// First character of the span.
    pub answer_start: usize,
    /// End of the span.
    pub answer_end: usize,
}

/// A passage worth reading, with the score it was ranked by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reading {
    /// Where it stands; without a span of its own, the answer bounds are the quote's.
    #[serde(flatten)]
    pub citation: Citation,
    /// The fused score.
    pub score: f32,
}
