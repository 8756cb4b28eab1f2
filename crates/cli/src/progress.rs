//! Long work as a bar on stderr, with rate and time left; nothing where stderr is no terminal.

use std::time::Duration;

use clinqa_schema::{Learning, Observer, Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};

/// One bar at a time, of the stage that runs.
#[derive(Default)]
pub(crate) struct Bars {
    shown: Option<(Stage, ProgressBar)>,
}

impl Observer for Bars {
    fn observe(&mut self, progress: &Progress) {
        let same = self.shown.as_ref().is_some_and(|(stage, _)| *stage == progress.stage);
        if !same {
            self.finish();
            self.shown = Some((progress.stage, bar(progress.stage)));
        }
        if let Some((_, bar)) = &self.shown {
            if let Some(total) = progress.total {
                bar.set_length(total);
            }
            bar.set_position(progress.done);
        }
    }

    fn observe_learning(&mut self, learning: &Learning) {
        if let Some((_, bar)) = &self.shown {
            bar.set_message(format!("loss {:.4}, rate {:.1e}", learning.loss, learning.rate));
        }
    }
}

impl Bars {
    fn finish(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.finish();
    }
}

fn bar(stage: Stage) -> ProgressBar {
    let (what, unit) = match stage {
        Stage::Read => ("reading", "documents"),
        Stage::Encode => ("encoding", "passages"),
        Stage::Lexical => ("indexing words", "passages"),
        Stage::Dense => ("linking vectors", "passages"),
        Stage::Seal => ("sealing", "files"),
        Stage::Evaluate => ("asking", "questions"),
        Stage::Fetch => ("fetching", "bytes"),
        Stage::Learn => ("learning", "steps"),
    };
    let template = format!("{{msg:15}} {{wide_bar}} {{pos}}/{{len}} {unit} {{per_sec}} {{eta}} left");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
