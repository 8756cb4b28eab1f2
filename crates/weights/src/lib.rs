//! Which models come with us?
//!
//! Bytes and cards, nothing else: the command line hands them to the encoder and the reader. The bytes are parsed by
//! offset, so their alignment does not matter. Tests that do not need a model should not link this crate: each binary
//! that does carries 47 MB.

/// A checkpoint inside the binary, in Hugging Face layout with 8-bit rows.
#[derive(Debug, Clone, Copy)]
pub struct Bundle {
    /// Its name, as `--encoder` and `--reader` take it.
    pub name: &'static str,
    /// BLAKE3 over its files, in hex, written when it was packed; a test recomputes it.
    pub fingerprint: &'static str,
    /// File names, `/` between folders, and their bytes.
    pub files: &'static [(&'static str, &'static [u8])],
    /// What it is, where it comes from, how good it is, what it may not be used for; Markdown.
    pub card: &'static str,
}

macro_rules! bundle {
    ($name:literal, [$($file:literal),+ $(,)?]) => {
        Bundle {
            name: $name,
            fingerprint: include_str!(concat!("../", $name, "/fingerprint")).trim_ascii_end(),
            files: &[$(($file, include_bytes!(concat!("../", $name, "/", $file)))),+],
            card: include_str!(concat!("../", $name, "/README.md")),
        }
    };
}

/// Turns text into vectors.
pub const ENCODER: Bundle = bundle!(
    "clinqa-mini-encoder",
    [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "modules.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
        "model.safetensors",
    ]
);

/// Finds spans in passages.
pub const READER: Bundle = bundle!(
    "clinqa-mini-reader",
    ["config.json", "tokenizer.json", "tokenizer_config.json", "calibration.json", "model.safetensors"]
);

/// Every model in the binary.
pub const BUNDLES: [&Bundle; 2] = [&ENCODER, &READER];
