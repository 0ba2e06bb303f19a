//! Packet lines: what is sent, and what must become of it.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use bifrons_model::DropReason;

use super::{Fate, Mistake, Sent, words::Words};
use crate::frame::{Body, Bytes, Faults, Fragment, Packet, Tag, Tcp};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const FLAGS: [(&str, u8); 8] = [
    ("fin", FIN),
    ("syn", SYN),
    ("rst", RST),
    ("psh", PSH),
    ("ack", ACK),
    ("urg", 0x20),
    ("ece", 0x40),
    ("cwr", 0x80),
];

/// A client's and a server's first sequence number where a scenario gives none.
const FIRST_SEQUENCES: [u32; 2] = [1000, 5000];

/// What `length N` is filled with: no application's first byte.
const FILLER: u8 = 0xee;

/// What the lines so far have sent: it fills in sequence numbers and the packets that ICMP errors quote.
#[derive(Default)]
pub(super) struct Conversations {
    flows: HashMap<(SocketAddr, SocketAddr), Flow>,
    /// Every IP packet in order, for `quoting N`.
    sent: Vec<Vec<u8>>,
    payloads: HashMap<String, Vec<u8>>,
}

#[derive(Clone, Copy)]
struct Flow {
    initial: u32,
    next: u32,
    /// The window that it announced last.
    window: u16,
}

/// A sequence or acknowledgement number as a line gives it.
#[derive(Clone, Copy)]
enum Number {
    At(u32),
    /// This far from the one that would come next.
    Off(i64),
}

/// A packet line while it is read.
#[derive(Clone)]
struct Line {
    packet: Packet,
    interface: Option<String>,
    sequence: Number,
    acknowledgement: Number,
    has_flags: bool,
}

impl Conversations {
    /// One line of a section `payload NAME`: `text "…"` or `hex …`.
    pub fn add_payload(&mut self, name: &str, words: &mut Words) -> Result<(), Mistake> {
        let bytes = self.payload(words)?.ok_or_else(|| words.mistake("`text \"…\"` or `hex …`"))?;
        self.payloads.entry(name.into()).or_default().extend(bytes);
        words.end("the end of the line")
    }

    /// The frames of one line.
    pub fn packets(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let count = if words.take("repeat") { words.value("how often")? } else { 1 };
        let mut sent = Vec::new();
        for _ in 0..count {
            let mut again = words.clone();
            sent.extend(self.once(&mut again)?);
        }
        Ok(sent)
    }

    fn once(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let interface = if words.take("on") { Some(words.word("an interface's name")?) } else { None };
        if words.take("frame") {
            return Ok(vec![self.raw(interface, words)?]);
        }
        let mut tags = Vec::new();
        while let Some(tag) = tag(words)? {
            tags.push(tag);
        }
        let protocol =
            words.word("a protocol (tcp, udp, icmp, icmp6, sctp, ip), `handshake`, `close` or `frame`")?;
        match protocol.as_str() {
            "handshake" => self.handshake(words),
            "close" => self.close(words),
            _ => {
                let mut line = self.line(&protocol, words)?;
                line.packet.tags = tags;
                line.interface = interface;
                while self.field(&mut line, words)? {}
                self.settle(&mut line);
                let expected = self.fate(&line, words)?;
                Ok(vec![self.send(line, expected)])
            }
        }
    }

    fn raw(&mut self, interface: Option<String>, words: &mut Words) -> Result<Sent, Mistake> {
        if !words.take("hex") {
            return Err(words.mistake("`hex …`"));
        }
        let bytes = words.hex()?;
        let wire_length = if words.take("wire-length") { words.value("a length")? } else { bytes.len() };
        let expected = plain_fate(words)?;
        words.end("the end of the line")?;
        self.sent.push(bytes.get(14..).unwrap_or_default().to_vec());
        Ok(Sent { frame: Bytes { bytes, wire_length }, interface, source: None, expected })
    }

