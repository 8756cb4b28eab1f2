//! What was this model made from, how, and how good is it? Its card (pure).
//!
//! Written from what really happened: no figure stands in it that the run did not measure, and nothing of the machine
//! (its name, its folders) or of the texts.

use std::fmt::Write;

use clinqa_schema::Moment;
use serde::{Deserialize, Serialize};

use crate::Score;

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

/// What a card tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Card<'a> {
    /// What the model is for, such as "extractive question answering".
    pub purpose: &'a str,
    /// The task as the command line names it.
    pub task: &'a str,
    /// The checkpoint that the run began from, and its fingerprint.
    pub base: (&'a str, &'a str),
    /// The files.
    pub data: &'a [DataSource],
    /// What was skipped or mended in them, a line each.
    pub notes: &'a [String],
    /// The command line, as typed.
    pub command: &'a [String],
    /// The commit of the program, if it knows.
    pub commit: Option<&'a str>,
    /// Settings by name, in their order.
    pub settings: &'a [(String, String)],
    /// When the run began and ended.
    pub when: (Moment, Moment),
    /// Optimizer steps done.
    pub steps: u64,
    /// Why the run ended, such as "all epochs were done".
    pub ending: &'a str,
    /// The score before the first step, if it was measured.
    pub before: Option<&'a Score>,
    /// The score of the checkpoint that was kept, and its step.
    pub best: Option<(&'a Score, u64)>,
}

/// The card as Markdown, with the front matter that model hubs read.
pub fn card(card: &Card<'_>) -> String {
    let mut out = String::new();
    let (base, fingerprint) = card.base;
    // Writing to a string cannot fail; the results are dropped.
    let _ = writeln!(
        out,
        "---\nlibrary_name: transformers\nbase_model: {}\ntags:\n- clinqa\n- {}\n---\n",
        quoted(base),
        card.task
    );
    let _ = writeln!(out, "# {} from {base}\n", capital(card.purpose));
    let _ = writeln!(
        out,
        "Made by `clinqa train {}`. This card was written by the run itself; every figure in it was measured by it.\n",
        card.task
    );
    let _ =
        writeln!(out, "It is no medical device, and nobody has checked it for any use but the one measured below.\n");
    figures(card, &mut out);
    data(card, &mut out);
    let _ = writeln!(out, "## How it was made\n");
    let _ = writeln!(out, "- begun from: {base} (fingerprint `{fingerprint}`)");
    let _ = writeln!(out, "- command: `{}`", command(card.command));
    let _ =
        writeln!(out, "- program: clinqa {}, commit {}", env!("CARGO_PKG_VERSION"), card.commit.unwrap_or("unknown"));
    let _ = writeln!(out, "- begun {}, ended {}: {}", card.when.0, card.when.1, card.ending);
    let _ = writeln!(out, "- steps: {}", card.steps);
    for (name, value) in card.settings {
        let _ = writeln!(out, "- {name}: {value}");
    }
    let _ = writeln!(out, "\n`log.jsonl` and `curve.svg` of the run show every step.");
    out
}

fn figures(card: &Card<'_>, out: &mut String) {
    let _ = writeln!(out, "## Figures\n");
    let Some((best, step)) = card.best else {
        let _ = writeln!(out, "No score was measured.\n");
        return;
    };
    let _ = writeln!(out, "On the part that was held out (see the data below), at step {step}:\n");
    let _ = writeln!(out, "| figure | before | after |\n|---|---|---|");
    let before = |pick: &dyn Fn(&Score) -> Option<f64>| {
        card.before.and_then(pick).map_or_else(|| "not measured".to_owned(), |value| format!("{value:.4}"))
    };
    let row = |out: &mut String, name: &str, before: String, after: f64| {
        let _ = writeln!(out, "| {name} | {before} | {after:.4} |");
    };
    row(out, &best.name, before(&|score| Some(score.value)), best.value);
    row(out, "loss", before(&|score| Some(score.loss)), best.loss);
    for (name, value) in &best.others {
        let same = |score: &Score| score.others.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
        row(out, name, before(&same), *value);
    }
    out.push('\n');
}

fn data(card: &Card<'_>, out: &mut String) {
    let _ = writeln!(out, "## Data\n");
    let _ = writeln!(
        out,
        "| file | bytes | BLAKE3 | licence | weight | trained on | scored on |\n|---|---|---|---|---|---|---|"
    );
    for source in card.data {
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
    if card.notes.is_empty() {
        let _ = writeln!(out, "Nothing in it had to be skipped or mended.\n");
        return;
    }
    let _ = writeln!(out, "What was skipped or mended in it:\n");
    for note in card.notes {
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

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_card_tells_what_happened_and_nothing_of_the_machine() {
        let score =
            |value| Score { name: "f1".to_owned(), value, loss: 1.25, others: vec![("exact".to_owned(), value / 2.0)] };
        let (before, best) = (score(0.1), score(0.625));
        let source = DataSource {
            file: "wiki.json".to_owned(),
            bytes: 12,
            blake3: "ab".to_owned(),
            licence: None,
            weight: 0.5,
            trained: 90,
            scored: 10,
        };
        let told = card(&Card {
            purpose: "extractive question answering",
            task: "reader",
            base: ("mini: lm", "f00"),
            data: &[source],
            notes: &["wiki.json: 1 skipped because the answer is empty (record 3)".to_owned()],
            command: &words("/home/ann/clinqa train reader --data /home/ann/secret/wiki.json=0.5 --out /home/ann/run/"),
            commit: Some("abc"),
            settings: &[("seed".to_owned(), "7".to_owned())],
            when: (Moment(0), Moment(60)),
            steps: 125,
            ending: "all epochs were done",
            before: Some(&before),
            best: Some((&best, 100)),
        });
        for expected in [
            "base_model: \"mini: lm\"\n",
            "# Extractive question answering from mini: lm\n",
            "| f1 | 0.1000 | 0.6250 |\n| loss | 1.2500 | 1.2500 |\n| exact | 0.0500 | 0.3125 |",
            "| wiki.json | 12 | `ab` | not stated | 0.5 | 90 | 10 |",
            "- wiki.json: 1 skipped",
            "`clinqa train reader --data wiki.json=0.5 --out run`",
            "commit abc",
            "1970-01-01 00:00:00 UTC, ended 1970-01-01 00:01:00 UTC: all epochs were done",
            "- seed: 7",
        ] {
            assert!(told.contains(expected), "{expected} in\n{told}");
        }
        assert!(!told.contains("ann") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn a_run_without_a_score_says_so() {
        let told = card(&Card {
            purpose: "x",
            task: "reader",
            base: ("b", "f"),
            data: &[],
            notes: &[],
            command: &words("clinqa train"),
            commit: None,
            settings: &[],
            when: (Moment(0), Moment(0)),
            steps: 0,
            ending: "it was stopped",
            before: None,
            best: None,
        });
        assert!(told.contains("No score was measured.") && told.contains("commit unknown"), "{told}");
        assert!(told.contains("Nothing in it had to be skipped"), "{told}");
    }
}
