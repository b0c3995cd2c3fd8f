//! Event log, outbox and the relay to NATS JetStream.
//!
//! A service's every write goes through [`Log::begin`]: it locks the scope's row first, so that the order of commits
//! is the order of numbers, and it cannot be committed without its event. The relay publishes what the outbox holds;
//! the database stays the truth, and [`Log::read`] repairs whatever NATS lost.
//!
//! The tables are `schema.sql` and `republish.sql`, which migrations of each service link to. [`migrate`] and [`connect`]
//! are how every service reaches its database, [`connect_nats`] how it reaches NATS.

mod idempotency;
mod log;
mod nats;
mod outage;
mod pool;
mod queue;
mod reads;
mod relay;
mod retention;
mod waits;
mod wall;
mod write;

pub use idempotency::{Kept, Request as IdempotentRequest};
pub use log::{Log, LogError, Page};
pub use nats::connect_nats;
pub use outage::is_outage;
pub use pool::{connect, migrate};
pub use reads::Connection;
pub use relay::{Relay, RelayConfig};
pub use retention::{forget_old_events, run_retention};
pub use wall::Reader;
pub use write::{NewEvent, Unlogged, Write};
