//! Wiring: what the service's calls are made of, and what runs beside them.

use std::sync::Arc;

use anyhow::Context as _;
use tonic::service::Routes;
use trellis_authn::{AuthnLayer, IdentityFeed, Sessions};
use trellis_proto::{
    identity::v1::identity_service_client::IdentityServiceClient,
    org::v1::org_service_server::{OrgServiceServer, SERVICE_NAME},
};
use trellis_rpc::Channel;
use trellis_service::{Service, Start, waiting_for};

use crate::{config::Config, domain::InvitationKey, grpc::OrgGrpc, ops::Ops, people::People};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// A process that has its port, and answers there that it is not ready.
pub async fn bind(config: Config) -> anyhow::Result<Service> {
    let service = config.service.clone();
    Service::bind(service, &[SERVICE_NAME], &MIGRATIONS, |start| wire(start, config)).await
}

/// Waits for identity: nobody can be let in before it is known whose tokens are good.
async fn wire(start: Start, config: Config) -> anyhow::Result<Routes> {
    let invitations = InvitationKey::new(&config.invitation_secret).context("the invitation secret is too short")?;
    let identity = IdentityServiceClient::new(Channel::new(&config.identity));
    let feed = IdentityFeed::new(identity.clone(), start.key.clone());
    let sessions = Sessions::follow(feed, Some(start.nats.clone()), start.shutdown());
    waiting_for("identity: its keys and ended sessions", sessions.loaded()).await;

    let people = People::new(identity, start.key.clone());
    let ops = Arc::new(Ops::new(start.log.clone(), people, invitations, config.signed_out_organizations));
    let (sweeper, shutdown) = (Arc::clone(&ops), start.shutdown());
    start.spawn(async move { sweeper.keep_swept(shutdown).await });

    let authn = AuthnLayer::new(sessions, config.service.peers);
    Ok(Routes::new(authn.layer(OrgServiceServer::new(OrgGrpc::new(ops)))))
}
