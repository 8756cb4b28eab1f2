//! Which hidden states has this text, and how does each parameter change them? A BERT in which everything can learn.
//!
//! `candle_nn::LayerNorm` takes a fast path that has no backward: through candle-transformers' BERT only the head would
//! learn, while the loss looks healthy. Here every step has a backward, and tests hold each parameter's gradient to
//! finite differences.

mod composed;
mod fused;
mod layer;
mod names;
#[cfg(test)]
mod tests;
mod thinned;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};
use clinqa_encoder::{Checkpoint, Dimensions, Precision, Sequence, Source, TableRows};

use crate::ops::Activation;
use crate::{Pass, TrainError};
use fused::Sink;
pub(crate) use names::{WORDS, layer_of};

/// A differentiable BERT: absolute positions, post-layer-norm.
pub struct Twin {
    dimensions: Dimensions,
    activation: Activation,
    variables: BTreeMap<String, Var>,
    /// Parameters that do not learn.
    frozen: BTreeSet<String>,
    device: Device,
    dtype: DType,
    /// Leads candle's backward to the steps of the trunk.
    anchor: Var,
    /// Where those leave the gradients of their parameters.
    sink: Arc<Sink>,
    path: Path,
}

/// By which steps the trunk is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// Those written for the CPU.
    Fused,
    /// Candle's own, on any device.
    Composed,
}

/// Last hidden states, packed without padding: sequence `i` owns rows `offsets[i]..offsets[i + 1]`.
#[derive(Debug, Clone)]
pub struct Packed {
    /// `[tokens, width]`.
    pub hidden: Tensor,
    /// First row of each sequence, and the number of rows last.
    pub offsets: Vec<usize>,
}

/// What every layer makes of a batch, packed as in [`Packed`].
#[derive(Debug, Clone)]
pub struct Layers {
    /// `[tokens, width]` each: the embeddings, then what each layer gives; one more than there are layers.
    pub hidden: Vec<Tensor>,
    /// `[tokens, width]` of each layer, its heads side by side.
    pub queries: Vec<Tensor>,
    /// As the queries.
    pub keys: Vec<Tensor>,
    /// As the queries.
    pub values: Vec<Tensor>,
    /// First row of each sequence, and the number of rows last.
    pub offsets: Vec<usize>,
}

/// The gradient of a loss by the name of each parameter that learns.
pub type Gradients = BTreeMap<String, Tensor>;

/// A batch as the trunk takes it.
pub(crate) struct Input {
    pub(crate) ids: Vec<u32>,
    pub(crate) types: Vec<u32>,
    pub(crate) places: Vec<u32>,
    pub(crate) offsets: Vec<usize>,
}

/// What a model learns on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Machine {
    /// The processor, in f32.
    #[default]
    Cpu,
    /// The first GPU; a build with the feature `cuda`.
    Cuda,
}

impl Twin {
    /// Opens the checkpoint at `source` and takes its trunk onto `machine`; the head's tensors stay in the checkpoint.
    pub fn begin(source: &Source, machine: Machine) -> Result<(Checkpoint, Self), TrainError> {
        let mut checkpoint = Checkpoint::open(source)?.in_precision(Precision::Full);
        let device = match machine {
            Machine::Cpu => Device::Cpu,
            Machine::Cuda => Device::new_cuda(0).map_err(|source| TrainError::Machine { source })?,
        };
        let twin = Self::open(&mut checkpoint, &device, DType::F32)?;
        Ok((checkpoint, twin))
    }

    /// Takes the trunk of `checkpoint`, whatever its weights are stored as; the head's tensors stay in it.
    pub fn open(checkpoint: &mut Checkpoint, device: &Device, dtype: DType) -> Result<Self, TrainError> {
        let dimensions = checkpoint.dimensions();
        let activation = Activation::named(&dimensions.activation)?;
        let mut variables = BTreeMap::new();
        for (name, array) in checkpoint.take_trunk()? {
            let tensor = Tensor::from_vec(array.values, array.shape, device)?.to_dtype(dtype)?;
            variables.insert(name, Var::from_tensor(&tensor)?);
        }
        let fused = device.is_cpu() && matches!(dtype, DType::F32 | DType::F64);
        Ok(Self {
            dimensions,
            activation,
            variables,
            frozen: BTreeSet::new(),
            device: device.clone(),
            dtype,
            anchor: Var::zeros(1, dtype, device)?,
            sink: Arc::default(),
            path: if fused { Path::Fused } else { Path::Composed },
        })
    }

    /// The numbers of the model.
    pub fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    /// Every parameter of the trunk by its plain name (no `bert.`), frozen ones included.
    pub fn variables(&self) -> &BTreeMap<String, Var> {
        &self.variables
    }

