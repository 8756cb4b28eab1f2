//! Is every format read, corpora and checkpoints alike, and every record accounted for?

use std::fs;

use clinqa_encoder::{Checkpoint, Encoder, Pooling, Sequence, Source};
use clinqa_reader::{Calibration, ReadConfig, Reader};
use clinqa_schema::Silent;
use serde_json::{Value, json};

use crate::support::{Project, arg, copy, data, list};

/// A paragraph that is long enough for a passage.
const GOUT: &str =
    "Gout is a sudden, painful swelling of a joint, often of the big toe, caused by crystals of uric acid.";

#[test]
fn every_record_is_indexed_skipped_or_a_duplicate_and_the_rest_goes_in() {
    let project = Project::with_five_documents();
    let beir = [
        json!({"_id": "gout", "title": "Gout", "text": GOUT, "metadata": {"kind": "abstract"}}).to_string(),
        json!({"_id": "empty", "title": "", "text": "  "}).to_string(),
        "{\"_id\": \"cut".to_owned(),
        json!({"title": "No id", "text": "Text."}).to_string(),
        json!({"_id": "asthma", "title": "Another", "text": "Another text under a used id."}).to_string(),
        json!({"_id": "gout-copy", "title": "Gout", "text": GOUT}).to_string(),
    ];
    project.write("corpora/own/more.jsonl", beir.join("\n"));
    project.write("corpora/own/broken.md", "---\nid: broken\ncolour: red\n---\n\nText.");
    project.write("corpora/own/open.md", "---\nid: open\n\nText.");
    project.write("corpora/own/empty.md", "");
    project.write("corpora/own/binary.md", b"\x89PNG\r\n\x1a\n\0\0");
    project.write("corpora/own/latin1.md", b"caf\xe9");
    project.write("corpora/own/scan.tiff", b"II*\0");
    let report = project.run(&["rebuild", "--lexical-only", "--json"]).expect(0).json();
    let records = &report["records"];
    let count = |key: &str| records[key].as_u64().expect("a count");
    let parts = ["indexed", "skipped", "duplicate", "superseded", "retracted"];
    assert_eq!(count("read"), parts.iter().map(|part| count(part)).sum::<u64>());
    assert_eq!((count("read"), count("indexed"), count("skipped"), count("duplicate")), (17, 6, 9, 2), "{records}");
    let reason = |file: &str, record: Option<u64>| {
        let skips = list(&records["skips"]).iter();
        let found =
            skips.clone().find(|skip| skip["locator"]["file"] == file && skip["locator"]["record"].as_u64() == record);
        found.map_or(Value::Null, |skip| skip["reason"]["kind"].clone())
    };
    let check =
        |file: &str, record: Option<u64>, kind: &str| assert_eq!(reason(file, record), kind, "{file} {record:?}");
    check("more.jsonl", Some(2), "empty");
    check("more.jsonl", Some(3), "json");
    check("more.jsonl", Some(4), "missing_field");
    check("more.jsonl", Some(5), "duplicate_id");
    check("more.jsonl", Some(6), "duplicate_text");
    check("broken.md", None, "front_matter");
    check("open.md", None, "front_matter_open");
    check("empty.md", None, "empty");
    check("binary.md", None, "binary");
    check("latin1.md", None, "not_utf8");
    check("scan.tiff", None, "unknown_format");

    let human = project.run(&["rebuild", "--lexical-only", "--force"]).expect(0).stdout;
    assert!(human.contains("17 read = 6 indexed + 9 skipped + 2 duplicate"), "{human}");
    assert!(human.contains("binary.md: a binary file; deliver text"), "{human}");
    let found = project.run(&["search", "--lexical-only", "--json", "uric acid"]).expect(0).json();
    assert_eq!(found["results"][0]["passage_id"], "gout#0");
    assert_eq!(found["results"][0]["kind"], "abstract");
}

