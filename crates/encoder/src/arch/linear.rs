//! What does a linear layer do with its rows? In f32 or in bytes, as its weights are laid out; the caller cannot tell.

use pulp::Arch;

use super::byte_kernel::Machine;
use super::byte_product::{BytePanels, ByteRows, byte_product};
use super::functions::{Activation, activate};
use super::product::{Panels, Rows, Target, product};
use crate::checkpoint::{ByteMatrix, Stored};

/// What this machine computes with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machines {
    /// For f32.
    pub(super) floats: Arch,
    /// For bytes.
    pub(super) bytes: Machine,
}

impl Machines {
    /// The best that there is.
    pub(super) fn best() -> Self {
        Self { floats: Arch::new(), bytes: Machine::best() }
    }
}

/// Weights and bias, laid out for computing.
#[derive(Debug)]
pub(super) enum Linear {
    /// In f32.
    Full(Panels),
    /// In bytes; each row that comes in is turned into bytes too, with a scale for each of its groups.
    Bytes(BytePanels),
}

impl Linear {
    /// The linear layers `weights`, each of the same `depth` of inputs, side by side as one: in bytes where all are
    /// stored so, a scale for `longest` values at most, else in f32.
    pub(super) fn new(weights: Vec<Stored>, bias: &[f32], depth: usize, longest: usize) -> Self {
        let bytes: Option<Vec<ByteMatrix>> = weights
            .iter()
            .map(|stored| match stored {
                Stored::Bytes(matrix) => Some(matrix.clone()),
                Stored::Full(_) => None,
            })
            .collect();
        if let Some(panels) = bytes.and_then(|parts| BytePanels::linear(&parts, bias, longest)) {
            return Self::Bytes(panels);
        }
        let values: Vec<f32> = weights.into_iter().flat_map(|stored| stored.array().values).collect();
        Self::Full(Panels::linear(&values, bias, depth))
    }

    /// Outputs.
    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Full(panels) => panels.columns(),
            Self::Bytes(panels) => panels.columns(),
        }
    }

    /// `target = activation(left × weights + bias)`, its rows as far apart as there are outputs. `scratch` holds the
    /// bytes of `left`.
    pub(super) fn apply(
        &self,
        machines: Machines,
        left: Rows<'_>,
        activation: Activation,
        (target, scratch): (&mut [f32], &mut ByteRows),
    ) {
        let mut target = Target { values: target, stride: self.columns() };
        match self {
            Self::Full(panels) => product(machines.floats, left, panels, activation, target),
            Self::Bytes(panels) => {
                scratch.set(machines.floats, left, panels);
                byte_product(machines.bytes, scratch, panels, &mut target);
                activate(machines.floats, activation, target.values);
            }
        }
    }
}

/// Rows that are looked up by number.
#[derive(Debug)]
pub(super) struct Table {
    stored: Stored,
    width: usize,
}

impl Table {
    /// Rows of `width` values.
    pub(super) fn new(stored: Stored, width: usize) -> Self {
        Self { stored, width }
    }

    /// How many rows.
    pub(super) fn rows(&self) -> usize {
        match &self.stored {
            Stored::Full(array) => array.values.len() / self.width,
            Stored::Bytes(matrix) => matrix.shape[0],
        }
    }

    /// Row `index`, into `target`.
    pub(super) fn write_row(&self, index: usize, target: &mut [f32]) {
        match &self.stored {
            Stored::Full(array) => target.copy_from_slice(&array.values[index * self.width..(index + 1) * self.width]),
            Stored::Bytes(matrix) => matrix.write_row(index, target),
        }
    }
}