    fn line(&mut self, protocol: &str, words: &mut Words) -> Result<Line, Mistake> {
        let has_ports = matches!(protocol, "tcp" | "udp" | "sctp");
        let (source, destination) = ends(words, has_ports)?;
        let (from, to) = (source.port(), destination.port());
        let body = match protocol {
            "tcp" => Body::Tcp(Tcp {
                source: from,
                destination: to,
                window: self.flow(source, destination).window,
                ..Tcp::default()
            }),
            "udp" => Body::Udp(from, to),
            "sctp" => Body::Sctp(from, to),
            "icmp" | "icmp6" => {
                if (protocol == "icmp") != source.is_ipv4() {
                    return Err(words.mistake("IPv4 addresses with `icmp`, IPv6 addresses with `icmp6`"));
                }
                icmp(words, source.is_ipv4())?
            }
            "ip" => {
                if !words.take("protocol") {
                    return Err(words.mistake("`protocol NUMBER`"));
                }
                Body::Other(words.value("a protocol's number")?)
            }
            other => {
                let text = format!("expected a protocol (tcp, udp, icmp, icmp6, sctp, ip), found `{other}`");
                return Err(Mistake { line: words.line(), text });
            }
        };
        let packet = Packet {
            tags: Vec::new(),
            source: source.ip(),
            destination: destination.ip(),
            body,
            payload: Vec::new(),
            fragment: None,
            faults: Faults::default(),
        };
        Ok(Line {
            packet,
            interface: None,
            sequence: Number::Off(0),
            acknowledgement: Number::Off(0),
            has_flags: false,
        })
    }

    /// Reads one more field; false where the line's fate begins.
    fn field(&mut self, line: &mut Line, words: &mut Words) -> Result<bool, Mistake> {
        if let Some(payload) = self.payload(words)? {
            line.packet.payload = payload;
            return Ok(true);
        }
        if matches!(words.peek(), Some("pass" | "drop" | "held") | None) {
            return Ok(false);
        }
        if let Body::Tcp(tcp) = &mut line.packet.body {
            // `ack` is a flag, `ack 901` an acknowledgement number.
            if words.peek() == Some("ack") && words.peek_second().and_then(number).is_some() {
                words.take("ack");
                line.acknowledgement = words.known("an acknowledgement number", number)?;
                return Ok(true);
            }
            if let Some(flags) = words.peek().and_then(flags) {
                tcp.flags = flags;
                line.has_flags = true;
                let _ = words.word("flags");
                return Ok(true);
            }
            if tcp_field(tcp, words)? {
                return Ok(true);
            }
            if words.take("seq") {
                line.sequence = words.known("a sequence number, or `+N` or `-N` from the next", number)?;
                return Ok(true);
            }
        }
        if matches!(line.packet.body, Body::Sctp(..)) && words.take("chunk") {
            line.packet.payload = words.known("a chunk's name, such as `init-ack`", chunk)?;
            return Ok(true);
        }
        if words.take("fragment") {
            line.packet.fragment = Some(fragment(words)?);
            return Ok(true);
        }
        fault(&mut line.packet.faults, words)?;
        Ok(true)
    }

    /// Fills in what the line leaves to the conversation.
    fn settle(&mut self, line: &mut Line) {
        let Some((from, to)) = tcp_ends(&line.packet) else { return };
        let has_payload = !line.packet.payload.is_empty();
        let flow = self.flow(from, to);
        let peer_next = self.flows.get(&(to, from)).map(|peer| peer.next);
        let Body::Tcp(tcp) = &mut line.packet.body else { return };
        if !line.has_flags {
            tcp.flags = if has_payload { PSH | ACK } else { ACK };
        }
        let usual = if tcp.flags & SYN != 0 { flow.initial } else { flow.next };
        tcp.sequence = line.sequence.from(usual);
        let is_given = matches!(line.acknowledgement, Number::At(_));
        if tcp.flags & ACK != 0 || is_given {
            tcp.acknowledgement = line.acknowledgement.from(peer_next.unwrap_or(0));
        }
    }

    /// What the sender has sent so far; a flow that has sent nothing begins behind a SYN of its own.
    fn flow(&self, from: SocketAddr, to: SocketAddr) -> Flow {
        self.flows.get(&(from, to)).copied().unwrap_or_else(|| {
            let initial = FIRST_SEQUENCES[usize::from(self.flows.contains_key(&(to, from)))];
            Flow { initial, next: initial.wrapping_add(1), window: u16::MAX }
        })
    }

    fn send(&mut self, line: Line, expected: Fate) -> Sent {
        if !matches!(expected, Fate::Drop(_)) {
            self.advance(&line.packet);
        }
        self.sent.push(line.packet.ip());
        Sent {
            frame: line.packet.frame(),
            interface: line.interface,
            source: Some(line.packet.source),
            expected,
        }
    }

