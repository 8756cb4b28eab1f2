//! Do files become a training part and a part to score on as they should?

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A SQuAD file of so many paragraphs with one question each; `shift` makes them others.
fn squad(paragraphs: usize, shift: usize) -> Value {
    let one = |at: usize| {
        let at = at + shift;
        json!({"context": format!("Drug{at} treats illness{at} of the heart."), "qas": [
            {"id": format!("q{at}"), "question": format!("What treats illness{at}?"),
             "answers": [{"text": format!("Drug{at}"), "answer_start": 0}]}]})
    };
    json!({"data": [{"title": "t", "paragraphs": (0..paragraphs).map(one).collect::<Vec<_>>()}]})
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    fn json(&self, name: &str, value: &Value) -> PathBuf {
        self.put(name, value.to_string())
    }
}

fn once(path: &Path) -> WeightedFile {
    WeightedFile { path: path.to_owned(), weight: 1.0 }
}

fn config() -> MixtureConfig {
    MixtureConfig { dev_share: 0.2, sample: None, dev_sample: None, unanswerable: 0.0, seed: 1 }
}

#[test]
fn a_weight_stands_after_the_last_equals_sign() {
    let check = |text: &str, path: &str, weight| {
        assert_eq!(text.parse::<WeightedFile>().expect(text), WeightedFile { path: path.into(), weight });
    };
    check("a.json", "a.json", 1.0);
    check("a.json=0.5", "a.json", 0.5);
    check("a=b.json=3", "a=b.json", 3.0);
    check("a=b.json", "a=b.json", 1.0);
    for text in ["a.json=0", "a.json=-1", "a.json=1e9", "a.json=1x"] {
        assert!(matches!(text.parse::<WeightedFile>(), Err(DataError::Weight { .. })), "{text}");
    }
}

#[test]
fn the_part_that_is_held_out_is_the_same_whatever_the_seed() {
    let files = Files::new();
    let path = files.json("a.json", &squad(200, 0));
    let open = |config: MixtureConfig| SpanMixture::open(&[once(&path)], &[], &config).expect("enough");
    let (first, other) = (open(config()), open(MixtureConfig { seed: 2, ..config() }));
    assert_eq!(first.dev, other.dev);
    assert_eq!(first.dev.len() + first.train.len(), 200);
    assert!((20..65).contains(&first.dev.len()), "{}", first.dev.len());
    let more = open(MixtureConfig { dev_share: 0.5, ..config() });
    assert!(first.dev.iter().all(|question| more.dev.contains(question)), "a larger part holds the smaller one");
    assert_eq!((first.sources[0].trained, first.sources[0].scored), (first.train.len(), first.dev.len()));
}

#[test]
fn a_weight_is_how_often_a_question_is_seen() {
    let files = Files::new();
    let (a, b) = (files.json("a.json", &squad(100, 0)), files.json("b.json", &squad(100, 1_000)));
    let dev = files.json("dev.json", &squad(10, 5_000));
    let weighted = [WeightedFile { path: a, weight: 2.0 }, WeightedFile { path: b, weight: 0.5 }];
    let mixture = SpanMixture::open(&weighted, &[dev], &config()).expect("enough");
    let seen = |file: &str| mixture.train.iter().filter(|question| &*question.file == file).count();
    assert_eq!(seen("a.json"), 200);
    assert!((30..70).contains(&seen("b.json")), "{}", seen("b.json"));
    assert_eq!(mixture.dev.len(), 10);
}

#[test]
fn a_sample_is_drawn_by_the_seed_and_wrong_texts_come_on_top() {
    let files = Files::new();
    let (path, dev) = (files.json("a.json", &squad(100, 0)), files.json("dev.json", &squad(10, 5_000)));
    let open =
        |config: &MixtureConfig| SpanMixture::open(&[once(&path)], std::slice::from_ref(&dev), config).expect("enough");
    let forty = MixtureConfig { sample: Some(40), dev_sample: Some(5), ..config() };
    let mixture = open(&forty);
    assert_eq!((mixture.train.len(), mixture.dev.len()), (40, 5));
    assert_ne!(mixture.train, open(&MixtureConfig { seed: 2, ..forty.clone() }).train);
    assert_eq!(mixture.train, open(&forty).train);
}

