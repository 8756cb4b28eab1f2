//! How sure may we be of the best candidate (pure)? A weighted sum of what speaks for it, for its passage and for the
//! question being one that the corpus can answer at all; the reader's calibration turns it into a probability.

use std::collections::BTreeMap;

use crate::evidence::{Evidence, Feature};

/// What trust is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// The evidence for all that is shown with the best candidate.
    Evidence,
    /// How far that of the best candidate of another document lies below; at most 20.
    Lead,
    /// Cosine of the question and the nearest passage.
    Nearest,
    /// Cosine of the question and what would be quoted.
    Likeness,
    /// The reader's margin, in logits.
    Margin,
    /// The share of what is asked that the document's names, the heading and the quote speak of, by rarity.
    Coverage,
    /// How much the question names the document.
    Topic,
    /// Words of the question that neither the corpus nor any table has, at most 3.
    Unknown,
    /// The share of what is asked that the document speaks of anywhere, by rarity, 0 to 1.
    Held,
    /// How rare the rarest word is of which the document does not speak.
    Missing,
    /// The share of what is asked that the document's names speak of.
    Names,
    /// The share of the evidence that speaks for what is shown, 0 to 1.
    Share,
    /// The logarithm of the likelihood that the answer stands under this heading.
    Section,
    /// Places that say it in the same words and documents that give the same figures, at most 3.
    Agreement,
}

/// A greater lead than this says no more.
pub(crate) const WIDEST_LEAD: f32 = 20.0;

/// A number for each ground.
pub(crate) type Grounds = [f32; Ground::ALL.len()];

impl Ground {
    /// Every ground, in the order of the declaration.
    pub const ALL: [Self; 14] = [
        Self::Evidence,
        Self::Lead,
        Self::Nearest,
        Self::Likeness,
        Self::Margin,
        Self::Coverage,
        Self::Topic,
        Self::Unknown,
        Self::Held,
        Self::Missing,
        Self::Names,
        Self::Share,
        Self::Section,
        Self::Agreement,
    ];

    /// Its name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Lead => "lead",
            Self::Nearest => "nearest",
            Self::Likeness => "likeness",
            Self::Margin => "margin",
            Self::Coverage => "coverage",
            Self::Topic => "topic",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Missing => "missing",
            Self::Names => "names",
            Self::Share => "share",
            Self::Section => "section",
            Self::Agreement => "agreement",
        }
    }
}

/// What a unit of each ground is worth, in the order of [`Ground::ALL`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrustWeights(pub [f32; Ground::ALL.len()]);

impl Default for TrustWeights {
    /// Fitted on the dev half of the starter questions; see `crates/README.md`.
    fn default() -> Self {
        Self([0.126, 0.086, 2.107, 2.694, 0.004, 0.618, 0.093, -1.516, 0.471, 0.0, 0.0, 0.0, 0.0, 0.0])
    }
}

/// What is known of the question's retrieval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Cosine of the nearest passage; none where words alone were searched.
    pub(crate) nearest: Option<f32>,
    /// The share of what is asked that the best document speaks of, by rarity.
    pub(crate) held: f32,
    /// How rare the rarest word is of which it does not speak.
    pub(crate) missing: f32,
    /// The share of what is asked that its names speak of.
    pub(crate) in_names: f32,
    /// Words that nothing knows.
    pub(crate) unknown: usize,
    /// Documents that give the same figures.
    pub(crate) agreeing: usize,
}

/// The grounds for trusting the first of `evidence`, which is sorted; `None` if there is none.
pub(crate) fn grounds(evidence: &[Evidence], found: Found) -> Option<Grounds> {
    let best = evidence.first()?;
    let document = &best.candidate.span.passage().document;
    let rival = evidence.iter().find(|other| other.candidate.span.passage().document != *document);
    let number = |feature: Feature| best.numbers[feature as usize];
    let ground = |ground: Ground| match ground {
        Ground::Evidence => best.mass,
        Ground::Lead => rival.map_or(WIDEST_LEAD, |rival| (best.mass - rival.mass).min(WIDEST_LEAD)),
        Ground::Nearest => found.nearest.unwrap_or(crate::evidence::UNKNOWN_LIKENESS),
        Ground::Likeness => number(Feature::Likeness),
        Ground::Margin => number(Feature::Margin),
        Ground::Coverage => number(Feature::Coverage),
        Ground::Topic => number(Feature::Topic),
        Ground::Unknown => found.unknown.min(3) as f32,
        Ground::Held => found.held,
        Ground::Missing => found.missing,
        Ground::Names => found.in_names,
        Ground::Share => {
            let all: f32 = evidence.iter().map(|other| (other.total - best.mass).exp()).sum();
            (1.0 / all).min(1.0)
        }
        Ground::Section => number(Feature::Section),
        Ground::Agreement => (best.candidate.also.len() + found.agreeing).min(3) as f32,
    };
    Some(Ground::ALL.map(ground))
}

/// All grounds together, in the units that the calibration takes.
pub(crate) fn total(grounds: &Grounds, weights: TrustWeights) -> f32 {
    grounds.iter().zip(weights.0).map(|(ground, weight)| ground * weight).sum()
}

/// The numbers by name, for traces.
pub(crate) fn by_name(grounds: &Grounds) -> BTreeMap<&'static str, f32> {
    Ground::ALL.iter().map(|ground| ground.name()).zip(grounds.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use clinqa_reader::Candidate;
    use clinqa_schema::{Document, DocumentId, Metadata, Passage, SourceLocator, Span};

    use super::*;
    use crate::Place;

    fn evidence(document: &str, total: f32) -> Evidence {
        let document = Document {
            id: DocumentId::new(document).expect("an id"),
            title: "T".into(),
            text: "Rest.".into(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        let passage = Passage::cut(&document, 0, "", 0..5).expect("a passage");
        let span = Span::new(&passage, 0..4).expect("a span");
        let candidate = Candidate { span, score: 1.0, null_score: 0.0, also: Vec::new() };
        let place = Place { quote: 0..5, span: 0..4 };
        let shown = place.clone();
        Evidence { candidate, place, numbers: [0.0; Feature::ALL.len()], total, shown, mass: total }
    }

    #[test]
    fn the_lead_is_over_another_document() {
        let found = Found { nearest: Some(0.5), held: 0.5, missing: 0.0, in_names: 0.5, unknown: 9, agreeing: 0 };
        let lead = |evidence: &[Evidence]| by_name(&grounds(evidence, found).expect("grounds"))["lead"];
        assert!((lead(&[evidence("a", 9.0), evidence("a", 8.0), evidence("b", 6.0)]) - 3.0).abs() < 1e-6);
        assert!((lead(&[evidence("a", 9.0), evidence("a", 8.0)]) - WIDEST_LEAD).abs() < 1e-6);
        assert_eq!(grounds(&[], found), None);
    }

    #[test]
    fn every_ground_has_its_place() {
        let places = Ground::ALL.iter().enumerate().all(|(at, ground)| *ground as usize == at);
        let features = Feature::ALL.iter().enumerate().all(|(at, feature)| *feature as usize == at);
        assert!(places && features);
    }
}
