//! `clinqa tag`: which things does this text name, and where?

use std::process::ExitCode;

use clinqa_encoder::EncodeError;
use clinqa_labels::{Entity, Tagger};
use clinqa_schema::Silent;
use serde::Serialize;

use crate::args::TagArgs;
use crate::settings::Settings;
use crate::texts::{self, Verb};
use crate::{models, output};

pub(crate) fn run(settings: &Settings, args: &TagArgs) -> anyhow::Result<ExitCode> {
    let tagger = models::tagger(settings, &args.texts.model)?;
    output::warn(tagger.warnings());
    texts::run(&Tagging(tagger), &args.texts)
}

struct Tagging(Tagger);

#[derive(Serialize)]
struct Tagged {
    spans: Vec<Span>,
}

/// `start` and `end` count Unicode scalar values of the text, as all our offsets on the wire do.
#[derive(Serialize)]
struct Span {
    start: usize,
    end: usize,
    label: String,
    text: String,
    score: f32,
}

fn span(text: &str, entity: Entity) -> Span {
    let Entity { bytes, chars, label, score } = entity;
    Span { start: chars.start, end: chars.end, label, text: text[bytes].to_owned(), score }
}

impl Verb for Tagging {
    type Told = Tagged;

    fn apply(&self, texts: &[&str]) -> Result<Vec<Tagged>, EncodeError> {
        let found = self.0.tag(texts, &mut Silent)?;
        let told = |(entities, text): (Vec<Entity>, &&str)| Tagged {
            spans: entities.into_iter().map(|entity| span(text, entity)).collect(),
        };
        Ok(found.into_iter().zip(texts).map(told).collect())
    }

    fn show(&self, told: &Tagged) -> String {
        if told.spans.is_empty() {
            return "Nothing found.".to_owned();
        }
        let widest = told.spans.iter().map(|span| span.label.chars().count()).max().unwrap_or(0);
        let row = |span: &Span| {
            let place = format!("{}-{}", span.start, span.end);
            let label = output::plain(&span.label);
            format!("{place:>13}  {label:<widest$}  {:>4.0}%  {}", span.score * 100.0, output::plain(&span.text))
        };
        told.spans.iter().map(row).collect::<Vec<_>>().join("\n")
    }
}
