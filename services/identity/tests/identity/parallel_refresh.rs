//! One token refreshed by many at once: tabs that wake up together, clients that retry.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{StreamExt as _, future::join_all, stream};
use sha2::{Digest as _, Sha256};
use trellis_authn::ServiceKey;
use trellis_proto::identity::v1::RefreshRequest;
use trellis_rpc::{Code, Problem};

use crate::world::{Client, World};

const TRIALS: usize = 200;
const AT_ONCE: usize = 50;
/// Sessions that are tried beside each other.
const ABREAST: usize = 4;

/// Refresh tokens of as many sessions as are tried. Opened in the database: to log in so often would be a trial of
/// argon2.
async fn sessions(world: &World) -> Vec<String> {
    world.register("ann@example.com").await.unwrap();
    let tokens: Vec<[u8; 32]> = (0..TRIALS).map(|_| rand::random()).collect();
    let hashes: Vec<Vec<u8>> = tokens.iter().map(|token| Sha256::digest(token).to_vec()).collect();
    sqlx::query(
        "WITH opened AS (
             INSERT INTO sessions (id, user_id, user_agent, ip, created_at, last_used_at, expires_at, access_expires_at)
             SELECT gen_random_uuid(), user_id, user_agent, ip, now(), now(), expires_at, access_expires_at
             FROM sessions, generate_series(1, cardinality($1)) RETURNING id),
         numbered AS (SELECT id, row_number() OVER () AS n FROM opened)
         INSERT INTO refresh_tokens (hash, session_id, created_at) SELECT $1[n], id, now() FROM numbered",
    )
    .bind(&hashes)
    .execute(&world.pool)
    .await
    .unwrap();
    tokens.iter().map(|token| URL_SAFE_NO_PAD.encode(token)).collect()
}

/// The successor. Who is told that there is too much going on comes again, as any client does.
async fn refresh(mut client: Client, gateway: ServiceKey, token: String) -> String {
    for _ in 0..20 {
        let request = gateway.request(RefreshRequest { refresh_token: token.clone(), client: None });
        match client.refresh(request).await {
            Ok(answer) => return answer.into_inner().tokens.unwrap().refresh_token,
            Err(status) => assert_eq!(Problem::from(&status).code, Code::Unavailable, "{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the service is busy for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_get_one_successor_and_nobody_is_signed_out() {
    let mut world = World::start().await;
    let clients = Arc::new([world.client.clone(), world.add_replica().await]);
    let tokens = sessions(&world).await;
    stream::iter(tokens)
        .for_each_concurrent(ABREAST, |token| {
            let (clients, gateway) = (Arc::clone(&clients), world.gateway.clone());
            async move {
                let all = (0..AT_ONCE).map(|i| refresh(clients[i % 2].clone(), gateway.clone(), token.clone()));
                let successors = join_all(all).await;
                assert!(successors.iter().all(|next| *next == successors[0] && *next != token));
                // It is good for going on.
                assert_ne!(refresh(clients[0].clone(), gateway.clone(), successors[0].clone()).await, successors[0]);
            }
        })
        .await;
    let trials = i64::try_from(TRIALS).unwrap();
    assert_eq!(world.count("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await, 0);
    // Of each: the first, its one successor, and that one's.
    let chains = "SELECT count(*) FROM (SELECT FROM refresh_tokens GROUP BY session_id
                  HAVING count(*) = 3 AND count(*) FILTER (WHERE spent_at IS NULL) = 1) chains";
    assert_eq!(world.count(chains).await, trials);
    assert_eq!(world.count("SELECT count(*) FROM refresh_tokens").await, 3 * trials + 1);
    assert_eq!(world.count("SELECT count(*) FROM event_log").await, 0);
    world.end().await;
}
