//! Synthetic frames: a session's number gives its addresses, ports and sequence numbers.

use std::sync::Arc;

use bifrons_dataplane::{Event, Link, Links, Outbox, Port, PortMode, Worker};
use bifrons_model::{Generation, InterfaceId, MacAddress, Timestamp, VirtualRouterId};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use bifrons_wire::{LinkType, TcpFlags, internet_checksum};

use bifrons_dataplane::{Compiled, Frame, Verdict};

/// Ethernet, IPv4, TCP without options and the longest payload used.
pub const FRAME_MAX: usize = 14 + 20 + 20 + 40;

const CLIENT_ISN: u32 = 1_000;
const SERVER_ISN: u32 = 9_000;

/// The station that frames are sent to.
const STATION: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// What the server says first: enough to be sure of the application.
pub const BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";

/// A frame with its time, in a buffer of its own.
#[derive(Clone)]
pub struct Made {
    pub bytes: [u8; FRAME_MAX],
    pub length: usize,
    pub arrival: Timestamp,
    pub is_from_client: bool,
    network: Network,
}

/// What the server's side calls the ends of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// As the client's side does.
    Plain,
    /// Both addresses and the server's port are others.
    Translated,
    /// As the client's side does; the interfaces have links, so that each packet loses a hop and gets another
    /// Ethernet header.
    Routed,
}

impl Made {
    pub const fn empty(network: Network) -> Self {
        Self { bytes: [0; FRAME_MAX], length: 0, arrival: Timestamp::ZERO, is_from_client: true, network }
    }

    /// The server's port as the sender of this frame calls it.
    fn service(&self) -> u16 {
        if self.network == Network::Translated && !self.is_from_client { 2222 } else { 22 }
    }

    /// The frame as the worker takes it.
    pub fn frame(&mut self) -> Frame<'_> {
        Frame {
            bytes: &mut self.bytes[..self.length],
            wire_length: self.length as u32,
            link: Some(LinkType::Ethernet),
            interface: Some(InterfaceId(if self.is_from_client { 0 } else { 1 })),
            arrival: self.arrival,
            verdict: Verdict::Pending,
        }
    }
}

/// The frames of a session's life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Syn,
    SynAck,
    Ack,
    Banner,
    /// Data that was sent before, so that it fits whenever it comes.
    ClientData,
    ServerData,
    ClientFin,
    ServerFin,
    LastAck,
    Query,
    Answer,
}

impl Step {
    /// A whole TCP session from its opening to its close.
    pub const TCP_LIFE: [Self; 7] =
        [Self::Syn, Self::SynAck, Self::Ack, Self::Banner, Self::ClientFin, Self::ServerFin, Self::LastAck];
    /// What makes an established, identified session: the client has the banner, too.
    pub const OPENING: [Self; 5] = [Self::Syn, Self::SynAck, Self::Ack, Self::Banner, Self::ClientData];
}

/// Writes the frame of `step` of session `number`.
pub fn write(made: &mut Made, number: u32, step: Step, arrival: Timestamp) {
    made.arrival = arrival;
    let after_banner = SERVER_ISN + 1 + BANNER.len() as u32;
    let (syn, ack, fin) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN);
    let (is_from_client, flags, sequence, acknowledgement, payload): (bool, TcpFlags, u32, u32, &[u8]) =
        match step {
            Step::Syn => (true, syn, CLIENT_ISN, 0, &[]),
            Step::SynAck => (false, syn.with(ack), SERVER_ISN, CLIENT_ISN + 1, &[]),
            Step::Ack => (true, ack, CLIENT_ISN + 1, SERVER_ISN + 1, &[]),
            Step::Banner => (false, ack, SERVER_ISN + 1, CLIENT_ISN + 1, BANNER),
            Step::ClientData => (true, ack, CLIENT_ISN + 1, after_banner, &[]),
            Step::ServerData => (false, ack, SERVER_ISN + 1, CLIENT_ISN + 1, BANNER),
            Step::ClientFin => (true, fin.with(ack), CLIENT_ISN + 1, after_banner, &[]),
            Step::ServerFin => (false, fin.with(ack), after_banner, CLIENT_ISN + 2, &[]),
            Step::LastAck => (true, ack, CLIENT_ISN + 2, after_banner + 1, &[]),
            Step::Query => return write_udp(made, number, true),
            Step::Answer => return write_udp(made, number, false),
        };
    made.is_from_client = is_from_client;
    let mut header = [0_u8; 20];
    let (source_port, destination_port) = ports(number, is_from_client, made.service());
    header[..2].copy_from_slice(&source_port.to_be_bytes());
    header[2..4].copy_from_slice(&destination_port.to_be_bytes());
    header[4..8].copy_from_slice(&sequence.to_be_bytes());
    header[8..12].copy_from_slice(&acknowledgement.to_be_bytes());
    header[12] = 5 << 4;
    header[13] = flags.0;
    header[14..16].copy_from_slice(&60_000_u16.to_be_bytes());
    finish(made, number, 6, &header, payload, 16);
}

/// A DNS query for `a.example`, or the answer that says there is none.
fn write_udp(made: &mut Made, number: u32, is_from_client: bool) {
    made.is_from_client = is_from_client;
    let mut message =
        *b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01";
    if !is_from_client {
        message[2] = 0x81;
        message[3] = 0x83;
    }
    let mut header = [0_u8; 8];
    let (source_port, destination_port) = ports(number, is_from_client, 53);
    header[..2].copy_from_slice(&source_port.to_be_bytes());
    header[2..4].copy_from_slice(&destination_port.to_be_bytes());
    header[4..6].copy_from_slice(&((8 + message.len()) as u16).to_be_bytes());
    finish(made, number, 17, &header, &message, 6);
}

