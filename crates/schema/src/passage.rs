//! A passage: the stretch of a document that is indexed, ranked and read; and a span inside one.

use std::ops::Range;

use crate::{Document, PassageId};

/// A stretch of one document, short enough to read at once.
///
/// Invariant: `document.text[passage.bytes()] == passage.text()`, on character bounds; only
/// [`Passage::cut`] makes one, from the document itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    id: PassageId,
    title: String,
    heading: String,
    bytes: Range<usize>,
    text: String,
}

/// Why a range is not a passage of its document.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("passage `{id}` spans bytes {start}..{end}, which are not whole characters of a text of {length} bytes")]
pub struct PassageError {
    /// The passage.
    pub id: PassageId,
    /// First byte.
    pub start: usize,
    /// End byte.
    pub end: usize,
    /// Bytes of the document's text.
    pub length: usize,
}

impl Passage {
    /// Cuts passage `ordinal` out of `document`: its text at `bytes`, under `heading` (may be empty).
    pub fn cut(document: &Document, ordinal: u32, heading: &str, bytes: Range<usize>) -> Result<Self, PassageError> {
        let id = PassageId::new(document.id.clone(), ordinal);
        match document.text.get(bytes.clone()) {
            Some(text) if !text.is_empty() => Ok(Self {
                id,
                title: document.title.clone(),
                heading: heading.to_owned(),
                text: text.to_owned(),
                bytes,
            }),
            _ => Err(PassageError { id, start: bytes.start, end: bytes.end, length: document.text.len() }),
        }
    }

    /// Its name.
    pub fn id(&self) -> &PassageId {
        &self.id
    }

    /// The title of its document.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The heading it stands under; empty if none.
    pub fn heading(&self) -> &str {
        &self.heading
    }

    /// Where it stands in its document's text, in bytes.
    pub fn bytes(&self) -> Range<usize> {
        self.bytes.clone()
    }

    /// The text, byte for byte as in the document.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the encoder is given: title, heading and text, so that "it is caused by…" is about something.
    pub fn contextual_text(&self) -> String {
        match (self.title.is_empty(), self.heading.is_empty()) {
            (true, _) => self.text.clone(),
            (false, true) => format!("{} {}", self.title, self.text),
            (false, false) => format!("{}. {}. {}", self.title, self.heading, self.text),
        }
    }
}

/// A byte range inside one passage, on character bounds, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    passage: PassageId,
    bytes: Range<usize>,
}

impl Span {
    /// The span `bytes` of `passage`, or `None` if they are not whole characters of it.
    pub fn new(passage: &Passage, bytes: Range<usize>) -> Option<Self> {
        let text = passage.text.get(bytes.clone())?;
        (!text.is_empty()).then(|| Self { passage: passage.id.clone(), bytes })
    }

    /// The passage it lies in.
    pub fn passage(&self) -> &PassageId {
        &self.passage
    }

    /// Where it lies, in bytes of the passage's text.
    pub fn bytes(&self) -> Range<usize> {
        self.bytes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DocumentId, Metadata, SourceLocator};

    fn document(text: &str) -> Document {
        Document {
            id: DocumentId::new("d").expect("an id"),
            title: "T".into(),
            text: text.into(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        }
    }

    proptest::proptest! {
        #[test]
        fn a_passage_is_the_bytes_of_its_document(text in ".{0,80}", start in 0usize..100, end in 0usize..100) {
            let document = document(&text);
            if let Ok(passage) = Passage::cut(&document, 0, "", start..end) {
                proptest::prop_assert_eq!(passage.text(), &document.text[passage.bytes()]);
                proptest::prop_assert!(!passage.text().is_empty());
            }
        }
    }

    #[test]
    fn a_span_is_never_empty_nor_half_a_character() {
        let passage = Passage::cut(&document("naïve"), 0, "", 0..6).expect("a passage");
        assert!(Span::new(&passage, 0..4).is_some());
        assert!(Span::new(&passage, 0..3).is_none(), "half of ï");
        assert!(Span::new(&passage, 2..2).is_none());
        assert!(Span::new(&passage, 0..7).is_none());
    }

    #[test]
    fn the_context_of_a_passage_names_its_topic() {
        let passage = Passage::cut(&document("Rest."), 0, "Treatment", 0..5).expect("a passage");
        assert_eq!(passage.contextual_text(), "T. Treatment. Rest.");
    }
}
