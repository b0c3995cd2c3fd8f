//! Clients that want too much, or never read: they are told so or let go, and nobody else notices.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, future::join_all, stream};
use serde_json::{Value, json};
use trellis_local::ports;
use trellis_tests::{Api, Gateway, GraphSocket, Session, Socket};

use super::line::{COMMENTS, KINDS, Kind, Line, Place, Witness};

/// As the gateway has them.
const SUBSCRIPTIONS: usize = 500;
const SOCKETS: usize = 100;

/// So many more as there may be.
const MORE: usize = 20;
/// Before answers are read: nobody writes without an end and never reads.
const TOGETHER: usize = 100;

#[tokio::test]
async fn of_thousands_of_subscriptions_so_many_are_taken_and_the_others_refused() {
    let base = trellis_tests::base();
    let place = Place::new(&base).await;
    let mut witness = Witness::new(&place, &base).await;
    let making = (0..SUBSCRIPTIONS + MORE).map(|n| {
        let (place, title) = (&place, format!("Task {n}"));
        async move { place.ada.task(&place.org, "WEB", &title).await }
    });
    stream::iter(making).buffer_unordered(16).count().await;

    let mut greedy = Socket::open(&base, &place.ada.token).await;
    let (mut taken, mut refused) = (0, 0);
    // All of them, and many of them again and again: replacing one is no more.
    let wanted: Vec<_> =
        (0..3000).map(|n| format!("task:{}/WEB-{}", place.org, n % (SUBSCRIPTIONS + MORE) + 1)).collect();
    for topics in wanted.chunks(TOGETHER) {
        for topic in topics {
            greedy.send(json!({"type": "subscribe", "id": 1, "topic": topic})).await;
        }
        for _ in topics {
            let answer = greedy.next_but_positions().await;
            match answer["type"].as_str() {
                Some("subscribed") => taken += 1,
                Some("error") if answer["code"] == "rate_limited" => refused += 1,
                _ => panic!("{answer}"),
            }
        }
    }
    let rounds = wanted.len() / (SUBSCRIPTIONS + MORE);
    let rest = (wanted.len() % (SUBSCRIPTIONS + MORE)).min(SUBSCRIPTIONS);
    assert_eq!((taken, taken + refused), (rounds * SUBSCRIPTIONS + rest, wanted.len()));

    let mut graph = GraphSocket::open(&base, &place.ada.token).await;
    let mut ids = Vec::new();
    for _ in 0..SUBSCRIPTIONS {
        ids.push(graph.subscribe(COMMENTS, json!({"org": place.org})).await.0);
    }
    for _ in 0..MORE {
        let id = graph.start(COMMENTS, json!({"org": place.org})).await;
        assert_eq!(graph.end(&id).await.expect("an error").0, "rate_limited");
    }
    // What was taken works, and what the others have, too.
    place.comment("to everybody").await;
    witness.hears("to everybody").await;
    assert_eq!(greedy.event("comment.created").await["event"]["data"]["content"], "to everybody");
    let mut heard = std::collections::BTreeSet::new();
    while heard.len() < SUBSCRIPTIONS {
        let frame = graph.next().await;
        let event = &frame["payload"]["data"]["taskComments"];
        // Between them, places on what has been quiet for a while.
        if event["kind"].is_string() {
            assert_eq!(event["comment"]["content"], "to everybody", "{frame}");
            assert!(heard.insert(frame["id"].as_str().unwrap().to_owned()), "once: {frame}");
        }
    }
    assert_eq!(heard, ids.into_iter().collect(), "each of them");
    greedy.expect_nothing_pending().await;
    graph.expect_nothing_pending().await;
    witness.hears_no_more().await;
}

#[tokio::test]
async fn of_hundreds_of_sockets_of_one_user_so_many_are_taken_and_the_others_closed() {
    let base = trellis_tests::base();
    let place = Place::new(&base).await;
    let ben = place.ada.invite(&place.org, "Ben", "MEMBER").await;
    let mut witness = Witness::new(&place, &base).await;
    let mut open = Vec::new();
    for _ in 0..SOCKETS {
        let mut socket = Socket::open(&base, &ben.token).await;
        socket.subscribe(&place.topic(), None).await;
        open.push(socket);
    }
    for _ in 0..MORE {
        assert_eq!(Socket::open(&base, &ben.token).await.close_code().await, 4429);
    }
    place.comment("to everybody").await;
    witness.hears("to everybody").await;
    for socket in &mut open {
        assert_eq!(socket.event("comment.created").await["event"]["data"]["content"], "to everybody");
        socket.expect_nothing_pending().await;
    }
    witness.hears_no_more().await;
}

