//! One file a verb; what several verbs need stands here.

mod ask;
mod corpus;
mod eval_answers;
mod eval_compare;
mod eval_labels;
mod eval_reader;
mod eval_retrieval;
mod eval_tags;
mod index;
mod inspect;
mod key;
mod label;
mod model;
mod queries;
mod rebuild;
mod score;
mod search;
mod serve;
mod tag;
mod train;
mod tui;

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context;
use clap::CommandFactory;
use clinqa_eval::OutcomeError;
use clinqa_index::{Generation, GenerationId, IndexError, Store};
use clinqa_qa::{Error, Models, Search};
use clinqa_safety::{RegionError, Rules};
use clinqa_schema::{Filters, Moment};

pub(crate) use corpus::{CorpusUsage, delivered};

use crate::args::{Args, Command, EvalCommand, SearchOptions};
use crate::settings::Settings;
use crate::{models, output};

// The terminal screen rebuilds too.
pub(crate) use rebuild::make_anew;

/// What was typed cannot be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error(
        "cannot understand the filter `{found}`; write key=value with a key of kind, publisher, specialty, audience, language, grade, jurisdiction"
    )]
    Filter { found: String },
    #[error("cannot open {path}: {source}; check the path")]
    Open { path: String, source: io::Error },
    #[error("cannot understand {path}: {source}; correct it (see `corpora/README.md`)")]
    Expected { path: String, source: Box<toml::de::Error> },
    #[error("{path} is neither a SQuAD file (with `data`) nor a BioASQ file (with `questions`)")]
    UnknownFormat { path: String },
    #[error("{source}; the first is {first}, the second {second}")]
    Results { first: String, second: String, source: OutcomeError },
    #[error(
        "{first} and {second} hold results of different kinds; compare two files that one verb of `clinqa eval` wrote"
    )]
    OtherResults { first: String, second: String },
    #[error("two runs are compared by judgements; name them with `--qrels FILE`")]
    NoQrels,
    #[error("{path} is no text in UTF-8; convert it first, since offsets count its characters")]
    NoUtf8 { path: String },
    #[error("{path} has more than {limit} bytes; cut it into texts and give them with `--batch`")]
    LongText { path: String, limit: u64 },
    #[error("{message}")]
    OtherEncoder { message: String },
    #[error(
        "refusing to listen on {listen} without keys or TLS: questions would cross the network in the clear; pass `--keys FILE`, or `--tls-cert FILE --tls-key FILE`, or `--insecure` if a proxy in front does it"
    )]
    Exposed { listen: SocketAddr },
    #[error("a key is required and there are none; pass `--keys FILE` (see `clinqa key new`)")]
    NoKeys,
    #[error("the settings name a region that is none: {source}")]
    Region { source: RegionError },
    #[error(
        "`clinqa tui` needs a terminal to read keys from and to draw on; `clinqa ask` and `clinqa search` need none"
    )]
    NoTerminal,
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Remote(#[from] crate::screen::RemoteError),
    #[cfg(not(feature = "hub"))]
    #[error("this build opens no connection; take one with the feature `hub`, or search an index of this machine")]
    NoSocket,
    #[error("no folder of the query log is named; pass `--query-log FOLDER`")]
    NoQueryLog,
    #[error("cannot use the query log {path}: {source}; check the path, its rights and the space on its disk")]
    QueryLog { path: String, source: io::Error },
    #[error("`--before` wants a day such as 2026-11-29")]
    NoDay,
    #[error(transparent)]
    Keys(#[from] clinqa_tui::KeymapError),
    #[error(transparent)]
    Dimensions(clinqa_encoder::EncodeError),
    #[error(
        "`--data` names {folders} BEIR folders and `{flag}` {runs} runs; name one run for each folder, in their order"
    )]
    Runs { flag: &'static str, runs: usize, folders: usize },
    #[error("nothing to make pairs of was found; the records and their answers may be empty")]
    NoPairs,
    #[error("{path}:{line}: expected an object with `document`, `question` and `answers` (a list); correct the line")]
    Training { path: String, line: usize },
    #[error("nothing in {path} can be measured on; correct what was told of it")]
    NothingUsable { path: String },
    #[error(
        "the tagger `{model}` marks nothing that could tell who wrote a text (its labels: {labels}); teach one with labels such as NAME, PLACE, DATE, PHONE, EMAIL or ID"
    )]
    Blind { model: String, labels: String },
    #[error("no model is called `{name}`; `clinqa model list` shows those at hand")]
    NoModel { name: String },
    #[error(
        "{folder} holds no README.md that would tell of the model; an older clinqa pulled none: delete the folder and pull again"
    )]
    NoCard { folder: String },
}

/// Runs the verb.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(&args.places)?;
    run_with(&settings, args.command).map_err(|error| cure_as_typed(error, &settings))
}

/// The index knows the loaded encoder by its name; the cure must name it as the user did, who may have typed a path.
fn cure_as_typed(error: anyhow::Error, settings: &Settings) -> anyhow::Error {
    let named = error.chain().find_map(|cause| match cause.downcast_ref::<Error>() {
        Some(Error::Index(IndexError::Encoder { loaded, .. })) => Some(loaded.name.clone()),
        _ => None,
    });
    let (Some(name), Some(typed)) = (named, &settings.encoder) else { return error };
    let message =
        error.to_string().replace(&format!("rebuild --encoder {name}`"), &format!("rebuild --encoder {typed}`"));
    UsageError::OtherEncoder { message }.into()
}

