//! `clinqa eval compare`: two result files of the same questions, texts or queries, and whether their difference is more
//! than luck.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clinqa_eval::{
    Bootstrap, ComparedShare, Metric, OutcomeComparison, OutcomeError, Qrels, Run, compare_outcomes, compare_results,
    compare_runs, read_outcomes, read_results,
};
use serde_json::{Value, json};

use super::{UsageError, open_file};
use crate::args::CompareArgs;
use crate::output;

/// What result files hold; both must hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of `eval answers --out`.
    Answers,
    /// Of `eval labels`, `tags` and `reader` with `--out`.
    Results,
    /// TREC runs, of `eval retrieval --run-dir`.
    Runs,
}

pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let bootstrap = Bootstrap::default();
    let kinds = [kind(&args.first)?, kind(&args.second)?];
    if kinds[0] != kinds[1] {
        return Err(UsageError::OtherResults { first: shown(&args.first), second: shown(&args.second) }.into());
    }
    let (items, compared) = match kinds[0] {
        Kind::Answers => answers(args, bootstrap)?,
        Kind::Results => results(args, bootstrap)?,
        Kind::Runs => runs(args, bootstrap)?,
    };
    if args.json {
        let (what, count) = items;
        let scores: BTreeMap<String, Option<ComparedShare>> =
            compared.into_iter().map(|(_, name, share)| (name, share)).collect();
        let mut told = json!({"samples": bootstrap.samples, "scores": scores});
        told[what] = count.into();
        output::json(&told)?;
    } else {
        output::line(&table(items.0, &compared))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Each figure: its name for people, its name for programs, and `None` where no item has it.
type Compared = Vec<(String, String, Option<ComparedShare>)>;

/// What the items are called, and how many there are.
type Items = (&'static str, usize);

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// By the first line that says anything.
fn kind(path: &Path) -> anyhow::Result<Kind> {
    for line in open_file(path)?.lines() {
        let line = line.map_err(|source| UsageError::Open { path: shown(path), source })?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() {
            continue;
        }
        if !line.starts_with('{') {
            return Ok(Kind::Runs);
        }
        let has_task = serde_json::from_str::<Value>(line).is_ok_and(|value| value.get("task").is_some());
        return Ok(if has_task { Kind::Results } else { Kind::Answers });
    }
    Ok(Kind::Answers)
}

fn answers(args: &CompareArgs, bootstrap: Bootstrap) -> anyhow::Result<(Items, Compared)> {
    let read = |path: &Path| read_outcomes(open_file(path)?).with_context(|| format!("in {}", path.display()));
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let compared = compare_outcomes(&first, &second, bootstrap).map_err(|source| refused(args, source))?;
    let OutcomeComparison { accepted, wrong, abstained } = compared;
    let named = |name: &str, of: &str, share| (format!("{name} ({of})"), name.to_owned(), share);
    let compared = vec![
        named("accepted", "answerable", accepted),
        named("wrong", "answerable", wrong),
        named("abstained", "unanswerable", abstained),
    ];
    Ok((("questions", first.len()), compared))
}

fn results(args: &CompareArgs, bootstrap: Bootstrap) -> anyhow::Result<(Items, Compared)> {
    let read = |path: &Path| read_results(open_file(path)?).with_context(|| format!("in {}", path.display()));
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let compared = compare_results(&first, &second, bootstrap).map_err(|source| refused(args, source))?;
    Ok((("items", first.len()), named(compared)))
}

fn runs(args: &CompareArgs, bootstrap: Bootstrap) -> anyhow::Result<(Items, Compared)> {
    let path = args.qrels.as_ref().ok_or(UsageError::NoQrels)?;
    let qrels = Qrels::read(open_file(path)?).with_context(|| format!("in {}", path.display()))?;
    let read = |path: &Path| Run::read(open_file(path)?).with_context(|| format!("in {}", path.display()));
    let runs = [read(&args.first)?, read(&args.second)?];
    let compared = compare_runs([&runs[0], &runs[1]], &qrels, &Metric::STANDARD, bootstrap);
    let compared = compared.map_err(|source| refused(args, source))?;
    Ok((("queries", qrels.iter().count()), named(compared)))
}

fn refused(args: &CompareArgs, source: OutcomeError) -> UsageError {
    UsageError::Results { first: shown(&args.first), second: shown(&args.second), source }
}

fn named(compared: BTreeMap<String, ComparedShare>) -> Compared {
    compared.into_iter().map(|(name, share)| (name.clone(), name, Some(share))).collect()
}

/// A line a score; scores of no items are left out.
fn table(items: &str, compared: &Compared) -> String {
    let mut lines = vec![format!(
        "{:<24} {items:>9} {:>7} {:>7} {:>10}  {:<16} {:>6}",
        "", "first", "second", "difference", "95% interval", "p"
    )];
    lines.extend(compared.iter().filter_map(|(name, _, share)| Some(row(name, share.as_ref()?))));
    lines.join("\n")
}

fn row(name: &str, share: &ComparedShare) -> String {
    let ComparedShare { questions, first, second, change } = share;
    let interval = format!("{:+.3} to {:+.3}", change.difference.lower, change.difference.upper);
    format!(
        "{name:<24} {questions:>9} {first:>7.3} {second:>7.3} {:>+10.3}  {interval:<16} {:>6.4}",
        change.difference.mean, change.p_value
    )
}
