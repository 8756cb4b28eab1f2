//! What does the vector of a question say, as it was learned from labelled ones?

use std::sync::OnceLock;

use crate::meaning::Meaning;

/// What the encoder's room adds to the fingerprint of bytes that are computed in f32: what was learned from.
/// Vectors cut short are named otherwise (`-256d`) and say nothing.
const IN_F32: &str = "-f32";

/// One hidden layer of units that are silent below 0.
#[derive(Debug)]
pub(crate) struct Perceptron {
    pub(crate) encoder: String,
    pub(crate) dimension: usize,
    /// Of each unit: what the points count, then each component of the vector.
    units: Vec<f32>,
    biases: Vec<f32>,
    output: Vec<f32>,
    bias: f32,
}

impl Perceptron {
    /// A line of text (`magic`, the encoder's fingerprint, dimension, units), then numbers.
    pub(crate) fn read(file: &[u8], magic: &str) -> Option<Self> {
        let end = file.iter().position(|byte| *byte == b'\n')?;
        let mut head = std::str::from_utf8(&file[..end]).ok()?.strip_prefix(magic)?.split(' ');
        let encoder = head.next()?.to_owned();
        let (dimension, units): (usize, usize) = (head.next()?.parse().ok()?, head.next()?.parse().ok()?);
        let (quads, rest) = file[end + 1..].as_chunks::<4>();
        let mut numbers = quads.iter().map(|quad| f32::from_le_bytes(*quad));
        let mut take = |count: usize| numbers.by_ref().take(count).collect::<Vec<f32>>();
        let (first, biases, output) = (take(units * (dimension + 1)), take(units), take(units));
        let bias = take(1);
        let is_whole = rest.is_empty() && quads.len() == units * (dimension + 3) + 1;
        is_whole.then_some(Self { encoder, dimension, units: first, biases, output, bias: *bias.first()? })
    }

    /// Whether it was learned from the weights of `encoder`, in whatever those are computed.
    pub(crate) fn knows(&self, encoder: &str) -> bool {
        encoder.strip_suffix(IN_F32).unwrap_or(encoder) == self.encoder
    }

    /// How much more likely than not it is, as a logarithm; `None` for a vector of another dimension.
    pub(crate) fn logit(&self, points: f32, vector: &[f32]) -> Option<f32> {
        if vector.len() != self.dimension {
            return None;
        }
        let unit = |(weights, bias): (&[f32], &f32)| {
            let (of_points, of_vector) = weights.split_first()?;
            let sum: f32 = of_vector.iter().zip(vector).map(|(weight, component)| weight * component).sum();
            Some((of_points * points + sum + bias).max(0.0))
        };
        let units = self.units.chunks_exact(self.dimension + 1).zip(&self.biases).map(unit);
        units
            .zip(&self.output)
            .map(|(unit, weight)| Some(unit? * weight))
            .sum::<Option<f32>>()
            .map(|sum| sum + self.bias)
    }
}

/// A perceptron in a file of the binary, learned from the vectors of one encoder; it says nothing of another's.
#[derive(Debug)]
pub(crate) struct Learned {
    pub(crate) file: &'static [u8],
    pub(crate) magic: &'static str,
    read: OnceLock<Option<Perceptron>>,
}

impl Learned {
    pub(crate) const fn new(file: &'static [u8], magic: &'static str) -> Self {
        Self { file, magic, read: OnceLock::new() }
    }

    /// `None` if the file were damaged, which a test looks after: then rules and words stand alone.
    pub(crate) fn perceptron(&self) -> Option<&Perceptron> {
        self.read.get_or_init(|| Perceptron::read(self.file, self.magic)).as_ref()
    }

    /// Whether the vectors of `encoder` say anything.
    pub(crate) fn knows(&self, encoder: &str) -> bool {
        self.perceptron().is_some_and(|learned| learned.knows(encoder))
    }

    /// How much more likely than not it is, as a logarithm; `None` where the vector says nothing.
    pub(crate) fn logit(&self, points: f32, meaning: Meaning<'_>) -> Option<f32> {
        self.perceptron().filter(|learned| learned.knows(meaning.encoder))?.logit(points, meaning.vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_summed_as_they_were_learned() {
        let numbers = [1.0f32, 2.0, 0.0, -1.0, 0.0, 3.0, 0.5, 0.0, 10.0, 100.0, 0.25];
        let numbers: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        let learned = Perceptron::read(&[b"m 1 e 2 2\n", &*numbers].concat(), "m 1 ").expect("whole");
        // The first unit: 1 × 1 + 2 × 0.5 + 0 × 2 + 0.5; the second: -1 × 1 + 0 × 0.5 + 3 × 2 + 0.
        assert_eq!(learned.logit(1.0, &[0.5, 2.0]), Some(10.0 * 2.5 + 100.0 * 5.0 + 0.25));
        assert_eq!(learned.logit(9.0, &[0.0, 0.0]), Some(10.0 * 9.5 + 0.25), "a unit below 0 is silent");
        assert_eq!(learned.logit(1.0, &[0.5]), None);
    }
}
