//! A checkpoint packed for shipping: every matrix as signed bytes with one scale a row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, View};

use super::files::{Files, Source};
use super::tensors::{Array, SCALE_SUFFIX};
use super::{Checkpoint, config::SentenceTransformer};
use crate::CheckpointError;

/// Heads and type embeddings have fewer rows: they weigh nothing, and every answer passes through them.
const MIN_ROWS: usize = 16;

/// Files that travel with the weights, in the layout they came in.
const COMPANIONS: [&str; 7] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
];

/// What packing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackReport {
    /// Matrices stored as 8-bit rows.
    pub matrices: usize,
    /// Vectors and small matrices stored as f32.
    pub vectors: usize,
    /// Bytes of the new `model.safetensors`.
    pub bytes: u64,
    /// Fingerprint of the new checkpoint.
    pub fingerprint: String,
}

/// Writes the checkpoint of `source` to the empty or new folder `target`, its matrices as 8-bit rows:
/// byte = round(127 x / max |row|), scale = max |row| / 127. Everything else stays f32; companions are copied.
pub fn pack(source: &Source, target: &Path) -> Result<PackReport, CheckpointError> {
    let checkpoint = Checkpoint::open(source)?;
    let mut report = PackReport { matrices: 0, vectors: 0, bytes: 0, fingerprint: String::new() };
    let mut stored: Vec<(String, Stored)> = Vec::new();
    for (name, array) in checkpoint.tensors.iter() {
        if let &[rows, columns] = array.shape.as_slice()
            && rows >= MIN_ROWS
        {
            let (bytes, scales) = quantise(array, columns);
            stored.push((name.clone(), Stored { dtype: Dtype::I8, shape: array.shape.clone(), bytes }));
            let scales = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
            let name = format!("{name}{SCALE_SUFFIX}");
            stored.push((name, Stored { dtype: Dtype::F32, shape: vec![rows], bytes: scales }));
            report.matrices += 1;
        } else {
            let bytes = array.values.iter().flat_map(|x| x.to_le_bytes()).collect();
            stored.push((name.clone(), Stored { dtype: Dtype::F32, shape: array.shape.clone(), bytes }));
            report.vectors += 1;
        }
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(stored, Some(metadata)).map_err(|error| CheckpointError::Damaged {
        path: checkpoint.weights_path.clone(),
        detail: error.to_string(),
    })?;
    report.bytes = bytes.len() as u64;
    write(&target.join("model.safetensors"), &bytes)?;
    copy_companions(source, target)?;
    report.fingerprint = Checkpoint::open(&Source::Folder(target.to_owned()))?.fingerprint;
    Ok(report)
}

fn quantise(array: &Array, columns: usize) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = Vec::with_capacity(array.values.len());
    let mut scales = Vec::with_capacity(array.shape[0]);
    for row in array.values.chunks_exact(columns.max(1)) {
        let largest = row.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        bytes.extend(row.iter().map(|x| ((x / scale).round() as i8).cast_unsigned()));
        scales.push(scale);
    }
    (bytes, scales)
}

fn copy_companions(source: &Source, target: &Path) -> Result<(), CheckpointError> {
    let files = Files::open(source)?;
    let folder = SentenceTransformer::read(&files)?.transformer_folder;
    let inner = files.inside(&folder);
    for name in COMPANIONS {
        // With a tokenizer.json the vocabulary would only be said twice.
        if name == "vocab.txt" && inner.read("tokenizer.json")?.is_some() {
            continue;
        }
        let found = match files.read(name)? {
            Some(bytes) => Some(bytes),
            None => inner.read(name)?,
        };
        if let Some(bytes) = found {
            write(&target.join(name), &bytes)?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let failed = |source| CheckpointError::Write { path: path.display().to_string(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}

struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
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
        fn a_row_comes_back_within_half_a_step(values in proptest::collection::vec(-10f32..10.0, 12)) {
            let array = Array { shape: vec![3, 4], values };
            let (bytes, scales) = quantise(&array, 4);
            for (index, (byte, value)) in bytes.iter().zip(&array.values).enumerate() {
                let scale = scales[index / 4];
                let back = f32::from(byte.cast_signed()) * scale;
                proptest::prop_assert!((back - value).abs() <= scale * 0.5001);
            }
        }
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let (bytes, scales) = quantise(&Array { shape: vec![1, 3], values: vec![0.0; 3] }, 3);
        assert_eq!((bytes, scales), (vec![0; 3], vec![1.0]));
    }
}
