//! E-mail addresses, names, slugs, ids of tasks, dates, and the parameters of lists.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    trellis_text::fuzzing::texts(text);
    trellis_project::fuzzing::words(text);
});
