//! `clinqa eval tags`: a tagger against tagged sentences, counted as seqeval counts.

use std::process::ExitCode;

use anyhow::Context;
use clinqa_eval::{IobFault, ResultLine, TagOutcome, as_bio, read_iob, score_tags};
use serde_json::json;

use super::{UsageError, open_file, write_lines};
use crate::args::EvalTagsArgs;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::{models, output, shares};

pub(crate) fn run(settings: &Settings, args: &EvalTagsArgs) -> anyhow::Result<ExitCode> {
    let file = read_iob(open_file(&args.file)?).with_context(|| format!("in {}", args.file.display()))?;
    let fault = |fault: &IobFault| format!("{}:{}: {}", args.file.display(), fault.line, fault.problem);
    output::warn_some(file.faults.iter().map(fault), "sentences left out");
    if file.sentences.is_empty() {
        return Err(UsageError::NothingUsable { path: args.file.display().to_string() }.into());
    }
    let tagger = models::tagger(settings, &args.model)?;
    output::warn(tagger.warnings());
    let mut bars = Bars::default();
    let sentences: Vec<Vec<&str>> =
        file.sentences.iter().map(|sentence| sentence.words.iter().map(String::as_str).collect()).collect();
    let found = tagger.tag_words(&sentences, &mut bars)?;
    drop(bars);
    let outcomes: Vec<TagOutcome> = (1..)
        .zip(file.sentences.iter().zip(&found))
        .map(|(number, (sentence, found)): (u64, _)| {
            let tags: Vec<&str> = found.iter().map(|word| word.tag.as_str()).collect();
            // Words are compared in one scheme, whatever those of the file and the model are.
            TagOutcome::new(number.to_string(), &as_bio(&sentence.tags), &as_bio(&tags))
        })
        .collect();
    if let Some(path) = &args.out {
        write_lines(path, outcomes.iter().cloned().map(ResultLine::Tags))?;
    }
    let scores = score_tags(&outcomes);
    if args.json {
        output::json(&json!({"model": tagger.name(), "scores": scores, "skipped": file.faults.len()}))?;
    } else {
        let head = format!("{} sentences, {:.4} of all words with the right tag", scores.sentences, scores.accuracy);
        output::line(&format!("{head}\n\n{}", shares::table(&scores.spans)))?;
    }
    Ok(ExitCode::SUCCESS)
}
