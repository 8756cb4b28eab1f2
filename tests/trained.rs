//! Does what was trained load elsewhere, and what was saved elsewhere load here?
//!
//! Tiny models learn for a few steps through the binary. Our own forward pass says what they answer; with the Python that
//! `CLINQA_TEST_PYTHON` names (torch, transformers, sentence-transformers) `tests/parity/check_trained.py` loads them
//! unchanged, says the same, and saves them again for us to load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clinqa_encoder::{Checkpoint, Sequence, Source};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Project, arg, data, skipped};

/// How far two programs may differ in a logit.
const TOLERANCE: f32 = 1e-4;

/// Sentences with one answer each, our own, of words that the tiny vocabulary splits into pieces.
fn questions(count: usize) -> Value {
    let names = ["aspirin", "insulin", "warfarin", "morphine"];
    let uses = ["pain", "fever", "sugar", "clots", "nausea"];
    let one = |at: usize| {
        let (name, purpose) = (names[at % names.len()], uses[at % uses.len()]);
        let text = format!("In case {at} the nurse gave {name} for {purpose}.");
        let start = text.find(name).expect("the name");
        json!({"context": text, "qas": [{"id": format!("q{at}"), "question": format!("What was given for {purpose}?"),
            "answers": [{"text": name, "answer_start": start}]}]})
    };
    json!({"data": [{"title": "cases", "paragraphs": (0..count).map(one).collect::<Vec<_>>()}]})
}

/// A folder with questions, and a project to run the binary in.
struct Bench {
    project: Project,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { project: Project::new(), folder: TempDir::new().expect("a folder") };
        fs::write(bench.path("questions.json"), questions(60).to_string()).expect("a file");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Trains with a few small batches; what the run said.
    fn train(&self, task: &str, name: &str, more: &[&str]) -> String {
        let (data, out) = (self.path("questions.json"), self.path(name));
        let mut typed = vec!["train", task, "--data", arg(&data), "--out", arg(&out)];
        typed.extend(["--epochs", "2", "--batch", "8", "--rate", "1e-3", "--threads", "1", "--dev-share", "0.2"]);
        typed.extend(more);
        let ran = self.project.run(&typed);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    }
}

fn tiny() -> PathBuf {
    data("checkpoints/tiny-safetensors")
}

/// Two inputs that every tiny model understands.
fn inputs() -> Vec<Sequence> {
    let ids = [vec![2, 20, 31, 3, 40, 55, 60, 3], vec![2, 99, 3, 7, 3]];
    let types = [vec![0, 0, 0, 0, 1, 1, 1, 1], vec![0, 0, 0, 1, 1]];
    ids.into_iter().zip(types).map(|(ids, types)| Sequence { ids, types }).collect()
}

/// The span logits of a checkpoint, a row a token, by our own forward pass.
fn span_logits(folder: &Path) -> Vec<Vec<[f32; 2]>> {
    let mut checkpoint = Checkpoint::open(&Source::Folder(folder.to_owned())).expect("a checkpoint");
    let width = checkpoint.hidden_size();
    let weight = checkpoint.take("qa_outputs.weight", &[2, width]).expect("a head").values;
    let bias = checkpoint.take("qa_outputs.bias", &[2]).expect("a head").values;
    let sequences = inputs();
    let hidden = checkpoint.transformer().expect("a model").forward(&sequences).expect("hidden states");
    let logit = |row: &[f32], which: usize| {
        let weights = &weight[which * width..(which + 1) * width];
        row.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>() + bias[which]
    };
    (0..sequences.len())
        .map(|at| hidden.rows(at).chunks_exact(width).map(|row| [logit(row, 0), logit(row, 1)]).collect())
        .collect()
}

/// Puts what we compute beside a run, for the script to compare.
fn tell(run: &Path) {
    let inputs: Vec<Value> = inputs().iter().map(|one| json!({"ids": one.ids, "types": one.types})).collect();
    let ours = json!({"inputs": inputs, "values": span_logits(&run.join("checkpoint"))});
    fs::write(run.join("ours.json"), ours.to_string()).expect("a file");
}

