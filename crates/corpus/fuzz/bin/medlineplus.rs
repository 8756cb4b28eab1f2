//! Does the reader of MedlinePlus keep its promises whatever it is given?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    clinqa_corpus_fuzz::read_as("medlineplus", "a.xml", bytes);
});
