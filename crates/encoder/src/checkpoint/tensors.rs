//! The weights by their plain names, from safetensors (f32, f16, bf16, 8-bit groups) or a PyTorch zip.

use std::borrow::Cow;
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

/// A matrix of signed bytes, each row in equal groups that have a scale each.
#[derive(Debug, Clone)]
pub(crate) struct ByteMatrix {
    /// Rows × columns bytes, row by row, each the two's complement of a signed one.
    pub(crate) bytes: Cow<'static, [u8]>,
    /// Rows × groups scales, row by row.
    pub(crate) scales: Vec<f32>,
    /// Rows and columns.
    pub(crate) shape: [usize; 2],
}

impl ByteMatrix {
    /// Values that share a scale.
    pub(crate) fn group(&self) -> usize {
        let [rows, columns] = self.shape;
        (rows * columns).checked_div(self.scales.len()).unwrap_or(columns).max(1)
    }

    /// The values of row `index`, into `target`.
    pub(crate) fn write_row(&self, index: usize, target: &mut [f32]) {
        let (columns, group) = (self.shape[1], self.group());
        let bytes = &self.bytes[index * columns..(index + 1) * columns];
        let groups = target.chunks_mut(group).zip(bytes.chunks(group));
        for ((target, bytes), scale) in groups.zip(&self.scales[index * columns / group..]) {
            target.iter_mut().zip(bytes).for_each(|(value, byte)| *value = f32::from(byte.cast_signed()) * scale);
        }
    }

    /// The values of all rows.
    pub(crate) fn array(&self) -> Array {
        let [rows, columns] = self.shape;
        let mut values = vec![0.0; rows * columns];
        values.chunks_exact_mut(columns.max(1)).enumerate().for_each(|(row, target)| self.write_row(row, target));
        Array { shape: vec![rows, columns], values }
    }
}

/// A tensor as it is stored.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    /// Numbers of 16 or 32 bits, as f32.
    Full(Array),
    /// Groups of bytes.
    Bytes(ByteMatrix),
}

impl Stored {
    /// As f32.
    pub(crate) fn array(self) -> Array {
        match self {
            Self::Full(array) => array,
            Self::Bytes(matrix) => matrix.array(),
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Full(array) => &array.shape,
            Self::Bytes(matrix) => &matrix.shape,
        }
    }

    fn is_finite(&self) -> bool {
        let values = match self {
            Self::Full(array) => &array.values,
            Self::Bytes(matrix) => &matrix.scales,
        };
        values.iter().all(|x| x.is_finite())
    }
}

/// Tensors by name: no `bert.` or `distilbert.` prefix, `weight` and `bias` instead of `gamma` and `beta`.
#[derive(Debug, Default)]
pub struct Tensors(BTreeMap<String, Stored>);

impl Tensors {
    /// Reads `model.safetensors`, else `pytorch_model.bin`; also tells which.
    pub(crate) fn read(files: &Files) -> Result<(Self, String), CheckpointError> {
        if let Some(bytes) = files.read("model.safetensors")? {
            let path = files.path("model.safetensors");
            return Ok((Self::from_safetensors(&path, bytes)?, path));
        }
        let Some(bytes) = files.read("pytorch_model.bin")? else {
            let file = "model.safetensors or pytorch_model.bin";
            return Err(CheckpointError::MissingFile { folder: files.path(""), file });
        };
        let path = files.path("pytorch_model.bin");
        let on_disk =
            files.on_disk("pytorch_model.bin").ok_or_else(|| CheckpointError::OldPickle { path: path.clone() })?;
        let tensors =
            pickle::read(&path, &on_disk, &bytes)?.into_iter().map(|(name, array)| (name, Stored::Full(array)));
        Ok((Self::named(&path, tensors)?, path))
    }

    /// Adds the linear map of a `Dense` module as the head `classifier`. A packed checkpoint has it there already.
    pub(crate) fn add_dense(&mut self, folder: &Files) -> Result<(), CheckpointError> {
        let Some(bytes) = folder.read("model.safetensors")? else { return Ok(()) };
        let Self(found) = Self::from_safetensors(&folder.path("model.safetensors"), bytes)?;
        let head = |name: String| name.replacen("linear.", "classifier.", 1);
        self.0.extend(found.into_iter().map(|(name, stored)| (head(name), stored)));
        Ok(())
    }

    /// Parses a safetensors file held in memory. What is embedded in the binary is borrowed, not copied.
    pub(crate) fn from_safetensors(path: &str, bytes: Cow<'static, [u8]>) -> Result<Self, CheckpointError> {
        match bytes {
            Cow::Borrowed(bytes) => Self::parsed(path, bytes, Cow::Borrowed),
            Cow::Owned(bytes) => Self::parsed(path, &bytes, |part| Cow::Owned(part.to_vec())),
        }
    }

