#![allow(clippy::unwrap_used)]

use std::time::Duration;

use http::HeaderMap;
use tokio::time::advance;
use tonic::Status;
use trellis_proto::identity::v1::ClientInfo;
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use super::*;

fn limits(setting: &str) -> RateLimits {
    RateLimits::new(&setting.parse().unwrap())
}

fn at(ip: &str) -> ClientInfo {
    ClientInfo { ip: ip.to_owned(), user_agent: String::new() }
}

fn wrong() -> Result<(), Status> {
    Err(Problem::new(Code::InvalidCredentials, "wrong").into())
}

fn login(limits: &RateLimits, ip: &str, email: &str, answer: &Result<(), Status>) -> Result<(), Limited> {
    limits.login(&at(ip), email).map(|attempt| attempt.settle(answer))
}

#[tokio::test(start_paused = true)]
async fn who_guesses_is_stopped_and_nobody_else_is() {
    let limits = limits("attempts=3+1/min");
    for _ in 0..3 {
        login(&limits, "192.0.2.66", "ann@example.org", &wrong()).unwrap();
    }
    let refused = login(&limits, "192.0.2.66", " ANN@example.org", &wrong()).unwrap_err();
    assert_eq!(refused, Limited { limit: Limit::Attempts, wait: Duration::from_mins(1) });
    // The right password would not be looked at either, from there.
    assert!(login(&limits, "192.0.2.66", "ann@example.org", &Ok(())).is_err());
    login(&limits, "192.0.2.66", "bob@example.org", &wrong()).unwrap();
    login(&limits, "192.0.2.1", "ann@example.org", &wrong()).unwrap();
    limits.change_password(&at("192.0.2.66"), Uuid::from_u128(1)).unwrap().settle(&wrong());
    advance(Duration::from_mins(1)).await;
    login(&limits, "192.0.2.66", "ann@example.org", &wrong()).unwrap();
    assert!(login(&limits, "192.0.2.66", "ann@example.org", &wrong()).is_err());
}

#[tokio::test(start_paused = true)]
async fn the_right_password_costs_nothing_and_neither_does_no_answer() {
    let limits = limits("attempts=3+1/h,sign_ins=off");
    for answer in [Ok(()), Err(Status::unavailable("down")), Err(Problem::unavailable("busy").into())] {
        for _ in 0..100 {
            login(&limits, "192.0.2.1", "ann@example.org", &answer).unwrap();
        }
    }
    // Who hangs up before the answer is there has guessed.
    for _ in 0..3 {
        drop(limits.login(&at("192.0.2.1"), "ann@example.org").unwrap());
    }
    assert!(login(&limits, "192.0.2.1", "ann@example.org", &Ok(())).is_err());
}

