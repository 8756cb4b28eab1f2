//! What can be typed after `clinqa train reader` and `clinqa train distil`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clinqa_train::data::WeightedFile;

use super::LearnArgs;
use super::train::part;
use super::train_taught::TaughtArgs;

/// Which questions a reader learns from and is scored on.
#[derive(Debug, ClapArgs)]
pub(crate) struct SpanData {
    /// SQuAD (1.1, 2.0) or BioASQ golden JSON to learn from; a weight of 2 is seen twice an epoch, 0.5 half of it; may be
    /// given several times
    #[arg(long = "data", value_name = "FILE[=WEIGHT]", required = true)]
    pub(crate) files: Vec<WeightedFile>,
    /// Files to score on; without one, a part of the data is held out by the hash of its paragraphs; may be given several
    /// times
    #[arg(long = "dev", value_name = "FILE")]
    pub(crate) dev: Vec<PathBuf>,
    /// Learn from N questions only, drawn by the seed
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<usize>,
    /// Score on N questions only, drawn by the seed
    #[arg(long, value_name = "N")]
    pub(crate) dev_sample: Option<usize>,
    /// For this share of the questions, add a text on the same topic that does not answer
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = part)]
    pub(crate) unanswerable: f64,
    /// Tokens of a window, question included
    #[arg(long, value_name = "N", default_value_t = 384)]
    pub(crate) window: usize,
    /// Tokens that neighbouring windows share
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) overlap: usize,
    /// Most windows without the answer that a question of a long text teaches
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) empty_windows: usize,
    /// Licence of the data, for the model card; a README.md beside the data is looked into without it
    #[arg(long, value_name = "TEXT")]
    pub(crate) licence: Option<String>,
    /// Write the questions that are scored on, as SQuAD JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) write_dev: Option<PathBuf>,
    /// Write examples, batches and settings, for another program to learn from the same (crates/train/reader.py)
    #[arg(long, value_name = "FILE")]
    pub(crate) write_examples: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TrainReaderArgs {
    #[command(flatten)]
    pub(crate) learn: LearnArgs,
    #[command(flatten)]
    pub(crate) data: SpanData,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DistilArgs {
    #[command(flatten)]
    pub(crate) learn: LearnArgs,
    #[command(flatten)]
    pub(crate) data: SpanData,
    #[command(flatten)]
    pub(crate) taught: TaughtArgs,
}
