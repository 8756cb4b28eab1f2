//! Where does a run go on after it was stopped? All that the next step depends on, in one checked file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::{failed, make, serialise, sync_parent, write};
use crate::optimizer::Optimizer;
use crate::run::{Best, Epoch};
use crate::{Score, TrainError};

/// The file, the one before it, and the one that is being written.
const NAMES: [&str; 3] = ["state.bin", "state.before.bin", "state.partial.bin"];
/// Bytes of the checksum at the end.
const CHECKSUM: usize = 32;

/// How far a run has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// What must be the same for a run to go on as if it had never stopped, by name.
    pub(crate) run: BTreeMap<String, String>,
    /// Steps done.
    pub(crate) step: u64,
    /// Epochs done.
    pub(crate) epoch: u64,
    /// Batches done of the epoch that was begun.
    pub(crate) batches: u64,
    /// Losses of the epoch that was begun, summed over its batches.
    pub(crate) loss: f64,
    /// Tokens learned from.
    pub(crate) tokens: u64,
    /// Examples learned from, each as often as it was.
    pub(crate) examples: u64,
    /// Seconds of work.
    pub(crate) seconds: f64,
    /// The model before the first step.
    pub(crate) before: Option<Score>,
    /// Each epoch that is done.
    pub(crate) epochs: Vec<Epoch>,
    /// The best epoch so far.
    pub(crate) best: Option<Best>,
}

/// Writes the state into `folder`; the one before it is kept until the next.
pub(crate) fn store(folder: &Path, position: &Position, optimizer: &Optimizer, dtype: DType) -> Result<(), TrainError> {
    make(folder)?;
    let mut tensors = Vec::new();
    for (name, parameter) in &optimizer.parameters {
        tensors.push((format!("parameter/{name}"), parameter.var.as_detached_tensor()));
        tensors.push((format!("first/{name}"), parameter.moments[0].clone()));
        tensors.push((format!("second/{name}"), parameter.moments[1].clone()));
    }
    let text = serde_json::to_string(position).map_err(candle_core::Error::wrap)?;
    let mut bytes = serialise(&tensors, dtype, [("position".to_owned(), text)])?;
    let checksum = blake3::hash(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    let [now, before, partial] = NAMES.map(|name| folder.join(name));
    write(&partial, &bytes)?;
    if now.exists() {
        fs::rename(&now, &before).map_err(failed(&before))?;
    }
    fs::rename(&partial, &now).map_err(failed(&now))?;
    sync_parent(&now)
}

/// Whether `folder` holds the state of a run.
pub(crate) fn exists(folder: &Path) -> bool {
    NAMES[..2].iter().any(|name| folder.join(name).exists())
}

/// Brings the state of `folder` back into the parameters and moments of `optimizer`, and tells how far the run had
/// come. A file that is torn or damaged gives way to the one before it.
pub(crate) fn restore(
    folder: &Path,
    run: &BTreeMap<String, String>,
    optimizer: &Optimizer,
) -> Result<Position, TrainError> {
    let paths: Vec<PathBuf> = NAMES[..2].iter().map(|name| folder.join(name)).filter(|path| path.exists()).collect();
    let mut first = None;
    for path in paths {
        match restore_from(&path, run, optimizer) {
            Err(error @ TrainError::Damaged { .. }) => first = first.or(Some(error)),
            other => return other,
        }
    }
    Err(first.unwrap_or_else(|| TrainError::NothingToResume { folder: folder.display().to_string() }))
}

fn restore_from(path: &Path, run: &BTreeMap<String, String>, optimizer: &Optimizer) -> Result<Position, TrainError> {
    let shown = path.display().to_string();
    let damaged = |detail: String| TrainError::Damaged { path: shown.clone(), detail };
    let bytes = fs::read(path).map_err(|source| TrainError::Read { path: shown.clone(), source })?;
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or_else(|| damaged("it is cut short".into()))?;
    if blake3::hash(body).as_bytes() != checksum {
        return Err(damaged("its checksum is another: it is cut short or was changed".into()));
    }
    let (_, header) = SafeTensors::read_metadata(body).map_err(|error| damaged(error.to_string()))?;
    let text = header.metadata().as_ref().and_then(|metadata| metadata.get("position"));
    let text = text.ok_or_else(|| damaged("it does not say how far the run had come".into()))?;
    let mut position: Position = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    for (what, expected) in run {
        // A state that an older version left says less; what it does not say cannot be compared.
        if let Some(found) = position.run.get(what).filter(|found| *found != expected) {
            let (what, found, expected) = (what.clone(), found.clone(), expected.clone());
            return Err(TrainError::OtherRun { path: shown, what, found, expected });
        }
    }
    let tensors = SafeTensors::deserialize(body).map_err(|error| damaged(error.to_string()))?;
    let read = |name: String, like: &Tensor| -> Result<Tensor, TrainError> {
        let other = |found: String| TrainError::OtherRun {
            path: shown.clone(),
            what: format!("the shape of {name}"),
            found,
            expected: format!("{:?}", like.dims()),
        };
        let view = tensors.tensor(&name).map_err(|_| other("missing".into()))?;
        if view.shape() != like.dims() {
            return Err(other(format!("{:?}", view.shape())));
        }
        let data = view.data();
        let tensor = if view.dtype() == safetensors::Dtype::F64 {
            let values: Vec<f64> = data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
            Tensor::from_vec(values, like.shape(), &Device::Cpu)?
        } else {
            let values: Vec<f32> = data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            Tensor::from_vec(values, like.shape(), &Device::Cpu)?
        };
        Ok(tensor.to_dtype(like.dtype())?.to_device(like.device())?)
    };
    // Everything is read before anything is changed: a state of another shape changes nothing.
    let mut all = Vec::with_capacity(optimizer.parameters.len());
    for (name, parameter) in &optimizer.parameters {
        let [first, second] = &parameter.moments;
        let values = read(format!("parameter/{name}"), parameter.var.as_tensor())?;
        all.push((parameter, values, read(format!("first/{name}"), first)?, read(format!("second/{name}"), second)?));
    }
    // What is in the state and does not learn now would fall back to the model that the run began from.
    let expected = 3 * all.len();
    if tensors.len() != expected {
        let (found, expected) = (tensors.len().to_string(), expected.to_string());
        return Err(TrainError::OtherRun { path: shown, what: "the number of tensors".into(), found, expected });
    }
    for (parameter, values, first, second) in all {
        parameter.var.set(&values)?;
        put(&parameter.moments[0], &first)?;
        put(&parameter.moments[1], &second)?;
    }
    position.run.clone_from(run);
    Ok(position)
}

/// Writes `values` into the memory of `target`.
fn put(target: &Tensor, values: &Tensor) -> Result<(), TrainError> {
    Ok(target.slice_set(values, 0, 0)?)
}
