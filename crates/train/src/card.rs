//! What was this model made from, how, and how good is it? Its card (pure).
//!
//! Written from what really happened: no figure stands in it that the run did not measure, and nothing of the machine
//! (its name, its folders) or of the texts.

use std::fmt::Write;

use clinqa_schema::Moment;
use serde::{Deserialize, Serialize};

use crate::{Ending, RunRecord, Score};

/// One file that was trained on or scored on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DataSource {
    /// Its name, without its folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its bytes, in hex.
    pub blake3: String,
    /// Under which licence, if that is known.
    pub licence: Option<String>,
    /// How often each of its records was seen in an epoch; 0 for a file that was only scored on.
    pub weight: f64,
    /// Records trained on.
    pub trained: usize,
    /// Records scored on.
    pub scored: usize,
}

/// What a card tells beside the run's own record.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin<'a> {
    /// What the model is for, such as "extractive question answering".
    pub purpose: &'a str,
    /// The files.
    pub data: &'a [DataSource],
    /// What was skipped or mended in them, a line each.
    pub notes: &'a [String],
    /// Settings of the task by name, in their order.
    pub settings: &'a [(&'a str, String)],
    /// The command line, as typed.
    pub command: &'a [String],
    /// The commit of the program, if it knows.
    pub commit: Option<&'a str>,
    /// When the run began (or was last resumed) and ended.
    pub when: (Moment, Moment),
}

/// The card as Markdown, with the front matter that model hubs read.
pub fn card(run: &RunRecord, origin: &Origin<'_>) -> String {
    let mut out = String::new();
    let (task, base) = (&run.task, &run.from);
    // Writing to a string cannot fail; the results are dropped.
    let _ = writeln!(
        out,
        "---\nlibrary_name: transformers\nbase_model: {}\ntags:\n- clinqa\n- {task}\n---\n",
        quoted(base)
    );
    let _ = writeln!(out, "# {} from {base}\n", capital(origin.purpose));
    let _ = writeln!(
        out,
        "Made by `clinqa train {task}`. This card was written by the run itself; every figure in it was measured by it.\n"
    );
    let _ =
        writeln!(out, "It is no medical device, and nobody has checked it for any use but the one measured below.\n");
    figures(run, &mut out);
    data(origin, &mut out);
    made(run, origin, &mut out);
    out
}

