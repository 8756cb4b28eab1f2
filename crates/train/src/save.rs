//! How does what was learned become a folder that transformers, sentence-transformers and we ourselves load?

pub(crate) mod log;
mod papers;
pub(crate) mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, Var};
use clinqa_encoder::Source;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Map, Value};

use crate::{Task, TrainError, Twin};
pub use papers::leave;

/// Writes the model of `twin` and `task` into `folder` in the layout of Hugging Face, f32: `config.json` and tokenizer of
/// `source`, the model that the run began from, with what the task changes. The folder that was there stays whole until
/// the new one is.
pub fn save<T: Task>(task: &T, twin: &Twin, source: &Source, folder: &Path) -> Result<(), TrainError> {
    let mut files: BTreeMap<String, Vec<u8>> = source.companions()?.into_iter().collect();
    let config = files.get("config.json").map(Vec::as_slice).unwrap_or_default();
    let mut config: Map<String, Value> = serde_json::from_slice(config).map_err(|error| TrainError::Format {
        path: format!("config.json of {}", source.name()),
        detail: error.to_string(),
    })?;
    config.insert("model_type".into(), "bert".into());
    config.insert("architectures".into(), vec![task.architecture()].into());
    config.insert("torch_dtype".into(), "float32".into());
    task.config(&mut config);
    files.insert("config.json".into(), pretty(&Value::Object(config)));
    files.insert("model.safetensors".into(), weights(task, twin)?);
    files.extend(task.files());
    replace(folder, &files)
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = format!("{value:#}");
    text.push('\n');
    text.into_bytes()
}

fn weights<T: Task>(task: &T, twin: &Twin) -> Result<Vec<u8>, TrainError> {
    let prefix = if task.architecture() == "BertModel" { "" } else { "bert." };
    let trunk = twin.variables().iter().map(|(name, var)| (format!("{prefix}{name}"), var.clone()));
    let head = task.variables().into_iter().filter(|(name, _)| task.keeps(name));
    let named: BTreeMap<String, Var> = trunk.chain(head).collect();
    let tensors: Vec<(String, Tensor)> =
        named.into_iter().map(|(name, var)| Ok((name, var.as_detached_tensor()))).collect::<Result<_, TrainError>>()?;
    serialise(&tensors, DType::F32, [("format".to_owned(), "pt".to_owned())])
}

/// Tensors as the bytes of a safetensors file, each as `dtype` (f32 or f64).
pub(crate) fn serialise(
    tensors: &[(String, Tensor)],
    dtype: DType,
    metadata: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<u8>, TrainError> {
    let mut buffers = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let flat = tensor.to_device(&Device::Cpu)?.to_dtype(dtype)?.flatten_all()?;
        let bytes: Vec<u8> = match dtype {
            DType::F64 => flat.to_vec1::<f64>()?.iter().flat_map(|x| x.to_le_bytes()).collect(),
            _ => flat.to_vec1::<f32>()?.iter().flat_map(|x| x.to_le_bytes()).collect(),
        };
        buffers.push((name, tensor.dims().to_vec(), bytes));
    }
    let kind = if dtype == DType::F64 { Dtype::F64 } else { Dtype::F32 };
    let mut views = Vec::with_capacity(buffers.len());
    for (name, shape, bytes) in &buffers {
        views.push((name.as_str(), TensorView::new(kind, shape.clone(), bytes).map_err(unfit)?));
    }
    safetensors::serialize(views, Some(metadata.into_iter().collect())).map_err(unfit)
}

fn unfit(error: safetensors::SafeTensorError) -> TrainError {
    candle_core::Error::wrap(error).into()
}

/// Makes `folder` hold exactly `files`: written beside it, made durable, and only then put in its place.
pub(crate) fn replace(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), TrainError> {
    let [partial, before] = ["partial", "before"].map(|end| beside(folder, end));
    remove(&partial)?;
    for (name, bytes) in files {
        let path = partial.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        write(&path, bytes)?;
    }
    for inner in folders(&partial, files) {
        sync(&inner)?;
    }
    mend(folder)?;
    remove(&before)?;
    if folder.exists() {
        fs::rename(folder, &before).map_err(failed(folder))?;
    }
    fs::rename(&partial, folder).map_err(failed(folder))?;
    sync_parent(folder)?;
    remove(&before)
}

/// `root` and every folder below it that one of `files` lies in.
fn folders(root: &Path, files: &BTreeMap<String, Vec<u8>>) -> BTreeSet<PathBuf> {
    let above = |name: &String| Path::new(name).ancestors().skip(1).map(|inner| root.join(inner)).collect::<Vec<_>>();
    files.keys().flat_map(above).collect()
}

/// Puts a folder back that a killed process had moved aside and not yet replaced.
pub(crate) fn mend(folder: &Path) -> Result<(), TrainError> {
    let before = beside(folder, "before");
    if !folder.exists() && before.exists() {
        fs::rename(&before, folder).map_err(failed(folder))?;
    }
    Ok(())
}

/// Makes `folder` and those above it.
pub(crate) fn make(folder: &Path) -> Result<(), TrainError> {
    fs::create_dir_all(folder).map_err(failed(folder))
}

/// Writes `bytes` as `path`, durable once this returns.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(failed(path))
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), TrainError> {
    sync(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

fn sync(folder: &Path) -> Result<(), TrainError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

pub(crate) fn failed(path: &Path) -> impl Fn(std::io::Error) -> TrainError + use<> {
    let path = path.display().to_string();
    move |source| TrainError::Write { path: path.clone(), source }
}

fn beside(folder: &Path, end: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(end);
    folder.with_file_name(name)
}

fn remove(folder: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> BTreeMap<String, Vec<u8>> {
        [("a".to_owned(), text.as_bytes().to_vec()), ("b/c".to_owned(), b"inner".to_vec())].into()
    }

    #[test]
    fn a_folder_is_replaced_whole() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("checkpoint");
        replace(&folder, &files("first")).expect("written");
        fs::write(folder.join("left over"), "x").expect("written");
        replace(&folder, &files("second")).expect("written");
        assert_eq!(fs::read(folder.join("a")).expect("there"), b"second");
        assert_eq!(fs::read(folder.join("b/c")).expect("there"), b"inner");
        assert!(!folder.join("left over").exists());
        assert_eq!(fs::read_dir(root.path()).expect("there").count(), 1);
    }

    #[test]
    fn every_folder_of_a_checkpoint_is_made_durable() {
        let mut files = files("first");
        files.insert("b/d/e".to_owned(), Vec::new());
        let found: Vec<PathBuf> = folders(Path::new("root"), &files).into_iter().collect();
        assert_eq!(found, ["root", "root/b", "root/b/d"].map(PathBuf::from));
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("checkpoint");
        replace(&folder, &files("first")).expect("written");
        // A name that cannot be a file's stands for a disk that is full.
        let mut bad = files("second");
        bad.insert("x".repeat(300), Vec::new());
        let error = replace(&folder, &bad).expect_err("refused").to_string();
        assert!(error.contains("--resume"), "{error}");
        assert_eq!(fs::read(folder.join("a")).expect("there"), b"first");
        replace(&folder, &files("third")).expect("written");
        assert_eq!(fs::read(folder.join("a")).expect("there"), b"third");
    }

    #[test]
    fn a_folder_that_was_moved_aside_comes_back() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("checkpoint");
        replace(&folder, &files("first")).expect("written");
        fs::rename(&folder, beside(&folder, "before")).expect("moved");
        mend(&folder).expect("mended");
        assert_eq!(fs::read(folder.join("a")).expect("there"), b"first");
    }
}
