//! What in a text does a tagger take for something that could tell who wrote it?

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clinqa_encoder::EncodeError;
use clinqa_labels::{Entity, Tagger};
use clinqa_safety::{Kind, Redaction};
use clinqa_schema::Silent;

use crate::commands::UsageError;
use crate::settings::Settings;
use crate::{models, output};

/// Labels that an error names.
const NAMED: usize = 10;

/// A tagger whose labels are classes of identifiers.
pub(crate) struct Identifiers(Tagger);

/// Why nobody can say what a tagger finds. Whoever wanted it left out must not write the text down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentifiersError {
    #[error("the tagger could not be computed: {0}")]
    Encode(#[from] EncodeError),
    #[error("the tagger broke down")]
    Panic,
}

impl Identifiers {
    /// Opens the tagger that is named, if one is; labels that are no class of identifiers go to stderr.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(name) = &settings.tagger else { return Ok(None) };
        let tagger = models::tagger(settings, name)?;
        output::warn(tagger.warnings());
        let (taken, left) = labels(tagger.tags());
        if taken.is_empty() {
            let some: Vec<String> = left.iter().take(NAMED).map(|label| label.escape_default().to_string()).collect();
            return Err(UsageError::Blind { model: tagger.name().to_owned(), labels: some.join(", ") }.into());
        }
        output::note_ignored("The tagger takes out", &taken, &left);
        Ok(Some(Self(tagger)))
    }

    /// The identifiers of `text`, in bytes on character bounds.
    pub(crate) fn find(&self, text: &str) -> Result<Vec<Redaction>, IdentifiersError> {
        identifiers(|| self.0.tag(&[text], &mut Silent))
    }
}

/// Classes of identifiers among the entities that `tag` finds, unless it fails or panics.
fn identifiers(
    tag: impl FnOnce() -> Result<Vec<Vec<Entity>>, EncodeError>,
) -> Result<Vec<Redaction>, IdentifiersError> {
    // Models are never written to, so that a panic leaves them as they were.
    let found = catch_unwind(AssertUnwindSafe(tag)).map_err(|_| IdentifiersError::Panic)??;
    let redaction = |entity: Entity| Some(Redaction { kind: Kind::of_label(&entity.label)?, bytes: entity.bytes });
    Ok(found.into_iter().flatten().filter_map(redaction).collect())
}

/// The labels of `tags` that are classes of identifiers, and the others.
fn labels(tags: &[String]) -> (Vec<String>, Vec<String>) {
    let label = |tag: &String| tag.split_once('-').map(|(_, label)| label.to_owned());
    let labels: BTreeSet<String> = tags.iter().filter_map(label).collect();
    labels.into_iter().partition(|label| Kind::of_label(label).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(label: &str) -> Entity {
        Entity { bytes: 3..8, chars: 3..7, label: label.to_owned(), score: 0.5 }
    }

    #[test]
    fn labels_are_those_of_the_tags_each_once() {
        let tags = ["O", "B-PER", "I-PER", "B-side-effect", "I-side-effect", "S-Drug"].map(str::to_owned);
        assert_eq!(labels(&tags), (vec!["PER".to_owned()], vec!["Drug".to_owned(), "side-effect".to_owned()]));
    }

    #[test]
    fn what_is_an_identifier_is_told_and_whatever_cannot_be_told_is_an_error() {
        let found = identifiers(|| Ok(vec![vec![entity("Drug"), entity("LOC")]])).expect("spans");
        assert_eq!(found, [Redaction { bytes: 3..8, kind: Kind::Place }]);
        let failed = |tag: fn() -> Result<Vec<Vec<Entity>>, EncodeError>| identifiers(tag).is_err();
        assert!(failed(|| Err(EncodeError::TooLong { found: 9, limit: 8 })));
        assert!(failed(|| panic!("planted")));
    }
}
