//! Is our forward pass the one that candle-transformers computes?

use super::small::{Numbers, POSITIONS, Small, WORDS, furthest, least_cosine, write};
use super::{Sequence, Transformer};
use crate::{Checkpoint, EncodeError, Source};

const USUAL: Small = Small::USUAL;

/// No token, one, an odd number, the most, and what lies between.
const LENGTHS: [usize; 12] = [512, 0, 1, 2, 17, 64, 80, 33, 511, 0, 65, 300];

/// Our model and the reference, from the same files.
fn both(small: Small) -> [Box<dyn Transformer>; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), small);
    let open = || Checkpoint::open(&Source::Folder(folder.path().to_owned())).expect("it opens");
    [open().transformer().expect("ours"), open().reference_transformer().expect("the reference")]
}

/// The same of what packing makes of the model.
fn both_packed(small: Small) -> [Box<dyn Transformer>; 2] {
    let [folder, packed] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    write(folder.path(), small);
    crate::pack(&Source::Folder(folder.path().to_owned()), packed.path()).expect("packed");
    let open = || Checkpoint::open(&Source::Folder(packed.path().to_owned())).expect("it opens");
    [open().transformer().expect("ours"), open().reference_transformer().expect("the reference")]
}

#[test]
fn our_forward_pass_is_candles() {
    let check = |small: Small, lengths: &[usize]| {
        let [ours, reference] = both(small);
        let mut numbers = Numbers(11);
        let sequences: Vec<Sequence> = lengths.iter().map(|&length| numbers.sequence(length)).collect();
        let (ours, reference) =
            (ours.forward(&sequences).expect("ours"), reference.forward(&sequences).expect("theirs"));
        assert_eq!(ours.offsets, reference.offsets);
        let distance = furthest(&ours.values, &reference.values);
        assert!(distance <= 2e-5, "{} and {lengths:?}: {distance}", small.activation);
    };
    check(USUAL, &LENGTHS);
    for length in LENGTHS {
        check(USUAL, &[length]);
    }
    check(USUAL, &[0, 0, 3, 0]);
    check(USUAL, &[]);
    check(Small { activation: "gelu_new", ..USUAL }, &[5, 40]);
    check(Small { activation: "gelu_pytorch_tanh", ..USUAL }, &[5, 40]);
    check(Small { activation: "relu", ..USUAL }, &[5, 40]);
    check(Small { width: 7, heads: 1, wide: 1, ..USUAL }, &[3, 20, 511]);
    check(Small { width: 64, heads: 1, wide: 33, ..USUAL }, &[3, 70, 512]);
    check(Small { width: 6, heads: 6, wide: 31, ..USUAL }, &[9, 70, 511]);
}

#[test]
fn computing_in_bytes_stays_close_to_computing_with_what_the_bytes_stand_for() {
    let check = |small: Small| {
        let [bytes, reference] = both_packed(small);
        let mut numbers = Numbers(11);
        let sequences: Vec<Sequence> = LENGTHS.map(|length| numbers.sequence(length)).into();
        let (found, expected) =
            (bytes.forward(&sequences).expect("in bytes"), reference.forward(&sequences).expect("in f32"));
        assert_eq!(found.offsets, expected.offsets);
        assert!(found.values != expected.values, "bytes were not computed with");
        let cosine = least_cosine(&found.values, &expected.values, small.width);
        assert!(cosine >= 0.9995, "{cosine} at width {}", small.width);
    };
    check(USUAL);
    check(Small { width: 64, heads: 2, wide: 256, ..USUAL });
    check(Small { width: 64, heads: 4, wide: 36, activation: "gelu_new" });
}

#[test]
fn a_text_embeds_the_same_alone_and_in_any_batch() {
    for [ours, _] in [both(USUAL), both_packed(USUAL)] {
        let mut numbers = Numbers(5);
        let sequences: Vec<Sequence> = LENGTHS.map(|length| numbers.sequence(length)).into();
        let together = ours.forward(&sequences).expect("together");
        for (index, sequence) in sequences.iter().enumerate() {
            let alone = ours.forward(std::slice::from_ref(sequence)).expect("alone");
            assert_eq!(alone.rows(0).len(), sequence.len() * ours.width());
            assert_eq!(alone.rows(0), together.rows(index), "sequence {index}");
        }
    }
}

#[test]
fn what_has_no_row_in_a_table_is_an_error_and_never_a_panic() {
    let [ours, _] = both(USUAL);
    let check = |ids: &[u32], types: &[u32], expected: fn(&EncodeError) -> bool| {
        let sequence = Sequence { ids: ids.to_vec(), types: types.to_vec() };
        let error = ours.forward(&[Sequence::default(), sequence]).expect_err("refused");
        assert!(expected(&error), "{error}");
    };
    check(&[50], &[0], |error| matches!(error, EncodeError::TokenId { table: "token", found: 50, rows: WORDS }));
    check(&[u32::MAX], &[0], |error| matches!(error, EncodeError::TokenId { table: "token", .. }));
    check(&[1, 2], &[0, 2], |error| matches!(error, EncodeError::TokenId { table: "type", found: 2, rows: 2 }));
    check(&[1, 2], &[0], |error| matches!(error, EncodeError::TypeCount { tokens: 2, types: 1 }));
    let long = POSITIONS + 1;
    check(&vec![1; long], &vec![0; long], |error| matches!(error, EncodeError::TooLong { found: 513, limit: 512 }));
}
