//! What can be typed after `clinqa train classifier` and `clinqa train tagger`?

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::LearnArgs;
use super::train_taught::TaughtArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct ClassifierArgs {
    /// Labelled texts: JSON Lines with `text` and `label` or `labels`, or tables (.csv, .tsv) with such columns
    #[arg(required_unless_present = "medquad", conflicts_with = "medquad")]
    pub(crate) files: Vec<PathBuf>,
    /// Files that are scored on, instead of a held-out share
    #[arg(long, value_name = "FILE", conflicts_with = "medquad")]
    pub(crate) dev: Vec<PathBuf>,
    /// Learn the kinds of MedQuAD's questions, from its archive or folder; parts are made by document
    #[arg(long, value_name = "ARCHIVE|FOLDER")]
    pub(crate) medquad: Option<PathBuf>,
    /// The field of the text
    #[arg(long, value_name = "NAME")]
    pub(crate) text_field: Option<String>,
    /// The field of the label or labels
    #[arg(long, value_name = "NAME")]
    pub(crate) label_field: Option<String>,
    /// Leave out labels with fewer examples
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) least: usize,
    /// Keep the parts as data/*.jsonl in --out, for `clinqa eval labels`
    #[arg(long)]
    pub(crate) keep_data: bool,
    /// Learn a head alone, over the vectors of an encoder, each computed once
    #[arg(long, conflicts_with_all = ["taught_by", "layers"])]
    pub(crate) freeze_trunk: bool,
    /// Highest rate of a head alone
    #[arg(long, value_name = "RATE", default_value_t = 0.02, requires = "freeze_trunk")]
    pub(crate) head_rate: f64,
    /// Passes over the data for a head alone
    #[arg(long, value_name = "N", default_value_t = 30, requires = "freeze_trunk")]
    pub(crate) head_epochs: u64,
    /// Tokens of a text that are read
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) tokens: usize,
    #[command(flatten)]
    pub(crate) learn: LearnArgs,
    #[command(flatten)]
    pub(crate) taught: TaughtArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TaggerArgs {
    /// Tagged sentences: one word a line with its tag last (BIO, BIOES), empty lines between sentences
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Files that are scored on, instead of a held-out share
    #[arg(long, value_name = "FILE")]
    pub(crate) dev: Vec<PathBuf>,
    /// Tokens of a window; longer sentences are cut into several that overlap
    #[arg(long, value_name = "N", default_value_t = 192)]
    pub(crate) tokens: usize,
    #[command(flatten)]
    pub(crate) learn: LearnArgs,
    #[command(flatten)]
    pub(crate) taught: TaughtArgs,
}
