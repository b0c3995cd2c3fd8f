//! What spends which limits. Asked before anything is sent to a service.

use trellis_proto::identity::v1::ClientInfo;
use trellis_text::Email;
use uuid::Uuid;

use super::{Attempt, Limit, Limited, Network, RateLimits, attempt::Taken};

impl RateLimits {
    /// A login with a password. Settle it with the answer.
    pub fn login(&self, client: &ClientInfo, email: &str) -> Result<Attempt, Limited> {
        self.password(client, Account::Named(&folded(email)))
    }

    /// A signed-in user shows his password once more. Settle it with the answer.
    pub fn change_password(&self, client: &ClientInfo, user: Uuid) -> Result<Attempt, Limited> {
        self.password(client, Account::Known(user))
    }

    /// Guesses at one account spend nothing but what this address has for that account: whoever shares the address can
    /// log in to another one.
    fn password(&self, client: &ClientInfo, account: Account<'_>) -> Result<Attempt, Limited> {
        let network = Network::from(client);
        let attempt = self.take(Limit::Attempts, (account, network))?;
        match self.take(Limit::SignIns, network) {
            // Hashing was paid for, whatever comes of it.
            Ok(sign_in) => sign_in.spent(),
            Err(limited) => {
                attempt.give_back();
                return Err(limited);
            }
        }
        Ok(Attempt(attempt))
    }

    /// A new user.
    pub fn register(&self, client: &ClientInfo) -> Result<(), Limited> {
        let network = Network::from(client);
        let registration = self.take(Limit::Registrations, network)?;
        match self.take(Limit::SignIns, network) {
            Ok(sign_in) => sign_in.spent(),
            Err(limited) => {
                registration.give_back();
                return Err(limited);
            }
        }
        registration.spent();
        Ok(())
    }

    /// Something that is done with a token of a session. Settle it with the answer: a good token costs nothing.
    pub fn token(&self, client: &ClientInfo) -> Result<Attempt, Limited> {
        self.take(Limit::SignIns, Network::from(client)).map(Attempt)
    }

    /// A new organization, of a user or of nobody.
    pub fn create_organization(&self, client: &ClientInfo, user: Option<Uuid>) -> Result<(), Limited> {
        match user {
            Some(user) => self.take(Limit::Organizations, user),
            None => self.take(Limit::Organizations, Network::from(client)),
        }
        .map(Taken::spent)
    }

    /// An invitation that a user makes.
    pub fn invite(&self, user: Uuid) -> Result<(), Limited> {
        self.take(Limit::Invitations, user).map(Taken::spent)
    }

    /// Any request, and what counts like one on a socket.
    pub fn request(&self, network: Network) -> Result<(), Limited> {
        self.take(Limit::Requests, network).map(Taken::spent)
    }

    /// A socket that is to be opened.
    pub fn socket(&self, network: Network) -> Result<(), Limited> {
        self.take(Limit::Sockets, network).map(Taken::spent)
    }

    /// A topic or a subscription that a user opens.
    pub fn subscribe(&self, user: Uuid) -> Result<(), Limited> {
        self.take(Limit::Subscriptions, user).map(Taken::spent)
    }
}

/// Whose password it is.
#[derive(Hash)]
enum Account<'a> {
    Named(&'a str),
    Known(Uuid),
}

/// At least as alike as identity takes them to be, so that no other spelling of an account is another account here.
fn folded(email: &str) -> String {
    Email::canonical(email).chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_an_account() {
        for spelling in [" Ann@Example.org\t", "ANN@EXAMPLE.ORG", "ann@example.org\u{3000}"] {
            assert_eq!(folded(spelling), "ann@example.org", "{spelling:?}");
        }
        assert_eq!(folded("ΟΔΟΣ@x.gr"), folded("οδος@x.gr"));
        assert_eq!(folded("e\u{301}@b\u{fc}cher.example"), folded("\u{c9}@XN--bcher-kva.example"));
        assert_eq!(folded("οδος@x.gr"), folded("οδοσ@x.gr"));
        assert_ne!(folded("an n@x.gr"), folded("ann@x.gr"));
    }
}
