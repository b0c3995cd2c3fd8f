//! Messages on sockets: of the live protocol, of graphql-transport-ws, of the original's.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    trellis_gateway::fuzzing::said(text);
    trellis_gateway::fuzzing::requests(text);
});
