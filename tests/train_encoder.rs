//! Does `clinqa train encoder` learn from pairs, and does `clinqa train pairs` make them?

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Project, arg, data};

/// Files of MedQuAD: each topic has two answered questions and one whose answer was removed.
fn medquad(project: &Project) {
    for topic in ["Acne", "Asthma", "Gout", "Measles", "Migraine", "Mumps", "Rabies", "Shingles", "Stroke", "Typhus"] {
        let pair = |kind: &str, question: &str, answer: &str| {
            format!(
                "<QAPair pid=\"1\"><Question qid=\"{topic}-{kind}\">{question}</Question><Answer>{answer}</Answer></QAPair>"
            )
        };
        let pairs = [
            pair("1", &format!("What is (are) {topic} ?"), &format!("{topic} is a condition that has a name.")),
            pair("2", &format!("What are the treatments for {topic} ?"), &format!("Rest helps people with {topic}.")),
            pair("3", &format!("What causes {topic} ?"), ""),
        ];
        let file = format!(
            "<?xml version=\"1.0\"?>\n<Document id=\"{topic}\" source=\"GARD\" url=\"https://example.org/{topic}\">\n\
             <Focus>{topic}</Focus>\n<QAPairs>{}</QAPairs></Document>",
            pairs.concat()
        );
        project.write(&format!("medquad/{topic}.xml"), file);
    }
}

