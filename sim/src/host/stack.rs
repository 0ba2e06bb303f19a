//! A host with a real stack (smoltcp): ARP, neighbor discovery, IPv4, IPv6, ICMP, UDP, TCP.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use bifrons_model::Timestamp;
use smoltcp::{
    iface::{Config, Interface, PollResult, SocketSet},
    phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::{Socket, tcp},
    time::Instant,
    wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint},
};

use super::{Addresses, Host, HostOutput, Report};
use crate::frame::{Body, View, flag, tcp_flags};

/// The bits of a host's IPv4 network.
pub const PREFIX_V4: u8 = 16;
/// The bits of a host's IPv6 network.
pub const PREFIX_V6: u8 = 64;

/// How often in one moment tasks may go on with what the stack gave them.
const ROUNDS_MAX: usize = 64;

/// The least time between two looks at a stack that has nothing new.
const BREATH: Duration = Duration::from_millis(1);

/// Something that a host does: serve, fetch, ask.
pub trait Task: Send {
    /// Does what can be done; true if the stack has to look at its sockets again.
    fn advance(&mut self, now: Timestamp, surroundings: &mut Surroundings<'_>) -> bool;
    /// When it goes on by itself.
    fn deadline(&self) -> Option<Timestamp>;
}

/// What a task works with.
pub struct Surroundings<'a> {
    /// The stack's interface.
    pub interface: &'a mut Interface,
    /// Its sockets.
    pub sockets: &'a mut SocketSet<'static>,
    /// The host's addresses.
    pub addresses: &'a Addresses,
    reports: &'a mut VecDeque<Report>,
    next_port: &'a mut u16,
}

impl Surroundings<'_> {
    /// Tells something.
    pub fn report(&mut self, report: Report) {
        self.reports.push_back(report);
    }

    /// A port that was not used lately.
    pub fn port(&mut self) -> u16 {
        let port = *self.next_port;
        *self.next_port = if port == PORTS.1 { PORTS.0 } else { port + 1 };
        port
    }
}

/// The ports that clients speak from (RFC 6335, section 6: dynamic ports).
const PORTS: (u16, u16) = (49_152, 65_535);

/// A TCP socket with room for `bytes` in each direction, as hosts have it.
pub fn tcp_socket(bytes: usize) -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; bytes]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    socket.set_timeout(Some(smoltcp::time::Duration::from_secs(GIVES_UP)));
    // An old acknowledgement that comes late stops the stack's timer while data is on its way; answers to
    // these probes let it repeat the data.
    socket.set_keep_alive(Some(smoltcp::time::Duration::from_secs(PROBES)));
    socket.set_ack_delay(None);
    socket
}

/// After how many seconds of silence an end asks the other whether it is there.
const PROBES: u64 = 20;

/// After how many seconds without an acknowledgement a connection is given up.
pub const GIVES_UP: u64 = 900;

/// A host.
pub struct Stack {
    addresses: Addresses,
    sent: VecDeque<Vec<u8>>,
    mtu: usize,
    interface: Interface,
    sockets: SocketSet<'static>,
    tasks: Vec<Box<dyn Task>>,
    reports: VecDeque<Report>,
    next_port: u16,
}

