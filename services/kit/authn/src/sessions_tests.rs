//! What answers of identity do to the tokens that were good before.
#![allow(clippy::unwrap_used)]

use std::{collections::VecDeque, sync::Mutex};

use tokio::time::sleep;
use tonic::Status;
use trellis_proto::identity::v1::{self as wire, FollowSessionsRequest, FollowSessionsResponse};
use trellis_rpc::convert;

use super::*;
use crate::testing::{KID, SEED, access_claims, access_token, public, sessions as fixed};

/// Answers what it was told to, and keeps what it was asked; nothing to say: unavailable.
#[derive(Clone, Default)]
struct Identity {
    answers: Arc<Mutex<VecDeque<FollowSessionsResponse>>>,
    asked: Arc<Mutex<Vec<FollowSessionsRequest>>>,
}

impl SessionSource for Identity {
    async fn follow(&self, request: FollowSessionsRequest) -> Result<FollowSessionsResponse, Status> {
        self.asked.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().ok_or_else(|| Status::unavailable("nothing to say"))
    }
}

impl Identity {
    fn say(&self, answer: FollowSessionsResponse) {
        self.answers.lock().unwrap().push_back(answer);
    }

    fn last(&self) -> FollowSessionsRequest {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

fn key(kid: &str, seed: u8) -> wire::PublicKey {
    wire::PublicKey { kid: kid.to_owned(), key: public(&[seed; 32]).to_vec() }
}

fn ended(sessions: &[(Uuid, i64)]) -> Vec<wire::RevokedSession> {
    let now = Utc::now();
    let wire = |(id, forget_in): &(Uuid, i64)| wire::RevokedSession {
        session_id: id.to_string(),
        seq: 1,
        forget_at: Some(convert::timestamp(now + chrono::TimeDelta::seconds(*forget_in))),
    };
    sessions.iter().map(wire).collect()
}

fn answer(head: u64, full: bool, revoked: Vec<wire::RevokedSession>) -> FollowSessionsResponse {
    FollowSessionsResponse { epoch: "e1".to_owned(), head, full, revoked, keys: vec![key(KID, SEED[0])] }
}

fn follow(identity: &Identity) -> Arc<Sessions> {
    Sessions::follow(identity.clone(), None, CancellationToken::new())
}

async fn next_pull() {
    sleep(Duration::from_millis(501)).await;
}

#[tokio::test(start_paused = true)]
async fn before_anything_is_known_nobody_is_refused_or_let_in() {
    let identity = Identity::default();
    let sessions = follow(&identity);
    let token = access_token(&access_claims(900));
    next_pull().await;
    assert!(!sessions.fresh());
    assert_eq!(sessions.verify(&token).err(), Some(TokenError::Unknown));
    assert_eq!(sessions.verify("garbage").err(), Some(TokenError::Unknown));
    // Keys are part of knowing.
    identity.say(FollowSessionsResponse { keys: Vec::new(), ..answer(1, true, Vec::new()) });
    next_pull().await;
    assert!(!sessions.fresh());
    identity.say(answer(1, true, Vec::new()));
    sessions.loaded().await;
    assert!(sessions.verify(&token).is_ok());
    assert_eq!(sessions.verify("garbage").err(), Some(TokenError::Invalid));
    // Silence for ten seconds.
    sleep(Duration::from_secs(11)).await;
    assert_eq!(sessions.verify(&token).err(), Some(TokenError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_is_refused_and_announced() {
    let identity = Identity::default();
    let (one, two) = (access_claims(900), access_claims(900));
    let (first, second) = (access_token(&one), access_token(&two));
    identity.say(answer(3, true, ended(&[(one.sid, 900)])));
    let sessions = follow(&identity);
    sessions.loaded().await;
    let mut news = sessions.revoked();
    assert_eq!(sessions.verify(&first).err(), Some(TokenError::Revoked));
    // Verified, remembered, and ended all the same.
    assert!(sessions.verify(&second).is_ok());
    identity.say(answer(4, false, ended(&[(one.sid, 900), (two.sid, 900)])));
    next_pull().await;
    assert_eq!(sessions.verify(&second).err(), Some(TokenError::Revoked));
    assert!(sessions.is_revoked(one.sid) && sessions.is_revoked(two.sid));
    assert_eq!(news.try_recv(), Ok(two.sid));
    assert!(news.try_recv().is_err());
    assert_eq!(identity.last(), FollowSessionsRequest { epoch: "e1".to_owned(), after: 3 });
    next_pull().await;
    assert_eq!(identity.last(), FollowSessionsRequest { epoch: "e1".to_owned(), after: 4 });
}

#[tokio::test(start_paused = true)]
async fn a_full_answer_replaces_what_was_known() {
    let identity = Identity::default();
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    identity.say(answer(3, true, ended(&[(one, 900)])));
    let sessions = follow(&identity);
    sessions.loaded().await;
    let mut news = sessions.revoked();
    identity.say(FollowSessionsResponse { epoch: "e2".to_owned(), ..answer(1, true, ended(&[(two, 900)])) });
    next_pull().await;
    assert!(!sessions.is_revoked(one) && sessions.is_revoked(two));
    assert_eq!(news.try_recv(), Ok(two));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_continue_is_asked_for_again_in_full() {
    let other = FollowSessionsResponse { epoch: "e2".to_owned(), ..answer(9, false, Vec::new()) };
    for odd in [other, answer(2, false, Vec::new())] {
        let identity = Identity::default();
        let one = Uuid::now_v7();
        identity.say(answer(3, true, ended(&[(one, 900)])));
        let sessions = follow(&identity);
        sessions.loaded().await;
        identity.say(odd);
        next_pull().await;
        assert!(sessions.is_revoked(one));
        next_pull().await;
        assert_eq!(identity.last(), FollowSessionsRequest::default());
    }
}

#[tokio::test(start_paused = true)]
async fn ended_sessions_are_forgotten_when_their_tokens_have_expired() {
    let identity = Identity::default();
    let (old, fresh, unknown) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let mut revoked = ended(&[(old, -60), (fresh, -3), (unknown, 0)]);
    revoked[2].forget_at = None;
    identity.say(answer(3, true, revoked));
    let sessions = follow(&identity);
    sessions.loaded().await;
    // The leeway counts here, too.
    assert!(!sessions.is_revoked(old) && sessions.is_revoked(fresh) && sessions.is_revoked(unknown));
}

#[tokio::test(start_paused = true)]
async fn keys_come_and_go() {
    let identity = Identity::default();
    identity.say(answer(1, true, Vec::new()));
    let sessions = follow(&identity);
    sessions.loaded().await;
    let claims = access_claims(900);
    let (old, new) = (access_token(&claims), claims.sign("k2", &[9; 32]).unwrap());
    let new = secrecy::ExposeSecret::expose_secret(&new);
    assert!(sessions.verify(&old).is_ok());
    assert_eq!(sessions.verify(new).err(), Some(TokenError::Invalid));
    let both = vec![key("k2", 9), key(KID, SEED[0])];
    identity.say(FollowSessionsResponse { keys: both, ..answer(1, false, Vec::new()) });
    next_pull().await;
    assert!(sessions.verify(&old).is_ok() && sessions.verify(new).is_ok());
    assert_eq!(sessions.keys(), vec![(KID.to_owned(), public(&SEED)), ("k2".to_owned(), public(&[9; 32]))]);
    // The first is withdrawn, and what it verified with it. A bad one does no harm.
    let rest = vec![key("k2", 9), wire::PublicKey { kid: "bad".to_owned(), key: vec![1, 2, 3] }];
    identity.say(FollowSessionsResponse { keys: rest, ..answer(1, false, Vec::new()) });
    next_pull().await;
    assert_eq!(sessions.verify(&old).err(), Some(TokenError::Invalid));
    assert!(sessions.verify(new).is_ok());
    // The old name with another key.
    let renamed = vec![key(KID, 9)];
    identity.say(FollowSessionsResponse { keys: renamed, ..answer(1, false, Vec::new()) });
    next_pull().await;
    assert_eq!(sessions.verify(&old).err(), Some(TokenError::Invalid));
}

#[test]
fn what_this_process_ends_is_ended_at_once() {
    let sessions = fixed();
    let mut news = sessions.revoked();
    let claims = access_claims(900);
    let token = access_token(&claims);
    assert!(sessions.verify(&token).is_ok());
    for _ in 0..2 {
        sessions.revoke(claims.sid, Utc::now());
    }
    assert_eq!(sessions.verify(&token).err(), Some(TokenError::Revoked));
    assert_eq!(news.try_recv(), Ok(claims.sid));
    assert!(news.try_recv().is_err());
}