    /// The parameter `name` as a loss may use it: it learns in a pass of training, unless it is frozen.
    pub fn parameter(&self, name: &str, pass: &Pass) -> Result<Tensor, TrainError> {
        Ok(self.var(name, pass.is_training())?)
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What it computes in.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Keeps the embeddings (words, positions, types and their layer norm) and the lowest `layers` layers as they are.
    pub fn freeze(&mut self, embeddings: bool, layers: usize) {
        let frozen = |name: &&String| match layer_of(name) {
            None => embeddings || layers > 0,
            Some(layer) => layer < layers,
        };
        self.frozen = self.variables.keys().filter(frozen).cloned().collect();
    }

    /// Keeps the word embeddings alone as they are: most parameters, and the ones that a small corpus hardly touches.
    pub fn freeze_words(&mut self) {
        self.frozen.insert(WORDS.to_owned());
    }

    /// Whether the parameter `name` learns.
    pub fn learns(&self, name: &str) -> bool {
        self.variables.contains_key(name) && !self.frozen.contains(name)
    }

    /// Last hidden states of `sequences`, none of them empty or longer than the model has positions. They lead back to
    /// the parameters in a pass of training alone: in one of evaluation nothing is kept for a backward.
    pub fn forward(&self, sequences: &[Sequence], pass: &mut Pass) -> Result<Packed, TrainError> {
        let input = self.input(sequences)?;
        let hidden = self.run(&input, pass, None)?;
        Ok(Packed { hidden, offsets: input.offsets })
    }

    /// What every layer makes of `sequences`: for a student that learns from a teacher's insides.
    pub fn forward_all(&self, sequences: &[Sequence], pass: &mut Pass) -> Result<Layers, TrainError> {
        let input = self.input(sequences)?;
        let mut layers =
            Layers { hidden: vec![], queries: vec![], keys: vec![], values: vec![], offsets: input.offsets.clone() };
        self.run(&input, pass, Some(&mut layers))?;
        Ok(layers)
    }

    /// The gradients of `loss` by the trunk's parameters that learn and by the head's, `head`, by their names. A
    /// parameter that `loss` does not depend on has none. It must be called for every loss that is to be learned from:
    /// candle's own `backward` alone does not see the trunk.
    pub fn gradients(&self, loss: &Tensor, head: &[(String, Var)]) -> Result<Gradients, TrainError> {
        // What a loss left that was followed by candle's backward alone.
        self.sink.take();
        let store = loss.backward()?;
        let mut gradients = self.sink.take();
        let trunk = self.variables.iter().filter(|(name, _)| self.learns(name));
        for (name, var) in trunk.chain(head.iter().map(|(name, var)| (name, var))) {
            let Some(found) = store.get(var) else { continue };
            let sum = match gradients.remove(name) {
                Some(before) => before.add(found)?,
                None => found.clone(),
            };
            gradients.insert(name.clone(), sum);
        }
        Ok(gradients)
    }

    fn run(&self, input: &Input, pass: &mut Pass, seen: Option<&mut Layers>) -> candle_core::Result<Tensor> {
        match (self.path, self.dtype) {
            (Path::Fused, DType::F64) => fused::forward::<f64>(self, input, pass, seen),
            (Path::Fused, _) => fused::forward::<f32>(self, input, pass, seen),
            (Path::Composed, _) => composed::forward(self, input, pass, seen),
        }
    }

    fn var(&self, name: &str, learns: bool) -> candle_core::Result<Tensor> {
        let var = self
            .variables
            .get(name)
            .ok_or_else(|| candle_core::Error::Msg(format!("the trunk has no parameter {name}")).bt())?;
        let fixed = !learns || self.frozen.contains(name);
        Ok(if fixed { var.as_detached_tensor() } else { var.as_tensor().clone() })
    }

    fn input(&self, sequences: &[Sequence]) -> Result<Input, TrainError> {
        let Dimensions { vocabulary, types, positions, .. } = self.dimensions;
        let rows = TableRows { tokens: vocabulary, types, positions };
        let mut input = Input { ids: vec![], types: vec![], places: vec![], offsets: vec![0] };
        for sequence in sequences {
            if sequence.is_empty() {
                return Err(TrainError::Empty);
            }
            sequence.check(rows)?;
            input.ids.extend_from_slice(&sequence.ids);
            input.types.extend_from_slice(&sequence.types);
            input.places.extend(0..sequence.len() as u32);
            input.offsets.push(input.ids.len());
        }
        Ok(input)
    }
}

impl Activation {
    fn named(name: &str) -> Result<Self, TrainError> {
        match name {
            "gelu" => Ok(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Ok(Self::GeluTanh),
            "relu" => Ok(Self::Relu),
            other => Err(TrainError::Setting {
                setting: "hidden_act of config.json",
                found: other.to_owned(),
                expected: "gelu, gelu_new, gelu_pytorch_tanh or relu",
            }),
        }
    }
}
