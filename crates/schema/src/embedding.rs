//! A unit vector.

/// How far from 1 the length of an embedding may be.
const LENGTH_TOLERANCE: f32 = 1e-5;

/// A vector of length 1 ± 1e-5 with finite components; its dimension is its encoder's.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Vec<f32>);

/// Why a vector is not an embedding.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum EmbeddingError {
    /// A component is NaN or infinite, or all are zero.
    #[error("the vector has no direction (a component is not finite, or all are zero); check the encoder's weights")]
    NoDirection,
}

impl Embedding {
    /// Scales `vector` to length 1.
    pub fn normalised(mut vector: Vec<f32>) -> Result<Self, EmbeddingError> {
        // Summed in f64: a 768-wide f32 sum of squares may miss the tolerance.
        let length = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if !length.is_finite() || length <= f64::from(f32::MIN_POSITIVE) {
            return Err(EmbeddingError::NoDirection);
        }
        for x in &mut vector {
            *x = (f64::from(*x) / length) as f32;
        }
        Ok(Self(vector))
    }

    /// Takes a vector that is said to be normalised already, and checks it.
    pub fn checked(vector: Vec<f32>) -> Result<Self, EmbeddingError> {
        let length = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt() as f32;
        if (length - 1.0).abs() <= LENGTH_TOLERANCE { Ok(Self(vector)) } else { Err(EmbeddingError::NoDirection) }
    }

    /// The components.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// How many components.
    pub fn dimension(&self) -> usize {
        self.0.len()
    }

    /// The cosine of the angle to `other`, of the same dimension.
    pub fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_normalised_vector_has_length_one(vector in proptest::collection::vec(-1e6f32..1e6, 1..800)) {
            match Embedding::normalised(vector) {
                Ok(embedding) => {
                    proptest::prop_assert!(Embedding::checked(embedding.as_slice().to_vec()).is_ok());
                    proptest::prop_assert!((embedding.cosine(&embedding) - 1.0).abs() < 1e-4);
                }
                Err(error) => proptest::prop_assert_eq!(error, EmbeddingError::NoDirection),
            }
        }
    }

    #[test]
    fn a_vector_without_direction_is_refused() {
        for bad in [vec![], vec![0.0; 4], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]] {
            assert_eq!(Embedding::normalised(bad), Err(EmbeddingError::NoDirection));
        }
        assert!(Embedding::checked(vec![0.5, 0.5]).is_err());
    }
}