fn made(run: &RunRecord, origin: &Origin<'_>, out: &mut String) {
    let settings = &run.settings;
    let ending = match run.ending {
        Ending::Done => "all steps were done",
        Ending::Patience => "the score no longer rose",
        Ending::Limit => "the time was up",
    };
    let _ = writeln!(out, "## How it was made\n");
    let _ = writeln!(out, "- begun from: {} (fingerprint `{}`)", run.from, run.from_fingerprint);
    let _ = writeln!(out, "- class: `{}`", run.architecture);
    let _ = writeln!(out, "- command: `{}`", command(origin.command));
    let commit = origin.commit.unwrap_or("unknown");
    let _ = writeln!(out, "- program: clinqa {}, commit {commit}", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(out, "- begun {}, ended {}: {ending}", origin.when.0, origin.when.1);
    let _ = writeln!(out, "- steps: {}, examples seen: {}, tokens: {}", run.steps, run.examples_seen, run.tokens);
    let _ = writeln!(out, "- parameters: {} learned of {}", run.parameters[0], run.parameters[1]);
    let _ = writeln!(out, "- seed: {}", settings.seed);
    let batch = settings.batch * settings.accumulate;
    let _ = writeln!(out, "- epochs: {}, examples a step: {batch}", run.epochs.len());
    let _ = writeln!(
        out,
        "- rate: {}, warm-up: {}, decay: {}, clip: {}, dropout: {}",
        settings.rate, settings.warmup, settings.decay, settings.clip, settings.dropout
    );
    let words = if settings.freeze_embeddings { "yes" } else { "no" };
    let _ = writeln!(
        out,
        "- frozen: layers {}, word embeddings {words}; rate a layer lower: × {}",
        settings.freeze_layers, settings.layer_decay
    );
    for (name, value) in origin.settings {
        let _ = writeln!(out, "- {name}: {value}");
    }
    let _ = writeln!(out, "\n`log.jsonl` and `curve.svg` of the run show every step.");
}

fn figures(run: &RunRecord, out: &mut String) {
    let _ = writeln!(out, "## Figures\n");
    let Some(best) = &run.best else {
        let _ = writeln!(out, "No score was measured.\n");
        return;
    };
    let _ = writeln!(
        out,
        "On {} examples that were held out (see the data below), after epoch {}, the best one (step {}):\n",
        run.examples[1], best.epoch, best.step
    );
    let _ = writeln!(out, "| figure | before | after |\n|---|---|---|");
    let before = |pick: &dyn Fn(&Score) -> Option<f64>| {
        run.before.as_ref().and_then(pick).map_or_else(|| "not measured".to_owned(), |value| format!("{value:.4}"))
    };
    let row = |out: &mut String, name: &str, before: String, after: f64| {
        let _ = writeln!(out, "| {name} | {before} | {after:.4} |");
    };
    let score = &best.score;
    row(out, &score.name, before(&|score| Some(score.value)), score.value);
    row(out, "loss", before(&|score| Some(score.loss)), score.loss);
    for (name, value) in &score.others {
        let same = |score: &Score| score.others.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
        row(out, name, before(&same), *value);
    }
    out.push('\n');
}

fn data(origin: &Origin<'_>, out: &mut String) {
    let _ = writeln!(out, "## Data\n");
    let _ = writeln!(
        out,
        "| file | bytes | BLAKE3 | licence | weight | trained on | scored on |\n|---|---|---|---|---|---|---|"
    );
    for source in origin.data {
        let licence = source.licence.as_deref().unwrap_or("not stated").replace('|', "/");
        let _ = writeln!(
            out,
            "| {} | {} | `{}` | {licence} | {} | {} | {} |",
            source.file.replace('|', "/"),
            source.bytes,
            source.blake3,
            source.weight,
            source.trained,
            source.scored
        );
    }
    out.push('\n');
    if origin.notes.is_empty() {
        let _ = writeln!(out, "Nothing in it had to be skipped or mended.\n");
        return;
    }
    let _ = writeln!(out, "What was skipped or mended in it:\n");
    for note in origin.notes {
        let _ = writeln!(out, "- {note}");
    }
    out.push('\n');
}

/// The command line without folders: names of files are told, where they lie is the machine's.
fn command(words: &[String]) -> String {
    let name = |part: &str| part.rsplit(['/', '\\']).next().unwrap_or(part).to_owned();
    let plain = |word: &String| {
        // `--flag=path` and `path=weight` keep what stands around the `=`.
        let parts: Vec<String> = word.split('=').map(|part| name(part.trim_end_matches(['/', '\\']))).collect();
        let joined = parts.join("=").replace('`', "'");
        if joined.contains(char::is_whitespace) { format!("'{joined}'") } else { joined }
    };
    words.iter().map(plain).collect::<Vec<_>>().join(" ")
}

/// A string as YAML reads it, whatever it holds: JSON is YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Best, Settings};

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn record(best: Option<Score>) -> RunRecord {
        RunRecord {
            task: "reader".to_owned(),
            architecture: "BertForQuestionAnswering".to_owned(),
            from: "mini: lm".to_owned(),
            from_fingerprint: "f00".to_owned(),
            settings: Settings::new("/home/ann/run".into()),
            examples: [90, 10],
            parameters: [5, 9],
            steps: 125,
            tokens: 1_000,
            examples_seen: 180,
            seconds: 7.0,
            before: best.as_ref().map(|score| Score { value: 0.1, ..score.clone() }),
            epochs: Vec::new(),
            best: best.map(|score| Best { epoch: 2, step: 100, score }),
            ending: Ending::Done,
        }
    }

    fn origin<'a>(data: &'a [DataSource], notes: &'a [String], command: &'a [String]) -> Origin<'a> {
        Origin {
            purpose: "extractive question answering",
            data,
            notes,
            settings: &[],
            command,
            commit: None,
            when: (Moment(0), Moment(60)),
        }
    }

    #[test]
    fn a_card_tells_what_happened_and_nothing_of_the_machine() {
        let others = vec![("exact".to_owned(), 0.3125)];
        let score = Score { name: "f1".to_owned(), value: 0.625, loss: 1.25, others };
        let source = DataSource {
            file: "wiki.json".to_owned(),
            bytes: 12,
            blake3: "ab".to_owned(),
            licence: None,
            weight: 0.5,
            trained: 90,
            scored: 10,
        };
        let notes = ["wiki.json: 1 skipped because the answer is empty (record 3)".to_owned()];
        let typed = words("/home/ann/clinqa train reader --data /home/ann/secret/wiki.json=0.5 --out /home/ann/run/");
        let settings = [("windows", "384".to_owned())];
        let sources = [source];
        let whole = Origin { commit: Some("abc"), settings: &settings, ..origin(&sources, &notes, &typed) };
        let told = card(&record(Some(score)), &whole);
        for expected in [
            "base_model: \"mini: lm\"\n",
            "# Extractive question answering from mini: lm\n",
            "| f1 | 0.1000 | 0.6250 |\n| loss | 1.2500 | 1.2500 |\n| exact | 0.3125 | 0.3125 |",
            "| wiki.json | 12 | `ab` | not stated | 0.5 | 90 | 10 |",
            "- wiki.json: 1 skipped",
            "`clinqa train reader --data wiki.json=0.5 --out run`",
            "commit abc",
            "1970-01-01 00:00:00 UTC, ended 1970-01-01 00:01:00 UTC: all steps were done",
            "- seed: 1\n",
            "- windows: 384\n",
        ] {
            assert!(told.contains(expected), "{expected} in\n{told}");
        }
        assert!(!told.contains("/home") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn a_run_without_a_score_says_so() {
        let told = card(&record(None), &origin(&[], &[], &words("clinqa train")));
        assert!(told.contains("No score was measured.") && told.contains("commit unknown"), "{told}");
        assert!(told.contains("Nothing in it had to be skipped"), "{told}");
    }
}
