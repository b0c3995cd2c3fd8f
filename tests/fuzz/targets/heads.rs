//! Heads of requests: the query of the address, and every header that is read.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trellis_gateway::fuzzing::heads(bytes));
