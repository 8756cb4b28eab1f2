//! `config.json` and the sentence-transformers extras, with transformers' defaults for keys that old files lack.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::files::Files;
use crate::CheckpointError;
use crate::arch::known_architectures;
use crate::pooling::Pooling;

/// The settings of a BERT, as transformers writes them, `DistilBERT`'s names for them too; defaults are transformers' own.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BertConfig {
    #[serde(default = "bert")]
    pub(crate) model_type: String,
    pub(crate) vocab_size: usize,
    #[serde(alias = "dim")]
    pub(crate) hidden_size: usize,
    #[serde(alias = "n_layers")]
    pub(crate) num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    pub(crate) num_attention_heads: usize,
    #[serde(alias = "hidden_dim")]
    pub(crate) intermediate_size: usize,
    #[serde(default = "gelu", alias = "activation")]
    pub(crate) hidden_act: String,
    #[serde(default = "positions")]
    pub(crate) max_position_embeddings: usize,
    #[serde(default = "two")]
    pub(crate) type_vocab_size: usize,
    #[serde(default = "epsilon")]
    pub(crate) layer_norm_eps: f64,
    #[serde(default)]
    pub(crate) pad_token_id: Option<usize>,
    #[serde(default)]
    position_embedding_type: Option<String>,
    /// Only a head's business: read as it stands, so that an encoder opens whatever it says.
    #[serde(default)]
    pub(crate) id2label: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) problem_type: Option<String>,
}

fn bert() -> String {
    "bert".into()
}
fn gelu() -> String {
    "gelu".into()
}
fn positions() -> usize {
    512
}
fn two() -> usize {
    2
}
fn epsilon() -> f64 {
    1e-12
}

impl BertConfig {
    pub(crate) fn read(files: &Files) -> Result<Self, CheckpointError> {
        let path = files.path("config.json");
        let config: Self = parse(&path, &files.require("config.json")?)?;
        config.check(&path)?;
        Ok(config)
    }

    fn check(&self, path: &str) -> Result<(), CheckpointError> {
        if !known_architectures().contains(&self.model_type.as_str()) {
            let (path, found) = (path.to_owned(), self.model_type.clone());
            return Err(CheckpointError::Architecture { path, found, known: known_architectures().join(", ") });
        }
        let wrong = |field, found: String, expected: &str| {
            Err(CheckpointError::Field { path: path.to_owned(), field, found, expected: expected.to_owned() })
        };
        // Bounds far above any published BERT: they keep a damaged file from asking for all memory.
        let sizes = [
            ("vocab_size", self.vocab_size, 2_000_000),
            ("hidden_size", self.hidden_size, 8_192),
            ("num_hidden_layers", self.num_hidden_layers, 96),
            ("num_attention_heads", self.num_attention_heads, 256),
            ("intermediate_size", self.intermediate_size, 65_536),
            ("max_position_embeddings", self.max_position_embeddings, 65_536),
            ("type_vocab_size", self.type_vocab_size, 64),
        ];
        for (field, found, limit) in sizes {
            if found == 0 || found > limit {
                return wrong(field, found.to_string(), &format!("1 to {limit}"));
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let expected = format!("a multiple of num_attention_heads ({})", self.num_attention_heads);
            return wrong("hidden_size", self.hidden_size.to_string(), &expected);
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return wrong("layer_norm_eps", self.layer_norm_eps.to_string(), "between 0 and 1");
        }
        match self.position_embedding_type.as_deref() {
            None | Some("absolute") => Ok(()),
            Some(other) => wrong("position_embedding_type", other.to_owned(), "absolute"),
        }
    }
}

/// Every tensor of the trunk that the configuration asks for, with its shape.
pub(crate) fn trunk_tensors(config: &BertConfig) -> Vec<(String, Vec<usize>)> {
    let (h, i) = (config.hidden_size, config.intermediate_size);
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![config.vocab_size, h]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![config.max_position_embeddings, h]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![config.type_vocab_size, h]),
        ("embeddings.LayerNorm.weight".to_owned(), vec![h]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![h]),
    ];
    for layer in 0..config.num_hidden_layers {
        let linears = [
            ("attention.self.query", h, h),
            ("attention.self.key", h, h),
            ("attention.self.value", h, h),
            ("attention.output.dense", h, h),
            ("intermediate.dense", i, h),
            ("output.dense", h, i),
        ];
        for (part, rows, columns) in linears {
            tensors.push((format!("encoder.layer.{layer}.{part}.weight"), vec![rows, columns]));
            tensors.push((format!("encoder.layer.{layer}.{part}.bias"), vec![rows]));
        }
        for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
            tensors.push((format!("encoder.layer.{layer}.{part}.weight"), vec![h]));
            tensors.push((format!("encoder.layer.{layer}.{part}.bias"), vec![h]));
        }
    }
    tensors
}

