//! gRPC as every Trellis process does it: servers with health, reflection, deadlines and shutdown; client channels
//! that fail over; errors with stable codes. No business of any service lives here.

mod attempt;
mod call;
mod channel;
mod code;
pub mod convert;
mod deadline;
mod endpoint;
mod endpoints;
mod idempotency;
mod kept;
mod probe;
mod problem;
mod repeat;
mod server;
mod signal;
mod tls;

pub use channel::Channel;
pub use code::Code;
pub use deadline::{deadline_left, with_deadline};
pub use endpoints::Endpoints;
pub use idempotency::{IdempotencyKey, REPLAYED, mark_replayed, was_replayed};
pub use probe::{is_ready, is_ready_over};
pub use problem::{FieldError, Problem, Violations};
pub use server::{Readiness, Server, ServerError};
pub use signal::shutdown_on_signal;
pub use tls::{Tls, speaks_for};
