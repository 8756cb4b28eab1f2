//! The span head: one linear map from a token's vector to its start and end logit.

use clinqa_encoder::{Checkpoint, CheckpointError};

/// Weights `[2, H]` and bias `[2]` of `qa_outputs`.
pub(crate) struct SpanHead {
    start: Vec<f32>,
    end: Vec<f32>,
    bias: [f32; 2],
}

impl SpanHead {
    /// Takes the head out of a checkpoint; a checkpoint without one is refused by tensor name.
    pub(crate) fn take(checkpoint: &mut Checkpoint) -> Result<Self, CheckpointError> {
        let width = checkpoint.hidden_size();
        let weight = checkpoint.take("qa_outputs.weight", &[2, width])?.values;
        let bias = checkpoint.take("qa_outputs.bias", &[2])?.values;
        let (start, end) = weight.split_at(width);
        Ok(Self { start: start.to_vec(), end: end.to_vec(), bias: [bias[0], bias[1]] })
    }

    /// Start and end logit of each row (tokens × H).
    pub(crate) fn logits(&self, rows: &[f32]) -> Vec<[f32; 2]> {
        let dot = |weights: &[f32], row: &[f32]| -> f32 { weights.iter().zip(row).map(|(w, x)| w * x).sum() };
        rows.chunks_exact(self.start.len())
            .map(|row| [dot(&self.start, row) + self.bias[0], dot(&self.end, row) + self.bias[1]])
            .collect()
    }
}
