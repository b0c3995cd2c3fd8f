//! Where one is logged in, page by page.

use trellis_proto::identity::v1::{ListSessionsRequest, ListSessionsResponse, Page, RevokeSessionRequest, Tokens};
use trellis_rpc::Problem;

use crate::world::{PASSWORD, World, as_user, fields};

async fn read(world: &World, tokens: &Tokens, page: Page) -> Result<ListSessionsResponse, Problem> {
    let request = ListSessionsRequest { page: Some(page) };
    Ok(world.client.clone().list_sessions(as_user(tokens, request)).await?.into_inner())
}

fn page(limit: u32, cursor: &str) -> Page {
    Page { limit, cursor: cursor.to_owned(), all: false }
}

fn all() -> Page {
    Page { all: true, ..Page::default() }
}

fn ids(answer: &ListSessionsResponse) -> Vec<&str> {
    answer.sessions.iter().map(|session| session.id.as_str()).collect()
}

/// Makes so many of each that there is, that many of one moment, each moment 1 ms before the other.
async fn more_sessions(world: &World, count: i32, of_one_moment: i32) {
    sqlx::query(
        "INSERT INTO sessions (id, user_id, user_agent, ip, created_at, last_used_at, expires_at, access_expires_at)
         SELECT gen_random_uuid(), user_id, 'Phone', ip, created_at, last_used_at - (n + $2 - 1) / $2 * interval '1 ms',
                expires_at, access_expires_at
         FROM sessions, generate_series(1, $1) n",
    )
    .bind(count)
    .bind(of_one_moment)
    .execute(&world.pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_is_on_one_page() {
    let world = World::start().await;
    let ann = world.register("ann@example.com").await.unwrap();
    // Three of one moment each: their ids decide.
    more_sessions(&world, 10, 3).await;
    world.register("eve@example.com").await.unwrap();
    let whole = read(&world, &ann, all()).await.unwrap();
    assert_eq!((whole.sessions.len(), whole.next_cursor.as_str()), (11, ""), "nobody else's");
    assert!(whole.sessions[0].current, "the last used first");
    for limit in 1..=12 {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let answer = read(&world, &ann, page(limit, &cursor)).await.unwrap();
            seen.extend(answer.sessions);
            pages += 1;
            cursor = answer.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        assert_eq!(seen, whole.sessions, "{limit}");
        assert_eq!(pages, 11_usize.div_ceil(limit as usize), "and no page is empty");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_stays_right_while_sessions_come_and_go() {
    let world = World::start().await;
    let ann = world.register("ann@example.com").await.unwrap();
    for _ in 0..5 {
        world.login("ann@example.com", PASSWORD).await.unwrap();
    }
    let whole = read(&world, &ann, all()).await.unwrap();
    let first = read(&world, &ann, page(2, "")).await.unwrap();
    assert_eq!(ids(&first), ids(&whole)[..2]);

    // The one that the cursor names and one behind it end, and there is a new one. Ann's own is the last.
    for gone in [1, 3] {
        let request = RevokeSessionRequest { id: whole.sessions[gone].id.clone() };
        world.client.clone().revoke_session(as_user(&ann, request)).await.unwrap();
    }
    world.login("ann@example.com", PASSWORD).await.unwrap();
    let second = read(&world, &ann, page(2, &first.next_cursor)).await.unwrap();
    assert_eq!(ids(&second), [ids(&whole)[2], ids(&whole)[4]]);
    let third = read(&world, &ann, page(2, &second.next_cursor)).await.unwrap();
    assert_eq!((ids(&third), third.next_cursor.as_str()), (vec![ids(&whole)[5]], ""));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_50_where_nothing_is_said_and_all_are_1000() {
    let world = World::start().await;
    let ann = world.register("ann@example.com").await.unwrap();
    more_sessions(&world, 1000, 1).await;
    let answer = world.client.clone().list_sessions(as_user(&ann, ListSessionsRequest::default())).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!((answer.sessions.len(), answer.next_cursor.is_empty()), (50, false));
    let whole = read(&world, &ann, all()).await.unwrap();
    assert_eq!((whole.sessions.len(), ids(&whole)[..50] == ids(&answer)), (1000, true));
    let rest = read(&world, &ann, page(100, &whole.next_cursor)).await.unwrap();
    assert_eq!((rest.sessions.len(), rest.next_cursor.as_str()), (1, ""));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_page_is_named() {
    let world = World::start().await;
    let ann = world.register("ann@example.com").await.unwrap();
    for (bad, name) in [
        (page(101, ""), "limit"),
        (page(1, "nonsense"), "cursor"),
        (page(1, "AAAA"), "cursor"),
        (Page { limit: 1, ..all() }, "limit"),
        (Page { cursor: "AAAA".into(), ..all() }, "cursor"),
    ] {
        let problem = read(&world, &ann, bad).await.unwrap_err();
        assert_eq!((problem.code.as_str(), fields(&problem)), ("invalid_request", vec![(name, "invalid")]));
    }
    world.end().await;
}
