//! How much speaks for a candidate: the reader's margin, the rank of its passage, the likeness of its sentence, and how
//! many of the question's words its passage holds (pure).

use std::cmp::Ordering;

use clinqa_reader::{Calibration, Candidate};

/// What speaks for one candidate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evidence {
    /// The span and where else it stands.
    pub(crate) candidate: Candidate,
    /// The fused score of its passage, 0 to 1 under a min-max fusion.
    pub(crate) rank: f32,
    /// Cosine of the question and what would be quoted; [`UNKNOWN_LIKENESS`] where words alone were searched.
    pub(crate) likeness: f32,
    /// The share of the question's words that its passage holds, 0 to 1.
    pub(crate) coverage: f32,
    /// 1 if it stands under a heading that the question asks for, else 0.
    pub(crate) aspect: f32,
}

/// Stands for a likeness that no encoder measured. With 0 in its place nothing would ever be sure enough, and searching
/// by words alone would always abstain; with this it abstains on as many unanswerable dev questions as the fused search
/// (0.90 of 60) and answers fewer of the others (0.26 of 120 accepted, 0.10 wrong). At 0.5 it abstained on 0.68 only.
pub(crate) const UNKNOWN_LIKENESS: f32 = 0.43;

/// What each kind of evidence is worth, in units of the reader's margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvidenceWeights {
    /// Of a fused score of 1.
    pub rank: f32,
    /// Of a cosine of 1.
    pub likeness: f32,
    /// Of all words of the question.
    pub coverage: f32,
    /// Of the heading that is asked for.
    pub aspect: f32,
}

impl Default for EvidenceWeights {
    /// Chosen on the dev half of the starter questions; see `crates/README.md`.
    fn default() -> Self {
        Self { rank: 2.0, likeness: 60.0, coverage: 0.0, aspect: 2.0 }
    }
}

impl Evidence {
    /// All of it, in units of the reader's margin.
    pub(crate) fn total(&self, weights: EvidenceWeights) -> f32 {
        let Evidence { candidate, rank, likeness, coverage, aspect } = self;
        let place = weights.rank * rank + weights.aspect * aspect;
        candidate.margin() + place + weights.likeness * likeness + weights.coverage * coverage
    }

    /// The calibrated probability that the candidate answers.
    pub(crate) fn probability(&self, weights: EvidenceWeights, calibration: &Calibration) -> f32 {
        calibration.probability(self.total(weights))
    }
}

/// Best first; ties keep the order of margins.
pub(crate) fn sort(evidence: &mut [Evidence], weights: EvidenceWeights) {
    evidence.sort_by(|a, b| b.total(weights).partial_cmp(&a.total(weights)).unwrap_or(Ordering::Equal));
}

/// The share of `terms` that `text` holds, endings apart: all but the last two letters of a longer word must agree.
pub(crate) fn coverage(terms: &[String], text: &str) -> f32 {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let holds = |term: &str| words.iter().any(|word| word.starts_with(stem(term)));
    let parts: Vec<&str> = terms
        .iter()
        .flat_map(|term| term.split(|c: char| !c.is_alphanumeric()))
        .filter(|part| !part.is_empty())
        .collect();
    let held = parts.iter().filter(|part| holds(part)).count();
    held as f32 / parts.len().max(1) as f32
}

fn stem(term: &str) -> &str {
    let letters = term.chars().count();
    let kept = if letters > 5 { letters - 2 } else { letters };
    term.char_indices().nth(kept).map_or(term, |(end, _)| &term[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_covered_whatever_their_ending() {
        let check = |terms: &[&str], text: &str, expected: f32| {
            let terms: Vec<String> = terms.iter().map(ToString::to_string).collect();
            assert!((coverage(&terms, text) - expected).abs() < 1e-6, "{terms:?} in {text}");
        };
        check(&["treated", "asthma"], "Treatment of asthma", 1.0);
        check(&["zolfendrine", "tablets"], "A tablet a day", 0.5);
        check(&["af"], "after", 1.0);
        check(&["af"], "flutter", 0.0);
        check(&["type-2", "naïveté"], "type 2, naïve", 1.0);
        check(&[], "anything", 0.0);
    }
}
