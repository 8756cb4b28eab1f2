//! Does a model learn, and does a run that was killed go on as if nothing had happened?

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use candle_core::{DType, Device, Tensor, Var};
use clinqa_encoder::Sequence;
use clinqa_schema::Silent;

use super::*;
use crate::{Digest, cross_entropy, linear, tiny};

const LENGTH: usize = 10;

/// How a run is stopped in a test.
#[derive(Clone, Copy)]
enum Death {
    /// An error out of the middle of a step: nothing after it is done, as when a process is killed.
    Killed,
    NotANumber,
}

/// Which token of a sequence is the one? And a way to die in the middle.
struct Pointer {
    head: [Var; 2],
    /// Losses of training until the run is stopped.
    left: AtomicI64,
    death: Death,
    /// What its loss is set by.
    told: Vec<(&'static str, String)>,
}

impl Pointer {
    fn new() -> Self {
        Self::dying_after(i64::MAX, Death::Killed)
    }

    fn dying_after(losses: i64, death: Death) -> Self {
        let weights: Vec<f32> = (0..12_u8).map(|i| f32::from(i % 5) / 50.0 - 0.04).collect();
        let weight = Var::from_vec(weights, (1, 12), &Device::Cpu).expect("weights");
        let bias = Var::zeros(1, DType::F32, &Device::Cpu).expect("a bias");
        Self { head: [weight, bias], left: AtomicI64::new(losses), death, told: Vec::new() }
    }

    fn telling(name: &'static str, value: &str) -> Self {
        Self { told: vec![(name, value.to_owned())], ..Self::new() }
    }
}

impl Task for Pointer {
    type Example = (Sequence, u32);

    fn name(&self) -> &'static str {
        "pointer"
    }

    fn architecture(&self) -> &'static str {
        "BertForQuestionAnswering"
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        self.told.clone()
    }

    fn describe(&self, example: &Self::Example, digest: &mut Digest) {
        digest.sequence(&example.0);
        digest.ids(&[example.1]);
    }

    fn length(&self, example: &Self::Example) -> usize {
        example.0.len()
    }

    fn variables(&self) -> Vec<(String, Var)> {
        vec![("qa_outputs.weight".into(), self.head[0].clone()), ("qa_outputs.bias".into(), self.head[1].clone())]
    }

    fn loss(&self, twin: &Twin, batch: &[&Self::Example], pass: &mut Pass) -> Result<Tensor, TrainError> {
        let sequences: Vec<Sequence> = batch.iter().map(|example| example.0.clone()).collect();
        let hidden = twin.forward(&sequences, pass)?.hidden;
        let logits = linear(&hidden, &self.head[0], &self.head[1])?.reshape((batch.len(), LENGTH))?;
        let loss = cross_entropy(&logits, &batch.iter().map(|example| example.1).collect::<Vec<_>>())?;
        if pass.is_training() && self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return match self.death {
                Death::Killed => Err(TrainError::TooFew { what: "lives", found: 0, needed: 1 }),
                Death::NotANumber => Ok((loss * f64::NAN)?),
            };
        }
        Ok(loss)
    }

    fn score(&self, twin: &Twin, dev: &[Self::Example]) -> Result<Score, TrainError> {
        let loss = self.loss(twin, &dev.iter().collect::<Vec<_>>(), &mut Pass::evaluation())?;
        let loss = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        Ok(Score { name: "loss".into(), value: -loss, loss, others: Vec::new() })
    }
}

fn examples(count: usize) -> Vec<(Sequence, u32)> {
    let sequences = tiny::sequences(&vec![LENGTH; count]);
    sequences.into_iter().enumerate().map(|(i, sequence)| (sequence, (i * 7 % LENGTH) as u32)).collect()
}

fn settings(out: &Path) -> Settings {
    Settings { epochs: 4, batch: 4, accumulate: 2, rate: 1e-3, ..Settings::new(out.to_owned()) }
}

