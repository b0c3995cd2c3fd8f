//! Bodies of REST.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trellis_gateway::fuzzing::bodies(bytes));
