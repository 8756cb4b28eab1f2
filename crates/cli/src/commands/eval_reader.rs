//! `clinqa eval reader`: spans against SQuAD and BioASQ golds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clinqa_eval::{
    BioasqKind, BioasqQuestion, MAX_CANDIDATES, ResultLine, ScoredQuestion, SquadParagraph, SquadPrediction,
    normalise_answer, read_bioasq, read_squad, score_factoids, score_lists, score_squad,
};
use clinqa_reader::{ReadConfig, Reader, Variants};
use clinqa_schema::{Observer, Progress, Stage};
use serde_json::{Value, json};

use super::{UsageError, write_lines};
use crate::args::ReaderArgs;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::{models, output};

/// Most items of a list answer.
const MAX_ITEMS: usize = 10;

pub(crate) fn run(settings: &Settings, args: &ReaderArgs) -> anyhow::Result<ExitCode> {
    let (mut paragraphs, mut questions) = (Vec::new(), Vec::new());
    for path in &args.files {
        match load(path)? {
            Golds::Squad(more) => paragraphs.extend(more),
            Golds::Bioasq(more) => questions.extend(more),
        }
    }
    let limit = args.limit.unwrap_or(usize::MAX);
    shorten(&mut paragraphs, limit);
    questions.retain(|question| matches!(question.kind, BioasqKind::Factoid | BioasqKind::List));
    questions.truncate(limit);
    let reader = models::reader(settings, ReadConfig { variants: Variants::All, keep: 20, ..ReadConfig::default() })?;
    let mut result = json!({"reader": reader.name()});
    let mut bars = Bars::default();
    let mut outcomes = Vec::new();
    if !paragraphs.is_empty() {
        result["squad"] = squad(&reader, &paragraphs, &mut outcomes, &mut bars)?;
    }
    if !questions.is_empty() {
        result["bioasq"] = bioasq(&reader, &questions, &mut outcomes, &mut bars)?;
    }
    drop(bars);
    if let Some(path) = &args.out {
        write_lines(path, outcomes.into_iter().map(ResultLine::Reader))?;
    }
    output::result(&result, output::Form::of(args.json))?;
    Ok(ExitCode::SUCCESS)
}

enum Golds {
    Squad(Vec<SquadParagraph>),
    Bioasq(Vec<BioasqQuestion>),
}

fn load(path: &Path) -> anyhow::Result<Golds> {
    let shown = || path.display().to_string();
    let bytes = fs::read(path).map_err(|source| UsageError::Open { path: shown(), source })?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| UsageError::UnknownFormat { path: shown() })?;
    let golds = if value.get("data").is_some() {
        read_squad(bytes.as_slice()).map(Golds::Squad)
    } else if value.get("questions").is_some() {
        read_bioasq(bytes.as_slice()).map(Golds::Bioasq)
    } else {
        return Err(UsageError::UnknownFormat { path: shown() }.into());
    };
    golds.with_context(|| format!("in {}", path.display()))
}

/// Keeps the first `limit` questions.
fn shorten(paragraphs: &mut Vec<SquadParagraph>, limit: usize) {
    let mut left = limit;
    for paragraph in paragraphs.iter_mut() {
        paragraph.questions.truncate(left);
        left -= paragraph.questions.len();
    }
    paragraphs.retain(|paragraph| !paragraph.questions.is_empty());
}

/// Forced answers scored as v1.1 does, and the v2.0 thresholds from null score minus span score.
fn squad(
    reader: &Reader,
    paragraphs: &[SquadParagraph],
    outcomes: &mut Vec<ScoredQuestion>,
    observer: &mut dyn Observer,
) -> anyhow::Result<Value> {
    let total: u64 = paragraphs.iter().map(|paragraph| paragraph.questions.len() as u64).sum();
    let mut predictions = BTreeMap::new();
    for paragraph in paragraphs {
        for question in &paragraph.questions {
            let reading = reader.read_texts(&question.question, &[&paragraph.context])?.pop().unwrap_or_default();
            let best = reading.spans.first();
            let text = best.map(|span| paragraph.context[span.bytes.clone()].to_owned()).unwrap_or_default();
            let null_score = best.map(|span| f64::from(-span.margin()));
            predictions.insert(question.id.clone(), SquadPrediction { text, null_score });
            let done = predictions.len() as u64;
            observer.observe(&Progress { stage: Stage::Evaluate, done, total: Some(total) });
        }
    }
    let scores = score_squad(paragraphs, &predictions);
    outcomes.extend(scores.exact_per_question.iter().map(|(id, exact)| ScoredQuestion {
        id: id.clone(),
        scores: BTreeMap::from([("exact".to_owned(), *exact), ("f1".to_owned(), scores.f1_per_question[id])]),
    }));
    Ok(Value::Object(scores.official()))
}

/// Five distinct candidates a question from its gold snippets, best margin first.
fn bioasq(
    reader: &Reader,
    questions: &[BioasqQuestion],
    outcomes: &mut Vec<ScoredQuestion>,
    observer: &mut dyn Observer,
) -> anyhow::Result<Value> {
    let total = questions.len() as u64;
    let (mut factoids, mut lists) = (BTreeMap::new(), BTreeMap::new());
    for (done, question) in (1..).zip(questions) {
        let ranked = ranked(reader, question)?;
        let top = ranked.iter().take(MAX_CANDIDATES).map(|(text, _)| text.clone()).collect();
        let sure = ranked.into_iter().filter(|(_, margin)| *margin > 0.0).take(MAX_ITEMS).map(|(text, _)| text);
        match question.kind {
            BioasqKind::List => lists.insert(question.id.clone(), sure.collect()),
            _ => factoids.insert(question.id.clone(), top),
        };
        observer.observe(&Progress { stage: Stage::Evaluate, done, total: Some(total) });
    }
    let factoid = score_factoids(questions, &factoids);
    let list = score_lists(questions, &lists);
    let mut keep = |id: &String, scores: &[(&str, f64)]| {
        let scores = scores.iter().map(|(name, score)| ((*name).to_owned(), *score)).collect();
        outcomes.push(ScoredQuestion { id: id.clone(), scores });
    };
    for (id, score) in &factoid.per_question {
        keep(id, &[("strict", score.strict), ("lenient", score.lenient), ("mrr", score.reciprocal_rank)]);
    }
    for (id, score) in &list.per_question {
        keep(id, &[("list f1", score.f1)]);
    }
    Ok(json!({
        "factoid": {"strict": factoid.strict, "lenient": factoid.lenient, "mrr": factoid.mrr, "total": factoid.total},
        "list": {"precision": list.precision, "recall": list.recall, "f1": list.f1, "total": list.total},
    }))
}

fn ranked(reader: &Reader, question: &BioasqQuestion) -> anyhow::Result<Vec<(String, f32)>> {
    let texts: Vec<&str> = question.snippets.iter().map(|snippet| snippet.text.as_str()).collect();
    let readings = reader.read_texts(&question.body, &texts)?;
    let mut spans: Vec<(String, f32)> = Vec::new();
    for (reading, text) in readings.iter().zip(&texts) {
        spans.extend(reading.spans.iter().map(|span| (text[span.bytes.clone()].to_owned(), span.margin())));
    }
    spans.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut seen = std::collections::BTreeSet::new();
    spans.retain(|(text, _)| seen.insert(normalise_answer(text)));
    Ok(spans)
}
