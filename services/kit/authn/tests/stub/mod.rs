//! Stand-ins for identity and org behind the layer: real tonic servers on port 0 that implement only what a test asks.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::{net::SocketAddr, sync::Arc};

use ed25519_dalek::SigningKey;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use trellis_authn::{AUDIENCE, AccessClaims, ISSUER, PeerKeys, ServiceKey, ServiceName, Sessions};
use uuid::Uuid;

/// The seed of the key that signs access tokens here, and its name.
pub const SEED: [u8; 32] = [7; 32];
pub const KID: &str = "k1";

/// Implements a generated service trait: some RPCs as given, the others as unimplemented.
macro_rules! service {
    ($service:path, for $name:ty, { $($given:tt)* }, without { $($rpc:ident: $request:ty => $answer:ty),* $(,)? }) => {
        #[tonic::async_trait]
        impl $service for $name {
            $($given)*
            $(
                async fn $rpc(&self, _: tonic::Request<$request>) -> Result<tonic::Response<$answer>, tonic::Status> {
                    Err(tonic::Status::unimplemented(stringify!($rpc)))
                }
            )*
        }
    };
}
pub(crate) use service;

pub fn public_key() -> [u8; 32] {
    SigningKey::from_bytes(&SEED).verifying_key().to_bytes()
}

pub fn sessions() -> Arc<Sessions> {
    Sessions::fixed([(KID.to_owned(), public_key())])
}

/// The gateway's key, and who believes it.
pub fn gateway() -> (ServiceKey, PeerKeys) {
    let key = ServiceKey::new(ServiceName::Gateway, &ServiceKey::generate_seed()).unwrap();
    let peers = format!("gateway={}", key.public_key_base64()).parse().unwrap();
    (key, peers)
}

pub fn claims(expires_in: i64) -> AccessClaims {
    let now = chrono::Utc::now().timestamp();
    AccessClaims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: Uuid::now_v7(),
        sid: Uuid::now_v7(),
        jti: Uuid::now_v7(),
        iat: now,
        exp: now + expires_in,
    }
}

pub fn token(claims: &AccessClaims) -> String {
    claims.sign(KID, &SEED).unwrap().expose_secret().to_owned()
}

/// Serves on a free port; gives the URL.
pub async fn serve(routes: Routes) -> String {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    format!("http://{address}")
}
