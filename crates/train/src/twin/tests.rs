//! Does every parameter learn, and by the right amount?

use candle_core::{DType, Device, Tensor, Var};
use clinqa_encoder::{Checkpoint, Sequence};

use super::{Path, Twin, WORDS};
use crate::{Pass, tiny};

const LENGTHS: [usize; 4] = [5, 1, 17, 3];

/// A loss that depends on every value of the last hidden states, and for the others of `forward_all` on all of them.
fn loss(twin: &Twin, sequences: &[Sequence], dropout: f64, inside: bool) -> Tensor {
    let mut pass = Pass::training(dropout, 3, 1, 0);
    let weigh = |x: &Tensor, by: f64| {
        let count = x.elem_count();
        let weights: Vec<f64> = (0..count).map(|i| ((i * 37 % 101) as f64 / 50.0 - 1.0) * by).collect();
        let weights = Tensor::from_vec(weights, x.shape(), &Device::Cpu).expect("weights");
        (x.to_dtype(DType::F64).expect("f64") * weights).and_then(|x| x.tanh()?.sum_all()).expect("a sum")
    };
    if !inside {
        return weigh(&twin.forward(sequences, &mut pass).expect("forward").hidden, 1.0);
    }
    let layers = twin.forward_all(sequences, &mut pass).expect("forward");
    let all = layers.hidden.iter().chain(&layers.queries).chain(&layers.keys).chain(&layers.values);
    let sums: Vec<Tensor> = all.enumerate().map(|(i, x)| weigh(x, 0.3 + i as f64 / 10.0)).collect();
    Tensor::stack(&sums, 0).and_then(|sums| sums.sum_all()).expect("a sum")
}

fn value(tensor: &Tensor) -> f64 {
    tensor.to_scalar::<f64>().expect("a number")
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).and_then(|x| x.flatten_all()?.to_vec1()).expect("values")
}

/// Compares the gradient of every parameter with finite differences, value by value.
fn check_gradients(twin: &Twin, dropout: f64, inside: bool) {
    let sequences = tiny::sequences(&LENGTHS);
    let gradients = twin.gradients(&loss(twin, &sequences, dropout, inside), &[]).expect("gradients");
    assert_eq!(gradients.len(), twin.variables().len(), "every parameter has a gradient");
    for (name, var) in twin.variables() {
        let gradient = flat(&gradients[name]);
        let before = flat(var);
        let at = |index: usize, by: f64| {
            let mut moved = before.clone();
            moved[index] += by;
            var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).expect("values")).expect("set");
            value(&loss(twin, &sequences, dropout, inside))
        };
        // Every value of the small tensors, each third of the tables.
        let every = if var.elem_count() > 250 { 3 } else { 1 };
        for index in (0..before.len()).step_by(every) {
            let (step, found) = (1e-5, gradient[index]);
            let expected = (at(index, step) - at(index, -step)) / (2.0 * step);
            let allowed = 1e-7 + 1e-6 * expected.abs();
            assert!((found - expected).abs() < allowed, "{name}[{index}]: {found}, by differences {expected}");
        }
        var.set(&Tensor::from_vec(before, var.shape(), &Device::Cpu).expect("values")).expect("set");
    }
}

#[test]
fn every_gradient_is_that_of_finite_differences() {
    for activation in ["gelu", "gelu_new"] {
        let folder = tiny::folder(activation);
        check_gradients(&tiny::twin(folder.path(), DType::F64), 0.0, false);
    }
}

#[test]
fn every_gradient_is_right_under_dropout_too() {
    let folder = tiny::folder("gelu");
    check_gradients(&tiny::twin(folder.path(), DType::F64), 0.2, false);
}

#[test]
fn every_gradient_is_right_where_a_student_learns_from_the_insides() {
    let folder = tiny::folder("gelu");
    check_gradients(&tiny::twin(folder.path(), DType::F64), 0.1, true);
}

#[test]
fn the_word_embeddings_of_the_tokens_learn_and_of_no_others() {
    let folder = tiny::folder("gelu");
    let twin = tiny::twin(folder.path(), DType::F32);
    let sequences = tiny::sequences(&LENGTHS);
    let gradients = twin.gradients(&loss(&twin, &sequences, 0.1, false), &[]).expect("gradients");
    let rows: Vec<Vec<f32>> = gradients[WORDS].to_vec2().expect("rows");
    for (id, row) in rows.iter().enumerate() {
        let seen = sequences.iter().any(|sequence| sequence.ids.contains(&(id as u32)));
        assert_eq!(row.iter().any(|x| *x != 0.0), seen, "row {id}");
    }
}

