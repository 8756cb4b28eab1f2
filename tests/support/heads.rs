//! What does a test need of a model whose head says what the test wants it to say?

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Project, copy, data};

/// Its values go through a tanh.
const POOLER: &str = "bert.pooler.dense.bias";

/// The head that a tiny checkpoint gets: one value for all its weights, and a bias for each label.
pub(crate) struct Head<'a> {
    /// The tiny checkpoint; its head must have so many rows.
    pub(crate) of: &'a str,
    pub(crate) labels: &'a [&'a str],
    pub(crate) weight: f32,
    pub(crate) biases: &'a [f32],
}

impl Head<'_> {
    /// Writes the checkpoint into `project`, as the folder `name`.
    pub(crate) fn write(&self, project: &Project, name: &str) -> PathBuf {
        let folder = project.path(name);
        copy(&data("checkpoints").join(self.of), &folder);
        self.name_labels(&folder.join("config.json"));
        self.fill_tensors(&folder.join("model.safetensors"));
        folder
    }

    fn name_labels(&self, config: &Path) {
        let mut read: Value = serde_json::from_slice(&fs::read(config).expect("a config")).expect("JSON");
        let numbered = self.labels.iter().enumerate();
        read["id2label"] = numbered.clone().map(|(at, label)| (at.to_string(), json!(label))).collect();
        read["label2id"] = numbered.map(|(at, label)| ((*label).to_owned(), json!(at))).collect();
        fs::write(config, read.to_string()).expect("a config");
    }

    /// Writes over numbers where the head of the file says that they stand.
    fn fill_tensors(&self, path: &Path) {
        let mut bytes = fs::read(path).expect("weights");
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let head: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).expect("a head");
        let mut fill = |tensor: &str, value: &dyn Fn(usize) -> f32| {
            let [from, to] = [0, 1].map(|at| head[tensor]["data_offsets"][at].as_u64().expect("an offset") as usize);
            let numbers = bytes[8 + length + from..8 + length + to].chunks_exact_mut(4);
            numbers.enumerate().for_each(|(at, number)| number.copy_from_slice(&value(at).to_le_bytes()));
        };
        // What stands before the head of a classifier is 1 in every place, so that large weights add up to infinity.
        if head.contains_key(POOLER) {
            fill(POOLER, &|_| 100.0);
        }
        fill("classifier.weight", &|_| self.weight);
        fill("classifier.bias", &|at| self.biases[at]);
        fs::write(path, bytes).expect("weights");
    }
}
