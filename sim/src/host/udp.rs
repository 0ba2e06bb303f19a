//! Questions and answers over UDP: the server sends back what it got.

use std::{net::IpAddr, time::Duration};

use bifrons_model::Timestamp;
use smoltcp::{
    iface::SocketHandle,
    socket::udp::{PacketBuffer, PacketMetadata, Socket},
};

use super::{
    Report,
    content::{Way, fill, first_wrong},
    stack::{Surroundings, Task, endpoint},
};

/// How long the last answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Datagrams that wait in a socket.
const WAITING: usize = 16;
/// Between the contents of two questions.
const STRIDE: u64 = 4_096;
/// The longest datagram: longer than a link's MTU, so that it travels in parts.
const LONGEST: usize = 4_000;
/// The number that each datagram begins with: who asks, and which question it is.
const HEAD: usize = 16;

/// What is asked how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Questions {
    /// How many.
    pub count: u32,
    /// The time between two.
    pub interval: Duration,
    /// How many bytes each has behind its number.
    pub length: usize,
}

fn socket() -> Socket<'static> {
    let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; WAITING], vec![0; WAITING * LONGEST]);
    Socket::new(buffer(), buffer())
}

/// Asks.
pub struct UdpClient {
    talk: usize,
    server: (IpAddr, u16),
    questions: Questions,
    next: Timestamp,
    socket: Option<SocketHandle>,
    sent: u32,
    answered: u32,
    is_over: bool,
}

impl UdpClient {
    /// Questions from `begin` on.
    pub const fn new(talk: usize, begin: Timestamp, server: (IpAddr, u16), questions: Questions) -> Self {
        Self { talk, server, questions, next: begin, socket: None, sent: 0, answered: 0, is_over: false }
    }

    fn handle(&mut self, surroundings: &mut Surroundings<'_>) -> SocketHandle {
        if let Some(handle) = self.socket {
            return handle;
        }
        let port = surroundings.port();
        let mut socket = socket();
        let _ = socket.bind(port);
        let handle = surroundings.sockets.add(socket);
        self.socket = Some(handle);
        surroundings.report(Report::Begun { talk: self.talk, port });
        handle
    }

    fn datagram(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEAD + self.questions.length];
        bytes[..8].copy_from_slice(&(self.talk as u64).to_be_bytes());
        bytes[8..HEAD].copy_from_slice(&u64::from(self.sent).to_be_bytes());
        fill(self.talk as u64, Way::Up, u64::from(self.sent) * STRIDE, &mut bytes[HEAD..]);
        bytes
    }

    fn listen(&mut self, surroundings: &mut Surroundings<'_>) {
        let Some(handle) = self.socket else { return };
        let mut wrong = None;
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(handle);
        while let Ok((bytes, _)) = socket.recv() {
            let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { continue };
            let number = u64::from_be_bytes([
                head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15],
            ]);
            self.answered += 1;
            wrong = wrong.or(first_wrong(self.talk as u64, Way::Up, number * STRIDE, rest));
        }
        if let Some(place) = wrong {
            let text = format!("byte {place} of the answers is wrong");
            surroundings.report(Report::Wrong { talk: self.talk, text });
        }
    }
}

impl Task for UdpClient {
    fn advance(&mut self, now: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        if self.is_over {
            return false;
        }
        self.listen(surroundings);
        if now < self.next {
            return false;
        }
        if self.sent == self.questions.count {
            self.is_over = true;
            let (sent, answered) = (self.sent, self.answered);
            surroundings.report(Report::Answered { talk: self.talk, sent, answered });
            if let Some(handle) = self.socket.take() {
                surroundings.sockets.remove(handle);
            }
            return false;
        }
        let handle = self.handle(surroundings);
        let datagram = self.datagram();
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(handle);
        let (address, port) = endpoint(self.server.0, self.server.1);
        let _ = socket.send_slice(&datagram, (address, port));
        self.sent += 1;
        let is_last = self.sent == self.questions.count;
        self.next = now + if is_last { PATIENCE } else { self.questions.interval };
        true
    }

    fn deadline(&self) -> Option<Timestamp> {
        (!self.is_over).then_some(self.next)
    }
}

/// Answers on a port.
pub struct UdpServer {
    port: u16,
    socket: Option<SocketHandle>,
}

impl UdpServer {
    /// A server on a port.
    pub const fn new(port: u16) -> Self {
        Self { port, socket: None }
    }
}

impl Task for UdpServer {
    fn advance(&mut self, _: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        let Some(handle) = self.socket else {
            let mut socket = socket();
            let _ = socket.bind(self.port);
            self.socket = Some(surroundings.sockets.add(socket));
            return true;
        };
        let mut has_worked = false;
        loop {
            let socket = surroundings.sockets.get_mut::<Socket<'_>>(handle);
            let Ok((bytes, from)) = socket.recv() else { return has_worked };
            let bytes = bytes.to_vec();
            let _ = socket.send_slice(&bytes, from.endpoint);
            if let Some(talk) = bytes.first_chunk::<8>() {
                let talk = u64::from_be_bytes(*talk) as usize;
                surroundings.report(Report::Heard { talk });
            }
            has_worked = true;
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }
}
