//! What does a checkpoint of `Bio_ClinicalBERT`'s shape look like, without a download?
//!
//! The twin of `tests/parity/make_clinical_bert.py`, byte for byte: 12 × 768, 28,996 cased entries, random values by a
//! rule that script states in full. The expected vectors in `tests/data/parity/clinical.safetensors` were computed from
//! what the script writes; change both or neither.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::{fs, io, thread};

use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::{Dtype, View, serialize_to_file};

const LAYERS: usize = 12;
const HIDDEN: usize = 768;
const INNER: usize = 3072;
const POSITIONS: usize = 512;
const VOCABULARY: usize = 28_996;
const TYPES: usize = 2;

/// As old checkpoints have it: no `layer_norm_eps`, no `pad_token_id`, no `model_type`.
const CONFIG: &str = r#"{
  "attention_probs_dropout_prob": 0.1,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "hidden_size": 768,
  "initializer_range": 0.02,
  "intermediate_size": 3072,
  "max_position_embeddings": 512,
  "num_attention_heads": 12,
  "num_hidden_layers": 12,
  "type_vocab_size": 2,
  "vocab_size": 28996
}
"#;

/// Writes `config.json`, `vocab.txt` and `model.safetensors` (216 MB of f16) into `folder`, which is made if missing.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("config.json"), CONFIG)?;
    fs::write(folder.join("vocab.txt"), vocabulary().join("\n") + "\n")?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let tensors = tensors().into_iter().map(|tensor| (tensor.name.clone(), tensor));
    serialize_to_file(tensors, Some(metadata), &folder.join("model.safetensors")).map_err(io::Error::other)
}

/// A tensor by name and shape. Its values are made when the writer asks for them, so one at a time is in memory.
struct Tensor {
    name: String,
    shape: Vec<usize>,
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.bytes())
    }

    fn data_len(&self) -> usize {
        2 * self.shape.iter().product::<usize>()
    }
}

impl Tensor {
    /// The values in f16, little-endian, made on two threads.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.data_len()];
        let half = bytes.len() / 4 * 2;
        let (first, second) = bytes.split_at_mut(half);
        thread::scope(|scope| {
            scope.spawn(|| self.fill(0, first));
            self.fill(half / 2, second);
        });
        bytes
    }

    /// Fills `bytes` with the values from index `start` on. Blocks go through a buffer because `half` converts slices
    /// in one instruction for eight values where the processor can.
    fn fill(&self, start: usize, bytes: &mut [u8]) {
        let (seed, scale, norm) = (fnv1a(&self.name), self.scale(), self.name.ends_with("LayerNorm.weight"));
        let mut wide = [0_f32; 1024];
        let mut narrow = [f16::ZERO; 1024];
        let mut state = seed.wrapping_add((start as u64).wrapping_mul(GOLDEN));
        for block in bytes.chunks_mut(2 * wide.len()) {
            let count = block.len() / 2;
            for value in &mut wide[..count] {
                state = state.wrapping_add(GOLDEN);
                let signed = (finalise(state) >> 40) as f32 / 8_388_608.0 - 1.0;
                *value = if norm { 1.0 + signed * scale } else { signed * scale };
            }
            narrow[..count].convert_from_f32_slice(&wide[..count]);
            for (pair, value) in block.chunks_exact_mut(2).zip(&narrow[..count]) {
                pair.copy_from_slice(&value.to_le_bytes());
            }
        }
    }

    /// How far the values reach from their centre.
    fn scale(&self) -> f32 {
        if self.name.ends_with("LayerNorm.weight") || self.name.ends_with("word_embeddings.weight") {
            return 0.1;
        }
        if self.name.ends_with("bias") { 0.02 } else { 0.035 }
    }
}

