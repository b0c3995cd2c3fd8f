//! What the service does: one use case per file, each authorizing its caller before it reads or writes anything.

mod change_password;
mod follow;
mod hasher;
mod keyring;
mod login;
mod logout;
mod lookup;
mod neighbour;
mod open_sessions;
mod profile;
mod refresh;
mod register;
mod renew;
mod rotate;
mod sweep;
mod tokens;

use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use trellis_authn::Sessions;
use trellis_eventlog::Log;

use crate::domain::TokenSecret;

pub use change_password::ChangePassword;
pub use follow::{Feed, SessionFeed};
pub use hasher::Hasher;
pub use keyring::Keyring;
pub use login::Login;
pub use neighbour::Org;
pub use open_sessions::OpenSessions;
pub use refresh::Refresh;
pub use register::Register;
pub use rotate::rotate_keys;
pub use tokens::Tokens;
pub(crate) use tokens::revoked;

/// Everything that the operations work with; each of them is a method.
pub struct Ops {
    pub log: Log,
    pub hasher: Hasher,
    pub keyring: Keyring,
    /// What verifies access tokens here: hears at once of a session that this process ends.
    pub sessions: Arc<Sessions>,
    pub org: Org,
    pub token_secret: TokenSecret,
    pub lifetimes: Lifetimes,
}

/// How long access tokens last.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    pub access: TimeDelta,
    /// For clients that cannot refresh.
    pub long_access: TimeDelta,
}

impl Lifetimes {
    fn of(self, long_lived: bool) -> TimeDelta {
        if long_lived { self.long_access } else { self.access }
    }
}

/// The time of an operation, as exact as the database keeps it.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
