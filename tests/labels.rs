//! Do `clinqa label` and `clinqa tag` say what transformers says, with offsets that hold on any text?

use std::fs;

use clinqa_encoder::{Encoder, Source};
use clinqa_labels::{Classifier, Tagger};
use clinqa_schema::Silent;
use serde_json::{Value, json};

use crate::support::{Project, arg, data, list};

/// What the reference implementations say (`tests/parity/check_labels.py`).
fn expected() -> Value {
    let text = fs::read_to_string(data("checkpoints/labels.json")).expect("stored figures");
    serde_json::from_str(&text).expect("JSON")
}

fn texts(expected: &Value) -> Vec<&str> {
    list(&expected["texts"]).iter().map(|text| text.as_str().expect("a text")).collect()
}

#[track_caller]
fn near(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().expect("a number");
    assert!((found - expected).abs() < 1e-3, "{what}: {found}, expected {expected}");
}

#[test]
fn classifiers_give_the_logits_that_transformers_and_sentence_transformers_give() {
    let expected = expected();
    for name in ["tiny-classifier", "tiny-multi", "tiny-dense"] {
        let source = Source::Folder(data("checkpoints").join(name));
        let classifier = Classifier::open(&source).expect("a classifier");
        assert_eq!(classifier.labels(), ["causes", "symptoms", "treatment"]);
        let found = classifier.classify(&texts(&expected), &mut Silent).expect("labels");
        for (found, expected) in found.iter().zip(list(&expected[name])) {
            for (found, expected) in found.logits.iter().zip(list(expected)) {
                near(f64::from(*found), expected, name);
            }
        }
    }
}

#[test]
fn a_tagger_gives_the_logits_of_each_words_first_piece() {
    let expected = expected();
    let tagger = Tagger::open(&Source::Folder(data("checkpoints/tiny-tagger"))).expect("a tagger");
    for (words, expected) in list(&expected["words"]).iter().zip(list(&expected["tiny-tagger"])) {
        let words: Vec<&str> = list(words).iter().map(|word| word.as_str().expect("a word")).collect();
        let found = tagger.word_logits(&words).expect("logits");
        assert_eq!(found.len(), words.len());
        for (found, expected) in found.iter().zip(list(expected)) {
            assert_eq!(found.is_none(), expected.is_null(), "only what leaves no piece has no logits");
            for (found, expected) in found.iter().flatten().zip(expected.as_array().into_iter().flatten()) {
                near(f64::from(*found), expected, "a word");
            }
        }
    }
}

#[test]
fn spans_are_those_of_transformers_pipeline_and_hold_in_the_text() {
    let (expected, project) = (expected(), Project::new());
    let model = data("checkpoints/tiny-tagger");
    for (text, expected) in texts(&expected).into_iter().zip(list(&expected["tiny-tagger spans"])) {
        let ran = project.run_with_input(&["tag", "--json", "--model", arg(&model)], text.as_bytes());
        let told = ran.expect(0).json();
        let spans = list(&told["spans"]);
        assert_eq!(spans.len(), list(expected).len(), "{told} {expected}");
        let chars: Vec<char> = text.chars().collect();
        for (span, expected) in spans.iter().zip(list(expected)) {
            assert_eq!([&span["start"], &span["end"], &span["label"]], [&expected[0], &expected[1], &expected[2]]);
            near(span["score"].as_f64().expect("a score"), &expected[3], "a span");
            let [start, end] = ["start", "end"].map(|key| span[key].as_u64().expect("an offset") as usize);
            assert_eq!(span["text"], chars[start..end].iter().collect::<String>());
        }
    }
}

