//! NATS subjects, part of the wire contract as the messages are: `trellis.<context>.<scope>`.

use uuid::Uuid;

/// The JetStream stream that stores every context's subjects.
pub const STREAM: &str = "TRELLIS";

/// The subject of one scope.
pub fn of(context: &str, scope: Uuid) -> String {
    format!("trellis.{context}.{scope}")
}

/// The one scope of org's log: every change of a membership or organization, so that one number orders them all.
pub const MEMBERSHIPS: Uuid = Uuid::from_u128(0x6d65_6d62_6572_7300_0000_0000_0000_0001);

/// The one scope of identity's log: every ended session.
pub const SESSIONS: Uuid = Uuid::from_u128(0x7365_7373_696f_6e73_0000_0000_0000_0001);
