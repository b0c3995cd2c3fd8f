//! Who calls: access tokens of users, tokens of services, ended sessions and memberships.
//!
//! Every process verifies what it is shown itself; nothing here believes a header about who calls. Roles are not in
//! tokens: they are asked for (`memberships`).

mod caller;
mod desk;
mod feed;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod jwt;
mod layer;
mod ledger;
mod memberships;
mod network;
mod service;
mod session_feed;
mod sessions;
#[cfg(test)]
mod testing;
mod token;

pub use caller::{Caller, ClientAddress, User};
pub use layer::{Authenticated, AuthnLayer};
pub use memberships::{Access, AccessError, MembershipChange, Memberships};
pub use network::Network;
pub use service::{PeerKeys, ServiceKey, ServiceName};
pub use session_feed::{IdentityFeed, SessionSource};
pub use sessions::Sessions;
pub use token::{AUDIENCE, AccessClaims, ISSUER, TokenError};
