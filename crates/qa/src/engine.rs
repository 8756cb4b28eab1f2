//! What answering needs, open and cheap to share.

use std::sync::Arc;

use clinqa_encoder::Encoder;
use clinqa_index::{EncoderIdentity, Generation, IndexError, PassageIndex, Withdrawn};
use clinqa_reader::Reader;
use clinqa_safety::Rules;

use crate::{Error, SecondOpinion};

/// The loaded models and rules; they outlive every generation.
pub struct Models {
    /// Turns questions into vectors; `None` searches words only.
    pub encoder: Option<Encoder>,
    /// Finds spans.
    pub reader: Reader,
    /// What must be said first, and what may not be said.
    pub rules: Rules,
    /// What may add to what the rules say, if anything does.
    pub second_opinion: Option<SecondOpinion>,
}

/// Models and one generation. A publish makes a new engine that shares the models.
#[derive(Clone)]
pub struct Engine {
    models: Arc<Models>,
    index: Arc<dyn PassageIndex>,
}

impl Engine {
    /// Joins models and a generation; refuses a generation that another encoder made.
    pub fn new(models: Arc<Models>, generation: Generation) -> Result<Self, IndexError> {
        Self::sharing(models, Arc::new(generation))
    }

    /// The same with a generation that others ask as well, such as a screen that was there before the models.
    pub fn sharing(models: Arc<Models>, generation: Arc<Generation>) -> Result<Self, IndexError> {
        if let (Some(encoder), Some(_)) = (&models.encoder, &generation.manifest().encoder) {
            generation.require_encoder(&identity(encoder))?;
        }
        Ok(Self { models, index: generation })
    }

    /// The same engine where the documents of `withdrawn`, and no others, are not shown.
    #[must_use]
    pub fn without(&self, withdrawn: &Withdrawn) -> Self {
        Self { models: Arc::clone(&self.models), index: self.index.without(withdrawn) }
    }

    /// The models.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The generation.
    pub fn index(&self) -> &dyn PassageIndex {
        self.index.as_ref()
    }

    /// Tokens of `text`, by the reader's own tokenizer.
    pub fn tokens(&self, text: &str) -> Result<usize, Error> {
        Ok(self.models.reader.tokens(text)?)
    }

    /// The encoder, if both the models have one and the generation has vectors.
    pub(crate) fn encoder(&self) -> Option<&Encoder> {
        self.models.encoder.as_ref().filter(|_| self.index.manifest().encoder.is_some())
    }
}

/// How an encoder is known to an index.
pub fn identity(encoder: &Encoder) -> EncoderIdentity {
    EncoderIdentity {
        name: encoder.name().to_owned(),
        fingerprint: encoder.fingerprint().to_owned(),
        dimension: encoder.dimension(),
    }
}
