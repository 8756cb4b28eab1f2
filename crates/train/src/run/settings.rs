//! How is learned? What the flags of `clinqa train` say, checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Parts;
use crate::{Digest, Task, TrainError, Twin};

/// Settings of a run, the same for every task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Where the run leaves what it makes.
    pub out: PathBuf,
    /// Go on with the run that is there.
    pub resume: bool,
    /// Passes over the data.
    pub epochs: u64,
    /// Most steps; none: as many as the epochs take.
    pub steps: Option<u64>,
    /// Examples a batch.
    pub batch: usize,
    /// Batches whose gradients make one step.
    pub accumulate: usize,
    /// The highest rate.
    pub rate: f64,
    /// The share of the run during which the rate rises.
    pub warmup: f64,
    /// Weight decay.
    pub decay: f64,
    /// The longest that all gradients together may be; 0: no limit.
    pub clip: f64,
    /// The share of values that dropout drops.
    pub dropout: f64,
    /// Lowest layers that stay as they are, and with them the embeddings.
    pub freeze_layers: usize,
    /// Whether the word embeddings stay as they are.
    pub freeze_embeddings: bool,
    /// What the rate is multiplied by from one layer to the one below it.
    pub layer_decay: f64,
    /// Decides whatever is random.
    pub seed: u64,
    /// How often the state is stored.
    pub checkpoint_every: Duration,
    /// Epochs without a better score after which a run ends; none: never.
    pub patience: Option<u64>,
    /// How long a run may take, the scores of its epochs included; the rate falls with the time. A run with a limit depends
    /// on the clock.
    pub limit: Option<Duration>,
    /// Whether the model is scored before it learns.
    pub score_first: bool,
}

impl Settings {
    /// The settings that BERT was tuned with, three epochs, into `out`.
    pub fn new(out: PathBuf) -> Self {
        Self {
            out,
            resume: false,
            epochs: 3,
            steps: None,
            batch: 16,
            accumulate: 1,
            rate: 5e-5,
            warmup: 0.1,
            decay: 0.01,
            clip: 1.0,
            dropout: 0.1,
            freeze_layers: 0,
            freeze_embeddings: false,
            layer_decay: 1.0,
            seed: 1,
            checkpoint_every: Duration::from_mins(5),
            patience: None,
            limit: None,
            score_first: false,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let wrong = |setting, found: String, expected| Err(TrainError::Setting { setting, found, expected });
        if self.batch == 0 {
            return wrong("--batch", self.batch.to_string(), "1 or more");
        }
        if self.accumulate == 0 {
            return wrong("--accumulate", self.accumulate.to_string(), "1 or more");
        }
        if self.epochs == 0 {
            return wrong("--epochs", self.epochs.to_string(), "1 or more");
        }
        let shares = [("--dropout", self.dropout), ("--warmup", self.warmup)];
        for (setting, found) in shares {
            if !(0.0..1.0).contains(&found) {
                return wrong(setting, found.to_string(), "from 0 to below 1");
            }
        }
        if !(self.layer_decay > 0.0 && self.layer_decay <= 1.0) {
            return wrong("--layer-decay", self.layer_decay.to_string(), "above 0 and at most 1");
        }
        for (setting, found) in [("--rate", self.rate), ("--decay", self.decay), ("--clip", self.clip)] {
            if !found.is_finite() || found < 0.0 {
                return wrong(setting, found.to_string(), "a number of 0 or more");
            }
        }
        Ok(())
    }

    pub(crate) fn freeze(&self, twin: &mut Twin) {
        twin.freeze(self.freeze_layers > 0, self.freeze_layers);
        if self.freeze_embeddings {
            twin.freeze_words();
        }
    }

    /// What must be the same for a run to go on as if it had never stopped.
    pub(crate) fn identity<T: Task>(
        &self,
        task: &T,
        parts: &Parts<'_, T::Example>,
        from: &str,
    ) -> BTreeMap<String, String> {
        let mut lengths = blake3::Hasher::new();
        for example in parts.train.iter().chain(parts.dev) {
            lengths.update(&(task.length(example) as u64).to_le_bytes());
        }
        let digest = |examples: &[T::Example]| {
            let mut digest = Digest::default();
            for example in examples {
                task.describe(example, &mut digest);
            }
            digest.finish()
        };
        let all = [
            ("the task", task.name().to_owned()),
            ("the fingerprint of --from", from.to_owned()),
            ("the number of examples", parts.train.len().to_string()),
            ("the number of examples to score on", parts.dev.len().to_string()),
            ("their lengths (a digest)", lengths.finalize().to_hex().to_string()),
            ("what the examples say (a digest)", digest(parts.train)),
            ("what the examples to score on say (a digest)", digest(parts.dev)),
            ("--batch", self.batch.to_string()),
            ("--accumulate", self.accumulate.to_string()),
            ("--seed", self.seed.to_string()),
            ("--rate", self.rate.to_string()),
            ("--warmup", self.warmup.to_string()),
            ("--decay", self.decay.to_string()),
            ("--clip", self.clip.to_string()),
            ("--dropout", self.dropout.to_string()),
            ("--layer-decay", self.layer_decay.to_string()),
        ];
        all.into_iter().chain(task.identity()).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
