//! `clinqa eval retrieval`: a BEIR folder ranked by words, by vectors and fused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clinqa_corpus::SplitConfig;
use clinqa_encoder::Encoder;
use clinqa_eval::{BeirQuery, Bootstrap, Metric, Qrels, Run, evaluate, mean_interval, read_queries, summary};
use clinqa_index::{Generation, GraphParams, KEPT_GENERATIONS, PassageIndex, Patience, Store};
use clinqa_qa::{AnswerConfig, Copies, Error, Gate, RebuildConfig, Reuse, identity, rebuild};
use clinqa_retrieval::{Fusion, RetrievalConfig, fuse, understand};
use clinqa_schema::{Embedding, Filters, Observer, Progress, Question, Ranking, Stage};
use serde_json::{Value, json};

use super::{UsageError, open_file, write_file};
use crate::args::RetrievalArgs;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::{models, output};

/// How deep each ranking of a run goes.
const RUN_DEPTH: usize = 1_000;

/// Both rankings of one query.
struct Ranked {
    id: String,
    lexical: Ranking,
    dense: Ranking,
}

pub(crate) fn run(settings: &Settings, args: &RetrievalArgs) -> anyhow::Result<ExitCode> {
    let qrels_path = args
        .qrels
        .clone()
        .or_else(|| args.split.as_ref().map(|split| args.folder.join("qrels").join(format!("{split}.tsv"))));
    let qrels = qrels_path.map(|path| Ok::<_, anyhow::Error>(Qrels::read(open_file(&path)?)?)).transpose()?;
    let queries_path = args.queries.clone().unwrap_or_else(|| args.folder.join("queries.jsonl"));
    let mut queries = read_queries(open_file(&queries_path)?)?;
    if let Some(qrels) = &qrels {
        queries.retain(|query| qrels.judgements(&query.id).is_some());
    }
    let mut encoder = models::encoder(settings)?;
    if let Some(dimensions) = args.dimensions {
        encoder = encoder.narrowed(dimensions).map_err(UsageError::Dimensions)?;
    }
    let mut bars = Bars::default();
    let index = index(settings, &args.folder, &encoder, &mut bars)?;
    let config = AnswerConfig::default().retrieval;
    let embeddings = encode(&encoder, &queries, &mut bars)?;
    let ranked = rank(&index, &queries, &embeddings, config, &mut bars)?;
    drop(bars);
    if let Some(folder) = &args.run_dir {
        write_runs(folder, &ranked, config)?;
    }
    let mut result = json!({
        "queries": ranked.len(),
        "passages": index.manifest().counts.passages,
        "encoder": encoder.name(),
        "dimensions": encoder.dimension(),
    });
    if let Some(qrels) = &qrels {
        result["scores"] = scores(&ranked, qrels, config);
        if args.fusion_table {
            result["fusions"] = fusion_table(&ranked, qrels);
        }
    }
    if args.graph_recall {
        result["graph_recall@10"] = json!(graph_recall(&index, &embeddings)?);
    }
    output::result(&result, output::Form::of(args.json))?;
    Ok(ExitCode::SUCCESS)
}

/// The folder's own index in the cache: kept while its corpus and the encoder stay what they were.
fn index(
    settings: &Settings,
    folder: &Path,
    encoder: &Encoder,
    observer: &mut dyn Observer,
) -> anyhow::Result<Generation> {
    let corpus = clinqa_corpus::open(folder).map_err(Error::from)?;
    // What follows the hash says how vectors differ from the checkpoint's own; those of two widths never share a place.
    let (hash, kind) =
        encoder.fingerprint().split_at(encoder.fingerprint().find('-').unwrap_or(encoder.fingerprint().len()));
    let store = Store::at(settings.cache().join(format!("{}-{}{kind}", corpus.name, hash.get(..16).unwrap_or(hash))));
    if let Ok(known) = store.open_current() {
        let files = known.manifest().corpora.iter().flat_map(|corpus| &corpus.files);
        let kept: Vec<&str> = files.map(|file| file.blake3.as_str()).collect();
        let now: Vec<&str> = corpus.files().iter().map(|file| file.blake3.as_str()).collect();
        if kept == now && known.require_encoder(&identity(encoder)).is_ok() {
            return Ok(known);
        }
    }
    let config = RebuildConfig {
        corpora: vec![PathBuf::from(folder)],
        split: SplitConfig::whole(),
        copies: Copies::Keep,
        graph: GraphParams::default(),
        created: 0,
        gate: Gate::default(),
        reuse: Reuse::Known,
        patience: Patience::Refuse,
        keep: KEPT_GENERATIONS,
    };
    rebuild(&store, Some(encoder), &config, observer)?;
    Ok(store.open_current().map_err(Error::from)?)
}

