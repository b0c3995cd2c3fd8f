//! Logging in.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version, password_hash::phc::PasswordHash};
use trellis_rpc::Code;

use crate::world::{PASSWORD, World, fields};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_email_and_a_wrong_password_are_one_answer_in_one_time() {
    let world = World::start().await;
    world.register("ann@example.com").await.unwrap();
    let wrong = world.login("ann@example.com", "incorrect horse").await.unwrap_err();
    assert_eq!(wrong.code, Code::InvalidCredentials);
    for (email, password) in
        [("bob@example.com", PASSWORD), ("nonsense", PASSWORD), ("ann@example.com", " correct horse battery")]
    {
        assert_eq!(world.login(email, password).await.unwrap_err(), wrong);
    }
    // Nor does a registration that is not finished tell that it is there, with the right password either.
    world.execute("INSERT INTO users SELECT gen_random_uuid(), 'eve@example.com', name, password_hash, created_at, now() FROM users").await;
    for password in [PASSWORD, "incorrect horse"] {
        assert_eq!(world.login("eve@example.com", password).await.unwrap_err(), wrong);
    }
    // The fastest of several, in turns: without the dummy hash the unknown one would take a tenth.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    let alike = |known: Duration, unknown: Duration| unknown * 3 > known && known * 3 > unknown;
    for round in 0..50 {
        if round >= 5 && alike(known, unknown) {
            break;
        }
        known = known.min(time(&world, "ann@example.com").await);
        unknown = unknown.min(time(&world, "bob@example.com").await);
    }
    assert!(alike(known, unknown), "{known:?} {unknown:?}");
    world.end().await;
}

async fn time(world: &World, email: &str) -> Duration {
    let start = Instant::now();
    world.login(email, "incorrect horse").await.unwrap_err();
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_up_is_refused_by_field() {
    let world = World::start().await;
    let problem = world.login("  ", "").await.unwrap_err();
    assert_eq!(fields(&problem), [("email", "required"), ("password", "required")]);
    let problem = world.login("a\0@example.com", "x\0").await.unwrap_err();
    assert_eq!(fields(&problem), [("email", "invalid"), ("password", "invalid")]);
    // However long: it is simply wrong.
    let long = "x".repeat(100_000);
    assert_eq!(world.login(&long, &long).await.unwrap_err().code, Code::InvalidCredentials);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_hash_is_renewed() {
    let world = World::start().await;
    world.register("ann@example.com").await.unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(4096, 1, 1, None).unwrap());
    let old: PasswordHash = weak.hash_password(PASSWORD.as_bytes()).unwrap();
    sqlx::query("UPDATE users SET password_hash = $1").bind(old.to_string()).execute(&world.pool).await.unwrap();
    let outdated = "SELECT count(*) FROM users WHERE password_hash LIKE '%m=4096%'";

    assert_eq!(world.login("ann@example.com", "incorrect horse").await.unwrap_err().code, Code::InvalidCredentials);
    assert_eq!(world.count(outdated).await, 1);
    world.login("ann@example.com", PASSWORD).await.unwrap();
    assert_eq!(world.count(outdated).await, 0);
    world.login("ann@example.com", PASSWORD).await.unwrap();
    world.end().await;
}
