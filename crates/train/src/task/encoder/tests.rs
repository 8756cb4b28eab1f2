//! Which passages stand against a question, and does an encoder learn from pairs?

use std::path::PathBuf;

use candle_core::{DType, Device};
use clinqa_encoder::{Encoder, Source};
use clinqa_schema::Silent;

use super::*;
use crate::{Parts, Settings, train};

fn tiny() -> Source {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/checkpoints/tiny-safetensors");
    Source::Folder(PathBuf::from(folder))
}

fn passage(document: &str, text: &str) -> PairPassage {
    PairPassage { id: String::new(), document: document.to_owned(), text: text.to_owned() }
}

fn pair(question: &str, right: PairPassage, negatives: Vec<PairPassage>, scores: Vec<f32>) -> Pair {
    Pair { id: question.to_owned(), question: question.to_owned(), passage: right, negatives, scores }
}

fn counted(pairs: &[Pair]) -> Opponents {
    let checkpoint = Checkpoint::open(&tiny()).expect("a checkpoint");
    let task = EncoderTask::new(&checkpoint, Contrast::default()).expect("a task");
    let tokens = PairTokens { question: 16, passage: 32 };
    let examples = task.examples(pairs, &checkpoint.tokenizer, tokens).expect("examples");
    let batch: Vec<&PairExample> = examples.iter().collect();
    opponents(&batch, &columns(&batch, Negatives::Included))
}

#[test]
fn what_answers_a_question_is_never_held_against_it() {
    let pairs = [
        pair("What is gout?", passage("gout", "A joint."), vec![passage("gout", "Rest.")], vec![0.9, 0.2]),
        pair("what is  GOUT?", passage("joints", "Pain in a joint."), vec![], vec![]),
        pair(
            "What is acne?",
            passage("acne", "Skin."),
            vec![passage("x", "a JOINT."), passage("gout", "Old.")],
            vec![],
        ),
    ];
    let found = counted(&pairs);
    // Columns: the three right ones, then "Rest.", "a JOINT." and "Old.".
    assert_eq!(
        found.counts[0],
        [true, false, true, true, false, false],
        "its own negative counts, of its document or not"
    );
    assert_eq!(found.counts[1], [false, true, true, false, false, false], "the same question has the same answers");
    assert_eq!(found.counts[2], [true; 6]);
    assert_eq!(found.margins.len(), 1);
    assert!(matches!(found.margins[0], (0, 3, margin) if (margin - 0.7).abs() < 1e-6));
}