/// Runs in one thread; the record, or why there is none.
fn run(model: &Path, task: &Pointer, settings: &Settings) -> Result<RunRecord, TrainError> {
    run_on(model, task, settings, (&examples(20), &examples(6), "fingerprint"))
}

type Examples = [(Sequence, u32)];

/// The same, from these examples to learn from and to score on, and a model of this fingerprint.
fn run_on(
    model: &Path,
    task: &Pointer,
    settings: &Settings,
    (train_part, dev, fingerprint): (&Examples, &Examples, &str),
) -> Result<RunRecord, TrainError> {
    let mut twin = tiny::twin(model, DType::F32);
    let source = tiny::source(model);
    let work = || {
        let parts = Parts { train: train_part, dev };
        train(task, (&mut twin, &source, fingerprint), parts, settings, &mut Silent)
    };
    with_threads(Some(1), work).expect("a thread")
}

fn resumed(settings: &Settings) -> Settings {
    Settings { resume: true, ..settings.clone() }
}

/// What a run leaves that must not depend on how often it was stopped.
fn left(out: &Path) -> (Vec<u8>, String) {
    let log = fs::read_to_string(out.join("log.jsonl")).expect("a log");
    let without_time = |line: &str| line.split(",\"seconds\"").next().map(|line| format!("{line}\n"));
    let log = log.lines().filter_map(without_time).collect();
    (fs::read(out.join("checkpoint/model.safetensors")).expect("a checkpoint"), log)
}

#[test]
fn twenty_examples_are_learned_by_heart() {
    let model = tiny::folder("gelu");
    let out = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        epochs: 120,
        accumulate: 1,
        rate: 2e-2,
        dropout: 0.0,
        decay: 0.0,
        ..settings(&out.path().join("run"))
    };
    let record = run(model.path(), &Pointer::new(), &settings).expect("a run");
    let loss = record.epochs.last().expect("an epoch").loss;
    assert!(loss < 0.05, "{loss}");
    assert!(record.epochs[0].loss > 1.5, "{}", record.epochs[0].loss);
    assert_eq!((record.ending, record.steps, record.examples_seen), (Ending::Done, 600, 2_400));
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_bit() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let whole = settings(&root.path().join("whole"));
    run(model.path(), &Pointer::new(), &whole).expect("a run");
    // Five batches make three steps an epoch. The state is stored at each step, or at the ends of epochs alone.
    for (name, every, losses) in [("each", 0, 7), ("epochs", 3_600, 7), ("first", 3_600, 2), ("last", 0, 19)] {
        let out = root.path().join(name);
        let settings = Settings { checkpoint_every: Duration::from_secs(every), ..settings(&out) };
        run(model.path(), &Pointer::dying_after(losses, Death::Killed), &settings).expect_err("killed");
        let record = run(model.path(), &Pointer::new(), &resumed(&settings)).expect("resumed");
        assert_eq!(record.steps, 12);
        assert!(left(&out) == left(&whole.out), "{name}: another model or another log");
    }
}

#[test]
fn a_state_that_is_torn_gives_way_to_the_one_before() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let whole = settings(&root.path().join("whole"));
    run(model.path(), &Pointer::new(), &whole).expect("a run");
    let out = root.path().join("torn");
    let settings = Settings { checkpoint_every: Duration::ZERO, ..settings(&out) };
    run(model.path(), &Pointer::dying_after(9, Death::Killed), &settings).expect_err("killed");
    let state = out.join("last/state.bin");
    let bytes = fs::read(&state).expect("a state");
    fs::write(&state, &bytes[..bytes.len() / 2]).expect("torn");
    fs::write(out.join("last/state.partial.bin"), "half").expect("written");
    run(model.path(), &Pointer::new(), &resumed(&settings)).expect("resumed");
    assert!(left(&out) == left(&whole.out), "another model or another log");
    // With both damaged there is an error that names the file.
    for name in ["state.bin", "state.before.bin"] {
        fs::write(out.join("last").join(name), &bytes[..100]).expect("torn");
    }
    let error = run(model.path(), &Pointer::new(), &resumed(&settings)).expect_err("refused").to_string();
    assert!(error.contains("state.bin is damaged"), "{error}");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_model() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let out = root.path().join("run");
    let error = run(model.path(), &Pointer::dying_after(12, Death::NotANumber), &settings(&out)).expect_err("stopped");
    assert!(matches!(error, TrainError::NotFinite { what: "loss", step: 8, .. }), "{error}");
    assert!(error.to_string().contains("checkpoint"), "{error}");
    let mut checkpoint = clinqa_encoder::Checkpoint::open(&tiny::source(&out.join("checkpoint"))).expect("it opens");
    checkpoint.take("qa_outputs.weight", &[1, 12]).expect("with its head");
    checkpoint.transformer().expect("and its trunk");
}

