//! The heads: a linear map from a vector to one number a label, and the layer that BERT puts before it.

use clinqa_encoder::{Checkpoint, CheckpointError};

/// Weights `[rows, H]` and bias `[rows]`.
pub(crate) struct Linear {
    weight: Vec<f32>,
    bias: Vec<f32>,
    width: usize,
}

impl Linear {
    /// Takes `name.weight` and `name.bias` out of a checkpoint; one without them is refused by tensor name.
    pub(crate) fn take(checkpoint: &mut Checkpoint, name: &str, rows: usize) -> Result<Self, CheckpointError> {
        let width = checkpoint.hidden_size();
        let weight = checkpoint.take(&format!("{name}.weight"), &[rows, width])?.values;
        let bias = checkpoint.take(&format!("{name}.bias"), &[rows])?.values;
        Ok(Self { weight, bias, width })
    }

    /// One number a row, of a vector of H values.
    pub(crate) fn apply(&self, vector: &[f32]) -> Vec<f32> {
        let dot = |weights: &[f32]| -> f32 { weights.iter().zip(vector).map(|(w, x)| w * x).sum() };
        self.weight.chunks_exact(self.width).zip(&self.bias).map(|(weights, bias)| dot(weights) + bias).collect()
    }
}

/// Whether a model gave numbers: where weights are damaged, or too large, it may not.
pub(crate) fn are_numbers<'a>(logits: impl IntoIterator<Item = &'a f32>) -> bool {
    logits.into_iter().all(|logit| logit.is_finite())
}

/// Numbers as probabilities that sum to 1.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// A number as a probability of its own.
pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The place of the largest number, of equal ones the first.
pub(crate) fn largest(numbers: &[f32]) -> usize {
    let mut best = 0;
    for (at, number) in numbers.iter().enumerate() {
        if *number > numbers[best] {
            best = at;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_however_large_the_numbers() {
        let found = softmax(&[1000.0, 1000.0, -1000.0]);
        assert_eq!(found, [0.5, 0.5, 0.0]);
        assert!((sigmoid(0.0) - 0.5).abs() < f32::EPSILON && sigmoid(-1000.0) >= 0.0 && sigmoid(1000.0) <= 1.0);
    }

    #[test]
    fn of_equal_numbers_the_first_is_the_largest() {
        assert_eq!([largest(&[1.0, 3.0, 3.0]), largest(&[2.0]), largest(&[f32::NAN, 1.0])], [1, 0, 0]);
    }
}
