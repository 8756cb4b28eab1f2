//! Does the reader of PDF keep its promises whatever it is given?

#![no_main]

use std::panic::{set_hook, take_hook};
use std::thread;

libfuzzer_sys::fuzz_target!(
    init: {
        // The library for PDF may panic on the thread that is made for it, where the reader catches it and reports the
        // file as damaged. Nowhere else, and nothing worse than that.
        let abort = take_hook();
        set_hook(Box::new(move |panic| {
            if thread::current().name() != Some("pdf") {
                abort(panic);
            }
        }));
    },
    |bytes: &[u8]| {
        clinqa_corpus_fuzz::read_as("pdf", "a.pdf", bytes);
    }
);
