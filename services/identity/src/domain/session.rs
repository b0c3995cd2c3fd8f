//! One login of one user, and how long it lasts.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::User;

/// However much it is used.
pub const LIFETIME: TimeDelta = TimeDelta::days(90);
/// Without any use.
pub const IDLE: TimeDelta = TimeDelta::days(30);

const USER_AGENT_CHARACTERS: usize = 300;
const IP_CHARACTERS: usize = 64;

/// From where a session is opened or used, as its user will read it. Shown, never decided by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    pub user_agent: String,
    pub ip: String,
}

impl Client {
    /// Cuts what is too long and drops what a text cannot hold: no login fails for its user agent.
    pub fn new(user_agent: &str, ip: &str) -> Self {
        let clean = |text: &str, limit| text.chars().filter(|c| !c.is_control()).take(limit).collect();
        Self { user_agent: clean(user_agent, USER_AGENT_CHARACTERS), ip: clean(ip, IP_CHARACTERS) }
    }
}

/// A session as it stands.
pub struct Session {
    pub id: Uuid,
    pub user: User,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Whether its access tokens are the long ones, for a client that cannot refresh.
    pub long_lived: bool,
    pub revoked: bool,
}

impl Session {
    /// Whether it can be gone on with: whether its tokens are still exchanged for fresh ones.
    pub fn lives(&self, now: DateTime<Utc>) -> bool {
        !self.revoked && now < self.expires_at && now < self.last_used_at + IDLE
    }
}

/// A session as its user is shown it, to know it again.
pub struct OpenSession {
    pub id: Uuid,
    pub client: Client,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A session that was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    pub session_id: Uuid,
    pub seq: u64,
    /// When its last access token expires.
    pub access_expires_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_by_age_disuse_and_revocation() {
        let now = Utc::now();
        let session = |idle, left, revoked| Session {
            id: Uuid::nil(),
            user: User { id: Uuid::nil(), email: String::new(), name: String::new(), created_at: now },
            created_at: now + left - LIFETIME,
            last_used_at: now - idle,
            expires_at: now + left,
            long_lived: false,
            revoked,
        };
        let day = TimeDelta::days(1);
        assert!(session(day * 29, day, false).lives(now));
        assert!(!session(day * 30, day, false).lives(now));
        assert!(!session(day, TimeDelta::zero(), false).lives(now));
        assert!(!session(day, day, true).lives(now));
    }

    #[test]
    fn a_strange_client_is_made_storable() {
        let client = Client::new(&format!("a\0b\n{}", "ü".repeat(1000)), "::1\0");
        assert_eq!(client.user_agent.chars().count(), 300);
        assert!(client.user_agent.starts_with("abü"));
        assert_eq!(client.ip, "::1");
    }
}
