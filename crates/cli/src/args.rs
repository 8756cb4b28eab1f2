//! What can be typed: verbs, flags, and the environment variable beside each flag that names a place.

mod corpus;
mod index;
mod labels;
mod pairs;
mod serve;
mod train;
mod train_labels;
mod train_spans;
mod train_taught;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use clinqa_index::GenerationId;
use clinqa_retrieval::Step;
use clinqa_safety::Region;
use clinqa_schema::Date;

pub(crate) use corpus::{AddArgs, CorpusArgs, CorpusCommand, FetchArgs, WatchArgs};
pub(crate) use index::{IndexCommand, InspectArgs, KeepArgs, RebuildArgs};
pub(crate) use labels::{EvalLabelsArgs, EvalTagsArgs, LabelArgs, TagArgs, TextsArgs};
pub(crate) use pairs::{EncoderArgs, PairSource, PairsArgs, PairsFrom};
pub(crate) use serve::{KeyArgs, LogArg, QueriesArgs, QueriesCommand, RoleArg, ServeArgs};
pub(crate) use train::{LearnArgs, PretrainArgs, TrainArgs, TrainCommand};
pub(crate) use train_labels::{ClassifierArgs, TaggerArgs};
pub(crate) use train_spans::{DistilArgs, SpanData, TrainReaderArgs};
pub(crate) use train_taught::TaughtArgs;