fn ports(number: u32, is_from_client: bool, service: u16) -> (u16, u16) {
    let client = 1024 + (number % 60_000) as u16;
    if is_from_client { (client, service) } else { (service, client) }
}

/// Ethernet, IPv4 and the checksums around a transport header and its payload.
fn finish(made: &mut Made, number: u32, protocol: u8, header: &[u8], payload: &[u8], checksum_at: usize) {
    let is_outside = made.network == Network::Translated && !made.is_from_client;
    let (clients, server) =
        if is_outside { (0x6440_0000_u32, 0xc000_024d_u32) } else { (0x0a00_0000, 0xc000_0201) };
    let (client, server) = ((clients + number / 60_000).to_be_bytes(), server.to_be_bytes());
    let (source, destination) = if made.is_from_client { (client, server) } else { (server, client) };
    let segment_length = header.len() + payload.len();
    made.length = 34 + segment_length;
    let bytes = &mut made.bytes;
    bytes[..6].copy_from_slice(&STATION);
    bytes[6..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 8, 0]);
    let total = (20 + segment_length) as u16;
    let mut ip = [0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    ip[12..16].copy_from_slice(&source);
    ip[16..20].copy_from_slice(&destination);
    let sum = internet_checksum(&[&ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes[14..34].copy_from_slice(&ip);
    bytes[34..34 + header.len()].copy_from_slice(header);
    bytes[34 + header.len()..34 + segment_length].copy_from_slice(payload);
    let [high, low] = (segment_length as u16).to_be_bytes();
    let pseudo = [&source[..], &destination[..], &[0, protocol, high, low]].concat();
    let sum = internet_checksum(&[&pseudo, &bytes[34..34 + segment_length]]);
    bytes[34 + checksum_at..36 + checksum_at].copy_from_slice(&sum.to_be_bytes());
}

/// A worker as of [`worker_with`]; translated, one NAT rule gives the clients other addresses and sends them
/// to another server and port.
pub fn worker(sessions: u32, network: Network) -> anyhow::Result<Worker> {
    let nat = match network {
        Network::Plain | Network::Routed => "",
        Network::Translated => {
            "set network virtual-router v routing-table ip static-route outside destination 100.64.0.0/10
             set network virtual-router v routing-table ip static-route outside interface ethernet1/2
             set rulebase nat rules both from trust to untrust source 10.0.0.0/24 service any
             set rulebase nat rules both destination 192.0.2.1
             set rulebase nat rules both source-translation static-ip translated-address 100.64.0.0/24
             set rulebase nat rules both destination-translation translated-address 192.0.2.77
             set rulebase nat rules both destination-translation translated-port 2222"
        }
    };
    let mut worker = worker_with(sessions, nat)?;
    if network == Network::Routed {
        worker.handle_links(Arc::new(links()), &mut Outbox::default());
    }
    Ok(worker)
}

/// A worker with two interfaces, two zones, one rule and what `lines` say, everything else at the defaults.
pub fn worker_with(sessions: u32, lines: &str) -> anyhow::Result<Worker> {
    let text = format!(
        "set deviceconfig setting session capacity {sessions}
         set deviceconfig setting session accelerated-aging-enable no
         set network interface ethernet ethernet1/1 layer3 ip 10.255.255.254/8
         set network interface ethernet ethernet1/2 layer3 ip 192.0.2.254/24
         set zone trust network layer3 ethernet1/1
         set zone untrust network layer3 ethernet1/2
         set rulebase security rules out from trust to untrust source any destination any
         set rulebase security rules out application any service any action allow log-end yes
         {lines}"
    );
    let config = bifrons_config::parse(&text, "bench")
        .map_err(|errors| anyhow::anyhow!("the bench's configuration: {}", errors[0]))?;
    let policy = Policy::compile(&config, Generation(1));
    Ok(Worker::new(&Compiled::new(policy)?, HashSeed::new(0x5eed_5eed_5eed)))
}

/// Two routed ports with the station address that all frames are sent to.
fn links() -> Links {
    let interfaces = [InterfaceId(0), InterfaceId(1)];
    let port = |interface| {
        let mode = PortMode::Routed { untagged: Some(interface), tagged: Vec::new() };
        (interface, Port { is_up: true, mode })
    };
    let link = |interface| {
        let link = Link {
            port: interface,
            tag: None,
            router: VirtualRouterId(0),
            mac: MacAddress(STATION),
            virtual_macs: Vec::new(),
            mtu: 1500,
            segment_size: None,
        };
        (interface, link)
    };
    Links::new(interfaces.map(port), interfaces.map(link), [], [])
}

/// Answers the worker's questions for neighbors.
pub fn resolve(worker: &mut Worker, outbox: &mut Outbox) {
    for event in core::mem::take(&mut outbox.events) {
        let Event::Resolve { interface, address } = event else { continue };
        let mac = MacAddress([2, 0, 0, 0, 1, interface.0 as u8]);
        worker.handle_neighbor((interface, address), Some(mac), false, outbox);
    }
}

/// The time at which benches begin.
pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);
