//! Does the reader of MedQuAD keep its promises whatever it is given?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    clinqa_corpus_fuzz::read_as("medquad", "a.xml", bytes);
});