fn run_with(settings: &Settings, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Ask(ask) => ask::run(settings, &ask),
        Command::Search(search) => search::run(settings, &search),
        Command::Rebuild(rebuild) => rebuild::run(settings, &rebuild),
        Command::Serve(serve) => serve::run(settings, &serve),
        Command::Queries(queries) => queries::run(settings, &queries),
        Command::Key(key) => key::run(&key),
        Command::Tui(tui) => tui::run(settings, &tui),
        Command::Corpus(args) => corpus::run(settings, &args),
        Command::Inspect(inspect) => inspect::run(settings, &inspect),
        Command::Index(index) => index::run(settings, &index),
        Command::Eval(EvalCommand::Retrieval(eval)) => eval_retrieval::run(settings, &eval),
        Command::Eval(EvalCommand::Reader(eval)) => eval_reader::run(settings, &eval),
        Command::Eval(EvalCommand::Answers(eval)) => eval_answers::run(settings, &eval),
        Command::Eval(EvalCommand::Compare(eval)) => eval_compare::run(&eval),
        Command::Eval(EvalCommand::Score(eval)) => score::run(&eval),
        Command::Eval(EvalCommand::Labels(eval)) => eval_labels::run(settings, &eval),
        Command::Eval(EvalCommand::Tags(eval)) => eval_tags::run(settings, &eval),
        Command::Label(label) => label::run(settings, &label),
        Command::Tag(tag) => tag::run(settings, &tag),
        Command::Train(args) => train::run(settings, &args),
        Command::Model(model) => model::run(settings, model),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "clinqa", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => {
            clap_mangen::Man::new(Args::command()).render(&mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The index folder, with a generation in it: made now if the user named none and none was ever published.
fn store_with_index(settings: &Settings) -> anyhow::Result<Store> {
    let store = Store::at(&settings.index);
    if !settings.index_named && !store.ever_published() {
        output::note("No index yet: making one from the corpora. This happens once.");
        let report = rebuild::make(settings, &store, rebuild::Order::first(settings))?;
        output::note(&rebuild::summary(&report));
    }
    Ok(store)
}

/// The filters that were typed.
fn filters(options: &SearchOptions) -> Result<Filters, UsageError> {
    let mut filters = Filters { since: options.since.clone(), until: options.until.clone(), ..Filters::default() };
    for typed in &options.filter {
        let unknown = || UsageError::Filter { found: typed.escape_default().to_string() };
        let (key, value) = typed.split_once('=').ok_or_else(unknown)?;
        let slot = match key.trim() {
            "kind" => &mut filters.kind,
            "publisher" => &mut filters.publisher,
            "specialty" => &mut filters.specialty,
            "audience" => &mut filters.audience,
            "language" => &mut filters.language,
            "grade" => &mut filters.grade,
            "jurisdiction" => &mut filters.jurisdiction,
            _ => return Err(unknown()),
        };
        *slot = Some(value.trim().to_owned());
    }
    if options.audience.is_some() {
        filters.audience.clone_from(&options.audience);
    }
    Ok(filters)
}

pub(crate) fn open_file(path: &Path) -> Result<BufReader<File>, UsageError> {
    let failed = |source| UsageError::Open { path: path.display().to_string(), source };
    File::open(path).map(BufReader::new).map_err(failed)
}

/// Writes a whole file, or says which one could not be written.
fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    let mut out = io::BufWriter::new(File::create(path).with_context(failed)?);
    write(&mut out).with_context(failed)?;
    out.flush().with_context(failed)
}

/// Writes one JSON object a line.
fn write_lines<T: serde::Serialize>(path: &Path, lines: impl IntoIterator<Item = T>) -> anyhow::Result<()> {
    write_file(path, |out| {
        for line in lines {
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)?;
        }
        Ok(())
    })
}

fn now() -> Moment {
    Moment::from(SystemTime::now())
}

/// The generation that was named, or the current one.
fn opened(store: &Store, generation: Option<&GenerationId>) -> Result<Generation, IndexError> {
    generation.map_or_else(|| store.open_current(), |id| store.open(id))
}

/// An index, and which generation of it answers; without a name, the current one.
struct Desk<'a> {
    settings: &'a Settings,
    store: &'a Store,
    generation: Option<&'a GenerationId>,
}

/// Everything that answering needs, open.
fn engine(desk: &Desk<'_>, search: Search, rules: Rules) -> anyhow::Result<clinqa_qa::Engine> {
    let (generation, models) = std::thread::scope(|scope| {
        let generation = scope.spawn(|| opened(desk.store, desk.generation));
        let models = models::open(desk.settings, search, rules);
        (generation.join(), models)
    });
    let generation = generation.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(Error::from)?;
    engine_on(generation, models?)
}

/// The same of what is open already.
fn engine_on(generation: Generation, models: Models) -> anyhow::Result<clinqa_qa::Engine> {
    Ok(clinqa_qa::Engine::new(std::sync::Arc::new(models), generation).map_err(Error::from)?)
}
