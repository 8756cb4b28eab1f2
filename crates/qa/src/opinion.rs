//! What does a classifier say of a question that the rules took for no emergency?

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use clinqa_encoder::EncodeError;
use clinqa_labels::{Classifier, Problem};
use clinqa_safety::{Choice, Opinion, Rules, Screening, Verdict, heed};
use clinqa_schema::{LabelTrace, OpinionEffect, OpinionTrace, Silent, Timing};

use crate::{Ask, Error, Models};

/// Labels that an error or a trace names.
const NAMED: usize = 10;

/// A classifier that may add notices to those of the rules, and takes none away.
pub struct SecondOpinion {
    classifier: Classifier,
    threshold: f32,
    heeded: Vec<String>,
    ignored: Vec<String>,
}

impl SecondOpinion {
    /// From which probability on a label speaks, unless told otherwise. Labelled messages hold far more emergencies than
    /// what people ask: 0.9 by a classifier that has seen as many as not means about one in three where one question of
    /// twenty tells of one.
    pub const THRESHOLD: f32 = 0.9;

    /// A classifier with labels that `rules` go by; one without any is refused.
    pub fn new(classifier: Classifier, rules: &Rules, threshold: f32) -> Result<Self, Error> {
        let labels = classifier.labels().iter().cloned();
        let (heeded, ignored): (Vec<String>, Vec<String>) = labels.partition(|label| rules.named(label).is_some());
        if heeded.is_empty() {
            let some: Vec<String> =
                ignored.iter().take(NAMED).map(|label| label.escape_default().to_string()).collect();
            return Err(Error::Mute { model: classifier.name().to_owned(), labels: some.join(", ") });
        }
        Ok(Self { classifier, threshold, heeded, ignored })
    }

    /// The classifier's name.
    pub fn name(&self) -> &str {
        self.classifier.name()
    }

    /// What was doubtful about its checkpoint.
    pub fn warnings(&self) -> &[String] {
        self.classifier.warnings()
    }

    /// Labels by which it may speak.
    pub fn heeded(&self) -> &[String] {
        &self.heeded
    }

    /// Labels that are no rule's and say nothing.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// What it adds to `screening`: one forward pass over the question alone.
    fn add(&self, rules: &Rules, ask: &Ask, screening: Screening) -> (Screening, OpinionTrace) {
        let heard = heard(|| {
            let found = self.classifier.classify(&[ask.question.text()], &mut Silent)?;
            Ok(found.into_iter().next().map(|found| found.probabilities).unwrap_or_default())
        });
        let model = self.name().to_owned();
        let Some(probabilities) = heard.filter(|found| found.len() == self.classifier.labels().len()) else {
            let trace = OpinionTrace { model, effect: OpinionEffect::Failed, added: Vec::new(), labels: Vec::new() };
            return (screening, trace);
        };
        let labels = self.classifier.labels().iter().map(String::as_str);
        let labels: Vec<(&str, f32)> = labels.zip(probabilities).collect();
        let choice = match self.classifier.problem() {
            Problem::Single => Choice::One,
            Problem::Multi => Choice::Any,
        };
        let opinion = Opinion { labels: &labels, choice, threshold: self.threshold };
        let before = screening.clone();
        let after = heed(rules, screening, &opinion, ask.region.as_ref());
        let new = after.notices.iter().filter(|notice| !before.notices.contains(notice));
        let added: Vec<String> = new.map(|notice| notice.rule.clone()).collect();
        let effect = if added.is_empty() { OpinionEffect::Silent } else { OpinionEffect::Added };
        (after, OpinionTrace { model, effect, added, labels: self.told(&labels) })
    }

    fn told(&self, labels: &[(&str, f32)]) -> Vec<LabelTrace> {
        let speaking = labels.iter().filter(|(label, _)| self.heeded.iter().any(|heeded| heeded == label));
        let mut told: Vec<LabelTrace> = speaking
            .map(|(label, probability)| LabelTrace { label: (*label).to_owned(), probability: *probability })
            .collect();
        told.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        told.truncate(NAMED);
        told
    }
}

/// What was said of a question, and how long that took.
pub(crate) struct Heard {
    pub(crate) trace: OpinionTrace,
    pub(crate) timing: Timing,
}

/// What the rules said with what a second opinion adds, if there is one; an emergency that they saw does not wait for it.
pub(crate) fn second(models: &Models, ask: &Ask, screening: Screening) -> (Screening, Option<Heard>) {
    let Some(opinion) = models.second_opinion.as_ref().filter(|_| screening.verdict != Verdict::Redirect) else {
        return (screening, None);
    };
    let start = Instant::now();
    let (screening, trace) = opinion.add(&models.rules, ask, screening);
    let timing = Timing { stage: "second-opinion", ms: start.elapsed().as_secs_f64() * 1e3 };
    (screening, Some(Heard { trace, timing }))
}

/// Probabilities, unless reading them fails, panics, or gives what is no number: then the rules stand alone.
fn heard(read: impl FnOnce() -> Result<Vec<f32>, EncodeError>) -> Option<Vec<f32>> {
    // Models are never written to, so that a panic leaves them as they were.
    let found = catch_unwind(AssertUnwindSafe(read)).ok()?.ok()?;
    found.iter().all(|probability| probability.is_finite()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opinion_that_cannot_be_had_is_none() {
        assert_eq!(heard(|| Ok(vec![0.25, 0.75])), Some(vec![0.25, 0.75]));
        assert_eq!(heard(|| Ok(vec![0.25, f32::NAN])), None);
        assert_eq!(heard(|| Ok(vec![f32::INFINITY])), None);
        assert_eq!(heard(|| Err(EncodeError::TooLong { found: 9, limit: 8 })), None);
        assert_eq!(heard(|| panic!("planted")), None);
    }
}
