//! Places in lists and in the order of events.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    trellis_gateway::fuzzing::cursors(text);
    trellis_pages::fuzzing::cursors(text);
    trellis_project::fuzzing::cursors(text);
});