    /// A segment that gets through moves its sender's next sequence number.
    fn advance(&mut self, packet: &Packet) {
        let (Some((from, to)), Body::Tcp(tcp)) = (tcp_ends(packet), &packet.body) else { return };
        let controls = u32::from(tcp.flags & SYN != 0) + u32::from(tcp.flags & FIN != 0);
        let end = tcp.sequence.wrapping_add(packet.payload.len() as u32).wrapping_add(controls);
        let known = self.flows.get(&(from, to)).copied();
        let window = tcp.window;
        let flow = match known {
            Some(flow) if tcp.flags & SYN == 0 => {
                let is_later = (end.wrapping_sub(flow.next) as i32) > 0;
                Flow { next: if is_later { end } else { flow.next }, window, ..flow }
            }
            _ if tcp.flags & SYN != 0 => Flow { initial: tcp.sequence, next: end, window },
            _ => Flow { initial: tcp.sequence.wrapping_sub(1), next: end, window },
        };
        self.flows.insert((from, to), flow);
    }

    /// SYN, SYN-ACK and ACK at once. Fields hold for both SYNs, `seq` and `peer-seq` for one each.
    fn handshake(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let (mut client, mut server) = self.both_ways(words)?;
        loop {
            if words.take("seq") {
                client.sequence = Number::At(words.value("a sequence number")?);
            } else if words.take("peer-seq") {
                server.sequence = Number::At(words.value("a sequence number")?);
            } else if let (Body::Tcp(one), Body::Tcp(other)) =
                (&mut client.packet.body, &mut server.packet.body)
                && tcp_field(one, words)?
            {
                other.options.clone_from(&one.options);
                other.window = one.window;
            } else {
                break;
            }
        }
        all_pass(words)?;
        let mut ack = client.clone();
        ack.sequence = Number::Off(0);
        if let Body::Tcp(tcp) = &mut ack.packet.body {
            tcp.options.clear();
        }
        Ok(self.exchange([(client, SYN), (server, SYN | ACK), (ack, ACK)]))
    }

    /// FIN, FIN of the other side and ACK at once.
    fn close(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let (client, server) = self.both_ways(words)?;
        all_pass(words)?;
        Ok(self.exchange([(client.clone(), FIN | ACK), (server, FIN | ACK), (client, ACK)]))
    }

    fn both_ways(&mut self, words: &mut Words) -> Result<(Line, Line), Mistake> {
        let (source, destination) = ends(&mut words.clone(), true)?;
        let there = self.line("tcp", words)?;
        let mut back = there.clone();
        back.packet.source = destination.ip();
        back.packet.destination = source.ip();
        if let Body::Tcp(tcp) = &mut back.packet.body {
            tcp.source = destination.port();
            tcp.destination = source.port();
        }
        Ok((there, back))
    }

    fn exchange(&mut self, lines: [(Line, u8); 3]) -> Vec<Sent> {
        let sent = lines.map(|(mut line, flags)| {
            if let Body::Tcp(tcp) = &mut line.packet.body {
                tcp.flags = flags;
            }
            line.has_flags = true;
            self.settle(&mut line);
            self.send(line, Fate::Pass { interface: None, rewritten: None })
        });
        sent.into()
    }

    fn payload(&mut self, words: &mut Words) -> Result<Option<Vec<u8>>, Mistake> {
        Ok(Some(if words.take("text") {
            words.text("a text in quotation marks")?
        } else if words.take("hex") {
            words.hex()?
        } else if words.take("length") {
            vec![FILLER; words.value("a number of bytes")?]
        } else if words.take("payload") {
            let expected = "the name of a section `payload NAME` above";
            words.known(expected, |name| self.payloads.get(name).cloned())?
        } else if words.take("quoting") {
            let sent = &self.sent;
            let packet = words.known("the number of a packet above, from 1", |word| {
                sent.get(word.parse::<usize>().ok()?.checked_sub(1)?).cloned()
            })?;
            quote(packet)
        } else {
            return Ok(None);
        }))
    }

    fn fate(&mut self, line: &Line, words: &mut Words) -> Result<Fate, Mistake> {
        let mut fate = plain_fate(words)?;
        if words.take("as") {
            let mut changed = line.clone();
            if let Body::Tcp(tcp) = &mut changed.packet.body {
                tcp.options.clear();
                tcp.urgent = 0;
            }
            changed.has_flags = true;
            while !words.is_empty() {
                self.field(&mut changed, words)?;
            }
            if let Fate::Pass { rewritten, .. } = &mut fate {
                *rewritten = Some(changed.packet.frame().bytes);
            }
        }
        words.end("the end of the line")?;
        Ok(fate)
    }
}

impl Number {
    fn from(self, usual: u32) -> u32 {
        match self {
            Self::At(number) => number,
            Self::Off(distance) => usual.wrapping_add(distance as u32),
        }
    }
}

