//! `clinqa eval compare`: two result files of the same questions, and whether their difference is more than luck.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clinqa_eval::{Bootstrap, ComparedShare, JudgedOutcome, OutcomeComparison, compare_outcomes, read_outcomes};
use serde_json::json;

use super::{UsageError, open_file};
use crate::args::CompareArgs;
use crate::output;

pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let (first, second) = (outcomes(&args.first)?, outcomes(&args.second)?);
    let bootstrap = Bootstrap::default();
    let compared = compare_outcomes(&first, &second, bootstrap).map_err(|source| UsageError::Results {
        first: args.first.display().to_string(),
        second: args.second.display().to_string(),
        source,
    })?;
    if args.json {
        output::json(&json!({"questions": first.len(), "samples": bootstrap.samples, "scores": compared}))?;
    } else {
        output::line(&table(&compared))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn outcomes(path: &Path) -> anyhow::Result<Vec<JudgedOutcome>> {
    read_outcomes(open_file(path)?).with_context(|| format!("in {}", path.display()))
}

/// A line a score; scores of no questions are left out.
fn table(compared: &OutcomeComparison) -> String {
    let scores = [
        ("accepted (answerable)", compared.accepted),
        ("wrong (answerable)", compared.wrong),
        ("abstained (unanswerable)", compared.abstained),
    ];
    let mut lines = vec![format!(
        "{:<24} {:>9} {:>7} {:>7} {:>10}  {:<16} {:>6}",
        "", "questions", "first", "second", "difference", "95% interval", "p"
    )];
    lines.extend(scores.iter().filter_map(|(name, share)| Some(row(name, share.as_ref()?))));
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
