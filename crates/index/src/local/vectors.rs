//! Which vector stands at this place, and how alike are two of them?

use std::fs;
use std::path::Path;

use crate::IndexError;

pub(crate) const VECTORS: &str = "vectors.f32";

const MAGIC: &[u8; 8] = b"CLQVECT\0";
const VERSION: u32 = 1;
/// Partial sums of a dot product: enough for the compiler to keep several SIMD registers busy.
const LANES: usize = 16;

/// Unit vectors of one dimension, one after the other.
#[derive(Debug)]
pub(crate) struct Vectors {
    dimension: usize,
    values: Vec<f32>,
}

/// What stands before the components in a file: little-endian f32 follow.
pub(crate) fn encode_header(dimension: usize, vectors: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((dimension as u32).to_le_bytes());
    bytes.extend((vectors as u64).to_le_bytes());
    bytes
}

impl Vectors {
    /// `values.len()` is a multiple of `dimension`, which is above 0.
    #[cfg(test)]
    pub(crate) fn new(dimension: usize, values: Vec<f32>) -> Self {
        Self { dimension, values }
    }

    /// Reads the file, which was compared with the manifest before.
    pub(crate) fn open(path: &Path, dimension: usize, vectors: usize) -> Result<Self, IndexError> {
        let bytes = fs::read(path).map_err(|source| IndexError::io("read", path, source))?;
        let body = bytes.strip_prefix(encode_header(dimension, vectors).as_slice());
        let (components, rest) = body.ok_or_else(|| IndexError::content(path, "header"))?.as_chunks::<4>();
        if !rest.is_empty() || dimension == 0 || Some(components.len()) != dimension.checked_mul(vectors) {
            return Err(IndexError::content(path, "length"));
        }
        let values: Vec<f32> = components.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if !values.iter().all(|value| value.is_finite()) {
            return Err(IndexError::content(path, "vector"));
        }
        Ok(Self { dimension, values })
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many vectors.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// The vector at `place`, which is below [`Vectors::len`].
    pub(crate) fn at(&self, place: u32) -> &[f32] {
        let start = place as usize * self.dimension;
        &self.values[start..start + self.dimension]
    }
}

/// The dot product of two vectors of one length; for unit vectors the cosine.
///
/// The order of the additions is fixed by the code, so the result is the same wherever IEEE 754 is.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_dot_product_is_the_sum_of_products(
            pairs in proptest::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 0..200),
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let expected: f64 = pairs.iter().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            proptest::prop_assert!((f64::from(dot(&a, &b)) - expected).abs() < 1e-4);
        }
    }

    #[test]
    fn a_file_that_is_not_of_vectors_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(VECTORS);
        let check = |bytes: &[u8], good: bool| {
            fs::write(&path, bytes).expect("a file");
            assert_eq!(Vectors::open(&path, 2, 1).is_ok(), good, "{bytes:?}");
        };
        let with = |components: &[f32]| {
            let mut bytes = encode_header(2, 1);
            bytes.extend(components.iter().flat_map(|value| value.to_le_bytes()));
            bytes
        };
        check(&with(&[0.6, 0.8]), true);
        check(&with(&[0.6]), false);
        check(&with(&[0.6, 0.8, 0.0]), false);
        check(&with(&[f32::NAN, 0.8]), false);
        check(&encode_header(2, 0), false);
        check(b"", false);
    }
}