#[test]
fn what_repeats_contradicts_or_is_scored_on_is_left_out() {
    let files = Files::new();
    let mut value = squad(30, 0);
    let paragraphs = value["data"][0]["paragraphs"].as_array_mut().expect("a list");
    let ask = |id: &str, text: &str, start: usize| json!({"id": id, "question": "what treats ILLNESS3", "answers": [{"text": text, "answer_start": start}]});
    let qas = paragraphs[3]["qas"].as_array_mut().expect("a list");
    qas.extend([ask("again", "Drug3", 0), ask("longer", "Drug3 treats", 0), ask("other", "heart", 29)]);
    qas.push(json!({"id": "never", "question": "What treats illness3?", "answers": [], "is_impossible": true}));
    let train = files.json("a.json", &value);
    let dev = files.json("dev.json", &squad(10, 20));
    let mixture = SpanMixture::open(&[once(&train)], &[dev], &config()).expect("enough");
    assert_eq!(mixture.train.len(), 21);
    assert!(mixture.train.iter().any(|question| question.id == "longer"));
    let told: Vec<&str> = mixture.report.findings().iter().filter_map(|finding| finding.id.as_deref()).collect();
    assert_eq!(told[10..], ["again", "other", "never"], "the ten before are scored on");
    let faults: Vec<Fault> = mixture.report.findings().iter().map(|finding| finding.fault).collect();
    assert_eq!(faults[9..], [Fault::AlsoInDev, Fault::Repeated, Fault::Contradiction, Fault::Contradiction]);
}

#[test]
fn too_little_says_how_much_is_needed_and_what_was_skipped() {
    let files = Files::new();
    let mut value = squad(8, 0);
    value["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["text"] = json!("private words");
    let (path, dev) = (files.json("a.json", &value), files.json("dev.json", &squad(10, 5_000)));
    let told = SpanMixture::open(&[once(&path)], &[dev], &config()).expect_err("too little").to_string();
    assert!(told.contains("there are 7") && told.contains("at least 16"), "{told}");
    assert!(told.contains("record 1 id q0") && !told.contains("private"), "{told}");
    let path = files.json("b.json", &squad(40, 0));
    let told =
        SpanMixture::open(&[once(&path)], &[], &MixtureConfig { dev_share: 0.0, ..config() }).expect_err("no dev");
    assert!(told.to_string().contains("--dev-share"), "{told}");
}

#[test]
fn a_file_that_is_something_else_is_named_and_not_quoted() {
    let files = Files::new();
    let check = |content: &[u8], expected: &str| {
        let path = files.put("x.json", content);
        let told = SpanMixture::open(&[once(&path)], &[], &config()).expect_err(expected).to_string();
        assert!(told.contains(expected) && told.contains("x.json"), "{told}");
        assert!(!told.contains("secret"), "{told}");
    };
    check(b" \n", "an empty file");
    check(b"\x1f\x8b\x08\x00", "a packed file");
    check(b"<html>secret", "XML or HTML");
    check(b"{\"_id\": \"secret\"}\n{\"_id\": \"b\"}\n", "JSON lines");
    check(b"secret\tO\n", "plain text or a table");
    check(b"{\"secret\": 1}", "JSON of another kind");
    check(b"[1]", "JSON of another kind");
    check(b"{\"data\": [{\"paragraphs\": [\n{\"secret", "line 2, column");
    check(b"{\"data\": [], \"questions\": []}", "SQuAD and BioASQ in one");
    check(b"{\"data\": 7}", "holds something else");
    check(b"{\"questions\": {}}", "holds something else");
}

#[test]
fn a_share_that_is_none_is_refused() {
    for config in [MixtureConfig { dev_share: 1.5, ..config() }, MixtureConfig { unanswerable: f64::NAN, ..config() }] {
        let told = SpanMixture::open(&[], &[], &config).expect_err("no share").to_string();
        assert!(told.contains("from 0 to 1"), "{told}");
    }
}

#[test]
fn the_same_bytes_twice_are_a_mistake() {
    let files = Files::new();
    let (a, b) = (files.json("a.json", &squad(40, 0)), files.json("b.json", &squad(40, 0)));
    let told = SpanMixture::open(&[once(&a)], &[b], &config()).expect_err("the same").to_string();
    assert!(told.contains("a.json") && told.contains("b.json"), "{told}");
}
