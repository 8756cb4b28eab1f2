//! `clinqa label`: what kind of text is this?

use std::process::ExitCode;

use clinqa_encoder::EncodeError;
use clinqa_labels::{Classified, Classifier, Problem};
use clinqa_schema::Silent;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::args::LabelArgs;
use crate::settings::Settings;
use crate::texts::{self, Verb};
use crate::{models, output};

/// Labels that a person is shown, where there are more.
const SHOWN: usize = 5;

pub(crate) fn run(settings: &Settings, args: &LabelArgs) -> anyhow::Result<ExitCode> {
    let classifier = models::classifier(settings, &args.texts.model)?;
    output::warn(classifier.warnings());
    texts::run(&Labelling { classifier, threshold: args.threshold }, &args.texts)
}

struct Labelling {
    classifier: Classifier,
    threshold: f32,
}

/// `label` where a text has one, `labels` where it may have several; the probability of each, the likeliest first.
#[derive(Serialize)]
struct Labelled {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
    probabilities: Ordered,
    /// Only where the end of the text was not read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// An object whose members keep their order.
struct Ordered(Vec<(String, f32)>);

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Labelling {
    fn told(&self, found: &Classified) -> Labelled {
        let problem = self.classifier.problem();
        let holding = found.holding(problem, self.threshold);
        let names: Vec<String> = holding.iter().map(|&at| self.classifier.labels()[at].clone()).collect();
        let ranked = self.classifier.ranked(found);
        let (label, labels) = match problem {
            Problem::Single => (names.into_iter().next(), None),
            Problem::Multi => (None, Some(names)),
        };
        let probabilities = Ordered(ranked.iter().map(|s| (s.label.to_owned(), s.probability)).collect());
        Labelled { label, labels, probabilities, truncated: found.is_cut }
    }
}

impl Verb for Labelling {
    type Told = Labelled;

    fn apply(&self, texts: &[&str]) -> Result<Vec<Labelled>, EncodeError> {
        let found = self.classifier.classify(texts, &mut Silent)?;
        Ok(found.iter().map(|found| self.told(found)).collect())
    }

    fn show(&self, told: &Labelled) -> String {
        let holds = |name: &String| {
            told.label.as_ref() == Some(name) || told.labels.as_ref().is_some_and(|labels| labels.contains(name))
        };
        let row = |(name, probability): &(String, f32)| {
            let mark = if holds(name) { '*' } else { ' ' };
            format!("{mark} {:>5.1}%  {}", probability * 100.0, output::plain(name))
        };
        let rows = told.probabilities.0.iter();
        let mut lines: Vec<String> = rows
            .enumerate()
            .filter(|(place, (name, _))| *place < SHOWN || holds(name))
            .map(|(_, pair)| row(pair))
            .collect();
        if told.truncated {
            lines.push("The text is longer than the model reads: its end was left out.".to_owned());
        }
        lines.join("\n")
    }
}
