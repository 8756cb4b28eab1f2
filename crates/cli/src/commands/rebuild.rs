//! `clinqa rebuild`: a new generation from the corpora.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clinqa_corpus::{Report, SplitConfig};
use clinqa_encoder::Encoder;
use clinqa_eval::read_judged;
use clinqa_index::{GraphParams, Patience, Store};
use clinqa_qa::{
    Allowed, Changes, Copies, FaqAccount, Forecast, Gate, Limits, RebuildConfig, RebuildReport, Reuse, Shortfall,
    forecast, rebuild,
};
use clinqa_schema::{Measured, Observer, Unmeasured};
use serde::Deserialize;

use super::{UsageError, now, open_file};
use crate::args::RebuildArgs;
use crate::commands::index::differences;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::{models, output, scores, starter};

const EXPECTED: &str = "expected.toml";

/// What must be true before the new generation is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// That the corpora are about what they were, and the scores of `expected.toml`.
    Checks(Vectors),
    /// Nothing: it was forced, or there is no older generation that could be better. Scores are measured and told.
    Publish(Vectors),
}

/// Whether passages are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vectors {
    With,
    Without,
}

/// What a corpus demands of an index made from it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    retrieval: ExpectedRetrieval,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedRetrieval {
    questions: PathBuf,
    split: String,
    document_at_3: f64,
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) demand: Demand,
    pub(crate) reuse: Reuse,
    pub(crate) patience: Patience,
    /// Generations that stay.
    pub(crate) keep: usize,
}

impl Order {
    /// A first index with vectors, which nothing could be better than.
    pub(crate) fn first(settings: &Settings) -> Self {
        Self::of(settings, Demand::Publish(Vectors::With))
    }

    /// An ordinary one with this demand.
    pub(crate) fn of(settings: &Settings, demand: Demand) -> Self {
        Self { demand, reuse: Reuse::Known, patience: Patience::Refuse, keep: settings.keep }
    }
}

pub(crate) fn run(settings: &Settings, args: &RebuildArgs) -> anyhow::Result<ExitCode> {
    let vectors = if args.lexical_only { Vectors::Without } else { Vectors::With };
    let store = Store::at(&settings.index);
    let unchecked = args.force || !store.ever_published();
    let demand = if unchecked { Demand::Publish(vectors) } else { Demand::Checks(vectors) };
    let order = Order {
        reuse: if args.full { Reuse::Nothing } else { Reuse::Known },
        patience: if args.wait { Patience::Wait } else { Patience::Refuse },
        keep: args.keep.keep.map_or(settings.keep, usize::from),
        ..Order::of(settings, demand)
    };
    if args.dry_run {
        let forecast = foresee(settings, &store, order)?;
        if args.json { output::json(&forecast)? } else { output::line(&foreseen(&forecast))? }
    } else {
        let report = make(settings, &store, order)?;
        if args.json { output::json(&report)? } else { output::line(&summary(&report))? }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds and publishes, with a bar on stderr.
pub(crate) fn make(settings: &Settings, store: &Store, order: Order) -> anyhow::Result<RebuildReport> {
    let (report, keeping) = make_telling(settings, store, order, &mut Bars::default())?;
    if keeping == Keeping::Lost {
        output::note(SCORES_LOST);
    }
    Ok(report)
}

/// The rebuild that a screen or a server is asked for: what became of every record, in a few lines.
pub(crate) fn make_anew(settings: &Settings, observer: &mut dyn Observer) -> anyhow::Result<String> {
    let store = Store::at(&settings.index);
    let vectors = Vectors::With;
    let demand = if store.ever_published() { Demand::Checks(vectors) } else { Demand::Publish(vectors) };
    let (report, keeping) = make_telling(settings, &store, Order::of(settings, demand), observer)?;
    let summary = summary(&report);
    Ok(if keeping == Keeping::Lost { format!("{summary}\n{SCORES_LOST}") } else { summary })
}

/// Whether the scores of a new generation stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    Kept,
    Lost,
}

const SCORES_LOST: &str = "The scores of the new index could not be kept beside it.";

/// Builds and publishes; how far it has come is told to whoever shows it.
fn make_telling(
    settings: &Settings,
    store: &Store,
    order: Order,
    observer: &mut dyn Observer,
) -> anyhow::Result<(RebuildReport, Keeping)> {
    let (encoder, mut config, why_not) = prepare(settings, order)?;
    let set = scores::set_of(&config.gate.questions);
    if matches!(order.demand, Demand::Checks(_)) {
        let live = store.current().ok().flatten();
        let before = live.and_then(|live| scores::of_set(store.root(), &live.generation, &set));
        config.gate.found_before = before.map(|scores| scores.document_at_3);
    }
    let report = rebuild(store, encoder.as_ref(), &config, observer)?;
    let measured = report.scores.map_or(Measured::Not { not_measured: why_not }, Measured::Scores);
    // The generation is published whether its scores can be kept or not.
    let kept = scores::keep(store.root(), &report.generation, &set, measured);
    Ok((report, if kept.is_ok() { Keeping::Kept } else { Keeping::Lost }))
}

/// Says what would be done.
fn foresee(settings: &Settings, store: &Store, order: Order) -> anyhow::Result<Forecast> {
    let (encoder, config, _) = prepare(settings, order)?;
    Ok(forecast(store, encoder.as_ref(), &config, &mut Bars::default())?)
}

/// The folders of the corpora; without any, that of the starter corpus, which the binary brings.
pub(crate) fn sources(settings: &Settings) -> anyhow::Result<Vec<PathBuf>> {
    if settings.corpora.is_empty() {
        Ok(vec![starter::unpack(&settings.unpacked)?])
    } else {
        Ok(settings.corpora.clone())
    }
}

/// The encoder, what to build from, and why nothing is measured if nothing is.
fn prepare(settings: &Settings, order: Order) -> anyhow::Result<(Option<Encoder>, RebuildConfig, Unmeasured)> {
    let corpora = sources(settings)?;
    let (vectors, gate, why_not) = match (order.demand, gate(&corpora)) {
        (Demand::Checks(vectors), gate) => (vectors, gate?, Unmeasured::NoQuestions),
        (Demand::Publish(vectors), Ok(gate)) => {
            let gate = Gate { limits: None, shortfall: Shortfall::Tell, ..gate };
            (vectors, gate, Unmeasured::NoQuestions)
        }
        (Demand::Publish(vectors), Err(_)) => (vectors, Gate::default(), Unmeasured::Unreadable),
    };
    let encoder = match vectors {
        Vectors::With => Some(models::encoder(settings)?),
        Vectors::Without => None,
    };
    let config = RebuildConfig {
        corpora,
        split: SplitConfig::default(),
        copies: Copies::Drop,
        graph: GraphParams::default(),
        created: now().0,
        gate,
        reuse: order.reuse,
        patience: order.patience,
        keep: order.keep,
    };
    Ok((encoder, config, why_not))
}

/// What every rebuild is held to, and the demands of every corpus that has some, as one: all questions, the mean demand
/// weighted by their number.
fn gate(corpora: &[PathBuf]) -> anyhow::Result<Gate> {
    let mut gate = Gate { limits: Some(Limits::default()), ..Gate::default() };
    let mut demanded = 0.0;
    for corpus in corpora {
        let path = corpus.join(EXPECTED);
        if !path.is_file() {
            continue;
        }
        let Expected { retrieval } = read_expected(&path)?;
        let mut questions = read_judged(open_file(&corpus.join(&retrieval.questions))?)?;
        questions.retain(|question| question.split == retrieval.split && question.document.is_some());
        demanded += retrieval.document_at_3 * questions.len() as f64;
        gate.questions.extend(questions);
    }
    if !gate.questions.is_empty() {
        gate.document_at_3 = demanded / gate.questions.len() as f64;
    }
    Ok(gate)
}

fn read_expected(path: &Path) -> anyhow::Result<Expected> {
    let shown = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| UsageError::Open { path: shown(), source })?;
    Ok(toml::from_str(&text).map_err(|source| UsageError::Expected { path: shown(), source: Box::new(source) })?)
}