fn encode(encoder: &Encoder, queries: &[BeirQuery], observer: &mut dyn Observer) -> anyhow::Result<Vec<Embedding>> {
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    Ok(encoder.encode(&texts, observer).map_err(Error::from)?)
}

fn rank(
    index: &Generation,
    queries: &[BeirQuery],
    embeddings: &[Embedding],
    config: RetrievalConfig,
    observer: &mut dyn Observer,
) -> anyhow::Result<Vec<Ranked>> {
    let everything = Filters::default();
    let mut ranked = Vec::with_capacity(queries.len());
    for (query, embedding) in queries.iter().zip(embeddings) {
        let question = Question::new(&query.text)?;
        let understood = understand(&question, &[], index.lexicon(), config.understanding);
        ranked.push(Ranked {
            id: query.id.clone(),
            lexical: index.lexical(&understood.lexical, RUN_DEPTH, &everything).map_err(Error::from)?,
            dense: index.dense(embedding, RUN_DEPTH, &everything).map_err(Error::from)?,
        });
        let done = ranked.len() as u64;
        observer.observe(&Progress { stage: Stage::Evaluate, done, total: Some(queries.len() as u64) });
    }
    Ok(ranked)
}

fn fused(ranked: &Ranked, depth: usize, fusion: Fusion) -> Ranking {
    fuse(fusion, &ranked.lexical.clone().truncated(depth), &ranked.dense.clone().truncated(depth))
}

/// The three runs by name.
fn runs(ranked: &[Ranked], config: RetrievalConfig) -> [(&'static str, Run); 3] {
    let (mut lexical, mut dense, mut both) = (Run::default(), Run::default(), Run::default());
    for query in ranked {
        lexical.insert_ranking(&query.id, &query.lexical);
        dense.insert_ranking(&query.id, &query.dense);
        both.insert_ranking(&query.id, &fused(query, config.depth, config.fusion));
    }
    [("lexical", lexical), ("dense", dense), ("fused", both)]
}

fn write_runs(folder: &Path, ranked: &[Ranked], config: RetrievalConfig) -> anyhow::Result<()> {
    for (name, run) in runs(ranked, config) {
        write_file(&folder.join(format!("{name}.run")), |mut out| Ok(run.write(name, &mut out)?))?;
    }
    Ok(())
}

fn scores(ranked: &[Ranked], qrels: &Qrels, config: RetrievalConfig) -> Value {
    let scored = runs(ranked, config).map(|(name, run)| {
        let means: BTreeMap<String, f64> = summary(&Metric::STANDARD, &run, qrels);
        let per_query = evaluate(Metric::Ndcg(10), &run, qrels).per_query;
        let interval = mean_interval(&per_query, Bootstrap::default()).ok();
        (name.to_owned(), json!({"means": means, "ndcg@10 interval": interval}))
    });
    scored.into_iter().collect()
}

/// nDCG@10 of many fusions, for choosing one on training questions.
fn fusion_table(ranked: &[Ranked], qrels: &Qrels) -> Value {
    let mut table = serde_json::Map::new();
    for depth in [50, 100, 200, RUN_DEPTH] {
        let ranks = [10.0, 30.0, 60.0, 100.0].map(|k| Fusion::ReciprocalRank { k });
        let sums = (1..10).map(|tenths| Fusion::MinMax { dense_weight: tenths as f32 / 10.0 });
        for fusion in ranks.into_iter().chain(sums) {
            let mut run = Run::default();
            for query in ranked {
                run.insert_ranking(&query.id, &fused(query, depth, fusion));
            }
            table.insert(format!("{fusion:?} depth {depth}"), json!(evaluate(Metric::Ndcg(10), &run, qrels).mean));
        }
    }
    Value::Object(table)
}

/// The share of the exact ten nearest that the graph finds, over all queries.
fn graph_recall(index: &Generation, embeddings: &[Embedding]) -> anyhow::Result<f64> {
    let everything = Filters::default();
    let (mut found, mut all) = (0, 0);
    for embedding in embeddings {
        let exact = index.dense_exact(embedding, 10, &everything).map_err(Error::from)?;
        let graph = index.dense(embedding, 10, &everything).map_err(Error::from)?;
        all += exact.len();
        found += exact.hits().iter().filter(|hit| graph.hits().iter().any(|g| g.passage_id == hit.passage_id)).count();
    }
    Ok(f64::from(found as u32) / f64::from(all.max(1) as u32))
}
