//! Wiring: what the service's calls are made of, and what runs beside them.

use std::sync::Arc;

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
    ops::{Digest, Ops, OrgNews, Teller, keep_removed, keep_swept},
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
    start.spawn(keep_swept(log.clone(), start.shutdown()));
    start.spawn(keep_removed(log.clone(), start.shutdown()));

    let identity = IdentityServiceClient::new(Channel::new(&config.identity));
    let org = OrgServiceClient::new(Channel::new(&config.org));
    let feed = IdentityFeed::new(identity.clone(), key.clone());
    let sessions = Sessions::follow(feed, Some(nats.clone()), start.shutdown());
    let memberships = Memberships::follow(org.clone(), key.clone(), Some(nats), start.shutdown());
    waiting_for("identity: its keys and ended sessions", sessions.loaded()).await;
    waiting_for("org: its feed of memberships", memberships.loaded()).await;
    // Before the first call: what was removed or deleted meanwhile is gone, and from here on nothing is missed.
    let people = People::new(org, identity, key);
    let teller = Teller::new(log.clone());
    let news = Arc::new(OrgNews::new(log.clone(), people.clone(), teller.clone()));
    let changes = memberships.changes();
    waiting_for("org: what happened meanwhile", news.catch_up_first()).await;
    let (following, shutdown) = (Arc::clone(&news), start.shutdown());
    start.spawn(async move { following.follow(changes, shutdown).await });
    start.spawn(Digest::new(log.clone(), people.clone(), teller, news).run(start.shutdown()));

    let ops = Ops::new(log, memberships, people);
    let authn = AuthnLayer::new(sessions, config.service.peers);
    Ok(Routes::new(authn.layer(ProjectServiceServer::new(ProjectGrpc::new(ops)))))
}
