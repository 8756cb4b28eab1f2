//! A checkpoint packed for shipping: every large matrix as signed bytes with a scale for each group of a row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, View};

use super::files::{Files, Source};
use super::fresh::{require_free, write_all};
use super::tensors::{Array, SCALE_SUFFIX};
use super::{Checkpoint, config::SentenceTransformer};
use crate::CheckpointError;

/// Heads and type embeddings have fewer rows: they weigh nothing, and every answer passes through them.
const MIN_ROWS: usize = 16;

/// A table of word embeddings has more rows: one scale a row is enough for what is only looked up.
const TABLE_ROWS: usize = 8_192;

/// Values that share a scale in the matrices of the layers. One scale a row left texts of rare scripts and of
/// punctuation below a cosine of 0.999 to the f32 checkpoint; groups of 32 do not.
const GROUP: usize = 32;
/// The same in the first layer, whose errors every other layer takes in: with 32 there, rows of `?!` stayed just below
/// 0.999 in the second encoder that was packed.
const FIRST_GROUP: usize = 16;

/// Files that travel with the weights, in the layout they came in.
const COMPANIONS: [&str; 9] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "3_Dense/config.json",
];

/// What packing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackReport {
    /// Matrices stored as signed bytes.
    pub matrices: usize,
    /// Vectors, small matrices and position embeddings, stored as f32 or f16.
    pub others: usize,
    /// Bytes of the new `model.safetensors`.
    pub bytes: u64,
    /// Fingerprint of the new checkpoint.
    pub fingerprint: String,
}