/// `A > B`, with ports or without.
pub(super) fn ends(words: &mut Words, has_ports: bool) -> Result<(SocketAddr, SocketAddr), Mistake> {
    let expected = if has_ports {
        "an address with its port, such as `10.0.0.1:1000` or `[2001:db8::1]:53`"
    } else {
        "an address, such as `10.0.0.1`"
    };
    let end = |word: &str| match has_ports {
        true => word.parse().ok(),
        false => word.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 0)),
    };
    let source = words.known(expected, end)?;
    if !words.take(">") {
        return Err(words.mistake("`>` between sender and receiver"));
    }
    let destination = words.known(expected, end)?;
    if source.is_ipv4() != destination.is_ipv4() {
        return Err(words.mistake("two addresses of one family"));
    }
    Ok((source, destination))
}

fn tcp_ends(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    match &packet.body {
        Body::Tcp(tcp) => Some((
            SocketAddr::new(packet.source, tcp.source),
            SocketAddr::new(packet.destination, tcp.destination),
        )),
        Body::Udp(..) | Body::Icmp(..) | Body::Sctp(..) | Body::Other(_) => None,
    }
}

fn tag(words: &mut Words) -> Result<Option<Tag>, Mistake> {
    Ok(Some(if words.take("vlan") {
        Tag::Vlan(words.value("a VLAN's number")?)
    } else if words.take("service-vlan") {
        Tag::Service(words.value("a VLAN's number")?)
    } else if words.take("mpls") {
        Tag::Mpls(words.value("a label")?)
    } else if words.take("pppoe") {
        Tag::Pppoe(words.value("a session's number")?)
    } else {
        return Ok(None);
    }))
}

/// `syn,ack`, or `none`.
fn flags(word: &str) -> Option<u8> {
    if word == "none" {
        return Some(0);
    }
    let flag = |name: &str| FLAGS.iter().find(|(known, _)| *known == name).map(|(_, bit)| *bit);
    word.split(',').try_fold(0, |flags, name| Some(flags | flag(name)?))
}

fn number(word: &str) -> Option<Number> {
    if word.starts_with(['+', '-']) {
        word.parse().ok().map(Number::Off)
    } else {
        word.parse().ok().map(Number::At)
    }
}

