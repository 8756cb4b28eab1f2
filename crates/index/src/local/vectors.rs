//! Which vector stands at this place?
//!
//! Vectors stay in their file and are read when they are wanted: for the few best of a search, whose true scores are
//! shown, and when a rebuild takes vectors over. What a search compares is in [`crate::local::codes`].

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::IndexError;
use crate::local::store::read_at;

pub(crate) const VECTORS: &str = "vectors.f32";

const MAGIC: &[u8; 8] = b"CLQVECT\0";
const VERSION: u32 = 1;
/// Partial sums of a dot product: enough for the compiler to keep several SIMD registers busy.
const LANES: usize = 16;

/// Unit vectors of one dimension, one after the other, in a file that stays open.
#[derive(Debug)]
pub(crate) struct Vectors {
    file: File,
    path: PathBuf,
    dimension: usize,
    count: usize,
    start: u64,
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
    /// Opens the file, which was compared with the manifest before.
    pub(crate) fn open(path: &Path, dimension: usize, count: usize) -> Result<Self, IndexError> {
        let io = |source| IndexError::io("read", path, source);
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let header = encode_header(dimension, count);
        let mut found = vec![0; header.len()];
        if length < header.len() as u64 {
            return Err(IndexError::content(path, "header"));
        }
        read_at(&file, &mut found, 0).map_err(io)?;
        if found != header {
            return Err(IndexError::content(path, "header"));
        }
        let components = (dimension as u64).checked_mul(count as u64);
        let expected = components.and_then(|count| count.checked_mul(4)?.checked_add(header.len() as u64));
        if dimension == 0 || expected != Some(length) {
            return Err(IndexError::content(path, "length"));
        }
        Ok(Self { file, path: path.to_owned(), dimension, count, start: header.len() as u64 })
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many vectors.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the bytes of `count` vectors from `place` on; they exist.
    pub(crate) fn read<'b>(
        &self,
        place: usize,
        count: usize,
        bytes: &'b mut Vec<u8>,
    ) -> Result<&'b [[u8; 4]], IndexError> {
        let size = self.dimension * size_of::<f32>();
        bytes.resize(size * count, 0);
        read_at(&self.file, bytes, self.start + (place * size) as u64)
            .map_err(|source| IndexError::io("read", &self.path, source))?;
        Ok(bytes.as_chunks().0)
    }
}

/// The dot product of a vector and one as it was read, of one length; for unit vectors the cosine.
///
/// The order of the additions is fixed by the code, so the result is the same wherever IEEE 754 is.
pub(crate) fn dot(a: &[f32], b: &[[u8; 4]]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * f32::from_le_bytes(b[lane]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * f32::from_le_bytes(*b)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
impl Vectors {
    /// Vectors for tests: all of one dimension, at least one.
    pub(crate) fn sample(rows: &[Vec<f32>]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(VECTORS);
        let mut bytes = encode_header(rows[0].len(), rows.len());
        bytes.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
        std::fs::write(&path, bytes).expect("a file");
        Self::open(&path, rows[0].len(), rows.len()).expect("vectors")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    proptest::proptest! {
        #[test]
        fn the_dot_product_is_the_sum_of_products(
            pairs in proptest::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 0..200),
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let b: Vec<[u8; 4]> = b.iter().map(|value| value.to_le_bytes()).collect();
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
        check(&encode_header(2, 0), false);
        check(b"", false);
    }
}
