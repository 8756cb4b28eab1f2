//! What can be typed after `clinqa train`?

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use clinqa_train::{Machine, Settings};

use super::train_labels::{ClassifierArgs, TaggerArgs};
use super::train_spans::{DistilArgs, TrainReaderArgs};
use super::{EncoderArgs, PairsArgs};

#[derive(Debug, ClapArgs)]
pub(crate) struct TrainArgs {
    #[command(subcommand)]
    pub(crate) task: TrainCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrainCommand {
    /// Learn the language of a folder of text, by guessing hidden words: the first step towards a model of one's own
    Pretrain(PretrainArgs),
    /// Learn which passage answers which question
    Encoder(Box<EncoderArgs>),
    /// Make a collection of questions and answers into pairs for `train encoder`
    Pairs(PairsArgs),
    /// Learn to find answers in texts, from SQuAD and BioASQ files
    Reader(TrainReaderArgs),
    /// Make a small reader that learns from a large one
    Distil(DistilArgs),
    /// Learn which kind a text is of, from labelled texts
    Classifier(ClassifierArgs),
    /// Learn which words name what, from tagged sentences
    Tagger(TaggerArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PretrainArgs {
    /// Folder of .txt, .md and .jsonl files (field `text`), or one such file
    pub(crate) text: PathBuf,
    #[command(flatten)]
    pub(crate) learn: LearnArgs,
    /// Tokens that are looked at together
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) block: usize,
    /// Most held-out blocks to score on
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) dev_blocks: usize,
}

/// How is learned, whatever the task.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct LearnArgs {
    /// Model to begin from: a name in the binary, a folder, or a pulled model
    #[arg(long, value_name = "MODEL")]
    pub(crate) from: String,
    /// Folder for checkpoint/, last/ and log.jsonl
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Go on with the run that is in --out
    #[arg(long)]
    pub(crate) resume: bool,
    /// Passes over the data
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) epochs: u64,
    /// End after so many steps, if the epochs do not end before
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// Examples a batch
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) batch: usize,
    /// Batches a step
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) accumulate: usize,
    /// Highest rate
    #[arg(long, value_name = "RATE", default_value_t = 5e-5)]
    pub(crate) rate: f64,
    /// Share of the run during which the rate rises; then it falls
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub(crate) warmup: f64,
    /// Weight decay
    #[arg(long, value_name = "DECAY", default_value_t = 0.01)]
    pub(crate) decay: f64,
    /// Longest gradient; 0 for any
    #[arg(long, value_name = "LENGTH", default_value_t = 1.0)]
    pub(crate) clip: f64,
    /// Share of the values that dropout drops
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub(crate) dropout: f64,
    /// Leave the embeddings and the lowest N layers as they are
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) freeze_layers: usize,
    /// Leave the word embeddings as they are: much faster, and a small corpus hardly touches them
    #[arg(long)]
    pub(crate) freeze_embeddings: bool,
    /// What the rate is multiplied by from each layer to the one below
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub(crate) layer_decay: f64,
    /// Decides what is random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What to learn on
    #[arg(long, value_enum, default_value_t)]
    pub(crate) device: MachineArg,
    /// Threads [default: all]; with one, a run is the same to the bit each time
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Store the state every so many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0)]
    pub(crate) checkpoint_every: f64,
    /// End after so many epochs without a better score
    #[arg(long, value_name = "N")]
    pub(crate) patience: Option<u64>,
    /// End after so many minutes; the rate falls with the time
    #[arg(long, value_name = "MINUTES")]
    pub(crate) limit_minutes: Option<f64>,
    /// Share of the data that is held out and scored on
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = part)]
    pub(crate) dev_share: f64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl LearnArgs {
    /// As the train room takes them.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            resume: self.resume,
            epochs: self.epochs,
            steps: self.steps,
            batch: self.batch,
            accumulate: self.accumulate,
            rate: self.rate,
            warmup: self.warmup,
            decay: self.decay,
            clip: self.clip,
            dropout: self.dropout,
            freeze_layers: self.freeze_layers,
            freeze_embeddings: self.freeze_embeddings,
            layer_decay: self.layer_decay,
            seed: self.seed,
            checkpoint_every: minutes(self.checkpoint_every),
            patience: self.patience,
            limit: self.limit_minutes.map(minutes),
            ..Settings::new(self.out.clone())
        }
    }
}

/// What a model learns on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MachineArg {
    #[default]
    Cpu,
    Cuda,
}

impl From<MachineArg> for Machine {
    fn from(typed: MachineArg) -> Self {
        match typed {
            MachineArg::Cpu => Self::Cpu,
            MachineArg::Cuda => Self::Cuda,
        }
    }
}

/// A share of the data: some of it has to be left.
pub(super) fn part(typed: &str) -> Result<f64, &'static str> {
    typed.parse().ok().filter(|share| (0.0..1.0).contains(share)).ok_or("not a number from 0 to below 1")
}

/// A length of time; none is shorter than nothing.
fn minutes(minutes: f64) -> Duration {
    Duration::try_from_secs_f64(minutes.max(0.0) * 60.0).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_share_is_a_number_from_0_to_below_1() {
        let read = ["0", "0.25", "nan", "-1", "-0.1", "1", "5", "inf", "a tenth"].map(|typed| part(typed).ok());
        assert_eq!(read[..2], [Some(0.0), Some(0.25)]);
        assert!(read[2..].iter().all(Option::is_none), "{read:?}");
    }
}