fn lines(project: &Project, path: &str) -> Vec<Value> {
    let text = fs::read_to_string(project.path(path)).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Topics of the passages that a part of the folder judges.
fn topics(project: &Project, part: &str) -> BTreeSet<String> {
    let passages = lines(project, &format!("pairs/{part}/corpus.jsonl"));
    let title = |id: &str| {
        let passage = passages.iter().find(|passage| passage["_id"] == id).expect("a passage");
        passage["title"].as_str().expect("a title").to_owned()
    };
    let table = fs::read_to_string(project.path(&format!("pairs/{part}/qrels/{part}.tsv"))).expect("judgements");
    table.lines().skip(1).map(|line| title(line.split('\t').nth(1).expect("an id"))).collect()
}

#[test]
fn medquad_becomes_a_benchmark_whose_topics_stand_on_one_side() {
    let project = Project::new();
    medquad(&project);
    let command = ["train", "pairs", "--medquad", "medquad", "--out", "pairs", "--dev-share", "0.4", "--json"];
    let made = project.run(&command).expect(0).json();
    assert_eq!((&made["queries"], &made["passages"]), (&json!(20), &json!(20)));
    let [learned, held] = ["train", "dev"].map(|part| topics(&project, part));
    assert!(learned.is_disjoint(&held) && learned.len() + held.len() == 10 && held.len() > 1, "{learned:?} {held:?}");
    assert_eq!(made["train"].as_u64(), Some(2 * learned.len() as u64));
    let queries = [lines(&project, "pairs/train/queries.jsonl"), lines(&project, "pairs/dev/queries.jsonl")].concat();
    assert!(queries.iter().any(|query| query["text"] == "What is (are) Gout?"), "{queries:?}");
    let first = fs::read(project.path("pairs/train/corpus.jsonl")).expect("a file");
    assert!(String::from_utf8_lossy(&first).contains("\"title\":\"Stroke\"") || held.contains("Stroke"));
    project.run(&command).expect(0);
    assert_eq!(fs::read(project.path("pairs/train/corpus.jsonl")).expect("a file"), first, "the same each time");
    project.run(&[&command[..], &["--bare"]].concat()).expect(0);
    let bare = lines(&project, "pairs/train/corpus.jsonl");
    assert!(bare.iter().all(|passage| passage["title"] == "" && passage["metadata"]["document"] != ""), "{bare:?}");
}

/// A benchmark of the topics above, and a run of the tiny encoder over it.
fn benchmark(project: &Project) {
    medquad(project);
    project.run(&["train", "pairs", "--medquad", "medquad", "--out", "pairs", "--dev-share", "0.2"]).expect(0);
    let tiny = data("checkpoints/tiny-safetensors");
    project.run(&["eval", "retrieval", "pairs/train", "--run-dir", "runs", "--encoder", arg(&tiny)]).expect(0);
}

#[test]
fn an_encoder_learns_from_a_folder_and_its_own_mistakes_and_is_used_by_its_folder() {
    let project = Project::new();
    benchmark(&project);
    let tiny = data("checkpoints/tiny-safetensors");
    let (from, tokens) = (arg(&tiny), ["--question-tokens", "24", "--passage-tokens", "32"]);
    let learn = [
        "train",
        "encoder",
        "--from",
        from,
        "--out",
        "run",
        "--data",
        "pairs/train",
        "--dev-data",
        "pairs/dev",
        "--json",
    ];
    let how =
        ["--epochs", "8", "--batch", "16", "--rate", "3e-3", "--dimensions", "16,8", "--negatives", "runs/dense.run"];
    let run = project.run(&[&learn[..], &how, &tokens].concat()).expect(0);
    let record = run.json();
    assert_eq!(record["task"], "encoder");
    let losses: Vec<f64> =
        record["epochs"].as_array().expect("epochs").iter().filter_map(|epoch| epoch["loss"].as_f64()).collect();
    assert!(losses.len() == 8 && losses[7] < losses[0] * 0.9, "{losses:?}");
    assert_eq!(record["best"]["score"]["name"], "ndcg@10");
    assert!(run.stderr.contains("negatives for"), "{}", run.stderr);
    let measured = |width: &[&str]| {
        let eval = ["eval", "retrieval", "pairs/dev", "--split", "dev", "--encoder", "run/checkpoint", "--json"];
        project.run(&[&eval, width].concat()).expect(0).json()
    };
    let (whole, narrow) = (measured(&[]), measured(&["--dimensions", "8"]));
    assert_eq!((&whole["dimensions"], &narrow["dimensions"]), (&json!(16), &json!(8)));
    // What training measured on the development part and what eval measures on all passages are near, not equal.
    assert!(whole["scores"]["dense"]["means"]["recall@10"].is_number(), "{whole}");
    let student = ["--from", "run/checkpoint", "--layers", "1", "--out", "student", "--data", "pairs/train"];
    let how = ["--dev-data", "pairs/dev", "--batch", "16", "--rate", "3e-3"];
    let taught = project.run(&[&["train", "encoder"], &student[..], &how, &tokens].concat()).expect(0);
    assert!(taught.stdout.contains("The teacher on the same part: ndcg@10"), "{}", taught.stdout);
    project.run(&["eval", "retrieval", "pairs/dev", "--split", "dev", "--encoder", "student/checkpoint"]).expect(0);
    project.run(&["model", "blend", from, "run/checkpoint", "half", "--share", "0.5"]).expect(0);
    project.run(&["eval", "retrieval", "pairs/dev", "--split", "dev", "--encoder", "half"]).expect(0);
    project.run(&["model", "blend", from, "run/checkpoint", "half", "--share", "2"]).expect(2);
}

#[test]
fn a_model_that_reads_few_tokens_learns_from_as_many_as_it_reads() {
    let project = Project::new();
    let pairs =
        (0..30).map(|at| json!({"question": format!("what {at}"), "passage": format!("this {at}")}).to_string());
    project.write("pairs.jsonl", pairs.collect::<Vec<_>>().join("\n"));
    let tiny = data("checkpoints/tiny-safetensors");
    let learn = |more: &[&str]| {
        let args = ["train", "encoder", "--from", arg(&tiny), "--data", "pairs.jsonl", "--epochs", "1", "--out", "run"];
        project.run(&[&args, more].concat())
    };
    for flag in ["--passage-tokens", "--question-tokens"] {
        let refused = learn(&[flag, "65"]).expect(2).stderr;
        assert!(refused.contains(&format!("{flag} is 65; it must be 3 to the length")), "{refused}");
    }
    learn(&[]).expect(0);
}

#[test]
fn pairs_that_cannot_be_used_are_told_by_their_place_and_never_by_their_text() {
    let project = Project::new();
    let good = |at: usize| json!({"question": format!("secret {at}"), "passage": format!("answer {at}")}).to_string();
    let mut all: Vec<String> = (0..30).map(good).collect();
    all.insert(3, "{\"question\": \"secret\"}".to_owned());
    all.insert(7, good(0));
    project.write("pairs.jsonl", all.join("\n"));
    let tiny = data("checkpoints/tiny-safetensors");
    let learn = |data: &str, more: &[&str]| {
        let args = ["train", "encoder", "--from", arg(&tiny), "--out", "run", "--data", data, "--passage-tokens", "32"];
        project.run(&[&args, more].concat())
    };
    let ran = learn("pairs.jsonl", &[]).expect(0);
    assert!(ran.stderr.contains("pairs.jsonl:4") && ran.stderr.contains("pairs.jsonl:8"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("secret") && !ran.stdout.contains("secret"), "{}", ran.stderr);

    project.write("few.jsonl", (0..5).map(good).collect::<Vec<_>>().join("\n"));
    project.write("other.jsonl", "{\"data\": 1}\nno JSON\n");
    let said = |ran: crate::support::Ran, parts: &[&str]| {
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "`{part}` is missing in: {}", ran.stderr);
        }
    };
    said(learn("few.jsonl", &[]), &["at least 16"]);
    said(learn("other.jsonl", &[]), &["other.jsonl", "passage"]);
    said(learn("nowhere.jsonl", &[]), &["nowhere.jsonl"]);
    said(learn("pairs.jsonl", &["--dimensions", "999"]), &["--dimensions", "999"]);
    said(learn("pairs.jsonl", &["--negatives", "a.run"]), &["--negatives", "0 BEIR folders"]);
}