#[test]
fn a_run_ends_when_the_score_no_longer_rises() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    // With a rate of nought the score stays: the first epoch is the best.
    let settings = Settings { rate: 0.0, patience: Some(2), epochs: 50, ..settings(&root.path().join("run")) };
    let record = run(model.path(), &Pointer::new(), &settings).expect("a run");
    assert_eq!((record.ending, record.epochs.len()), (Ending::Patience, 3));
    assert_eq!(record.best.map(|best| best.epoch), Some(1));
}

#[test]
fn a_run_ends_when_the_time_is_up_and_its_model_is_kept() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let limit = Some(Duration::from_millis(1));
    let settings = Settings { limit, epochs: 10_000, ..settings(&root.path().join("run")) };
    let record = run(model.path(), &Pointer::new(), &settings).expect("a run");
    assert_eq!(record.ending, Ending::Limit);
    assert!(settings.out.join("checkpoint/model.safetensors").exists());
}

#[test]
fn a_run_is_not_overwritten_nor_mixed_with_another() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let settings = settings(&root.path().join("run"));
    let check = |settings: &Settings, expected: &str| {
        let error = run(model.path(), &Pointer::new(), settings).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&resumed(&settings), "no run to resume");
    run(model.path(), &Pointer::new(), &settings).expect("a run");
    check(&settings, "already holds a run");
    check(&Settings { batch: 3, ..resumed(&settings) }, "--batch is 4 there and 3 here");
    check(&Settings { freeze_layers: 2, dropout: 1.0, ..resumed(&settings) }, "--dropout is 1");
}

#[test]
fn a_run_goes_on_only_from_the_same_model_with_the_same_examples() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let settings = settings(&root.path().join("run"));
    run(model.path(), &Pointer::new(), &settings).expect("a run");
    let (all, dev) = (examples(20), examples(6));
    let mut longer = examples(20);
    longer[3].0 = tiny::sequences(&[LENGTH + 1]).remove(0);
    let check = |settings: &Settings, data: (&Examples, &Examples, &str), expected: &str| {
        let error = run_on(model.path(), &Pointer::new(), &resumed(settings), data).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&settings, (&all, &dev, "another"), "the fingerprint of --from is fingerprint there and another here");
    check(&settings, (&all, &dev[..5], "fingerprint"), "the number of examples to score on is 6 there and 5 here");
    check(&settings, (&longer, &dev, "fingerprint"), "their lengths");
    let (mut other, mut answered) = (examples(20), examples(20));
    other[7].0.ids[2] += 1;
    answered[7].1 = (answered[7].1 + 1) % LENGTH as u32;
    for changed in [&other, &answered] {
        check(&settings, (changed, &dev, "fingerprint"), "what the examples say (a digest) is");
        check(&settings, (&all, &changed[2..8], "fingerprint"), "what the examples to score on say (a digest) is");
    }
    let head = Settings { freeze_layers: 2, ..settings };
    check(&head, (&all, &dev, "fingerprint"), "the number of tensors");
}

