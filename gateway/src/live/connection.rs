//! What every socket minds beside its words: its session, the restart of the gateway, whether its client is there.

use tokio::sync::watch;
use trellis_authn::{TokenError, User};
use uuid::Uuid;

use super::{
    clock::{Clock, Due},
    control::Control,
    hub::Hub,
    protocol::Ending,
    registry::Registration,
};

/// A connection that has said who it is, or that it is nobody.
pub struct Connection {
    hub: Hub,
    session: Uuid,
    registration: Registration,
    clock: Clock,
    restart: watch::Receiver<bool>,
}

/// What a socket is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Its user is no longer a member of the organization.
    Lost { org_id: Uuid },
    /// Nobody knows what happened to memberships: every access must be checked again.
    CheckAll,
    /// Some time has passed; every other time the client is to be asked whether it is there.
    Tick { ping: bool },
}

impl Connection {
    /// Takes its place among the sockets of its user; those who are not signed in share theirs.
    pub fn open(hub: &Hub, user: Option<&User>) -> Result<Self, Ending> {
        let limits = &hub.limits;
        let (id, session, expires_at, most) = match user {
            Some(user) => (user.id, user.session, user.expires_at, limits.sockets_per_user),
            None => (Uuid::nil(), Uuid::nil(), i64::MAX, limits.sockets_signed_out),
        };
        let registration = hub.sockets.register(id, session, most).ok_or(Ending::TooMany)?;
        let mut restart = hub.restart.clone();
        restart.mark_changed();
        let clock = Clock::new(expires_at, limits.tick);
        let connection = Self { hub: hub.clone(), session, registration, clock, restart };
        // The session may have ended before the registry knew of this socket.
        connection.still_signed_in()?;
        Ok(connection)
    }

    /// The next thing that it is told. Safe to drop and ask again.
    pub async fn next(&mut self) -> Result<Told, Ending> {
        loop {
            self.clock.set();
            tokio::select! {
                biased;
                Some(control) = self.registration.control.recv() => if let Some(told) = self.control(control)? {
                    return Ok(told);
                },
                () = self.clock.alarm() => match self.clock.due() {
                    Due::Nothing => {}
                    Due::Expired => return Err(TokenError::Expired.into()),
                    Due::Restart => return Err(Ending::Restart),
                    Due::Gone => return Err(Ending::Gone),
                    Due::Tick { ping } => return Ok(Told::Tick { ping }),
                },
                Ok(()) = self.restart.changed() => {
                    let must = *self.restart.borrow_and_update();
                    self.clock.restart(must, self.hub.limits.spread);
                }
            }
        }
    }

    /// As `next`, of rights alone: for the time of a write, which has a time of its own. Safe to drop and ask again.
    pub async fn rights(&mut self) -> Result<Told, Ending> {
        loop {
            let Some(control) = self.registration.control.recv().await else { return std::future::pending().await };
            if let Some(told) = self.control(control)? {
                return Ok(told);
            }
        }
    }

    /// The client gave a sign of life.
    pub fn heard(&mut self) {
        self.clock.heard();
    }

    /// A fresh token of the same user, perhaps of another session.
    pub fn renew(&mut self, user: &User) -> Result<(), Ending> {
        self.session = user.session;
        self.registration.session_is(user.session);
        self.clock.expires_at(user.expires_at);
        // It may have ended before the registry knew of it.
        self.still_signed_in()
    }

    fn control(&self, control: Control) -> Result<Option<Told>, Ending> {
        match control {
            Control::SessionEnded => self.still_signed_in().map(|()| None),
            Control::Lost { org_id } => Ok(Some(Told::Lost { org_id })),
            Control::CheckAll => Ok(Some(Told::CheckAll)),
        }
    }

    fn still_signed_in(&self) -> Result<(), Ending> {
        if self.hub.sessions.is_revoked(self.session) {
            return Err(TokenError::Revoked.into());
        }
        Ok(())
    }
}

/// Why a token ends a socket.
impl From<TokenError> for Ending {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => Self::Token("the token is not valid"),
            TokenError::Expired => Self::Expired,
            TokenError::Revoked => Self::SessionEnded,
            // Not the client's fault; another gateway may know more.
            TokenError::Unknown => Self::Restart,
        }
    }
}
