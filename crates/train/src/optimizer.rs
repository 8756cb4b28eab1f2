//! How does each parameter move? `AdamW` with decoupled decay (Loshchilov and Hutter 2019), as PyTorch computes it.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use candle_core::{CpuStorage, DType, Device, InplaceOp2, InplaceOp3, Layout, Result, Tensor, Var};
use rayon::prelude::*;

use crate::ops::{Real, values, values_mut, with_values};
use crate::twin::Gradients;

/// How much of the first and of the second moment is kept at each step.
const KEEP: [f64; 2] = [0.9, 0.999];
/// Keeps a step finite where the second moment is nought.
const EPSILON: f64 = 1e-8;
/// Values that are summed or changed together, whatever the threads.
const CHUNK: usize = 1 << 16;

/// One parameter that learns.
pub(crate) struct Parameter {
    pub(crate) var: Var,
    /// Its share of the rate.
    pub(crate) share: f64,
    /// First and second moment.
    pub(crate) moments: [Tensor; 2],
}

/// What a step does to all parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) rate: f64,
    pub(crate) decay: f64,
    /// What each gradient is multiplied by first.
    pub(crate) scale: f64,
}

/// Every parameter that learns, by its name.
pub(crate) struct Optimizer {
    pub(crate) parameters: BTreeMap<String, Parameter>,
}

impl Optimizer {
    /// Begins with moments of nought; `parameters` come with their share of the rate.
    pub(crate) fn new(parameters: impl IntoIterator<Item = (String, Var, f64)>) -> Result<Self> {
        let begin = |(name, var, share): (String, Var, f64)| {
            let moments = [var.zeros_like()?, var.zeros_like()?];
            Ok((name, Parameter { var, share, moments }))
        };
        Ok(Self { parameters: parameters.into_iter().map(begin).collect::<Result<_>>()? })
    }

    /// Moves every parameter that has a gradient.
    pub(crate) fn apply(&self, gradients: &Gradients, step: Step) -> Result<()> {
        for (name, gradient) in gradients {
            let Some(parameter) = self.parameters.get(name) else { continue };
            let decay = if decays(name) { step.decay } else { 0.0 };
            parameter.apply(&gradient.contiguous()?, Step { decay, rate: step.rate * parameter.share, ..step })?;
        }
        Ok(())
    }
}

/// Whether weight decay pulls at a parameter: not at a bias, nor at a layer norm.
fn decays(name: &str) -> bool {
    !name.ends_with("bias") && !name.contains("LayerNorm")
}

/// The length of all gradients as one vector, times `scale`; summed in the order of their names, whatever the threads.
pub(crate) fn norm(gradients: &Gradients, scale: f64) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in gradients.values() {
        sum += match (gradient.device(), gradient.dtype()) {
            (Device::Cpu, DType::F32) => with_values(&gradient.contiguous()?, squares::<f32>)?,
            (Device::Cpu, DType::F64) => with_values(&gradient.contiguous()?, squares::<f64>)?,
            _ => gradient.sqr()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?,
        };
    }
    Ok(sum.sqrt() * scale)
}

fn squares<T: Real>(values: &[T]) -> f64 {
    let sums: Vec<f64> = values.par_chunks(CHUNK).map(|part| part.iter().map(|x| x.wide() * x.wide()).sum()).collect();
    sums.into_iter().sum()
}

impl Parameter {
    fn apply(&self, gradient: &Tensor, step: Step) -> Result<()> {
        match (gradient.device(), gradient.dtype()) {
            (Device::Cpu, DType::F32) => self.fused::<f32>(gradient, step),
            (Device::Cpu, DType::F64) => self.fused::<f64>(gradient, step),
            _ => self.composed(gradient, step),
        }
    }

    fn fused<T: Real>(&self, gradient: &Tensor, step: Step) -> Result<()> {
        let [first, second] = &self.moments;
        first.inplace_op2(gradient, &Keep::<T> { power: 1, share: KEEP[0], scale: step.scale, kind: PhantomData })?;
        second.inplace_op2(gradient, &Keep::<T> { power: 2, share: KEEP[1], scale: step.scale, kind: PhantomData })?;
        self.var.inplace_op3(first, second, &Move::<T> { step, kind: PhantomData })
    }

    fn composed(&self, gradient: &Tensor, step: Step) -> Result<()> {
        let [first, second] = &self.moments;
        let gradient = (gradient * step.scale)?;
        let next = ((first * KEEP[0])? + (&gradient * (1.0 - KEEP[0]))?)?;
        let next_square = ((second * KEEP[1])? + (gradient.sqr()? * (1.0 - KEEP[1]))?)?;
        let [size, root] = step.corrections();
        let way = next.div(&((next_square.sqrt()? * root)? + EPSILON)?)?;
        let moved = ((self.var.as_detached_tensor() * (1.0 - step.rate * step.decay))? - (way * size)?)?;
        self.var.set(&moved)?;
        first.slice_set(&next, 0, 0)?;
        second.slice_set(&next_square, 0, 0)
    }
}

impl Step {
    /// The rate over the correction of the first moment, and one over the root of that of the second.
    fn corrections(self) -> [f64; 2] {
        let times = i32::try_from(self.number).unwrap_or(i32::MAX);
        [self.rate / (1.0 - KEEP[0].powi(times)), 1.0 / (1.0 - KEEP[1].powi(times)).sqrt()]
    }
}

