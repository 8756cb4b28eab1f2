//! Does a whole model say the same on every machine?

use super::bert::{NAMES, lay_out};
use super::linear::Machines;
use super::small::{Numbers, Small, furthest, least_cosine, write};
use super::{Hidden, Sequence, Transformer, byte_kernel, product};
use crate::{Checkpoint, Source};

const LENGTHS: [usize; 7] = [1, 0, 17, 64, 65, 511, 512];

const SIZES: [Small; 2] = [Small::USUAL, Small { width: 64, heads: 1, wide: 256, activation: "gelu_new" }];

fn forward(source: &Source, machines: Machines) -> Hidden {
    let mut checkpoint = Checkpoint::open(source).expect("it opens");
    let model = lay_out(&mut checkpoint, &NAMES, machines).expect("laid out");
    let mut numbers = Numbers(3);
    let sequences: Vec<Sequence> = LENGTHS.map(|length| numbers.sequence(length)).into();
    model.forward(&sequences).expect("a forward pass")
}

#[test]
fn a_model_in_f32_is_the_same_on_every_machine_within_a_hundred_thousandth() {
    for small in SIZES {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), small);
        let source = Source::Folder(folder.path().to_owned());
        let best = forward(&source, Machines::best());
        for floats in product::every_machine() {
            let found = forward(&source, Machines { floats, ..Machines::best() });
            let distance = furthest(&found.values, &best.values);
            assert!(distance <= 1e-5, "{floats:?}, {} wide: {distance}", small.width);
        }
    }
}

#[test]
fn a_model_in_bytes_is_the_same_to_the_bit_whatever_multiplies_the_bytes() {
    for small in SIZES {
        let [folder, packed] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        write(folder.path(), small);
        crate::pack(&Source::Folder(folder.path().to_owned()), packed.path()).expect("packed");
        let source = Source::Folder(packed.path().to_owned());
        let best = forward(&source, Machines::best());
        for floats in product::every_machine() {
            let first = forward(&source, Machines { floats, ..Machines::best() });
            for bytes in byte_kernel::every_machine() {
                let found = forward(&source, Machines { floats, bytes });
                assert_eq!(found, first, "{bytes:?} beside {floats:?}, {} wide", small.width);
            }
            // A value in f32 that falls on the other side of a half turns a byte: as far off as bytes may be from f32.
            let cosine = least_cosine(&first.values, &best.values, small.width);
            assert!(cosine >= 0.9995, "{floats:?}, {} wide: {cosine}", small.width);
        }
    }
}
