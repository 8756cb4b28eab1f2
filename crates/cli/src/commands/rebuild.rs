//! `clinqa rebuild`: a new generation from the corpora.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clinqa_corpus::SplitConfig;
use clinqa_eval::read_judged;
use clinqa_index::{GraphParams, Store};
use clinqa_qa::{Copies, Gate, RebuildConfig, RebuildReport, rebuild};
use clinqa_schema::Observer;
use serde::Deserialize;

use super::{UsageError, open_file};
use crate::args::RebuildArgs;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::{models, output, scores, starter};

const EXPECTED: &str = "expected.toml";

/// What must be true before the new generation is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// The scores of `expected.toml`.
    Scores(Vectors),
    /// Nothing: it was forced, or there is no older generation that could be better.
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

pub(crate) fn run(settings: &Settings, args: &RebuildArgs) -> anyhow::Result<ExitCode> {
    let vectors = if args.lexical_only { Vectors::Without } else { Vectors::With };
    let store = Store::at(&settings.index);
    let unchecked = args.force || !store.ever_published();
    let demand = if unchecked { Demand::Publish(vectors) } else { Demand::Scores(vectors) };
    let report = make(settings, &store, demand)?;
    if args.json {
        output::json(&report)?;
    } else {
        output::line(&summary(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds and publishes, with a bar on stderr.
pub(crate) fn make(settings: &Settings, store: &Store, demand: Demand) -> anyhow::Result<RebuildReport> {
    make_telling(settings, store, demand, &mut Bars::default())
}

/// The same; how far it has come is told to whoever shows it.
pub(crate) fn make_telling(
    settings: &Settings,
    store: &Store,
    demand: Demand,
    observer: &mut dyn Observer,
) -> anyhow::Result<RebuildReport> {
    let mut corpora = settings.corpora.clone();
    if corpora.is_empty() {
        corpora.push(starter::unpack(&settings.unpacked)?);
    }
    let (vectors, gate) = match demand {
        Demand::Publish(vectors) => (vectors, Gate::default()),
        Demand::Scores(vectors) => (vectors, gate(&corpora)?),
    };
    let encoder = match vectors {
        Vectors::With => Some(models::encoder(settings)?),
        Vectors::Without => None,
    };
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let config = RebuildConfig {
        corpora,
        split: SplitConfig::default(),
        copies: Copies::Drop,
        graph: GraphParams::default(),
        created,
        gate,
    };
    let report = rebuild(store, encoder.as_ref(), &config, observer)?;
    if let Some(measured) = report.scores {
        // The generation is published whether its scores can be kept or not.
        if scores::keep(store.root(), &report.generation, measured).is_err() {
            output::note("The scores of the new index could not be kept beside it.");
        }
    }
    Ok(report)
}

/// The demands of every corpus that has some, as one: all questions, the mean demand weighted by their number.
fn gate(corpora: &[PathBuf]) -> anyhow::Result<Gate> {
    let mut gate = Gate::default();
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
    let mut lines = vec![
        format!("Published {} with {} passages ({vectors}).", report.generation, report.passages),
        report.records.to_string(),
    ];
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}
