//! What `clinqa train` may be told, whatever is learned.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::{EncoderArgs, PairsArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum TrainCommand {
    /// Teach an encoder which passage answers which question
    Encoder(Box<EncoderArgs>),
    /// Make pairs to train an encoder on, of a collection of questions and answers
    Pairs(PairsArgs),
}

/// How is learned; the same for every task.
#[derive(Debug, ClapArgs)]
pub(crate) struct LearnArgs {
    /// The model to begin from
    #[arg(long, value_name = "NAME|FOLDER")]
    pub(crate) from: String,
    /// Where the run leaves what it makes
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Go on with the run that is there
    #[arg(long)]
    pub(crate) resume: bool,
    /// Passes over the data
    #[arg(long, default_value_t = 1)]
    pub(crate) epochs: u64,
    /// Examples a batch
    #[arg(long, default_value_t = 32)]
    pub(crate) batch: usize,
    /// The highest rate
    #[arg(long, default_value_t = 5e-5)]
    pub(crate) rate: f64,
    #[arg(long, default_value_t = 0.1)]
    pub(crate) dropout: f64,
    /// The word embeddings stay as they are
    #[arg(long)]
    pub(crate) freeze_embeddings: bool,
    /// Decides whatever is random
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Share of the data that is scored on
    #[arg(long, default_value_t = 0.1)]
    pub(crate) dev_share: f64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
