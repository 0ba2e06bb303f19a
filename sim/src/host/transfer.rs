//! Transfers over TCP whose every byte is checked at the other end.
//!
//! The client says in 32 bytes who it is and how much goes each way, sends its part, and gets the server's
//! part once the server has seen all of it. Then the client closes.

use std::{net::IpAddr, time::Duration};

use bifrons_model::Timestamp;
use smoltcp::{
    iface::SocketHandle,
    socket::tcp::{Socket, State},
};

use super::{
    Report,
    content::{Way, fill, first_wrong},
    stack::{Surroundings, Task, endpoint, tcp_socket},
};

const HEAD: usize = 32;
const BUFFER: usize = 16 * 1024;
/// How much is written at a time where a transfer takes pauses.
const CHUNK: u64 = 2_000;
/// Connections that a server accepts at the same time.
const BACKLOG: usize = 2;

/// How much goes each way, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Bytes from client to server.
    pub up: u64,
    /// Bytes from server to client, at least one: they say that all has arrived.
    pub down: u64,
    /// How long each end waits after every two thousand bytes.
    pub pause: Duration,
}

/// One direction of a transfer at its sender.
#[derive(Debug)]
struct Sending {
    stream: u64,
    way: Way,
    sent: u64,
    length: u64,
    pause: Duration,
    next: Option<Timestamp>,
}

impl Sending {
    fn new(stream: u64, way: Way, length: u64, pause: Duration) -> Self {
        Self { stream, way, sent: 0, length, pause, next: None }
    }

    const fn is_complete(&self) -> bool {
        self.sent >= self.length
    }

    /// Writes what fits and is due.
    fn advance(&mut self, now: Timestamp, socket: &mut Socket<'_>) -> bool {
        let mut has_worked = false;
        while !self.is_complete() && socket.can_send() && self.next.is_none_or(|next| next <= now) {
            let left = self.length - self.sent;
            let most = if self.pause.is_zero() { left } else { left.min(CHUNK) };
            let (stream, way, offset) = (self.stream, self.way, self.sent);
            let written = socket.send(|room| {
                let taken = room.len().min(usize::try_from(most).unwrap_or(usize::MAX));
                fill(stream, way, offset, &mut room[..taken]);
                (taken, taken)
            });
            let Ok(written) = written else { break };
            self.sent += written as u64;
            self.next = (!self.pause.is_zero()).then(|| now + self.pause);
            has_worked = true;
        }
        has_worked
    }
}

/// Takes what came and compares it; how much came, or where it is wrong.
fn receive(socket: &mut Socket<'_>, stream: u64, way: Way, offset: u64, most: u64) -> Result<u64, u64> {
    let mut wrong = None;
    let taken = socket.recv(|bytes| {
        let taken = bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        wrong = first_wrong(stream, way, offset, &bytes[..taken]);
        (taken, taken)
    });
    match (wrong, taken) {
        (Some(place), _) => Err(place),
        (None, taken) => Ok(taken.unwrap_or_default() as u64),
    }
}

/// The end that opens.
pub struct TransferClient {
    talk: usize,
    begin: Timestamp,
    server: (IpAddr, u16),
    load: Load,
    socket: Option<SocketHandle>,
    head_sent: bool,
    sending: Sending,
    received: u64,
    is_over: bool,
}

impl TransferClient {
    /// A transfer that begins at `begin`.
    pub fn new(talk: usize, begin: Timestamp, server: (IpAddr, u16), load: Load) -> Self {
        let sending = Sending::new(talk as u64, Way::Up, load.up, load.pause);
        Self {
            talk,
            begin,
            server,
            load,
            socket: None,
            head_sent: false,
            sending,
            received: 0,
            is_over: false,
        }
    }

    fn open(&mut self, surroundings: &mut Surroundings<'_>) {
        let port = surroundings.port();
        let mut socket = tcp_socket(BUFFER);
        let remote = endpoint(self.server.0, self.server.1);
        let opened = socket.connect(surroundings.interface.context(), remote, port);
        self.socket = Some(surroundings.sockets.add(socket));
        surroundings.report(Report::Begun { talk: self.talk, port });
        if opened.is_err() {
            self.fail(surroundings, "the stack did not connect");
        }
    }

    fn fail(&mut self, surroundings: &mut Surroundings<'_>, why: &'static str) {
        self.is_over = true;
        surroundings.report(Report::Failed { talk: self.talk, why });
    }

    fn head(&self) -> [u8; HEAD] {
        let numbers = [
            self.talk as u64,
            self.load.up,
            self.load.down,
            u64::try_from(self.load.pause.as_micros()).unwrap_or_default(),
        ];
        let mut head = [0; HEAD];
        for (place, number) in head.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        head
    }
}

