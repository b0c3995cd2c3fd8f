//! A way to an address that can be cut.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    carrying: JoinHandle<()>,
}

impl Cable {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let carrying = tokio::spawn(async move {
            // One connection at a time is all that a channel has.
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = TcpStream::connect(address).await.unwrap();
                copy_bidirectional(&mut near, &mut far).await.ok();
            }
        });
        Self { address: own, carrying }
    }

    /// Whoever was connected is not, and nobody will be.
    pub(crate) fn cut(&self) {
        self.carrying.abort();
    }
}
