//! What a packet says to its receiver, apart from what its maker is free in: identification, hop limit,
//! window.

use std::fmt::Write as _;

use bifrons_wire::{
    Addresses, Embedded, FrameInfo, LinkType, Packet, Reading, TcpFlags, parse, protocol, verify,
};

/// What a packet says.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    packet: Packet,
    /// TCP: the options; ICMP: what stands behind the checksum.
    extra: Vec<u8>,
    payload: Vec<u8>,
    /// Of the packet that an ICMP error quotes.
    quoted: Option<Embedded>,
}

impl Meaning {
    /// Reads a packet; `link` is what the bytes begin with.
    ///
    /// # Errors
    /// Why no host would take it: malformed, or a wrong checksum.
    pub fn of(link: LinkType, bytes: &[u8]) -> Result<Self, String> {
        let info = FrameInfo { link, wire_length: bytes.len() as u32 };
        let packet = parse(bytes, info, Reading::Strict).map_err(|reason| reason.name().to_string())?;
        verify(&packet, bytes).map_err(|reason| reason.name().to_string())?;
        let transport = usize::from(packet.transport);
        let extra = match packet.protocol {
            protocol::TCP => packet.tcp_options_of(bytes).to_vec(),
            // The size of a "too big" in both families; an echo's identifier and sequence number.
            protocol::ICMP | protocol::ICMPV6 if !packet.icmp.is_error || packet.icmp.kind == 2 => {
                bytes.get(transport + 4..transport + 8).unwrap_or_default().to_vec()
            }
            _ => Vec::new(),
        };
        let payload = packet.payload_of(bytes).to_vec();
        Ok(Self { quoted: packet.embedded(bytes), packet, extra, payload })
    }

    /// Whether `found` says the same to its receiver. What an error quotes may be longer than expected.
    pub fn is_said_by(&self, found: &Self) -> bool {
        self.show() == found.show()
            && self.extra == found.extra
            && self.quoted == found.quoted
            && (self.quoted.is_some() || self.payload == found.payload)
    }

    /// Whether `found` also quotes, byte by byte, at least what this one does.
    pub fn is_quoted_by(&self, found: &Self) -> bool {
        self.quoted.is_none() || found.payload.starts_with(&self.payload)
    }

    /// The port or ICMP identifier of sender and receiver.
    pub const fn ports(&self) -> (u16, u16) {
        (self.packet.source_port, self.packet.destination_port)
    }

    /// Sender and receiver.
    pub const fn addresses(&self) -> Addresses {
        self.packet.addresses
    }

    /// In the words of a scenario.
    pub fn show(&self) -> String {
        let Packet { addresses, tcp, icmp, .. } = &self.packet;
        let (source, destination) = (addresses.source(), addresses.destination());
        let (from, to) = self.ports();
        let mut text = match self.packet.protocol {
            protocol::TCP => format!("tcp {source}:{from} > {destination}:{to} {}", show_flags(tcp.flags)),
            protocol::UDP => format!("udp {source}:{from} > {destination}:{to}"),
            protocol::ICMP | protocol::ICMPV6 => {
                format!("icmp {source} > {destination} type {} code {} id {from}", icmp.kind, icmp.code)
            }
            other => format!("ip {source} > {destination} protocol {other}"),
        };
        if self.packet.protocol == protocol::TCP {
            let _ = write!(text, " seq {}", tcp.sequence);
            if tcp.flags.has(TcpFlags::ACK) {
                let _ = write!(text, " ack {}", tcp.acknowledgement);
            }
        }
        if let Some(fragment) = self.packet.fragment {
            let _ = write!(text, " fragment offset {} more {}", fragment.offset, fragment.more);
        }
        match &self.quoted {
            Some(quoted) => {
                let _ = write!(text, " quoting {quoted:?}");
            }
            None => {
                let _ = write!(text, " length {}", self.payload.len());
            }
        }
        text
    }
}

fn show_flags(flags: TcpFlags) -> String {
    const NAMES: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    let set: Vec<&str> =
        NAMES.iter().enumerate().filter(|(bit, _)| flags.0 >> bit & 1 == 1).map(|(_, name)| *name).collect();
    if set.is_empty() { "none".into() } else { set.join(",") }
}