fn tcp_field(tcp: &mut Tcp, words: &mut Words) -> Result<bool, Mistake> {
    if words.take("win") {
        tcp.window = words.value("a window, 0 to 65535")?;
    } else if words.take("urgent") {
        tcp.urgent = words.value("an urgent pointer")?;
    } else if words.take("mss") {
        let size: u16 = words.value("a segment size")?;
        tcp.options.extend([2, 4]);
        tcp.options.extend(size.to_be_bytes());
    } else if words.take("wscale") {
        let shift: u8 = words.value("a window's shift")?;
        tcp.options.extend([1, 3, 3, shift]);
    } else if words.take("timestamp") {
        let value: u32 = words.value("a timestamp")?;
        let echo: u32 = words.value("the echoed timestamp")?;
        tcp.options.extend([1, 1, 8, 10]);
        tcp.options.extend(value.to_be_bytes());
        tcp.options.extend(echo.to_be_bytes());
    } else if words.take("option") {
        tcp.options.extend(words.hex()?);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// A chunk with the length that its type has at least (RFC 9260, section 3.3).
fn chunk(name: &str) -> Option<Vec<u8>> {
    let (kind, length) = match name {
        "data" => (0, 20),
        "init" => (1, 20),
        "init-ack" => (2, 20),
        "sack" => (3, 16),
        "heartbeat" => (4, 12),
        "heartbeat-ack" => (5, 12),
        "abort" => (6, 4),
        "shutdown" => (7, 8),
        "shutdown-ack" => (8, 4),
        "error" => (9, 4),
        "cookie-echo" => (10, 8),
        "cookie-ack" => (11, 4),
        "shutdown-complete" => (14, 4),
        _ => return None,
    };
    let mut bytes = vec![0; usize::from(length)];
    bytes[0] = kind;
    bytes[3] = length;
    Some(bytes)
}

fn fragment(words: &mut Words) -> Result<Fragment, Mistake> {
    let mut part = Fragment { identification: 1, offset: 0, size: usize::MAX / 2 };
    if words.take("id") {
        part.identification = words.value("an identification")?;
    }
    if words.take("offset") {
        part.offset = words.value("an offset in bytes")?;
    }
    if words.take("size") {
        part.size = words.value("a size in bytes")?;
    }
    Ok(part)
}

fn fault(faults: &mut Faults, words: &mut Words) -> Result<(), Mistake> {
    const FIELDS: &str = "a field of the packet (see the README), or `pass`, `drop REASON` or `held`";
    match words.word(FIELDS)?.as_str() {
        "bad-checksum" => faults.checksum = true,
        "no-checksum" => faults.no_checksum = true,
        "bad-ip-checksum" => faults.ip_checksum = true,
        "ip-length" => faults.ip_length = Some(words.value("a length")?),
        "ip-header" => faults.ip_header = Some(words.value("a length in words of four bytes")?),
        "ip-version" => faults.ip_version = Some(words.value("a version")?),
        "udp-length" => faults.udp_length = Some(words.value("a length")?),
        "tcp-header" => faults.tcp_header = Some(words.value("a length in words of four bytes")?),
        "cut" => faults.cut = Some(words.value("how many bytes the capture kept")?),
        "short" => faults.short = Some(words.value("how long the frame is")?),
        "padding" => faults.padding = words.value("a number of bytes")?,
        "hop-by-hop" => faults.hop_by_hop = true,
        other => {
            return Err(Mistake { line: words.line(), text: format!("expected {FIELDS}, found `{other}`") });
        }
    }
    Ok(())
}

fn icmp(words: &mut Words, is_v4: bool) -> Result<Body, Mistake> {
    const KINDS: &str =
        "`echo request`, `echo reply`, `unreachable WHAT`, `time-exceeded`, `too-big MTU` or `type N code N`";
    let (kind, code) = if words.take("echo") {
        let is_request = words.known("`request` or `reply`", |word| match word {
            "request" => Some(true),
            "reply" => Some(false),
            _ => None,
        })?;
        let kind = match (is_v4, is_request) {
            (true, true) => 8,
            (true, false) => 0,
            (false, true) => 128,
            (false, false) => 129,
        };
        (kind, 0)
    } else if words.take("unreachable") {
        let code = words.known("`net`, `host`, `port` or `prohibited`", |word| match (word, is_v4) {
            ("net", _) => Some(0),
            ("host", true) => Some(1),
            ("host", false) => Some(3),
            ("port", true) => Some(3),
            ("port", false) => Some(4),
            ("prohibited", true) => Some(13),
            ("prohibited", false) => Some(1),
            _ => None,
        })?;
        (if is_v4 { 3 } else { 1 }, code)
    } else if words.take("time-exceeded") {
        (if is_v4 { 11 } else { 3 }, 0)
    } else if words.take("too-big") {
        let mtu: u32 = words.value("a size")?;
        let (kind, code) = if is_v4 { (3, 4) } else { (2, 0) };
        return Ok(Body::Icmp(kind, code, mtu.to_be_bytes()));
    } else if words.take("type") {
        let kind = words.value("a type")?;
        if !words.take("code") {
            return Err(words.mistake("`code NUMBER`"));
        }
        (kind, words.value("a code")?)
    } else {
        return Err(words.mistake(KINDS));
    };
    let identifier: u16 = if words.take("id") { words.value("an identifier")? } else { 0 };
    let sequence: u16 = if words.take("seq") { words.value("a sequence number")? } else { 0 };
    let [a, b] = identifier.to_be_bytes();
    let [c, d] = sequence.to_be_bytes();
    Ok(Body::Icmp(kind, code, [a, b, c, d]))
}

/// What an error quotes: IPv4 header and eight bytes (RFC 792), or as much of an IPv6 packet as fits (RFC 4443).
fn quote(mut packet: Vec<u8>) -> Vec<u8> {
    let is_v4 = packet.first().is_some_and(|first| first >> 4 == 4);
    packet.truncate(if is_v4 { 28 } else { 1232 });
    packet
}

fn plain_fate(words: &mut Words) -> Result<Fate, Mistake> {
    const FATES: &str = "what must become of the packet: `pass`, `drop REASON` or `held`";
    Ok(match words.word(FATES)?.as_str() {
        "pass" => {
            let interface = if words.take("to") { Some(words.word("an interface's name")?) } else { None };
            Fate::Pass { interface, rewritten: None }
        }
        "drop" => {
            Fate::Drop(words.known("a drop reason, such as `tcp-out-of-window`", DropReason::from_name)?)
        }
        "held" => Fate::Held,
        other => {
            return Err(Mistake { line: words.line(), text: format!("expected {FATES}, found `{other}`") });
        }
    })
}

/// What a phrase of several packets ends with.
fn all_pass(words: &mut Words) -> Result<(), Mistake> {
    if !words.take("pass") {
        return Err(words.mistake("`pass`: all packets of a phrase pass; write others one by one"));
    }
    words.end("the end of the line")
}
