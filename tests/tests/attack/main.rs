//! The attack matrix: every operation of every surface, tried with everything that must not open it.
// It tells how much it tried.
#![allow(clippy::unwrap_used, clippy::too_many_lines, clippy::disallowed_methods, clippy::print_stdout)]

mod attackers;
mod graphql;
mod grpc;
mod grpc_rows;
mod lookalike;
mod matrix;
mod mutants;
mod names;
mod proxy;
mod rest;
mod snapshot;
mod sockets;
mod victim;
mod world;
