//! The state that every handler shares, and how it is wired.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use trellis_authn::{Memberships, ServiceKey, Sessions};

use crate::{clients::Clients, config::Config, people::People};

/// What every handler may need. Routers carry it as `Arc<Gateway>` (`State(gateway): State<App>`).
pub struct Gateway {
    pub config: Config,
    /// Verifies access tokens; follows identity.
    pub sessions: Arc<Sessions>,
    /// Who is a member of what; follows org.
    pub memberships: Arc<Memberships>,
    /// Signs the calls that no user makes.
    pub service_key: ServiceKey,
    pub clients: Clients,
    /// Turns user ids into people.
    pub people: People,
    /// The fast path of live events; nothing depends on it for being right.
    pub nats: Option<async_nats::Client>,
    pub shutdown: Shutdown,
}

/// The shared state as axum carries it.
pub type App = Arc<Gateway>;

/// How the gateway stops, in three steps.
#[derive(Clone, Default)]
pub struct Shutdown {
    /// Unready from here on, but everything is still served, so that a load balancer can look away.
    pub draining: CancellationToken,
    /// No new connection, no new socket; open sockets close with 1012, requests in flight finish.
    pub closing: CancellationToken,
    /// Nothing is served any more; what follows the services in the background ends.
    pub ended: CancellationToken,
    /// Every socket and connection that must be waited for.
    pub tasks: TaskTracker,
}
