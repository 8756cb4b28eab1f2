//! What is an example, and how wrong is the model about it? One file a kind of training; `run.rs` does the rest.
//!
//! The contract of a task, in the order in which the loop uses it:
//!
//! 1. [`Task::variables`]: the head's parameters, by their Hugging Face names. The trunk's are the twin's.
//! 2. [`Task::identity`] and [`Task::describe`]: what must be the same for a run to be resumed.
//! 3. [`Task::length`]: examples of like length share a batch, so that sequences packed together cost alike.
//! 4. [`Task::loss`]: a scalar tensor for one batch, the mean over its examples. It calls [`Twin::forward`], as often
//!    as it likes, and computes on what comes back with candle's operations and those of `ops`.
//! 5. [`Task::score`]: on the development part, once an epoch; the highest [`Score::value`] is kept as `checkpoint/`.
//! 6. [`Task::config`] and [`Task::files`]: what goes into `config.json` and beside the weights.

pub mod classifier;
mod contrast;
pub mod distil;
mod encoder;
mod head;
mod pretrain;
pub mod reader;
pub mod tagger;

use candle_core::{Tensor, Var};
pub use head::Fresh;

pub use contrast::Contrast;
pub use encoder::{EncoderTask, PairExample, PairTokens};

use crate::{Digest, Pass, TrainError, Twin};
pub use pretrain::Pretrain;

/// How good the model is on the development part.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Score {
    /// What is measured: `f1`, `perplexity`.
    pub name: String,
    /// The figure that decides, higher is better (a perplexity enters negated).
    pub value: f64,
    /// The mean loss.
    pub loss: f64,
    /// Other figures worth keeping, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<(String, f64)>,
}

/// One kind of training: the loop does the rest.
pub trait Task {
    /// What is learned from.
    type Example: Send + Sync;

    /// The task's name, as the command line says it.
    fn name(&self) -> &'static str;

    /// The class that transformers loads the result with, such as `BertForQuestionAnswering`; `BertModel` for a bare
    /// trunk, which is saved without the prefix `bert.`.
    fn architecture(&self) -> &'static str;

    /// What else than settings and data must be the same for a run of this task to go on, by name: what its loss is set
    /// by, its labels, a teacher.
    fn identity(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Says all of an example into `digest`, what is asked and what is right: a run goes on only with the same ones.
    fn describe(&self, example: &Self::Example, digest: &mut Digest);

    /// How many tokens an example has.
    fn length(&self, example: &Self::Example) -> usize;

    /// The head's own parameters, by the names that Hugging Face gives them.
    fn variables(&self) -> Vec<(String, Var)>;

    /// Whether the parameter `name` of the head belongs to the model: what only helps to learn is not saved.
    fn keeps(&self, _name: &str) -> bool {
        true
    }

    /// The mean loss of a batch: a scalar of the twin's type.
    fn loss(&self, twin: &Twin, batch: &[&Self::Example], pass: &mut Pass) -> Result<Tensor, TrainError>;

    /// How good the model is on `dev`, in passes of [`Pass::evaluation`].
    fn score(&self, twin: &Twin, dev: &[Self::Example]) -> Result<Score, TrainError>;

    /// Changes what `config.json` says: labels, say. `architectures` is set by whoever saves.
    fn config(&self, _config: &mut serde_json::Map<String, serde_json::Value>) {}

    /// Files to write beside the weights, by name (a `/` makes a folder); they replace those of the first checkpoint.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
}