#[test]
fn a_file_that_its_corpus_does_not_vouch_for_stops_the_rebuild() {
    let project = Project::indexed();
    let digest = |file: &str| blake3::hash(&fs::read(project.path(file)).expect("a file")).to_hex().to_string();
    let asthma = digest("corpora/own/asthma.md");
    let before = project.index_files();
    let vouch = |digests: &str| {
        project.write(
            "corpora/own/corpus.toml",
            format!("name = \"own\"\nlicence = \"CC0-1.0\"\norigin = \"here\"\n\n[digests]\n{digests}\n"),
        );
    };
    vouch(&format!("\"asthma.md\" = \"{asthma}\""));
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    vouch(&format!("\"asthma.md\" = \"{}\"", "0".repeat(64)));
    project.run(&["rebuild"]).refused(2, &["asthma.md", "corpus.toml", "restore the file"]);
    vouch(&format!("\"lost.md\" = \"{asthma}\""));
    project.run(&["rebuild"]).refused(2, &["lost.md", "restore the file"]);
    project.write("corpora/own/corpus.toml", "colour = \"red\"\n");
    project.run(&["rebuild"]).refused(2, &["corpus.toml", "colour"]);
    let kept: Vec<_> = before.iter().filter(|(path, _)| path.starts_with(project.path("index/generations"))).collect();
    let now = project.index_files();
    assert!(kept.iter().all(|file| now.contains(file)), "the old generation stays");
}

#[test]
#[cfg(unix)]
fn a_link_out_of_a_corpus_is_not_followed() {
    let project = Project::with_five_documents();
    project.write("secret.md", "# Secret\n\nThe word is quinsyberry.\n");
    std::os::unix::fs::symlink(project.path("secret.md"), project.path("corpora/own/link.md")).expect("linked");
    let report = project.run(&["rebuild", "--lexical-only", "--json"]).expect(0).json();
    assert_eq!(report["records"]["skips"][0]["reason"]["kind"], "symbolic_link");
    let found = project.run(&["search", "--lexical-only", "--json", "quinsyberry"]).expect(0).json();
    assert_eq!(found["results"], json!([]));
}

fn expected() -> Value {
    let json = fs::read(data("checkpoints/expected.json")).expect("expected.json");
    serde_json::from_slice(&json).expect("JSON")
}

fn texts(expected: &Value) -> Vec<String> {
    list(&expected["texts"]).iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    list(value).iter().map(|number| number.as_f64().expect("a number") as f32).collect()
}

