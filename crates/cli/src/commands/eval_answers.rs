//! `clinqa eval answers`: judged questions through the whole house.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use clinqa_eval::{
    AnswerThresholds, JudgedQuestion, JudgedReply, JudgedScores, RiskPoint, fit_logistic, is_accepted, judged_outcomes,
    read_judged, reliability_picture, risk_coverage_picture, score_judged,
};
use clinqa_qa::{AnswerConfig, Ask, Engine, Explain, Measured, Search, answer};
use clinqa_retrieval::Step;
use clinqa_safety::Rules;
use clinqa_schema::{Abstention, Filters, Observer, Progress, Question, Reply, Stage, Trace};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Desk, engine, open_file, store_with_index, write_file, write_lines};
use crate::args::AnswersArgs;
use crate::output::{self, Form};
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
    confidence: f64,
    evidence: Option<f32>,
    nearest: Option<f64>,
    reason: Option<Abstention>,
    split: &'a str,
    trace: Option<&'a Trace>,
    ms: f64,
}

/// Replies with every threshold open, and the thresholds that are applied to them afterwards.
struct Answered {
    questions: Vec<JudgedQuestion>,
    replies: BTreeMap<String, Reply>,
    judged: BTreeMap<String, JudgedReply>,
    thresholds: AnswerThresholds,
}

pub(crate) fn run(settings: &Settings, args: &AnswersArgs) -> anyhow::Result<ExitCode> {
    let questions = questions(args)?;
    let store = store_with_index(settings)?;
    let engine = engine(&Desk { settings, store: &store, generation: None }, Search::Fused, Rules::embedded()?)?;
    let config = AnswerConfig::default();
    let measured = if args.fit { Measured::All } else { config.measured };
    let replies = ask_all(&engine, &questions, &AnswerConfig { measured, ..opened(&config, &args.without) })?;
    let usual = AnswerThresholds { confidence: config.min_confidence, nearest: config.min_nearest };
    // To fit, every span must be seen, however unsure.
    let thresholds = if args.fit { AnswerThresholds::OPEN } else { usual };
    let judged = replies.iter().map(|(id, reply)| (id.clone(), judged_reply(reply))).collect();
    let answered = Answered { questions, replies, judged, thresholds };
    let scores = score_judged(&answered.questions, &answered.judged, thresholds)?;
    if let Some(path) = &args.details {
        write_lines(path, answered.questions.iter().map(|question| detail(question, &answered)))?;
    }
    if let Some(path) = &args.out {
        write_lines(path, judged_outcomes(&answered.questions, &answered.judged, thresholds))?;
    }
    if let Some(folder) = &args.pictures {
        draw(folder, &caption(args, &scores), &scores, thresholds)?;
    }
    let form = Form::of(args.json);
    let mut result = json!({
        "scores": told(&scores, form)?,
        // By way of text: a value would hold 0.35 as the f64 next to it.
        "thresholds": serde_json::from_str::<Value>(&serde_json::to_string(&thresholds)?)?,
        "without": args.without.iter().map(|step| step.name()).collect::<Vec<_>>(),
        "ms": times(&answered.replies),
    });
    if args.fit {
        result["fit"] = fit(&answered, &config)?;
    }
    output::result(&result, form)?;
    Ok(ExitCode::SUCCESS)
}

fn questions(args: &AnswersArgs) -> anyhow::Result<Vec<JudgedQuestion>> {
    let mut questions = read_judged(open_file(&args.file)?)?;
    if let Some(split) = args.split {
        questions.retain(|question| question.split == split.name());
    }
    Ok(questions)
}

/// `config` with every answer given, however unsure, so that each question has a confidence; without some steps.
fn opened(config: &AnswerConfig, without: &[Step]) -> AnswerConfig {
    let AnswerThresholds { confidence, nearest } = AnswerThresholds::OPEN;
    let mut config = AnswerConfig { min_confidence: confidence, min_nearest: nearest, ..*config };
    let steps = &mut config.retrieval.understanding.steps;
    *steps = without.iter().fold(*steps, |steps, step| steps.without(*step));
    config
}

fn ask_all(
    engine: &Engine,
    questions: &[JudgedQuestion],
    config: &AnswerConfig,
) -> anyhow::Result<BTreeMap<String, Reply>> {
    let mut replies = BTreeMap::new();
    let mut bars = Bars::default();
    for (done, judged) in (1..).zip(questions) {
        let ask = Ask {
            question: Question::new(&judged.question)?,
            history: judged.turns(),
            filters: Filters::default(),
            region: None,
            top_k: 3,
            search: Search::Fused,
            explain: Explain::Yes,
        };
        replies.insert(judged.id.clone(), answer(engine, &ask, config)?);
        bars.observe(&Progress { stage: Stage::Evaluate, done, total: Some(questions.len() as u64) });
    }
    Ok(replies)
}

