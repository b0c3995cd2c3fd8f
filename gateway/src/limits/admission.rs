//! What spends which limits. Asked before anything is sent to a service.

use trellis_proto::identity::v1::ClientInfo;
use trellis_text::Email;
use uuid::Uuid;

use super::{Attempt, Creation, Limit, Limited, Network, RateLimits, attempt::Taken};

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
    /// log in to another one. The address is asked first, so that it cannot have more accounts remembered than it may
    /// sign in to.
    fn password(&self, client: &ClientInfo, account: Account<'_>) -> Result<Attempt, Limited> {
        let network = Network::from(client);
        let sign_in = self.take(Limit::SignIns, network)?;
        match self.take(Limit::Attempts, (account, network)) {
            Ok(guess) => Ok(Attempt { guess, sign_in }),
            Err(limited) => {
                sign_in.give_back();
                Err(limited)
            }
        }
    }

    /// A new user. Settle it with the answer.
    pub fn register(&self, client: &ClientInfo) -> Result<Creation, Limited> {
        let network = Network::from(client);
        let thing = self.take(Limit::Registrations, network)?;
        match self.take(Limit::SignIns, network) {
            Ok(sign_in) => Ok(Creation { thing, sign_in }),
            Err(limited) => {
                thing.give_back();
                Err(limited)
            }
        }
    }

    /// A new organization, of a user or of nobody. Settle it with the answer.
    pub fn create_organization(&self, client: &ClientInfo, user: Option<Uuid>) -> Result<Creation, Limited> {
        let thing = match user {
            Some(user) => self.take(Limit::Organizations, user),
            None => self.take(Limit::Organizations, Network::from(client)),
        }?;
        Ok(Creation { thing, sign_in: Taken::nothing() })
    }

    /// An invitation that a user makes. Settle it with the answer.
    pub fn invite(&self, user: Uuid) -> Result<Creation, Limited> {
        Ok(Creation { thing: self.take(Limit::Invitations, user)?, sign_in: Taken::nothing() })
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
/// Lower case comes first as well as last: a letter such as ẞ is its own upper case, and ß is two letters.
fn folded(email: &str) -> String {
    let lower = Email::canonical(email);
    let lower = lower.chars().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
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
        assert_eq!(folded("straẞe@x.de"), folded("straße@x.de"));
        assert_ne!(folded("an n@x.gr"), folded("ann@x.gr"));
    }

    #[test]
    fn no_letter_has_a_case_that_is_another_account() {
        for letter in '\0'..=char::MAX {
            let [lower, upper]: [String; 2] = [letter.to_lowercase().collect(), letter.to_uppercase().collect()];
            // As identity's database does: one letter for one.
            if lower == upper || lower.chars().count() > 1 || upper.chars().count() > 1 {
                continue;
            }
            let [plain, lower, upper] = [letter.to_string(), lower, upper].map(|text| folded(&format!("a{text}@x.de")));
            assert!(plain == lower && plain == upper, "{letter:?}: {plain} {lower} {upper}");
        }
    }
}
