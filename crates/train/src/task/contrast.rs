//! How far are questions from what answers them, and how near to what does not? The losses of the encoder (pure).
//!
//! `InfoNCE` (van den Oord et al. 2018) over the other passages of a batch, from the questions' side and from the passages';
//! margin-MSE (Hofstätter et al. 2020) against a teacher's scores; both over the first components of each vector too where
//! Matryoshka dimensions are asked for (Kusupati et al. 2022).

use candle_core::{D, DType, Device, Tensor};
use clinqa_encoder::Pooling;

use crate::{TrainError, cross_entropy};

/// What a score that must not count becomes; far below any cosine over any temperature, and finite.
const NEVER: f64 = -1e4;

/// Lengths are kept from zero by this, so that a gradient exists there.
const EPSILON: f64 = 1e-12;

/// How questions and passages are pulled together and apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    /// Cosines are divided by it; small ones make the nearest wrong passage count most.
    pub temperature: f64,
    /// What the loss from the passages' side weighs beside the questions' side; 0 leaves it out.
    pub symmetric: f64,
    /// How many components count; each gives a loss of its own, and they are averaged. Empty stands for all.
    pub dimensions: Vec<usize>,
    /// What the teacher's loss weighs where a pair has a teacher's scores.
    pub teacher_weight: f64,
    /// What one point of the teacher is in cosines: 1 for the cosines of another encoder, about 0.05 for the logits of a
    /// cross encoder.
    pub teacher_scale: f64,
}

impl Default for Contrast {
    /// 0.05 and 0.3 are what clinqa-mini-encoder was tuned with.
    fn default() -> Self {
        Self { temperature: 0.05, symmetric: 0.3, dimensions: Vec::new(), teacher_weight: 1.0, teacher_scale: 1.0 }
    }
}

/// Which passages of a batch may stand against which question, and what a teacher said of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Opponents {
    /// Row by row, one for each question: whether the passage counts. The one at the question's own number is the right one
    /// and always does.
    pub(crate) counts: Vec<Vec<bool>>,
    /// (question, negative passage, by how much the teacher puts the right one above it).
    pub(crate) margins: Vec<(u32, u32, f32)>,
}

/// The loss of `questions` [n, width] against `passages` [m, width], of which the first n answer, each its own. Neither
/// need be of length 1. Every tensor is of one type, f32 or f64; the result is a scalar of it.
pub(crate) fn loss(
    questions: &Tensor,
    passages: &Tensor,
    opponents: &Opponents,
    contrast: &Contrast,
) -> Result<Tensor, TrainError> {
    let width = questions.dim(D::Minus1)?;
    let all = [width];
    let dimensions = if contrast.dimensions.is_empty() { &all[..] } else { &contrast.dimensions };
    let mask = mask(opponents, questions)?;
    let mut total: Option<Tensor> = None;
    for &kept in dimensions {
        let cosines = cosines(&questions.narrow(1, 0, kept)?, &passages.narrow(1, 0, kept)?)?;
        let mut one = info_nce(&cosines, &mask, contrast)?;
        if !opponents.margins.is_empty() && contrast.teacher_weight > 0.0 {
            let taught = margin_mse(&cosines, &opponents.margins, contrast.teacher_scale)?;
            one = (one + (taught * contrast.teacher_weight)?)?;
        }
        total = Some(match total {
            Some(sum) => (sum + one)?,
            None => one,
        });
    }
    let total = total.map_or_else(|| Tensor::zeros((), questions.dtype(), questions.device()), Ok)?;
    Ok((total / dimensions.len().max(1) as f64)?)
}

/// How near each passage is to each question: cosines over `temperature`, far below where it does not count.
pub(crate) fn scores(
    questions: &Tensor,
    passages: &Tensor,
    opponents: &Opponents,
    temperature: f64,
) -> Result<Tensor, TrainError> {
    masked(&cosines(questions, passages)?, &mask(opponents, questions)?, temperature)
}

fn cosines(questions: &Tensor, passages: &Tensor) -> Result<Tensor, TrainError> {
    Ok(unit(questions)?.matmul(&unit(passages)?.t()?)?)
}

fn masked(cosines: &Tensor, mask: &Tensor, temperature: f64) -> Result<Tensor, TrainError> {
    Ok(((cosines / temperature)? + mask)?)
}

/// Rows scaled to length 1.
pub(crate) fn unit(rows: &Tensor) -> Result<Tensor, TrainError> {
    let length = (rows.sqr()?.sum_keepdim(1)? + EPSILON)?.sqrt()?;
    Ok(rows.broadcast_div(&length)?)
}

