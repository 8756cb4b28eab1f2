//! Questions to learn spans from: read, cut and written down for `train reader` and `train distil`.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clinqa_encoder::TextTokenizer;
use clinqa_reader::ReadConfig;
use clinqa_schema::Moment;
use clinqa_train::card::DataSource;
use clinqa_train::data::{CutConfig, DataReport, MixtureConfig, SpanExample, SpanMixture, cut};
use clinqa_train::task::reader::DevPart;
use clinqa_train::{Best, RunRecord, Score, TrainError, write_examples};

use super::super::write_file;
use super::Papers;
use crate::args::{LearnArgs, SpanData};
use crate::output;

/// Everything that a run on spans learns from, is scored on, and tells about it.
pub(super) struct Spans {
    pub(super) train: Vec<SpanExample>,
    pub(super) dev: DevPart,
    sources: Vec<DataSource>,
    report: DataReport,
    begun: Moment,
}

impl Spans {
    /// Reads and cuts the files; writes what was asked to be written; says on stderr what was wrong with them.
    pub(super) fn open(
        data: &SpanData,
        options: &LearnArgs,
        (tokenizer, positions): (&TextTokenizer, usize),
    ) -> anyhow::Result<Self> {
        let begun = super::super::now();
        let config = MixtureConfig {
            dev_share: options.dev_share,
            sample: data.sample,
            dev_sample: data.dev_sample,
            unanswerable: data.unanswerable,
            seed: options.seed,
        };
        let SpanMixture { train, dev, mut sources, mut report } =
            SpanMixture::open(&data.files, &data.dev, &config).map_err(TrainError::from)?;
        if let Some(licence) = &data.licence {
            for source in &mut sources {
                source.licence = Some(licence.clone());
            }
        }
        let window_tokens = data.window.min(positions);
        let overlap = data.overlap.min(window_tokens / 2);
        let usual = ReadConfig::default();
        let max_question_tokens = usual.max_question_tokens.min(window_tokens / 2);
        let read = ReadConfig { window_tokens, overlap, max_question_tokens, ..usual };
        let how = CutConfig { read, empty_windows: data.empty_windows, seed: options.seed };
        let train = cut(&train, tokenizer, how, &mut report).map_err(TrainError::from)?;
        let dev = DevPart::new(dev, tokenizer, read).map_err(TrainError::from)?;
        output::warn(&report.summary());
        write_if(data.write_dev.as_deref(), |out| Ok(writeln!(out, "{}", dev.squad())?))?;
        let settings = options.settings();
        write_if(data.write_examples.as_deref(), |out| Ok(write_examples(out, &train, &settings)?))?;
        Ok(Self { train, dev, sources, report, begun })
    }

    /// Leaves the papers of the run beside its checkpoint, and says what was reached.
    pub(super) fn close(
        self,
        run: &RunRecord,
        data: &SpanData,
        (purpose, more): (&str, Vec<(&'static str, String)>),
    ) -> anyhow::Result<Vec<String>> {
        let mut settings = vec![
            ("window", data.window.to_string()),
            ("overlap", data.overlap.to_string()),
            ("wrong texts on the same topic", format!("for {} of the questions", data.unanswerable)),
        ];
        settings.extend(more);
        let Self { sources, report, begun, .. } = self;
        Papers { purpose, notes: report.summary(), sources, settings, found: &report, begun }.leave(run)?;
        Ok(run.best.iter().map(|best| reached(best, run.before.as_ref())).collect())
    }
}

fn reached(best: &Best, before: Option<&Score>) -> String {
    let Best { epoch, score, .. } = best;
    let others: Vec<String> = score.others.iter().map(|(name, value)| format!(", {name} {value:.4}")).collect();
    let others = others.concat();
    let before = before.map_or_else(String::new, |score| format!(" ({:.4} before)", score.value));
    format!("On the questions held out: {} {:.4}{before}{others}, after epoch {epoch}", score.name, score.value)
}

fn write_if(path: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    path.map_or(Ok(()), |path| write_file(path, write).with_context(|| format!("cannot write {}", path.display())))
}