#[test]
fn a_long_text_is_tagged_to_its_end() {
    let (project, model) = (Project::new(), data("checkpoints/tiny-tagger"));
    // 64 positions: this takes dozens of windows.
    let text = "Asthma narrows the airways.\r\n".repeat(60);
    let file = project.write("note.txt", &text);
    let told = project.run(&["tag", "--json", "--model", arg(&model), "--file", arg(&file)]).expect(0).json();
    let last = list(&told["spans"]).iter().filter_map(|span| span["end"].as_u64()).max().expect("a span");
    assert!(last as usize > text.chars().count() - 200, "{last}");
    let chars: Vec<char> = text.chars().collect();
    for span in list(&told["spans"]) {
        let [start, end] = ["start", "end"].map(|key| span[key].as_u64().expect("an offset") as usize);
        assert_eq!(span["text"], chars[start..end].iter().collect::<String>());
    }
}

#[test]
fn a_batch_keeps_its_order_and_tells_bad_lines_in_their_place() {
    let (project, model) = (Project::new(), data("checkpoints/tiny-classifier"));
    let lines = "{\"id\":1,\"text\":\"Asthma narrows the airways.\"}\nno JSON\n\n{\"id\":\"b\"}\n{\"text\":\"\"}\n";
    let file = project.write("texts.jsonl", lines);
    for batch in [arg(&file), "-"] {
        let args = ["label", "--model", arg(&model), "--batch", batch];
        let told = project.run_with_input(&args, lines.as_bytes()).expect(0).json_lines();
        assert_eq!(told.len(), 4);
        assert_eq!((&told[0]["id"], told[0]["label"].is_string()), (&json!(1), true));
        let sum: f64 =
            told[0]["probabilities"].as_object().expect("probabilities").values().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        assert_eq!(told[1]["error"]["code"], "malformed");
        assert_eq!((&told[2]["id"], &told[2]["error"]["code"]), (&json!("b"), &json!("malformed")));
        assert!(!told[1].to_string().contains("no JSON") && told[3]["label"].is_string());
    }
    project.run_with_input(&["label", "--model", arg(&model), "--batch", "-"], b"x\n").expect(2);
}

#[test]
fn a_text_may_have_several_labels_or_none_by_the_threshold() {
    let (project, model) = (Project::new(), data("checkpoints/tiny-multi"));
    let labels = |threshold: &str| {
        let args = ["label", "--json", "--model", arg(&model), "--threshold", threshold, "The heart pumps blood."];
        list(&project.run(&args).expect(0).json()["labels"]).len()
    };
    assert_eq!((labels("0"), labels("1")), (3, 0));
    let refused = project.run(&["label", "--model", arg(&model), "--threshold", "2", "x"]).expect(2);
    assert!(refused.stderr.contains("from 0 to 1"), "{}", refused.stderr);
}

#[test]
fn people_read_lines_and_no_commands_of_the_terminal() {
    let project = Project::new();
    let human = |verb: &str, model: &str, text: &str| {
        project.run(&[verb, "--model", arg(&data("checkpoints").join(model)), text]).expect(0).stdout
    };
    let labels = human("label", "tiny-classifier", "Asthma narrows the airways.");
    assert_eq!((labels.lines().count(), labels.matches('*').count()), (3, 1), "{labels}");
    let spans = human("tag", "tiny-tagger", "Asthma \u{1b}[31mnarrows the airways.");
    assert!(!spans.contains('\u{1b}') && spans.contains('%'), "{spans}");
    assert_eq!(human("tag", "tiny-tagger", ""), "Nothing found.\n");
}

#[test]
fn a_checkpoint_of_another_kind_is_refused_by_what_it_lacks() {
    let project = Project::new();
    let refused = |verb: &str, model: &str, parts: &[&str]| {
        project.run(&[verb, "--model", arg(&data("checkpoints").join(model)), "my secret"]).refused(2, parts);
    };
    refused("label", "tiny-safetensors", &["classifier.weight"]);
    refused("tag", "tiny-classifier", &["id2label", "B-Drug"]);
    refused("label", "tiny-qa", &["classifier.weight"]);
    refused("tag", "nowhere", &["no such folder"]);
    let encoder = Encoder::open(&Source::Folder(data("checkpoints/tiny-dense")));
    let error = encoder.err().expect("no encoder").to_string();
    assert!(error.contains("Dense") && error.contains("clinqa label"), "{error}");
}

