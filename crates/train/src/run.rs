//! The loop that every task learns by: steps, scores, checkpoints, and how a run ends.

mod bench;
mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::{DType, Tensor, Var};
use clinqa_encoder::Source;
use clinqa_schema::{Learning, Observer, Progress, Stage};
use serde::{Deserialize, Serialize};

use crate::optimizer::{Optimizer, Step, norm};
use crate::save::log::Log;
use crate::save::state::{self, Position};
use crate::twin::{Gradients, layer_of};
use crate::{Pass, Score, Task, TrainError, Twin, batches, save, schedule};
pub use bench::Bench;
pub use settings::Settings;

#[cfg(test)]
mod tests;

/// What a run learns from and is scored on.
#[derive(Debug)]
pub struct Parts<'a, E> {
    /// Learned from.
    pub train: &'a [E],
    /// Scored on after each epoch; none: nothing is scored, and the last state is what is saved.
    pub dev: &'a [E],
}

/// One pass over the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Steps done when it ended.
    pub step: u64,
    /// Mean loss of its batches.
    pub loss: f64,
    /// The model after it, on the development part.
    pub score: Option<Score>,
}

/// The epoch whose model is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Counted from 1.
    pub epoch: u64,
    /// Steps done when it ended.
    pub step: u64,
    /// What it reached.
    pub score: Score,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps were done.
    Done,
    /// The score on the development part no longer rose.
    Patience,
    /// The time was up.
    Limit,
}

/// What really happened in a run: what its model card is written from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The task's name.
    pub task: String,
    /// The class that transformers loads the result with.
    pub architecture: String,
    /// The model that the run began from.
    pub from: String,
    /// Its fingerprint.
    pub from_fingerprint: String,
    /// How the run was set.
    pub settings: Settings,
    /// Examples learned from and scored on.
    pub examples: [usize; 2],
    /// Numbers that learned, and numbers in all.
    pub parameters: [usize; 2],
    /// Steps done.
    pub steps: u64,
    /// Tokens learned from.
    pub tokens: u64,
    /// Examples learned from, each as often as it was.
    pub examples_seen: u64,
    /// Seconds of work, those before a `--resume` included.
    pub seconds: f64,
    /// The model before the first step, if it was scored.
    pub before: Option<Score>,
    /// Each epoch.
    pub epochs: Vec<Epoch>,
    /// The epoch whose model was kept; `None` without a development part.
    pub best: Option<Best>,
    /// Why it ended.
    pub ending: Ending,
}

/// Learns `task` by `settings`, and leaves in `settings.out`: `checkpoint/` (the best model, in the layout of Hugging
/// Face), `last/` (what `--resume` goes on from) and `log.jsonl`.
pub fn train<T: Task>(
    task: &T,
    (twin, source, fingerprint): (&mut Twin, &Source, &str),
    parts: Parts<'_, T::Example>,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<RunRecord, TrainError> {
    settings.check()?;
    if parts.train.is_empty() {
        return Err(TrainError::TooFew { what: "the training part", found: 0, needed: 1 });
    }
    settings.freeze(twin);
    let head = task.variables();
    let optimizer = Optimizer::new(learning(twin, &head, settings.layer_decay))?;
    let position = Position { run: settings.identity(task, &parts, fingerprint), ..Position::default() };
    let lengths = parts.train.iter().map(|example| task.length(example)).collect();
    let mut run = Run {
        task,
        twin,
        head,
        source,
        parts,
        settings,
        optimizer,
        lengths,
        position,
        log: Log::at(settings.out.join("log.jsonl")),
        begun: Instant::now(),
        stored: Instant::now(),
        recent: None,
    };
    run.begin()?;
    let ending = run.learn(observer)?;
    Ok(run.record(ending, fingerprint))
}

/// Does `work` on so many threads, or on as many as there are cores.
pub fn with_threads<R: Send>(threads: Option<usize>, work: impl FnOnce() -> R + Send) -> Result<R, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build();
    Ok(pool.map_err(|source| TrainError::Threads { source })?.install(work))
}

/// The parameters that learn, each with its share of the rate.
fn learning(twin: &Twin, head: &[(String, Var)], decay: f64) -> Vec<(String, Var, f64)> {
    let layers = twin.dimensions().layers;
    let share = |name: &str| schedule::layer_share(layer_of(name), layers, decay);
    let trunk = twin.variables().iter().filter(|(name, _)| twin.learns(name));
    let trunk = trunk.map(|(name, var)| (name.clone(), var.clone(), share(name)));
    trunk.chain(head.iter().map(|(name, var)| (name.clone(), var.clone(), 1.0))).collect()
}

