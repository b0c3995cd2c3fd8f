//! A TCP proxy on one edge of the cluster, which can reset its connections, keep silent, or be slow.
//!
//! Where the target does not accept, the connection that was made to the proxy is reset.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Handle,
    sync::watch,
    time::sleep,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    Freely,
    /// Connections are reset, new ones too.
    Refused,
    /// Nothing comes through until this ends.
    Silently,
    /// Everything comes that much later.
    Slowly(Duration),
}

/// How it is now; `by` is the fault that made it so.
#[derive(Debug, Clone, Copy)]
struct State {
    passing: Passing,
    by: Option<usize>,
}

pub struct Proxy {
    pub from: String,
    pub to: String,
    pub port: u16,
    state: watch::Sender<State>,
}

impl Proxy {
    /// Accepts on a free port of loopback, on the runtime's threads.
    pub fn start(runtime: &Handle, from: &str, to: &str, target: u16) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let state = watch::Sender::new(State { passing: Passing::Freely, by: None });
        let told = state.subscribe();
        let _entered = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        runtime.spawn(accept(listener, target, told));
        Ok(Self { from: from.to_owned(), to: to.to_owned(), port, state })
    }

    pub fn set(&self, passing: Passing, by: usize) {
        self.state.send_replace(State { passing, by: Some(by) });
    }

    /// The fault is over; what a later one did stays.
    pub fn heal(&self, by: usize) {
        self.state.send_if_modified(|state| {
            let ours = state.by == Some(by);
            if ours {
                *state = State { passing: Passing::Freely, by: None };
            }
            ours
        });
    }
}

async fn accept(listener: TcpListener, target: u16, told: watch::Receiver<State>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(serve(client, target, told.clone()))),
            // Out of files: those who are there leave some day.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve(client: TcpStream, target: u16, mut told: watch::Receiver<State>) {
    let refused = |state: &State| state.passing == Passing::Refused;
    // Gone with a reset and not with an end: nothing was said properly to its end.
    client.set_zero_linger().ok();
    if refused(&told.borrow()) {
        return;
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    server.set_zero_linger().ok();
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let up = pass(from_client, to_server, told.clone());
    let down = pass(from_server, to_client, told.clone());
    tokio::select! {
        _ = async { tokio::join!(up, down) } => {}
        _ = told.wait_for(refused) => {}
    }
}

/// Until one side says that it has ended, which is passed on.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut told: watch::Receiver<State>) {
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let passing = told.borrow_and_update().passing;
        if let Passing::Slowly(delay) = passing {
            sleep(delay).await;
        }
        if told.wait_for(|state| state.passing != Passing::Silently).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    to.shutdown().await.ok();
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    /// Says everything back.
    async fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        port
    }

    async fn said(client: &mut TcpStream, word: &[u8]) -> io::Result<Vec<u8>> {
        client.write_all(word).await?;
        let mut back = vec![0; word.len()];
        client.read_exact(&mut back).await?;
        Ok(back)
    }

    #[tokio::test]
    async fn it_passes_on_resets_keeps_silent_and_is_slow() {
        let proxy = Proxy::start(&Handle::current(), "a", "b", echo().await).unwrap();
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port));
        let mut client = connect().await.unwrap();
        assert_eq!(said(&mut client, b"one").await.unwrap(), b"one");

        proxy.set(Passing::Slowly(Duration::from_millis(30)), 1);
        let begun = Instant::now();
        assert_eq!(said(&mut client, b"two").await.unwrap(), b"two");
        assert!(begun.elapsed() >= Duration::from_millis(60));

        proxy.set(Passing::Silently, 2);
        client.write_all(b"three").await.unwrap();
        let mut back = [0; 5];
        assert!(timeout(Duration::from_millis(50), client.read_exact(&mut back)).await.is_err());
        // The earlier fault ends, the later one goes on.
        proxy.heal(1);
        assert!(timeout(Duration::from_millis(50), client.read_exact(&mut back)).await.is_err());
        proxy.heal(2);
        client.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"three");

        proxy.set(Passing::Refused, 3);
        assert!(said(&mut client, b"four").await.is_err());
        let mut other = connect().await.unwrap();
        assert!(said(&mut other, b"five").await.is_err());
        proxy.heal(3);
        let mut client = connect().await.unwrap();
        assert_eq!(said(&mut client, b"six").await.unwrap(), b"six");
    }
}
