//! Does the reader of plain text keep its promises whatever it is given?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    clinqa_corpus_fuzz::read_as("plain_text", "a.txt", bytes);
});
