//! What `clinqa train encoder` and `clinqa train pairs` may be told, common flags apart.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{ArgGroup, Args as ClapArgs};
use clinqa_train::data::negatives::Mining;
use clinqa_train::task::{Contrast, PairTokens};

use super::train::{LearnArgs, part};
use super::train_taught::TaughtArgs;

/// A pair file or a BEIR folder, and how many of its pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PairSource {
    pub(crate) path: PathBuf,
    pub(crate) most: Option<usize>,
}

impl FromStr for PairSource {
    type Err = std::convert::Infallible;

    /// `PATH` or `PATH@N`.
    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let cut = typed.rsplit_once('@').and_then(|(path, most)| Some((path, most.parse().ok()?)));
        Ok(match cut {
            Some((path, most)) => Self { path: path.into(), most: Some(most) },
            None => Self { path: typed.into(), most: None },
        })
    }
}

/// The first and the last rank of a run that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranks(usize, usize);

impl FromStr for Ranks {
    type Err = &'static str;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let ends = typed.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        ends.filter(|(first, last)| 0 < *first && first <= last).map(|(a, b)| Self(a, b)).ok_or("not as 1-50")
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EncoderArgs {
    #[command(flatten)]
    pub(crate) learn: LearnArgs,
    /// Pair file (JSON Lines) or BEIR folder; PATH@N for N pairs of it; may be given several times
    #[arg(long, required = true, value_name = "PATH[@N]")]
    pub(crate) data: Vec<PairSource>,
    /// Judgements of BEIR folders to learn from
    #[arg(long, default_value = "train")]
    pub(crate) split: String,
    /// Pair file or BEIR folder (with qrels/dev.tsv) to score on, instead of a share of the documents
    #[arg(long, value_name = "PATH")]
    pub(crate) dev_data: Option<PathBuf>,
    /// Most pairs to score on
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) dev_most: usize,
    /// TREC run to mine negatives from, one for each BEIR folder in their order
    #[arg(long, value_name = "FILE")]
    pub(crate) negatives: Vec<PathBuf>,
    /// Ranks of the run that are looked at
    #[arg(long, value_name = "FIRST-LAST", default_value = "1-50")]
    pub(crate) ranks: Ranks,
    /// Most mined negatives a pair
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) hard: usize,
    /// By which share a negative's score must stay below the right passage's
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub(crate) margin: f32,
    /// TREC run with a teacher's scores, one for each of --negatives in their order
    #[arg(long, value_name = "FILE", requires = "negatives")]
    pub(crate) teacher: Vec<PathBuf>,
    /// What a teacher's margins weigh
    #[arg(long, value_name = "WEIGHT", default_value_t = 1.0)]
    pub(crate) teacher_weight: f64,
    /// What one point of the teacher is in cosines: 1 for an encoder's, about 0.05 for a cross encoder's
    #[arg(long, value_name = "SCALE", default_value_t = 1.0)]
    pub(crate) teacher_scale: f64,
    /// Cosines are divided by it
    #[arg(long, value_name = "T", default_value_t = 0.05)]
    pub(crate) temperature: f64,
    /// Weight of the loss from the passages' side
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.3)]
    pub(crate) symmetric: f64,
    /// Matryoshka: learn the first N components of every vector too, such as 384,256,128,64
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    pub(crate) dimensions: Vec<usize>,
    /// Most tokens of a question [default: 64, or fewer if the model reads no more]
    #[arg(long, value_name = "N")]
    pub(crate) question_tokens: Option<usize>,
    /// Most tokens of a passage [default: 128, or fewer if the model reads no more]
    #[arg(long, value_name = "N")]
    pub(crate) passage_tokens: Option<usize>,
    #[command(flatten)]
    pub(crate) taught: TaughtArgs,
}

impl EncoderArgs {
    pub(crate) fn contrast(&self) -> Contrast {
        Contrast {
            temperature: self.temperature,
            symmetric: self.symmetric,
            dimensions: self.dimensions.clone(),
            teacher_weight: self.teacher_weight,
            teacher_scale: self.teacher_scale,
        }
    }

    pub(crate) fn mining(&self) -> Mining {
        Mining { first: self.ranks.0, last: self.ranks.1, top_k: self.hard, margin: self.margin }
    }

    /// What was typed, and of the rest the usual number, or `most` where the model reads no more.
    pub(crate) fn tokens(&self, most: usize) -> PairTokens {
        let PairTokens { question, passage } = PairTokens::default();
        PairTokens {
            question: self.question_tokens.unwrap_or(question.min(most)),
            passage: self.passage_tokens.unwrap_or(passage.min(most)),
        }
    }
}

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("from").required(true).args(["medquad", "pairs", "questions"])))]
pub(crate) struct PairsArgs {
    /// MedQuAD, as an archive or a folder
    #[arg(long, value_name = "PATH")]
    pub(crate) medquad: Option<PathBuf>,
    /// Pair file (JSON Lines), to be made a BEIR folder
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs: Option<PathBuf>,
    /// Questions written for articles (JSON Lines: document, question, answers), to be made a pair file
    #[arg(long, value_name = "FILE", requires = "articles")]
    pub(crate) questions: Option<PathBuf>,
    /// The corpus folder of those articles
    #[arg(long, value_name = "FOLDER")]
    pub(crate) articles: Option<PathBuf>,
    /// Folder for two BEIR folders, train and dev; for --questions, the pair file to write
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// Words of an answer
    #[arg(long, value_name = "N", default_value_t = 110)]
    pub(crate) words: usize,
    /// Leave the name of the topic out of its passages: what is asked for must be known by what is said of it
    #[arg(long)]
    pub(crate) bare: bool,
    /// Share of the topics that is held out
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = part)]
    pub(crate) dev_share: f64,
    /// Decides which topics are held out
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What pairs are made of.
pub(crate) enum PairsFrom<'a> {
    Medquad(&'a Path),
    File(&'a Path),
    Articles { questions: &'a Path, articles: &'a Path },
}

impl PairsArgs {
    /// The one that was named; the command line demands one.
    pub(crate) fn from(&self) -> Option<PairsFrom<'_>> {
        if let Some(path) = &self.medquad {
            return Some(PairsFrom::Medquad(path));
        }
        if let Some(path) = &self.pairs {
            return Some(PairsFrom::File(path));
        }
        Some(PairsFrom::Articles { questions: self.questions.as_deref()?, articles: self.articles.as_deref()? })
    }
}
