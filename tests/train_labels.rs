//! Do classifiers and taggers learn from a stranger's files, and say the same once they are saved?

use std::fs;

use serde_json::{Value, json};

use crate::support::{Project, arg, data, list};

const SIGNS: [&str; 4] = ["fever", "cough", "pain", "spots"];
const DRUGS: [&str; 3] = ["insulin", "glucose", "water"];

/// Sentences such as "no fever should be rest with insulin ." with their tags, and a line that is none.
fn sentences() -> String {
    let mut lines = String::new();
    for sign in SIGNS {
        for drug in DRUGS {
            for (before, after) in [("no", "by"), ("early", "with"), ("if", "or")] {
                let words =
                    [before, "\tO\n", sign, "\tS-Sign\n", after, "\tO\nlow\tB-Drug\n", drug, "\tE-Drug\n.\tO\n\n"];
                lines += &words.concat();
            }
        }
    }
    lines + "broken\n\nrest\tI-Sign\n"
}

fn texts() -> Vec<Value> {
    let mut texts = Vec::new();
    for (label, words) in [("sign", &SIGNS[..]), ("drug", &DRUGS[..])] {
        for word in words {
            for frame in ["what is", "when should it be", "how is the", "early days of", "no test for"] {
                texts.push(json!({"text": format!("{frame} {word} ?"), "label": label}));
            }
        }
    }
    texts
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| value.to_string() + "\n").collect::<Vec<_>>().concat()
}

/// Flags with which a model of two layers learns in seconds.
fn learn(project: &Project, task: &[&str]) -> Value {
    let tiny = data("checkpoints/tiny-safetensors");
    let flags =
        ["--from", arg(&tiny), "--epochs", "60", "--rate", "0.01", "--dropout", "0", "--threads", "1", "--json"];
    project.run(&[&["train"], task, &flags[..]].concat()).expect(0).json()
}

#[test]
fn a_tagger_learns_and_is_scored_by_eval_as_it_was_scored_while_it_learned() {
    let project = Project::new();
    project.write("train.tsv", sentences());
    project
        .write("dev.tsv", "low\tO\ncough\tB-Sign\nor\tO\nlow\tB-Drug\nglucose\tI-Drug\n.\tO\n\nno\tO\nspots\tB-Sign\n");
    let record = learn(&project, &["tagger", "train.tsv", "--dev", "dev.tsv", "--out", "run"]);
    let best = &record["best"]["score"];
    assert!(best["value"].as_f64().is_some_and(|f1| f1 > 0.6), "{best}");
    let args = ["eval", "tags", "dev.tsv", "--model", "run/checkpoint", "--json"];
    let scored = project.run(&args).expect(0).json();
    let [learned, found] = [&best["value"], &scored["scores"]["micro"]["f1"]].map(|f1| f1.as_f64().expect("an F1"));
    assert!((learned - found).abs() < 1e-9, "{learned} while it learned, {found} by eval");
    let args = ["tag", "--json", "--model", "run/checkpoint", "no fever by low insulin."];
    let told = project.run(&args).expect(0).json();
    let spans: Vec<(&str, &str)> = list(&told["spans"])
        .iter()
        .map(|span| (span["label"].as_str().expect("a label"), span["text"].as_str().expect("a text")))
        .collect();
    assert_eq!(spans, [("Sign", "fever"), ("Drug", "low insulin")]);
}

