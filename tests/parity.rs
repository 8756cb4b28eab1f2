//! Do our models say what the reference implementations say?
//!
//! `tests/parity/README.md` tells where the expected vectors come from. The f32 MiniLM checkpoint is too large to keep:
//! name its folder in `CLINQA_TEST_MINILM` (`tests/parity/fetch_minilm.sh FOLDER` fetches it).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clinqa_encoder::{Checkpoint, Encoder, Hidden, Pooling, Precision, Sequence, Source, Transformer};
use clinqa_schema::Silent;
use clinqa_weights::{BUNDLES, ENCODER, READER};
use half::f16;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::support::{Project, arg, clinical_bert, data, embedded, skipped};

/// BLAKE3 of `model.safetensors` as `tests/parity/make_clinical_bert.py` writes it.
const CLINICAL_BLAKE3: &str = "f519598e405abf304ed7fbdfc30f294b4a4c9a5c4727ecda220c9ad24409c75f";

fn texts() -> Vec<String> {
    let lines = fs::read_to_string(data("parity/texts.jsonl")).expect("texts");
    let text =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["text"].as_str().expect("a text").to_owned();
    lines.lines().map(text).collect()
}

/// A stored table of vectors, each scaled to length 1 (f16 loses a little of it).
fn vectors(file: &SafeTensors<'_>, name: &str) -> Vec<Vec<f32>> {
    let view = file.tensor(name).expect("a table");
    let values: Vec<f32> = view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
    let unit = |row: &[f32]| {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter().map(|x| x / length).collect()
    };
    values.chunks_exact(view.shape()[1]).map(unit).collect()
}

fn integers(file: &SafeTensors<'_>, name: &str) -> Vec<usize> {
    let view = file.tensor(name).expect("a list");
    view.data().chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize).collect()
}

#[track_caller]
fn check_cosines(encoder: &Encoder, texts: &[&str], expected: &[Vec<f32>], least: f64) {
    let found = encoder.encode(texts, &mut Silent).expect("vectors");
    assert_eq!(found.len(), expected.len());
    let below: Vec<String> = found
        .iter()
        .zip(expected)
        .map(|(a, b)| a.as_slice().iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>())
        .zip(texts)
        .filter(|(cosine, _)| *cosine < least)
        .map(|(cosine, text)| format!("{cosine:.7} {:?}", text.chars().take(60).collect::<String>()))
        .collect();
    assert!(below.is_empty(), "{} of {} lie below {least}:\n{}", below.len(), texts.len(), below.join("\n"));
}

fn check_two_hundred(encoder: &Encoder, expected: &str, least: f64) {
    let bytes = fs::read(data(expected)).expect("vectors");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let texts = texts();
    assert_eq!(texts.len(), 200);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    check_cosines(encoder, &texts, &vectors(&file, "embeddings"), least);
}

/// Start and end logit of every row, by the head of the reader.
fn span_logits(checkpoint: &mut Checkpoint, hidden: &Hidden) -> Vec<f64> {
    let weights = checkpoint.take("qa_outputs.weight", &[2, hidden.width]).expect("a span head").values;
    let bias = checkpoint.take("qa_outputs.bias", &[2]).expect("its bias").values;
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let outputs = weights.chunks_exact(hidden.width).zip(&bias);
    let logits = outputs.flat_map(|(weights, bias)| {
        hidden.values.chunks_exact(hidden.width).map(move |row| dot(weights, row) + f64::from(*bias))
    });
    logits.collect()
}

/// Windows of real text, as long as one may be and shorter; their second part is of type 1.
fn windows(checkpoint: &Checkpoint, most: usize) -> Vec<Sequence> {
    let text = texts().join(" ");
    let pieces = checkpoint.tokenizer.ids(&text).expect("word pieces");
    let window = |tokens: usize| {
        let mut sequence = Sequence::of_text(checkpoint.tokenizer.special, &pieces[..most]);
        sequence.ids.truncate(tokens);
        sequence.types = (0..tokens).map(|position| u32::from(position > tokens / 4)).collect();
        sequence
    };
    [1, 17, 384, 512].map(|tokens| window(tokens.min(most))).into()
}

#[test]
fn the_models_in_the_binary_compute_in_f32_what_candle_computes() {
    for bundle in BUNDLES {
        let open = || Checkpoint::open(&embedded(bundle)).expect("a checkpoint").in_precision(Precision::Full);
        let [mut ours, mut reference] = [open(), open()];
        let models: [Box<dyn Transformer>; 2] =
            [ours.transformer().expect("ours"), reference.reference_transformer().expect("candle's")];
        let windows = windows(&ours, models[0].max_positions());
        let [found, expected] = models.map(|model| model.forward(&windows).expect("a forward pass"));
        assert_eq!(found.offsets, expected.offsets);
        assert!(found.values.iter().chain(&expected.values).all(|x| x.is_finite()));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let rows = found.values.chunks_exact(found.width).zip(expected.values.chunks_exact(found.width));
        let cosines = rows.map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt());
        let least = cosines.fold(f64::INFINITY, f64::min);
        assert!(least >= 0.99999, "{}: the cosine of a token is {least}", bundle.name);
        if bundle.name == READER.name {
            let [found, expected] =
                [(&mut ours, found), (&mut reference, expected)].map(|(head, hidden)| span_logits(head, &hidden));
            let furthest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(furthest <= 1e-3, "{}: a logit is off by {furthest}", bundle.name);
        }
    }
}

