//! Does the reader of EPUB keep its promises whatever it is given?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    clinqa_corpus_fuzz::epub(bytes);
});
