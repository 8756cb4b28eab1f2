//! Weights half-way between two stages of one model: a model too, and one that forgets less (WiSE-FT, Wortsman et al. 2022).

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::Dtype;

use super::files::Source;
use super::fresh::{require_free, write_all};
use super::pack::Stored;
use super::tensors::Array;
use super::{Checkpoint, Tensors};
use crate::CheckpointError;

/// Parts of a trunk, `transformer.` in a `DistilBERT`; every other tensor is a head's.
const TRUNK: [&str; 4] = ["embeddings.", "encoder.", "transformer.", "pooler."];

/// What blending did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlendReport {
    /// Tensors that lie between the two.
    pub blended: usize,
    /// Tensors that the base does not have, taken from the tuned one as they are.
    pub kept: usize,
    /// Fingerprint of the new checkpoint.
    pub fingerprint: String,
}

/// Writes to the folder `target` the checkpoint whose every number is (1 − `share`) of `base`'s and `share` of `tuned`'s, as
/// f32, with the files that lie beside `tuned`. A head that `base` lacks stays `tuned`'s. `target` holds no model yet.
pub fn blend(base: &Source, tuned: &Source, share: f32, target: &Path) -> Result<BlendReport, CheckpointError> {
    require_free(target, &[base, tuned])?;
    let (from, to) = (Checkpoint::open(base)?, Checkpoint::open(tuned)?);
    let mut report = BlendReport { blended: 0, kept: 0, fingerprint: String::new() };
    let tensors = to.tensors.iter().map(|(name, tensor)| {
        let mut array = tensor.clone().array();
        match at(&from.tensors, name) {
            Some(old) if old.shape == array.shape => {
                mix(&old.values, &mut array.values, share);
                report.blended += 1;
            }
            Some(old) => {
                return Err(CheckpointError::Shape {
                    path: to.weights_path.clone(),
                    tensor: name.clone(),
                    found: array.shape,
                    expected: old.shape,
                });
            }
            None => report.kept += 1,
        }
        let bytes = array.values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Ok((name.clone(), Stored { dtype: Dtype::F32, shape: array.shape, bytes }))
    });
    let mut tensors = tensors.collect::<Result<Vec<_>, _>>()?;
    // Beside a head transformers looks for the trunk under `bert.` or `distilbert.`, without one under the plain names.
    let is_trunk = |name: &str| TRUNK.iter().any(|part| name.starts_with(part));
    if tensors.iter().any(|(name, _)| !is_trunk(name)) {
        for (name, _) in tensors.iter_mut().filter(|(name, _)| is_trunk(name)) {
            *name = format!("{}.{name}", to.model_type);
        }
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let failed = |detail: safetensors::SafeTensorError| CheckpointError::Damaged {
        path: to.weights_path.clone(),
        detail: detail.to_string(),
    };
    let bytes = safetensors::serialize(tensors, Some(metadata)).map_err(failed)?;
    write_all(target, &tuned.companions()?, &bytes)?;
    report.fingerprint = Checkpoint::open(&Source::Folder(target.to_owned()))?.fingerprint;
    Ok(report)
}

fn at(tensors: &Tensors, name: &str) -> Option<Array> {
    tensors.iter().find(|(found, _)| *found == name).map(|(_, tensor)| tensor.clone().array())
}

fn mix(old: &[f32], new: &mut [f32], share: f32) {
    for (new, old) in new.iter_mut().zip(old) {
        *new = share.mul_add(*new, (1.0 - share) * old);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tiny() -> Source {
        named("tiny-safetensors")
    }

    fn named(name: &str) -> Source {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/checkpoints");
        Source::Folder(folder.join(name))
    }

    /// The tiny model with other tensors, in a folder of its own.
    fn altered(folder: &Path, change: impl Fn(&mut Vec<(String, Array)>)) -> Source {
        altered_from(&tiny(), folder, change)
    }

    fn altered_from(source: &Source, folder: &Path, change: impl Fn(&mut Vec<(String, Array)>)) -> Source {
        let mut tensors = values(source);
        change(&mut tensors);
        let stored = tensors.into_iter().map(|(name, Array { shape, values })| {
            let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            (name, Stored { dtype: Dtype::F32, shape, bytes })
        });
        let bytes = safetensors::serialize(stored.collect::<Vec<_>>(), None).expect("serialised");
        write_all(folder, &source.companions().expect("companions"), &bytes).expect("written");
        Source::Folder(folder.to_owned())
    }

    fn values(source: &Source) -> Vec<(String, Array)> {
        let checkpoint = Checkpoint::open(source).expect("a checkpoint");
        checkpoint.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.clone().array())).collect()
    }

    #[test]
    fn both_ends_are_the_two_models_and_the_middle_lies_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let tuned = altered(&folder.path().join("tuned"), |tensors| {
            tensors.iter_mut().flat_map(|(_, array)| &mut array.values).for_each(|x| *x = 0.5 - 2.0 * *x);
        });
        for share in [0.0, 0.25, 1.0] {
            let target = folder.path().join(share.to_string());
            let report = blend(&tiny(), &tuned, share, &target).expect("blended");
            assert!(report.blended > 10 && report.kept == 0, "{report:?}");
            let found = values(&Source::Folder(target));
            for ((old, new), (name, found)) in values(&tiny()).iter().zip(&values(&tuned)).zip(found) {
                assert_eq!((&old.0, &new.0), (&name, &name));
                for ((old, new), found) in old.1.values.iter().zip(&new.1.values).zip(&found.values) {
                    assert!((old + share * (new - old) - found).abs() < 1e-5, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_head_that_the_base_lacks_stays_as_it_was_tuned() {
        let folder = tempfile::tempdir().expect("a folder");
        let head = ("qa_outputs.bias".to_owned(), Array { shape: vec![2], values: vec![1.0, -3.0] });
        let tuned = altered(&folder.path().join("tuned"), |tensors| tensors.push(head.clone()));
        let target = folder.path().join("target");
        assert_eq!(blend(&tiny(), &tuned, 0.5, &target).expect("blended").kept, 1);
        assert!(values(&Source::Folder(target.clone())).contains(&head));
        let bytes = fs::read(target.join("model.safetensors")).expect("weights");
        let names = safetensors::SafeTensors::deserialize(&bytes).expect("weights");
        assert!(names.names().iter().all(|name| name.starts_with("bert.") || **name == head.0), "{:?}", names.names());
    }

    #[test]
    fn a_trunk_beside_a_head_is_named_after_its_architecture() {
        let folder = tempfile::tempdir().expect("a folder");
        let head = ("qa_outputs.bias".to_owned(), Array { shape: vec![2], values: vec![1.0, -3.0] });
        let base = named("tiny-distilbert");
        let trunk = |(name, _): &(String, Array)| name.starts_with("embeddings.") || name.starts_with("transformer.");
        let tuned = altered_from(&base, &folder.path().join("tuned"), |tensors| {
            tensors.retain(trunk);
            tensors.push(head.clone());
        });
        let target = folder.path().join("target");
        blend(&base, &tuned, 0.5, &target).expect("blended");
        let bytes = fs::read(target.join("model.safetensors")).expect("weights");
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("weights");
        let mut names = file.names();
        names.retain(|name| **name != head.0);
        assert!(names.iter().all(|name| name.starts_with("distilbert.")), "{names:?}");
        assert!(names.contains(&"distilbert.transformer.layer.0.ffn.lin1.bias"), "{names:?}");
        // Without a head the plain names stay.
        let headless = altered_from(&base, &folder.path().join("bare"), |tensors| tensors.retain(trunk));
        blend(&headless, &headless, 0.5, &folder.path().join("plain")).expect("blended");
        let bytes = fs::read(folder.path().join("plain/model.safetensors")).expect("weights");
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("weights");
        assert!(file.names().iter().all(|name| !name.starts_with("distilbert.")), "{:?}", file.names());
    }

    #[test]
    fn a_model_is_never_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let tuned = altered(&folder.path().join("tuned"), |_| {});
        let before = fs::read(folder.path().join("tuned/model.safetensors")).expect("weights");
        let error = blend(&tiny(), &tuned, 0.5, &folder.path().join("tuned")).expect_err("refused").to_string();
        assert!(error.contains("already holds a model") && error.contains("another folder"), "{error}");
        let error = crate::pack(&tuned, &folder.path().join("tuned"));
        assert!(matches!(error, Err(CheckpointError::Occupied { .. })), "{error:?}");
        assert_eq!(fs::read(folder.path().join("tuned/model.safetensors")).expect("weights"), before);
    }

    #[test]
    fn models_of_two_shapes_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let tuned = altered(&folder.path().join("tuned"), |tensors| tensors[0].1.shape.push(1));
        let target = folder.path().join("target");
        let error = blend(&tiny(), &tuned, 0.5, &target);
        assert!(matches!(error, Err(CheckpointError::Shape { .. })), "{error:?}");
        assert!(!target.exists());
    }
}
