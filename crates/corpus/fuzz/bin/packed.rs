//! Is any delivered file, packed or not, recognised, unpacked, surveyed, read and accounted for?

#![no_main]

use std::sync::LazyLock;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    clinqa_corpus_fuzz::deliver(FOLDER.path(), bytes);
});
