//! Which model remains when some layers are taken out?

use std::collections::BTreeMap;

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
        let (frozen, device, dtype) = (self.frozen.clone(), self.device.clone(), self.dtype);
        Ok(Self { dimensions, activation: self.activation, variables, frozen, device, dtype })
    }
}