/// 0 where a passage counts, far below where it does not.
fn mask(opponents: &Opponents, like: &Tensor) -> Result<Tensor, TrainError> {
    let rows = opponents.counts.len();
    let columns = opponents.counts.first().map_or(0, Vec::len);
    let values: Vec<f64> = opponents.counts.iter().flatten().map(|counts| if *counts { 0.0 } else { NEVER }).collect();
    Ok(Tensor::from_vec(values, (rows, columns), like.device())?.to_dtype(like.dtype())?)
}

/// Each question must know its passage among all, and each right passage its question among all.
fn info_nce(cosines: &Tensor, mask: &Tensor, contrast: &Contrast) -> Result<Tensor, TrainError> {
    let scores = masked(cosines, mask, contrast.temperature)?;
    let asked = chosen(&scores)?;
    if contrast.symmetric <= 0.0 {
        return Ok(asked);
    }
    let n = scores.dim(0)?;
    let answered = chosen(&scores.narrow(1, 0, n)?.t()?.contiguous()?)?;
    Ok(((asked + (answered * contrast.symmetric)?)? / (1.0 + contrast.symmetric))?)
}

/// The mean cross entropy of `scores` [n, m] against the diagonal.
fn chosen(scores: &Tensor) -> Result<Tensor, TrainError> {
    let own: Vec<u32> = (0..scores.dim(0)? as u32).collect();
    cross_entropy(scores, &own)
}

/// The mean squared distance of our margins from the teacher's.
fn margin_mse(cosines: &Tensor, margins: &[(u32, u32, f32)], scale: f64) -> Result<Tensor, TrainError> {
    let columns = cosines.dim(1)? as u32;
    let flat = cosines.flatten_all()?;
    let at = |places: Vec<u32>| flat.index_select(&Tensor::new(places, cosines.device())?, 0);
    let right = at(margins.iter().map(|(question, _, _)| question * columns + question).collect())?;
    let wrong = at(margins.iter().map(|(question, passage, _)| question * columns + passage).collect())?;
    let taught: Vec<f64> = margins.iter().map(|(_, _, margin)| f64::from(*margin) * scale).collect();
    let taught = Tensor::new(taught, cosines.device())?.to_dtype(cosines.dtype())?;
    Ok(((right - wrong)? - taught)?.sqr()?.mean(0)?)
}

