//! Log messages from the network: syslog over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).
//!
//! A [`Listener`] has a thread of its own, over TCP and TLS one more for each connection, and hands what it
//! receives to a bounded channel. A receiver that is slow slows the senders over TCP and TLS; over UDP the
//! system drops what nobody takes.

mod tls;

use std::{
    io::{self, Read},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::SyncSender,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use tls::{TlsError, server_config};

use crate::read::{Framing, LINE_MAX, Next, Window, datagram};

/// How messages come.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A message or a few in each datagram.
    Udp,
    /// A stream of messages, with counts of octets or line breaks between them.
    Tcp,
    /// The same, encrypted; see [`server_config`].
    Tls(Arc<ServerConfig>),
}

/// Messages of one sender that came together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    /// Who sent them.
    pub peer: SocketAddr,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Messages {
    /// The messages in the order of their arrival, without what framed them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(begin, end)| self.text.get(begin..*end))
    }

    fn new(peer: SocketAddr) -> Self {
        Self { peer, text: Vec::new(), ends: Vec::new() }
    }

    fn push(&mut self, message: &[u8]) {
        self.text.extend_from_slice(message);
        self.ends.push(self.text.len());
    }
}

/// What a listener has seen since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerCounts {
    /// Messages handed on.
    pub messages: u64,
    /// Messages longer than [`LINE_MAX`], which were passed over.
    pub too_long: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because there were too many.
    pub refused: u64,
    /// Connections that ended by an error, such as a failed TLS handshake.
    pub failed: u64,
}

/// Receives messages until it is dropped.
pub struct Listener {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    open: AtomicU64,
    messages: AtomicU64,
    too_long: AtomicU64,
    connections: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

/// The most connections that are open at a time. Each may hold a message of [`LINE_MAX`] bytes.
const CONNECTIONS_MAX: u64 = 256;

/// How often a thread that waits looks whether it should end.
const PATIENCE: Duration = Duration::from_millis(200);

/// How many times a TLS handshake may make a thread wait.
const HANDSHAKE_WAITS: u32 = 50;

/// How much is gathered before it is handed on.
const BATCH: usize = 64 << 10;

impl Listener {
    /// Listens at `address`; port 0 lets the system choose one. What comes goes to `receiver`.
    ///
    /// # Errors
    /// When the address cannot be had, or no thread.
    pub fn start(
        transport: Transport,
        address: SocketAddr,
        receiver: SyncSender<Messages>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let builder = thread::Builder::new().name("log listener".to_owned());
        let (address, thread) = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(address)?;
                socket.set_read_timeout(Some(PATIENCE))?;
                (socket.local_addr()?, builder.spawn(move || datagrams(&socket, &receiver, &for_thread))?)
            }
            Transport::Tcp => {
                let listener = TcpListener::bind(address)?;
                (
                    listener.local_addr()?,
                    builder.spawn(move || accept(&listener, None, &receiver, &for_thread))?,
                )
            }
            Transport::Tls(config) => {
                let listener = TcpListener::bind(address)?;
                let address = listener.local_addr()?;
                let run = move || accept(&listener, Some(&config), &receiver, &for_thread);
                (address, builder.spawn(run)?)
            }
        };
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen so far.
    pub fn counts(&self) -> ListenerCounts {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let Shared { messages, too_long, connections, refused, failed, .. } = &*self.shared;
        ListenerCounts {
            messages: count(messages),
            too_long: count(too_long),
            connections: count(connections),
            refused: count(refused),
            failed: count(failed),
        }
    }
}

impl Drop for Listener {
    /// Ends it, in less than a second unless the receiver keeps it waiting.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // A thread that has panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn add(number: &AtomicU64, count: usize) {
        number.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Hands messages on, if there are any; `false` when nobody takes them any more.
    fn hand_on(&self, messages: &mut Messages, receiver: &SyncSender<Messages>) -> bool {
        if messages.ends.is_empty() {
            return true;
        }
        Self::add(&self.messages, messages.ends.len());
        let next = Messages::new(messages.peer);
        receiver.send(std::mem::replace(messages, next)).is_ok()
    }
}

