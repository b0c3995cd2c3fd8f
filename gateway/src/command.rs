//! What the process answers on the command line instead of running.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use trellis_settings::Settings;

use crate::{config::Config, docs, graphql};

/// For connecting and for the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// An error says that the answer is no.
#[expect(clippy::print_stdout, reason = "it was asked for")]
pub fn answer(argument: &str, settings: &Settings, config: &Config) -> anyhow::Result<()> {
    match argument {
        "--settings" => println!("{}", settings.table().trim()),
        "--version" => println!("trellis-gateway {}", env!("CARGO_PKG_VERSION")),
        "--openapi" => print!("{}", docs::text()),
        "--graphql" => print!("{}", graphql::schema::sdl()),
        "--healthcheck" => anyhow::ensure!(is_ready(config.listen).unwrap_or(false), "not ready"),
        other => {
            anyhow::bail!("{other} is none of --settings, --version, --healthcheck, --openapi, --graphql")
        }
    }
    Ok(())
}

/// Asks the process that listens there.
fn is_ready(listen: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&reachable(listen), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(&status == b"HTTP/1.1 200")
}

/// Who listens everywhere is asked at home.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
