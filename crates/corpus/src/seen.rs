//! Was this document there before?

use std::collections::HashMap;

use clinqa_schema::{Document, SourceLocator};

use crate::report::SkipReason;

/// 128 bits of BLAKE3: a hundred million documents collide with probability 10⁻²³.
type Key = [u8; 16];

/// What remains of the documents met so far: hashes of ids and contents and where each stood, no text.
///
/// Corpora that go into one index are read with one of these, since ids are unique in an index.
#[derive(Debug, Default)]
pub struct Seen {
    ids: HashMap<Key, Place>,
    contents: HashMap<Key, Place>,
    copies: Copies,
    files: Vec<(String, String)>,
}

/// What becomes of a document with the title and text of another.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Copies {
    #[default]
    Refused,
    Kept,
}

/// An index into [`Seen::files`] and the record there.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: usize,
    record: Option<u64>,
}

impl Seen {
    /// One that lets the same text pass under another id: judgements of a test collection may name either.
    pub fn keeping_copies() -> Self {
        Self { copies: Copies::Kept, ..Self::default() }
    }

    /// Notes `document`, or tells where its like was met first; a document that is refused is not noted.
    pub(crate) fn admit(&mut self, document: &Document) -> Result<(), SkipReason> {
        let id = key(&[document.id.as_str()]);
        let content = key(&[&document.title, &document.text]);
        if let Some(place) = self.ids.get(&id) {
            return Err(SkipReason::DuplicateId { first: self.locator(*place) });
        }
        let copied = self.contents.get(&content).filter(|_| self.copies == Copies::Refused);
        if let Some(place) = copied {
            return Err(SkipReason::DuplicateText { first: self.locator(*place) });
        }
        let place = self.place(&document.source);
        self.ids.insert(id, place);
        self.contents.entry(content).or_insert(place);
        Ok(())
    }

    fn place(&mut self, source: &SourceLocator) -> Place {
        let known = self.files.last().is_some_and(|(corpus, file)| *corpus == source.corpus && *file == source.file);
        if !known {
            self.files.push((source.corpus.clone(), source.file.clone()));
        }
        Place { file: self.files.len() - 1, record: source.record }
    }

    fn locator(&self, place: Place) -> SourceLocator {
        let (corpus, file) = self.files[place.file].clone();
        SourceLocator { corpus, file, record: place.record, ..SourceLocator::default() }
    }
}

/// The hash of `parts`, each behind its length, so that moving a bound between them changes it.
fn key(parts: &[&str]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut key = Key::default();
    hasher.finalize_xof().fill(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{DocumentId, Metadata};

    use super::*;

    fn check(seen: &mut Seen, [id, title, text]: [&str; 3], expected: &str) {
        let document = Document {
            id: DocumentId::new(id).expect("an id"),
            title: title.into(),
            text: text.into(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator { file: format!("{id}{text}.md"), ..SourceLocator::default() },
        };
        let found = seen.admit(&document).map_or_else(|reason| reason.to_string(), |()| String::new());
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_document_of_an_id_or_a_content_wins() {
        let mut seen = Seen::default();
        check(&mut seen, ["a", "T", "x"], "");
        check(&mut seen, ["a", "T", "y"], "its id was already used by ax.md; give it another id");
        check(&mut seen, ["b", "T", "x"], "the same title and text as ax.md; remove one of them");
        check(&mut seen, ["c", "Tx", ""], "");
        check(&mut seen, ["b", "T", "y"], "");
    }

    #[test]
    fn a_test_collection_keeps_its_copies_but_not_its_repeated_ids() {
        let mut seen = Seen::keeping_copies();
        check(&mut seen, ["a", "T", "x"], "");
        check(&mut seen, ["b", "T", "x"], "");
        check(&mut seen, ["b", "T", "y"], "its id was already used by bx.md; give it another id");
    }
}
