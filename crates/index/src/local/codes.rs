//! How alike are two vectors, nearly?
//!
//! Each vector is held in memory as one signed byte a component and one scale, a quarter of its size. A score from
//! codes is off by a bounded amount ([`Codes::margin`]), so that what may belong to the best is known for certain.

use rayon::prelude::*;

use crate::IndexError;
use crate::local::kernel::{Factor, Kernel, LINE, Line, MAX_DIMENSION, Rows, ZERO};
use crate::local::vectors::Vectors;

/// Vectors that are read and coded at a time.
const CHUNK: usize = 512;
/// Greatest component of a code.
const MOST: f32 = 127.0;
/// 1.5 × 2^23: added to a small number, the low bits of the sum are that number, rounded to the nearest even one.
const ROUND: f32 = 12_582_912.0;
/// For rounding in the computation of the bounds themselves.
const CARE: f32 = 1.001;

/// The codes of all vectors of an index.
#[derive(Debug)]
pub(crate) struct Codes {
    per_row: usize,
    lines: Vec<Line>,
    scales: Vec<f32>,
    /// Greatest length of what a vector lost.
    lost: f32,
    kernel: Kernel,
}

/// A vector that is looked for, as a code.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    row: Vec<Line>,
    factor: Factor,
    scale: f32,
    lost: f32,
    dots: Vec<i32>,
}

impl Codes {
    /// Reads and codes every vector; one with a component that is no number is refused.
    pub(crate) fn of(vectors: &Vectors) -> Result<Self, IndexError> {
        if vectors.dimension() > MAX_DIMENSION {
            return Err(IndexError::content(vectors.path(), "dimension"));
        }
        let per_row = vectors.dimension().div_ceil(LINE);
        let mut lines = vec![Line([ZERO; LINE]); per_row * vectors.len()];
        let mut scales = vec![0.0; vectors.len()];
        let chunks = lines.par_chunks_mut(CHUNK * per_row).zip(scales.par_chunks_mut(CHUNK)).enumerate();
        let code_chunk = |(chunk, (lines, scales)): (usize, (&mut [Line], &mut [f32]))| {
            let mut bytes = Vec::new();
            let components = vectors.read(chunk * CHUNK, scales.len(), &mut bytes)?;
            let rows = components.chunks_exact(vectors.dimension()).zip(lines.chunks_exact_mut(per_row));
            let mut values = Vec::with_capacity(vectors.dimension());
            let mut lost = 0.0f32;
            for ((components, row), scale) in rows.zip(scales) {
                values.clear();
                values.extend(components.iter().map(|bytes| f32::from_le_bytes(*bytes)));
                if !values.iter().all(|value| value.is_finite()) {
                    return Err(IndexError::content(vectors.path(), "vector"));
                }
                let coded = code(&values, row);
                *scale = coded.scale;
                lost = lost.max(coded.lost);
            }
            Ok(lost)
        };
        let lost = chunks.map(code_chunk).try_reduce(|| 0.0, |a, b| Ok(a.max(b)))?;
        Ok(Self { per_row, lines, scales, lost, kernel: Kernel::best() })
    }

    /// How many vectors.
    pub(crate) fn len(&self) -> usize {
        self.scales.len()
    }

    fn rows(&self) -> Rows<'_> {
        Rows { lines: &self.lines, per_row: self.per_row }
    }

    /// Lets `target` stand for `query`, whose dimension is the index's.
    pub(crate) fn aim(&self, target: &mut Target, query: &[f32]) {
        target.row.clear();
        target.row.resize(self.per_row, Line([ZERO; LINE]));
        let coded = code(query, &mut target.row);
        target.factor.set(&target.row);
        (target.scale, target.lost) = (coded.scale, coded.lost);
    }

    /// Lets `target` stand for the vector at `place`.
    pub(crate) fn aim_at(&self, target: &mut Target, place: u32) {
        target.factor.set(self.rows().at(place));
        (target.scale, target.lost) = (self.scales[place as usize], self.lost);
    }

    /// Fills `scores` with the near cosines of the target and the vectors at `places`.
    pub(crate) fn scores(&self, target: &mut Target, places: &[u32], scores: &mut Vec<f32>) {
        self.kernel.dots(&target.factor, self.rows(), places, &mut target.dots);
        let score = |(place, dot): (&u32, &i32)| *dot as f32 * (self.scales[*place as usize] * target.scale);
        scores.clear();
        scores.extend(places.iter().zip(&target.dots).map(score));
    }

    /// The score of the vector at `place` against itself.
    pub(crate) fn own_score(&self, place: u32) -> f32 {
        let (mut target, mut scores) = (Target::default(), Vec::new());
        self.aim_at(&mut target, place);
        self.scores(&mut target, &[place], &mut scores);
        scores.first().copied().unwrap_or(0.0)
    }

    /// Whether two vectors have the same code: no search can tell them apart.
    pub(crate) fn are_equal(&self, a: u32, b: u32) -> bool {
        self.scales[a as usize].to_bits() == self.scales[b as usize].to_bits() && self.rows().at(a) == self.rows().at(b)
    }

    /// By how much a score may differ from the true one, at most. With q and v the true vectors and q', v' their codes,
    /// q·v - q'·v' = q·(v - v') + (q - q')·v', and so it is within |v - v'| + |q - q'| |v'|. Sums of floats add a little.
    pub(crate) fn margin(&self, target: &Target) -> f32 {
        let sums = (self.per_row * LINE) as f32 * f32::EPSILON;
        (self.lost + target.lost * (1.0 + self.lost)) * CARE + sums
    }
}