fn datagrams(socket: &UdpSocket, receiver: &SyncSender<Messages>, shared: &Shared) {
    // The longest datagram there is.
    let mut buffer = vec![0; 1 << 16];
    while !shared.stopped() {
        let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
        let mut messages = Messages::new(peer);
        datagram(buffer.get(..length).unwrap_or_default()).for_each(|message| messages.push(message));
        if !shared.hand_on(&mut messages, receiver) {
            return;
        }
    }
}

/// Accepts connections and gives each a thread.
fn accept(
    listener: &TcpListener,
    tls: Option<&Arc<ServerConfig>>,
    receiver: &SyncSender<Messages>,
    shared: &Arc<Shared>,
) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    // Without this, accepting would wait for ever, and nobody could end it.
    let waits = listener.set_nonblocking(true).is_ok();
    while waits && !shared.stopped() {
        threads.retain(|thread| !thread.is_finished());
        let Ok((stream, peer)) = listener.accept() else {
            thread::sleep(PATIENCE / 10);
            continue;
        };
        if shared.open.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            Shared::add(&shared.refused, 1);
            continue;
        }
        Shared::add(&shared.connections, 1);
        shared.open.fetch_add(1, Ordering::Relaxed);
        let (tls, receiver, for_thread) = (tls.cloned(), receiver.clone(), Arc::clone(shared));
        let run = move || {
            let ended = connection(stream, peer, tls, &receiver, &for_thread);
            Shared::add(&for_thread.failed, usize::from(ended.is_err()));
            for_thread.open.fetch_sub(1, Ordering::Relaxed);
        };
        match thread::Builder::new().name("log connection".to_owned()).spawn(run) {
            Ok(thread) => threads.push(thread),
            Err(_) => {
                shared.open.fetch_sub(1, Ordering::Relaxed);
                Shared::add(&shared.refused, 1);
            }
        }
    }
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    receiver: &SyncSender<Messages>,
    shared: &Shared,
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let messages = Messages::new(peer);
    match tls {
        None => receive(stream, messages, receiver, shared, |_| false),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(io::Error::other)?;
            let stream = StreamOwned::new(session, stream);
            receive(stream, messages, receiver, shared, |stream| stream.conn.is_handshaking())
        }
    }
}

/// Takes messages off a stream until it ends.
fn receive<S: Read>(
    mut stream: S,
    mut messages: Messages,
    receiver: &SyncSender<Messages>,
    shared: &Shared,
    is_beginning: impl Fn(&S) -> bool,
) -> io::Result<()> {
    let mut window = Window::new(Framing::Syslog, LINE_MAX);
    let mut waits = 0;
    loop {
        let filled = match window.next() {
            Next::Message(place) => {
                let message = window.message(&place).trim_ascii();
                if !message.is_empty() {
                    messages.push(message);
                }
                if messages.text.len() < BATCH || shared.hand_on(&mut messages, receiver) {
                    continue;
                }
                return Ok(());
            }
            Next::TooLong => {
                Shared::add(&shared.too_long, 1);
                continue;
            }
            Next::More if shared.hand_on(&mut messages, receiver) => window.fill(&mut stream),
            Next::More => return Ok(()),
            Next::End => {
                shared.hand_on(&mut messages, receiver);
                return Ok(());
            }
        };
        match filled {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                waits += u32::from(is_beginning(&stream));
                if shared.stopped() {
                    return Ok(());
                }
                if waits > HANDSHAKE_WAITS {
                    return Err(error);
                }
            }
            // Many senders just go: TLS without its last word, and a reset where the session's tickets were
            // not wanted.
            Err(error) if is_farewell(&error) && !is_beginning(&stream) => window.end(),
            Err(error) => return Err(error),
        }
    }
}

fn is_farewell(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests;