    fn parsed<'a>(
        path: &str,
        bytes: &'a [u8],
        keep: fn(&'a [u8]) -> Cow<'static, [u8]>,
    ) -> Result<Self, CheckpointError> {
        if pickle::looks_like_one(bytes) {
            return Err(CheckpointError::PickleInDisguise { path: path.to_owned() });
        }
        let damaged = |error: safetensors::SafeTensorError| CheckpointError::Damaged {
            path: path.to_owned(),
            detail: error.to_string(),
        };
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let mut tensors = Vec::with_capacity(file.len());
        for (name, view) in file.iter() {
            if name.ends_with(SCALE_SUFFIX) || is_position_ids(name) {
                continue;
            }
            let stored = match view.dtype() {
                Dtype::I8 => Stored::Bytes(rows8(path, name, &view, &file, keep)?),
                _ => Stored::Full(array(path, name, &view)?),
            };
            tensors.push((name.to_owned(), stored));
        }
        Self::named(path, tensors)
    }

    fn named(path: &str, found: impl IntoIterator<Item = (String, Stored)>) -> Result<Self, CheckpointError> {
        let mut tensors = BTreeMap::new();
        for (name, stored) in found {
            if !stored.is_finite() {
                return Err(CheckpointError::NotFinite { path: path.to_owned(), tensor: name });
            }
            tensors.insert(plain_name(&name), stored);
        }
        Ok(Self(tensors))
    }

    /// Takes `name` out, checking its shape.
    pub(crate) fn take(&mut self, path: &str, name: &str, shape: &[usize]) -> Result<Stored, CheckpointError> {
        let missing = || CheckpointError::MissingTensor { path: path.to_owned(), tensor: name.to_owned() };
        let stored = self.0.remove(name).ok_or_else(missing)?;
        if stored.shape() == shape {
            return Ok(stored);
        }
        Err(CheckpointError::Shape {
            path: path.to_owned(),
            tensor: name.to_owned(),
            found: stored.shape().to_vec(),
            expected: shape.to_vec(),
        })
    }

    pub(crate) fn shape_of(&self, name: &str) -> Option<&[usize]> {
        self.0.get(name).map(Stored::shape)
    }

    /// Turns every matrix of bytes into f32; whether there was one.
    pub(crate) fn fill(&mut self) -> bool {
        let mut found = false;
        for stored in self.0.values_mut() {
            if let Stored::Bytes(matrix) = stored {
                *stored = Stored::Full(matrix.array());
                found = true;
            }
        }
        found
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Stored)> {
        self.0.iter()
    }
}

/// Buffers of whole numbers that older checkpoints carry; they hold no weights.
fn is_position_ids(name: &str) -> bool {
    name.ends_with("position_ids")
}

fn plain_name(name: &str) -> String {
    let name = ["bert.", "distilbert."].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    match name.rsplit_once('.') {
        Some((head, "gamma")) => format!("{head}.weight"),
        Some((head, "beta")) => format!("{head}.bias"),
        _ => name.to_owned(),
    }
}

fn array(path: &str, name: &str, view: &TensorView<'_>) -> Result<Array, CheckpointError> {
    let data = view.data();
    let values = match view.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        other => {
            let (path, tensor) = (path.to_owned(), name.to_owned());
            return Err(CheckpointError::DataType { path, tensor, found: format!("{other:?}") });
        }
    };
    Ok(Array { shape: view.shape().to_vec(), values })
}

/// A matrix of signed bytes with the scales beside it: one number a row, or one for each of its equal groups.
fn rows8<'a>(
    path: &str,
    name: &str,
    view: &TensorView<'a>,
    file: &SafeTensors<'_>,
    keep: fn(&'a [u8]) -> Cow<'static, [u8]>,
) -> Result<ByteMatrix, CheckpointError> {
    let scale_name = format!("{name}{SCALE_SUFFIX}");
    let missing = || CheckpointError::MissingTensor { path: path.to_owned(), tensor: scale_name.clone() };
    let scales = file.tensor(&scale_name).map_err(|_| missing())?;
    let scales = array(path, &scale_name, &scales)?;
    let &[rows, columns] = view.shape() else {
        let (path, tensor) = (path.to_owned(), name.to_owned());
        return Err(CheckpointError::Shape { path, tensor, found: view.shape().to_vec(), expected: vec![0, 0] });
    };
    let even = match *scales.shape {
        [found] => found == rows,
        [found, groups] => found == rows && groups > 0 && columns.is_multiple_of(groups),
        _ => false,
    };
    if !even {
        let path = path.to_owned();
        return Err(CheckpointError::Shape { path, tensor: scale_name, found: scales.shape, expected: vec![rows] });
    }
    Ok(ByteMatrix { bytes: keep(view.data()), scales: scales.values, shape: [rows, columns] })
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
        check("distilbert.transformer.layer.0.ffn.lin1.bias", "transformer.layer.0.ffn.lin1.bias");
    }

    #[test]
    fn a_pickle_or_half_a_file_is_refused_by_name() {
        let check = |bytes: &[u8], expected: &str| {
            let error = Tensors::from_safetensors("m", Cow::Owned(bytes.to_vec())).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"\x80\x02}q\x00.", "pickle");
        check(b"PK\x03\x04rest", "pickle");
        check(b"", "damaged");
        check(&[0xff; 64], "damaged");
        check(&u64::MAX.to_le_bytes(), "damaged");
    }
}
