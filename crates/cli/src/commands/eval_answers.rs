//! `clinqa eval answers`: judged questions through the whole house.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clinqa_eval::{JudgedQuestion, JudgedReply, fit_logistic, is_accepted, read_judged, score_judged};
use clinqa_qa::{AnswerConfig, Ask, Explain, Search, answer};
use clinqa_safety::Rules;
use clinqa_schema::{Filters, Observer, Progress, Question, Reply, Stage, Trace};
use serde::Serialize;
use serde_json::json;

use super::{engine, open_file, store_with_index, write_file};
use crate::args::{AnswersArgs, JudgedSplit};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

/// What became of one question.
#[derive(Serialize)]
struct Detail<'a> {
    id: &'a str,
    group: &'a str,
    question: &'a str,
    document: Option<&'a str>,
    documents: &'a [String],
    answer: Option<&'a str>,
    quote: Option<&'a str>,
    accepted: bool,
    evidence: Option<f32>,
    nearest: Option<f32>,
    reason: Option<clinqa_schema::Abstention>,
    split: &'a str,
    trace: Option<&'a Trace>,
    ms: f64,
}

pub(crate) fn run(settings: &Settings, args: &AnswersArgs) -> anyhow::Result<ExitCode> {
    let mut questions = read_judged(open_file(&args.file)?)?;
    if let Some(split) = args.split {
        let wanted = match split {
            JudgedSplit::Dev => "dev",
            JudgedSplit::Test => "test",
        };
        questions.retain(|question| question.split == wanted);
    }
    let store = store_with_index(settings)?;
    let engine = engine(settings, &store, Search::Fused, Rules::embedded()?)?;
    // To fit, every span must be seen, however unsure.
    let open = AnswerConfig { min_confidence: 0.0, min_nearest: -1.0, ..AnswerConfig::default() };
    let config = if args.fit { open } else { AnswerConfig::default() };
    let mut replies = BTreeMap::new();
    let mut bars = Bars::default();
    for (done, judged) in (1..).zip(&questions) {
        let ask = Ask {
            question: Question::new(&judged.question)?,
            history: judged.turns(),
            filters: Filters::default(),
            region: None,
            top_k: 3,
            search: Search::Fused,
            explain: Explain::Yes,
        };
        replies.insert(judged.id.as_str(), answer(&engine, &ask, &config)?);
        bars.observe(&Progress { stage: Stage::Evaluate, done, total: Some(questions.len() as u64) });
    }
    drop(bars);
    let judged = questions.iter().map(|q| (q.id.clone(), judged_reply(&replies[q.id.as_str()]))).collect();
    let scores = score_judged(&questions, &judged);
    if let Some(path) = &args.details {
        write_file(path, |out| {
            for question in &questions {
                serde_json::to_writer(&mut *out, &detail(question, &replies[question.id.as_str()], &judged))?;
                writeln!(out)?;
            }
            Ok(())
        })?;
    }
    let mut times: Vec<f64> = replies.values().map(|reply| reply.took_ms).collect();
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| times.get(((times.len() as f64 - 1.0) * share).round() as usize).copied();
    let mut result = json!({"scores": scores, "ms": {"median": quantile(0.5), "p95": quantile(0.95)}});
    if args.fit {
        let pairs: Vec<(f64, bool)> = questions
            .iter()
            .filter_map(|q| Some((f64::from(evidence(&replies[q.id.as_str()])?), accepted(q, &judged))))
            .collect();
        let fitted = fit_logistic(&pairs)?;
        result["fit"] = json!({"temperature": fitted.temperature, "bias": fitted.bias, "questions": pairs.len()});
    }
    output::result(&result, output::Form::of(args.json))?;
    Ok(ExitCode::SUCCESS)
}

fn judged_reply(reply: &Reply) -> JudgedReply {
    let fused = reply.trace.iter().flat_map(|trace| trace.fused.hits());
    let mut documents: Vec<String> = Vec::new();
    for hit in fused {
        let id = hit.passage_id.document.to_string();
        if !documents.contains(&id) {
            documents.push(id);
        }
    }
    let answer = reply.answer.as_ref().map(|answer| {
        let quote = answer.citations().first().map(|citation| citation.quote.as_str()).unwrap_or_default();
        format!("{} {quote}", answer.text())
    });
    let confidence = reply.answer.as_ref().map_or(0.0, |answer| f64::from(answer.confidence()));
    JudgedReply { documents, answer, confidence }
}

/// The evidence for the best span that was read.
fn evidence(reply: &Reply) -> Option<f32> {
    Some(reply.trace.as_ref()?.spans.first()?.evidence)
}

fn accepted(question: &JudgedQuestion, judged: &BTreeMap<String, JudgedReply>) -> bool {
    judged[&question.id].answer.as_ref().is_some_and(|answer| is_accepted(question, answer))
}

fn detail<'a>(question: &'a JudgedQuestion, reply: &'a Reply, judged: &'a BTreeMap<String, JudgedReply>) -> Detail<'a> {
    let answer = reply.answer.as_ref();
    let trace = reply.trace.as_ref();
    let nearest = trace.and_then(|trace| trace.dense.hits().first()).map(|hit| hit.score);
    Detail {
        id: &question.id,
        group: &question.group,
        question: &question.question,
        document: question.document.as_deref(),
        documents: &judged[&question.id].documents,
        answer: answer.map(clinqa_schema::Answer::text),
        quote: answer.and_then(|answer| answer.citations().first()).map(|citation| citation.quote.as_str()),
        accepted: accepted(question, judged),
        evidence: evidence(reply),
        nearest,
        reason: reply.reason,
        split: &question.split,
        trace,
        ms: reply.took_ms,
    }
}
