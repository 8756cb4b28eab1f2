//! What is a small model of random weights like? For tests that need a whole one.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::Sequence;

/// Rows of its word embeddings.
pub(super) const WORDS: usize = 50;
/// Most tokens of a sequence, as many as BERT's.
pub(super) const POSITIONS: usize = 512;

/// Sizes of a small model; none of them a multiple of the width of a register where that can be.
#[derive(Clone, Copy)]
pub(super) struct Small {
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) wide: usize,
    pub(super) activation: &'static str,
}

impl Small {
    pub(super) const USUAL: Self = Self { width: 48, heads: 4, wide: 100, activation: "gelu" };
}

/// Numbers between -1 and 1 by a linear congruence.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    pub(super) fn sequence(&mut self, tokens: usize) -> Sequence {
        let mut below = |bound: usize| (self.next().abs() * bound as f32) as u32 % bound as u32;
        let ids = (0..tokens).map(|_| below(WORDS)).collect();
        let types = (0..tokens).map(|_| below(2)).collect();
        Sequence { ids, types }
    }
}

/// Writes a three-layer model of random weights.
pub(super) fn write(folder: &Path, small: Small) {
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

/// The largest distance between values at the same place, all of them finite.
pub(super) fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert!(a.len() == b.len() && a.iter().chain(b).all(|x| x.is_finite()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The smallest cosine between rows of `width` values at the same place, all of them finite.
pub(super) fn least_cosine(a: &[f32], b: &[f32], width: usize) -> f32 {
    assert!(a.len() == b.len() && a.iter().chain(b).all(|x| x.is_finite()));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let cosine = |(a, b): (&[f32], &[f32])| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    a.chunks(width).zip(b.chunks(width)).map(cosine).fold(1.0, f32::min)
}
