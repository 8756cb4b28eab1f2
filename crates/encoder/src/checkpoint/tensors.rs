//! The weights as f32 arrays by their plain names, from safetensors (f32, f16, bf16, 8-bit rows) or a PyTorch zip.

use std::collections::BTreeMap;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::files::Files;
use super::pickle;
use crate::CheckpointError;

/// Suffix of the tensor that scales an 8-bit matrix: one number a row, or one for each of its equal groups.
pub(crate) const SCALE_SUFFIX: &str = ".scale";

/// A tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The product of `shape` values.
    pub values: Vec<f32>,
}

/// Tensors by name: no `bert.` prefix, `weight` and `bias` instead of `gamma` and `beta`.
#[derive(Debug, Default)]
pub struct Tensors(BTreeMap<String, Array>);

impl Tensors {
    /// Reads `model.safetensors`, else `pytorch_model.bin`; also tells which.
    pub(crate) fn read(files: &Files) -> Result<(Self, String), CheckpointError> {
        if let Some(bytes) = files.read("model.safetensors")? {
            let path = files.path("model.safetensors");
            return Ok((Self::from_safetensors(&path, &bytes)?, path));
        }
        let Some(bytes) = files.read("pytorch_model.bin")? else {
            let file = "model.safetensors or pytorch_model.bin";
            return Err(CheckpointError::MissingFile { folder: files.path(""), file });
        };
        let path = files.path("pytorch_model.bin");
        let on_disk =
            files.on_disk("pytorch_model.bin").ok_or_else(|| CheckpointError::OldPickle { path: path.clone() })?;
        let tensors = pickle::read(&path, &on_disk, &bytes)?;
        Ok((Self::named(&path, tensors)?, path))
    }

    /// Parses a safetensors file held in memory.
    pub(crate) fn from_safetensors(path: &str, bytes: &[u8]) -> Result<Self, CheckpointError> {
        if pickle::looks_like_one(bytes) {
            return Err(CheckpointError::PickleInDisguise { path: path.to_owned() });
        }
        let damaged = |error: safetensors::SafeTensorError| CheckpointError::Damaged {
            path: path.to_owned(),
            detail: error.to_string(),
        };
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let mut arrays = Vec::with_capacity(file.len());
        for (name, view) in file.iter() {
            if name.ends_with(SCALE_SUFFIX) || is_position_ids(name) {
                continue;
            }
            arrays.push((name.to_owned(), array(path, name, &view, &file)?));
        }
        Self::named(path, arrays)
    }

    fn named(path: &str, arrays: impl IntoIterator<Item = (String, Array)>) -> Result<Self, CheckpointError> {
        let mut tensors = BTreeMap::new();
        for (name, array) in arrays {
            if array.values.iter().any(|x| !x.is_finite()) {
                return Err(CheckpointError::NotFinite { path: path.to_owned(), tensor: name });
            }
            tensors.insert(plain_name(&name), array);
        }
        Ok(Self(tensors))
    }

    /// Takes `name` out, checking its shape.
    pub(crate) fn take(&mut self, path: &str, name: &str, shape: &[usize]) -> Result<Array, CheckpointError> {
        let missing = || CheckpointError::MissingTensor { path: path.to_owned(), tensor: name.to_owned() };
        let array = self.0.remove(name).ok_or_else(missing)?;
        if array.shape == shape {
            return Ok(array);
        }
        Err(CheckpointError::Shape {
            path: path.to_owned(),
            tensor: name.to_owned(),
            found: array.shape,
            expected: shape.to_vec(),
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Array)> {
        self.0.iter()
    }
}

/// Buffers of whole numbers that older checkpoints carry; they hold no weights.
fn is_position_ids(name: &str) -> bool {
    name.ends_with("position_ids")
}

fn plain_name(name: &str) -> String {
    let name = name.strip_prefix("bert.").unwrap_or(name);
    match name.rsplit_once('.') {
        Some((head, "gamma")) => format!("{head}.weight"),
        Some((head, "beta")) => format!("{head}.bias"),
        _ => name.to_owned(),
    }
}

fn array(path: &str, name: &str, view: &TensorView<'_>, file: &SafeTensors<'_>) -> Result<Array, CheckpointError> {
    let data = view.data();
    let values = match view.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::I8 => return rows8(path, name, view, file),
        other => {
            let (path, tensor) = (path.to_owned(), name.to_owned());
            return Err(CheckpointError::DataType { path, tensor, found: format!("{other:?}") });
        }
    };
    Ok(Array { shape: view.shape().to_vec(), values })
}

/// A matrix of signed bytes, each row, or each of the equal groups of a row, times its own scale.
fn rows8(path: &str, name: &str, view: &TensorView<'_>, file: &SafeTensors<'_>) -> Result<Array, CheckpointError> {
    let scale_name = format!("{name}{SCALE_SUFFIX}");
    let missing = || CheckpointError::MissingTensor { path: path.to_owned(), tensor: scale_name.clone() };
    let scales = file.tensor(&scale_name).map_err(|_| missing())?;
    let scales = array(path, &scale_name, &scales, file)?;
    let &[rows, columns] = view.shape() else {
        let (path, tensor) = (path.to_owned(), name.to_owned());
        return Err(CheckpointError::Shape { path, tensor, found: view.shape().to_vec(), expected: vec![0, 0] });
    };
    let groups = match *scales.shape {
        [found] if found == rows => 1,
        [found, groups] if found == rows && groups > 0 && columns.is_multiple_of(groups) => groups,
        _ => {
            let path = path.to_owned();
            return Err(CheckpointError::Shape { path, tensor: scale_name, found: scales.shape, expected: vec![rows] });
        }
    };
    let mut values = Vec::with_capacity(rows * columns);
    for (group, scale) in view.data().chunks_exact((columns / groups).max(1)).zip(&scales.values) {
        values.extend(group.iter().map(|&byte| f32::from(byte.cast_signed()) * scale));
    }
    Ok(Array { shape: vec![rows, columns], values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_old_names_are_made_plain() {
        let check = |name: &str, expected: &str| assert_eq!(plain_name(name), expected);
        check("bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight");
        check("encoder.layer.0.output.LayerNorm.beta", "encoder.layer.0.output.LayerNorm.bias");
        check("qa_outputs.weight", "qa_outputs.weight");
    }

    #[test]
    fn a_pickle_or_half_a_file_is_refused_by_name() {
        let check = |bytes: &[u8], expected: &str| {
            let error = Tensors::from_safetensors("m", bytes).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"\x80\x02}q\x00.", "pickle");
        check(b"PK\x03\x04rest", "pickle");
        check(b"", "damaged");
        check(&[0xff; 64], "damaged");
        check(&u64::MAX.to_le_bytes(), "damaged");
    }
}