/// Writes the checkpoint of `source` to the folder `target`, which holds no model yet, its matrices as signed bytes:
/// byte = round(x / scale), scale = max |group| / 127 as f16, a group being 32 values of a row, 16 in the first layer,
/// or the row itself in tables. Position embeddings are added to every token and become f16; everything else stays f32;
/// companions are copied.
pub fn pack(source: &Source, target: &Path) -> Result<PackReport, CheckpointError> {
    require_free(target, &[source])?;
    let checkpoint = Checkpoint::open(source)?;
    let mut report = PackReport { matrices: 0, others: 0, bytes: 0, fingerprint: String::new() };
    let mut stored: Vec<(String, Stored)> = Vec::new();
    for (name, tensor) in checkpoint.tensors.iter() {
        let array = &tensor.clone().array();
        match storage(name, array) {
            Storage::Grouped { group } => {
                let (bytes, scales) = quantise(array, group);
                stored.push((name.clone(), Stored { dtype: Dtype::I8, shape: array.shape.clone(), bytes }));
                let shape = vec![array.shape[0], scales.len() / array.shape[0]];
                let scales = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
                let name = format!("{name}{SCALE_SUFFIX}");
                stored.push((name, Stored { dtype: Dtype::F16, shape, bytes: scales }));
                report.matrices += 1;
            }
            Storage::Half => {
                let bytes = array.values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
                stored.push((name.clone(), Stored { dtype: Dtype::F16, shape: array.shape.clone(), bytes }));
                report.others += 1;
            }
            Storage::Full => {
                let bytes = array.values.iter().flat_map(|x| x.to_le_bytes()).collect();
                stored.push((name.clone(), Stored { dtype: Dtype::F32, shape: array.shape.clone(), bytes }));
                report.others += 1;
            }
        }
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(stored, Some(metadata)).map_err(|error| CheckpointError::Damaged {
        path: checkpoint.weights_path.clone(),
        detail: error.to_string(),
    })?;
    report.bytes = bytes.len() as u64;
    write_all(target, &companions(source)?, &bytes)?;
    report.fingerprint = Checkpoint::open(&Source::Folder(target.to_owned()))?.fingerprint;
    Ok(report)
}

enum Storage {
    Grouped { group: usize },
    Half,
    Full,
}

fn storage(name: &str, array: &Array) -> Storage {
    match *array.shape {
        [rows, _] if rows < MIN_ROWS || name.starts_with("classifier.") => Storage::Full,
        [_, _] if name.contains("position_embeddings") => Storage::Half,
        [rows, columns] if rows < TABLE_ROWS && columns.is_multiple_of(GROUP) => {
            let group = if name.contains("layer.0.") { FIRST_GROUP } else { GROUP };
            Storage::Grouped { group }
        }
        [_, columns] => Storage::Grouped { group: columns },
        _ => Storage::Full,
    }
}

fn quantise(array: &Array, group: usize) -> (Vec<u8>, Vec<f16>) {
    let mut bytes = Vec::with_capacity(array.values.len());
    let mut scales = Vec::with_capacity(array.values.len() / group.max(1));
    for values in array.values.chunks_exact(group.max(1)) {
        let largest = values.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let scale = f16::from_f32(largest / 127.0);
        // A group too small for an f16 scale is as good as zero.
        let step = if scale > f16::ZERO { scale.to_f32() } else { f32::INFINITY };
        bytes.extend(values.iter().map(|x| ((x / step).round().clamp(-127.0, 127.0) as i8).cast_unsigned()));
        scales.push(scale);
    }
    (bytes, scales)
}

fn companions(source: &Source) -> Result<Vec<(String, Vec<u8>)>, CheckpointError> {
    let files = Files::open(source)?;
    let folder = SentenceTransformer::read(&files)?.transformer_folder;
    let inner = files.inside(&folder);
    let mut all = Vec::new();
    for name in COMPANIONS {
        // With a tokenizer.json the vocabulary would only be said twice.
        if name == "vocab.txt" && inner.read("tokenizer.json")?.is_some() {
            continue;
        }
        let found = match files.read(name)? {
            Some(bytes) => Some(bytes),
            None => inner.read(name)?,
        };
        all.extend(found.map(|bytes| (name.to_owned(), bytes.into_owned())));
    }
    Ok(all)
}

/// A tensor on its way into a file.
pub(super) struct Stored {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_value_comes_back_within_half_a_step(values in proptest::collection::vec(-10f32..10.0, 12), group in 1usize..5) {
            let array = Array { shape: vec![1, 12], values };
            let (bytes, scales) = quantise(&array, group);
            for (index, (byte, value)) in bytes.iter().zip(&array.values).enumerate() {
                let scale = scales[index / group].to_f32();
                let back = f32::from(byte.cast_signed()) * scale;
                // Half a step, and what rounding the scale to f16 takes from the largest value: a part in 2,048 of it, or
                // below 0.00006 half the fixed distance of 2^-24 between two f16.
                let lost = (127.0 * (scale / 2_048.0)).max(127.0 * f32::powi(2.0, -25));
                proptest::prop_assert!((back - value).abs() <= scale * 0.51 + lost, "{} {} {}", back, value, scale);
            }
        }
    }

    #[test]
    fn a_group_of_zeros_stays_zero() {
        let (bytes, scales) = quantise(&Array { shape: vec![1, 3], values: vec![0.0; 3] }, 3);
        assert_eq!((bytes, scales), (vec![0; 3], vec![f16::ZERO]));
    }

    #[test]
    fn each_tensor_is_stored_by_its_role() {
        let check = |name: &str, shape: &[usize], expected: &str| {
            let array = Array { shape: shape.to_vec(), values: Vec::new() };
            let found = match storage(name, &array) {
                Storage::Grouped { group } => format!("groups of {group}"),
                Storage::Half => "f16".to_owned(),
                Storage::Full => "f32".to_owned(),
            };
            assert_eq!(found, expected, "{name}");
        };
        check("embeddings.word_embeddings.weight", &[30_522, 384], "groups of 384");
        check("embeddings.position_embeddings.weight", &[512, 384], "f16");
        check("embeddings.token_type_embeddings.weight", &[2, 384], "f32");
        check("encoder.layer.0.output.dense.weight", &[384, 1_536], "groups of 16");
        check("encoder.layer.10.output.dense.weight", &[384, 1_536], "groups of 32");
        check("encoder.layer.0.output.dense.bias", &[384], "f32");
        check("qa_outputs.weight", &[2, 384], "f32");
        check("classifier.weight", &[39, 384], "f32");
        check("pooler.dense.weight", &[384, 384], "groups of 32");
        check("odd", &[64, 50], "groups of 50");
    }
}