/// Every tensor of a `BertModel` with the `bert.` prefix, the pooler included.
fn tensors() -> Vec<Tensor> {
    let mut all = Vec::new();
    let mut add = |name: String, shape: &[usize]| all.push(Tensor { name, shape: shape.to_vec() });
    add("bert.embeddings.word_embeddings.weight".into(), &[VOCABULARY, HIDDEN]);
    add("bert.embeddings.position_embeddings.weight".into(), &[POSITIONS, HIDDEN]);
    add("bert.embeddings.token_type_embeddings.weight".into(), &[TYPES, HIDDEN]);
    add("bert.embeddings.LayerNorm.weight".into(), &[HIDDEN]);
    add("bert.embeddings.LayerNorm.bias".into(), &[HIDDEN]);
    add("bert.pooler.dense.weight".into(), &[HIDDEN, HIDDEN]);
    add("bert.pooler.dense.bias".into(), &[HIDDEN]);
    for layer in 0..LAYERS {
        for (dense, out, into) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", INNER, HIDDEN),
            ("output.dense", HIDDEN, INNER),
        ] {
            add(format!("bert.encoder.layer.{layer}.{dense}.weight"), &[out, into]);
            add(format!("bert.encoder.layer.{layer}.{dense}.bias"), &[out]);
        }
        for norm in ["attention.output.LayerNorm", "output.LayerNorm"] {
            add(format!("bert.encoder.layer.{layer}.{norm}.weight"), &[HIDDEN]);
            add(format!("bert.encoder.layer.{layer}.{norm}.bias"), &[HIDDEN]);
        }
    }
    all
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of splitmix64 (Steele, Lea and Flood, 2014).
fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a, 64 bits.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// 28,996 entries: special tokens at BERT's ids, characters, then pieces of one to three letters.
fn vocabulary() -> Vec<String> {
    let lower: Vec<char> = ('a'..='z').collect();
    let upper: Vec<char> = ('A'..='Z').collect();
    let digits: Vec<char> = ('0'..='9').collect();
    let singles: Vec<char> = [
        '!'..='~',
        '\u{A1}'..='\u{AC}',
        '\u{AE}'..='\u{17F}',
        '\u{391}'..='\u{3A1}',
        '\u{3A3}'..='\u{3C9}',
        '\u{410}'..='\u{44F}',
        '\u{5D0}'..='\u{5EA}',
        '\u{621}'..='\u{63A}',
        '\u{641}'..='\u{64A}',
        '\u{2010}'..='\u{2027}',
        '\u{2030}'..='\u{205E}',
        '\u{4E00}'..='\u{4EFF}',
        '\u{AC00}'..='\u{ACFF}',
    ]
    .into_iter()
    .flatten()
    .collect();

    let mut entries = vec!["[PAD]".to_owned()];
    entries.extend((1..100).map(|n| format!("[unused{n}]")));
    entries.extend(["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused100]", "[unused101]"].map(str::to_owned));
    entries.extend(singles.iter().map(char::to_string));
    entries.extend(singles.iter().map(|c| format!("##{c}")));
    for (start, first, second) in [
        ("", &digits, &digits),
        ("##", &digits, &digits),
        ("", &lower, &lower),
        ("", &upper, &lower),
        ("", &upper, &upper),
        ("##", &lower, &lower),
        ("##", &upper, &upper),
    ] {
        entries.extend(first.iter().flat_map(|a| second.iter().map(move |b| format!("{start}{a}{b}"))));
    }
    let vowels: Vec<char> = "aeiou".chars().collect();
    let is_vowel = |c: &char| vowels.contains(&c.to_ascii_lowercase());
    let consonants: Vec<char> = lower.iter().copied().filter(|c| !is_vowel(c)).collect();
    let capitals: Vec<char> = upper.iter().copied().filter(|c| !is_vowel(c)).collect();
    for (start, first, second) in [("##", &lower, &lower), ("", &consonants, &vowels), ("", &capitals, &vowels)] {
        for (a, b) in first.iter().flat_map(|a| second.iter().map(move |b| (a, b))) {
            entries.extend(lower.iter().map(|c| format!("{start}{a}{b}{c}")));
        }
    }
    let missing = VOCABULARY - entries.len();
    entries.extend((102..102 + missing).map(|n| format!("[unused{n}]")));
    entries
}
