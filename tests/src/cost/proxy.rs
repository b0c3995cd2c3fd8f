//! Stands between a service and PostgreSQL, passes everything on, and counts the statements that go by.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

/// Asks for TLS or GSSAPI before the session begins; the answer is one byte.
const REQUESTS_FOR_ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];

pub struct Proxy {
    pub port: u16,
    counts: Counts,
}

impl Proxy {
    /// On threads of its own, which end with the process: a service restarts while the test's thread waits for it.
    pub fn start(postgres: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, counts) = (listener.local_addr()?.port(), Counts::default());
        let shared = Arc::clone(&counts);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counts = Arc::clone(&shared);
                thread::spawn(move || serve(&client, postgres, &counts).ok());
            }
        });
        Ok(Self { port, counts })
    }

    /// How often each was executed, by its text.
    pub fn statements(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(client: &TcpStream, postgres: u16, counts: &Counts) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, postgres))?;
    // Small messages go at once, as they would without us.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        io::copy(&mut from_server, &mut to_client).ok();
        to_client.shutdown(Shutdown::Both).ok();
    });
    let outcome = forward(client, &server, counts);
    server.shutdown(Shutdown::Both).ok();
    outcome
}

/// Messages are counted before they are passed on, so that none is missing once its answer is there.
fn forward(mut client: &TcpStream, mut server: &TcpStream, counts: &Counts) -> io::Result<()> {
    loop {
        let (length, body) = message(&mut client)?;
        server.write_all(&[&length[..], &body].concat())?;
        if !body.first_chunk().is_some_and(|code| REQUESTS_FOR_ENCRYPTION.contains(&u32::from_be_bytes(*code))) {
            break;
        }
    }
    let mut session = Session::default();
    loop {
        let mut kind = [0];
        client.read_exact(&mut kind)?;
        let (length, body) = message(&mut client)?;
        if let Some(text) = session.executed(kind[0], &body) {
            *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(text).or_default() += 1;
        }
        server.write_all(&[&kind[..], &length, &body].concat())?;
    }
}

/// A message's length, which counts itself, and what follows it.
fn message(from: &mut impl Read) -> io::Result<([u8; 4], Vec<u8>)> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
    from.read_exact(&mut body)?;
    Ok((length, body))
}

/// Which text stands behind the names of prepared statements and portals.
#[derive(Default)]
struct Session {
    prepared: HashMap<String, String>,
    portals: HashMap<String, String>,
}

impl Session {
    /// The text of the statement that this message executes, if it does.
    fn executed(&mut self, kind: u8, body: &[u8]) -> Option<String> {
        let mut words = body.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut word = || words.next().unwrap_or_default();
        match kind {
            // How a transaction begins and ends is no statement of its own; the end of a read comes when it likes.
            b'Q' => Some(on_one_line(&word())).filter(|text| !text.starts_with("BEGIN") && text != "ROLLBACK"),
            b'P' => {
                let (name, text) = (word(), word());
                self.prepared.insert(name, on_one_line(&text));
                None
            }
            b'B' => {
                let (portal, name) = (word(), word());
                self.portals.insert(portal, self.prepared.get(&name).cloned().unwrap_or_default());
                None
            }
            b'E' => Some(self.portals.get(&word()).cloned().unwrap_or_default()),
            _ => None,
        }
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
