//! `clinqa eval labels`: a classifier against labelled texts.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clinqa_eval::{
    LabelOutcome, LabelScores, LabelledFields, LabelledFile, LabelledForm, ResultLine, read_labelled, score_labels,
};
use clinqa_labels::Problem;
use serde_json::json;

use super::{UsageError, open_file, write_lines};
use crate::args::EvalLabelsArgs;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::{models, output, shares};

pub(crate) fn run(settings: &Settings, args: &EvalLabelsArgs) -> anyhow::Result<ExitCode> {
    let fields = LabelledFields { text: args.text_field.clone(), label: args.label_field.clone() };
    let file = read_labelled(LabelledForm::of(&args.file), &fields, open_file(&args.file)?)
        .with_context(|| format!("in {}", args.file.display()))?;
    tell_faults(&args.file, &file);
    if file.texts.is_empty() {
        return Err(UsageError::NothingUsable { path: args.file.display().to_string() }.into());
    }
    let classifier = models::classifier(settings, &args.model)?;
    output::warn(classifier.warnings());
    let mut bars = Bars::default();
    let texts: Vec<&str> = file.texts.iter().map(|text| text.text.as_str()).collect();
    let found = classifier.classify(&texts, &mut bars)?;
    drop(bars);
    let name = |at: &usize| classifier.labels()[*at].clone();
    let outcomes: Vec<LabelOutcome> = file
        .texts
        .iter()
        .zip(&found)
        .map(|(text, found)| LabelOutcome {
            id: text.id.clone().unwrap_or_else(|| text.line.to_string()),
            gold: text.labels.clone(),
            found: found.holding(classifier.problem(), args.threshold).iter().map(name).collect(),
        })
        .collect();
    tell_strangers(&outcomes, classifier.labels());
    if let Some(path) = &args.out {
        write_lines(path, outcomes.iter().cloned().map(ResultLine::Labels))?;
    }
    let scores = score_labels(&outcomes);
    if args.json {
        let skipped = file.faults.len();
        output::json(&json!({"model": classifier.name(), "scores": scores, "skipped": skipped}))?;
    } else {
        output::line(&told(&scores, classifier.problem()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_faults(path: &Path, file: &LabelledFile) {
    let tell = |fault: &clinqa_eval::LabelledFault| format!("{}:{}: {}", path.display(), fault.line, fault.problem);
    output::warn_some(file.faults.iter().map(tell), "records left out");
}

/// Labels of the file that the model cannot give: every text that has one is lost to it.
fn tell_strangers(outcomes: &[LabelOutcome], labels: &[String]) {
    let gold = outcomes.iter().flat_map(|outcome| &outcome.gold);
    let strangers: std::collections::BTreeSet<&String> = gold.filter(|label| !labels.contains(label)).collect();
    let tell = |label: &String| format!("the model knows no label `{}`", label.escape_default());
    output::warn_some(strangers.into_iter().map(tell), "labels that the model does not know");
}

fn told(scores: &LabelScores, problem: Problem) -> String {
    let what = match problem {
        Problem::Single => "with the right label",
        Problem::Multi => "with all of their labels and no others",
    };
    format!("{} texts, {:.4} {what}\n\n{}", scores.texts, scores.accuracy, shares::table(&scores.shares))
}
