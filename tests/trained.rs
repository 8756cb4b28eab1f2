//! Does what was trained load elsewhere, and what was saved elsewhere load here?
//!
//! Tiny models learn for a few steps through the binary. Our own forward pass says what they answer; with the Python that
//! `CLINQA_TEST_PYTHON` names (torch, transformers, sentence-transformers) `tests/parity/check_trained.py` loads them
//! unchanged, says the same, and saves them again for us to load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clinqa_encoder::{Checkpoint, Encoder, Sequence, Source};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Project, arg, data, skipped};

/// What encoders are asked about.
const TEXTS: [&str; 3] = ["the heart", "no fever by low insulin .", "x"];

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
        let out = self.path(name);
        let mut typed = [&["train", task], more, &["--out", arg(&out)]].concat();
        typed.extend(["--epochs", "2", "--batch", "8", "--rate", "1e-3", "--threads", "1", "--dev-share", "0.2"]);
        let ran = self.project.run(&typed);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    }

    /// Files for an encoder, a classifier and a tagger, and a folder of text.
    fn more(&self) -> [PathBuf; 4] {
        let file = |name: &str, line: &dyn Fn(usize) -> String| {
            let path = self.path(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, (0..60).map(line).collect::<String>()).expect("a file");
            path
        };
        let pair = |at| json!({"question": format!("what is it in case {at}?"), "passage": format!("In case {at} it is a cough.")});
        let pairs = file("pairs.jsonl", &|at| format!("{}\n", pair(at)));
        let label = |at| ["fever", "cough"][at % 2];
        let labelled = file("labelled.jsonl", &|at| {
            format!("{}\n", json!({"text": format!("is {} in case {at} low?", label(at)), "label": label(at)}))
        });
        let tagged = file("tagged.tsv", &|at| format!("in\tO\ncase\tO\n{at}\tO\n{}\tB-Sign\n.\tO\n\n", label(at)));
        let text =
            file("text/some.txt", &|at| format!("In case {at} the {} was low. It was not so before.\n", label(at)));
        [pairs, labelled, tagged, text.parent().expect("a folder").to_owned()]
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

/// One row of values for each row of `rows`: `weight` is `[values, width]`.
fn linear(rows: &[Vec<f32>], weight: &[f32], bias: &[f32]) -> Vec<Vec<f32>> {
    let value = |row: &[f32], of: usize| {
        let weights = &weight[of * row.len()..(of + 1) * row.len()];
        row.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>() + bias[of]
    };
    rows.iter().map(|row| (0..bias.len()).map(|of| value(row, of)).collect()).collect()
}

/// The Gaussian error function to seven digits (Abramowitz and Stegun, 7.1.26).
fn erf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let terms = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let sum = terms.iter().fold(0.0, |sum, term| (sum + term) * t);
    (1.0 - sum * (-x * x).exp()).copysign(x)
}

/// A row after GELU and a layer norm.
fn gelu_and_norm(row: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let row: Vec<f64> =
        row.iter().map(|&x| f64::from(x)).map(|x| x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)) / 2.0).collect();
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    let deviation = (row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64 + 1e-12).sqrt();
    let whole = row.iter().map(|x| ((x - mean) / deviation) as f32);
    whole.zip(weight.iter().zip(bias)).map(|(x, (weight, bias))| x * weight + bias).collect()
}

/// From the hidden states of a text, a row a token, to logits.
type Head = Box<dyn Fn(&[Vec<f32>]) -> Vec<Vec<f32>>>;

/// The logits of a checkpoint by our own forward pass and the head of its class: a row a token, or one for the text.
fn logits(folder: &Path) -> Vec<Vec<Vec<f32>>> {
    let config = config(folder);
    let mut checkpoint = Checkpoint::open(&Source::Folder(folder.to_owned())).expect("a checkpoint");
    let width = checkpoint.hidden_size();
    let mut layer = |name: &str, values: usize| {
        let mut take = |part: &str, shape: &[usize]| {
            checkpoint.take(&format!("{name}.{part}"), shape).unwrap_or_else(|error| panic!("{error}")).values
        };
        (take("weight", &[values, width]), take("bias", &[values]))
    };
    let labels = || config["id2label"].as_object().expect("labels").len();
    let architecture = config["architectures"][0].as_str().expect("a class");
    let head: Head = match architecture {
        "BertForQuestionAnswering" => {
            let (weight, bias) = layer("qa_outputs", 2);
            Box::new(move |rows| linear(rows, &weight, &bias))
        }
        "BertForTokenClassification" => {
            let (weight, bias) = layer("classifier", labels());
            Box::new(move |rows| linear(rows, &weight, &bias))
        }
        "BertForSequenceClassification" => {
            let (dense, shift) = layer("pooler.dense", width);
            let (weight, bias) = layer("classifier", labels());
            Box::new(move |rows| {
                let pooled = linear(&rows[..1], &dense, &shift);
                let pooled: Vec<f32> = pooled[0].iter().map(|x| x.tanh()).collect();
                linear(&[pooled], &weight, &bias)
            })
        }
        "BertForMaskedLM" => {
            let (dense, shift) = layer("cls.predictions.transform.dense", width);
            let mut take = |name: &str, shape: &[usize]| checkpoint.take(name, shape).expect("a weight").values;
            let norm =
                ["weight", "bias"].map(|part| take(&format!("cls.predictions.transform.LayerNorm.{part}"), &[width]));
            let words = config["vocab_size"].as_u64().expect("a number") as usize;
            let bias = take("cls.predictions.bias", &[words]);
            let table = words_of(folder, &[words, width]);
            Box::new(move |rows| {
                let rows = linear(rows, &dense, &shift);
                let rows: Vec<_> = rows.iter().map(|row| gelu_and_norm(row, &norm[0], &norm[1])).collect();
                linear(&rows, &table, &bias)
            })
        }
        other => panic!("{other}"),
    };
    let sequences = inputs();
    let hidden = checkpoint.transformer().expect("a model").forward(&sequences).expect("hidden states");
    let rows = |at: usize| hidden.rows(at).chunks_exact(width).map(<[f32]>::to_vec).collect::<Vec<_>>();
    (0..sequences.len()).map(|at| head(&rows(at))).collect()
}