#[test]
fn a_run_goes_on_only_with_the_settings_that_it_began_with() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let settings = settings(&root.path().join("run"));
    let same = Pointer::telling("--temperature", "0.05");
    run(model.path(), &same, &settings).expect("a run");
    let check = |task: &Pointer, changed: Settings, expected: &str| {
        let error = run(model.path(), task, &resumed(&changed)).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&same, Settings { rate: 2e-3, ..settings.clone() }, "--rate is 0.001 there and 0.002 here");
    check(&same, Settings { dropout: 0.2, ..settings.clone() }, "--dropout is 0.1 there and 0.2 here");
    check(&same, Settings { warmup: 0.0, ..settings.clone() }, "--warmup is 0.1 there and 0 here");
    check(&same, Settings { decay: 0.0, ..settings.clone() }, "--decay is 0.01 there and 0 here");
    check(&same, Settings { clip: 0.5, ..settings.clone() }, "--clip is 1 there and 0.5 here");
    check(&same, Settings { layer_decay: 0.9, ..settings.clone() }, "--layer-decay is 1 there and 0.9 here");
    let cold = Pointer::telling("--temperature", "0.01");
    check(&cold, settings.clone(), "--temperature is 0.05 there and 0.01 here");
    // How long it learns is nobody's business but the user's.
    let longer = Settings { epochs: 5, limit: Some(Duration::from_hours(1)), ..resumed(&settings) };
    assert_eq!(run(model.path(), &same, &longer).expect("resumed").epochs.len(), 5);
}

#[test]
fn a_state_that_says_less_goes_on_and_says_all_from_then_on() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let settings = settings(&root.path().join("run"));
    run(model.path(), &Pointer::new(), &settings).expect("a run of an older version");
    run(model.path(), &Pointer::telling("--new", "1"), &resumed(&settings)).expect("resumed");
    let error = run(model.path(), &Pointer::telling("--new", "2"), &resumed(&settings)).expect_err("refused");
    assert!(error.to_string().contains("--new is 1 there and 2 here"), "{error}");
}

#[test]
fn a_run_that_is_resumed_after_its_time_adds_no_epoch() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let limit = Some(Duration::from_millis(1));
    let settings = Settings { limit, epochs: 10_000, ..settings(&root.path().join("run")) };
    let first = run(model.path(), &Pointer::new(), &settings).expect("a run");
    let again = run(model.path(), &Pointer::new(), &resumed(&settings)).expect("a run");
    assert_eq!((again.ending, &again.epochs, &again.best), (Ending::Limit, &first.epochs, &first.best));
}

#[test]
fn a_model_whose_state_was_deleted_is_not_overwritten() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let settings = settings(&root.path().join("run"));
    run(model.path(), &Pointer::new(), &settings).expect("a run");
    fs::remove_dir_all(settings.out.join("last")).expect("deleted");
    let error = run(model.path(), &Pointer::new(), &settings).expect_err("refused").to_string();
    assert!(error.contains("already holds a run"), "{error}");
}

#[test]
fn a_state_of_another_shape_changes_nothing() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let settings = Settings { freeze_layers: 2, ..settings(&root.path().join("run")) };
    run(model.path(), &Pointer::new(), &settings).expect("a run of the head alone");
    let all = Settings { freeze_layers: 0, ..resumed(&settings) };
    let error = run(model.path(), &Pointer::new(), &all).expect_err("refused").to_string();
    assert!(error.contains("the shape of parameter/"), "{error}");
}

#[test]
fn gradients_of_batches_that_are_accumulated_are_those_of_one_batch() {
    let model = tiny::folder("gelu");
    let root = tempfile::tempdir().expect("a folder");
    let one = |name: &str, batch: usize, accumulate: usize| {
        let out = root.path().join(name);
        let settings = Settings { batch, accumulate, steps: Some(1), dropout: 0.0, ..settings(&out) };
        run(model.path(), &Pointer::new(), &settings).expect("a run").epochs[0].score.clone().expect("a score").loss
    };
    assert!((one("one", 20, 1) - one("four", 5, 4)).abs() < 1e-5);
}
