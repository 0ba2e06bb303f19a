//! Echo requests (RFC 792, RFC 4443); every stack answers them by itself.

use std::{net::IpAddr, time::Duration};

use bifrons_model::Timestamp;
use smoltcp::{
    iface::SocketHandle,
    phy::ChecksumCapabilities,
    socket::icmp::{Endpoint, PacketBuffer, PacketMetadata, Socket},
    wire::{Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress},
};

use super::{
    Report,
    content::{Way, fill, first_wrong},
    stack::{Surroundings, Task},
    udp::Questions,
};

/// How long the last answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Packets that wait in a socket.
const WAITING: usize = 16;

/// Pings a host.
pub struct Ping {
    talk: usize,
    target: IpAddr,
    questions: Questions,
    next: Timestamp,
    socket: Option<(SocketHandle, u16)>,
    sent: u32,
    answered: u32,
    is_over: bool,
}

impl Ping {
    /// Pings from `begin` on.
    pub const fn new(talk: usize, begin: Timestamp, target: IpAddr, questions: Questions) -> Self {
        Self { talk, target, questions, next: begin, socket: None, sent: 0, answered: 0, is_over: false }
    }

    fn open(&mut self, surroundings: &mut Surroundings<'_>) -> (SocketHandle, u16) {
        if let Some(open) = self.socket {
            return open;
        }
        let identifier = surroundings.port();
        let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; WAITING], vec![0; WAITING * 1_500]);
        let mut socket = Socket::new(buffer(), buffer());
        let _ = socket.bind(Endpoint::Ident(identifier));
        let handle = surroundings.sockets.add(socket);
        self.socket = Some((handle, identifier));
        surroundings.report(Report::Begun { talk: self.talk, port: identifier });
        (handle, identifier)
    }

    fn ask(&mut self, surroundings: &mut Surroundings<'_>) {
        let (handle, ident) = self.open(surroundings);
        let seq_no = self.sent as u16;
        let mut data = vec![0; self.questions.length];
        fill(self.talk as u64, Way::Up, u64::from(self.sent) * 2_048, &mut data);
        let own = *surroundings.addresses;
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(handle);
        let caps = ChecksumCapabilities::default();
        match self.target {
            IpAddr::V4(target) => {
                let echo = Icmpv4Repr::EchoRequest { ident, seq_no, data: &data };
                if let Ok(room) = socket.send(echo.buffer_len(), IpAddress::Ipv4(target)) {
                    echo.emit(&mut Icmpv4Packet::new_unchecked(room), &caps);
                }
            }
            IpAddr::V6(target) => {
                let echo = Icmpv6Repr::EchoRequest { ident, seq_no, data: &data };
                if let Ok(room) = socket.send(echo.buffer_len(), IpAddress::Ipv6(target)) {
                    echo.emit(&own.v6, &target, &mut Icmpv6Packet::new_unchecked(room), &caps);
                }
            }
        }
        self.sent += 1;
    }

    fn listen(&mut self, surroundings: &mut Surroundings<'_>) {
        let Some((handle, _)) = self.socket else { return };
        let mut wrong = None;
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(handle);
        while let Ok((bytes, _)) = socket.recv() {
            // Echo replies only: type 0 or 129, then code, checksum, identifier and number.
            let Some((head, data)) = bytes.split_first_chunk::<8>() else { continue };
            if !matches!(head[0], 0 | 129) {
                continue;
            }
            self.answered += 1;
            let number = u64::from(u16::from_be_bytes([head[6], head[7]]));
            wrong = wrong.or(first_wrong(self.talk as u64, Way::Up, number * 2_048, data));
        }
        if let Some(place) = wrong {
            let text = format!("byte {place} of the echoes is wrong");
            surroundings.report(Report::Wrong { talk: self.talk, text });
        }
    }
}

impl Task for Ping {
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
            if let Some((handle, _)) = self.socket.take() {
                surroundings.sockets.remove(handle);
            }
            return false;
        }
        self.ask(surroundings);
        let is_last = self.sent == self.questions.count;
        self.next = now + if is_last { PATIENCE } else { self.questions.interval };
        true
    }

    fn deadline(&self) -> Option<Timestamp> {
        (!self.is_over).then_some(self.next)
    }
}