/// What was built, in a few lines.
pub(crate) fn summary(report: &RebuildReport) -> String {
    let vectors = match &report.encoder {
        Some(encoder) => format!("{} encoded now with {encoder}, {} kept from before", report.encoded, report.reused),
        None => "words only, no vectors".to_owned(),
    };
    let measured = report.scores.map(|scores| format!("\nMeasured: {scores}.")).unwrap_or_default();
    let published = format!("Published {} with {} passages ({vectors}).{measured}", report.generation, report.passages);
    let faq = report.faq.as_ref().map(faq).unwrap_or_default();
    said(published + &faq, &report.records, &report.allowed, report.withdrawn, report.changes.as_ref())
}

/// What became of the questions that people ask.
fn faq(account: &FaqAccount) -> String {
    let FaqAccount { questions, unplaced, first_unplaced } = account;
    let indexed = format!("\n{questions} questions that people ask are indexed (faq.jsonl).");
    match first_unplaced {
        Some((document, answer)) => format!(
            "{indexed} {unplaced} are not: their document is not indexed, or what answers them does not stand in it, such as \"{}\" in {document}.",
            output::plain(answer)
        ),
        None => indexed,
    }
}

/// What would be built.
fn foreseen(forecast: &Forecast) -> String {
    let vectors = match &forecast.encoder {
        Some(encoder) => format!("{} to encode with {encoder}, {} kept from before", forecast.encoded, forecast.reused),
        None => "words only, no vectors".to_owned(),
    };
    let would = format!("A rebuild would publish {} passages ({vectors}).", forecast.passages);
    let text = said(would, &forecast.records, &forecast.allowed, forecast.withdrawn, forecast.changes.as_ref());
    match &forecast.refused {
        Some(refused) => format!("{text}\nIt would be refused: {refused}"),
        None => text,
    }
}

fn said(first: String, records: &Report, allowed: &[Allowed], withdrawn: u64, changes: Option<&Changes>) -> String {
    let mut lines = vec![first];
    lines.extend(changes.map(differences));
    if withdrawn > 0 {
        lines.push(format!("{withdrawn} left out because they are withdrawn (see `clinqa index withdrawn`)."));
    }
    lines.extend(allowed.iter().map(|Allowed { corpus, skipped, read, limit }| {
        format!("{skipped} of {read} records of {corpus} cannot be used; its corpus.toml allows {limit}.")
    }));
    lines.push(records.to_string());
    lines.join("\n")
}
