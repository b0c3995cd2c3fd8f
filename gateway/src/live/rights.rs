//! What a socket does when its user's rights change: sessions that end, memberships that end, fresh tokens.

use futures_util::FutureExt;
use uuid::Uuid;

use super::{connection::Told, frames, mailbox::Slot, protocol::Ending, socket::Socket, subscriptions::Subscription};

/// Whether the user may still listen to an organization's topics.
pub struct Checked {
    round: u64,
    org: String,
    /// `None`: no.
    org_id: Option<Uuid>,
}

impl Socket {
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Lost { org_id } => self.revoke(|known| known.org_id == Some(org_id)),
            Told::CheckAll => {
                self.round += 1;
                // Older questions no longer count.
                self.checks.clear();
                self.check(|_| true);
            }
            Told::Tick { ping } => self.tick(ping),
        }
    }

    fn revoke(&mut self, matches: impl Fn(&Subscription) -> bool) {
        for (slot, spelling) in self.subscriptions.remove_where(matches) {
            self.out.retain(|outgoing| outgoing.slot != Some(slot));
            self.say(frames::revoked(&spelling));
        }
    }

    /// Asks again whether the user may listen; until that is known nothing is delivered.
    pub(super) fn check(&mut self, matches: impl Fn(Slot) -> bool) {
        for org in self.subscriptions.pause(matches) {
            let (hub, user, round) = (self.hub.clone(), self.user.clone(), self.round);
            let check = async move {
                let org_id = hub.membership(&user, &org).await;
                Checked { round, org, org_id }
            };
            self.checks.push(check.boxed());
        }
    }

    pub(super) fn checked(&mut self, checked: Checked) {
        let Checked { round, org, org_id } = checked;
        if round == self.round {
            self.revoke(|known| known.topic.org() == Some(&org) && known.org_id != org_id);
            self.subscriptions.resume(&org);
        }
    }

    pub(super) fn renew(&mut self, token: &str) -> Result<(), Ending> {
        let user = self.hub.sessions.verify(token)?;
        if user.id != self.user.id {
            return Err(Ending::Token("the token is of another user"));
        }
        self.connection.renew(&user)?;
        self.user = user;
        Ok(())
    }
}
