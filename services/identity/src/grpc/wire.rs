//! Domain to protobuf and back.

use secrecy::ExposeSecret as _;
use trellis_proto::identity::v1 as proto;
use trellis_rpc::convert::timestamp;

use crate::{
    domain::{Client, PublicKey, User},
    ops::{Feed, Tokens, revoked},
};

pub(super) fn client(client: Option<&proto::ClientInfo>) -> Client {
    client.map(|client| Client::new(&client.user_agent, &client.ip)).unwrap_or_default()
}

pub(super) fn user(user: User) -> proto::User {
    proto::User {
        id: user.id.to_string(),
        email: user.email,
        name: user.name,
        created_at: Some(timestamp(user.created_at)),
    }
}

pub(super) fn tokens(tokens: Tokens) -> proto::Tokens {
    proto::Tokens {
        user: Some(user(tokens.user)),
        access_token: tokens.access.expose_secret().to_owned(),
        expires_in: u32::try_from(tokens.expires_in.num_seconds()).unwrap_or(u32::MAX),
        refresh_token: tokens.refresh.expose(),
        session_created_at: None,
        session_ends_at: None,
    }
}

pub(super) fn feed(feed: Feed) -> proto::FollowSessionsResponse {
    let key = |PublicKey { kid, key }| proto::PublicKey { kid, key: key.to_vec() };
    proto::FollowSessionsResponse {
        epoch: feed.epoch.to_string(),
        head: feed.head,
        full: feed.full,
        revoked: feed.revoked.iter().map(revoked).collect(),
        keys: feed.keys.into_iter().map(key).collect(),
    }
}