/// A moment becomes `share` of itself and the rest of the gradient to a power.
struct Keep<T> {
    power: u8,
    share: f64,
    scale: f64,
    kind: PhantomData<T>,
}

impl<T: Real> InplaceOp2 for Keep<T> {
    fn name(&self) -> &'static str {
        "moment"
    }

    fn cpu_fwd(&self, moment: &mut CpuStorage, at: &Layout, gradient: &CpuStorage, place: &Layout) -> Result<()> {
        let (moment, gradient) = (values_mut::<T>(moment, at)?, values::<T>(gradient, place)?);
        let (keep, scale) = (T::of(self.share), T::of(self.scale));
        let rest = T::of(1.0 - self.share);
        let square = self.power == 2;
        moment.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).for_each(|(moment, gradient)| {
            for (m, g) in moment.iter_mut().zip(gradient) {
                let g = *g * scale;
                *m = *m * keep + if square { g * g } else { g } * rest;
            }
        });
        Ok(())
    }
}

/// A parameter goes its step.
struct Move<T> {
    step: Step,
    kind: PhantomData<T>,
}

impl<T: Real> InplaceOp3 for Move<T> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        parameter: &mut CpuStorage,
        at: &Layout,
        first: &CpuStorage,
        first_at: &Layout,
        second: &CpuStorage,
        second_at: &Layout,
    ) -> Result<()> {
        let parameter = values_mut::<T>(parameter, at)?;
        let (first, second) = (values::<T>(first, first_at)?, values::<T>(second, second_at)?);
        let [size, root] = self.step.corrections().map(T::of);
        let stays = T::of(1.0 - self.step.rate * self.step.decay);
        let epsilon = T::of(EPSILON);
        let moments = first.par_chunks(CHUNK).zip(second.par_chunks(CHUNK));
        parameter.par_chunks_mut(CHUNK).zip(moments).for_each(|(parameter, (first, second))| {
            for ((p, m), v) in parameter.iter_mut().zip(first).zip(second) {
                *p = *p * stays - size * *m / (v.root() * root + epsilon);
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(values: &[f64]) -> Optimizer {
        let var = Var::from_slice(values, values.len(), &Device::Cpu).expect("a variable");
        Optimizer::new([("weight".to_owned(), var, 1.0)]).expect("an optimizer")
    }

    fn now(optimizer: &Optimizer) -> Vec<f64> {
        optimizer.parameters["weight"].var.to_vec1().expect("values")
    }

    /// Three steps of `torch.optim.AdamW([1., -2.], lr=0.1, weight_decay=0.1)`, gradients (0.5, -1), (0.25, 1), (-3, 0).
    #[test]
    fn steps_are_those_of_pytorch() {
        let optimizer = one(&[1.0, -2.0]);
        let (mut expected, mut first, mut second) = ([1.0, -2.0_f64], [0.0; 2], [0.0_f64; 2]);
        for (t, gradient) in [[0.5, -1.0], [0.25, 1.0], [-3.0, 0.0]].into_iter().enumerate() {
            let tensor = Tensor::new(&gradient, &Device::Cpu).expect("a gradient");
            let gradients = Gradients::from([("weight".to_owned(), tensor)]);
            let number = t as u64 + 1;
            optimizer.apply(&gradients, Step { number, rate: 0.1, decay: 0.1, scale: 1.0 }).expect("a step");
            for i in 0..2 {
                expected[i] *= 1.0 - 0.1 * 0.1;
                first[i] += 0.1 * (gradient[i] - first[i]);
                second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
                let corrected = first[i] / (1.0 - 0.9_f64.powi(t as i32 + 1));
                let root = (second[i] / (1.0 - 0.999_f64.powi(t as i32 + 1))).sqrt();
                expected[i] -= 0.1 * corrected / (root + 1e-8);
            }
            for (found, expected) in now(&optimizer).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "step {number}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn the_composed_step_is_the_fused_one() {
        let (fused, composed) = (one(&[1.0, -2.0, 3.0]), one(&[1.0, -2.0, 3.0]));
        for number in 1..5 {
            let gradient = Tensor::new(&[0.3, -0.1 * number as f64, 2.0], &Device::Cpu).expect("a gradient");
            let step = Step { number, rate: 0.01, decay: 0.01, scale: 0.5 };
            fused.parameters["weight"].apply(&gradient, step).expect("a step");
            composed.parameters["weight"].composed(&gradient, step).expect("a step");
        }
        for (a, b) in now(&fused).iter().zip(now(&composed)) {
            assert!((a - b).abs() < 1e-12, "{a} and {b}");
        }
    }

    #[test]
    fn biases_and_layer_norms_do_not_decay() {
        assert!(decays("encoder.layer.0.output.dense.weight"));
        assert!(!decays("encoder.layer.0.output.dense.bias"));
        assert!(!decays("embeddings.LayerNorm.weight"));
        assert!(!decays("cls.predictions.bias"));
    }

    #[test]
    fn the_norm_is_that_of_all_gradients_as_one_vector() {
        let gradient = |values: &[f32]| Tensor::new(values, &Device::Cpu).expect("a gradient");
        let gradients = Gradients::from([("a".to_owned(), gradient(&[3.0])), ("b".to_owned(), gradient(&[0.0, 4.0]))]);
        assert!((norm(&gradients, 0.5).expect("a norm") - 2.5).abs() < 1e-12);
    }
}
