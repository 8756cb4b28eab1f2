//! `DistilBERT`: BERT without token types, under other names (Sanh et al. 2019).
//!
//! It is computed by our own forward pass. candle-transformers has one too, which takes the approximation by a hyperbolic
//! tangent where `activation` says `gelu`.

use super::Transformer;
use super::bert::{Names, lay_out};
use super::linear::Machines;
use crate::{Checkpoint, CheckpointError};

const NAMES: Names = Names {
    types: None,
    layers: "transformer.layer",
    attention_in: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_out: ["attention.out_lin", "sa_layer_norm"],
    forward: ["ffn.lin1", "ffn.lin2", "output_layer_norm"],
};

pub(super) fn build(checkpoint: &mut Checkpoint) -> Result<Box<dyn Transformer>, CheckpointError> {
    Ok(Box::new(lay_out(checkpoint, &NAMES, Machines::best())?))
}