/// Comments that fill every buffer on the way to a client that does not read.
const MANY: usize = 700;
const SIZE: usize = 19_000;

fn content(number: usize) -> String {
    format!("{number} {}", "x".repeat(SIZE))
}

fn number(content: &Value) -> usize {
    content.as_str().unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// The sockets that a gateway says it has.
async fn sockets(metrics: &Api) -> usize {
    let text = metrics.get("//metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix("live_sockets "));
    line.unwrap_or_else(|| panic!("no live_sockets: {text}")).parse().unwrap()
}

#[tokio::test]
async fn who_never_reads_is_let_go_and_nobody_else_notices() {
    let metrics = format!("127.0.0.1:{}", ports::free().unwrap());
    let gateway = Gateway::start(&[("TRELLIS_METRICS_LISTEN", &metrics)]).await.unwrap();
    let metrics = Api::new(format!("http://{metrics}"));
    let (base, shared) = (&gateway.base, trellis_tests::base());
    let place = Place::new(&shared).await;
    let mut witness = Witness::new(&place, base).await;
    let others = sockets(&metrics).await;
    let mut stuck = Vec::new();
    for kind in KINDS {
        let mut line = Line::open_narrow(&place, base, kind, Some(4096)).await;
        let start = line.listen(&place).await;
        stuck.push((line, start));
    }
    assert_eq!(sockets(&metrics).await, others + KINDS.len());

    let ben = Session { api: Api::new(shared), ..place.ada.clone() };
    let path = format!("/organizations/{}/tasks/WEB-1/comments", place.org);
    let writing = async {
        for number in 0..MANY {
            ben.post(&path, json!({"content": content(number)})).await.expect(201);
        }
    };
    let hearing = async {
        for number in 0..MANY {
            witness.hears(&content(number)).await;
        }
    };
    tokio::join!(writing, hearing);

    // No write to them has finished for ten seconds, and they are gone.
    let deadline = Instant::now() + Duration::from_secs(40);
    while sockets(&metrics).await > others {
        assert!(Instant::now() < deadline, "the gateway keeps who never reads");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    place.comment("0 afterwards").await;
    witness.hears("0 afterwards").await;
    witness.hears_no_more().await;
    join_all(stuck.into_iter().map(|(line, start)| resume(&place, base, line, start))).await;
}

/// What had been sent is there to be read; a new socket goes on from the last of it, without a gap.
async fn resume(place: &Place, base: &str, mut line: Line, start: Option<String>) {
    let kind = line.kind;
    let (mut heard, mut cursor) = (Vec::new(), start);
    let code = loop {
        match line.next().await {
            Ok(frame) => {
                let (content, at) = match kind {
                    Kind::Full => (&frame["event"]["data"]["content"], &frame["cursor"]),
                    Kind::Original => (&frame["content"], &Value::Null),
                    Kind::Graph => {
                        let event = &frame["payload"]["data"]["taskComments"];
                        (&event["comment"]["content"], &event["cursor"])
                    }
                };
                // Else a place on what has been quiet for a while.
                if !content.is_null() {
                    heard.push(number(content));
                }
                cursor = at.as_str().map(str::to_owned).or(cursor);
            }
            Err(code) => break code,
        }
    };
    assert!(code.is_none_or(|code| code == 4408), "{kind:?}: {code:?}");
    assert!(heard.len() < MANY, "{kind:?}: the buffers hold everything");
    assert_eq!(heard, (0..heard.len()).collect::<Vec<_>>(), "{kind:?}");
    let mut rest = Vec::new();
    match kind {
        // It cannot resume.
        Kind::Original => return,
        Kind::Full => {
            let mut socket = Socket::open(base, &place.ada.token).await;
            assert_eq!(socket.subscribe(&place.topic(), cursor.as_deref()).await["recovered"], true);
            for _ in heard.len()..MANY {
                rest.push(number(&socket.event("comment.created").await["event"]["data"]["content"]));
            }
            socket.event("comment.created").await;
            socket.expect_nothing_pending().await;
        }
        Kind::Graph => {
            let mut socket = GraphSocket::open(base, &place.ada.token).await;
            let (id, first) = socket.subscribe(COMMENTS, json!({"org": place.org, "after": cursor})).await;
            assert_eq!(first["recovered"], true);
            for _ in heard.len()..MANY {
                rest.push(number(&socket.event(&id, "comment.created").await["comment"]["content"]));
            }
        }
    }
    assert_eq!(rest, (heard.len()..MANY).collect::<Vec<_>>(), "{kind:?}");
}