#[test]
fn the_encoder_in_the_binary_agrees_with_sentence_transformers_but_for_its_8_bits() {
    check_two_hundred(&Encoder::open(&embedded(&ENCODER)).expect("the encoder"), "parity/encoder.safetensors", 0.999);
}

#[test]
fn the_f32_checkpoint_agrees_with_sentence_transformers() {
    let Some(folder) = std::env::var_os("CLINQA_TEST_MINILM") else {
        return skipped("parity of the f32 MiniLM: name its folder in CLINQA_TEST_MINILM");
    };
    let encoder = Encoder::open(&Source::Folder(folder.into())).expect("the f32 checkpoint");
    assert_eq!(encoder.max_tokens(), 256, "sentence_bert_config.json wins over tokenizer.json");
    check_two_hundred(&encoder, "parity/minilm.safetensors", 0.99999);
}

/// A checkpoint of `Bio_ClinicalBERT`'s shape, written once; its bytes are those of the script.
fn clinical() -> &'static Path {
    static CLINICAL: OnceLock<PathBuf> = OnceLock::new();
    CLINICAL.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = target.join("clinical-bert");
        let digest = || blake3::hash(&fs::read(folder.join("model.safetensors")).unwrap_or_default()).to_hex();
        if digest().as_str() != CLINICAL_BLAKE3 {
            let next = tempfile::TempDir::new_in(target).expect("a folder").keep();
            clinical_bert::write(&next).expect("a checkpoint of 216 MB");
            let _ = fs::remove_dir_all(&folder);
            fs::rename(&next, &folder).expect("moved");
        }
        assert_eq!(digest().as_str(), CLINICAL_BLAKE3, "the Rust twin writes what the script writes");
        folder
    })
}

/// The texts of the stored vectors `name`, which `rows` tells, and the vectors.
fn clinical_expected(name: &str, rows: &str) -> (Vec<String>, Vec<Vec<f32>>) {
    let bytes = fs::read(data("parity/clinical.safetensors")).expect("vectors");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let texts = texts();
    (integers(&file, rows).into_iter().map(|row| texts[row].clone()).collect(), vectors(&file, name))
}

#[test]
fn a_checkpoint_of_clinicalberts_shape_agrees_with_transformers() {
    let encoder = Encoder::open(&Source::Folder(clinical().to_owned())).expect("a checkpoint");
    assert_eq!((encoder.dimension(), encoder.max_tokens(), encoder.pooling()), (768, 512, Pooling::Mean));
    assert!(encoder.warnings().iter().any(|warning| warning.contains("cased vocabulary")), "{:?}", encoder.warnings());
    let (texts, expected) = clinical_expected("mean", "rows");
    assert_eq!(texts.len(), 24);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    check_cosines(&encoder, &texts, &expected, 0.99999);
}

#[test]
fn the_same_checkpoint_pools_cls_where_its_folder_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["config.json", "vocab.txt", "model.safetensors"] {
        let (from, to) = (clinical().join(name), folder.path().join(name));
        // A link saves 216 MB; where none can be made, a copy does.
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).expect("a copy");
        }
    }
    fs::create_dir(folder.path().join("1_Pooling")).expect("a folder");
    let pooling =
        json!({"word_embedding_dimension": 768, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false});
    fs::write(folder.path().join("1_Pooling/config.json"), pooling.to_string()).expect("written");
    let encoder = Encoder::open(&Source::Folder(folder.path().to_owned())).expect("a checkpoint");
    assert_eq!(encoder.pooling(), Pooling::Cls);
    let (texts, expected) = clinical_expected("cls", "cls_rows");
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    check_cosines(&encoder, &texts, &expected, 0.99999);
}

#[test]
fn clinicalbert_makes_an_index_answers_from_it_and_the_default_encoder_is_refused() {
    let project = Project::with_five_documents();
    let question = "What are the early signs of type 2 diabetes?";
    let report = project.run(&["rebuild", "--json", "--encoder", arg(clinical())]).expect(0).json();
    assert_eq!((&report["encoder"], &report["encoded"]), (&json!("clinical-bert"), &json!(12)));
    let reply = project.ask(&["--encoder", arg(clinical()), question]);
    assert_eq!(reply["encoder"], "clinical-bert");
    let refused = project.run(&["ask", question]);
    let cures = ["clinical-bert", "`clinqa rebuild --encoder clinqa-mini-encoder`", "`--encoder clinical-bert`"];
    refused.refused(3, &cures);
    project.ask(&["--lexical-only", question]);
    let mut by_variable = project.command(&["ask", "--json", question]);
    let reply = crate::support::run(by_variable.env("CLINQA_ENCODER", clinical())).expect(0).json();
    assert_eq!(reply["encoder"], "clinical-bert");
}
