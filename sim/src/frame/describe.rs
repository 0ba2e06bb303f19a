//! A frame in words.

use std::fmt::{self, Write as _};

use super::{Body, Content, Packet, Tcp, View, flag};

/// A view in one line: who speaks to whom, and what.
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Arp { is_request: true, sender, target, .. } => {
                write!(f, "ARP {sender} asks who has {target}")
            }
            Content::Arp { is_request: false, sender, target, .. } => {
                write!(f, "ARP {sender} answers {target}")
            }
            Content::Ip(packet) => packet.fmt(f),
            Content::Other(number) => write!(f, "a frame of type {number:#06x}, {} bytes", self.length),
            Content::Broken => write!(f, "a broken frame of {} bytes", self.length),
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.protocol {
            1 => "ICMP",
            6 => "TCP",
            17 => "UDP",
            58 => "ICMPv6",
            _ => "IP",
        };
        match &self.body {
            Body::Tcp(_) | Body::Udp(..) => {
                let (from, to) = self.ports();
                write!(f, "{name} {} > {}", end(self.source, from), end(self.destination, to))?;
            }
            Body::Icmp { .. } | Body::Neighbor { .. } | Body::Other => {
                write!(f, "{name} {} > {}", self.source, self.destination)?;
            }
        }
        match &self.body {
            Body::Tcp(segment) => write!(f, " {}", numbers(segment))?,
            Body::Icmp { kind, code, number, .. } => f.write_str(&message(*kind, *code, *number))?,
            Body::Neighbor { is_question: true, target } => write!(f, " asks who has {target}")?,
            Body::Neighbor { is_question: false, target } => write!(f, " tells that it has {target}")?,
            Body::Udp(..) => {}
            Body::Other => write!(f, " protocol {}", self.protocol)?,
        }
        if self.payload_length > 0 {
            write!(f, " {} bytes", self.payload_length)?;
        }
        if self.piece.is_some() {
            f.write_str(" in part")?;
        }
        if self.is_sound { Ok(()) } else { f.write_str(" with a wrong checksum") }
    }
}

fn end(address: std::net::IpAddr, port: u16) -> String {
    if address.is_ipv6() { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

fn numbers(segment: &Tcp) -> String {
    const NAMES: [(u8, &str); 5] =
        [(flag::SYN, "SYN"), (flag::FIN, "FIN"), (flag::RST, "RST"), (flag::PSH, "PSH"), (flag::ACK, "ACK")];
    let names: Vec<&str> = NAMES.iter().filter(|(bit, _)| segment.has(*bit)).map(|(_, name)| *name).collect();
    let mut text = format!("{} seq {}", names.join(","), segment.sequence);
    if segment.has(flag::ACK) {
        let _ = write!(text, " ack {}", segment.acknowledgement);
    }
    text
}

fn message(kind: u8, code: u8, number: u16) -> String {
    match (kind, code) {
        (8 | 128, 0) => format!(" echo request {number}"),
        (0 | 129, 0) => format!(" echo reply {number}"),
        (3, 3) | (1, 4) => " port unreachable".into(),
        (3, 13) | (1, 1) => " administratively prohibited".into(),
        (3, 0 | 1) | (1, 0 | 3) => " host unreachable".into(),
        (3, 4) | (2, 0) => " packet too big".into(),
        (11, 0) | (3, _) => " time exceeded or unreachable".into(),
        _ => format!(" type {kind} code {code}"),
    }
}
