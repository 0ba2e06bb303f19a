//! Names for what is seen in a network with a pair: hosts for addresses, words for messages.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use bifrons_ha::{Envelope, HaLinkId, HaState, Message, VERSIONS, VirtualMac, sync::MessageKind};
use bifrons_model::MacAddress;
use bifrons_wire::Ha3Kind;

use crate::{
    device::Written,
    frame::{Body, Packet, Tcp, View, flag},
    switch::Mac,
};

/// A host as a story speaks of it.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub name: &'static str,
    pub mac: Mac,
    pub address: Ipv4Addr,
}

/// Who is who.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub people: Vec<Person>,
    /// The zones of ports.
    pub zones: Vec<&'static str>,
    /// Ports that connections come from: each stands for its connection.
    pub calls: BTreeSet<u16>,
    /// Those of them whose segments are only counted.
    pub background: BTreeSet<u16>,
    /// Whether each device has virtual addresses of its own.
    pub is_active_active: bool,
}

/// A device in words.
pub(super) fn device(number: usize) -> String {
    format!("device {number}")
}

/// What a device is; one that is gone is nothing.
pub(super) const fn state(state: Option<HaState>) -> &'static str {
    match state {
        Some(state) => state.name(),
        None => "gone",
    }
}

/// A span with a unit that suits it.
pub(super) fn span(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{:.3} ms", span.as_secs_f64() * 1_000.0)
    } else {
        format!("{:.3} s", span.as_secs_f64())
    }
}

/// Six bytes in hexadecimal.
pub(super) fn mac(mac: Mac) -> String {
    MacAddress(mac).to_string()
}

impl Names {
    /// Whose an Ethernet address is.
    pub fn owner(&self, mac: Mac) -> String {
        if let Some(person) = self.people.iter().find(|person| person.mac == mac) {
            return person.name.to_owned();
        }
        match (VirtualMac::read(MacAddress(mac)), mac) {
            (Some(own), _) if self.is_active_active => {
                format!("virtual, {}'s", device(own.device().number().into()))
            }
            (Some(_), _) => "virtual, the pair's".to_owned(),
            // The station addresses of ports, as the simulated chassis gives them.
            (None, [_, _, _, 0xff, number, _]) => format!("{}'s own", device(number.into())),
            (None, _) => "nobody's".to_owned(),
        }
    }

    /// Who is spoken to by an Ethernet address.
    pub fn station(&self, mac: Mac) -> String {
        let is_virtual = VirtualMac::read(MacAddress(mac)).is_some();
        if is_virtual && !self.is_active_active { "the pair".to_owned() } else { self.owner(mac) }
    }

    /// A host's name for its address, or the address.
    pub fn host(&self, address: IpAddr) -> String {
        let person = self.people.iter().find(|person| IpAddr::V4(person.address) == address);
        person.map_or_else(|| address.to_string(), |person| person.name.to_owned())
    }

    /// A TCP segment in a few words: which connection, and what it is for.
    pub fn segment(&self, packet: &Packet, segment: &Tcp) -> String {
        let is_forth = self.calls.contains(&segment.source);
        let port = self.connection(segment);
        const NAMES: [(u8, &str); 4] =
            [(flag::SYN, "SYN"), (flag::FIN, "FIN"), (flag::RST, "RST"), (flag::ACK, "ACK")];
        let word = match (packet.payload_length, is_forth) {
            (0, _) => {
                let names = NAMES.iter().filter(|(bit, _)| segment.has(*bit)).map(|(_, name)| *name);
                names.collect::<Vec<_>>().join(",")
            }
            (length, true) => format!("request, {length} B"),
            (length, false) => format!("answer, {length} B"),
        };
        format!("{port} {word}")
    }

    /// The port that stands for a segment's connection.
    pub fn connection(&self, segment: &Tcp) -> String {
        let is_forth = self.calls.contains(&segment.source);
        if is_forth { segment.source } else { segment.destination }.to_string()
    }

    /// Whether it is of a connection whose segments are only counted.
    pub fn is_background(&self, segment: &Tcp) -> bool {
        [segment.source, segment.destination].iter().any(|port| self.background.contains(port))
    }

    /// A line of the traffic log, without what all lines of a story have alike.
    pub fn record(&self, written: &Written) -> [String; 2] {
        let Written { record, names } = written;
        let (from, to) = (self.host(record.source), self.host(record.destination));
        let (sent, received) = (record.sent, record.received);
        [
            format!(
                "{} {from}:{} > {to}:{}, rule {}, {}",
                record.subtype.name(),
                record.source_port,
                record.destination_port,
                names.rule(record.rule),
                record.end_reason.name(),
            ),
            format!(
                "sent {} packets, {} B; received {} packets, {} B",
                sent.packets, sent.bytes, received.packets, received.bytes
            ),
        ]
    }
}

/// The TCP segment of a packet.
pub(super) const fn tcp(packet: &Packet) -> Option<&Tcp> {
    match &packet.body {
        Body::Tcp(segment) => Some(segment),
        Body::Udp(..) | Body::Icmp { .. } | Body::Neighbor { .. } | Body::Other => None,
    }
}

