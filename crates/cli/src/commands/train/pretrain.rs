//! `clinqa train pretrain`: a model learns the language of a folder of text.

use std::process::ExitCode;

use clinqa_train::data::DataReport;
use clinqa_train::data::text::{Cut, TextReport, read};
use clinqa_train::task::Pretrain;
use clinqa_train::{Parts, Twin, with_threads};

use super::{Papers, learn, report};
use crate::args::PretrainArgs;
use crate::settings::Settings;
use crate::{models, output};

/// Records of no use that are named one by one.
const NAMED: usize = 10;

pub(crate) fn run(settings: &Settings, args: &PretrainArgs) -> anyhow::Result<ExitCode> {
    let begun = super::super::now();
    let source = models::named(settings, &args.learn.from);
    let wanted = clinqa_train::Settings { score_first: true, ..args.learn.settings() };
    let record = with_threads(args.learn.threads, || {
        let (mut checkpoint, twin) = Twin::begin(&source, args.learn.device.into())?;
        output::warn(&checkpoint.warnings);
        let block = args.block.min(checkpoint.dimensions().positions);
        let (dev_share, seed) = (args.learn.dev_share, args.learn.seed);
        let cut = Cut { block, dev_share, dev_blocks: args.dev_blocks, seed };
        let data = read(&args.text, &checkpoint.tokenizer, cut)?;
        tell(&data.report);
        let task = Pretrain::open(&mut checkpoint, &twin)?;
        if !task.had_head {
            output::note("The model has no head that guesses words: a new one begins with it.");
        }
        let papers = Papers {
            purpose: "guessing hidden words",
            sources: vec![data.report.source(&args.text)],
            notes: left_out(&data.report),
            settings: Vec::new(),
            found: &DataReport::default(),
            begun,
        };
        let parts = Parts { train: &data.train, dev: &data.dev };
        let record = learn(&task, (twin, &source, &checkpoint.fingerprint), parts, (&args.learn, &wanted))?;
        papers.leave(&record)?;
        anyhow::Ok(record)
    })??;
    let perplexity = |score: &clinqa_train::Score| format!("{:.2}", -score.value);
    let mut told = Vec::new();
    if let (Some(before), Some(best)) = (&record.before, &record.best) {
        let change = (best.score.value / before.value - 1.0) * 100.0;
        told.push(format!(
            "Perplexity of hidden tokens in held-out text: {} before, {} after ({change:+.1}%)",
            perplexity(before),
            perplexity(&best.score)
        ));
    }
    report(&args.learn, &record, &told)
}

fn tell(report: &TextReport) {
    let TextReport { files, documents, tokens, skipped, unknown_blocks, .. } = report;
    output::note(&format!(
        "{files} files: {} documents ({} tokens) to learn from, {} ({}) to score on.",
        documents[0], tokens[0], documents[1], tokens[1]
    ));
    for (file, record, why) in skipped.iter().take(NAMED) {
        let place = if *record == 0 { String::new() } else { format!(", record {record}") };
        output::note(&format!("Left out {file}{place}: {why}."));
    }
    if skipped.len() > NAMED {
        output::note(&format!("… and {} more.", skipped.len() - NAMED));
    }
    if *unknown_blocks > 0 {
        output::note(&format!("Left out of other texts: {unknown_blocks} blocks without a word that the model knows."));
    }
}

/// What a card says of what was left out: how much. The names of files in a folder of notes may be those of patients.
fn left_out(report: &TextReport) -> Vec<String> {
    let texts = match report.skipped.len() {
        0 => None,
        1 => Some("1 text was left out: it is no text, too short, too long or of unknown words".to_owned()),
        many => Some(format!("{many} texts were left out: they are no text, too short, too long or of unknown words")),
    };
    let blocks = match report.unknown_blocks {
        0 => None,
        count => Some(format!("{count} blocks of other texts were left out: they hold no word that the model knows")),
    };
    texts.into_iter().chain(blocks).collect()
}
