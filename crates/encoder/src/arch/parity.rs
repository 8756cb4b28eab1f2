//! Is our forward pass the one that candle-transformers computes?

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::{Sequence, Transformer};
use crate::{Checkpoint, EncodeError, Source};

const WORDS: usize = 50;
const POSITIONS: usize = 80;

/// Sizes of a small model; none of them a multiple of the width of a register where that can be.
#[derive(Clone, Copy)]
struct Small {
    width: usize,
    heads: usize,
    wide: usize,
    activation: &'static str,
}

const USUAL: Small = Small { width: 48, heads: 4, wide: 100, activation: "gelu" };

/// Numbers between -1 and 1 by a linear congruence.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    fn sequence(&mut self, tokens: usize) -> Sequence {
        let mut below = |bound: usize| (self.next().abs() * bound as f32) as u32 % bound as u32;
        let ids = (0..tokens).map(|_| below(WORDS)).collect();
        let types = (0..tokens).map(|_| below(2)).collect();
        Sequence { ids, types }
    }
}

/// Writes a three-layer model of random weights.
fn write(folder: &Path, small: Small) {
    let Small { width, heads, wide, activation } = small;
    let config = serde_json::json!({
        "model_type": "bert", "vocab_size": WORDS, "hidden_size": width, "num_hidden_layers": 3,
        "num_attention_heads": heads, "intermediate_size": wide, "hidden_act": activation,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-7,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("written");
    std::fs::write(folder.join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\nheart\n").expect("written");
    let mut shapes = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS, width]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, width]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, width]),
    ];
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..3 {
        let linears = [
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", wide, width),
            ("output.dense", width, wide),
        ];
        for (part, rows, columns) in linears {
            shapes.push((format!("encoder.layer.{layer}.{part}.weight"), vec![rows, columns]));
            shapes.push((format!("encoder.layer.{layer}.{part}.bias"), vec![rows]));
        }
        norms.extend(["attention.output", "output"].map(|part| format!("encoder.layer.{layer}.{part}.LayerNorm")));
    }
    for norm in norms {
        shapes.extend(["weight", "bias"].map(|part| (format!("{norm}.{part}"), vec![width])));
    }
    let mut numbers = Numbers(7);
    let tensors: HashMap<String, (Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .map(|(name, shape)| {
            let around = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            // Large enough that softmax and activation leave their linear middle.
            let values = (0..shape.iter().product()).flat_map(|_| (around + numbers.next() * 0.3).to_le_bytes());
            let bytes = values.collect();
            (name, (shape, bytes))
        })
        .collect();
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as many bytes as the shape says"))
    });
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).expect("written");
}

/// Our model and the reference, from the same files.
fn both(small: Small) -> [Box<dyn Transformer>; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), small);
    let open = || Checkpoint::open(&Source::Folder(folder.path().to_owned())).expect("it opens");
    [open().transformer().expect("ours"), open().reference_transformer().expect("the reference")]
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn our_forward_pass_is_candles() {
    let check = |small: Small, lengths: &[usize]| {
        let [ours, reference] = both(small);
        let mut numbers = Numbers(11);
        let sequences: Vec<Sequence> = lengths.iter().map(|&length| numbers.sequence(length)).collect();
        let (ours, reference) =
            (ours.forward(&sequences).expect("ours"), reference.forward(&sequences).expect("theirs"));
        assert_eq!(ours.offsets, reference.offsets);
        let distance = furthest(&ours.values, &reference.values);
        assert!(distance <= 2e-5, "{} and {lengths:?}: {distance}", small.activation);
    };
    check(USUAL, &[1, 2, 17, 64]);
    check(USUAL, &[80, 1, 80, 33, 64, 65]);
    check(USUAL, &[1]);
    check(USUAL, &[]);
    check(Small { activation: "gelu_new", ..USUAL }, &[5, 40]);
    check(Small { activation: "gelu_pytorch_tanh", ..USUAL }, &[5, 40]);
    check(Small { activation: "relu", ..USUAL }, &[5, 40]);
    check(Small { width: 7, heads: 1, wide: 1, ..USUAL }, &[3, 20]);
    check(Small { width: 64, heads: 1, wide: 33, ..USUAL }, &[3, 70]);
    check(Small { width: 6, heads: 6, wide: 31, ..USUAL }, &[9, 70]);
}

#[test]
fn computing_in_bytes_stays_close_to_computing_with_what_the_bytes_stand_for() {
    let check = |small: Small| {
        let [folder, packed] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        write(folder.path(), small);
        crate::pack(&Source::Folder(folder.path().to_owned()), packed.path()).expect("packed");
        let open = || Checkpoint::open(&Source::Folder(packed.path().to_owned())).expect("it opens");
        let [bytes, reference] =
            [open().transformer().expect("ours"), open().reference_transformer().expect("the reference")];
        let mut numbers = Numbers(11);
        let sequences: Vec<Sequence> = [1, 2, 17, 64, 80, 33].map(|length| numbers.sequence(length)).into();
        let (found, expected) =
            (bytes.forward(&sequences).expect("in bytes"), reference.forward(&sequences).expect("in f32"));
        assert!(found.values != expected.values, "bytes were not computed with");
        for (found, expected) in found.values.chunks(small.width).zip(expected.values.chunks(small.width)) {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let cosine = dot(found, expected) / (dot(found, found) * dot(expected, expected)).sqrt();
            assert!(cosine >= 0.9995, "{cosine} at width {}", small.width);
        }
    };
    check(USUAL);
    check(Small { width: 64, heads: 2, wide: 256, ..USUAL });
    check(Small { width: 64, heads: 4, wide: 36, activation: "gelu_new" });
}

#[test]
fn a_text_embeds_the_same_alone_and_in_any_batch() {
    let [ours, _] = both(USUAL);
    let mut numbers = Numbers(5);
    let sequences: Vec<Sequence> = [64, 17, 0, 2, 80, 1, 33].map(|length| numbers.sequence(length)).into();
    let together = ours.forward(&sequences).expect("together");
    for (index, sequence) in sequences.iter().enumerate() {
        let alone = ours.forward(std::slice::from_ref(sequence)).expect("alone");
        let distance = furthest(alone.rows(0), together.rows(index));
        assert!(distance <= 1e-6, "sequence {index}: {distance}");
    }
}

#[test]
fn what_has_no_row_in_a_table_is_an_error_and_never_a_panic() {
    let [ours, _] = both(USUAL);
    let check = |ids: &[u32], types: &[u32], expected: fn(&EncodeError) -> bool| {
        let sequence = Sequence { ids: ids.to_vec(), types: types.to_vec() };
        let error = ours.forward(&[Sequence::default(), sequence]).expect_err("refused");
        assert!(expected(&error), "{error}");
    };
    check(&[50], &[0], |error| matches!(error, EncodeError::TokenId { table: "token", found: 50, rows: 50 }));
    check(&[u32::MAX], &[0], |error| matches!(error, EncodeError::TokenId { table: "token", .. }));
    check(&[1, 2], &[0, 2], |error| matches!(error, EncodeError::TokenId { table: "type", found: 2, rows: 2 }));
    check(&[1, 2], &[0], |error| matches!(error, EncodeError::TypeCount { tokens: 2, types: 1 }));
    check(&[1; 81], &[0; 81], |error| matches!(error, EncodeError::TooLong { found: 81, limit: 80 }));
}
