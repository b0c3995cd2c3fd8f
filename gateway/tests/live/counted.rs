//! A listener that counts what is written to its connections.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{Router, serve::Listener};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// How many writes there were, over all connections.
#[derive(Clone, Default)]
pub struct Writes(Arc<AtomicUsize>);

impl Writes {
    pub fn so_far(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Serves on a port of its own.
pub async fn serve(router: Router) -> (SocketAddr, Writes) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, writes) = (listener.local_addr().unwrap(), Writes::default());
    let counted = Counting { listener, writes: writes.clone() };
    tokio::spawn(async move { axum::serve(counted, router).await.unwrap() });
    (address, writes)
}

struct Counting {
    listener: TcpListener,
    writes: Writes,
}

struct Counted {
    stream: TcpStream,
    writes: Writes,
}

impl Listener for Counting {
    type Io = Counted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Counted, SocketAddr) {
        let (stream, address) = self.listener.accept().await.unwrap();
        (Counted { stream, writes: self.writes.clone() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.writes.0.fetch_add(usize::from(written.is_ready()), Ordering::SeqCst);
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