fn open(name: &str) -> Encoder {
    Encoder::open(&Source::Folder(data("checkpoints").join(name))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_layout_of_a_checkpoint_gives_the_vectors_of_the_reference() {
    let expected = expected();
    let texts = texts(&expected);
    let check = |name: &str, pooling: Pooling| {
        let (encoder, reference) = (open(name), &expected["checkpoints"][name]);
        assert_eq!((encoder.pooling(), encoder.dimension()), (pooling, 16), "{name}");
        assert_eq!(Some(encoder.max_tokens() as u64), reference["max_tokens"].as_u64(), "{name}");
        let embeddings = encoder.encode(&texts, &mut Silent).expect("vectors");
        for (place, found) in embeddings.iter().enumerate() {
            let wanted = floats(&reference["embeddings"][place]);
            let length = wanted.iter().map(|x| x * x).sum::<f32>().sqrt();
            let wanted: Vec<f32> = wanted.iter().map(|x| x / length).collect();
            let cosine: f32 = found.as_slice().iter().zip(&wanted).map(|(a, b)| a * b).sum();
            let furthest = found.as_slice().iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(cosine >= 0.99999 && furthest <= 1e-4, "{name} text {place}: cosine {cosine}, off by {furthest}");
            let alone = encoder.encode_one(&texts[place]).expect("a vector");
            assert!(alone.cosine(found) >= 0.999_999, "{name} text {place}: alone as in a batch");
        }
    };
    check("tiny-safetensors", Pooling::Mean);
    check("tiny-f16", Pooling::Mean);
    check("tiny-bin-zip", Pooling::Mean);
    check("tiny-prefixed-gamma", Pooling::Mean);
    check("tiny-cased", Pooling::Mean);
    check("tiny-distilbert", Pooling::Mean);
    check("tiny-cls", Pooling::Cls);
}

#[test]
fn every_layout_splits_text_as_the_reference_does() {
    let expected = expected();
    let others = ["tiny-f16", "tiny-bin-zip", "tiny-prefixed-gamma", "tiny-cased", "tiny-cls", "tiny-distilbert"];
    for name in ["tiny-safetensors"].into_iter().chain(others) {
        let checkpoint = Checkpoint::open(&Source::Folder(data("checkpoints").join(name))).expect("a checkpoint");
        let special = checkpoint.tokenizer.special;
        for (text, wanted) in texts(&expected).iter().zip(list(&expected["checkpoints"][name]["token_ids"])) {
            let mut ids = checkpoint.tokenizer.encode(text).expect("tokens").ids;
            ids.truncate(checkpoint.max_tokens - 2);
            let framed: Vec<u32> = [&[special.cls], ids.as_slice(), &[special.sep]].concat();
            assert_eq!(json!(framed), *wanted, "{name}: {text}");
        }
    }
}

#[test]
fn the_vocabulary_decides_about_capitals_whatever_the_settings_say() {
    let apart = |encoder: &Encoder| {
        let vector = |text| encoder.encode_one(text).expect("a vector");
        vector("THE HEART").cosine(&vector("the heart")) < 0.999
    };
    let cased = open("tiny-cased");
    assert!(apart(&cased), "a cased vocabulary is not lower-cased");
    assert!(cased.warnings().iter().any(|warning| warning.contains("do_lower_case=False")), "{:?}", cased.warnings());
    assert!(!apart(&open("tiny-f16")), "an uncased one is");
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&data("checkpoints/tiny-cased"), folder.path());
    fs::write(folder.path().join("tokenizer_config.json"), r#"{"do_lower_case": true}"#).expect("written");
    let misled = Encoder::open(&Source::Folder(folder.path().to_owned())).expect("a checkpoint");
    assert!(apart(&misled) && !misled.warnings().is_empty(), "settings do not overrule the vocabulary");
}

#[test]
fn a_doubt_about_a_checkpoint_is_told_on_standard_error() {
    let project = Project::with_five_documents();
    let cased = data("checkpoints/tiny-cased");
    let ran = project.run(&["rebuild", "--encoder", arg(&cased)]).expect(0);
    assert!(
        ran.stderr.starts_with("warning: ") && ran.stderr.contains("vocab.txt is a cased vocabulary"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_span_head_gives_the_logits_of_the_reference() {
    let reference = &expected()["tiny-qa"];
    let mut checkpoint = Checkpoint::open(&Source::Folder(data("checkpoints/tiny-qa"))).expect("a checkpoint");
    let width = checkpoint.hidden_size();
    let weight = checkpoint.take("qa_outputs.weight", &[2, width]).expect("a head").values;
    let bias = checkpoint.take("qa_outputs.bias", &[2]).expect("a head").values;
    let transformer = checkpoint.transformer().expect("a model");
    let ids = |value: &Value| list(value).iter().map(|id| id.as_u64().expect("an id") as u32).collect();
    let pairs = list(&reference["token_ids"]).iter().zip(list(&reference["token_type_ids"]));
    let sequences: Vec<Sequence> =
        pairs.map(|(tokens, types)| Sequence { ids: ids(tokens), types: ids(types) }).collect();
    let hidden = transformer.forward(&sequences).expect("hidden states");
    for place in 0..sequences.len() {
        for (row, key) in ["start_logits", "end_logits"].into_iter().enumerate() {
            let wanted = floats(&reference[key][place]);
            let head = &weight[row * width..][..width];
            let dot = |state: &[f32]| state.iter().zip(head).map(|(a, b)| a * b).sum::<f32>() + bias[row];
            let found: Vec<f32> = hidden.rows(place).chunks_exact(width).map(dot).collect();
            let off = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(found.len() == wanted.len() && off < 1e-4, "{key} of text {place}: off by {off}");
        }
    }
}

#[test]
fn the_reader_scores_spans_and_their_absence_as_the_logits_say() {
    let expected = expected();
    let reference = &expected["tiny-qa"];
    let source = Source::Folder(data("checkpoints/tiny-qa"));
    let reader = Reader::open(&source, Calibration::default(), ReadConfig::default()).expect("a reader");
    let question = reference["question"].as_str().expect("a question");
    let texts = texts(&expected);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let readings = reader.read_texts(question, &texts).expect("readings");
    for (place, reading) in readings.iter().enumerate() {
        let (starts, ends) = (floats(&reference["start_logits"][place]), floats(&reference["end_logits"][place]));
        // A text that fills the window was cut in the reference; ours goes on with another window.
        if starts.len() == 64 {
            continue;
        }
        let best = reading.spans.first().expect("a span");
        assert!((best.null_score - (starts[0] + ends[0])).abs() < 1e-3, "text {place}");
    }
    // In the first text every token is a whole word, so the best span is the best pair of tokens in order.
    let (starts, ends) = (floats(&reference["start_logits"][0]), floats(&reference["end_logits"][0]));
    let tokens = 7..starts.len() - 1;
    let pairs = tokens.clone().flat_map(|start| (start..tokens.end).map(move |end| (start, end)));
    let best = pairs.map(|(start, end)| starts[start] + ends[end]).fold(f32::NEG_INFINITY, f32::max);
    assert!((readings[0].spans[0].score - best).abs() < 1e-3, "{} and {best}", readings[0].spans[0].score);
}