/// Medical question answering: offline, private, every answer cited.
#[derive(Debug, Parser)]
#[command(name = "clinqa", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) places: Places,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where things are; each has its place in the project or the user's data folder.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Places {
    /// Index folder
    #[arg(long, global = true, env = "CLINQA_INDEX", value_name = "FOLDER")]
    pub(crate) index: Option<PathBuf>,
    /// Corpus folder; may be given several times
    #[arg(long, global = true, env = "CLINQA_CORPUS", value_name = "FOLDER")]
    pub(crate) corpus: Vec<PathBuf>,
    /// Encoder: a name in the binary, a folder, or a pulled model
    #[arg(long, global = true, env = "CLINQA_ENCODER", value_name = "NAME|FOLDER")]
    pub(crate) encoder: Option<String>,
    /// Reader: a name in the binary, a folder, or a pulled model
    #[arg(long, global = true, env = "CLINQA_READER", value_name = "NAME|FOLDER")]
    pub(crate) reader: Option<String>,
    /// Second opinion on emergencies: a classifier, as a folder or a pulled model; it may add notices, never take one away
    #[arg(long, global = true, env = "CLINQA_SECOND_OPINION", value_name = "NAME|FOLDER")]
    pub(crate) second_opinion: Option<String>,
    /// From which probability on the second opinion speaks [default: 0.9]
    #[arg(long, global = true, env = "CLINQA_SECOND_OPINION_THRESHOLD", value_name = "P", value_parser = share)]
    pub(crate) second_opinion_threshold: Option<f32>,
    /// Tagger of what could tell who asked, beside the rules of the query log and of reports: a folder or a pulled model
    #[arg(long, global = true, env = "CLINQA_TAGGER", value_name = "NAME|FOLDER")]
    pub(crate) tagger: Option<String>,
    /// What models compute in: bytes where their weights are stored so, or f32 throughout (slower)
    #[arg(long, global = true, env = "CLINQA_PRECISION", value_enum, value_name = "KIND")]
    pub(crate) precision: Option<PrecisionArg>,
    /// Settings file
    #[arg(long, global = true, env = "CLINQA_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What models compute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionArg {
    // Without a text of their own, or the help of everything else would be spread out to make room for it.
    Stored,
    Full,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a question and get an answer with its source, or none
    Ask(AskArgs),
    /// List the passages that may answer, without reading them
    Search(SearchArgs),
    /// Make a new generation of the index from the corpora
    Rebuild(RebuildArgs),
    /// Take in, list, check, compare and remove literature
    Corpus(CorpusArgs),
    /// Serve the chat page and the API
    Serve(Box<ServeArgs>),
    /// Search, read and compare in the terminal
    Tui(TuiArgs),
    /// Count, list and delete what the query log of a server holds
    Queries(QueriesArgs),
    /// Make a key for the server
    #[command(subcommand)]
    Key(KeyCommand),
    /// Tell what the index holds and whether its checksums are right
    Inspect(InspectArgs),
    /// List, compare, verify and switch generations of the index; withdraw documents
    #[command(subcommand)]
    Index(IndexCommand),
    /// Name the kind of a text
    Label(LabelArgs),
    /// Find what a text names, with its place
    Tag(TagArgs),
    /// Measure retrieval, reading, answering, labels and tags
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Teach a model on this machine, from files of this machine
    Train(Box<TrainArgs>),
    /// List, pull, pack and blend models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// Which documents may answer, and how they are searched.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct SearchOptions {
    /// Condition on a document, as key=value: kind, publisher, specialty, audience, language, grade, jurisdiction
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
    /// Published on or after this date
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<Date>,
    /// Published on or before this date
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<Date>,
    /// Written for patients or clinicians
    #[arg(long)]
    pub(crate) audience: Option<String>,
    /// Search words only, no vectors
    #[arg(long)]
    pub(crate) lexical_only: bool,
    /// As of an older generation (see `clinqa index list`)
    #[arg(long, value_name = "ID")]
    pub(crate) generation: Option<GenerationId>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show how it came about: terms, both rankings, the fused one, spans, times
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AskArgs {
    /// The question
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    pub(crate) question: Option<String>,
    /// Questions as JSON Lines from a file, or from standard input with `-`
    #[arg(long, value_name = "FILE|-")]
    pub(crate) batch: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) search: SearchOptions,
    /// Whose emergency number to name, as an ISO 3166 code such as GB
    #[arg(long, env = "CLINQA_REGION")]
    pub(crate) region: Option<Region>,
    /// Passages for further reading
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=100))]
    pub(crate) top_k: Option<u16>,
    /// Exit with 4 if the question was not answered
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SearchArgs {
    /// The question or words
    pub(crate) query: String,
    #[command(flatten)]
    pub(crate) search: SearchOptions,
    /// Passages to list
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) top_k: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a secret, print it once, and the lines for the file of keys
    New(KeyArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TuiArgs {
    /// Whose emergency number to name, as an ISO 3166 code such as GB
    #[arg(long, env = "CLINQA_REGION")]
    pub(crate) region: Option<Region>,
    /// A click chooses, the wheel scrolls
    #[arg(long)]
    pub(crate) mouse: bool,
    /// Search the index of a `clinqa serve` instead of one on this machine
    #[arg(long, env = "CLINQA_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with the key for the server, of role staff or admin
    #[arg(long, env = "CLINQA_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Certificates of the authorities that vouch for the server, PEM, instead of the public ones
    #[arg(long, env = "CLINQA_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct JsonArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Rank a BEIR folder by words, by vectors and fused; score against its qrels, write TREC runs
    Retrieval(RetrievalArgs),
    /// Read SQuAD or BioASQ files and score the spans
    Reader(ReaderArgs),
    /// Answer judged questions and score the answers
    Answers(AnswersArgs),
    /// Label texts and score the labels
    Labels(EvalLabelsArgs),
    /// Tag sentences and score what was found, as seqeval does
    Tags(EvalTagsArgs),
    /// Compare two result files of one verb, or two runs, by paired bootstrap
    Compare(CompareArgs),
    /// Score one TREC run against qrels
    Score(ScoreArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RetrievalArgs {
    /// Folder with corpus.jsonl, queries.jsonl, qrels/
    pub(crate) folder: PathBuf,
    /// Judgements qrels/SPLIT.tsv
    #[arg(long, conflicts_with = "qrels")]
    pub(crate) split: Option<String>,
    /// Queries, instead of queries.jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) queries: Option<PathBuf>,
    /// Judgements, instead of qrels/SPLIT.tsv
    #[arg(long, value_name = "FILE")]
    pub(crate) qrels: Option<PathBuf>,
    /// Write lexical.run, dense.run and fused.run here
    #[arg(long, value_name = "FOLDER")]
    pub(crate) run_dir: Option<PathBuf>,
    /// Score many fusions instead of the default one (for choosing, on training questions)
    #[arg(long)]
    pub(crate) fusion_table: bool,
    /// Keep the first N components of every vector, scaled to length 1 again (Matryoshka)
    #[arg(long, value_name = "N")]
    pub(crate) dimensions: Option<usize>,
    /// Compare the graph search with the exact one: recall@10
    #[arg(long)]
    pub(crate) graph_recall: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReaderArgs {
    /// SQuAD or BioASQ files
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Only the first N questions
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Write the scores of each question, one JSON object a line, for `eval compare`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AnswersArgs {
    /// questions.jsonl of a corpus
    pub(crate) file: PathBuf,
    /// Only this half
    #[arg(long, value_enum)]
    pub(crate) split: Option<JudgedSplit>,
    /// Write what became of each question, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) details: Option<PathBuf>,
    /// Write how each question was judged, one JSON object a line, for `eval compare`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Draw reliability.svg and risk-coverage.svg here
    #[arg(long, value_name = "FOLDER")]
    pub(crate) pictures: Option<PathBuf>,
    /// Leave a step of understanding out, to measure its worth; may be given several times
    #[arg(long, value_name = "STEP", value_parser = step())]
    pub(crate) without: Vec<Step>,
    /// Fit the reader's temperature and bias to these questions and print them (on dev)
    #[arg(long)]
    pub(crate) fit: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum JudgedSplit {
    Dev,
    Test,
}

impl JudgedSplit {
    /// Its name in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }
}

/// A step of understanding by its name.
fn step() -> impl TypedValueParser<Value = Step> {
    let unknown = "not a step of understanding";
    PossibleValuesParser::new(Step::ALL.map(Step::name))
        .try_map(move |name| Step::ALL.into_iter().find(|step| step.name() == name).ok_or(unknown))
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompareArgs {
    /// Result file, as `--out` of `eval answers`, `reader`, `labels` or `tags` writes it, or a TREC run
    pub(crate) first: PathBuf,
    /// Another one of the same questions; differences are this one's over the first's
    pub(crate) second: PathBuf,
    /// Judgements, for two runs
    #[arg(long, value_name = "FILE")]
    pub(crate) qrels: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ScoreArgs {
    /// TREC run
    #[arg(long, value_name = "FILE")]
    pub(crate) run: PathBuf,
    /// BEIR or TREC judgements
    #[arg(long, value_name = "FILE")]
    pub(crate) qrels: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the models at hand
    List(JsonArgs),
    /// Show a model's card
    Show {
        /// Its name
        name: String,
    },
    /// Fetch a checkpoint from a hub of models
    Pull(PullArgs),
    /// Store a checkpoint's matrices as 8-bit rows
    Pack {
        /// The checkpoint's folder
        source: PathBuf,
        /// The folder to write, which holds no model yet
        target: PathBuf,
    },
    /// Blend a tuned checkpoint with the one it was tuned from, number by number: it forgets less
    Blend {
        /// The folder of the checkpoint that was tuned
        base: PathBuf,
        /// The folder of what became of it
        tuned: PathBuf,
        /// The folder to write, which holds no model yet
        target: PathBuf,
        /// Share of the tuned one
        #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
        share: f32,
    },
}

/// A number from 0 to 1.
fn share(typed: &str) -> Result<f32, &'static str> {
    typed.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("not a number from 0 to 1")
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PullArgs {
    /// OWNER/MODEL
    pub(crate) name: String,
    /// Branch, tag or commit
    #[arg(long)]
    pub(crate) revision: Option<String>,
    /// SHA-256 that the weights must have
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<String>,
    /// Address of the hub
    #[arg(long, env = "CLINQA_HUB", value_name = "URL")]
    pub(crate) hub: Option<String>,
    /// Access token, for models that need one
    #[arg(long, env = "CLINQA_HUB_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}