impl Stack {
    /// A host that does `tasks`. What its stack draws (initial sequence numbers) comes from `seed`.
    ///
    /// # Panics
    /// Where the stack has no room for three addresses and two routes, which is fixed when it is built.
    pub fn new(
        now: Timestamp,
        addresses: Addresses,
        mtu: usize,
        seed: u64,
        tasks: Vec<Box<dyn Task>>,
    ) -> Self {
        let mut sent = VecDeque::new();
        let mut wire = Wire { received: None, sent: &mut sent, mtu };
        let mut config = Config::new(EthernetAddress(addresses.mac).into());
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut wire, instant(now));
        interface.update_ip_addrs(|own| {
            let all =
                [(IpAddress::from(addresses.v4), PREFIX_V4), (IpAddress::from(addresses.v6), PREFIX_V6)];
            for (address, prefix) in all {
                own.push(IpCidr::new(address, prefix)).expect("room for an address");
            }
        });
        if let Some((v4, v6)) = addresses.gateway {
            interface.routes_mut().add_default_ipv4_route(v4).expect("room for a route");
            interface.routes_mut().add_default_ipv6_route(v6).expect("room for a route");
        }
        let first_port = PORTS.0 + (seed % 10_000) as u16;
        Self {
            addresses,
            sent,
            mtu,
            interface,
            sockets: SocketSet::new(Vec::new()),
            tasks,
            reports: VecDeque::new(),
            next_port: first_port,
        }
    }

    /// Whether a SYN belongs to a connection that stands or is being made. smoltcp may hand it to another
    /// socket that listens on the port, and a second connection with the same ends would break the first; the
    /// answer to a SYN is repeated by time, so nothing is lost with it.
    fn is_repeated_syn(&self, frame: &[u8]) -> bool {
        if tcp_flags(frame).is_none_or(|flags| flags & (flag::SYN | flag::ACK) != flag::SYN) {
            return false;
        }
        let view = View::of(frame);
        let Some(packet) = view.packet() else { return false };
        let Body::Tcp(segment) = packet.body else { return false };
        let peer = IpEndpoint::new(packet.source.into(), segment.source);
        self.sockets.iter().any(|(_, socket)| match socket {
            Socket::Tcp(socket) => {
                socket.remote_endpoint() == Some(peer)
                    && socket.local_endpoint().is_some_and(|own| own.port == segment.destination)
                    && !matches!(socket.state(), tcp::State::Closed | tcp::State::TimeWait)
            }
            Socket::Udp(_) | Socket::Icmp(_) => false,
        })
    }

    /// Takes a frame, if there is one, and does what can be done.
    fn advance(&mut self, now: Timestamp, frame: Option<&[u8]>) {
        let mut wire = Wire { received: frame, sent: &mut self.sent, mtu: self.mtu };
        for round in 0..ROUNDS_MAX {
            let polled = self.interface.poll(instant(now), &mut wire, &mut self.sockets);
            // The sockets are as the tasks have left them.
            if round > 0 && polled == PollResult::None {
                break;
            }
            let mut surroundings = Surroundings {
                interface: &mut self.interface,
                sockets: &mut self.sockets,
                addresses: &self.addresses,
                reports: &mut self.reports,
                next_port: &mut self.next_port,
            };
            let mut has_worked = false;
            for task in &mut self.tasks {
                has_worked |= task.advance(now, &mut surroundings);
            }
            if !has_worked {
                break;
            }
        }
    }
}

impl Host for Stack {
    fn handle_frame(&mut self, now: Timestamp, frame: &[u8]) {
        if !self.is_repeated_syn(frame) {
            self.advance(now, Some(frame));
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now, None);
    }

    fn poll_timeout(&mut self, now: Timestamp) -> Option<Timestamp> {
        let stack = self.interface.poll_at(instant(now), &self.sockets).map(|due| {
            let micros = u64::try_from(due.total_micros()).unwrap_or_default();
            Timestamp::from_nanos(micros.saturating_mul(1_000)).max(now + BREATH)
        });
        // What is due already waits for the network.
        let tasks = self.tasks.iter().filter_map(|task| task.deadline()).filter(|due| *due > now);
        stack.into_iter().chain(tasks).min()
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        let frame = self.sent.pop_front().map(HostOutput::Frame);
        frame.or_else(|| self.reports.pop_front().map(HostOutput::Report))
    }
}

/// The stack counts microseconds.
pub(super) fn instant(now: Timestamp) -> Instant {
    Instant::from_micros((now.as_nanos() / 1_000) as i64)
}

/// An address in the stack's words.
pub(super) fn endpoint(address: IpAddr, port: u16) -> (IpAddress, u16) {
    (IpAddress::from(address), port)
}

/// What the stack's interface is plugged into, for as long as it looks.
struct Wire<'f> {
    received: Option<&'f [u8]>,
    sent: &'f mut VecDeque<Vec<u8>>,
    mtu: usize,
}

struct Received<'f>(&'f [u8]);

struct Sent<'a>(&'a mut VecDeque<Vec<u8>>);

impl<'f> Device for Wire<'f> {
    type RxToken<'a>
        = Received<'f>
    where
        Self: 'a;
    type TxToken<'a>
        = Sent<'a>
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Received<'f>, Sent<'_>)> {
        Some((Received(self.received.take()?), Sent(self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sent<'_>> {
        Some(Sent(self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        // The stack counts the Ethernet header in.
        capabilities.max_transmission_unit = self.mtu + 14;
        capabilities
    }
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        self.0.push_back(frame);
        result
    }
}
