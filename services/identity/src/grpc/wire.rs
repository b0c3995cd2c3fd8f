//! Domain to protobuf and back.

use secrecy::ExposeSecret as _;
use trellis_proto::identity::v1 as proto;
use trellis_rpc::convert::timestamp;

use crate::{
    domain::{Client, OpenSession, PageRequest, PublicKey, Session, User},
    ops::{Feed, OpenSessions, Tokens, revoked},
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
        refresh_token: tokens.refresh.map(|token| token.expose()).unwrap_or_default(),
        session_created_at: Some(timestamp(tokens.session_created_at)),
        session_ends_at: Some(timestamp(tokens.session_ends_at)),
    }
}

pub(super) fn session(session: Session) -> proto::GetSessionResponse {
    proto::GetSessionResponse {
        user: Some(user(session.user)),
        session_created_at: Some(timestamp(session.created_at)),
        session_ends_at: Some(timestamp(session.expires_at)),
    }
}

/// The first page where none is asked for.
pub(super) fn page(page: Option<proto::Page>) -> PageRequest {
    let page = page.unwrap_or_default();
    PageRequest { limit: page.limit, cursor: page.cursor, all: page.all, ..PageRequest::default() }
}

pub(super) fn open_sessions(open: OpenSessions) -> proto::ListSessionsResponse {
    let current = open.current;
    let session = |OpenSession { id, client, created_at, last_used_at, expires_at }| proto::Session {
        id: id.to_string(),
        user_agent: client.user_agent,
        ip: client.ip,
        created_at: Some(timestamp(created_at)),
        last_used_at: Some(timestamp(last_used_at)),
        expires_at: Some(timestamp(expires_at)),
        current: id == current,
    };
    proto::ListSessionsResponse {
        sessions: open.sessions.into_iter().map(session).collect(),
        // Empty at the end of the list.
        next_cursor: open.next.map(|cursor| cursor.to_string()).unwrap_or_default(),
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