#[test]
fn the_forward_is_that_of_inference() {
    for activation in ["gelu", "gelu_new", "relu"] {
        let folder = tiny::folder(activation);
        let twin = tiny::twin(folder.path(), DType::F32);
        let sequences = tiny::sequences(&LENGTHS);
        let packed = twin.forward(&sequences, &mut Pass::evaluation()).expect("forward");
        let mut checkpoint = Checkpoint::open(&tiny::source(folder.path())).expect("a checkpoint");
        let expected = checkpoint.transformer().expect("ours").forward(&sequences).expect("forward");
        assert_eq!(packed.offsets, expected.offsets);
        for (found, expected) in flat(&packed.hidden).iter().zip(&expected.values) {
            assert!((found - f64::from(*expected)).abs() < 1e-4, "{activation}: {found}, not {expected}");
        }
    }
}

#[test]
fn the_composed_trunk_is_the_fused_one_forward_and_backward() {
    for (activation, dropout) in [("gelu", 0.0), ("gelu", 0.3), ("gelu_new", 0.1), ("relu", 0.0)] {
        let folder = tiny::folder(activation);
        let mut twin = tiny::twin(folder.path(), DType::F32);
        let sequences = tiny::sequences(&LENGTHS);
        let mut both = Vec::new();
        for path in [Path::Fused, Path::Composed] {
            twin.path = path;
            let loss = loss(&twin, &sequences, dropout, true);
            both.push((value(&loss), twin.gradients(&loss, &[]).expect("gradients")));
        }
        let [(fused, fused_gradients), (composed, composed_gradients)] = [&both[0], &both[1]];
        assert!((fused - composed).abs() < 1e-4 * composed.abs().max(1.0), "{activation}: {fused} and {composed}");
        assert_eq!(fused_gradients.len(), composed_gradients.len());
        for (name, expected) in composed_gradients {
            let expected = flat(expected);
            let size = expected.iter().map(|x| x.abs()).fold(1.0, f64::max);
            for (found, expected) in flat(&fused_gradients[name]).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5 * size, "{activation}, {name}: {found}, not {expected}");
            }
        }
    }
}

/// Why there is a twin at all. If this fails, candle's layer norm has learned to go back, and the twin may be thought
/// over.
#[test]
fn through_candles_own_layer_norm_nothing_below_learns() {
    let var = Var::ones((2, 4), DType::F32, &Device::Cpu).expect("a variable");
    let ones = Tensor::ones(4, DType::F32, &Device::Cpu).expect("ones");
    let norm = candle_nn::LayerNorm::new(ones.clone(), ones, 1e-5);
    let output = candle_nn::Module::forward(&norm, &var).and_then(|x| x.sum_all()).expect("forward");
    assert!(output.backward().map_or(true, |gradients| gradients.get(&var).is_none()));
}

#[test]
fn frozen_parameters_have_no_gradient_and_nothing_is_computed_for_them() {
    let folder = tiny::folder("gelu");
    let mut twin = tiny::twin(folder.path(), DType::F32);
    let sequences = tiny::sequences(&LENGTHS);
    let names = |twin: &Twin| -> Vec<String> {
        let loss = loss(twin, &sequences, 0.0, false);
        twin.gradients(&loss, &[]).expect("gradients").into_keys().collect()
    };
    twin.freeze(false, 0);
    twin.freeze_words();
    assert!(!names(&twin).contains(&WORDS.to_owned()));
    assert_eq!(names(&twin).len(), twin.variables().len() - 1);
    twin.freeze(true, 1);
    assert!(names(&twin).iter().all(|name| name.starts_with("encoder.layer.1.")), "{:?}", names(&twin));
    assert_eq!(names(&twin).len(), 16);
    twin.freeze(true, 2);
    let packed = twin.forward(&sequences, &mut Pass::training(0.0, 1, 1, 0)).expect("forward");
    assert!(!packed.hidden.track_op());
}

#[test]
fn what_a_sequence_becomes_does_not_depend_on_the_others() {
    let folder = tiny::folder("gelu");
    let twin = tiny::twin(folder.path(), DType::F64);
    let sequences = tiny::sequences(&LENGTHS);
    let together = twin.forward(&sequences, &mut Pass::evaluation()).expect("forward");
    for (index, sequence) in sequences.iter().enumerate() {
        let alone = twin.forward(std::slice::from_ref(sequence), &mut Pass::evaluation()).expect("forward");
        let rows = together.hidden.narrow(0, together.offsets[index], sequence.len()).expect("rows");
        for (found, expected) in flat(&alone.hidden).iter().zip(flat(&rows)) {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}

#[test]
fn sequences_that_do_not_fit_are_refused() {
    let folder = tiny::folder("gelu");
    let twin = tiny::twin(folder.path(), DType::F32);
    let refuse = |ids: Vec<u32>, types: Vec<u32>, expected: &str| {
        let error = twin.forward(&[Sequence { ids, types }], &mut Pass::evaluation()).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
    };
    refuse(vec![1; tiny::POSITIONS + 1], vec![0; tiny::POSITIONS + 1], "25 tokens");
    refuse(vec![tiny::WORDS as u32], vec![0], "token id 40");
    refuse(vec![1], vec![2], "type id 2");
    refuse(vec![], vec![], "0 tokens");
}
