//! All SQL. Each file is one table; statements of a transaction take its connection, reads alone take the pool.
//!
//! Locks, in this order: the scope of ended sessions (`Log::begin`), a user's row, a session's row.

pub mod refresh_tokens;
pub mod sessions;
pub mod signing_keys;
pub mod users;