#[test]
fn a_pair_file_becomes_folders_that_are_learned_from_with_a_teacher() {
    let project = Project::new();
    let pair = |at: usize| {
        json!({"question": format!("question {at}"), "passage": format!("answer {at}"), "document": format!("d{at}"),
            "negatives": [format!("wrong {at}")]})
        .to_string()
    };
    // One passage of many documents, some of which are held out: it may stand on neither side.
    let shared = |at: usize| {
        json!({"question": format!("other {at}"), "passage": "the same", "document": format!("s{at}")}).to_string()
    };
    let all: Vec<String> = (0..60).map(pair).chain((0..60).map(shared)).collect();
    project.write("pairs.jsonl", all.join("\n"));
    let made = project.run(&["train", "pairs", "--pairs", "pairs.jsonl", "--out", "pairs", "--json"]).expect(0).json();
    assert_eq!((&made["queries"], &made["passages"]), (&json!(120), &json!(121)));
    assert_eq!(made["train"].as_u64().zip(made["dev"].as_u64()).map(|(a, b)| a + b), Some(60));
    let tiny = data("checkpoints/tiny-safetensors");
    project.run(&["eval", "retrieval", "pairs/train", "--run-dir", "runs", "--encoder", arg(&tiny)]).expect(0);
    let learn = ["train", "encoder", "--from", arg(&tiny), "--out", "run", "--data", "pairs/train@40", "--json"];
    let teach = ["--negatives", "runs/dense.run", "--teacher", "runs/dense.run", "--ranks", "2-30", "--margin", "0"];
    let short = ["--epochs", "1", "--question-tokens", "16", "--passage-tokens", "16"];
    let record = project.run(&[&learn[..], &teach, &short].concat()).expect(0).json();
    assert_eq!(record["examples"][0], 40);
    // Another run than that of the data is told, not passed over.
    project.write("other.run", "nobody Q0 asked 1 1.0 tag\n");
    let other = ["--negatives", "other.run", "--out", "second"];
    let learn = ["train", "encoder", "--from", arg(&tiny), "--data", "pairs/train"];
    let refused = project.run(&[&learn[..], &other, &short].concat()).expect(2);
    assert!(refused.stderr.contains("other.run names none of the queries"), "{}", refused.stderr);
}
