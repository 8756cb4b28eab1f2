//! Small models for tests: checkpoints of random weights in a folder that lasts as long as the test.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device};
use clinqa_encoder::{Checkpoint, Sequence, Source};
use safetensors::tensor::{Dtype, TensorView};

use crate::Twin;
use crate::batches::Draw;

/// Rows of the word embeddings.
pub(crate) const WORDS: usize = 40;
/// Rows of the position embeddings.
pub(crate) const POSITIONS: usize = 24;
const WIDTH: usize = 12;
const WIDE: usize = 20;

/// A folder with a model of two layers, three heads, width 12.
pub(crate) fn folder(activation: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), activation);
    folder
}

/// Where that folder's checkpoint is.
pub(crate) fn source(folder: &Path) -> Source {
    Source::Folder(folder.to_owned())
}

/// Its twin.
pub(crate) fn twin(folder: &Path, dtype: DType) -> Twin {
    let mut checkpoint = Checkpoint::open(&source(folder)).expect("a checkpoint");
    Twin::open(&mut checkpoint, &Device::Cpu, dtype).expect("a twin")
}

/// Sequences of these lengths, of random tokens.
pub(crate) fn sequences(lengths: &[usize]) -> Vec<Sequence> {
    let mut draw = Draw(5);
    let mut one = |&tokens: &usize| Sequence {
        ids: (0..tokens).map(|_| draw.below(WORDS) as u32).collect(),
        types: (0..tokens).map(|place| u32::from(place > tokens / 2)).collect(),
    };
    lengths.iter().map(&mut one).collect()
}

fn write(folder: &Path, activation: &str) {
    let config = serde_json::json!({
        "model_type": "bert", "vocab_size": WORDS, "hidden_size": WIDTH, "num_hidden_layers": 2,
        "num_attention_heads": 3, "intermediate_size": WIDE, "hidden_act": activation,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-7,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("written");
    let mut words: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned).into();
    words.extend(
        (0..WORDS - 10).map(|i| format!("word{}", char::from(b'a' + (i % 26) as u8).to_string().repeat(1 + i / 26))),
    );
    words.extend(["##s", "##ed", "heart", "lung", "."].map(str::to_owned));
    std::fs::write(folder.join("vocab.txt"), words.join("\n")).expect("written");
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut add = |name: &str, shape: &[usize]| {
        shapes.insert(name.to_owned(), shape.to_vec());
    };
    add("embeddings.word_embeddings.weight", &[WORDS, WIDTH]);
    add("embeddings.position_embeddings.weight", &[POSITIONS, WIDTH]);
    add("embeddings.token_type_embeddings.weight", &[2, WIDTH]);
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..2 {
        let linears = [
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", WIDE, WIDTH),
            ("output.dense", WIDTH, WIDE),
        ];
        for (part, rows, columns) in linears {
            add(&format!("encoder.layer.{layer}.{part}.weight"), &[rows, columns]);
            add(&format!("encoder.layer.{layer}.{part}.bias"), &[rows]);
        }
        norms.extend(["attention.output", "output"].map(|part| format!("encoder.layer.{layer}.{part}.LayerNorm")));
    }
    for norm in norms {
        add(&format!("{norm}.weight"), &[WIDTH]);
        add(&format!("{norm}.bias"), &[WIDTH]);
    }
    let mut draw = Draw(7);
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .map(|(name, shape)| {
            let around = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            let mut number = || (around + (draw.share() - 0.5) * 0.8) as f32;
            let bytes = (0..shape.iter().product()).flat_map(|_| number().to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as many bytes as the shape says"))
    });
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).expect("written");
}