#[test]
fn a_trained_reader_loads_here_and_in_transformers_and_back() {
    let bench = Bench::new();
    let from = tiny();
    bench.train("reader", "reader", &["--from", arg(&from)]);
    let teacher = bench.path("reader/checkpoint");
    bench.train("distil", "student", &["--from", arg(&teacher), "--layers", "1"]);
    let runs = [bench.path("reader"), bench.path("student")];
    for run in &runs {
        tell(run);
    }
    let config = fs::read(bench.path("student/checkpoint/config.json")).expect("a config");
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    assert_eq!(
        (&config["num_hidden_layers"], &config["architectures"][0]),
        (&json!(1), &json!("BertForQuestionAnswering"))
    );
    let questions = bench.path("questions.json");
    for run in &runs {
        let checkpoint = run.join("checkpoint");
        let ran = bench.project.run(&["eval", "reader", arg(&questions), "--reader", arg(&checkpoint), "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains("\"f1\""), "{}", ran.stdout);
    }
    let Some(python) = std::env::var_os("CLINQA_TEST_PYTHON") else {
        return skipped(
            "trained checkpoints in transformers: name a Python with torch, transformers and sentence-transformers in CLINQA_TEST_PYTHON",
        );
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/check_trained.py");
    let output = Command::new(python).arg(script).arg(bench.folder.path()).output().expect("Python runs");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    for run in &runs {
        let (ours, theirs) = (span_logits(&run.join("checkpoint")), span_logits(&run.join("theirs")));
        let far = ours.iter().flatten().flatten().zip(theirs.iter().flatten().flatten());
        assert!(far.into_iter().all(|(a, b)| (a - b).abs() < TOLERANCE), "{}", run.display());
    }
}

#[test]
fn a_run_leaves_a_card_a_curve_and_a_report_that_quote_nothing() {
    let bench = Bench::new();
    let mut broken = questions(60);
    broken["data"][0]["paragraphs"][3]["qas"][0]["answers"][0]["text"] = json!("unobtainium");
    fs::write(bench.path("questions.json"), broken.to_string()).expect("a file");
    fs::write(bench.path("README.md"), "| file | licence |\n|---|---|\n| questions.json | our own |\n")
        .expect("a file");
    let from = tiny();
    bench.train("reader", "run", &["--from", arg(&from), "--unanswerable", "0.5"]);
    let read = |name: &str| fs::read_to_string(bench.path("run").join(name)).unwrap_or_else(|_| panic!("{name}"));
    let card = read("README.md");
    assert_eq!(card, read("checkpoint/README.md"));
    let digest = blake3::hash(broken.to_string().as_bytes()).to_hex();
    for expected in [
        "| our own | 1 |",
        digest.as_str(),
        "--data questions.json --out run",
        "1 skipped because the answer does not stand in the text (record 4 id q3)",
    ] {
        assert!(card.contains(expected), "{expected} in\n{card}");
    }
    assert!(read("curve.svg").contains("development loss"));
    assert_eq!(read("data-report.jsonl").lines().count(), 1);
    let everything: String =
        ["README.md", "data-report.jsonl", "log.jsonl", "run.json", "curve.svg"].map(read).concat();
    let home = bench.folder.path().display().to_string();
    for secret in ["unobtainium", "nurse", "What was given"] {
        assert!(!everything.contains(secret), "{secret}");
    }
    assert!(!card.contains(&home), "{card}");
}

#[test]
fn data_that_cannot_teach_says_what_is_needed() {
    let bench = Bench::new();
    let from = tiny();
    let check = |name: &str, content: &str, expected: &str| {
        let (file, out) = (bench.path(name), bench.path("never"));
        fs::write(&file, content).expect("a file");
        let ran =
            bench.project.run(&["train", "reader", "--from", arg(&from), "--data", arg(&file), "--out", arg(&out)]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected) && !ran.stderr.contains("nurse"), "{}", ran.stderr);
        assert!(!out.exists(), "nothing is begun");
    };
    check("few.json", &questions(8).to_string(), "at least");
    check("lines.json", "{\"text\": \"the nurse\"}\n{\"text\": \"the nurse\"}\n", "JSON lines");
    check("none.json", "", "an empty file");
}
