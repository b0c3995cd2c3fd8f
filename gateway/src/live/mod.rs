//! Live events over WebSocket: `/api/v1/live`, subprotocol `trellis.v1`; the original's socket of a task's comments; and
//! what the subscriptions of GraphQL listen to.
//!
//! A subscription is a position in the order of a scope and a filter, nothing more: it pulls. Each scope that somebody
//! here listens to has a [`feed`] with a ring of recent encoded events, kept current by NATS and, wherever that fails,
//! by the project service's log. A socket takes what follows its positions from the rings, or page by page from the
//! service where a ring begins later. So a slow socket costs nothing, and each event comes once and in order whatever
//! is lost, doubled or overtaken on the way.
//!
//! Memory is bounded by the scopes and the sockets that there are, not by how far behind anybody is: a ring (256 events,
//! 1 MiB), 256 events behind a hole, 1,024 messages of NATS and 4 pages a scope; 256 frames or 256 KiB, one page and 64
//! words about rights a socket, and nothing at all a subscription.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`sequencer`], [`subscription`] | the two state machines: order of a scope, place of a subscription; pure |
//! | [`ring`], [`encode`], [`frames`] | recent events, and how they are written |
//! | [`feed`], [`follow`], [`nats`], [`log`] | one scope: what sockets see, what keeps it current, and from where |
//! | [`forgotten`] | what a user must not see any more of an organization |
//! | [`hub`], [`registry`], [`control`] | all scopes and sockets of this gateway, and what sockets are told |
//! | [`reader`], [`mailbox`] | a place at a feed, and how it is woken |
//! | [`listening`] | one topic as a stream that is pulled |
//! | [`connection`], [`clock`], [`wire`] | what every socket minds, of whichever protocol |
//! | [`upgrade`], [`socket`], [`requests`], [`rights`], [`subscriptions`] | one connection of the full protocol |
//! | [`protocol`], [`topic`] | what its client may say |
//! | [`original`], [`original_frames`] | one connection of the original's kind |

mod clock;
mod connection;
mod control;
mod encode;
mod feed;
mod follow;
mod forgotten;
mod frames;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hub;
mod listening;
mod log;
mod mailbox;
mod nats;
mod original;
mod original_frames;
mod protocol;
mod reader;
mod registry;
mod requests;
mod rights;
mod ring;
mod sequencer;
mod socket;
mod subscription;
mod subscriptions;
mod topic;
mod upgrade;
mod wire;

#[cfg(test)]
mod simulation;

use axum::{Router, routing::any};

pub use connection::{Connection, Told};
pub use hub::{Hub, Limits, Sources};
pub use listening::{Heard, Listening};
pub use protocol::{Ending, SUBPROTOCOL};
pub use ring::{Entry, Happened};
pub use topic::Topic;
pub use upgrade::{bounded, choose};
pub use wire::Wire;

/// Where sockets are opened.
pub const PATH: &str = "/api/v1/live";

/// The sockets of a hub.
pub fn router(hub: Hub) -> Router {
    let [original, without_slash] = original::PATHS;
    // Any method: over HTTP/2 a socket is opened by CONNECT.
    Router::new()
        .route(PATH, any(upgrade::upgrade))
        .route(original, any(original::upgrade))
        .route(without_slash, any(original::upgrade))
        .with_state(hub)
}

#[cfg(test)]
mod tests {
    use super::follow::Follow;

    fn size_of_future<T, F>(_: fn(T) -> F) -> usize {
        size_of::<F>()
    }

    /// Whoever listens to notifications has a feed of his own: there are as many as users with a socket.
    #[test]
    fn what_keeps_a_feed_current_is_small() {
        let size = size_of_future(Follow::run);
        assert!(size <= 8192, "{size}");
    }
}
