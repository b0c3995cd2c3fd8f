//! The private servers start, keep roles apart, and leave nothing behind.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, net::TcpStream, path::PathBuf};

use trellis_local::{packages, servers, testing::TestServers};

fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("trellis-launcher-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    servers::reachable(&folder).unwrap()
}

#[test]
fn servers_start_keep_roles_apart_and_end_with_their_value() {
    let programs = packages::find_or_install(&|_| ()).unwrap();
    let folder = folder("roles");
    let servers = TestServers::start(&programs, folder.clone()).unwrap();
    let (postgres, nats) = (servers.postgres.port, servers.nats.port);
    let passwords: BTreeMap<_, _> = [("trellis_org", "one"), ("trellis_org_owner", "two")]
        .map(|(role, word)| (role.to_owned(), word.to_owned()))
        .into();

    // Twice: provisioning what is there changes nothing.
    for _ in 0..2 {
        servers.postgres.provision("org", "an_org", &passwords).unwrap();
    }
    let psql = programs.postgres.join("psql");
    let owner = format!("postgres://trellis_org_owner:two@127.0.0.1:{postgres}/an_org");
    let runtime = format!("postgres://trellis_org:one@127.0.0.1:{postgres}/an_org");
    servers::psql(&psql, &owner, "CREATE TABLE things (id int)", &[]).unwrap();
    servers::psql(&psql, &runtime, "INSERT INTO things VALUES (1)", &[]).unwrap();
    assert_eq!(servers::psql(&psql, &runtime, "SELECT count(*) FROM things", &[]).unwrap(), "1");
    for forbidden in ["CREATE TABLE more (id int)", "DROP TABLE things", "ALTER TABLE things ADD x int"] {
        let refusal = servers::psql(&psql, &runtime, forbidden, &[]).unwrap_err().to_string();
        assert!(refusal.contains("permission denied") || refusal.contains("must be owner"), "{forbidden}: {refusal}");
    }
    // No password, no entry: not even on loopback.
    let wrong = format!("postgres://trellis_org:wrong@127.0.0.1:{postgres}/an_org");
    assert!(servers::psql(&psql, &wrong, "SELECT 1", &[]).is_err());

    drop(servers);
    assert!(TcpStream::connect(("127.0.0.1", postgres)).is_err());
    assert!(TcpStream::connect(("127.0.0.1", nats)).is_err());
    assert!(!folder.join("postgres").exists());
}

#[test]
fn a_server_that_cannot_start_says_why_and_where_its_log_is() {
    let programs = packages::find_or_install(&|_| ()).unwrap();
    let folder = folder("taken");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let error = servers::Postgres::start(&programs, &folder, &folder, port, "secret", servers::Durability::ThrownAway)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("postgres.log"), "{error}");
    assert!(error.contains(&format!("{port}")) || error.contains("Address already in use"), "{error}");
    std::fs::remove_dir_all(&folder).ok();
}
