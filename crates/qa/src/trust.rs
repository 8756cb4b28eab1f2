//! How sure may we be of the best candidate (pure)? As sure as that the corpus can answer the question at all, times as
//! sure as that this candidate then does: an absent topic may well have one candidate that stands out.

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
    /// The share of what is asked that the document's names, the heading and the quote speak of, by rarity.
    Coverage,
    /// How much the question names the document.
    Topic,
    /// Words of the question that neither the corpus nor any table has, at most 3.
    Unknown,
    /// The share of what is asked that the document speaks of anywhere, by rarity, 0 to 1.
    Held,
    /// The share of what is asked that the document's names speak of.
    Names,
    /// The share of the evidence that speaks for what is shown, 0 to 1.
    Share,
    /// Places that say it in the same words and documents that give the same figures, at most 3.
    Agreement,
    /// Diseases, medicines, tests and procedures of the question that what is shown does not speak of, at most 2.
    Unspoken,
    /// How much likelier than not the question is about something other than health, as a logarithm; -3 to 3, and -3 where it
    /// speaks of medicine or no vector tells.
    Elsewhere,
    /// How much says that people ask the same and are answered where the best candidate stands.
    Asked,
    /// The cosine of the question that is most like this one of those that its document answers; 0 if no corpus says what
    /// people ask of it.
    AskedOf,
}

/// A greater lead than this says no more.
pub(crate) const WIDEST_LEAD: f32 = 20.0;

/// The same for the logarithm of how likely a question is not about health.
const MOST_ELSEWHERE: f32 = 3.0;

/// A number for each ground.
pub(crate) type Grounds = [f32; Ground::ALL.len()];

impl Ground {
    /// Every ground, in the order of the declaration.
    pub const ALL: [Self; 15] = [
        Self::Evidence,
        Self::Lead,
        Self::Nearest,
        Self::Likeness,
        Self::Coverage,
        Self::Topic,
        Self::Unknown,
        Self::Held,
        Self::Names,
        Self::Share,
        Self::Agreement,
        Self::Unspoken,
        Self::Elsewhere,
        Self::Asked,
        Self::AskedOf,
    ];

    /// Its name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Lead => "lead",
            Self::Nearest => "nearest",
            Self::Likeness => "likeness",
            Self::Coverage => "coverage",
            Self::Topic => "topic",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Names => "names",
            Self::Share => "share",
            Self::Agreement => "agreement",
            Self::Unspoken => "unspoken",
            Self::Elsewhere => "elsewhere",
            Self::Asked => "asked",
            Self::AskedOf => "asked_of",
        }
    }
}

/// What a unit of each ground is worth, in the order of [`Ground::ALL`], and what is taken for granted: log-odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// By ground.
    pub weights: [f32; Ground::ALL.len()],
    /// Without any.
    pub bias: f32,
}

/// What trust is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrustWeights {
    /// Whether the corpus can answer the question.
    pub answerable: Worth,
    /// Whether the candidate answers a question that can be answered.
    pub right: Worth,
}

impl Default for TrustWeights {
    /// Fitted on the dev half of the starter questions, asked also where their articles are missing, and on questions about
    /// other things than health; see `crates/README.md`.
    fn default() -> Self {
        Self {
            answerable: Worth {
                weights: [
                    0.026, 0.106, 8.184, 1.272, 0.314, 0.825, -2.084, 1.267, 1.854, 0.0, 0.0, -2.891, -0.325, 0.0, 0.0,
                ],
                bias: -6.607,
            },
            right: Worth {
                weights: [0.174, -0.037, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.483, 0.0, 0.0, 0.0, 0.0, 0.0],
                bias: -3.359,
            },
        }
    }
}

impl TrustWeights {
    /// The same for an answer from a document of which a corpus says what people ask, fitted likewise.
    pub fn with_faq() -> Self {
        Self {
            answerable: Worth {
                weights: [
                    0.059, 0.112, 3.718, -0.43, -0.143, 0.571, -2.055, 1.142, 1.904, 0.0, 0.0, -2.513, -0.312, 0.0,
                    7.361,
                ],
                bias: -8.002,
            },
            right: Worth {
                weights: [0.154, -0.014, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.494, 0.0, 0.0, 0.0, -0.025, 0.0],
                bias: -3.054,
            },
        }
    }

    /// How sure we may be, in log-odds, by the grounds of a trace; `None` if one is missing.
    pub fn total(&self, by_name: &BTreeMap<&'static str, f32>) -> Option<f32> {
        let mut grounds = Grounds::default();
        for (ground, value) in Ground::ALL.iter().zip(&mut grounds) {
            *value = *by_name.get(ground.name())?;
        }
        Some(total(&grounds, *self))
    }
}

impl Worth {
    fn probability(&self, grounds: &Grounds) -> f32 {
        let sum: f32 = grounds.iter().zip(self.weights).map(|(ground, weight)| ground * weight).sum();
        1.0 / (1.0 + (-(sum + self.bias)).exp())
    }
}

