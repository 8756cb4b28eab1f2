//! How the vectors of a text's tokens become one vector (pure).

use clinqa_schema::{Embedding, EmbeddingError};

/// Which token vectors speak for the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over all tokens, the special ones included, as sentence-transformers does.
    Mean,
    /// The first token, `[CLS]`.
    Cls,
}

impl Pooling {
    /// The name that sentence-transformers gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }

    /// Pools `rows` (tokens × width), keeps the first `kept` components and scales to length 1.
    pub(crate) fn pool(self, rows: &[f32], width: usize, kept: usize) -> Result<Embedding, EmbeddingError> {
        let mut vector = match self {
            Self::Cls => rows.get(..width).map(<[f32]>::to_vec).unwrap_or_default(),
            Self::Mean => {
                let mut sum = vec![0.0; width];
                for row in rows.chunks_exact(width) {
                    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                }
                sum
            }
        };
        vector.truncate(kept);
        Embedding::normalised(vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_and_the_first_token_are_what_they_say() {
        let rows = [3.0, 0.0, 0.0, 4.0];
        let check = |pooling: Pooling, expected: [f32; 2]| {
            let pooled = pooling.pool(&rows, 2, 2).expect("a direction");
            assert!(pooled.as_slice().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{pooled:?}");
        };
        check(Pooling::Mean, [0.6, 0.8]);
        check(Pooling::Cls, [1.0, 0.0]);
        assert!(Pooling::Cls.pool(&[], 2, 2).is_err());
        let narrow = Pooling::Mean.pool(&rows, 2, 1).expect("a direction");
        assert_eq!(narrow.as_slice(), [1.0], "cut first, scaled then");
    }
}