struct Coded {
    scale: f32,
    /// Length of the difference, or a little more.
    lost: f32,
}

/// Codes a vector into `row`, which is all [`ZERO`].
fn code(values: &[f32], row: &mut [Line]) -> Coded {
    let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    // Below, the scale or its inverse would be no normal number; such a vector is as good as none.
    if most < f32::MIN_POSITIVE * 1e6 {
        return Coded { scale: 0.0, lost: most * (values.len() as f32).sqrt() };
    }
    let (scale, inverse) = (most / MOST, MOST / most);
    let mut lost = 0.0;
    for (part, line) in values.chunks(LINE).zip(row) {
        for (value, byte) in part.iter().zip(&mut line.0) {
            let rounded = value * inverse + ROUND;
            *byte = rounded.to_bits() as u8 ^ ZERO;
            let difference = value - (rounded - ROUND) * scale;
            lost += difference * difference;
        }
    }
    Coded { scale, lost: lost.sqrt() * CARE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::vectors::dot;

    fn unit(values: &[f32]) -> Vec<f32> {
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 1e-3 { values.iter().map(|value| value / length).collect() } else { vec![0.0; values.len()] }
    }

    proptest::proptest! {
        #[test]
        fn a_score_is_never_further_off_than_the_margin(
            dimension in 1usize..200,
            values in proptest::collection::vec(-1.0f32..1.0, 200..1_200),
            spike in proptest::option::of(0usize..200),
        ) {
            let rows: Vec<Vec<f32>> = values.chunks_exact(dimension).map(|row| {
                let mut row = row.to_vec();
                if let Some(at) = spike { row[at % dimension] = 30.0; }
                unit(&row)
            }).collect();
            let codes = Codes::of(&Vectors::sample(&rows)).expect("codes");
            let places: Vec<u32> = (0..rows.len() as u32).collect();
            let (mut target, mut scores) = (Target::default(), Vec::new());
            let query = unit(&values[values.len() - dimension..]);
            codes.aim(&mut target, &query);
            codes.scores(&mut target, &places, &mut scores);
            let margin = codes.margin(&target);
            for (row, score) in rows.iter().zip(&scores) {
                let bytes: Vec<[u8; 4]> = row.iter().map(|value| value.to_le_bytes()).collect();
                let off = (dot(&query, &bytes) - score).abs();
                proptest::prop_assert!(off <= margin, "{off} of {margin}");
            }
        }
    }

    #[test]
    fn a_vector_of_the_index_and_the_same_one_from_outside_score_alike() {
        let rows = [unit(&[0.3, -0.9, 0.2]), unit(&[1.0, 0.0, 0.0]), vec![0.0; 3]];
        let codes = Codes::of(&Vectors::sample(&rows)).expect("codes");
        for (place, row) in (0..).zip(&rows) {
            let (mut inside, mut outside) = (Target::default(), Target::default());
            let (mut a, mut b) = (Vec::new(), Vec::new());
            codes.aim_at(&mut inside, place);
            codes.aim(&mut outside, row);
            codes.scores(&mut inside, &[0, 1, 2], &mut a);
            codes.scores(&mut outside, &[0, 1, 2], &mut b);
            assert_eq!(a, b);
            assert!(codes.own_score(place).total_cmp(&a[place as usize]).is_eq());
        }
        assert!(codes.are_equal(0, 0) && !codes.are_equal(0, 1));
    }

    #[test]
    fn a_component_that_is_no_number_is_refused() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(Codes::of(&Vectors::sample(&[vec![0.6, 0.8], vec![odd, 0.0]])).is_err(), "{odd}");
        }
    }
}
