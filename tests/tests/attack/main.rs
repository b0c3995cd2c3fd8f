//! The attack matrix: every operation of every surface, tried with everything that must not open it.
#![allow(clippy::unwrap_used, clippy::too_many_lines, clippy::disallowed_methods)]
