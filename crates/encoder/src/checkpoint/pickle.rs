//! Zip-style `pytorch_model.bin`; candle's interpreter builds tensors and calls nothing.

use std::io::{BufReader, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use candle_core::pickle::{Object, Stack};
use candle_core::{DType, Tensor};

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
    let guarded = |work: &dyn Fn() -> candle_core::Result<Parsed>| match catch_unwind(AssertUnwindSafe(work)) {
        Ok(parsed) => parsed.map_err(|error| damaged(error.to_string())),
        Err(_) => Err(damaged("the archive contradicts itself".to_owned())),
    };
    let tensors = match guarded(&|| parse(on_disk, bytes))? {
        Parsed::Tensors(tensors) => tensors,
        Parsed::Foreign(name) => return Err(CheckpointError::ForeignCode { path: path.to_owned(), name }),
    };
    if tensors.is_empty() {
        return Err(damaged("it holds no tensors".to_owned()));
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

enum Parsed {
    Tensors(Vec<(String, Tensor)>),
    Foreign(String),
}

fn parse(on_disk: &Path, bytes: &[u8]) -> candle_core::Result<Parsed> {
    match foreign_name(bytes)? {
        Some(name) => Ok(Parsed::Foreign(name)),
        None => candle_core::pickle::read_all(on_disk).map(Parsed::Tensors),
    }
}

/// The first class or function that the archive's pickles name and a checkpoint has no use for. Nothing is ever called
/// here, but a file that asks for `os.system` is not one to take weights from.
fn foreign_name(bytes: &[u8]) -> candle_core::Result<Option<String>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(candle_core::Error::wrap)?;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(candle_core::Error::wrap)?;
        if !member.name().map_err(candle_core::Error::wrap)?.ends_with(".pkl") {
            continue;
        }
        let mut stack = Stack::empty();
        stack.read_loop(&mut BufReader::new(member))?;
        if let Some(name) = stack.stack().iter().find_map(foreign) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn foreign(object: &Object) -> Option<String> {
    match object {
        Object::Class { module_name, class_name } => {
            let known = match module_name.as_str() {
                "collections" => class_name == "OrderedDict",
                "torch._utils" => class_name.starts_with("_rebuild_"),
                "torch" => class_name.ends_with("Storage") || class_name == "Size",
                _ => false,
            };
            (!known).then(|| format!("{module_name}.{class_name}"))
        }
        Object::Tuple(items) | Object::List(items) => items.iter().find_map(foreign),
        Object::Dict(items) => items.iter().find_map(|(key, value)| foreign(key).or_else(|| foreign(value))),
        Object::Reduce { callable, args } | Object::Build { callable, args } => {
            foreign(callable).or_else(|| foreign(args))
        }
        Object::PersistentLoad(inner) => foreign(inner),
        _ => None,
    }
}
