//! `clinqa eval score`: one TREC run against judgements.

use std::process::ExitCode;

use clinqa_eval::{Metric, Qrels, Run, summary};

use super::open_file;
use crate::args::ScoreArgs;
use crate::output;

pub(crate) fn run(args: &ScoreArgs) -> anyhow::Result<ExitCode> {
    let qrels = Qrels::read(open_file(&args.qrels)?)?;
    let run = Run::read(open_file(&args.run)?)?;
    let scores = summary(&Metric::STANDARD, &run, &qrels);
    if args.json {
        output::json(&scores)?;
    } else {
        for (metric, score) in &scores {
            output::line(&format!("{metric:<12} {score:.4}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