/// What the devices say to each other, in the order in which it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    Hello,
    Heartbeat,
    HeartbeatReply,
    Order,
    OrderReply,
    KeyOffer,
    Configuration,
    Batch,
    Acknowledgement,
    KeepAlive,
    KeepAliveReply,
    SignOfLife,
    Packet,
    Other,
}

impl Said {
    /// What a message on a link is; of a hello also what the sender says that it is.
    pub fn of(link: HaLinkId, bytes: &[u8]) -> (Self, Option<HaState>) {
        match link {
            HaLinkId::Ha1 | HaLinkId::Ha1Backup | HaLinkId::HeartbeatBackup => Self::of_control(bytes),
            HaLinkId::Ha2 | HaLinkId::Ha2Backup => (Self::of_data(bytes), None),
            HaLinkId::Ha3 if bytes.get(ETHERNET + 1) == Some(&(Ha3Kind::KeepAlive as u8)) => {
                (Self::KeepAlive, None)
            }
            HaLinkId::Ha3 => (Self::Packet, None),
        }
    }

    fn of_control(bytes: &[u8]) -> (Self, Option<HaState>) {
        // One byte in front says whose it is.
        let Some((whose, message)) = bytes.split_first() else { return (Self::Other, None) };
        match whose {
            1 => match Envelope::read(message, VERSIONS).map(|envelope| envelope.message) {
                Ok(Message::Hello(hello)) => (Self::Hello, Some(hello.state)),
                Ok(Message::HeartbeatRequest(_)) => (Self::Heartbeat, None),
                Ok(Message::HeartbeatReply(_)) => (Self::HeartbeatReply, None),
                Ok(Message::Order(_)) => (Self::Order, None),
                Ok(Message::OrderReply(_)) => (Self::OrderReply, None),
                Err(_) => (Self::Other, None),
            },
            2 => (Self::KeyOffer, None),
            3 => (Self::Configuration, None),
            _ => (Self::Other, None),
        }
    }

    fn of_data(bytes: &[u8]) -> Self {
        match MessageKind::of_message(bytes) {
            Some(MessageKind::Batch) => Self::Batch,
            Some(MessageKind::Acknowledgement) => Self::Acknowledgement,
            Some(MessageKind::KeepAlive) => Self::KeepAlive,
            Some(MessageKind::KeepAliveReply) => Self::KeepAliveReply,
            Some(MessageKind::SignOfLife) => Self::SignOfLife,
            None => Self::Other,
        }
    }

    /// So many of them.
    pub fn count(self, count: u64) -> String {
        let (one, many) = match self {
            Self::Hello => ("hello", "hellos"),
            Self::Heartbeat => ("heartbeat", "heartbeats"),
            Self::HeartbeatReply => ("reply", "replies"),
            Self::Order => ("order", "orders"),
            Self::OrderReply => ("reply to an order", "replies to orders"),
            Self::KeyOffer => ("offer of a key", "offers of a key"),
            Self::Configuration => ("word of configuration", "words of configuration"),
            Self::Batch => ("batch", "batches"),
            Self::Acknowledgement => ("acknowledgement", "acknowledgements"),
            Self::KeepAlive => ("keep-alive", "keep-alives"),
            Self::KeepAliveReply => ("keep-alive reply", "keep-alive replies"),
            Self::SignOfLife => ("sign of life", "signs of life"),
            Self::Packet => ("packet", "packets"),
            Self::Other => ("other message", "other messages"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

/// What an HA3 frame asks for, and the frame that it carries, where it carries all of it.
pub(super) fn carried(bytes: &[u8]) -> Option<(&'static str, View)> {
    let (_, message) = bytes.split_at_checked(ETHERNET)?;
    let (head, body) = message.split_at_checked(HA3_HEAD)?;
    let kind = match head.get(1)? {
        1 => "setup request",
        2 => "setup reply",
        3 => "forward",
        4 => "return",
        5 => "fragment",
        6 => "own fragment",
        _ => return None,
    };
    let description = u16::from_be_bytes([*head.get(28)?, *head.get(29)?]);
    Some((kind, View::of(body.get(description.into()..)?)))
}

/// The outer Ethernet header of an HA3 frame, and what stands between it and the body.
const ETHERNET: usize = 14;
const HA3_HEAD: usize = 52;

/// So many entries that HA2 tells of: of a kind by its name.
pub(super) fn items(kind: &str, count: u64) -> String {
    format!("{count} {kind}{}", if count == 1 || kind.ends_with("gone") { "" } else { "s" })
}

/// A link as the operator writes it in a drawing.
pub(super) const fn link(link: HaLinkId) -> &'static str {
    match link {
        HaLinkId::Ha1 => "HA1",
        HaLinkId::Ha1Backup => "HA1 backup",
        HaLinkId::HeartbeatBackup => "heartbeat backup",
        HaLinkId::Ha2 => "HA2",
        HaLinkId::Ha2Backup => "HA2 backup",
        HaLinkId::Ha3 => "HA3",
    }
}