/// The matrix [texts, tokens] that pools hidden states [tokens, width] by a product: the mean of each text's tokens, or its
/// first one.
pub(crate) fn pooling(
    offsets: &[usize],
    pooling: Pooling,
    dtype: DType,
    device: &Device,
) -> Result<Tensor, TrainError> {
    let tokens = offsets.last().copied().unwrap_or(0);
    let texts = offsets.len().saturating_sub(1);
    let mut weights = vec![0.0_f32; texts * tokens];
    for (row, ends) in weights.chunks_exact_mut(tokens.max(1)).zip(offsets.windows(2)) {
        match pooling {
            Pooling::Mean => row[ends[0]..ends[1]].fill(1.0 / (ends[1] - ends[0]) as f32),
            Pooling::Cls => row[ends[0]] = 1.0,
        }
    }
    Ok(Tensor::from_vec(weights, (texts, tokens), device)?.to_dtype(dtype)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    /// Values that look drawn and are the same everywhere.
    fn rows(count: usize, width: usize, seed: f64) -> Tensor {
        let value = |at: usize| ((at as f64 + 1.3) * (seed + 12.9898)).sin() * 1.7;
        Tensor::from_vec((0..count * width).map(value).collect::<Vec<f64>>(), (count, width), &Device::Cpu)
            .expect("a tensor")
    }

    fn opponents(n: usize, m: usize) -> Opponents {
        let mut counts = vec![vec![true; m]; n];
        counts[0][1] = false;
        counts[2][m - 1] = false;
        Opponents { counts, margins: vec![(0, 4, 0.4), (1, 5, -0.1), (1, 3, 0.9)] }
    }

    /// The same loss with plain loops.
    fn by_hand(questions: &Tensor, passages: &Tensor, opponents: &Opponents, contrast: &Contrast, kept: usize) -> f64 {
        let plain = |tensor: &Tensor| -> Vec<Vec<f64>> {
            let rows: Vec<Vec<f64>> = tensor.to_vec2().expect("rows");
            let cut = |row: Vec<f64>| {
                let row = row[..kept].to_vec();
                let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                row.iter().map(|x| x / length).collect()
            };
            rows.into_iter().map(cut).collect()
        };
        let (questions, passages) = (plain(questions), plain(passages));
        let cosine = |i: usize, j: usize| -> f64 { questions[i].iter().zip(&passages[j]).map(|(a, b)| a * b).sum() };
        let (n, m) = (questions.len(), passages.len());
        let power = |i: usize, j: usize| {
            if opponents.counts[i][j] { (cosine(i, j) / contrast.temperature).exp() } else { 0.0 }
        };
        let asked = (0..n).map(|i| -(power(i, i) / (0..m).map(|j| power(i, j)).sum::<f64>()).ln()).sum::<f64>();
        let answered = (0..n).map(|j| -(power(j, j) / (0..n).map(|i| power(i, j)).sum::<f64>()).ln()).sum::<f64>();
        let nce = (asked + contrast.symmetric * answered) / (1.0 + contrast.symmetric) / n as f64;
        let squares = opponents.margins.iter().map(|&(i, j, taught)| {
            let (i, j) = (i as usize, j as usize);
            (cosine(i, i) - cosine(i, j) - f64::from(taught) * contrast.teacher_scale).powi(2)
        });
        nce + contrast.teacher_weight * squares.sum::<f64>() / opponents.margins.len() as f64
    }

    fn contrast() -> Contrast {
        Contrast { temperature: 0.2, symmetric: 0.3, dimensions: vec![8, 3], teacher_weight: 0.7, teacher_scale: 0.5 }
    }

    fn value(tensor: &Tensor) -> f64 {
        tensor.to_scalar::<f64>().expect("a scalar")
    }

    #[test]
    fn the_loss_is_what_plain_loops_compute() {
        let (questions, passages, opponents) = (rows(3, 8, 1.0), rows(6, 8, 2.0), opponents(3, 6));
        let found = value(&loss(&questions, &passages, &opponents, &contrast()).expect("a loss"));
        let wide = by_hand(&questions, &passages, &opponents, &contrast(), 8);
        let narrow = by_hand(&questions, &passages, &opponents, &contrast(), 3);
        assert!((found - f64::midpoint(wide, narrow)).abs() < 1e-9, "{found} {wide} {narrow}");
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let (questions, passages, opponents) = (rows(3, 8, 1.0), rows(6, 8, 2.0), opponents(3, 6));
        let contrast = contrast();
        let variables = [&questions, &passages].map(|tensor| Var::from_tensor(tensor).expect("a variable"));
        let [asked, answers] = &variables;
        let computed = loss(asked, answers, &opponents, &contrast).expect("a loss").backward().expect("gradients");
        for (index, base) in [&questions, &passages].into_iter().enumerate() {
            let gradient: Vec<f64> =
                computed.get(&variables[index]).expect("one").flatten_all().expect("flat").to_vec1().expect("values");
            assert!(gradient.iter().any(|x| x.abs() > 1e-3), "it teaches something");
            let values: Vec<f64> = base.flatten_all().expect("flat").to_vec1().expect("values");
            for at in 0..values.len() {
                let moved = |step: f64| {
                    let mut values = values.clone();
                    values[at] += step;
                    let moved = Tensor::from_vec(values, base.dims(), &Device::Cpu).expect("a tensor");
                    let (asked, answers) = if index == 0 { (&moved, &passages) } else { (&questions, &moved) };
                    value(&loss(asked, answers, &opponents, &contrast).expect("a loss"))
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((difference - gradient[at]).abs() < 1e-6, "{index} {at}: {difference} {}", gradient[at]);
            }
        }
    }

    #[test]
    fn what_does_not_count_changes_nothing() {
        let questions = rows(2, 4, 1.0);
        let passages = rows(3, 4, 2.0);
        let counts = vec![vec![true, true, false]; 2];
        let blind = Opponents { counts, margins: Vec::new() };
        let without = Opponents { counts: vec![vec![true, true]; 2], margins: Vec::new() };
        let contrast = Contrast { symmetric: 1.0, ..Contrast::default() };
        let with = value(&loss(&questions, &passages, &blind, &contrast).expect("a loss"));
        let narrow = passages.narrow(0, 0, 2).expect("two");
        let alone = value(&loss(&questions, &narrow, &without, &contrast).expect("a loss"));
        assert!((with - alone).abs() < 1e-12, "{with} {alone}");
    }

    #[test]
    fn pooling_by_a_product_is_the_mean_or_the_first_token() {
        let hidden = Tensor::new(&[[1.0_f64, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu).expect("a tensor");
        let check = |kind: Pooling, expected: [[f64; 2]; 2]| {
            let weights = pooling(&[0, 2, 3], kind, DType::F64, &Device::Cpu).expect("weights");
            let pooled: Vec<Vec<f64>> = weights.matmul(&hidden).expect("a product").to_vec2().expect("rows");
            assert_eq!(pooled, expected);
        };
        check(Pooling::Mean, [[2.0, 3.0], [5.0, 6.0]]);
        check(Pooling::Cls, [[1.0, 2.0], [5.0, 6.0]]);
    }
}
