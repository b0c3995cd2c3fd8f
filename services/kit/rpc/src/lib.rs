//! gRPC as every Trellis process does it: servers with health, reflection, deadlines and shutdown; client channels
//! that fail over; errors with stable codes. No business of any service lives here.

mod channel;
mod deadline;
mod idempotency;
mod problem;
mod server;
pub mod convert;

pub use channel::{Channel, ChannelError, Endpoints};
pub use deadline::{deadline_left, with_deadline};
pub use idempotency::{IdempotencyKey, REPLAYED, mark_replayed, was_replayed};
pub use problem::{Code, FieldError, Problem, Violations};
pub use server::{Readiness, Server, ServerError};
