//! Asks a process whether it is ready, as `--healthcheck` of every service does.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::Tls;

/// For connecting and the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the process that listens there (as its settings say it) is ready.
pub async fn is_ready(listen: SocketAddr) -> bool {
    is_ready_over(listen, &Tls::default()).await
}

/// The same for a process that may speak TLS: it is asked with its own certificate, so only it can ask.
pub async fn is_ready_over(listen: SocketAddr, tls: &Tls) -> bool {
    tokio::time::timeout(PATIENCE, ask(listen, tls)).await.is_ok_and(|ready| ready.unwrap_or(false))
}

async fn ask(listen: SocketAddr, tls: &Tls) -> Result<bool, Box<dyn std::error::Error>> {
    let at = reachable(listen);
    let endpoint = match tls.client_to_itself() {
        Some(tls) => Endpoint::from_shared(format!("https://{at}"))?.tls_config(tls)?,
        None => Endpoint::from_shared(format!("http://{at}"))?,
    };
    let answer = HealthClient::new(endpoint.connect().await?).check(HealthCheckRequest::default()).await?;
    Ok(answer.into_inner().status() == ServingStatus::Serving)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Server;

    #[tokio::test]
    async fn it_tells_ready_from_not_yet_and_from_nobody() {
        let server = Server::bind("0.0.0.0:0".parse().unwrap(), &["test"]).await.unwrap();
        let address = server.address();
        assert!(!is_ready(address).await);
        server.readiness().set(true).await;
        assert!(is_ready(address).await);
        drop(server);
        let nobody = "127.0.0.1:1".parse().unwrap();
        assert!(!is_ready(nobody).await);
    }
}
