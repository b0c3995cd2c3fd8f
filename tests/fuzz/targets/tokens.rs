//! Access tokens, service tokens, and the list of peers' keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| trellis_authn::fuzzing::tokens(text));