#[test]
fn whatever_is_learned_from_a_pair_is_in_its_digest_and_whatever_the_loss_is_set_by_is_told() {
    let checkpoint = Checkpoint::open(&tiny()).expect("a checkpoint");
    let task = EncoderTask::new(&checkpoint, Contrast { dimensions: vec![16, 8], ..Contrast::default() });
    let task = task.expect("a task");
    let digest = |pair: Pair| {
        let tokens = PairTokens { question: 16, passage: 32 };
        let examples = task.examples(&[pair], &checkpoint.tokenizer, tokens).expect("examples");
        let mut digest = Digest::default();
        task.describe(&examples[0], &mut digest);
        digest.finish()
    };
    let other = |change: &dyn Fn(&mut Pair)| {
        let rest = vec![passage("gout", "Rest.")];
        let mut pair = pair("What is gout?", passage("gout", "A joint."), rest, vec![0.9, 0.2]);
        change(&mut pair);
        digest(pair)
    };
    let first = other(&|_| {});
    assert_eq!(first, other(&|_| {}));
    assert_ne!(first, other(&|pair| pair.question = "What is acne?".to_owned()));
    assert_ne!(first, other(&|pair| pair.passage.text = "A skin.".to_owned()));
    assert_ne!(first, other(&|pair| pair.passage.document = "joints".to_owned()));
    assert_ne!(first, other(&|pair| pair.negatives[0].text = "Work.".to_owned()));
    assert_ne!(first, other(&|pair| pair.scores[1] = 0.3));
    let told = task.identity();
    assert_eq!(told[0], ("--temperature", "0.05".to_owned()));
    assert_eq!(told[2], ("--dimensions", "[16, 8]".to_owned()));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let checkpoint = Checkpoint::open(&tiny()).expect("a checkpoint");
    let refused = |contrast: Contrast, part: &str| {
        let error = EncoderTask::new(&checkpoint, contrast).map(|_| ()).expect_err("refused").to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(Contrast { temperature: 0.0, ..Contrast::default() }, "--temperature");
    refused(Contrast { symmetric: f64::NAN, ..Contrast::default() }, "--symmetric");
    refused(Contrast { dimensions: vec![16, 17], ..Contrast::default() }, "--dimensions is 17");
    let task = EncoderTask::new(&checkpoint, Contrast::default()).expect("a task");
    let long = task.examples(&[], &checkpoint.tokenizer, PairTokens { question: 2, passage: 65 });
    assert!(long.expect_err("refused").to_string().contains("--question-tokens"));
}

/// Forty pairs that a model must learn by heart: question and passage share no word.
fn to_learn() -> Vec<Pair> {
    let letters = "abcdefgh";
    let word = |a: usize, b: usize| letters.chars().cycle().skip(a).step_by(b + 1).take(4).collect::<String>();
    let one = |at: usize| {
        let (question, text) = (word(at % 8, at / 8), word((at * 5 + 3) % 8, at / 8 + 7));
        pair(
            &format!("{question} {at}"),
            passage(&format!("d{at}"), &format!("{text} is {}", 977 - at * 7)),
            vec![],
            vec![],
        )
    };
    (0..40).map(one).collect()
}

#[test]
fn forty_pairs_are_learned_by_heart_and_the_saved_encoder_gives_the_same_vectors() {
    let mut checkpoint = Checkpoint::open(&tiny()).expect("a checkpoint");
    let contrast = Contrast { dimensions: vec![16, 8], symmetric: 1.0, ..Contrast::default() };
    let task = EncoderTask::new(&checkpoint, contrast).expect("a task");
    let tokens = PairTokens { question: 16, passage: 32 };
    let examples = task.examples(&to_learn(), &checkpoint.tokenizer, tokens).expect("examples");
    let mut twin = Twin::open(&mut checkpoint, &Device::Cpu, DType::F32).expect("a twin");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        epochs: 60,
        batch: 20,
        rate: 5e-3,
        dropout: 0.0,
        score_first: true,
        ..Settings::new(folder.path().join("run"))
    };
    let parts = Parts { train: &examples, dev: &examples };
    let record = train(&task, (&mut twin, &tiny(), "f"), parts, &settings, &mut Silent).expect("a run");
    let (before, best) = (record.before.expect("scored"), record.best.expect("a best one").score);
    assert!(before.value < 0.6 && best.value > 0.95, "{before:?} {best:?}");
    assert!(best.loss < 0.2 && best.loss < before.loss, "{before:?} {best:?}");
    let names: Vec<&str> = best.others.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["recall@10", "ndcg@10 of 8"]);

    let saved = Source::Folder(settings.out.join("checkpoint"));
    let encoder = Encoder::open(&saved).expect("our own binary loads it");
    let again = Checkpoint::open(&saved).expect("a checkpoint");
    let twin =
        Twin::open(&mut Checkpoint::open(&saved).expect("a checkpoint"), &Device::Cpu, DType::F32).expect("a twin");
    assert_eq!((again.pooling, again.max_tokens), (Pooling::Mean, checkpoint.max_tokens));
    let sequences: Vec<&Sequence> = examples.iter().map(|example| &example.question).collect();
    let vectors = unit(&task.encoded(&twin, &sequences).expect("vectors")).expect("of length 1");
    let vectors: Vec<Vec<f32>> = vectors.to_vec2().expect("rows");
    for (pair, ours) in to_learn().iter().zip(vectors) {
        let theirs = encoder.encode_one(&pair.question).expect("a vector");
        let far = theirs.as_slice().iter().zip(&ours).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-4, "{far}");
    }
    for name in ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "tokenizer.json"] {
        assert!(settings.out.join("checkpoint").join(name).exists(), "{name}");
    }
}
