//! Wiring: what the service's calls are made of, and what runs beside them.

use tonic::service::Routes;
use trellis_authn::{AuthnLayer, IdentityFeed, Memberships, Sessions};
use trellis_proto::{
    identity::v1::identity_service_client::IdentityServiceClient,
    org::v1::org_service_client::OrgServiceClient,
    project::v1::project_service_server::{ProjectServiceServer, SERVICE_NAME},
};
use trellis_rpc::Channel;
use trellis_service::{Service, Start, waiting_for};

use crate::{
    config::Config,
    grpc::ProjectGrpc,
    ops::{Leavings, Ops, keep_deleted_forgotten},
    people::People,
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// A process that has its port, and answers there that it is not ready.
pub async fn bind(config: Config) -> anyhow::Result<Service> {
    let service = config.service.clone();
    Service::bind(service, &[SERVICE_NAME], &MIGRATIONS, |start| wire(start, config)).await
}

/// Waits for identity and org: nobody can be let in before it is known whose tokens are good and who is a member.
async fn wire(start: Start, config: Config) -> anyhow::Result<Routes> {
    let (log, nats, key) = (start.log.clone(), start.nats.clone(), start.key.clone());
    start.spawn(keep_deleted_forgotten(log.clone(), start.shutdown()));

    let identity = IdentityServiceClient::new(Channel::new(&config.identity));
    let org = OrgServiceClient::new(Channel::new(&config.org));
    let feed = IdentityFeed::new(identity.clone(), key.clone());
    let sessions = Sessions::follow(feed, Some(nats.clone()), start.shutdown());
    let memberships = Memberships::follow(org.clone(), key.clone(), Some(nats), start.shutdown());
    waiting_for("identity: its keys and ended sessions", sessions.loaded()).await;
    waiting_for("org: its feed of memberships", memberships.loaded()).await;
    // Before the first project can be made: from here on no deleted organization is missed.
    let leavings = Leavings::new(log.clone(), org.clone(), key.clone());
    waiting_for("org: what was deleted meanwhile", leavings.catch_up_first()).await;
    start.spawn(leavings.follow(memberships.changes(), start.shutdown()));

    let ops = Ops::new(log, memberships, People::new(org, identity, key));
    let authn = AuthnLayer::new(sessions, config.service.peers);
    Ok(Routes::new(authn.layer(ProjectServiceServer::new(ProjectGrpc::new(ops)))))
}