#[test]
fn packed_heads_say_nearly_the_same() {
    let project = Project::new();
    let text = "The heart pumps blood.";
    for name in ["tiny-classifier", "tiny-multi", "tiny-dense"] {
        let source = data("checkpoints").join(name);
        project.run(&["model", "pack", arg(&source), name]).expect(0);
        let probabilities = |model: &str| project.run(&["label", "--json", "--model", model, text]).expect(0).json();
        let [whole, packed] =
            [probabilities(arg(&source)), probabilities(name)].map(|told| told["probabilities"].clone());
        for label in ["causes", "symptoms", "treatment"] {
            assert!(
                (whole[label].as_f64().expect("p") - packed[label].as_f64().expect("p")).abs() < 0.05,
                "{whole} {packed}"
            );
        }
    }
    project.run(&["model", "pack", arg(&data("checkpoints/tiny-tagger")), "tagger"]).expect(0);
    project.run(&["tag", "--model", "tagger", text]).expect(0);
}

#[test]
fn labels_and_tags_are_scored_and_two_results_compared() {
    let project = Project::new();
    let (classifier, tagger) = (data("checkpoints/tiny-classifier"), data("checkpoints/tiny-tagger"));
    project.write(
        "gold.csv",
        "text,label\nAsthma narrows the airways.,causes\nThe heart pumps blood.,symptoms\nbad\nx,odd\n",
    );
    let args = ["eval", "labels", "gold.csv", "--model", arg(&classifier), "--json", "--out", "a.jsonl"];
    let ran = project.run(&args).expect(0);
    assert!(ran.stderr.contains("gold.csv:4") && ran.stderr.contains("`odd`"), "{}", ran.stderr);
    let scores = &ran.json()["scores"];
    assert_eq!((&scores["texts"], &scores["labels"]["odd"]["f1"]), (&json!(3), &json!(0.0)), "{scores}");
    project.write("gold.tsv", "Asthma\tB-Disease\nnarrows\tO\n\nThe\tO\nheart\tO\n");
    let args = ["eval", "tags", "gold.tsv", "--model", arg(&tagger), "--out", "t.jsonl"];
    let table = project.run(&args).expect(0).stdout;
    assert!(table.contains("Disease") && table.contains("micro"), "{table}");
    let same = project.run(&["eval", "compare", "t.jsonl", "t.jsonl", "--json"]).expect(0).json();
    assert_eq!(same["scores"]["micro f1"]["difference"]["mean"], 0.0, "{same}");
    let human = project.run(&["eval", "compare", "a.jsonl", "a.jsonl"]).expect(0).stdout;
    assert!(human.contains("accuracy") && human.contains("macro f1"), "{human}");
    project.run(&["eval", "compare", "a.jsonl", "t.jsonl"]).refused(2, &["lacks"]);
}

#[test]
fn two_runs_are_compared_by_judgements() {
    let project = Project::new();
    project.write("a.run", "1 Q0 d1 1 2.0 t\n1 Q0 d2 2 1.0 t\n2 Q0 d3 1 1.0 t\n");
    project.write("b.run", "1 Q0 d2 1 2.0 t\n1 Q0 d1 2 1.0 t\n2 Q0 d3 1 1.0 t\n");
    project.write("qrels.tsv", "query-id\tcorpus-id\tscore\n1\td1\t1\n2\td3\t1\n");
    project.run(&["eval", "compare", "a.run", "b.run"]).refused(2, &["--qrels"]);
    let told = project.run(&["eval", "compare", "a.run", "b.run", "--qrels", "qrels.tsv", "--json"]).expect(0).json();
    assert_eq!((&told["queries"], &told["scores"]["mrr"]["difference"]["mean"]), (&json!(2), &json!(-0.25)), "{told}");
    project.write("c.jsonl", "{\"task\":\"reader\",\"id\":\"1\",\"scores\":{\"f1\":1.0}}\n");
    project.run(&["eval", "compare", "a.run", "c.jsonl"]).refused(2, &["different kinds"]);
}