/// The word embeddings, which the head that guesses words multiplies with too.
fn words_of(folder: &Path, shape: &[usize]) -> Vec<f32> {
    let mut checkpoint = Checkpoint::open(&Source::Folder(folder.to_owned())).expect("a checkpoint");
    checkpoint.take("embeddings.word_embeddings.weight", shape).expect("word embeddings").values
}

fn config(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("config.json")).expect("a config")).expect("JSON")
}

/// The vectors that our encoder makes of a few texts.
fn vectors(folder: &Path) -> Vec<Vec<f32>> {
    let encoder = Encoder::open(&Source::Folder(folder.to_owned())).expect("an encoder");
    TEXTS.iter().map(|text| encoder.encode_one(text).expect("it encodes").as_slice().to_vec()).collect()
}

/// What a checkpoint says, whatever its class.
fn said(run: &Path, name: &str) -> Vec<Vec<Vec<f32>>> {
    let folder = run.join(name);
    if folder.join("modules.json").is_file() { vec![vectors(&folder)] } else { logits(&folder) }
}

/// Puts what we compute beside a run, for the script to compare.
fn tell(run: &Path) {
    let values = said(run, "checkpoint");
    let inputs: Vec<Value> = inputs().iter().map(|one| json!({"ids": one.ids, "types": one.types})).collect();
    let ours = if run.join("checkpoint/modules.json").is_file() {
        json!({"texts": TEXTS, "embeddings": values[0]})
    } else {
        json!({"inputs": inputs, "values": values})
    };
    fs::write(run.join("ours.json"), ours.to_string()).expect("a file");
}

#[test]
fn what_every_task_saves_loads_here_and_in_other_libraries_and_back() {
    let bench = Bench::new();
    let from = tiny();
    let from = ["--from", arg(&from)];
    let questions = bench.path("questions.json");
    bench.train("reader", "reader", &[&from[..], &["--data", arg(&questions)]].concat());
    let teacher = bench.path("reader/checkpoint");
    bench.train("distil", "student", &["--from", arg(&teacher), "--layers", "1", "--data", arg(&questions)]);
    let [pairs, labelled, tagged, text] = bench.more();
    bench.train("encoder", "encoder", &[&from[..], &["--data", arg(&pairs), "--passage-tokens", "32"]].concat());
    bench.train("classifier", "classifier", &[&from[..], &[arg(&labelled)]].concat());
    bench.train("tagger", "tagger", &[&from[..], &[arg(&tagged)]].concat());
    bench.train("pretrain", "pretrain", &[&from[..], &[arg(&text), "--block", "32"]].concat());
    let classes = [
        ("reader", "BertForQuestionAnswering", 2),
        ("student", "BertForQuestionAnswering", 1),
        ("encoder", "BertModel", 2),
        ("classifier", "BertForSequenceClassification", 2),
        ("tagger", "BertForTokenClassification", 2),
        ("pretrain", "BertForMaskedLM", 2),
    ];
    for (name, class, layers) in classes {
        let config = config(&bench.path(name).join("checkpoint"));
        assert_eq!(
            (&config["architectures"][0], &config["num_hidden_layers"]),
            (&json!(class), &json!(layers)),
            "{name}"
        );
        tell(&bench.path(name));
    }
    for name in ["reader", "student"] {
        let checkpoint = bench.path(name).join("checkpoint");
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
    for (name, ..) in classes {
        let run = bench.path(name);
        let (ours, theirs) = (said(&run, "checkpoint"), said(&run, "theirs"));
        let values = |of: &[Vec<Vec<f32>>]| of.iter().flatten().flatten().copied().collect::<Vec<_>>();
        let (ours, theirs) = (values(&ours), values(&theirs));
        assert!(ours.len() == theirs.len() && !ours.is_empty(), "{name}");
        assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < TOLERANCE), "{name}");
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
    let questions = bench.path("questions.json");
    bench.train("reader", "run", &["--from", arg(&from), "--unanswerable", "0.5", "--data", arg(&questions)]);
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
