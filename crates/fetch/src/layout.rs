//! Which files make a checkpoint, and how large may they be?
//!
//! The list is closed: whatever a hub offers, only these names are asked for and only these are written.

/// The configuration, without which no weights can be read.
pub(crate) const CONFIG: &str = "config.json";

/// What its publisher says of a model. It is no part of what is computed: a model may lack it, and it may change.
pub(crate) const CARD: &str = "README.md";

/// Everything that may belong to a checkpoint besides its weights, small files first, in the order they are fetched.
pub(crate) const SMALL_FILES: [&str; 9] = [
    CONFIG,
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "vocab.txt",
    "tokenizer.json",
    CARD,
];

/// Weights, the safer format first; the second is fetched only where there is no first.
pub(crate) const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Largest small file taken; the `tokenizer.json` of a quarter of a million multilingual pieces has 17 MB.
#[cfg(feature = "hub")]
pub(crate) const MAX_SMALL_BYTES: u64 = 64 << 20;

/// Largest card taken; long ones of large models have 100 kB.
#[cfg(feature = "hub")]
const MAX_CARD_BYTES: u64 = 1 << 20;

/// Largest weights taken: four times a large BERT in f32.
#[cfg(feature = "hub")]
pub(crate) const MAX_WEIGHT_BYTES: u64 = 6 << 30;

/// Whether a file holds weights.
pub(crate) fn is_weights(file: &str) -> bool {
    WEIGHTS.contains(&file)
}

/// Most bytes that are taken of a file.
#[cfg(feature = "hub")]
pub(crate) fn limit(file: &str) -> u64 {
    match file {
        CARD => MAX_CARD_BYTES,
        _ if is_weights(file) => MAX_WEIGHT_BYTES,
        _ => MAX_SMALL_BYTES,
    }
}

/// What a set of files lacks to be a checkpoint, in words.
#[cfg(feature = "hub")]
pub(crate) fn missing(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    if !has(CONFIG) {
        return Some("config.json");
    }
    if !has("tokenizer.json") && !has("vocab.txt") {
        return Some("tokenizer (tokenizer.json or vocab.txt)");
    }
    if !WEIGHTS.iter().any(|file| has(file)) {
        return Some("weights in one file (model.safetensors or pytorch_model.bin)");
    }
    None
}

#[cfg(all(test, feature = "hub"))]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_needs_a_config_a_tokenizer_and_weights() {
        let check = |files: &[&str], expected: Option<&str>| {
            let found = missing(|file| files.contains(&file)).map(|words| &words[..7]);
            assert_eq!(found, expected, "{files:?}");
        };
        check(&[CONFIG, "vocab.txt", "model.safetensors"], None);
        check(&[CONFIG, "tokenizer.json", "pytorch_model.bin"], None);
        check(&["vocab.txt", "model.safetensors"], Some("config."));
        check(&[CONFIG, "tokenizer_config.json", "model.safetensors"], Some("tokeniz"));
        check(&[CONFIG, "vocab.txt", "model-00001-of-00002.safetensors"], Some("weights"));
    }
}