#[test]
fn what_is_wrong_with_the_data_is_told_by_file_and_line_and_never_by_its_text() {
    let project = Project::new();
    project.write("train.tsv", sentences());
    let tiny = data("checkpoints/tiny-safetensors");
    let args = ["train", "tagger", "train.tsv", "--from", arg(&tiny), "--out", "run", "--steps", "1"];
    let ran = project.run(&args).expect(0);
    assert!(ran.stderr.contains("train.tsv: 1 skipped") && ran.stderr.contains("1 mended"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("broken\t") && !ran.stderr.contains("rest"), "{}", ran.stderr);
    project.write("few.jsonl", "{\"text\":\"my secret\",\"label\":\"a\"}\n");
    let args = ["train", "classifier", "few.jsonl", "--from", arg(&tiny), "--out", "none", "--least", "1"];
    let refused = project.run(&args).expect(2);
    assert!(
        refused.stderr.contains("labels to tell apart") && !refused.stderr.contains("secret"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_classifier_and_a_head_alone_learn_and_are_scored_by_eval_as_while_they_learned() {
    let project = Project::new();
    let texts = texts();
    let (train, dev): (Vec<_>, Vec<_>) = texts.iter().cloned().enumerate().partition(|(number, _)| number % 5 != 0);
    let plain = |part: Vec<(usize, Value)>| part.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    project.write("train.jsonl", lines(&plain(train)));
    project.write("dev.jsonl", lines(&plain(dev)));
    for (out, extra) in
        [("whole", &[][..]), ("head", &["--freeze-trunk", "--head-epochs", "300", "--head-rate", "0.1"][..])]
    {
        let task = [&["classifier", "train.jsonl", "--dev", "dev.jsonl", "--out", out], extra].concat();
        let record = learn(&project, &task);
        let best = record["best"]["score"]["value"].as_f64().expect("an F1");
        let model = format!("{out}/checkpoint");
        let args = ["eval", "labels", "dev.jsonl", "--model", &model, "--json"];
        let found = project.run(&args).expect(0).json()["scores"]["macro"]["f1"].as_f64().expect("an F1");
        assert!((best - found).abs() < 1e-9, "{out}: {best} while it learned, {found} by eval");
        assert!(best > 0.6, "{out}: {best}");
    }
}

#[test]
fn a_student_of_one_layer_learns_from_its_teacher_and_is_scored_by_eval() {
    let project = Project::new();
    project.write("tags.tsv", sentences());
    project.write("texts.jsonl", lines(&texts()));
    let several = texts().into_iter().map(|text| json!({"text": text["text"], "labels": [text["label"]]}));
    project.write("several.jsonl", lines(&several.collect::<Vec<_>>()));
    for (task, file, eval) in [
        ("tagger", "tags.tsv", "tags"),
        ("classifier", "texts.jsonl", "labels"),
        ("classifier", "several.jsonl", "labels"),
    ] {
        let (teacher, student) = (format!("{file}-teacher"), format!("{file}-student"));
        learn(&project, &[task, file, "--dev-share", "0.2", "--out", &teacher]);
        let model = format!("{teacher}/checkpoint");
        let flags = ["train", task, file, "--dev-share", "0.2", "--out", &student, "--from", &model, "--layers", "1"];
        let more = ["--epochs", "30", "--rate", "0.01", "--dropout", "0", "--threads", "1"];
        let ran = project.run(&[&flags[..], &more].concat()).expect(0);
        assert!(ran.stdout.contains("The teacher on the same part: "), "{}", ran.stdout);
        let card = fs::read_to_string(project.path(&format!("{student}/README.md"))).expect("a card");
        assert!(card.contains("layers of the student: 1") && card.contains("- teacher: checkpoint"), "{card}");
        let model = format!("{student}/checkpoint");
        let scored = project.run(&["eval", eval, file, "--model", &model, "--json"]).expect(0).json();
        assert!(scored["scores"]["micro"]["f1"].as_f64().is_some_and(|f1| f1 > 0.6), "{file}: {scored}");
    }
    let tiny = data("checkpoints/tiny-safetensors");
    let untaught = ["train", "tagger", "tags.tsv", "--from", arg(&tiny), "--layers", "1", "--out", "untaught"];
    let refused = project.run(&untaught).expect(2);
    assert!(refused.stderr.contains("has not learned this"), "{}", refused.stderr);
    let weightless = ["train", "tagger", "tags.tsv", "--from", arg(&tiny), "--soft-weight", "1", "--out", "untaught"];
    project.run(&weightless).expect(2);
}

#[test]
fn texts_with_several_labels_are_learned_too() {
    let project = Project::new();
    let mut texts: Vec<Value> = Vec::new();
    for sign in SIGNS {
        for drug in DRUGS {
            texts.push(json!({"text": format!("{sign} and {drug}"), "labels": ["sign", "drug"]}));
            texts.push(json!({"text": format!("no {drug} with {sign} days"), "labels": ["drug"]}));
        }
        texts.push(json!({"text": format!("what is early {sign}"), "labels": ["sign"]}));
        texts.push(json!({"text": format!("how {sign} is {sign}"), "labels": []}));
    }
    project.write("train.jsonl", lines(&texts));
    let record = learn(&project, &["classifier", "train.jsonl", "--dev-share", "0.2", "--out", "run"]);
    assert!(record["best"]["score"]["value"].is_number(), "{record}");
    let args = ["label", "--json", "--model", "run/checkpoint", "fever and insulin"];
    let told = project.run(&args).expect(0).json();
    assert!(told["labels"].is_array() && told.get("label").is_none(), "{told}");
}

#[test]
fn medquad_teaches_the_kinds_of_its_questions_by_document() {
    let project = Project::new();
    let kinds = [("symptoms", "what are the symptoms of"), ("treatment", "what is the treatment for")];
    for (number, topic) in ["asthma", "flu", "diabetes", "fever", "cough", "pain", "cold", "brain"].iter().enumerate() {
        let questions = kinds
            .map(|(kind, words)| format!("<Question qid=\"{number}\" qtype=\"{kind}\">{words} {topic} ?</Question>\n"))
            .concat();
        let document = format!("<Document id=\"{number}\"><QAPairs>{questions}</QAPairs></Document>");
        project.write(&format!("medquad/{number}.xml"), document);
    }
    let task =
        ["classifier", "--medquad", "medquad", "--dev-share", "0.3", "--least", "2", "--keep-data", "--out", "run"];
    learn(&project, &task);
    let read = |name: &str| std::fs::read_to_string(project.path("run/data").join(name)).unwrap_or_default();
    let [train, dev, test] = ["train.jsonl", "dev.jsonl", "test.jsonl"].map(read);
    assert!(!train.is_empty() && !test.is_empty(), "{train} {test}");
    assert_eq!([&train, &dev, &test].map(|part| part.lines().count() % 2), [0; 3], "a document stands on one side");
    let args = ["eval", "labels", "run/data/test.jsonl", "--model", "run/checkpoint", "--json"];
    assert!(project.run(&args).expect(0).json()["scores"]["texts"].as_u64().is_some_and(|texts| texts >= 2));
}
