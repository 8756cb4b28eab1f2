//! What kind of text is this?
//!
//! A `BertForSequenceClassification` checkpoint names the kind of a whole text ([`Classifier`]), a
//! `BertForTokenClassification` one the kinds of its words ([`Tagger`]). Both compute through the encoder's
//! `Transformer`; the heads are f32. A head over the pooled vectors of a sentence encoder, as sentence-transformers
//! stores it (a `Dense` module), is a classifier too.

mod classify;
mod head;
mod tag;
mod window;
mod words;

pub use classify::{Classified, Classifier, LabelScore, Problem};
pub use tag::{Entity, TaggedWord, Tagger};
pub use window::{LabelWindow, label_windows};
pub use words::{Pieces, whole_characters};
