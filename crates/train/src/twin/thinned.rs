//! Which model remains when some layers are taken out?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use candle_core::Var;

use super::Twin;
use super::names::layer_of;
use crate::TrainError;

impl Twin {
    /// A model of its own that begins as this one with the layers `kept` alone, in that order: a student that begins as a
    /// part of its teacher.
    pub fn thinned(&self, kept: &[usize]) -> Result<Self, TrainError> {
        let mut variables = BTreeMap::new();
        for (name, var) in &self.variables {
            let place = layer_of(name).map(|layer| (layer, kept.iter().position(|&kept| kept == layer)));
            let name = match place {
                None => name.clone(),
                Some((_, None)) => continue,
                Some((layer, Some(place))) => {
                    name.replacen(&format!("encoder.layer.{layer}."), &format!("encoder.layer.{place}."), 1)
                }
            };
            variables.insert(name, Var::from_tensor(&var.as_tensor().copy()?)?);
        }
        let mut dimensions = self.dimensions.clone();
        dimensions.layers = kept.len();
        Ok(Self {
            dimensions,
            activation: self.activation,
            variables,
            frozen: BTreeSet::new(),
            device: self.device.clone(),
            dtype: self.dtype,
            anchor: Var::zeros(1, self.dtype, &self.device)?,
            sink: Arc::default(),
            path: self.path,
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use crate::tiny;
    use crate::{Pass, TrainError};

    #[test]
    fn a_thinned_model_computes_as_the_layers_that_are_kept() -> Result<(), TrainError> {
        let folder = tiny::folder("gelu");
        let whole = tiny::twin(folder.path(), DType::F64);
        let sequences = tiny::sequences(&[3, 5]);
        let first = whole.thinned(&[0])?;
        assert_eq!((first.dimensions().layers, whole.dimensions().layers), (1, 2));
        let expected = whole.forward_all(&sequences, &mut Pass::evaluation())?.hidden[1].to_vec2::<f64>()?;
        let found = first.forward(&sequences, &mut Pass::evaluation())?.hidden.to_vec2::<f64>()?;
        assert_eq!(found, expected);
        // It is a model of its own: what it learns, the other does not.
        let bias = "encoder.layer.0.output.dense.bias";
        let zeros = first.variables()[bias].zeros_like()?;
        first.variables()[bias].set(&zeros)?;
        let twice = whole.thinned(&[1, 0])?;
        assert_eq!(
            twice.variables()["encoder.layer.1.output.dense.bias"].to_vec1::<f64>()?,
            whole.variables()[bias].to_vec1::<f64>()?
        );
        assert_ne!(whole.variables()[bias].to_vec1::<f64>()?, zeros.to_vec1::<f64>()?);
        Ok(())
    }
}
