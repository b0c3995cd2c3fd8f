//! Live events over WebSocket: `/api/v1/live`, subprotocol `trellis.v1`.
//!
//! A subscription is a position in the order of a scope and a filter, nothing more: it pulls. Each scope that somebody
//! here listens to has a [`feed`] with a ring of recent encoded events, kept current by NATS and, wherever that fails,
//! by the project service's log. A socket takes what follows its positions from the rings, or page by page from the
//! service where a ring begins later. So a slow socket costs nothing, and each event comes once and in order whatever
//! is lost, doubled or overtaken on the way.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`sequencer`], [`subscription`] | the two state machines: order of a scope, place of a subscription; pure |
//! | [`ring`], [`encode`], [`frames`] | recent events, and how they are written |
//! | [`feed`], [`follow`], [`nats`], [`log`] | one scope: what sockets see, what keeps it current, and from where |
//! | [`hub`], [`registry`] | all scopes and sockets of this gateway |
//! | [`upgrade`], [`socket`], [`requests`], [`rights`] | one connection, from its first byte to its close |
//! | [`subscriptions`], [`mailbox`], [`clock`], [`wire`] | what a connection is made of |
//! | [`protocol`], [`topic`] | what a client may say |

mod clock;
mod encode;
mod feed;
mod follow;
mod frames;
mod hub;
mod log;
mod mailbox;
mod nats;
mod protocol;
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

pub use hub::{Hub, Limits, Sources};
pub use protocol::SUBPROTOCOL;

/// Where sockets are opened.
pub const PATH: &str = "/api/v1/live";

/// The sockets of a hub.
pub fn router(hub: Hub) -> Router {
    // Any method: over HTTP/2 a socket is opened by CONNECT.
    Router::new().route(PATH, any(upgrade::upgrade)).with_state(hub)
}