fn judged_reply(reply: &Reply) -> JudgedReply {
    let trace = reply.trace.as_ref();
    let mut documents: Vec<String> = Vec::new();
    for hit in trace.iter().flat_map(|trace| trace.fused.hits()) {
        let id = hit.passage_id.document.to_string();
        if !documents.contains(&id) {
            documents.push(id);
        }
    }
    let answer = reply.answer.as_ref().map(|answer| {
        let quote = answer.citations().first().map(|citation| citation.quote.as_str()).unwrap_or_default();
        format!("{} {quote}", answer.text())
    });
    JudgedReply {
        documents,
        answer,
        confidence: reply.answer.as_ref().map_or(0.0, |answer| f64::from(answer.confidence())),
        nearest: trace.and_then(|trace| trace.dense.hits().first()).map(|hit| f64::from(hit.score)),
        kind: trace.map(|trace| trace.kind.to_owned()).unwrap_or_default(),
    }
}

/// The scores as a value; for people without the points of the curves, which are hundreds of lines.
fn told(scores: &JudgedScores, form: Form) -> anyhow::Result<Value> {
    let mut told = serde_json::to_value(scores)?;
    if let (Form::Text, Some(scores)) = (form, told.as_object_mut()) {
        scores.retain(|name, _| name != "reliability" && name != "risk_coverage");
    }
    Ok(told)
}

fn times(replies: &BTreeMap<String, Reply>) -> Value {
    let mut times: Vec<f64> = replies.values().map(|reply| reply.took_ms).collect();
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| times.get(((times.len() as f64 - 1.0) * share).round() as usize).copied();
    json!({"median": quantile(0.5), "p95": quantile(0.95)})
}

/// Temperature and bias that turn the grounds for the best span into the probability that it is accepted.
fn fit(answered: &Answered, config: &AnswerConfig) -> anyhow::Result<Value> {
    let pair = |question: &JudgedQuestion| {
        let trust = trust(&answered.replies[&question.id], config)?;
        Some((f64::from(trust), accepted(question, answered)))
    };
    let pairs: Vec<(f64, bool)> = answered.questions.iter().filter_map(pair).collect();
    let fitted = fit_logistic(&pairs)?;
    Ok(json!({"temperature": fitted.temperature, "bias": fitted.bias, "questions": pairs.len()}))
}

/// What the reader's calibration was given for the best span; `None` if there was no span.
fn trust(reply: &Reply, config: &AnswerConfig) -> Option<f32> {
    let trace = reply.trace.as_ref()?;
    let has_faq = trace.grounds.get("asked_of").is_some_and(|cosine| *cosine != 0.0);
    config.weights(has_faq).trust.total(&trace.grounds)
}

fn accepted(question: &JudgedQuestion, answered: &Answered) -> bool {
    answered.judged[&question.id].given(answered.thresholds).is_some_and(|answer| is_accepted(question, answer))
}

fn detail<'a>(question: &'a JudgedQuestion, answered: &'a Answered) -> Detail<'a> {
    let (reply, judged) = (&answered.replies[&question.id], &answered.judged[&question.id]);
    let answer = reply.answer.as_ref().filter(|_| judged.given(answered.thresholds).is_some());
    let trace = reply.trace.as_ref();
    Detail {
        id: &question.id,
        group: &question.group,
        question: &question.question,
        document: question.document.as_deref(),
        documents: &judged.documents,
        answer: answer.map(clinqa_schema::Answer::text),
        quote: answer.and_then(|answer| answer.citations().first()).map(|citation| citation.quote.as_str()),
        accepted: accepted(question, answered),
        confidence: judged.confidence,
        evidence: trace.and_then(|trace| trace.spans.first()).map(|span| span.evidence),
        nearest: judged.nearest,
        reason: reply.reason.or_else(|| answer.is_none().then_some(Abstention::Unsupported)),
        split: &question.split,
        trace,
        ms: reply.took_ms,
    }
}

/// What was measured, for the pictures: the name of the file, never a question.
fn caption(args: &AnswersArgs, scores: &JudgedScores) -> String {
    let file = args.file.file_name().unwrap_or(args.file.as_os_str()).to_string_lossy();
    let mut parts = vec![file.into_owned()];
    parts.extend(args.split.map(|split| split.name().to_owned()));
    parts.push(format!("{} questions", scores.answerable + scores.unanswerable));
    parts.extend(args.without.iter().map(|step| format!("without {}", step.name())));
    parts.join(", ")
}

/// The two pictures, each if there is something to show.
fn draw(folder: &Path, caption: &str, scores: &JudgedScores, thresholds: AnswerThresholds) -> anyhow::Result<()> {
    let at = scores.coverage.zip(scores.risk);
    let threshold = f64::from(thresholds.confidence);
    let at = at.map(|(coverage, risk)| RiskPoint { threshold, coverage, risk });
    let reliability = scores.reliability.as_ref().map(|reliability| reliability_picture(caption, reliability));
    let curve = scores.risk_coverage.as_ref().map(|curve| risk_coverage_picture(caption, curve, at));
    for (name, picture) in [("reliability.svg", reliability), ("risk-coverage.svg", curve)] {
        if let Some(picture) = picture {
            write_file(&folder.join(name), |out| Ok(out.write_all(picture.as_bytes())?))?;
        }
    }
    Ok(())
}