/// What is known of the question's retrieval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Cosine of the nearest passage; none where words alone were searched.
    pub(crate) nearest: Option<f32>,
    /// The share of what is asked that the best document speaks of, by rarity.
    pub(crate) held: f32,
    /// The share of what is asked that its names speak of.
    pub(crate) in_names: f32,
    /// Words that nothing knows.
    pub(crate) unknown: usize,
    /// Documents that give the same figures.
    pub(crate) agreeing: usize,
    /// Things that the question names and what is shown does not.
    pub(crate) unspoken: usize,
    /// Whether a corpus says what people ask of the best document.
    pub(crate) has_faq: bool,
    /// How much likelier than not it is about something other than health, as a logarithm; none where it speaks of medicine or
    /// no vector tells.
    pub(crate) elsewhere: Option<f32>,
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
        Ground::Coverage => number(Feature::Coverage),
        Ground::Topic => number(Feature::Topic),
        Ground::Unknown => found.unknown.min(3) as f32,
        Ground::Held => found.held,
        Ground::Names => found.in_names,
        Ground::Share => {
            let all: f32 = evidence.iter().map(|other| (other.total - best.mass).exp()).sum();
            (1.0 / all).min(1.0)
        }
        Ground::Agreement => (best.candidate.also.len() + found.agreeing).min(3) as f32,
        Ground::Unspoken => found.unspoken.min(2) as f32,
        Ground::Asked => number(Feature::Asked),
        Ground::AskedOf => {
            if found.has_faq {
                number(Feature::AskedOf)
            } else {
                0.0
            }
        }
        Ground::Elsewhere => found.elsewhere.unwrap_or(-MOST_ELSEWHERE).clamp(-MOST_ELSEWHERE, MOST_ELSEWHERE),
    };
    Some(Ground::ALL.map(ground))
}

/// All grounds together, in log-odds: what the calibration takes.
pub(crate) fn total(grounds: &Grounds, weights: TrustWeights) -> f32 {
    /// Nothing is surer than this.
    const SUREST: f32 = 0.9999;
    let both = weights.answerable.probability(grounds) * weights.right.probability(grounds);
    let both = both.clamp(1.0 - SUREST, SUREST);
    (both / (1.0 - both)).ln()
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
        let found = Found {
            nearest: Some(0.5),
            held: 0.5,
            in_names: 0.5,
            unknown: 9,
            agreeing: 0,
            unspoken: 0,
            has_faq: false,
            elsewhere: None,
        };
        let lead = |evidence: &[Evidence]| by_name(&grounds(evidence, found).expect("grounds"))["lead"];
        assert!((lead(&[evidence("a", 9.0), evidence("a", 8.0), evidence("b", 6.0)]) - 3.0).abs() < 1e-6);
        assert!((lead(&[evidence("a", 9.0), evidence("a", 8.0)]) - WIDEST_LEAD).abs() < 1e-6);
        assert_eq!(grounds(&[], found), None);
    }

    #[test]
    fn trust_needs_a_question_that_can_be_answered_and_a_candidate_that_does() {
        let found = |nearest, held| Found {
            nearest: Some(nearest),
            held,
            in_names: held,
            unknown: 0,
            agreeing: 0,
            unspoken: 0,
            has_faq: false,
            elsewhere: None,
        };
        let total = |nearest, held, rival: f32| {
            let grounds = grounds(&[evidence("a", 14.0), evidence("b", rival)], found(nearest, held)).expect("grounds");
            let total = total(&grounds, TrustWeights::default());
            assert_eq!(TrustWeights::default().total(&by_name(&grounds)), Some(total));
            total
        };
        let sure = total(0.7, 1.0, 6.0);
        assert!(total(0.2, 0.1, 6.0) < sure, "another topic");
        assert!(total(0.7, 1.0, 13.9) < sure, "another candidate is as good");
        assert!(total(f32::MAX, 1.0, 6.0).is_finite());
    }

    #[test]
    fn what_does_not_speak_of_the_thing_asked_about_is_trusted_less() {
        let found = |unspoken| Found {
            nearest: Some(0.6),
            held: 0.6,
            in_names: 0.6,
            unknown: 0,
            agreeing: 0,
            unspoken,
            has_faq: false,
            elsewhere: None,
        };
        let total = |unspoken| {
            let grounds = grounds(&[evidence("a", 14.0), evidence("b", 6.0)], found(unspoken)).expect("grounds");
            total(&grounds, TrustWeights::default())
        };
        assert!(total(0) > total(1) && total(1) > total(2));
        assert!((total(2) - total(9)).abs() < 1e-6);
    }

    #[test]
    fn what_people_ask_is_a_ground_only_where_it_is_known_of_the_document() {
        let mut best = evidence("a", 14.0);
        best.numbers[Feature::AskedOf as usize] = 0.8;
        let asked_of = |has_faq| {
            let found = Found {
                nearest: None,
                held: 0.6,
                in_names: 0.6,
                unknown: 0,
                agreeing: 0,
                unspoken: 0,
                has_faq,
                elsewhere: None,
            };
            by_name(&grounds(std::slice::from_ref(&best), found).expect("grounds"))["asked_of"]
        };
        assert_eq!((asked_of(true), asked_of(false)), (0.8, 0.0));
    }

    #[test]
    fn every_ground_has_its_place() {
        let places = Ground::ALL.iter().enumerate().all(|(at, ground)| *ground as usize == at);
        let features = Feature::ALL.iter().enumerate().all(|(at, feature)| *feature as usize == at);
        assert!(places && features);
    }
}
