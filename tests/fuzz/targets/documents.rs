//! GraphQL: what is judged of a document before anything is run.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| trellis_gateway::fuzzing::documents(text));
