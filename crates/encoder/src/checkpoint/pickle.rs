//! Zip-style `pytorch_model.bin`; candle's interpreter builds tensors and calls nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use candle_core::DType;

use super::tensors::Array;
use crate::CheckpointError;

const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
const PICKLE_MAGIC: u8 = 0x80;

/// Whether these bytes begin as a pickle or as the zip archive that PyTorch puts one in.
pub(crate) fn looks_like_one(bytes: &[u8]) -> bool {
    bytes.starts_with(ZIP_MAGIC) || (bytes.first() == Some(&PICKLE_MAGIC) && bytes.get(1).is_some_and(|&v| v <= 5))
}

/// Reads every floating-point tensor of the archive at `on_disk`, whose bytes were read (and hashed) as `bytes`.
pub(crate) fn read(path: &str, on_disk: &Path, bytes: &[u8]) -> Result<Vec<(String, Array)>, CheckpointError> {
    if !bytes.starts_with(ZIP_MAGIC) {
        return Err(CheckpointError::OldPickle { path: path.to_owned() });
    }
    let damaged = |detail: String| CheckpointError::Damaged { path: path.to_owned(), detail };
    // The parser indexes into what the file says; a hostile file must cost an error, never the process.
    let parsed = catch_unwind(AssertUnwindSafe(|| candle_core::pickle::read_all(on_disk)));
    let tensors = match parsed {
        Ok(Ok(tensors)) => tensors,
        Ok(Err(error)) => return Err(damaged(error.to_string())),
        Err(_) => return Err(damaged("the archive contradicts itself".to_owned())),
    };
    if tensors.is_empty() {
        return Err(damaged("it holds no tensors, only code that is never run".to_owned()));
    }
    let mut arrays = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        if !matches!(tensor.dtype(), DType::F32 | DType::F16 | DType::BF16 | DType::F64) {
            continue;
        }
        let values = tensor
            .to_dtype(DType::F32)
            .and_then(|tensor| tensor.flatten_all())
            .and_then(|tensor| tensor.to_vec1::<f32>())
            .map_err(|error| damaged(error.to_string()))?;
        arrays.push((name, Array { shape: tensor.dims().to_vec(), values }));
    }
    Ok(arrays)
}