/// What the files of sentence-transformers say about a checkpoint; a plain one gets mean pooling.
pub(crate) struct SentenceTransformer {
    pub(crate) transformer_folder: String,
    pub(crate) pooling: Pooling,
    pub(crate) max_seq_length: Option<usize>,
    /// Whether pooled vectors are scaled to length 1.
    pub(crate) normalises: bool,
    /// The folder of a linear map over pooled vectors: a head that sentence-transformers computes.
    pub(crate) dense_folder: Option<String>,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// `pooling_mode_cls_token: true` and its siblings, or `pooling_mode: "cls"` in newer files.
type PoolingFile = BTreeMap<String, serde_json::Value>;

/// What a `Dense` module says of itself.
#[derive(Deserialize)]
struct DenseFile {
    activation_function: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SequenceFile {
    max_seq_length: Option<usize>,
}

impl SentenceTransformer {
    pub(crate) fn read(files: &Files) -> Result<Self, CheckpointError> {
        let mut found = Self {
            transformer_folder: String::new(),
            pooling: Pooling::Mean,
            max_seq_length: None,
            normalises: false,
            dense_folder: None,
        };
        let mut pooling_folder = "1_Pooling".to_owned();
        if let Some(bytes) = files.read("modules.json")? {
            let path = files.path("modules.json");
            for module in parse::<Vec<Module>>(&path, &bytes)? {
                let folder = checked_folder(&path, &module.path)?;
                match module.kind.rsplit('.').next().unwrap_or_default() {
                    "Transformer" => found.transformer_folder = folder,
                    "Pooling" => pooling_folder = folder,
                    "Normalize" => found.normalises = true,
                    "Dense" if found.dense_folder.is_none() => found.dense_folder = Some(folder),
                    _ => {
                        let expected = "Transformer, Pooling, Normalize and one Dense module only".to_owned();
                        return Err(CheckpointError::Field { path, field: "type", found: module.kind, expected });
                    }
                }
            }
        }
        let pooling_file = format!("{pooling_folder}/config.json");
        if let Some(bytes) = files.read(&pooling_file)? {
            let path = files.path(&pooling_file);
            found.pooling = pooling(&path, &parse(&path, &bytes)?)?;
        }
        if let Some(folder) = &found.dense_folder {
            linear_only(files, folder)?;
        }
        let inner = files.inside(&found.transformer_folder);
        if let Some(bytes) = inner.read("sentence_bert_config.json")? {
            let path = inner.path("sentence_bert_config.json");
            found.max_seq_length = parse::<SequenceFile>(&path, &bytes)?.max_seq_length.filter(|&length| length > 2);
        }
        Ok(found)
    }
}

/// A head is a linear map and nothing after it.
fn linear_only(files: &Files, folder: &str) -> Result<(), CheckpointError> {
    let file = format!("{folder}/config.json");
    let Some(bytes) = files.read(&file)? else { return Ok(()) };
    let path = files.path(&file);
    let found = parse::<DenseFile>(&path, &bytes)?.activation_function;
    if found.rsplit('.').next() == Some("Identity") {
        return Ok(());
    }
    let expected = "torch.nn.modules.linear.Identity".to_owned();
    Err(CheckpointError::Field { path, field: "activation_function", found, expected })
}

fn pooling(path: &str, file: &PoolingFile) -> Result<Pooling, CheckpointError> {
    let flagged = file.iter().filter(|(_, value)| value.as_bool() == Some(true)).filter_map(|(key, _)| {
        key.strip_prefix("pooling_mode_").map(|mode| mode.trim_end_matches("_tokens").trim_end_matches("_token"))
    });
    let named = file.get("pooling_mode").and_then(serde_json::Value::as_str);
    let wanted: Vec<&str> = flagged.chain(named).collect();
    match wanted.as_slice() {
        ["mean"] => Ok(Pooling::Mean),
        ["cls"] => Ok(Pooling::Cls),
        other => Err(CheckpointError::Field {
            path: path.to_owned(),
            field: "pooling_mode",
            found: if other.is_empty() { "none".into() } else { other.join(" + ") },
            expected: "mean or cls".into(),
        }),
    }
}

/// A module's folder is a plain name inside the checkpoint: never a way out of it.
fn checked_folder(path: &str, folder: &str) -> Result<String, CheckpointError> {
    let plain =
        folder.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) && !folder.contains("..");
    if plain {
        return Ok(folder.to_owned());
    }
    Err(CheckpointError::Field {
        path: path.to_owned(),
        field: "path",
        found: folder.escape_default().to_string(),
        expected: "a folder name inside the checkpoint".into(),
    })
}

pub(crate) fn parse<T: for<'de> Deserialize<'de>>(path: &str, bytes: &[u8]) -> Result<T, CheckpointError> {
    serde_json::from_slice(bytes).map_err(|source| CheckpointError::Json { path: path.to_owned(), source })
}