struct Run<'a, T: Task> {
    task: &'a T,
    twin: &'a Twin,
    head: Vec<(String, Var)>,
    source: &'a Source,
    parts: Parts<'a, T::Example>,
    settings: &'a Settings,
    optimizer: Optimizer,
    lengths: Vec<usize>,
    position: Position,
    log: Log,
    /// When this process began to learn.
    begun: Instant,
    /// When the state was last stored.
    stored: Instant,
    /// The loss, smoothed over the last steps.
    recent: Option<f64>,
}

impl<T: Task> Run<'_, T> {
    /// Begins anew or where the run was stopped.
    fn begin(&mut self) -> Result<(), TrainError> {
        let last = self.last();
        let folder = || self.settings.out.display().to_string();
        match (self.settings.resume, state::exists(&last)) {
            (true, false) => return Err(TrainError::NothingToResume { folder: folder() }),
            // A checkpoint without a state is a model that somebody may use.
            (false, stored) if stored || self.checkpoint().exists() => {
                return Err(TrainError::Occupied { folder: folder() });
            }
            (true, true) => {
                save::mend(&self.checkpoint())?;
                self.position = state::restore(&last, &self.position.run, &self.optimizer)?;
                return self.log.forget_after(&self.position);
            }
            (false, _) => {}
        }
        save::make(&self.settings.out)?;
        if self.settings.score_first && !self.parts.dev.is_empty() {
            let score = self.task.score(self.twin, self.parts.dev)?;
            self.log.score(0, 0, &score)?;
            self.position.before = Some(score);
        }
        self.store()
    }

    fn learn(&mut self, observer: &mut dyn Observer) -> Result<Ending, TrainError> {
        let before = self.position.seconds;
        self.begun = Instant::now();
        let total = self.steps();
        loop {
            if self.position.step >= total {
                return self.end(Ending::Done);
            }
            if self.out_of_patience() {
                return self.end(Ending::Patience);
            }
            let plan = batches::plan(&self.lengths, self.settings.batch, self.settings.seed, self.position.epoch);
            while (self.position.batches as usize) < plan.len() && self.position.step < total {
                self.position.seconds = before + self.begun.elapsed().as_secs_f64();
                if self.time_share() >= 1.0 {
                    // A run that is resumed after its time has begun no epoch.
                    if self.position.batches > 0 {
                        self.close_epoch()?;
                    }
                    return self.end(Ending::Limit);
                }
                let from = self.position.batches as usize;
                let to = (from + self.settings.accumulate).min(plan.len());
                self.step(&plan[from..to], total)?;
                self.position.batches = to as u64;
                self.tell(total, observer);
                if self.stored.elapsed() >= self.settings.checkpoint_every {
                    self.store()?;
                }
            }
            self.position.seconds = before + self.begun.elapsed().as_secs_f64();
            self.close_epoch()?;
        }
    }

    /// One step: the gradients of some batches, summed, clipped and followed.
    fn step(&mut self, batches: &[Vec<usize>], total: u64) -> Result<(), TrainError> {
        let number = self.position.step + 1;
        let mut sum = Gradients::new();
        let mut losses = 0.0;
        for (part, batch) in batches.iter().enumerate() {
            let examples: Vec<&T::Example> = batch.iter().map(|&index| &self.parts.train[index]).collect();
            let mut pass = Pass::training(self.settings.dropout, self.settings.seed, number, part as u64);
            let loss = self.task.loss(self.twin, &examples, &mut pass)?;
            let value = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            if !value.is_finite() {
                return Err(self.not_finite("loss", number));
            }
            losses += value;
            add(&mut sum, self.twin.gradients(&loss, &self.head)?)?;
            self.position.tokens += batch.iter().map(|&index| self.lengths[index] as u64).sum::<u64>();
            self.position.examples += batch.len() as u64;
        }
        let mean = 1.0 / batches.len() as f64;
        let length = norm(&sum, mean)?;
        if !length.is_finite() {
            return Err(self.not_finite("gradient", number));
        }
        let clip = self.settings.clip;
        let scale = if clip > 0.0 && length > clip { mean * clip / length } else { mean };
        let rate = self.rate(total);
        self.optimizer.apply(&sum, Step { number, rate, decay: self.settings.decay, scale })?;
        self.position.step = number;
        self.position.loss += losses;
        let loss = losses * mean;
        self.recent = Some(self.recent.map_or(loss, |recent| recent * 0.9 + loss * 0.1));
        self.log.step(&self.position, [loss, rate, length])
    }

    /// Scores the model, keeps it if it is the best, and makes the state durable.
    fn close_epoch(&mut self) -> Result<(), TrainError> {
        let batches = std::mem::take(&mut self.position.batches);
        let loss = std::mem::take(&mut self.position.loss) / batches.max(1) as f64;
        self.position.epoch += 1;
        let mut epoch = Epoch { step: self.position.step, loss, score: None };
        if !self.parts.dev.is_empty() {
            let score = self.task.score(self.twin, self.parts.dev)?;
            self.log.score(self.position.epoch, self.position.step, &score)?;
            let best = self.position.best.as_ref();
            if score.value.is_finite() && best.is_none_or(|best| score.value > best.score.value) {
                save::save(self.task, self.twin, self.source, &self.checkpoint())?;
                let (epoch, step) = (self.position.epoch, self.position.step);
                self.position.best = Some(Best { epoch, step, score: score.clone() });
            }
            epoch.score = Some(score);
        }
        self.position.epochs.push(epoch);
        self.store()
    }

    fn end(&mut self, ending: Ending) -> Result<Ending, TrainError> {
        if self.position.best.is_none() || !self.checkpoint().exists() {
            save::save(self.task, self.twin, self.source, &self.checkpoint())?;
        }
        self.store()?;
        Ok(ending)
    }

    fn tell(&self, total: u64, observer: &mut dyn Observer) {
        let loss = self.recent.unwrap_or_default();
        observer.observe(&Progress { stage: Stage::Learn, done: self.position.step, total: Some(total) });
        observer.observe_learning(&Learning { loss, rate: self.rate(total) });
    }

    fn store(&mut self) -> Result<(), TrainError> {
        self.stored = Instant::now();
        state::store(&self.last(), &self.position, &self.optimizer, self.twin.dtype())
    }

    /// Steps of the whole run.
    fn steps(&self) -> u64 {
        let batches: usize = batches::plan(&self.lengths, self.settings.batch, self.settings.seed, 0).len();
        let steps = batches.div_ceil(self.settings.accumulate) as u64 * self.settings.epochs;
        self.settings.steps.map_or(steps, |asked| asked.min(steps))
    }

    fn rate(&self, total: u64) -> f64 {
        // The first step already moves, the last one still does.
        let progress = (self.position.step as f64 + 0.5) / total as f64;
        self.settings.rate * schedule::share(progress.max(self.time_share()), self.settings.warmup)
    }

    /// How much of the time that the run may take is over; 0 without a limit.
    fn time_share(&self) -> f64 {
        self.settings.limit.map_or(0.0, |limit| self.position.seconds / limit.as_secs_f64().max(1e-9))
    }

    fn out_of_patience(&self) -> bool {
        let (Some(patience), Some(best)) = (self.settings.patience, &self.position.best) else { return false };
        self.position.epoch - best.epoch >= patience
    }

    fn not_finite(&self, what: &'static str, step: u64) -> TrainError {
        let checkpoint = self.checkpoint();
        let kept = if checkpoint.exists() { checkpoint } else { self.last() };
        TrainError::NotFinite { what, step, kept: kept.display().to_string() }
    }

    fn checkpoint(&self) -> PathBuf {
        self.settings.out.join("checkpoint")
    }

    fn last(&self) -> PathBuf {
        self.settings.out.join("last")
    }

    fn record(self, ending: Ending, fingerprint: &str) -> RunRecord {
        let count = |var: &Var| var.elem_count();
        let learned = self.optimizer.parameters.values().map(|parameter| count(&parameter.var)).sum();
        let all = self.twin.variables().values().map(count).sum::<usize>()
            + self.head.iter().map(|(_, var)| count(var)).sum::<usize>();
        let Position { step, epochs, best, before, tokens, examples, seconds, .. } = self.position;
        RunRecord {
            task: self.task.name().to_owned(),
            architecture: self.task.architecture().to_owned(),
            from: self.source.name(),
            from_fingerprint: fingerprint.to_owned(),
            settings: self.settings.clone(),
            examples: [self.parts.train.len(), self.parts.dev.len()],
            parameters: [learned, all],
            steps: step,
            tokens,
            examples_seen: examples,
            seconds,
            before,
            epochs,
            best,
            ending,
        }
    }
}

/// Adds `more` to `sum`, parameter by parameter.
fn add(sum: &mut Gradients, more: BTreeMap<String, Tensor>) -> Result<(), TrainError> {
    for (name, gradient) in more {
        let total = match sum.remove(&name) {
            Some(before) => before.add(&gradient)?,
            None => gradient,
        };
        sum.insert(name, total);
    }
    Ok(())
}
