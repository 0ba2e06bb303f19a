//! A host with one TCP socket, on a link of bare IP packets.

use std::{collections::VecDeque, net::IpAddr};

use bifrons_model::Timestamp;
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::tcp::{self, State},
    time::Instant,
    wire::{HardwareAddress, IpAddress, IpCidr},
};

pub struct Host {
    address: IpAddr,
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    tcp: SocketHandle,
    pub heard: Vec<u8>,
}

impl Host {
    pub fn new(address: IpAddr) -> Self {
        let mut wire = Wire::default();
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|own| {
            own.push(IpCidr::new(IpAddress::from(address), 0)).expect("room for one address");
        });
        match address {
            IpAddr::V4(own) => interface.routes_mut().add_default_ipv4_route(own).map(|_| ()),
            IpAddr::V6(own) => interface.routes_mut().add_default_ipv6_route(own).map(|_| ()),
        }
        .expect("room for one route");
        let buffer = || tcp::SocketBuffer::new(vec![0; 16 * 1024]);
        let mut sockets = SocketSet::new(vec![]);
        let tcp = sockets.add(tcp::Socket::new(buffer(), buffer()));
        Self { address, wire, interface, sockets, tcp, heard: Vec::new() }
    }

    pub fn listen(&mut self, port: u16) {
        self.sockets.get_mut::<tcp::Socket<'_>>(self.tcp).listen(port).expect("a free socket");
    }

    pub fn connect(&mut self, to: &Self, port: u16) {
        self.connect_to(to.address, port);
    }

    pub fn connect_to(&mut self, address: IpAddr, port: u16) {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.tcp);
        let remote = (IpAddress::from(address), port);
        socket.connect(self.interface.context(), remote, 40_000).expect("a free socket");
    }

    pub fn say(&mut self, bytes: &[u8]) {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.tcp);
        assert_eq!(socket.send_slice(bytes), Ok(bytes.len()));
    }

    pub fn state(&self) -> State {
        self.sockets.get::<tcp::Socket<'_>>(self.tcp).state()
    }

    pub fn poll(&mut self, now: Timestamp) {
        let now = Instant::from_micros((now.as_nanos() / 1_000) as i64);
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.tcp);
        while socket.can_recv() {
            let heard = &mut self.heard;
            let taken = socket.recv(|bytes| {
                heard.extend_from_slice(bytes);
                (bytes.len(), bytes.len())
            });
            assert!(taken.is_ok(), "{taken:?}");
        }
    }

    pub fn receive(&mut self, packet: Vec<u8>) {
        self.wire.received.push_back(packet);
    }

    pub fn take_sent(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.wire.sent)
    }
}

#[derive(Default)]
struct Wire {
    received: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

struct Received(Vec<u8>);

struct Sent<'a>(&'a mut Vec<Vec<u8>>);

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sent<'_>)> {
        Some((Received(self.received.pop_front()?), Sent(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sent<'_>> {
        Some(Sent(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = vec![0; length];
        let result = fill(&mut packet);
        self.0.push(packet);
        result
    }
}