#[tokio::test(start_paused = true)]
async fn guesses_beyond_the_limit_spend_nothing_of_the_address() {
    let limits = limits("attempts=2+1/h,sign_ins=4+1/h");
    for _ in 0..50 {
        let _ = login(&limits, "192.0.2.1", "ann@example.org", &wrong());
    }
    login(&limits, "192.0.2.1", "bob@example.org", &Ok(())).unwrap();
    login(&limits, "192.0.2.1", "bob@example.org", &Ok(())).unwrap();
    let refused = login(&limits, "192.0.2.1", "bob@example.org", &Ok(())).unwrap_err();
    assert_eq!(refused.limit, Limit::SignIns, "hashing is paid for by the address, right or wrong");
    // And what was not let through is no attempt.
    advance(Duration::from_hours(1)).await;
    login(&limits, "192.0.2.1", "bob@example.org", &wrong()).unwrap();
    advance(Duration::from_hours(1)).await;
    login(&limits, "192.0.2.1", "bob@example.org", &wrong()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn right_logins_at_once_are_let_through_by_the_defaults() {
    let limits = limits("on");
    let attempts: Vec<_> = (0..50).map(|_| limits.login(&at("192.0.2.1"), "ann@example.org").unwrap()).collect();
    for attempt in attempts {
        attempt.settle(&Ok(()));
    }
    let attempts: Vec<_> = (0..100).map(|_| limits.login(&at("192.0.2.1"), "ann@example.org").unwrap()).collect();
    assert!(login(&limits, "192.0.2.1", "ann@example.org", &Ok(())).is_err(), "unanswered they may all be guesses");
    for attempt in attempts {
        attempt.settle(&wrong());
    }
    assert!(login(&limits, "192.0.2.1", "ann@example.org", &Ok(())).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_hashed_is_not_paid_for() {
    let limits = limits("sign_ins=1+1/h,attempts=off");
    let taken: Result<(), Status> = Err(Problem::new(Code::AlreadyExists, "taken").into());
    for nobody in [Status::unavailable("down"), Problem::unavailable("busy").into(), Problem::internal().into()] {
        let nobody: Result<(), Status> = Err(nobody);
        for _ in 0..10 {
            login(&limits, "192.0.2.1", "ann@example.org", &nobody).unwrap();
            limits.change_password(&at("192.0.2.1"), Uuid::from_u128(1)).unwrap().settle(&nobody);
            limits.register(&at("192.0.2.1")).unwrap().settle(&nobody);
        }
    }
    for (ip, answer) in [("192.0.2.1", &Ok(())), ("192.0.2.2", &wrong())] {
        login(&limits, ip, "ann@example.org", answer).unwrap();
        assert_eq!(login(&limits, ip, "bob@example.org", answer).unwrap_err().limit, Limit::SignIns);
    }
    for (ip, answer) in [("192.0.2.3", &Ok(())), ("192.0.2.4", &taken)] {
        limits.register(&at(ip)).unwrap().settle(answer);
        assert_eq!(limits.register(&at(ip)).err().unwrap().limit, Limit::SignIns, "the same bucket");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_made_costs_nothing() {
    let limits = limits("registrations=1+1/h,organizations=1+1/h,invitations=1+1/h");
    let ann = Uuid::from_u128(1);
    for code in [Code::AlreadyExists, Code::ValidationFailed, Code::Forbidden, Code::Unavailable, Code::Internal] {
        let refused: Result<(), Status> = Err(Problem::new(code, "no").into());
        for _ in 0..10 {
            limits.register(&at("192.0.2.1")).unwrap().settle(&refused);
            limits.create_organization(&at("192.0.2.1"), None).unwrap().settle(&refused);
            limits.create_organization(&at("192.0.2.1"), Some(ann)).unwrap().settle(&refused);
            limits.invite(ann).unwrap().settle(&refused);
        }
    }
    limits.register(&at("192.0.2.1")).unwrap().settle(&Ok(()));
    assert!(limits.register(&at("192.0.2.1")).is_err());
    // Who hangs up may have made it.
    drop(limits.invite(ann).unwrap());
    assert!(limits.invite(ann).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_address_has_no_more_accounts_remembered_than_it_signs_in_to() {
    let limits = limits("sign_ins=3+1/h");
    for number in 0..1000 {
        let _ = login(&limits, "192.0.2.1", &format!("nobody-{number}@example.org"), &wrong());
    }
    let attempts = limits.tables[Limit::Attempts as usize].as_ref().unwrap();
    assert_eq!(attempts.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_whole_network_of_ipv6_is_one_address() {
    let limits = limits("registrations=2+1/h");
    let register = |ip: &str| limits.register(&at(ip)).map(|creation| creation.settle(&Ok(())));
    register("2001:db8::1").unwrap();
    register("2001:db8::2").unwrap();
    assert!(register("2001:db8::3").is_err());
    register("2001:db8:0:1::1").unwrap();
}

#[tokio::test(start_paused = true)]
async fn users_and_addresses_have_their_own() {
    let limits = limits("organizations=1+1/h,invitations=1+1/h,subscriptions=1+1/h,requests=1+1/h,sockets=1+1/h");
    let (ann, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for (user, ip) in [(Some(ann), "192.0.2.1"), (Some(bob), "192.0.2.1"), (None, "192.0.2.1"), (None, "192.0.2.2")] {
        limits.create_organization(&at(ip), user).unwrap().settle(&Ok(()));
        assert!(limits.create_organization(&at(ip), user).is_err());
    }
    for user in [ann, bob] {
        limits.invite(user).unwrap().settle(&Ok(()));
        assert!(limits.invite(user).is_err());
        limits.subscribe(user).unwrap();
        assert!(limits.subscribe(user).is_err());
    }
    let network = Network::from(&at("192.0.2.1"));
    limits.request(network).unwrap();
    limits.socket(network).unwrap();
    assert!(limits.request(network).is_err() && limits.socket(network).is_err());
}

#[tokio::test]
async fn off_is_off() {
    let limits = limits("off");
    for _ in 0..10_000 {
        login(&limits, "192.0.2.1", "ann@example.org", &wrong()).unwrap();
        limits.request(Network::from(&at("192.0.2.1"))).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_guesses_at_once_are_let_through_as_often_as_is_allowed() {
    let limits = Arc::new(limits("attempts=20+1/h,sign_ins=off"));
    let guesses = (0..1000).map(|_| {
        let limits = Arc::clone(&limits);
        tokio::spawn(async move {
            let attempt = limits.login(&at("192.0.2.1"), "ann@example.org");
            tokio::task::yield_now().await;
            attempt.map(|attempt| attempt.settle(&wrong())).is_ok()
        })
    });
    let through = futures_util::future::join_all(guesses).await;
    assert_eq!(through.into_iter().filter(|through| *through.as_ref().unwrap()).count(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_answer_tells_what_was_spent() {
    let limits = limits("attempts=20+10/min,sign_ins=600+10/s");
    let told = |standing: standing::Standing| {
        let mut headers = HeaderMap::new();
        standing.put_headers(&limits, &mut headers);
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        (text(standing::RATE_LIMIT_POLICY), text(standing::RATE_LIMIT))
    };
    let policy = Some(r#""attempts";q=20;w=120, "sign_ins";q=600;w=60"#.to_owned());
    let guess = |answer: Result<(), Status>| {
        let limits = &limits;
        async move { login(limits, "192.0.2.1", "ann@example.org", &answer) }
    };

    let (through, standing) = standing::noted(guess(wrong())).await;
    through.unwrap();
    let left = Some(r#""attempts";r=19;t=6, "sign_ins";r=599;t=1"#.to_owned());
    assert_eq!(told(standing), (policy.clone(), left));

    let (through, standing) = standing::noted(guess(Ok(()))).await;
    through.unwrap();
    let left = Some(r#""attempts";r=19;t=6, "sign_ins";r=598;t=1"#.to_owned());
    assert_eq!(told(standing), (policy, left), "given back");

    let ((), standing) = standing::noted(async {
        limits.request(Network::from(&at("192.0.2.1"))).unwrap();
    })
    .await;
    assert_eq!(told(standing), (None, None), "what everybody spends all the time is not told");
}