impl Task for TransferClient {
    fn advance(&mut self, now: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        let Some(handle) = self.socket else {
            let is_due = !self.is_over && self.begin <= now;
            if is_due {
                self.open(surroundings);
            }
            return is_due;
        };
        let head = self.head();
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(handle);
        if self.is_over {
            if socket.state() == State::Closed {
                surroundings.sockets.remove(handle);
                self.socket = None;
            }
            return false;
        }
        if socket.state() == State::Closed {
            let why =
                if self.head_sent { "the connection ended early" } else { "the connection never stood" };
            self.fail(surroundings, why);
            return false;
        }
        let mut has_worked = false;
        if socket.may_send() && !self.head_sent && socket.send_capacity() - socket.send_queue() >= HEAD {
            self.head_sent = socket.send_slice(&head).is_ok();
            has_worked = true;
        }
        if self.head_sent {
            has_worked |= self.sending.advance(now, socket);
        }
        while socket.can_recv() && self.received < self.load.down {
            let left = self.load.down - self.received;
            match receive(socket, self.talk as u64, Way::Down, self.received, left) {
                Ok(taken) => self.received += taken,
                Err(place) => {
                    self.is_over = true;
                    socket.abort();
                    let text = format!("byte {place} from the server is wrong");
                    surroundings.report(Report::Wrong { talk: self.talk, text });
                    return true;
                }
            }
            has_worked = true;
        }
        if self.received == self.load.down && self.sending.is_complete() && socket.send_queue() == 0 {
            socket.close();
            self.is_over = true;
            surroundings.report(Report::Finished { talk: self.talk });
            return true;
        }
        if !socket.may_recv() && socket.state() != State::SynSent && !socket.can_recv() {
            self.fail(surroundings, "the server closed early");
        }
        has_worked
    }

    fn deadline(&self) -> Option<Timestamp> {
        if self.is_over {
            return None;
        }
        if self.socket.is_none() { Some(self.begin) } else { self.sending.next.filter(|_| self.is_sending()) }
    }
}

impl TransferClient {
    fn is_sending(&self) -> bool {
        self.head_sent && !self.sending.is_complete()
    }
}

/// The end that is opened to.
pub struct TransferServer {
    port: u16,
    connections: Vec<Connection>,
    deadline: Option<Timestamp>,
}

struct Connection {
    handle: SocketHandle,
    head: Vec<u8>,
    upload: Option<(u64, Load)>,
    received: u64,
    sending: Option<Sending>,
}

impl TransferServer {
    /// A server on a port.
    pub const fn new(port: u16) -> Self {
        Self { port, connections: Vec::new(), deadline: None }
    }

    /// Lets go what is closed and keeps a few sockets open for the next ones.
    fn tend(&mut self, surroundings: &mut Surroundings<'_>) -> bool {
        let mut open = 0;
        self.connections.retain(|connection| {
            let state = surroundings.sockets.get::<Socket<'_>>(connection.handle).state();
            let is_over = state == State::Closed;
            if is_over {
                surroundings.sockets.remove(connection.handle);
            }
            open += usize::from(state == State::Listen);
            !is_over
        });
        for _ in open..BACKLOG {
            let mut socket = tcp_socket(BUFFER);
            if socket.listen(self.port).is_ok() {
                let handle = surroundings.sockets.add(socket);
                self.connections.push(Connection {
                    handle,
                    head: Vec::new(),
                    upload: None,
                    received: 0,
                    sending: None,
                });
            }
        }
        open < BACKLOG
    }
}

impl Connection {
    fn advance(&mut self, now: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(self.handle);
        let mut has_worked = false;
        while self.upload.is_none() && socket.can_recv() {
            let missing = HEAD - self.head.len();
            let head = &mut self.head;
            let _ = socket.recv(|bytes| {
                let taken = bytes.len().min(missing);
                head.extend_from_slice(&bytes[..taken]);
                (taken, taken)
            });
            has_worked = true;
            self.upload = read_head(&self.head);
            if let Some((talk, _)) = self.upload {
                surroundings.report(Report::Heard { talk: talk as usize });
                break;
            }
        }
        let Some((talk, load)) = self.upload else {
            let socket = surroundings.sockets.get_mut::<Socket<'_>>(self.handle);
            return has_worked | close_behind(socket);
        };
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(self.handle);
        while socket.can_recv() && self.received < load.up {
            match receive(socket, talk, Way::Up, self.received, load.up - self.received) {
                Ok(taken) => self.received += taken,
                Err(place) => {
                    socket.abort();
                    let text = format!("byte {place} from the client is wrong");
                    surroundings.report(Report::Wrong { talk: talk as usize, text });
                    return true;
                }
            }
            has_worked = true;
        }
        if self.received == load.up {
            let sending =
                self.sending.get_or_insert_with(|| Sending::new(talk, Way::Down, load.down, load.pause));
            has_worked |= sending.advance(now, socket);
        }
        has_worked | close_behind(socket)
    }

    fn deadline(&self) -> Option<Timestamp> {
        let sending = self.sending.as_ref().filter(|sending| !sending.is_complete())?;
        sending.next
    }
}

/// Closes when the client has.
fn close_behind(socket: &mut Socket<'_>) -> bool {
    let is_left = socket.state() == State::CloseWait && !socket.can_recv() && socket.send_queue() == 0;
    if is_left {
        socket.close();
    }
    is_left
}

fn read_head(head: &[u8]) -> Option<(u64, Load)> {
    let head: &[u8; HEAD] = head.try_into().ok()?;
    let mut numbers = head.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok().map(u64::from_be_bytes));
    let (talk, up, down, pause) = (numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()?);
    Some((talk, Load { up, down, pause: Duration::from_micros(pause) }))
}

impl Task for TransferServer {
    fn advance(&mut self, now: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        let mut has_worked = false;
        for connection in &mut self.connections {
            has_worked |= connection.advance(now, surroundings);
        }
        has_worked |= self.tend(surroundings);
        self.deadline = self.connections.iter().filter_map(Connection::deadline).min();
        has_worked
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }
}
