//! Steps of training one by one, for whoever measures how long they take.

use candle_core::DType;

use super::learning;
use crate::optimizer::{Optimizer, Step, norm};
use crate::{Pass, Task, TrainError, Twin};

/// A run without data, log or checkpoints: each step does what a step of [`super::train`] does.
pub struct Bench<'a, T> {
    task: &'a T,
    twin: &'a Twin,
    optimizer: Optimizer,
    rate: f64,
    dropout: f64,
    steps: u64,
}

impl<'a, T: Task> Bench<'a, T> {
    /// Begins with moments of nought.
    pub fn new(task: &'a T, twin: &'a Twin, rate: f64, dropout: f64) -> Result<Self, TrainError> {
        let optimizer = Optimizer::new(learning(twin, &task.variables(), 1.0))?;
        Ok(Self { task, twin, optimizer, rate, dropout, steps: 0 })
    }

    /// Learns one batch; its loss.
    pub fn step(&mut self, batch: &[&T::Example]) -> Result<f64, TrainError> {
        self.steps += 1;
        let mut pass = Pass::training(self.dropout, 1, self.steps, 0);
        let loss = self.task.loss(self.twin, batch, &mut pass)?;
        let value = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        let gradients = self.twin.gradients(&loss, &self.task.variables())?;
        let length = norm(&gradients, 1.0)?;
        let step = Step { number: self.steps, rate: self.rate, decay: 0.01, scale: 1.0 / length.max(1.0) };
        self.optimizer.apply(&gradients, step)?;
        Ok(value)
    }
}
